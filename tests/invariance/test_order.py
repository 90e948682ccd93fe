"""Frames doubled, swapped and displaced: the same exchanges."""

from __future__ import annotations

import random

import pytest

from tests.flow.frames import Frame
from tests.invariance.replay import captures, frames_of, in_step, replay, whole


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("behind", [1, 2, 5])
def test_l5_every_frame_twice(name: str, behind: int) -> None:
    """The copy comes at once, or some frames later."""
    frames = frames_of(name)
    order = sorted([(i, 0) for i in range(len(frames))] + [(i + behind - 1, 1) for i in range(len(frames))])
    doubled = [frames[place if not copy else place - behind + 1] for place, copy in order]
    clocked = [frame._replace(ts=max(f.ts for f in doubled[: i + 1])) for i, frame in enumerate(doubled)]
    assert replay(clocked).told() == whole(name).told()


@pytest.mark.parametrize("name", captures())
def test_t1_each_frame_twice_in_turn(name: str) -> None:
    frames, full = list(frames_of(name)), whole(name)
    for i in range(len(frames)):
        assert replay([*frames[: i + 1], *frames[i:]]).told() == full.told(), i


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("clock", ["of the place", "of the frame"])
def test_t18_neighbours_swapped_in_turn(name: str, clock: str) -> None:
    """Whatever they are: SYN and SYN-ACK, an ACK and what it acknowledges, question and answer, FIN and data."""
    frames, full = list(frames_of(name)), whole(name)
    for i in range(len(frames) - 1):
        swapped = [*frames[:i], frames[i + 1], frames[i], *frames[i + 2 :]]
        if clock == "of the place":
            swapped = in_step(swapped, frames)
        assert replay(swapped).told() == full.told(), i


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_t18_all_frames_a_little_displaced(name: str, seed: int) -> None:
    """Every frame after the handshake up to two places from its own: a mirror port under load."""
    dice = random.Random(seed)
    frames = list(frames_of(name))
    keys = [i + (2 * dice.random() if i > 2 else 0) for i in range(len(frames))]
    moved: list[Frame] = [frames[i] for i in sorted(range(len(frames)), key=lambda i: keys[i])]
    assert replay(in_step(moved, frames)).told() == whole(name).told()
