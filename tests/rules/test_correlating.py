"""Groups: which events belong together, and that their number is bounded."""

from __future__ import annotations

from typing import Any

from sensor.rules.correlating import Correlator
from sensor.rules.events import LoggedEvent
from sensor.rules.rule import Bound
from sensor.settings import RuleSettings
from tests.rules.test_windows import S, make


def event(ts: float, **fields: Any) -> LoggedEvent:
    return LoggedEvent("http", int(ts * S), int(ts * S), None, lambda: fields)


def correlator(kind: str, *bounds: Bound, **settings: int) -> Correlator:
    rule = make(kind, *bounds)
    rule = type(rule)(
        rule.head,
        rule.kind,
        rule.rules,
        ("who",),
        {"0": ("g",)},
        rule.span_us,
        rule.bounds,
        None if kind == "event_count" else "v",
    )  # fmt: skip  (one row)
    return Correlator(rule, RuleSettings(**settings))


def test_groups_are_apart() -> None:
    found = correlator("event_count", Bound("gte", 2))
    assert found.feed("0", event(1, g="a")) == [] and found.feed("0", event(2, g="b")) == []
    (finding,) = found.feed("0", event(3, g="a"))
    assert (finding.group, finding.count) == ({"who": "a"}, 2.0)
    assert found.feed("0", event(4, g="a")) == []  # it starts anew


def test_what_lacks_the_field_is_in_no_group() -> None:
    found = correlator("event_count", Bound("gte", 1))
    assert found.feed("0", event(1)) == [] and found.size == (0, 0)
    counted = correlator("value_count", Bound("gte", 1))
    assert counted.feed("0", event(1, g="a")) == []


def test_a_window_that_does_not_slide_speaks_when_time_has_passed() -> None:
    found = correlator("event_count", Bound("eq", 2))
    assert [found.feed("0", event(t, g=g)) for t, g in ((0, "a"), (1, "b"), (2, "a"))] == [[], [], []]
    (finding,) = found.feed("0", event(10.5, g="c"))  # a is over: two events; b is not
    assert finding.group == {"who": "a"} and finding.event.ts == 2 * S
    assert found.finish() == [] and found.size == (0, 0)


def test_the_end_of_the_input_ends_all_windows() -> None:
    found = correlator("event_count", Bound("lt", 2))
    found.feed("0", event(0, g="a"))
    assert [finding.count for finding in found.finish()] == [1.0]


def test_groups_are_bounded() -> None:
    for bounds in ((Bound("gte", 5),), (Bound("eq", 5),)):
        found = correlator("event_count", *bounds, max_groups=3)
        for number in range(10):
            found.feed("0", event(1, g=str(number)))
        assert found.size[0] == 3 and found.forgotten == 7


def test_events_are_bounded() -> None:
    found = correlator("event_count", Bound("gte", 100), max_correlated_events=20)
    for number in range(100):
        found.feed("0", event(1, g=str(number % 4)))
    assert found.size[1] <= 20 and found.forgotten > 0


def test_late_events_are_counted() -> None:
    found = correlator("event_count", Bound("gte", 3))
    found.feed("0", event(100, g="a"))
    found.feed("0", event(1, g="a"))
    assert found.late == 1
