"""What one group remembers, beside a plain count over all its events."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.rule import Bound, CorrelationKind, CorrelationRule, Head, NoticeForm
from sensor.rules.template import Template
from sensor.rules.windows import Tumbling, make_window, percentile, slides, within

S = 1_000_000_000


def make(kind: str, *bounds: Bound, rules: int = 1, span: int = 10) -> CorrelationRule:
    head = Head("id", "t", None, None, None, "", (), Path("f"), 1, NoticeForm("A::B", Template(("x",))))
    names = tuple(str(number) for number in range(rules))
    fields = dict.fromkeys(names, ())
    return CorrelationRule(head, CorrelationKind[kind], names, (), fields, span * 1_000_000, tuple(bounds), "v")


@given(st.lists(st.integers(0, 40), max_size=30), st.integers(1, 4))
def test_event_count_of_events_in_order(times: list[int], least: int) -> None:
    window = make_window(make("event_count", Bound("gte", least)), 1000)
    since: list[int] = []
    for then in sorted(times):
        since = [each for each in since if each >= then - 10] + [then]
        found = window.add(then * S, 0, None)
        assert (found is not None) == (len(since) >= least)
        if found is not None:
            assert found == least
            since = []
        assert window.size == len(since)


def test_what_there_is_no_room_for_is_counted() -> None:
    """Of ten within the time three are kept; what is too old is not missed, nor what comes again."""
    most = Bound("gt", 1e9)
    summed, distinct = make_window(make("value_sum", most), 3), make_window(make("value_count", most), 3)
    total, values = Tumbling(make("value_sum", most), 0, 3), Tumbling(make("value_count", most), 0, 3)
    for number in range(10):
        for window in (summed, distinct):
            window.add(number * S // 10, 0, number)
        for later in (total, values):
            later.add(0, number)
            later.add(0, 0 if later is values else "no number")
    assert [each.dropped for each in (summed, distinct, total, values)] == [7, 7, 7, 7]
    for number in range(3):
        for window in (summed, distinct):
            window.add((100 + number) * S, 0, number)
    assert [each.dropped for each in (summed, distinct)] == [7, 7]
    distinct.add(103 * S, 0, 2)  # a fourth entry of the third value: the first value goes
    assert distinct.dropped == 8


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abcd")), max_size=30), st.integers(1, 4))
def test_value_count_of_events_in_order(events: list[tuple[int, str]], least: int) -> None:
    window = make_window(make("value_count", Bound("gt", least)), 1000)
    since: list[tuple[int, str]] = []
    for then, value in sorted(events):
        since = [each for each in since if each[0] >= then - 10] + [(then, value)]
        found = window.add(then * S, 0, value)
        assert (found is not None) == (len({each for _, each in since}) > least)
        since = [] if found is not None else since


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), max_size=12))
def test_ordered_is_what_a_search_of_all_events_finds(events: list[tuple[int, int]]) -> None:
    """By their own times, whatever order they came in; until the first finding."""
    window = make_window(make("temporal_ordered", rules=3), 1000)
    seen: list[tuple[int, int]] = []
    newest = 0
    for then, place in events:
        newest = max(newest, then)
        if then < newest - 20:  # twice the span: forgotten, which the search is not
            return
        seen.append((then, place))
        of = [[t for t, p in seen if p == each] for each in range(3)]
        there = any(a <= b <= c <= a + 10 and then in (a, b, c) for a in of[0] for b in of[1] for c in of[2])
        found = window.add(then * S, place, None)
        if found is not None:
            assert there
            return
        exact = any(a <= b <= c <= a + 10 for a in of[0] for b in of[1] for c in of[2] if (a, b, c)[place] == then)
        assert not exact or any(t < newest - 20 for t, _ in seen)


def test_late_events_are_counted_and_not_used() -> None:
    window = make_window(make("event_count", Bound("gte", 2)), 1000)
    assert window.add(100 * S, 0, None) is None
    assert window.add(80 * S, 0, None) is None
    assert (window.size, window.late) == (1, 1)
    assert window.add(91 * S, 0, None) == 2.0  # a little out of order is in order


def test_together() -> None:
    window = make_window(make("temporal", rules=3), 1000)
    assert [window.add(t * S, p, None) for t, p in ((0, 1), (5, 0), (12, 2), (13, 1))] == [None, None, None, 3.0]
    some = make_window(make("temporal", Bound("gte", 2), rules=3), 1000)
    assert [some.add(t * S, p, None) for t, p in ((0, 1), (1, 1), (2, 0))] == [None, None, 2.0]


def test_sum() -> None:
    window = make_window(make("value_sum", Bound("gt", 10)), 1000)
    assert [window.add(t * S, 0, v) for t, v in ((0, 6), (11, 6), (12, 5))] == [None, None, 11]


def test_memory_is_bounded() -> None:
    for kind in ("event_count", "value_count", "value_sum"):
        window = make_window(make(kind, Bound("gt", 10_000)), 50)
        for number in range(500):
            window.add(S + number, 0, 1 if kind == "value_sum" else str(number))
        assert window.size <= 50
    ordered = make_window(make("temporal_ordered", rules=2), 50)
    for number in range(5000):
        ordered.add(number, 0, None)
    assert ordered.size <= 256


@pytest.mark.parametrize(
    ("kind", "values", "counted"),
    [
        ("event_count", [1, 2, 3], 3),
        ("value_count", ["a", "b", "a", ["c", "a"]], 3),
        ("value_sum", [1, 2.5], 3.5),
        ("value_avg", [1, 2, 6], 3),
        ("value_median", [9, 1, 2], 2),
        ("value_avg", ["x"], None),
    ],
)
def test_windows_that_speak_when_they_are_over(kind: str, values: list[object], counted: float | None) -> None:
    window = Tumbling(make(kind, Bound("lt", 5)), 0, 100)
    for value in values:
        window.add(0, value)
    assert window.counted() == counted


def test_which_slide() -> None:
    assert slides(make("event_count", Bound("gte", 3))) and slides(make("temporal"))
    assert not slides(make("event_count", Bound("gte", 3), Bound("lt", 9)))
    assert not slides(make("event_count", Bound("eq", 3))) and not slides(make("value_avg", Bound("gt", 3)))


def test_bounds() -> None:
    assert within(5, [Bound("gt", 4), Bound("lte", 5), Bound("neq", 6)]) and not within(5, [Bound("eq", 4)])
    assert within(5, [Bound("gte", 5)]) and not within(5, [Bound("lt", 5)])


def test_percentile() -> None:
    assert percentile([1, 2, 3, 4], 50) == 2.5 and percentile([7], 95) == 7 and percentile([1, 2], 100) == 2
