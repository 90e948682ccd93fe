"""sensor.logs.encode: text as Zeek escapes it, times and intervals as Zeek prints them."""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.logs.encode import (
    EPOCH,
    ISO8601,
    MILLIS,
    cut_text,
    encode_micros,
    encode_str,
    encode_text,
    encode_time,
)
from tests.logs.observations import hostile_bytes, hostile_text

NO_LIMIT = 1 << 40
SHOWN = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
"""Format characters that do show: marks above or below numbers in Arabic, Syriac and Kaithi."""


def decoded(raw: bytes) -> str:
    return str(json.loads(f'"{encode_text(raw)}"'))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        # src/util.cc, json_escape_utf8: what its own checks say
        (b"string", "string"),
        (b"string\n", "string\n"),
        (b"string\x82", "string\\x82"),
        (b"\x07\xd4\xb7o", "\\x07\\xd4\\xb7o"),
        (b"\xc3\xb1", "\xf1"),
        (b"\xc3\x28", "\\xc3("),
        (b"\xe2\x28\xa1", "\\xe2(\\xa1"),
        (b"\xed\xa0\xa1", "\\xed\\xa0\\xa1"),
        (b"\xf4\x80\x8c", "\\xf4\\x80\\x8c"),
        (b"\xf0\x90\x8c\xbc", "\U0001033c"),
        (b"\xee\x8b\xa0", "\\xee\\x8b\\xa0"),  # private use
        (b"\xc3\xb1\xc0\x81", "\\xc3\\xb1\\xc0\\x81"),  # one bad byte: the whole string
        # what Zeek 8.2.2 wrote for captures of the corpus
        (b"/printable_\xf0\x9f\x98\x84", "/printable_\U0001f604"),
        (b"/non_printable_\x07", "/non_printable_\\x07"),
        (b"/non_printable_literal_\\x07", "/non_printable_literal_\\x07"),
        (b"\tf", "\tf"),
        (b"\xc4S\r\xde\x06$", "\\xc4S\r\\xde\\x06$"),
        # ours: what plays tricks on a screen
        (b"a\xe2\x80\xaeb", "a\\xe2\\x80\\xaeb"),  # right-to-left override
        (b"\xe2\x80\xa8", "\\xe2\\x80\\xa8"),  # line separator
        (b"\xef\xbb\xbf", "\\xef\\xbb\\xbf"),  # byte order mark
        (b"\xc2\x9b", "\\xc2\\x9b"),  # C1
        (b"\x7f", "\\x7f"),
        (b"\x1b[31m", "\\x1b[31m"),
        (b'"\\/', '"\\/'),
        (b"\0", "\\x00"),
        (b"", ""),
    ],
)
def test_text(raw: bytes, text: str) -> None:
    assert decoded(raw) == text


def assert_harmless(encoded: str) -> None:
    """Nothing that ends a line or does anything but show."""
    wrong = [ch for ch in encoded if unicodedata.category(ch) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and ch not in SHOWN]
    assert not wrong


def test_every_character() -> None:
    """Of all there are, only the harmless ones are let through, and all ordinary ones are."""
    for ch in map(chr, range(0x80, 0x110000)):
        encoded = encode_str(ch, NO_LIMIT)
        category = unicodedata.category(ch)
        if category[0] in "LMNPS" and not 0xFFF0 <= ord(ch) <= 0xFFFF:
            assert encoded == ch
        elif encoded == ch:
            assert_harmless(encoded)


@given(hostile_bytes)
def test_any_bytes_become_one_harmless_string(raw: bytes) -> None:
    encoded = encode_text(raw)
    assert_harmless(encoded)
    text = decoded(raw)
    if re.fullmatch(rb"[ -~]*", raw):
        assert text == raw.decode()


@given(hostile_text, st.integers(0, 12))
def test_any_text_at_any_limit(text: str, limit: int) -> None:
    encoded = encode_str(text, limit)
    assert_harmless(encoded)
    cut = str(json.loads(f'"{encoded}"'))
    whole = str(json.loads(f'"{encode_str(text, NO_LIMIT)}"'))
    assert len(cut) <= 4 * limit
    if text.isascii() and text.isprintable():
        assert cut == text[:limit]
        assert whole == text


def test_surrogates_are_the_bytes_they_hide() -> None:
    assert encode_str(b"a\xffb".decode(errors="surrogateescape"), NO_LIMIT) == "a\\\\xffb"
    assert encode_str("\ud800", NO_LIMIT) == "\\\\xed\\\\xa0\\\\x80"


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=20), st.integers(0, 40))
def test_cut_keeps_characters_whole(text: str, limit: int) -> None:
    raw = text.encode()
    cut = cut_text(raw, limit)
    assert raw.startswith(cut) and len(cut) <= limit
    assert len(cut) > limit - 4 or cut == raw
    cut.decode()


@given(st.binary(max_size=20), st.integers(0, 24))
def test_cut_of_anything(raw: bytes, limit: int) -> None:
    cut = cut_text(raw, limit)
    assert raw.startswith(cut)
    assert limit - 4 < len(cut) <= limit or cut == raw


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0.0"),
        (4, "0.000004"),
        (10, "0.00001"),
        (139_278, "0.139278"),
        (3_600_000_000, "3600.0"),
        (1_612_510_490_000_000, "1612510490.0"),
        (1_451_761_681_276_690, "1451761681.27669"),
        (-1, "-0.000001"),
        (-1_500_000, "-1.5"),
    ],
)
def test_micros(us: int, text: str) -> None:
    assert encode_micros(us) == text
    assert encode_time(us, EPOCH) == text


@pytest.mark.needs("shared/corpus/zeek")
def test_times_are_spelled_as_zeek_spells_them(shared: Path) -> None:
    seen = 0
    for log in (shared / "corpus" / "zeek").rglob("*.log"):
        for text in re.findall(r'"(?:ts|thisUpdate|nextUpdate)":([0-9.]+)', log.read_text()):
            if len(text.partition(".")[2]) <= 6:  # a few show the noise of a double
                seen += 1
                assert encode_micros(round(float(text) * 1e6)) == text
    assert seen > 10_000


@given(st.datetimes(timezones=st.just(UTC)))
def test_iso8601(moment: datetime) -> None:
    us = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert encode_time(us, ISO8601) == f'"{moment.strftime("%Y").zfill(4)}{moment.strftime("-%m-%dT%H:%M:%S.%fZ")}"'
    assert encode_time(us, MILLIS) == str(us // 1000)
    assert float(encode_time(us, EPOCH)) == pytest.approx(us / 1e6, abs=1e-4)
