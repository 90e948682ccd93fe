"""In which order, and how much later, things are asked about, so that questions do not mirror traffic in time.

What comes is collected; a random while after the first of it all of it is shuffled and makes one round, and what comes
meanwhile is collected for the next. Whoever reads the questions knows of each only that it came up in the span before
its round. That somebody asks at all, how often, and how much in a round, is not hidden: no dummies are asked.
"""

from __future__ import annotations

import random
from typing import Generic, TypeVar

T = TypeVar("T")


class Rounds(Generic[T]):
    """`min_s` to `max_s` pass between the first thing of a round and the round, and at least `min_s` for each thing."""

    def __init__(self, min_s: float, max_s: float, rng: random.Random | None = None) -> None:
        self._min_s = min_s
        self._max_s = max(min_s, max_s)
        self._rng = rng or random.SystemRandom()  # not to be guessed from what was seen
        self._collected: list[tuple[T, float]] = []
        self._round: list[T] = []
        self._due: float | None = None
        self._hurry = False

    def __len__(self) -> int:
        return len(self._collected) + len(self._round)

    def add(self, item: T, now: float) -> None:
        """`now` in seconds, of any clock that does not run backwards."""
        self._collected.append((item, now))
        if self._due is None:
            self._due = now + self._rng.uniform(self._min_s, self._max_s)

    def hurry(self) -> None:
        """No delays from now on: nothing is left to be mirrored. The order is still random."""
        self._hurry = True

    def next(self, now: float) -> T | None:
        """The next thing to be asked about, if there is one at this time."""
        if not self._round and self._due is not None and (self._hurry or now >= self._due):
            self._begin(now)
        return self._round.pop() if self._round else None

    def due_in(self, now: float) -> float | None:
        """Seconds until `next` will have something, None if nothing is there."""
        if self._round:
            return 0.0
        if self._due is None:
            return None
        return 0.0 if self._hurry else max(0.0, self._due - now)

    def take_all(self) -> list[T]:
        """Everything there is, which is then not asked about."""
        everything = [*self._round, *(item for item, _ in self._collected)]
        self._round, self._collected, self._due = [], [], None
        return everything

    def _begin(self, now: float) -> None:
        ripe = [item for item, since in self._collected if self._hurry or now - since >= self._min_s]
        rest = [(item, since) for item, since in self._collected if not self._hurry and now - since < self._min_s]
        self._rng.shuffle(ripe)
        self._round = ripe
        self._collected = rest
        self._due = now + self._rng.uniform(self._min_s, self._max_s) if rest else None
