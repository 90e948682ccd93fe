"""Counting without limit on what is counted, and with one on memory. Compiled where a compiler is found (tally.pxd)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from operator import itemgetter
from typing import Any

_COUNT = itemgetter(1)


class Tally:
    """Counts by key, exact up to `2 * limit` keys; beyond it the rarest are added up in `other`.

    A key dropped there and seen again starts from zero, so its count is a lower bound: a key that makes up more than
    1/limit of the whole is never lost for long (the bound of Misra and Gries, 1982, for the same method).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.counts: dict[Any, int] = {}
        self.other = 0
        self.total = 0

    def add(self, key: Hashable, times: int = 1) -> None:
        counts = self.counts
        self.total += times
        known = counts.get(key)
        if known is not None:
            counts[key] = known + times
            return
        counts[key] = times
        if len(counts) > 2 * self._limit:
            self.counts = dict(self.top(self._limit))
            self.other = self.total - sum(self.counts.values())

    def merge(self, counts: Iterable[tuple[Any, int]], other: int) -> None:
        """What another tally of the same kind has counted; `other` is its `other`."""
        for key, times in counts:
            self.add(key, times)
        self.other += other
        self.total += other

    def top(self, number: int) -> list[tuple[Any, int]]:
        """The most frequent keys with their counts, the earlier seen first among equals."""
        return sorted(self.counts.items(), key=_COUNT, reverse=True)[:number]


class Sample:
    """The median of integers: exact up to `limit` of them, then of every second, every fourth, and so on."""

    def __init__(self, limit: int = 1024) -> None:
        self._limit = limit
        self._values: list[int] = []
        self._stride = 1
        self._until_next = 1

    def add(self, value: int) -> None:
        self._until_next -= 1
        if self._until_next:
            return
        self._values.append(value)
        if len(self._values) >= self._limit:
            self._values = self._values[::2]
            self._stride *= 2
        self._until_next = self._stride

    def state(self) -> tuple[list[int], int]:
        """What was kept, and every which of all it is: a power of two."""
        return self._values, self._stride

    def merge(self, values: list[int], stride: int) -> None:
        """Another sample's state, taken as often as what is here."""
        kept = self._values
        while self._stride < stride:
            kept = kept[::2]
            self._stride *= 2
        kept = kept + values[:: max(1, self._stride // stride)]
        while len(kept) >= self._limit:
            kept = kept[::2]
            self._stride *= 2
        self._values = kept
        self._until_next = self._stride

    def median(self) -> int | None:
        """The lower median, None of nothing."""
        if not self._values:
            return None
        return sorted(self._values)[(len(self._values) - 1) // 2]
