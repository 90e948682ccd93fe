"""Trees into closures; the language itself is in test_detection.py."""

from __future__ import annotations

from sensor.rules.expression import And, Atom, ExistsTest, Not, NumberTest, Or, TextTest, TimePart
from sensor.rules.expression import Comparison as Is
from sensor.rules.fields import Field, Kind
from sensor.rules.matching import compile_expression, text_of
from tests.rules.writing import Line

A, B = Field("a", Kind.text), Field("b", Kind.time)


def test_joined() -> None:
    has_a, is_x = Atom(A, ExistsTest(True)), Atom(A, TextTest(("x",)))
    matches = compile_expression(And((has_a, Not(is_x), Or((is_x, has_a)))))
    assert matches(Line(a="y")) and not matches(Line(a="x")) and not matches(Line())


def test_texts_of_values() -> None:
    assert [text_of(each) for each in ("x", 1, 1.5, True)] == ["x", "1", "1.5", "true"]


def test_numbers_that_are_no_time() -> None:
    year = compile_expression(Atom(B, NumberTest(Is.gt, 1, TimePart.year)))
    assert year(Line(b=0.0)) and not year(Line(b=1e300)) and not year(Line(b="x"))
    week = compile_expression(Atom(B, NumberTest(Is.eq, 53, TimePart.week)))
    assert week(Line(b=1609459200.0))  # 2021-01-01 is in week 53 of 2020


def test_keywords_look_at_all_texts() -> None:
    found = compile_expression(Atom(None, TextTest(("200",))))
    assert found(Line(a=["x", "200"])) and found(Line(a=200)) and not found(Line(a="2000"))
