"""Sigma's strings: its escaping, and matching that is no regular expression."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.pattern import Wild, compile_pattern, literal, open_ends, parse_pattern, plain_text

ANY, ONE = Wild.ANY, Wild.ONE


@pytest.mark.parametrize(
    ("text", "pattern"),
    [  # the cases of the specification's section on escaping
        ("", ()),
        ("prog?.exe", ("prog", ONE, ".exe")),
        (r"C:\Windows\cmd.exe", (r"C:\Windows\cmd.exe",)),
        (r"C:\\Windows", (r"C:\Windows",)),
        (r"a\*b\?", ("a*b?",)),
        (r"a\\*", ("a\\", ANY)),
        (r"a\\\*", (r"a\*",)),
        (r"a\\\\", (r"a\\",)),
        (r"a\\\b", (r"a\\b",)),
        ("end\\", ("end\\",)),
        ("**a??", (ANY, "a", ONE, ONE)),
    ],
)
def test_escaping(text: str, pattern: tuple[object, ...]) -> None:
    assert parse_pattern(text) == pattern


def test_escaping_is_pysigmas() -> None:
    sigma = pytest.importorskip("sigma.types", reason="needs pySigma (the extra convert)")
    names = {sigma.SpecialChars.WILDCARD_MULTI: ANY, sigma.SpecialChars.WILDCARD_SINGLE: ONE}

    @given(st.text(alphabet="a\\*?", max_size=8))
    def same(text: str) -> None:
        theirs: list[object] = []
        for part in (names.get(each, each) for each in sigma.SigmaString(text).s):
            if not (part is ANY and theirs and theirs[-1] is ANY):
                theirs.append(part)
        assert list(parse_pattern(text)) == theirs

    same()


def test_literals() -> None:
    assert literal("") == () and plain_text(literal("a*")) == "a*"
    assert open_ends(("*a",), True, False) == (ANY, "*a")
    assert open_ends((ANY, "a"), True, True) == (ANY, "a", ANY)


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="ab", max_size=10))
def test_matching_is_what_a_regular_expression_would_say(text: str, value: str) -> None:
    source = "".join(".*" if letter == "*" else "." if letter == "?" else letter for letter in text)
    assert compile_pattern(parse_pattern(text))(value) == (re.fullmatch(source, value, re.DOTALL) is not None)


def test_time_grows_with_the_text_only() -> None:
    matches = compile_pattern(parse_pattern("*a" * 30 + "*b"))
    start = time.perf_counter()
    assert not matches("a" * 50_000)
    assert time.perf_counter() - start < 1  # a backtracking matcher would take years


def test_newlines_are_characters() -> None:
    assert compile_pattern(parse_pattern("a?b*c"))("a\nb\n\nc")
