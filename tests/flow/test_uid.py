"""sensor.flow.uid: names in Zeek's shape that are a function of what they name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.flow import uid
from sensor.flow.uid import file_uid, mix, render_uid, render_words

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
WORD = st.integers(0, 2**64 - 1)


def value_of(text: str) -> int:
    """Of a number in base 62, lowest digit first."""
    return sum(DIGITS.index(digit) * 62**place for place, digit in enumerate(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (9, "9"), (10, "A"), (61, "z"), (62, "01"), (3843, "zz"), (3844, "001"), (2**64 - 1, "FYHA61aHgyL")],
)
def test_words_are_in_base_62_lowest_digit_first(value: int, text: str) -> None:
    assert value_of(text) == value
    assert render_words("C", value, 0) == f"C{text}0"
    assert render_words("F", 0, value) == f"F0{text}"


@given(WORD, WORD)
def test_words_lose_nothing(high: int, low: int) -> None:
    text = render_words("C", high, low)
    splits = [(value_of(text[1:cut]), value_of(text[cut:])) for cut in range(2, len(text))]
    assert (high, low) in splits
    assert len(text) <= 23


@given(WORD, WORD, WORD)
def test_mix_tells_words_apart(state: int, one: int, other: int) -> None:
    assert 0 <= mix(state, one) < 2**64
    assert (mix(state, one) == mix(state, other)) == (one == other)


def test_mix_every_bit_counts() -> None:
    """Each bit of the word changes about half of the result."""
    for bit in range(64):
        changed = [(mix(state, 1 << bit) ^ mix(state, 0)).bit_count() for state in range(100)]
        assert 24 < sum(changed) / len(changed) < 40, bit


def test_render_uid_has_zeeks_shape() -> None:
    names = [render_uid("C", b"%d" % i) for i in range(500)]
    assert len(set(names)) == 500
    assert all(re.fullmatch(r"C[0-9A-Za-z]{14,18}", name) for name in names)
    assert render_uid("F", b"1")[1:] == names[1][1:]


def test_file_uid_depends_on_each_of_its_parts() -> None:
    parts = [
        ("CabC", True, 1, 0),
        ("CabD", True, 1, 0),
        ("CabC", False, 1, 0),
        ("CabC", True, 2, 0),
        ("CabC", True, 1, 1),
    ]
    names = [file_uid(*part) for part in parts]
    assert len(set(names)) == len(parts)
    assert names == [file_uid(*part) for part in parts]
    assert all(name.startswith("F") for name in names)


def test_names_are_the_same_in_every_process(repository: Path) -> None:
    """Whatever Python's hash seed."""
    code = "from sensor.flow.uid import *; print(render_uid('C', b'x'), file_uid('CabC', True, 1, 0), mix(1, 2))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            cwd=repository,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert told == {f"{render_uid('C', b'x')} {file_uid('CabC', True, 1, 0)} {mix(1, 2)}\n"}


def test_module_says_where_the_form_is_from() -> None:
    assert "src/UID.cc" in (uid.__doc__ or "")
