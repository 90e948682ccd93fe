"""When the next request may be made: a rate with bursts, what the server asks for; a breaker for when it is down."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Final

from sensor.online.pacing import Stopped

_LONGEST_S: Final = 3600.0

Sleep = Callable[[float], bool]
"""Waits for so many seconds; True if it was called off."""


class Pace:
    """At most `per_minute` requests a minute, `burst` of them at once (a token bucket); any number of threads."""

    def __init__(
        self,
        per_minute: float,
        burst: int,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep | None = None,
    ) -> None:
        """`clock` counts seconds."""
        self._per_s = per_minute / 60
        self._burst = float(burst)
        self._clock = clock
        self._sleep = sleep or (stop or threading.Event()).wait
        self._lock = threading.Lock()
        self._tokens = self._burst
        self._at = clock()
        self._held_until = self._at
        self.requests = 0

    def wait(self) -> None:
        """Returns when a request may be made. Raises Stopped."""
        with self._lock:
            now = self._clock()
            start = max(now, self._held_until)
            if start > self._at:
                self._tokens = min(self._burst, self._tokens + (start - self._at) * self._per_s)
                self._at = start
            self._tokens -= 1
            at = start + max(0.0, -self._tokens / self._per_s)
            self.requests += 1
        if at > now and self._sleep(at - now):
            raise Stopped

    def hold(self, seconds: float) -> None:
        """No request for so long: the server asked for it, or has trouble."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)


class Breaker:
    """After `failures` failures in a row nothing is asked for `seconds`; if the next one fails, too, for twice as long,
    up to an hour. One thread uses it."""

    def __init__(
        self,
        failures: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._most = failures
        self._seconds = seconds
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._failures = 0
        self._times = 0
        self._until = clock()

    def open_for(self) -> float:
        """Seconds, 0 if it may be asked."""
        return max(0.0, self._until - self._clock())

    def worked(self) -> None:
        self._failures = self._times = 0

    def failed(self, asked_for_s: float = 0.0) -> None:
        """`asked_for_s`: for so long the server wants to be left alone, longer than it is waited for."""
        self._failures += 1
        wait = min(asked_for_s, _LONGEST_S)
        if self._failures >= self._most:
            spread = self._rng.uniform(1.0, 1.5)
            wait = max(wait, min(_LONGEST_S, spread * self._seconds * 2 ** min(self._times, 16)))
            self._times += 1
        self._until = max(self._until, self._clock() + wait)
