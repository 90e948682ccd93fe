"""sensor.crtsh.pace: a rate with bursts, Retry-After, and a breaker, with a clock of our own."""

from __future__ import annotations

import random
import threading

import pytest

from sensor.crtsh.pace import Breaker, Pace
from sensor.online.pacing import Stopped


class Clock:
    """Time passes where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.off = False

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        self.now += seconds
        return self.off


def times(pace: Pace, clock: Clock, count: int) -> list[float]:
    at = []
    for _ in range(count):
        pace.wait()
        at.append(round(clock.now - 1000, 6))
    return at


def test_a_burst_and_then_the_rate() -> None:
    clock = Clock()
    pace = Pace(60, 5, clock=clock, sleep=clock.sleep)
    assert times(pace, clock, 8) == [0, 0, 0, 0, 0, 1, 2, 3]
    assert pace.requests == 8


def test_no_minute_has_more_than_the_rate_and_one_burst() -> None:
    clock = Clock()
    pace = Pace(60, 5, clock=clock, sleep=clock.sleep)
    at = []
    for step in range(400):
        pace.wait()
        at.append(clock.now)
        clock.now += (0.0, 0.0, 0.3, 7.0)[step % 4]
    for start in at:
        assert sum(start <= each < start + 60 for each in at) <= 60 + 5


def test_a_pause_saves_up_one_burst_at_most() -> None:
    clock = Clock()
    pace = Pace(60, 3, clock=clock, sleep=clock.sleep)
    times(pace, clock, 3)
    clock.now += 500
    start = clock.now
    for _ in range(5):
        pace.wait()
    assert clock.now - start == 2


def test_a_server_that_wants_to_be_left_alone_is() -> None:
    clock = Clock()
    pace = Pace(6000, 5, clock=clock, sleep=clock.sleep)
    pace.wait()
    pace.hold(30)
    pace.hold(10)
    pace.wait()
    assert clock.now == 1030


def test_waiting_is_called_off() -> None:
    clock = Clock()
    pace = Pace(1, 1, clock=clock, sleep=clock.sleep)
    pace.wait()
    clock.off = True
    with pytest.raises(Stopped):
        pace.wait()
    stop = threading.Event()
    pace = Pace(1, 1, stop)
    pace.wait()
    stop.set()
    with pytest.raises(Stopped):
        pace.wait()


def test_failures_in_a_row_open_the_breaker_for_ever_longer() -> None:
    clock = Clock()
    breaker = Breaker(3, 100, clock, random.Random(1))
    for _ in range(2):
        breaker.failed()
    assert breaker.open_for() == 0
    breaker.worked()
    for _ in range(3):
        assert breaker.open_for() == 0
        breaker.failed()
    first = breaker.open_for()
    assert 100 <= first <= 150
    clock.now += first
    assert breaker.open_for() == 0
    breaker.failed()
    assert 200 <= breaker.open_for() <= 300
    for _ in range(50):
        breaker.failed()
    assert 3599 <= breaker.open_for() <= 3600
    clock.now += 3600
    breaker.worked()
    breaker.failed()
    assert breaker.open_for() == 0


def test_who_asks_for_hours_gets_one() -> None:
    clock = Clock()
    breaker = Breaker(3, 100, clock, random.Random(1))
    breaker.failed(700)
    assert breaker.open_for() == 700
    breaker.failed(1e9)
    assert breaker.open_for() == 3600
