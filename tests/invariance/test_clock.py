"""Whatever the capture's clock says: the same exchanges."""

from __future__ import annotations

import pytest

from tests.flow.frames import START, S
from tests.invariance.replay import captures, frames_of, replay, whole

YEARS = 10 * 365 * 86_400 * S
CLOCKS = {
    "stands still": lambda _, __: START,
    "zero": lambda _, __: 0,
    "negative": lambda _, ts: ts - 4 * START,
    "runs back": lambda i, _: START - i * 1000,
    "runs back by minutes": lambda i, _: START - i * 60 * S,
    "back by an hour at every other frame": lambda i, ts: ts - (i % 2) * 3600 * S,
    "the year 2107": lambda _, ts: ts + 2 * START,
    "a thousand times faster": lambda _, ts: START + (ts - START) // 1000,
}


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("clock", CLOCKS)
def test_cf8_any_clock(name: str, clock: str) -> None:
    frames = [frame._replace(ts=CLOCKS[clock](i, frame.ts)) for i, frame in enumerate(frames_of(name))]
    assert replay(frames).told() == whole(name).told()


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("leap", [-3600 * S, 120 * S, YEARS, -YEARS])
def test_cf8_the_clock_is_set_at_each_frame(name: str, leap: int) -> None:
    """Two minutes are no time in which a connection is given up; an hour, or years, are no time that passed."""
    frames, full = frames_of(name), whole(name)
    for i in range(1, len(frames)):
        moved = [frame._replace(ts=frame.ts + leap) if at >= i else frame for at, frame in enumerate(frames)]
        assert replay(moved).told() == full.told(), i
