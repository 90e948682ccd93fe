"""sensor.ct.sources.exported: lines of any length, in any pieces (round trips: tests/ct/test_exporting.py)."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.ct.exporting import HEADING
from sensor.ct.sources import Item, Refusal
from sensor.ct.sources.exported import read_exported


def read(octets: bytes, limit: int = 1000) -> list[Item]:
    return list(read_exported(io.BytesIO(octets), limit, 250))


def test_a_line_that_is_too_long_is_refused_and_the_next_is_read() -> None:
    for size in (1001, 1 << 20, (1 << 20) + 1, 3 << 20):
        found = read(HEADING + b"\n" + b"x" * size + b"\n{\n")
        assert [each.place for each in found] == ["line 2", "line 3"]


@pytest.mark.parametrize("rest", [b"", b"\n", b"\n\n\n"])
def test_nothing(rest: bytes) -> None:
    assert read(HEADING + rest) == []


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_noise_is_refused(lines: list[bytes]) -> None:
    assert all(isinstance(each, Refusal) for each in read(HEADING + b"\n" + b"\n".join(lines)))
