"""sensor.flow.seq: distances on the circle of sequence numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.flow.seq import seq_delta

WORD = st.integers(0, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("a", "b", "delta"),
    [
        (0, 0, 0),
        (1, 0, 1),
        (0, 1, -1),
        (0, 0xFFFFFFFF, 1),
        (0xFFFFFFFF, 0, -1),
        (5, 0xFFFFFFF0, 21),
        (0x7FFFFFFF, 0, 0x7FFFFFFF),
        (0x80000000, 0, -0x80000000),
        (0x80000001, 0, -0x7FFFFFFF),
        (0, 0x80000000, -0x80000000),
    ],
)
def test_distances(a: int, b: int, delta: int) -> None:
    assert seq_delta(a, b) == delta


@given(WORD, st.integers(-0x80000000, 0x7FFFFFFF))
def test_t2_a_step_is_measured_wherever_it_starts(start: int, step: int) -> None:
    assert seq_delta((start + step) & 0xFFFFFFFF, start) == step


@given(WORD, WORD)
def test_there_and_back(a: int, b: int) -> None:
    there, back = seq_delta(a, b), seq_delta(b, a)
    assert there == -back or there == back == -0x80000000
