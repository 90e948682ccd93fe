"""Conditions: precedence, quantifiers, and what is said of a bad one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.condition import MAX_DEPTH, ConditionError, parse_condition
from sensor.rules.expression import And, Atom, ExistsTest, Expression, Not, Or
from sensor.rules.fields import Field, Kind

NAMED = {name: Atom(Field(name, Kind.text), ExistsTest(True)) for name in ("a", "b1", "b2", "_c", "filter_x")}


def spelled(tree: Expression) -> str:
    if isinstance(tree, Atom):
        assert tree.field is not None
        return tree.field.name
    if isinstance(tree, Not):
        return f"!{spelled(tree.item)}"
    return f"({(' & ' if isinstance(tree, And) else ' | ').join(map(spelled, tree.items))})"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", "a"),
        ("a or b1 and not b2", "(a | (b1 & !b2))"),
        ("(a or b1) and b2", "((a | b1) & b2)"),
        ("not not a", "!!a"),
        ("NOT a AND b1", "(!a & b1)"),
        ("1 of b*", "(b1 | b2)"),
        ("any of b*", "(b1 | b2)"),
        ("all of b* and a", "((b1 & b2) & a)"),
        ("1 of them", "(a | b1 | b2 | filter_x)"),
        ("a and not 1 of filter_*", "(a & !filter_x)"),
        ("1 of *", "(a | b1 | b2 | filter_x)"),
        ("all of _*", "_c"),
        ("1 of a", "a"),
        ("_c", "_c"),
    ],
)
def test_trees(text: str, tree: str) -> None:
    assert spelled(parse_condition(text, NAMED)[0]) == tree


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected a search identifier at the end"),
        ("a and", "expected a search identifier at the end"),
        ("a b1", "expected and, or, or the end, not b1"),
        ("(a", "expected a closing parenthesis, not the end"),
        ("a)", "expected and, or, or the end, not )"),
        ("b", "no search identifier b, did you mean b2?"),
        ("of", "expected a search identifier, not of"),
        ("1 of", "expected them, or a pattern of search identifiers, behind of"),
        ("1 of c*", "no search identifier matches c*"),
        ("1 of b?", "expected no wildcard but * in b?"),
        ("a | count() by x > 5", "withdrawn from Sigma"),
        ("(" * (MAX_DEPTH + 2) + "a", f"nested deeper than {MAX_DEPTH}"),
        ("not " * 1000 + "a", f"nested deeper than {MAX_DEPTH}"),
        ("a or " * 1000 + "a", "of more than"),
    ],
)
def test_mistakes(text: str, told: str) -> None:
    with pytest.raises(ConditionError) as error:
        parse_condition(text, NAMED)
    assert told in str(error.value)


def test_what_is_used_is_told() -> None:
    assert parse_condition("a and 1 of b*", NAMED)[1] == {"a", "b1", "b2"}


@given(st.lists(st.sampled_from(["a", "b1", "and", "or", "not", "(", ")", "1", "of", "all", "them", "b*", "|"])))
def test_nothing_else_is_raised(words: list[str]) -> None:
    try:
        tree, _ = parse_condition(" ".join(words), NAMED)
    except ConditionError:
        return
    assert isinstance(tree, Atom | And | Or | Not)
