"""Of a rule's tree, tests of which one must be true for the rule to fire, and which seldom are.

That is what lets an index pass over a rule: no event can match it that passes none of these tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from sensor.rules.expression import (
    And,
    Atom,
    BoolTest,
    Comparison,
    ExistsTest,
    Expression,
    FieldTest,
    Not,
    NumberTest,
    Or,
    RegexTest,
    Test,
    TextTest,
)
from sensor.rules.fields import HEADER_FIELDS

Literal = Atom | Not
"""A test, or a test (`item`, an Atom) that must not be true."""
CanIndex = Callable[[Literal], bool]

# What most events say: a test for one of these spares little.
_ORDINARY: Final = """
    1.1 both conn exact get good http no_error ocsp post sf sha1 sha256withrsaencryption successful tcp
    application/ocsp-request application/ocsp-response microsoft-cryptoapi/ com.apple.trustd/
"""
_ORDINARY_TEXTS: Final = frozenset(_ORDINARY.split())
_ORDINARY_NUMBERS: Final = frozenset({0, 1, 80, 200})
_RARE_FIELDS: Final = frozenset({"ambiguous", "on_crl", "on_crl_newer", "on_crl_verified", "requestor_name"})
"""That few events have at all."""
_ALWAYS: Final = 1.0
_OFTEN: Final = 0.5
_SOMETIMES: Final = 0.2
_SELDOM: Final = 0.02
_UNUSUAL: Final = 0.3
_OF_HEADERS: Final = 0.15  # to look into each header field costs more than to look at one value


def requirement(expression: Expression, can_index: CanIndex) -> tuple[Literal, ...] | None:
    """The tests, None if no set of them that could be indexed is necessary."""
    found = _best(positive(expression), can_index)
    return found[1] if found is not None and found[0] < _ALWAYS else None


def guard(expression: Expression, first: tuple[Literal, ...], can_index: CanIndex) -> tuple[Literal, ...] | None:
    """Beside the `first` requirement a second one, of other fields: what passes the one seldom passes the other."""
    tree = positive(expression)
    if not isinstance(tree, And):
        return None
    taken = {_field_of(each) for each in first}
    options = []
    for item in _conjuncts(tree):
        option = _best(item, can_index)
        if option is not None and not taken & {_field_of(each) for each in option[1]}:
            options.append(option)
    found = min(options, key=lambda option: option[0], default=None)
    return found[1] if found is not None and found[0] <= _OFTEN else None


def _conjuncts(tree: And) -> Iterator[Expression]:
    for item in tree.items:
        if isinstance(item, And):
            yield from _conjuncts(item)
        else:
            yield item


def _field_of(literal: Literal) -> str | None:
    atom = literal.item if isinstance(literal, Not) else literal
    return atom.field.name if isinstance(atom, Atom) and atom.field is not None else None


def positive(expression: Expression, wanted: bool = True) -> Expression:
    """The same (or, if not `wanted`, its opposite) with `not` nowhere but before a test, ors in ors made flat."""
    if isinstance(expression, Not):
        return positive(expression.item, not wanted)
    if isinstance(expression, Atom):
        if wanted:
            return expression
        if isinstance(expression.test, ExistsTest):
            return Atom(expression.field, ExistsTest(not expression.test.wanted))
        return Not(expression)
    items = tuple(positive(item, wanted) for item in expression.items)
    if isinstance(expression, And) is wanted:
        return And(items)
    flat: list[Expression] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Or) else (item,))
    return Or(tuple(flat))


def _best(tree: Expression, can_index: CanIndex) -> tuple[float, tuple[Literal, ...]] | None:
    """How often one of the tests may be true (a guess), and the tests."""
    if isinstance(tree, Not) and (not isinstance(tree.item, Atom) or not _is_ordinary(tree.item)):
        return None  # nearly all events are other than something rare
    if isinstance(tree, Atom | Not):
        return (_share(tree), (tree,)) if can_index(tree) else None
    options = [_best(item, can_index) for item in tree.items]
    if isinstance(tree, And):
        return min((option for option in options if option is not None), key=lambda option: option[0], default=None)
    share = 0.0
    atoms: list[Literal] = []
    for option in options:
        if option is None:
            return None
        share += option[0]
        atoms.extend(option[1])
    return min(share, 0.99) if share else 0.0, tuple(dict.fromkeys(atoms))


def _is_ordinary(atom: Atom) -> bool:
    """Whether most events pass: what is no length, and no place in a sequence, is seldom 0 or 1."""
    test = atom.test
    if isinstance(test, NumberTest) and test.number in (0, 1):
        return False
    return _share(atom) >= _OFTEN


def _share(literal: Literal) -> float:
    if isinstance(literal, Not):  # of something ordinary
        return _UNUSUAL
    if isinstance(literal.test, ExistsTest) and literal.test.wanted:
        is_rare = literal.field is not None and literal.field.name in _RARE_FIELDS
        return _SELDOM if is_rare else _OFTEN
    share = _share_of(literal.test)
    of_headers = literal.field is not None and literal.field.name in HEADER_FIELDS
    return min(share + _OF_HEADERS, _OFTEN) if of_headers else share


def _share_of(test: Test) -> float:
    if isinstance(test, TextTest):
        literals = [part for part in test.pattern if isinstance(part, str)]
        if not literals:
            return _ALWAYS
        if len(test.pattern) == 1:
            return _OFTEN if literals[0].lower() in _ORDINARY_TEXTS else _SELDOM / 2
        longest = max(literals, key=len).lower()
        if any(longest in text for text in _ORDINARY_TEXTS):
            return _OFTEN
        return _SELDOM if len(longest) > 2 else _SOMETIMES
    if isinstance(test, NumberTest):
        if test.comparison is Comparison.eq:
            return _OFTEN if test.number in _ORDINARY_NUMBERS else _SELDOM
        return _SOMETIMES
    if isinstance(test, RegexTest):
        return _SOMETIMES / 2
    if isinstance(test, BoolTest):
        return _SOMETIMES if test.value else _UNUSUAL  # most are said of few events
    if isinstance(test, ExistsTest | FieldTest):
        return _OFTEN
    return _SOMETIMES
