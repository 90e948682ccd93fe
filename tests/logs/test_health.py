"""sensor.logs.health: stats.log and capture_loss.log as Zeek writes them, ours beside them, notices of no flow."""

from __future__ import annotations

from sensor.health.counters import Running
from sensor.health.measures import HealthNotice
from tests.logs.observations import TS, S, changed, make_writer, measures, records

# Zeek's, in its order: scripts/policy/misc/stats.zeek and capture-loss.zeek. The first has one field more for what a
# packet filter in user space leaves out (pkts_filtered, optional); there is none here.
STATS = """
    ts peer mem pkts_proc bytes_recv pkts_dropped pkts_link pkt_lag events_proc events_queued active_tcp_conns
    active_udp_conns active_icmp_conns tcp_conns udp_conns icmp_conns timers active_timers files active_files
    dns_requests active_dns_requests reassem_tcp_size reassem_file_size reassem_frag_size reassem_unknown_size
"""
CAPTURE_LOSS = "ts ts_delta peer gaps acks percent_lost"
ONLY_RUNNING = {"mem", "pkts_dropped", "pkts_link", "pkt_lag"}
RUNNING = Running(
    link_frames=1000, dropped_frames=100, memory_bytes=64 << 20, lag_ns=1_500_000, cpu_ns=2 * S, log_queue_bytes=0
)


def test_stats_has_zeeks_fields() -> None:
    (record,) = records("stats", *measures(RUNNING))
    assert list(record) == STATS.split()
    assert (record["ts"], record["mem"], record["pkt_lag"]) == ((TS + 60 * S) / 1e9, 64, 0.0015)
    assert (record["pkts_link"], record["pkts_dropped"], record["pkts_proc"]) == (1000, 100, 9)
    (record,) = records("stats", *measures())
    assert list(record) == [name for name in STATS.split() if name not in ONLY_RUNNING]


def test_capture_loss_has_zeeks_fields() -> None:
    (record,) = records("capture_loss", *measures())
    assert record == {
        "ts": (TS + 60 * S) / 1e9,
        "ts_delta": 60.0,
        "peer": "ocspwatch",
        "gaps": 125,
        "acks": 1000,
        "percent_lost": 12.5,
    }
    assert list(record) == CAPTURE_LOSS.split()


def test_what_zeek_has_no_field_for() -> None:
    (record,) = records("ocspwatch_stats", *measures(RUNNING))
    assert (record["emergency"], record["pkts_tcp"], record["pkts_odd"], record["cpu"]) == (True, 8, 1, 2.0)
    assert (record["log_queue_bytes"], record["log_lines_dropped"]) == (0, 0)
    assert not set(record) - {"ts", "peer", "ts_delta"} & set(STATS.split())
    (record,) = records("ocspwatch_stats", *measures())
    assert not {"cpu", "log_queue_bytes", "log_lines_dropped"} & set(record)


def test_a_notice_of_no_flow() -> None:
    loss, drops, limit = records("notice", *measures(RUNNING))
    assert loss == {
        "ts": (TS + 60 * S) / 1e9,
        "note": "CaptureLoss::Too_Much_Loss",
        "msg": "12.500% of the acknowledgments were for data that was not captured",
        "sub": "125 of 1000",
        "actions": ["Notice::ACTION_LOG"],
        "email_dest": [],
        "suppress_for": 3600.0,
    }
    assert drops["note"] == "PacketFilter::Dropped_Packets"
    assert drops["msg"] == "the kernel dropped 100 of 1000 packets, 10.000%"
    assert (limit["note"], limit["sub"]) == ("Sensor::Limit_Reached", "flow.max_flows")


def test_what_came_by_name() -> None:
    (weird,) = records("weird_stats", *measures())
    assert weird == {"ts": (TS + 60 * S) / 1e9, "name": "HTTP_bad_chunk_size", "num_seen": 7}
    (limit,) = records("ocspwatch_limits", *measures())
    assert list(limit) == ["ts", "ts_delta", "peer", "limit", "cost", "times"]
    assert (limit["limit"], limit["cost"], limit["times"]) == ("flow.max_flows", "half_open", 3)


def test_each_limit_is_told_of_by_itself() -> None:
    writer, sink = make_writer(suppress_for_s=100)
    for second in (0, 1):
        writer.health([HealthNotice(TS + second * S, "A::B", "reached", key, key) for key in ("one", "other")])
    writer.close()
    assert [line["sub"] for line in sink.records("notice")] == ["one", "other"]


def test_a_notice_is_told_once_in_its_time() -> None:
    writer, sink = make_writer(suppress_for_s=100)
    notice = HealthNotice(TS, "A::B", "one")
    for seconds in (0, 99, 100, 150, -1):  # the last: the clock ran back, that is a new time
        writer.health([changed(notice, ts=TS + seconds * S)])
    writer.health([HealthNotice(TS, "A::C", "other")])
    writer.close()
    assert [(row["note"], row["ts"] - TS / 1e9) for row in sink.records("notice")] == [
        ("A::B", 0),
        ("A::B", 100),
        ("A::B", -1),
        ("A::C", 0),
    ]
