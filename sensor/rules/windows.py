"""What one group of a correlation remembers: times and values within the timespan, in packet time.

A window that slides ends with the newest event of its group; an event older than that window comes too late and is not
counted. A window that does not slide begins with its first event, and speaks when it is over. Compiled where a compiler
is found (windows.pxd).
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, Final

from sensor.rules.rule import Bound, CorrelationKind, CorrelationRule

_VALUE_COUNT: Final = CorrelationKind.value_count  # the commonest: an enum's attribute costs more than the rest here
_MAX_TIMES: Final = 256  # of one rule in one group of temporal_ordered: the newest


class Window:
    """One group's memory. `size`: how many events it holds; `late`: how many came too late; `dropped`: how
    many went before their time, or were not taken, for want of room."""

    def __init__(self) -> None:
        self.size = 0
        self.late = 0
        self.dropped = 0

    def add(self, ts: int, place: int, value: Any) -> float | None:  # noqa: ARG002  (each kind has its own)
        """An event of the rule at `place`; what was counted, if that is a finding: then all is forgotten."""
        return None


def make_window(rule: CorrelationRule, max_events: int, least: float | None = None) -> Window:
    """A window that slides, of the kind that the rule wants; times in nanoseconds. `least`: that of the rule's bounds,
    for who makes many."""
    span = rule.span_us * 1000
    kind = rule.kind
    if least is None:
        least = least_of(rule.bounds)
    if kind is _VALUE_COUNT:
        return _Distinct(span, rule.bounds, least, max_events)
    if kind is CorrelationKind.temporal:
        return _Together(span, len(rule.rules), rule.bounds, least)
    if kind is CorrelationKind.temporal_ordered:
        return _Ordered(span, len(rule.rules))
    return _Counted(span, rule.bounds, max_events, summed=kind is CorrelationKind.value_sum)


def slides(rule: CorrelationRule) -> bool:
    """Whether a finding can be told at once: what is counted only grows, and only too little can be wrong with it."""
    if rule.kind in (CorrelationKind.temporal, CorrelationKind.temporal_ordered):
        return all(bound.op in ("gt", "gte") for bound in rule.bounds)
    grows = (CorrelationKind.event_count, CorrelationKind.value_count, CorrelationKind.value_sum)
    return rule.kind in grows and all(bound.op in ("gt", "gte") for bound in rule.bounds)


def within(value: float, bounds: Iterable[Bound]) -> bool:
    """Whether all of `bounds` hold."""
    for bound in bounds:  # noqa: SIM110  (a generator costs as much as a comparison)
        if not _HOLDS[bound.op](value, bound.number):
            return False
    return True


def least_of(bounds: Iterable[Bound]) -> float:
    """Of what is smaller `within` need not be asked."""
    return max([bound.number for bound in bounds if bound.op in ("gt", "gte")], default=-math.inf)


_HOLDS: Final = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}


class _Counted(Window):
    """Events, or the sum of their values."""

    def __init__(self, span: int, bounds: tuple[Bound, ...], max_events: int, summed: bool) -> None:
        Window.__init__(self)  # compiled, super() is not there
        self._span = span
        self._bounds = bounds
        self._max = max_events
        self._summed = summed
        self._heap: list[tuple[int, float]] = []
        self._newest = -1
        self._sum = 0.0

    def add(self, ts: int, place: int, value: Any) -> float | None:  # noqa: ARG002  (others need the place)
        if ts < self._newest - self._span:
            self.late += 1
            return None
        number = 1 if not self._summed else value if isinstance(value, int | float) else 0
        self._newest = max(self._newest, ts)
        heap = self._heap
        heappush(heap, (ts, number))
        self._sum += number
        while heap[0][0] < self._newest - self._span:
            self._sum -= heappop(heap)[1]
        if len(heap) > self._max:
            self._sum -= heappop(heap)[1]
            self.dropped += 1
        self.size = len(heap)
        counted = self._sum
        if not within(counted, self._bounds):
            return None
        heap.clear()
        self._sum = 0.0
        self.size = 0
        return counted


class _Distinct(Window):
    """Different values."""

    def __init__(self, span: int, bounds: tuple[Bound, ...], least: float, max_events: int) -> None:
        Window.__init__(self)
        self._span = span
        self._bounds = bounds
        self._least = least
        self._max = max_events
        self._heap: list[tuple[int, str]] = []
        self._last: dict[str, int] = {}
        self._newest = -1

    def add(self, ts: int, place: int, value: Any) -> float | None:  # noqa: ARG002  (others need the place)
        if ts < self._newest - self._span:
            self.late += 1
            return None
        self._newest = max(self._newest, ts)
        heap, last = self._heap, self._last
        if type(value) is str and not heap:  # as nearly always: a group's first
            last[value] = ts
            heap.append((ts, value))
        else:
            for text in value if isinstance(value, list) else [value]:
                key = str(text)
                if last.get(key, -1) < ts:
                    last[key] = ts
                    heappush(heap, (ts, key))
        begin = self._newest - self._span
        while heap:
            first = heap[0]
            if first[0] >= begin and len(heap) <= self._max:
                break
            then, key = heappop(heap)
            if last.get(key) == then:
                del last[key]
                if then >= begin:
                    self.dropped += 1
        self.size = len(heap)
        counted = len(last)
        if counted < self._least or not within(counted, self._bounds):
            return None
        heap.clear()
        last.clear()
        self.size = 0
        return float(counted)


class _Together(Window):
    """Whether all rules, or as many as the condition says, were there, in any order."""

    def __init__(self, span: int, rules: int, bounds: tuple[Bound, ...], least: float) -> None:
        Window.__init__(self)
        self._span = span
        self._bounds = bounds or (Bound("gte", rules),)
        self._least = least if bounds else rules
        self._last: dict[int, int] = {}

    def add(self, ts: int, place: int, value: Any) -> float | None:  # noqa: ARG002  (others need the value)
        last = self._last
        before = last.get(place, -1)
        if ts >= before:
            last[place] = ts
            if len(last) == 1 and self._least > 1:  # as nearly always: the other rules wait for something rare
                self.size = 1
                return None
        newest = max(last.values())
        begin = newest - self._span
        if ts < begin:
            self.late += 1
        if min(last.values()) < begin:
            for each in [each for each, then in last.items() if then < begin]:
                del last[each]
        self.size = len(last)
        counted = len(last)
        if not within(counted, self._bounds):
            return None
        last.clear()
        self.size = 0
        return float(counted)


class _Ordered(Window):
    """Whether all rules were there in their order, by the events' own times."""

    def __init__(self, span: int, rules: int) -> None:
        Window.__init__(self)
        self._span = span
        self._times: list[list[int]] = [[] for _ in range(rules)]

    def add(self, ts: int, place: int, value: Any) -> float | None:  # noqa: ARG002  (others need the value)
        times = self._times
        insort(times[place], ts)
        if len(times[place]) > _MAX_TIMES:
            del times[place][0]
        newest = max([each[-1] for each in times if each])
        for each in times:
            del each[: bisect_left(each, newest - 2 * self._span)]
        self.size = sum([len(each) for each in times])
        first = last = ts
        for each in reversed(times[:place]):  # as late as can be
            found = bisect_right(each, first)
            if not found:
                return None
            first = each[found - 1]
        for each in times[place + 1 :]:  # as early as can be
            found = bisect_left(each, last)
            if found == len(each):
                return None
            last = each[found]
        if last - first > self._span:
            return None
        for each in times:
            each.clear()
        self.size = 0
        return float(len(times))


