"""How fast one server is asked, and when again: a rate that refusals halve, Retry-After obeyed, jittered back-off."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from sensor.online.fetching import Fetcher, FetchError

T = TypeVar("T")

_FIRST_WAIT_S: Final = 1.0
_SLOWEST_PER_S: Final = 1 / 60
_RECOVERY: Final = 1.02  # of the rate, after each answer that was not a refusal: doubled after 35
_BUSY: Final = frozenset((429, 503))
_TRANSIENT: Final = frozenset((408, 425, 429, 500, 502, 503, 504))


class GivenUpError(Exception):
    """No usable answer after all tries, or the server says that there is none. `status` of the last answer, if any."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class UnreadableError(Exception):
    """An answer that is not of the form asked for: a page that says that the server is being mended, or one cut short.
    The text says how."""


class Stopped(Exception):  # noqa: N818 (nothing went wrong: whoever waits is called off)
    """Called off while waiting."""


class PacedFetcher:
    """GETs of one server, by any number of threads, at most `per_s` requests a second together.

    A busy answer (429, 503) holds all of them for as long as it asks, and halves the rate; others let it grow back.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        per_s: float,
        max_tries: int,
        max_wait_s: float,
        stop: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_wait_s` bounds our own back-off; a server may ask for more. `clock` counts seconds."""
        self._fetcher = fetcher
        self._full_rate = self._rate = max(per_s, _SLOWEST_PER_S)
        self._max_tries = max_tries
        self._max_wait_s = max_wait_s
        self._stop = stop or threading.Event()
        self._clock = clock
        self._lock = threading.Lock()
        self._next = clock()
        self.requests = 0
        self.refusals = 0
        """Answers that the server was too busy for."""

    @property
    def rate(self) -> float:
        """Requests a second, as of now."""
        return self._rate

    def get(self, url: str, accept: str = "*/*", max_bytes: int | None = None) -> bytes:
        """The body of a 200. Tries again what may pass. Raises GivenUpError and Stopped."""
        return self.ask(url, bytes, accept, max_bytes)

    def ask(self, url: str, decode: Callable[[bytes], T], accept: str = "*/*", max_bytes: int | None = None) -> T:
        """As `get`, decoded. What `decode` calls unreadable (UnreadableError) may pass, too; else it may raise what it
        wants."""
        for tries in range(1, self._max_tries + 1):
            self._wait_for_turn()
            status, asked, reason = None, None, ""
            try:
                answer = self._fetcher.get(url, accept, max_bytes)
            except FetchError as error:
                reason = str(error)
            else:
                if answer.status == 200:
                    self._recover()
                    try:
                        return decode(answer.body)
                    except UnreadableError as error:
                        reason = str(error)
                else:
                    reason = f"status {answer.status}"
                    if answer.status not in _TRANSIENT:
                        raise GivenUpError(reason, answer.status)
                status, asked = answer.status, answer.retry_after_s
            self._hold(answer_is_busy=status in _BUSY, asked=asked, tries=tries)
        raise GivenUpError(f"{reason}, {self._max_tries} times", status)

    def _wait_for_turn(self) -> None:
        with self._lock:
            now = self._clock()
            at = max(now, self._next)
            self._next = at + 1 / self._rate
            self.requests += 1
        if self._stop.wait(max(0.0, at - now)):
            raise Stopped

    def _recover(self) -> None:
        with self._lock:
            self._rate = min(self._full_rate, self._rate * _RECOVERY)

    def _hold(self, answer_is_busy: bool, asked: float | None, tries: int) -> None:
        """Nobody asks before the wait is over: what the server asks for, or a back-off with
        jitter (M. Brooker, "Exponential Backoff And Jitter", 2015: equal jitter)."""
        spread = random.uniform(0.5, 1.0)  # noqa: S311 (spreads load, keeps no secret)
        wait = spread * min(self._max_wait_s, _FIRST_WAIT_S * 2 ** (tries - 1))
        if asked:
            wait = asked + spread * _FIRST_WAIT_S
        with self._lock:
            if answer_is_busy:
                self.refusals += 1
                self._rate = max(self._rate / 2, _SLOWEST_PER_S)
            self._next = max(self._next, self._clock() + wait)
