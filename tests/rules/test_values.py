"""What a value means, by the type of its field; see test_detection.py for the language."""

from __future__ import annotations

import pytest

from sensor.rules.document import Text
from sensor.rules.expression import Atom, BoolTest, Comparison, NumberTest, Or, TextTest
from sensor.rules.fields import Field, Kind
from sensor.rules.modifiers import ModifierError, parse_modifiers
from sensor.rules.pattern import Wild
from sensor.rules.values import parse_value

NUMBER, TEXT, BOOL = Field("n", Kind.number), Field("t", Kind.text), Field("b", Kind.bool)


def test_the_fields_type_decides() -> None:
    plain = parse_modifiers([])
    assert parse_value(NUMBER, plain, Text(1, "5", 5), "http", False) == Atom(NUMBER, NumberTest(Comparison.eq, 5))
    assert parse_value(NUMBER, plain, Text(1, "5", "5"), "http", False) == Atom(NUMBER, NumberTest(Comparison.eq, 5))
    assert parse_value(TEXT, plain, Text(1, "5", 5), "http", False) == Atom(TEXT, TextTest(("5",)))
    assert parse_value(BOOL, plain, Text(1, "True", True), "http", False) == Atom(BOOL, BoolTest(True))
    assert parse_value(NUMBER, plain, Text(1, "5*", "5*"), "http", False) == Atom(NUMBER, TextTest(("5", Wild.ANY)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value: float) -> None:
    with pytest.raises(ModifierError):
        parse_value(NUMBER, parse_modifiers(["gt"]), Text(1, ".inf", value), "http", False)


def test_a_value_may_become_several() -> None:
    found = parse_value(TEXT, parse_modifiers(["base64offset", "contains"]), Text(1, "foo", "foo"), "http", False)
    assert isinstance(found, Or) and len(found.items) == 3


def test_without_cased_the_pattern_is_lower_case() -> None:
    found = parse_value(TEXT, parse_modifiers(["contains"]), Text(1, "FooÉ", "FooÉ"), "http", False)
    assert found == Atom(TEXT, TextTest((Wild.ANY, "fooé", Wild.ANY)))
