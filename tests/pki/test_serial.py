"""sensor.pki.serial: Zeek's spelling, and every spelling a person pastes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki.serial import SerialError, parse_serial, render_serial


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", "00"),
        (b"\0", "00"),
        (b"\x01", "01"),
        (b"\0\x80", "80"),
        (b"\0\0\x0a\xbc", "0ABC"),
        (b"\xff", "-01"),
        (b"\x80", "-80"),
        (b"\xff\x7f", "-81"),
    ],
)
def test_the_spelling_is_zeeks(octets: bytes, text: str) -> None:
    assert render_serial(octets) == text


@pytest.mark.parametrize(
    "text",
    [
        "04EFBAC2A1",
        "4efbac2a1",
        "0004EFBAC2A1",
        "0x04efbac2a1",
        "0X4EFBAC2A1",
        "04:EF:BA:C2:A1",
        "04 ef ba c2 a1",
        "04-ef-ba-c2-a1",
        " 04EFBAC2A1\n",
        "00:04:EF:BA:C2:A1",
    ],
)
def test_every_spelling_is_the_same_number(text: str) -> None:
    assert parse_serial(text) == "04EFBAC2A1"


def test_decimal_only_when_asked() -> None:
    assert parse_serial("256", decimal=True) == "0100"
    assert parse_serial("256") == "0256"
    assert parse_serial("0", decimal=True) == parse_serial("000") == "00"
    assert parse_serial("-5") == "-05"
    assert parse_serial("-0") == "00"


@pytest.mark.parametrize(
    "text", ["", " ", "0x", "xyz", "04EFG", "\uff11\uff12", "1_0", "+5", "'; --", "a" * 1025, "\0", "0x0x1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SerialError):
        parse_serial(text)


@pytest.mark.parametrize("text", ["12a", "0x12", "\u0665", "1" * 5000])
def test_decimal_takes_ascii_digits_only(text: str) -> None:
    with pytest.raises(SerialError):
        parse_serial(text, decimal=True)


@given(st.binary(max_size=64))
def test_what_is_rendered_can_be_parsed(octets: bytes) -> None:
    text = render_serial(octets)
    assert parse_serial(text) == parse_serial(text.lower()) == text
    assert parse_serial(str(int.from_bytes(octets, "big", signed=True)), decimal=True) == text
