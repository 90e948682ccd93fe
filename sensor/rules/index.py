"""Which rules an event may match, told from a few of its raw values: the others need not be evaluated.

A rule stands under tests of which one must be true (`sensor.rules.requirement`). Of each field, equality is a look-up,
literals are one pass of an automaton, and what a value that recurs leads to is remembered. To be wrong in one direction
is allowed: a rule that is named may yet not match; one that is not named cannot. Compiled where a compiler is found
(index.pxd).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sensor.http.transaction import Header
from sensor.kept import Kept
from sensor.logs.encode import log_text
from sensor.rules.expression import Atom, BoolTest, ExistsTest, Not, NumberTest, RegexTest, TextTest
from sensor.rules.fields import HEADER_FIELDS
from sensor.rules.literals import ANYWHERE, AT_END, AT_START, Literals
from sensor.rules.matching import compile_test
from sensor.rules.pattern import Wild
from sensor.rules.probes import PROBED, Shape, shown
from sensor.rules.regex import RegexError, compile_regex
from sensor.rules.requirement import Literal

Rules = tuple[int, ...]
"""Numbers of rules, ascending."""

_NONE: Final[Rules] = ()
_MAX_REMEMBERED: Final = 4096  # values of one field
_MAX_REMEMBERED_BYTES: Final = 256  # of one such value, or of one header field


def can_index(service: str, literal: Literal) -> bool:
    """Whether a test, or its opposite, can stand in an index over the events of `service`."""
    if isinstance(literal, Not):
        inner = literal.item
        if not isinstance(inner, Atom) or inner.field is None or inner.field.name in HEADER_FIELDS:
            return False
        return isinstance(inner.test, TextTest | NumberTest) and can_index(service, inner)
    field, test = literal.field, literal.test
    if field is None:
        return False
    if service == "http" and field.name in HEADER_FIELDS:
        return isinstance(test, TextTest | RegexTest)
    probed = PROBED.get(service, {}).get(field.name)
    if probed is None:
        return False
    return isinstance(test, TextTest | RegexTest | BoolTest | ExistsTest) or (
        isinstance(test, NumberTest) and test.part is None
    )


def can_guard(service: str, literal: Literal) -> bool:
    """Whether a probe alone can tell of a test, or its opposite."""
    atom = literal.item if isinstance(literal, Not) else literal
    of_headers = isinstance(atom, Atom) and atom.field is not None and atom.field.name in HEADER_FIELDS
    return not of_headers and can_index(service, literal)


def merge(one: Rules, other: Rules) -> Rules:
    if not one or one is other:
        return other
    if not other:
        return one
    return tuple(sorted({*one, *other}))


class FieldIndex:
    """The rules under tests of one field. `code` is the field's number in `sensor.rules.probes`; `absent` are the rules
    that an event without the field may match. A test may be a `Not`: then it must not be true.

    `limit`: a value of more octets is cut in the log, so that of it nothing can be told here: all rules are named.
    """

    def __init__(self, code: int, shape: Shape, tests: Sequence[tuple[Any, int]], limit: int) -> None:
        self.code = code
        self._shape = shape
        self._is_number = shape in (Shape.number, Shape.bool)
        self._is_member = shape is Shape.member
        self._is_octets = shape is Shape.octets
        self._is_text = shape is Shape.text
        self._is_plain = shape is Shape.plain
        self._limit = limit
        self._all: Rules = tuple(sorted({number for _, number in tests}))
        self._there = _numbers(tests, lambda test: isinstance(test, ExistsTest) and test.wanted)
        unless = _numbers(tests, lambda test: isinstance(test, Not))
        self.absent = merge(unless, _numbers(tests, lambda test: isinstance(test, ExistsTest) and not test.wanted))
        self._of_any = merge(self._there, unless)  # lists: a test is true of one if it is of an element
        self._equal: dict[str, list[int]] = {}
        self._numbers: dict[float, list[int]] = {}
        self._tested: list[tuple[Callable[[Any], bool], int]] = []
        literals: list[tuple[bytes, int, int]] = []
        regexes: list[tuple[RegexTest, int]] = []
        for test, number in tests:
            if isinstance(test, Not):
                self._tested.append((_opposite(compile_test(test.item.test)), number))  # type: ignore[union-attr]  # can_index has seen to it
            elif isinstance(test, TextTest):
                self._add_text(test, number, literals)
            elif isinstance(test, NumberTest) and test.comparison.value == "eq":
                self._numbers.setdefault(test.number, []).append(number)
            elif isinstance(test, RegexTest):
                regexes.append((test, number))
            elif not isinstance(test, ExistsTest):
                self._tested.append((compile_test(test), number))
        self._literals = Literals(literals) if literals else None
        self._regexes = [(compile_regex(test.source), number) for test, number in regexes]
        self._any_regex = _any_of([test.source for test, _ in regexes])
        # A number strictly between the first two passes no comparison; one that is not between the others equals none.
        self._below, self._above = _bounds([test for test, _ in tests if isinstance(test, NumberTest)])
        self._least = min(self._numbers, default=float("inf"))
        self._most = max(self._numbers, default=float("-inf"))
        self._only_numbers = all(isinstance(test, NumberTest) for test, _ in tests)
        self._known: dict[Any, Rules] = {}
        self._records: Kept | None = None  # tuples and members of enums; 32 KiB that few fields need
        self._last: Any = None
        self._of_last: Rules = ()

    def _add_text(self, test: TextTest, number: int, literals: list[tuple[bytes, int, int]]) -> None:
        pattern = tuple(part.lower() if isinstance(part, str) else part for part in test.pattern)
        if not any(isinstance(part, Wild) for part in pattern):
            self._equal.setdefault("".join(part for part in pattern if isinstance(part, str)), []).append(number)
            return
        texts = [part for part in pattern if isinstance(part, str)]
        if not texts or self._shape in (Shape.number, Shape.bool):
            self._tested.append((compile_test(test), number))
            return
        longest = max(texts, key=len)
        place = ANYWHERE
        if pattern == (longest, Wild.ANY):
            place = AT_START
        elif pattern == (Wild.ANY, longest):
            place = AT_END
        literals.append((longest.encode(errors="surrogatepass"), place, number))

    def candidates(self, raw: Any) -> Rules:
        """The rules that may match an event of which this is the field's raw value, which is not None."""
        if raw is self._last:  # most fields say the same again and again
            return self._of_last
        if self._is_member or type(raw) is tuple:
            found = self._of_record(raw)
        elif self._is_number and self._only_numbers and self._passes_none(raw):
            found = _NONE
        else:
            found = self._of_value(raw)
        self._last = raw
        self._of_last = found
        return found

    def _of_value(self, raw: Any) -> Rules:
        known = self._known.get(raw)
        return known if known is not None else self._learn(raw)

    def _passes_none(self, number: float) -> bool:
        """Of a field with tests for numbers alone: whether this one passes none of them. In C `number` is a double, and
        so is what it is compared with: rounding keeps an order, so that what is strictly in order is so exactly."""
        return self._below < number < self._above and (number < self._least or number > self._most)

    def _of_record(self, raw: Any) -> Rules:
        if self._records is None:
            self._records = Kept()
        kept: Rules | None = self._records.get(raw)
        if kept is None:
            kept = self._learn_record(raw)
            self._records.put(raw, kept)
        return kept

    def _learn_record(self, raw: Any) -> Rules:
        if type(raw) is tuple:
            found = self._of_any
            for each in raw:
                rules = self._of_value(each._value_ if self._is_member else each)
                if rules:
                    found = merge(found, rules)
            return found
        return self._of_value(raw._value_)

    def _learn(self, raw: Any) -> Rules:
        if self._is_number:
            found = self._of_number(raw)
        elif len(raw) > self._limit:
            return self._all
        else:
            if self._is_octets:
                found = self.of_text(log_text(raw))
            elif self._is_plain or self._is_member or (self._is_text and raw.isascii() and raw.isprintable()):
                found = self.of_text(raw)
            else:
                text = shown(raw, self._shape)
                found = self._all if text is None else self.of_text(text)
            if len(raw) > _MAX_REMEMBERED_BYTES:
                return found
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        self._known[raw] = found
        return found

    def _of_number(self, raw: Any) -> Rules:
        found = [*self._there, *self._numbers.get(raw, ())]
        text = ("true" if raw else "false") if self._shape is Shape.bool else str(raw)
        found += self._equal.get(text, ())
        found += [number for test, number in self._tested if test(raw)]
        found += [number for test, number in self._regexes if test(text)]
        return tuple(sorted(set(found)))

    def of_text(self, text: str) -> Rules:
        """The rules that may match an event of which the field's text is this one."""
        low = text.lower()
        found: list[int] | None = None
        if self._literals is not None:
            octets = low.encode() if low.isascii() else low.encode(errors="surrogatepass")
            found = self._literals.find(octets)
        equal = self._equal.get(low)
        if equal is not None:
            found = equal if not found else found + equal
        if self._tested:
            found = (found or []) + [number for test, number in self._tested if test(text)]
        if self._any_regex is not None and self._any_regex(text):
            found = (found or []) + [number for test, number in self._regexes if test(text)]
        if not found:
            return self._there
        return tuple(sorted({*found, *self._there}))


