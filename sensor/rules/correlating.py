"""Correlations at work: which groups are open, and what is found in them, in packet time and bounded memory.

Compiled where a compiler is found (correlating.pxd).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from sensor.rules.events import LoggedEvent
from sensor.rules.rule import CorrelationRule, RuleSet
from sensor.rules.windows import Tumbling, Window, least_of, make_window, slides, within
from sensor.settings import RuleSettings

_MAX_KEY = 256  # characters of one value that groups


class Finding(msgspec.Struct, frozen=True):
    """`event` completed it, or was the last in its window; `group`: the values of group-by."""

    event: LoggedEvent
    group: dict[str, Any]
    count: float


class _Open(msgspec.Struct):
    """A window that is not over, and its last event, without what it was seen in."""

    window: Tumbling
    group: dict[str, Any]
    event: LoggedEvent


class Correlator:
    """One correlation rule's state. Beyond its limits the group longest untouched is `forgotten`, `crowded_out` if for
    the events of all; `dropped` events had no room in their own group."""

    def __init__(self, rule: CorrelationRule, settings: RuleSettings) -> None:
        self.rule = rule
        self.hits = 0
        self.forgotten = 0
        self.crowded_out = 0
        self.late = 0
        self.dropped = 0
        self._max_groups = settings.max_groups
        self._max_group_events = settings.max_group_events
        self._max_events = settings.max_correlated_events
        self._places = {each: place for place, each in enumerate(rule.rules)}
        self._slides = slides(rule)
        self._least = least_of(rule.bounds)
        self._field = rule.field
        self._group_by = {
            each: tuple(zip(rule.group_names, fields, strict=True)) for each, fields in rule.group_by.items()
        }
        self._windows: OrderedDict[tuple[object, ...], Window] = OrderedDict()
        self._open: OrderedDict[tuple[object, ...], _Open] = OrderedDict()
        self._events = 0
        self._clock = -1

    @property
    def size(self) -> tuple[int, int]:
        """Groups open, and events held."""
        return len(self._windows) + len(self._open), self._events

    def feed(self, rule_id: str, event: LoggedEvent) -> list[Finding]:
        """An event that one of the rules found; a field of group-by that it lacks makes it no part of any group."""
        group: dict[str, Any] = {}
        for name, field in self._group_by[rule_id]:
            value = event.get(field)
            if value is None:
                return []
            group[name] = value
        value = None
        if self._field is not None:
            value = event.get(self._field)
            if value is None:
                return []
        key = tuple([_key(each) for each in group.values()])
        place = self._places[rule_id]
        if self._slides:
            return self._slide(key, group, event, place, value)
        return self._tumble(key, group, event, place, value)

    def finish(self) -> list[Finding]:
        """What is found in windows that are still open: the input is over."""
        found = []
        while self._open:
            found += self._close(next(iter(self._open)))
        self._windows.clear()
        self._events = 0
        return found

    def _slide(
        self, key: tuple[object, ...], group: dict[str, Any], event: LoggedEvent, place: int, value: Any
    ) -> list[Finding]:
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = make_window(self.rule, self._max_group_events, self._least)
        else:
            self._windows.move_to_end(key)
        before, late, dropped = window.size, window.late, window.dropped
        count = window.add(event.ts, place, value)
        self.late += window.late - late
        self.dropped += window.dropped - dropped
        self._events += window.size - before
        if count is not None:
            del self._windows[key]
            return [Finding(event, group, count)]
        while len(self._windows) > self._max_groups or (self._events > self._max_events and len(self._windows) > 1):
            _, oldest = self._windows.popitem(last=False)
            self._events -= oldest.size
            self._forget(len(self._windows))
        return []

    def _tumble(
        self, key: tuple[object, ...], group: dict[str, Any], event: LoggedEvent, place: int, value: Any
    ) -> list[Finding]:
        span = self.rule.span_us * 1000
        self._clock = max(self._clock, event.ts)
        found = []
        while self._open:
            first = next(iter(self._open))
            if self._open[first].window.start + span > self._clock:
                break
            found += self._close(first)
        state = self._open.get(key)
        if state is None:
            state = self._open[key] = _Open(Tumbling(self.rule, event.ts, self._max_group_events), group, event)
        before, dropped = state.window.size, state.window.dropped
        state.window.add(place, value)
        self.dropped += state.window.dropped - dropped
        state.event = event.detached()
        self._events += state.window.size - before
        while len(self._open) > self._max_groups or (self._events > self._max_events and len(self._open) > 1):
            _, oldest = self._open.popitem(last=False)
            self._events -= oldest.window.size
            self._forget(len(self._open))
        return found

    def _forget(self, left: int) -> None:
        """A group had to go, and so many are left."""
        self.forgotten += 1
        if left < self._max_groups:
            self.crowded_out += 1

    def _close(self, key: tuple[object, ...]) -> list[Finding]:
        state = self._open.pop(key)
        self._events -= state.window.size
        count = state.window.counted()
        if count is None or not within(count, self.rule.bounds):
            return []
        return [Finding(state.event, state.group, count)]


def make_correlators(rules: RuleSet, settings: RuleSettings) -> tuple[Correlator, ...]:
    """One for each correlation, in order."""
    return tuple(Correlator(rule, settings) for rule in rules.correlations)


def _key(value: Any) -> object:
    if isinstance(value, str):
        return value[:_MAX_KEY]
    return tuple([str(each)[:_MAX_KEY] for each in value]) if isinstance(value, list) else value
