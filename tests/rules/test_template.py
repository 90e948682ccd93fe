"""What a notice says."""

from __future__ import annotations

import pytest

from sensor.rules.template import MAX_LENGTH, TemplateError, parse_template


def test_filled() -> None:
    template = parse_template("{a} and {{{b}}} {c}, {d}", ["a", "b", "c", "d"])
    values = {"a": "x{b}", "b": 1, "c": ["p", "q"]}
    assert template.fill(values, 100) == "x{b} and {1} p, q, -"
    assert template.fill(values, 4) == "x{b}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{hots}", "no field hots, did you mean host?"),
        ("{", "a brace without its other"),
        ("a}", "a brace without its other"),
        ("a" * (MAX_LENGTH + 1), "more than"),
    ],
)
def test_mistakes(text: str, told: str) -> None:
    with pytest.raises(TemplateError, match=told):
        parse_template(text, ["host"])


def test_unknown_names_pass_where_nothing_is_known() -> None:
    assert parse_template("{x}", None).parts == ("", "x", "")
