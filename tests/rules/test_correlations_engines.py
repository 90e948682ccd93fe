"""Correlations, three ways: ours, pySigma's query in SQLite, and the definition tried on every window there is.

What is compared is which groups are found, and of those that count when first. How often is not the same question: ours
tells a group as soon as it has enough and then counts anew, a query lists every window that has. Tenzir's `sigma`
operator passes over correlations, so the definition stands in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from sensor.rules.correlating import make_correlators
from sensor.rules.events import LoggedEvent
from sensor.rules.listing import read_shipped
from sensor.rules.matching import compile_expression
from sensor.rules.rule import CorrelationKind, CorrelationRule, EventRule, RuleSet
from sensor.rules.shipped import shipped_folder
from sensor.rules.windows import within
from sensor.settings import RuleSettings
from tests.rules.engines import correlated_by_sqlite
from tests.rules.test_engines import shown

pytest.importorskip("sigma.backends.sqlite", reason="needs pySigma's backends (the extra convert)")

Group = tuple[str, ...]
Found = dict[Group, int]
"""By the values of group-by, in lower case, the packet time at which it is first found, in nanoseconds."""

_FOLDER = shipped_folder()
PACK = RuleSet() if _FOLDER is None else read_shipped(_FOLDER)
BY_NAME = {rule.head.file.stem: rule for rule in PACK.correlations}
EVENT_RULES = {rule.head.id: rule for rule in PACK.rules if isinstance(rule, EventRule)}
PACES = (1, 30, 2000)
"""How much later everything comes than in the capture, counted from its first event."""


def hits(rule: CorrelationRule, events: Sequence[LoggedEvent]) -> list[tuple[str, LoggedEvent]]:
    """What the rules that it refers to find, in the order of the events."""
    matchers = {
        each: (EVENT_RULES[each].service, compile_expression(EVENT_RULES[each].expression)) for each in rule.rules
    }
    return [
        (key, event)
        for event in events
        for key, (service, matches) in matchers.items()
        if event.service == service and matches(event)
    ]


def group_of(rule: CorrelationRule, key: str, event: LoggedEvent) -> Group | None:
    values = [event.get(name) for name in rule.group_by[key]]
    return None if None in values else tuple(str(value).lower() for value in values)


def ours(rule: CorrelationRule, events: Sequence[LoggedEvent]) -> Found:
    (correlator,) = make_correlators(RuleSet((rule,)), RuleSettings())
    found: Found = {}
    for key, event in hits(rule, events):
        for finding in correlator.feed(key, event):
            found.setdefault(tuple(str(value).lower() for value in finding.group.values()), event.ts)
    return found


def by_definition(rule: CorrelationRule, events: Sequence[LoggedEvent]) -> Found:
    """Every window that ends with an event of the group, and what is in it (Sigma correlation specification 2.0.2)."""
    of_group: dict[Group, list[tuple[int, str, Any]]] = {}
    for key, event in hits(rule, events):
        group = group_of(rule, key, event)
        value = None if rule.field is None else event.get(rule.field)
        if group is not None and (rule.field is None or value is not None):
            of_group.setdefault(group, []).append((event.ts, key, value))
    found: Found = {}
    for group, members in of_group.items():
        for end in sorted({ts for ts, _, _ in members}):
            inside = [each for each in members if end - rule.span_us * 1000 <= each[0] <= end]
            if is_found(rule, inside):
                found.setdefault(group, end)
    return found


def is_found(rule: CorrelationRule, inside: list[tuple[int, str, Any]]) -> bool:
    if rule.kind is CorrelationKind.event_count:
        return within(len(inside), rule.bounds)
    if rule.kind is CorrelationKind.value_count:
        return within(len({str(value) for _, _, value in inside}), rule.bounds)
    if rule.kind is CorrelationKind.temporal:
        return {key for _, key, _ in inside} == set(rule.rules)
    times = [[ts for ts, key, _ in inside if key == each] for each in rule.rules]
    return any(list(chain) == sorted(chain) for chain in product(*times))


def slowed(events: Sequence[LoggedEvent], pace: int) -> list[LoggedEvent]:
    """The same, further apart, in the order of their times; as they were logged if `pace` is 1."""
    if pace == 1:
        return list(events)
    first = min(event.ts for event in events)
    later = []
    for event in events:
        ts = first + (event.ts - first) // 1000 * 1000 * pace
        line = {**event.line(), "ts": ts / 1e9}
        later.append(LoggedEvent(event.service, ts, ts, event.flow, lambda line=line: line))  # type: ignore[misc]  # bound now
    return sorted(later, key=lambda event: event.ts)


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, list[LoggedEvent]]:
    paths = {
        (rule.head.file.parent / name).resolve()
        for rule in PACK.correlations
        for name in (*rule.head.matches, *rule.head.ignores)
    }
    return {path: shown([path], tmp_path_factory.mktemp("ct")) for path in sorted(paths)}


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_three_find_the_same_groups(name: str, captured: dict[Path, list[LoggedEvent]]) -> None:
    rule = BY_NAME[name]
    total = 0
    for capture, pace in product((*rule.head.matches, *rule.head.ignores), PACES):
        events = slowed(captured[(rule.head.file.parent / capture).resolve()], pace)
        mine, defined, theirs = (
            ours(rule, events),
            by_definition(rule, events),
            correlated_by_sqlite(PACK, rule, events),
        )
        assert set(mine) == set(defined) == set(theirs), (capture, pace)
        if rule.kind in (CorrelationKind.event_count, CorrelationKind.value_count):  # its events come in their order
            assert mine == defined, (capture, pace)
            assert {each: round(ts / 1e9, 6) for each, ts in mine.items()} == theirs, (capture, pace)
        total += len(mine)
    assert total


def test_a_group_that_is_slow_enough_is_not_found(captured: dict[Path, list[LoggedEvent]]) -> None:
    """So that the agreement above is not about captures in which everything is found, or nothing."""
    rule = BY_NAME["zeek_http_brute_force"]
    events = captured[(rule.head.file.parent / rule.head.matches[0]).resolve()]
    assert [len(by_definition(rule, slowed(events, pace))) for pace in (1, 100_000)] == [1, 0]
    assert [len(correlated_by_sqlite(PACK, rule, slowed(events, pace))) for pace in (1, 100_000)] == [1, 0]
    assert ours(rule, slowed(events, 100_000)) == {}