class Tumbling:
    """A window that speaks when it is over. `start` is its first event's time; `dropped` values it had no room for."""

    def __init__(self, rule: CorrelationRule, start: int, max_events: int) -> None:
        self._rule = rule
        self._max = max_events
        self.start = start
        self.size = 0
        self.dropped = 0
        self._count = 0
        self._values: list[float] = []
        self._distinct: set[str] = set()
        self._places: set[int] = set()

    def add(self, place: int, value: Any) -> None:
        """Counts one event of the rule at `place`."""
        kind = self._rule.kind
        self._count += 1
        self._places.add(place)
        if kind is CorrelationKind.value_count:
            for each in value if isinstance(value, list) else [value]:
                if len(self._distinct) < self._max:
                    self._distinct.add(str(each))
                elif str(each) not in self._distinct:
                    self.dropped += 1
        elif isinstance(value, int | float):
            if len(self._values) < self._max:
                self._values.append(float(value))
            else:
                self.dropped += 1
        self.size = len(self._values) + len(self._distinct) + 1

    def counted(self) -> float | None:
        """What the condition is about; None if no event had a value."""
        kind = self._rule.kind
        if kind is CorrelationKind.event_count:
            return float(self._count)
        if kind is CorrelationKind.value_count:
            return float(len(self._distinct))
        if kind is CorrelationKind.temporal:
            return float(len(self._places))
        if not self._values:
            return None
        if kind is CorrelationKind.value_sum:
            return math.fsum(self._values)
        if kind is CorrelationKind.value_avg:
            return math.fsum(self._values) / len(self._values)
        share = self._rule.percentile if kind is CorrelationKind.value_percentile else 50.0
        return percentile(self._values, share)


def percentile(values: list[float], share: float) -> float:
    """Of at least one value; between two of them linearly (R's type 7, as most query languages)."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
