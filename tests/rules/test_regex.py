"""Regular expressions in linear time; what they lack is said."""

from __future__ import annotations

import time

import pytest

from sensor.rules.regex import RegexError, check_regex, compile_regex


def test_found_anywhere() -> None:
    assert compile_regex("b+c")("abbcd") and not compile_regex("^b")("ab")
    assert compile_regex("(?i)É")("é") and compile_regex("(?s)a.b")("a\nb") and compile_regex("(?m)^b$")("a\nb")


def test_time_grows_with_the_text_only() -> None:
    start = time.perf_counter()
    assert not compile_regex("(a*)*(a|aa)+$b")("a" * 50_000)
    assert time.perf_counter() - start < 2  # Python's re would not live to see it


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("(?=a)b", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "back-references"),
        ("(?P<x>a)(?P=x)", "back-references"),
        ("a++", "possessive"),
        ("(?>a)", "atomic groups"),
        ("(a", "no regular expression: missing ): (a"),
        ("a|(?i)b", "flags such as (?i) stand at the beginning"),
        ("a{2000}", "no regular expression: invalid repetition size"),
        ("\ud800", "Unicode"),
    ],
)
def test_refused_in_one_line(source: str, told: str) -> None:
    with pytest.raises(RegexError) as error:
        check_regex(source)
    assert told in str(error.value) and "\n" not in str(error.value)


def test_flags_at_the_beginning_or_around() -> None:
    for source in ("(?i)a", "(?i)(?s)a", "a(?i:b)", "(?is)a"):
        check_regex(source)
