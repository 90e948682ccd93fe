"""Of a rule's tree, tests of which one must be true for the rule to fire, and which seldom are.

That is what lets an index pass over a rule: no event can match it that passes none of these tests.
"""

from __future__ import annotations

from collections.abc import Callable
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
    TextTest,
)

Literal = Atom | Not
"""A test, or a test (`item`, an Atom) that must not be true."""
CanIndex = Callable[[Literal], bool]

# What most events say: a test for one of these spares little.
_ORDINARY: Final = """
    1.1 both conn exact get good http no_error ocsp post sf sha1 sha256withrsaencryption successful tcp
    application/ocsp-request application/ocsp-response
"""
_ORDINARY_TEXTS: Final = frozenset(_ORDINARY.split())
_ORDINARY_NUMBERS: Final = frozenset({0, 1, 80, 200})
_ALWAYS: Final = 1.0
_OFTEN: Final = 0.5
_SOMETIMES: Final = 0.2
_SELDOM: Final = 0.02


def requirement(expression: Expression, can_index: CanIndex) -> tuple[Literal, ...] | None:
    """The tests, None if no set of them that could be indexed is necessary."""
    found = _best(positive(expression), can_index)
    return found[1] if found is not None and found[0] < _ALWAYS else None


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
    if isinstance(tree, Not) and (not isinstance(tree.item, Atom) or _share(tree.item) < _OFTEN):
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


def _share(literal: Literal) -> float:
    if isinstance(literal, Not):  # of something ordinary
        return _OFTEN / 2
    test = literal.test
    if isinstance(test, TextTest):
        literals = [part for part in test.pattern if isinstance(part, str)]
        if not literals:
            return _ALWAYS
        if len(test.pattern) == 1:
            return _OFTEN if literals[0].lower() in _ORDINARY_TEXTS else _SELDOM / 2
        return _SELDOM if max(map(len, literals)) > 2 else _SOMETIMES
    if isinstance(test, NumberTest):
        if test.comparison is Comparison.eq:
            return _OFTEN if test.number in _ORDINARY_NUMBERS else _SELDOM
        return _SOMETIMES
    if isinstance(test, RegexTest):
        return _SOMETIMES / 2
    if isinstance(test, ExistsTest):
        return _SOMETIMES if test.wanted else _SOMETIMES * 0.75  # looked for, as a rule, where something went wrong
    if isinstance(test, BoolTest | FieldTest):
        return _OFTEN
    return _SOMETIMES
