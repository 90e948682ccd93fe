"""sensor.service.deadline: stages that wait one after the other wait no longer together than they may."""

from __future__ import annotations

import time

from sensor.service.deadline import LEAST_S, Deadline


def test_what_one_stage_took_the_next_does_not_have() -> None:
    deadline = Deadline(0.5)
    assert (deadline.left(), deadline.left(0.2), deadline.left(9)) == (0.5, 0.2, 0.5)
    time.sleep(0.1)
    assert deadline.left() == 0.5  # not begun yet
    began = time.monotonic()
    deadline.begin()
    for _ in range(4):
        time.sleep(deadline.left(0.2))
        deadline.begin()  # a second signal
    assert 0.5 <= time.monotonic() - began < 0.8
    assert deadline.left() == LEAST_S
