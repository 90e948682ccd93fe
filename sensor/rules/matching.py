"""Trees of tests into what says whether one event matches: what a rule says, exactly.

`sensor.rules.index` spares most events this. An event is what maps a field's name to its value as the log has it.
Compiled where a compiler is found (matching.pxd).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final, Protocol

from sensor.rules.expression import (
    And,
    Atom,
    BoolTest,
    CidrTest,
    Comparison,
    ExistsTest,
    Expression,
    FieldTest,
    Not,
    NumberTest,
    Or,
    Place,
    RegexTest,
    Test,
    TextTest,
    TimePart,
)
from sensor.rules.fields import Field
from sensor.rules.pattern import compile_pattern, simple_pattern
from sensor.rules.regex import compile_regex


class Event(Protocol):
    """One line of a log."""

    def get(self, name: str) -> Any:
        """The field's value (text, number, bool, or a list of such), None if it is left out."""
        ...

    def texts(self) -> list[str]:
        """All values as text, for keywords."""
        ...


_OfValue = Callable[[Any], bool]


class Matcher:
    """Says whether an event matches."""

    def test(self, event: Event) -> bool:  # noqa: ARG002  (each kind of tree has its own)
        return False

    def __call__(self, event: Event) -> bool:
        return self.test(event)


class _All(Matcher):
    def __init__(self, items: tuple[Matcher, ...]) -> None:
        self._items = items

    def test(self, event: Event) -> bool:
        for item in self._items:  # noqa: SIM110  (a generator costs as much as a test)
            if not item.test(event):
                return False
        return True


class _Any(Matcher):
    def __init__(self, items: tuple[Matcher, ...]) -> None:
        self._items = items

    def test(self, event: Event) -> bool:
        for item in self._items:  # noqa: SIM110  (likewise)
            if item.test(event):
                return True
        return False


class _Not(Matcher):
    def __init__(self, item: Matcher) -> None:
        self._item = item

    def test(self, event: Event) -> bool:
        return not self._item.test(event)


class _Exists(Matcher):
    def __init__(self, name: str, wanted: bool) -> None:
        self._name = name
        self._wanted = wanted

    def test(self, event: Event) -> bool:
        return (event.get(self._name) is not None) is self._wanted


class _Says(Matcher):
    """Whatever a function says."""

    def __init__(self, says: Callable[[Event], bool]) -> None:
        self._says = says

    def test(self, event: Event) -> bool:
        return self._says(event)


class _Field(Matcher):
    """Whether a field's value, or one of a list, passes one of several tests: its text is made, and lowered, once."""

    def __init__(self, name: str, tests: Sequence[Test]) -> None:
        self._name = name
        self._equal: set[str] = set()
        self._parts: list[tuple[str, bool, bool]] = []
        self._numbers: set[int | float] = set()
        self._others: list[_OfValue] = []
        for test in tests:
            self._add(test)
        self._lowers = bool(self._equal or self._parts)

    def _add(self, test: Test) -> None:
        if isinstance(test, NumberTest) and test.comparison is Comparison.eq and test.part is None:
            self._numbers.add(test.number)
            return
        simple = simple_pattern(test.pattern) if isinstance(test, TextTest) and not test.cased else None
        if simple is None:
            self._others.append(compile_test(test))
            return
        text, start, end = simple
        if start or end:
            self._parts.append((text.lower(), start, end))
        else:
            self._equal.add(text.lower())

    def test(self, event: Event) -> bool:
        value = event.get(self._name)
        if value is None:
            return False
        if type(value) is not list:
            return self._passes(value)
        for each in value:  # noqa: SIM110  (likewise)
            if self._passes(each):
                return True
        return False

    def _passes(self, value: Any) -> bool:
        if self._lowers:
            text = value if type(value) is str else text_of(value)
            low = text.lower()
            if low in self._equal:
                return True
            for part, start, end in self._parts:
                if (part in low) if start and end else low.endswith(part) if start else low.startswith(part):
                    return True
        if self._numbers and isinstance(value, int | float) and value in self._numbers:
            return True
        for each in self._others:  # noqa: SIM110  (likewise)
            if each(value):
                return True
        return False


def compile_expression(expression: Expression) -> Matcher:
    """What says whether an event matches."""
    if isinstance(expression, Atom):
        return _compile_atom(expression)
    if isinstance(expression, Not):
        return _Not(compile_expression(expression.item))
    if isinstance(expression, And):
        return _All(tuple(compile_expression(item) for item in expression.items))
    assert isinstance(expression, Or)  # noqa: S101  (there is no fourth kind)
    return _compile_or(expression)