def _numbers(tests: Sequence[tuple[Any, int]], wanted: Callable[[Any], bool]) -> Rules:
    return tuple(sorted({number for test, number in tests if wanted(test)}))


def _opposite(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: not test(value)


def _bounds(tests: list[NumberTest]) -> tuple[float, float]:
    """What a number must be at most to pass one of these comparisons by being small, and at least by being large."""
    below = [test.number for test in tests if test.comparison.value in ("lt", "lte")]
    above = [test.number for test in tests if test.comparison.value in ("gt", "gte")]
    return max(below, default=float("-inf")), min(above, default=float("inf"))


def _any_of(sources: list[str]) -> Callable[[str], bool] | None:
    """One expression for whether any of several is found, so that most texts are read once."""
    if not sources:
        return None
    try:
        return compile_regex("|".join(f"(?:{source})" for source in sources))
    except RegexError:  # together they are too large
        return lambda _: True


class HeaderIndex:
    """The rules under tests of what one side's header fields say. A field that recurs is the same record."""

    def __init__(self, names: FieldIndex | None, lines: FieldIndex | None) -> None:
        self._names = names
        self._lines = lines
        self._known = Kept()

    def candidates(self, headers: tuple[Header, ...]) -> Rules:
        """The rules that may match an event with these."""
        found = _NONE
        known = self._known
        for header in headers:
            rules = known.get(header)
            if rules is None:
                rules = self._learn(header)
            if rules:
                found = merge(found, rules)
        return found

    def _learn(self, header: Header) -> Rules:
        from sensor.rules.events import header_line, header_name

        found = _NONE
        if self._names is not None:
            found = self._names.of_text(header_name(header))
        if self._lines is not None:
            found = merge(found, self._lines.of_text(header_line(header)))
        if len(header.name) + len(header.value) <= _MAX_REMEMBERED_BYTES:
            self._known.put(header, found)
        return found


class ServiceIndex:
    """All rules of one service. `always`: those that nothing stands for; `fields`: where to look for the others."""

    def __init__(
        self,
        service: str,
        required: Sequence[tuple[Literal, ...] | None],
        guards: Sequence[tuple[Literal, ...] | None],
        limit: int,
    ) -> None:
        """`required`: of each rule, by its number, the tests of which one must be true; `guards`: others, likewise,
        that are looked at once the first are met."""
        self.always: Rules = tuple(number for number, atoms in enumerate(required) if atoms is None)
        tests = _by_field(enumerate(required))
        limit = 1 << 30 if service == "http" else limit
        probed = PROBED.get(service, {})
        self.fields = [
            FieldIndex(*probed[name], found, limit) for name, found in tests.items() if name not in HEADER_FIELDS
        ]
        self.guards: list[tuple[FieldIndex, ...] | None] = [
            None
            if atoms is None
            else tuple(FieldIndex(*probed[name], found, limit) for name, found in _by_field([(number, atoms)]).items())
            for number, atoms in enumerate(guards)
        ]
        headers = {
            name: FieldIndex(0, Shape.octets, found, limit) for name, found in tests.items() if name in HEADER_FIELDS
        }
        self.client = _headers(headers, "client")
        self.server = _headers(headers, "server")


def _by_field(required: Iterable[tuple[int, tuple[Literal, ...] | None]]) -> dict[str, list[tuple[Any, int]]]:
    """By the field's name, its tests and whose they are."""
    tests: dict[str, list[tuple[Any, int]]] = {}
    for number, atoms in required:
        for literal in atoms or ():
            atom = literal.item if isinstance(literal, Not) else literal
            assert isinstance(atom, Atom) and atom.field is not None  # noqa: S101  (can_index has seen to it)
            test = literal if isinstance(literal, Not) else atom.test
            tests.setdefault(atom.field.name, []).append((test, number))
    return tests


def _headers(fields: dict[str, FieldIndex], side: str) -> HeaderIndex | None:
    names, lines = fields.get(f"{side}_header_names"), fields.get(f"{side}_headers")
    return HeaderIndex(names, lines) if names is not None or lines is not None else None
