"""Which modifiers there are, and which go together."""

from __future__ import annotations

import pytest

from sensor.rules.expression import Comparison, Not, Place, TimePart
from sensor.rules.modifiers import ModifierError, Modifiers, parse_modifiers


def test_what_they_mean() -> None:
    assert parse_modifiers([]) == Modifiers()
    found = parse_modifiers(["wide", "base64offset", "contains", "all"])
    assert (found.transformations, found.place, found.every) == (("wide", "base64offset"), Place.anywhere, True)
    assert parse_modifiers(["re", "i", "s"]).flags == "is"
    assert parse_modifiers(["hour", "gte"]).part is TimePart.hour
    assert parse_modifiers(["gte", "hour"]).comparison is Comparison.gte
    assert parse_modifiers(["fieldref", "endswith"]).place is Place.end
    assert isinstance(parse_modifiers(["neq"]).negated(Not), Not)  # type: ignore[arg-type]  # anything is negated


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["containts"], "no modifier containts, did you mean contains?"),
        (["contains", "endswith"], "expected one of startswith, endswith, contains, not contains and endswith"),
        (["contains", "base64"], "expected base64 before contains"),
        (["i"], "expected re before i"),
        (["re", "cidr"], "re and cidr do not go together"),
        (["re", "contains"], "contains is for text, not for re"),
        (["gt", "lt"], "expected one comparison, not gt and lt"),
        (["hour", "day"], "expected one part of a time, not hour and day"),
        (["expand"], "placeholders (expand) are not supported"),
        (["exists", "all"], "exists stands alone"),
        (["cidr", "cased"], "cased is for text, not for cidr"),
        (["re", "base64"], "base64 is for text, not for re"),
        (["all", "all"], "all stands there twice"),
        ([""], "no modifier "),
    ],
)
def test_mistakes(words: list[str], told: str) -> None:
    with pytest.raises(ModifierError) as error:
        parse_modifiers(words)
    assert told in str(error.value)