def _compile_or(expression: Or) -> Matcher:
    """Tests of one field are one matcher."""
    by_field: dict[str, list[Test]] = {}
    found: list[Matcher] = []
    for item in expression.items:
        if isinstance(item, Atom) and item.field is not None and not isinstance(item.test, ExistsTest | FieldTest):
            by_field.setdefault(item.field.name, []).append(item.test)
        else:
            found.append(compile_expression(item))
    fields: list[Matcher] = [_Field(name, tests) for name, tests in by_field.items()]
    items = (*fields, *found)
    return items[0] if len(items) == 1 else _Any(items)


def text_of(value: Any) -> str:
    """A single value as the log's JSON has it, without quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def compile_test(test: Test) -> _OfValue:
    """A function that says whether one value matches, for tests that look at nothing else."""
    if isinstance(test, TextTest):
        matches = compile_pattern(test.pattern)
        if test.cased:
            return lambda value: matches(text_of(value))
        return lambda value: matches(text_of(value).lower())
    if isinstance(test, RegexTest):
        found = compile_regex(test.source)
        return lambda value: found(text_of(value))
    if isinstance(test, NumberTest):
        return _compile_number(test)
    if isinstance(test, BoolTest):
        wanted = test.value
        return lambda value: value is wanted
    assert isinstance(test, CidrTest)  # noqa: S101  (the others need the event)
    return _compile_cidr(test)


def _compile_atom(atom: Atom) -> Matcher:
    field, test = atom.field, atom.test
    if field is None:
        matches = compile_test(test)
        return _Says(lambda event: any(matches(text) for text in event.texts()))
    if isinstance(test, ExistsTest):
        return _Exists(field.name, test.wanted)
    if isinstance(test, FieldTest):
        return _Says(_compile_field_test(field, test))
    return _Field(field.name, (test,))


_PARTS: Final[dict[TimePart, Callable[[datetime], int]]] = {
    TimePart.minute: lambda moment: moment.minute,
    TimePart.hour: lambda moment: moment.hour,
    TimePart.day: lambda moment: moment.day,
    TimePart.week: lambda moment: moment.isocalendar().week,
    TimePart.month: lambda moment: moment.month,
    TimePart.year: lambda moment: moment.year,
}
_COMPARE: Final[dict[Comparison, Callable[[Any, Any], bool]]] = {
    Comparison.eq: lambda one, other: bool(one == other),
    Comparison.gt: lambda one, other: bool(one > other),
    Comparison.gte: lambda one, other: bool(one >= other),
    Comparison.lt: lambda one, other: bool(one < other),
    Comparison.lte: lambda one, other: bool(one <= other),
}


def _compile_number(test: NumberTest) -> _OfValue:
    compare, number = _COMPARE[test.comparison], test.number
    if test.part is None:
        return lambda value: isinstance(value, int | float) and compare(value, number)
    part = _PARTS[test.part]

    def matches(value: Any) -> bool:
        if not isinstance(value, int | float):
            return False
        try:
            moment = datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):  # a year that Python has no date for
            return False
        return compare(part(moment), number)

    return matches


def _compile_cidr(test: CidrTest) -> _OfValue:
    network = test.network

    def matches(value: Any) -> bool:
        if not isinstance(value, str) or len(value) > 64:
            return False
        try:
            return ip_address(value) in network
        except ValueError:
            return False

    return matches


_PLACED: Final[dict[Place, Callable[[str, str], bool]]] = {
    Place.whole: lambda one, other: one == other,
    Place.start: lambda one, other: one.startswith(other),
    Place.end: lambda one, other: one.endswith(other),
    Place.anywhere: lambda one, other: other in one,
}


def _compile_field_test(field: Field, test: FieldTest) -> Callable[[Event], bool]:
    """Any value of the one and any of the other; both must be there."""
    name, other, placed, cased = field.name, test.other.name, _PLACED[test.place], test.cased

    def texts(event: Event, which: str) -> list[str]:
        value = event.get(which)
        if value is None:
            return []
        found = [text_of(each) for each in value] if isinstance(value, list) else [text_of(value)]
        return found if cased else [text.lower() for text in found]

    def match(event: Event) -> bool:
        others = texts(event, other)
        return any(placed(one, two) for one in texts(event, name) for two in others)

    return match
