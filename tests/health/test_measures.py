"""sensor.health.measures: intervals, differences, and what is worth a notice."""

from __future__ import annotations

import pytest

from sensor.health.counters import Levels, Named, Running, Totals
from sensor.health.measures import CaptureLoss, HealthNotice, LimitStats, Measure, Meter, OwnStats, Stats, WeirdStats
from sensor.settings import HealthSettings

S = 10**9
T0 = 1_700_000_000 * S


def meter(**settings: float) -> Meter:
    made = Meter(HealthSettings(**settings))
    made.begin(T0)
    return made


def notes(measures: list[Measure]) -> list[str]:
    return [measure.note for measure in measures if isinstance(measure, HealthNotice)]


class TestIntervals:
    def test_begin_counts_once(self) -> None:
        made = meter(interval_s=10)
        made.begin(T0 + 5 * S)
        assert made.due == T0 + 10 * S

    def test_nothing_is_due_before_the_beginning(self) -> None:
        made = Meter(HealthSettings())
        assert made.due == -1
        made.skip_to(T0)
        assert made.due == -1

    @pytest.mark.parametrize(("now", "due"), [(9, 10), (10, 20), (19.9, 20), (20, 30), (3601, 3610), (-50, 10)])
    def test_all_ends_are_multiples_behind_the_beginning(self, now: float, due: int) -> None:
        made = meter(interval_s=10)
        made.skip_to(T0 + int(now * S))
        assert made.due == T0 + due * S

    def test_each_line_says_what_came_since_the_line_before(self) -> None:
        made = meter()
        first = made.measure(T0 + 60 * S, Totals(frames=10, acks=4, ack_gaps=1), Levels(flows=3))
        second = made.measure(T0 + 90 * S, Totals(frames=12, acks=8, ack_gaps=3), Levels(flows=1))
        assert [(m.pkts_proc, m.active_tcp_conns) for m in (*first, *second) if isinstance(m, Stats)] == [
            (10, 3),
            (2, 1),
        ]
        losses = [m for m in (*first, *second) if isinstance(m, CaptureLoss)]
        assert [(m.ts_delta, m.gaps, m.acks, m.percent_lost) for m in losses] == [
            (60 * S, 1, 4, 25.0),
            (30 * S, 2, 4, 50.0),
        ]

    def test_nothing_acknowledged_is_no_loss(self) -> None:
        (loss,) = [m for m in meter().measure(T0 + S, Totals(), Levels()) if isinstance(m, CaptureLoss)]
        assert loss.percent_lost == 0.0


def test_replay_says_only_what_the_packets_say() -> None:
    stats, _, own = meter().measure(T0 + S, Totals(), Levels())
    assert isinstance(stats, Stats)
    assert isinstance(own, OwnStats)
    assert {stats.mem, stats.pkts_dropped, stats.pkts_link, stats.pkt_lag} == {None}
    assert {own.cpu, own.log_lines_dropped, own.log_queue_bytes} == {None}


def test_a_running_sensor_says_what_the_kernel_says() -> None:
    made = meter(too_many_drops=1)
    running = Running(link_frames=100, dropped_frames=7, memory_bytes=50 << 20, lag_ns=5, cpu_ns=9, log_queue_bytes=2)
    made.measure(T0 + 60 * S, Totals(), Levels(), running)
    later = Running(link_frames=150, dropped_frames=8, memory_bytes=51 << 20, lag_ns=6, cpu_ns=29, log_lines_dropped=3)
    stats, _, own, *_ = made.measure(T0 + 120 * S, Totals(), Levels(), later)
    assert isinstance(stats, Stats)
    assert isinstance(own, OwnStats)
    assert (stats.mem, stats.pkts_dropped, stats.pkts_link, stats.pkt_lag) == (51, 1, 50, 6)
    assert (own.cpu, own.log_lines_dropped, own.log_queue_bytes) == (20, 3, None)


class TestNotices:
    @pytest.mark.parametrize(
        ("acks", "gaps", "told"), [(1000, 100, True), (1000, 99, False), (99, 99, False), (100, 10, True)]
    )
    def test_too_much_loss(self, acks: int, gaps: int, told: bool) -> None:
        measures = meter().measure(T0 + S, Totals(acks=acks, ack_gaps=gaps), Levels())
        assert notes(measures) == ["CaptureLoss::Too_Much_Loss"] * told

    @pytest.mark.parametrize(
        ("link", "dropped", "told"), [(1000, 10, True), (1000, 9, False), (0, 0, False), (5, 5, True)]
    )
    def test_dropped_packets(self, link: int, dropped: int, told: bool) -> None:
        running = Running(link_frames=link, dropped_frames=dropped)
        measures = meter().measure(T0 + S, Totals(acks=1), Levels(), running)
        assert notes(measures) == ["PacketFilter::Dropped_Packets"] * told

    def test_too_little_traffic_is_for_running_sensors(self) -> None:
        assert notes(meter().measure(T0 + 60 * S, Totals(), Levels())) == []
        told = notes(meter().measure(T0 + 60 * S, Totals(), Levels(), Running()))
        assert told == ["CaptureLoss::Too_Little_Traffic"]
        assert notes(meter(minimum_acks=0).measure(T0 + 60 * S, Totals(), Levels(), Running())) == []
        assert notes(meter().measure(T0 + 59 * S, Totals(), Levels(), Running())) == [], "it was stopped early"

    def test_a_threshold_of_nothing_needs_something(self) -> None:
        measures = meter(too_many_drops=0, minimum_acks=0).measure(T0 + S, Totals(), Levels(), Running(link_frames=5))
        assert notes(measures) == []


def test_what_came_by_name_is_told_if_anything_came() -> None:
    made = meter()
    named = Named(weirds={"odd": 3, "other": 1}, limits={"flow.max_flows:closed": 2, "flow.hole_wait_s": 5})
    first = made.measure(T0 + 60 * S, Totals(), Levels(), None, named)
    assert [(m.name, m.num_seen) for m in first if isinstance(m, WeirdStats)] == [("odd", 3), ("other", 1)]
    assert [(m.limit, m.cost, m.times) for m in first if isinstance(m, LimitStats)] == [
        ("flow.hole_wait_s", None, 5),
        ("flow.max_flows", "closed", 2),
    ]
    assert [m.identifier for m in first if isinstance(m, HealthNotice)] == ["flow.max_flows"]
    more = Named(weirds={"odd": 4, "other": 1}, limits={"flow.max_flows:closed": 2, "flow.max_flows:oldest": 1})
    second = made.measure(T0 + 90 * S, Totals(), Levels(), None, more)
    assert [(m.name, m.num_seen) for m in second if isinstance(m, WeirdStats)] == [("odd", 1)]
    assert [(m.ts_delta, m.cost, m.times) for m in second if isinstance(m, LimitStats)] == [(30 * S, "oldest", 1)]
