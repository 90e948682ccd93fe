"""Escapes and numbers."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.report import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("example.com", "example.com"),
        (b"ocsp.example", "ocsp.example"),
        ("", ""),
        ("a b", "a b"),
        ("Müller GmbH", "Müller GmbH"),
        ("株式会社", "株式会社"),
        ("a\\b", "a\\\\b"),
        ("\\x1b", "\\\\x1b"),  # not to be taken for an escaped ESC
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b31m", "\\x9b31m"),  # CSI as one character
        ("a\nb\r\t\x00\x7f", "a\\x0ab\\x0d\\x09\\x00\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),  # right-to-left override
        ("\u2066x\u2069", "\\u2066x\\u2069"),  # isolates
        ("\u200fx\u200b\ufeff", "\\u200fx\\u200b\\ufeff"),  # marks, zero width, BOM
        ("\u2028\u2029\u00a0\u3000", "\\u2028\\u2029\\xa0\\u3000"),
        ("e\u0301", "e\\u0301"),  # combining: would eat a cell
        ("\u05d0\u0627", "\\u05d0\\u0627"),  # letters that run right to left
        ("\U000e0041", "\\U000e0041"),  # tag characters
        ("\ud800", "\\ud800"),
        (b"\xff\xfe\x1b", "\\xff\\xfe\\x1b"),
        (b"m\xc3\xbc", "m\\xc3\\xbc"),
    ],
)
def test_shown(value: str | bytes, shown: str) -> None:
    assert text.shown(value) == shown


def test_shown_is_cut() -> None:
    assert text.shown("x" * 1000, 10) == "x" * 10 + "..."
    assert text.shown(b"\xff" * 1000, 2) == "\\xff\\xff..."


@given(st.one_of(st.text(), st.binary()))
def test_nothing_that_moves_the_cursor_is_shown(value: str | bytes) -> None:
    for char in text.shown(value):
        assert char == " " or unicodedata.category(char)[0] in "LNPS"
        assert unicodedata.bidirectional(char) not in {"R", "AL", "RLE", "RLO", "LRE", "LRO", "RLI", "LRI", "FSI"}


@pytest.mark.parametrize(
    ("number", "octets"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (88_240_113, "88.2 MB"),
        (2 << 30, "2.1 GB"),
        (10**12, "1.0 TB"),
        (10**16, "10,000.0 TB"),
    ],
)
def test_octets(number: int, octets: str) -> None:
    assert text.octets(number) == octets


@pytest.mark.parametrize(
    ("nanoseconds", "span"),
    [
        (0, "0 µs"),
        (17_000, "17 µs"),
        (260_000, "0.3 ms"),
        (21_400_000, "21 ms"),
        (999_600_000, "1 s"),
        (1_340_000_000, "1.3 s"),
        (119 * 10**9, "119 s"),
        (120 * 10**9, "2 min"),
        (90 * 60 * 10**9, "90 min"),
        (12 * 3600 * 10**9, "12 h"),
        (4 * 86400 * 10**9, "4 d"),
        (7 * 86400 * 10**9 - 10**9, "7 d"),
        (-(21_400_000), "-21 ms"),
        (4000 * 86400 * 10**9, "4,000 d"),
    ],
)
def test_span(nanoseconds: int, span: str) -> None:
    assert text.span(nanoseconds) == span


@pytest.mark.parametrize(
    ("seconds", "span"),
    [(0, "0 µs"), (59 * 60, "59 min"), (3600, "1 h 0 min"), (6102, "1 h 42 min"), (86400 * 3 + 7200, "3 d 2 h")],
)
def test_long_span(seconds: int, span: str) -> None:
    assert text.long_span(seconds * 10**9) == span


@pytest.mark.parametrize(
    ("first", "last", "period"),
    [
        (1_779_955_212, 1_779_961_314, "2026-05-28 08:00:12 to 09:41:54 UTC, 1 h 42 min"),
        (1_779_955_212, 1_780_041_612, "2026-05-28 08:00:12 to 2026-05-29 08:00:12 UTC, 24 h 0 min"),
        (0, 0, "1970-01-01 00:00:00 to 00:00:00 UTC, 0 µs"),
    ],
)
def test_period(first: int, last: int, period: str) -> None:
    assert text.period(first * 10**9, last * 10**9) == period


@pytest.mark.parametrize("seconds", [10**12, -(10**12), 1 << 60])
def test_moments_beyond_any_calendar(seconds: int) -> None:
    assert text.moment(seconds * 10**9) == f"{seconds} s"


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("CN=Example CA 1,O=Example,C=NL", "Example CA 1"),
        ("CN=R3,O=Let's Encrypt,C=US", "R3, Let's Encrypt"),
        ("CN=R3", "R3"),
        ("O=Example\\, Inc.,C=US", "Example, Inc."),
        ("CN=a\\,b\\+c,O=Example", "a,b+c"),
        ("OU=x+CN=Example CA 2", "Example CA 2"),
        ("C=NL", "C=NL"),
        ("", ""),
        ("CN", "CN"),
        ("CN=\\", ""),
    ],
)
def test_common_name(name: str, called: str) -> None:
    assert text.common_name(name) == called


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 clients"), (1, "1 client"), (2, "2 clients"), (12345, "12,345 clients")]
)
def test_plural(number: int, words: str) -> None:
    assert text.plural(number, "client") == words
