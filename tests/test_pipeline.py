"""The composition: what goes in is accounted for and comes out; a bug of ours goes up unless it is contained."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from typing import Any

import pytest

from sensor.capture.inputs import open_inputs
from sensor.capture.source import FrameBatch, Timestamp
from sensor.ct.memory import MemoryLookup
from sensor.http.reader import HttpReader
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.report.summary import Summary
from sensor.settings import HttpSettings, Settings
from sensor.settings_file import override
from sensor.weird import FlowId
from tests.conservation import unbalanced_at_end

PCAPS = Path(__file__).resolve().parents[1] / "pcaps"
SETTINGS = Settings()


def run(*names: str, summary: Summary | None = None) -> tuple[Pipeline, MemorySink]:
    source = open_inputs([str(PCAPS / name) for name in names], SETTINGS.capture)
    sink = MemorySink()
    writer = LogWriter(SETTINGS.logs, SETTINGS.flow.local_nets, sink)
    pipeline = Pipeline(SETTINGS, MemoryLookup(), writer, summary)
    try:
        pipeline.run(source)
    finally:
        source.close()
        writer.close()
    return pipeline, sink


def test_every_stage_has_spoken() -> None:
    pipeline, sink = run("ocsp/openssl-post-good.pcap")
    assert {"conn", "http", "files", "ocsp", "ocsp_exchange", "leak", "notice"} <= set(sink.data)
    assert (pipeline.exchanges, pipeline.leaks, pipeline.internal_errors) == (1, 1, 0)


def test_frames_and_bytes_are_accounted_for() -> None:
    pipeline = run("tcp/out-of-order.pcap")[0]
    assert not unbalanced_at_end(pipeline.tracker)
    accounts = pipeline.accounts()
    assert accounts.frames == sum(accounts.outcomes.values())
    assert accounts.duplicate_bytes > 0


def test_the_summary_sees_what_the_logs_see() -> None:
    summary = Summary()
    pipeline, sink = run("ocsp/openssl-post-good.pcap", summary=summary)
    pipeline.complete_summary()
    assert summary.connections == len(sink.records("conn"))
    assert summary.leaks == len(sink.records("leak"))


def test_while_the_source_waits_time_goes_on_and_lines_are_handed_over() -> None:
    sink = MemorySink()
    writer = LogWriter(SETTINGS.logs, SETTINGS.flow.local_nets, sink)
    pipeline = Pipeline(SETTINGS, MemoryLookup(), writer, None)
    source = open_inputs([str(PCAPS / "ocsp/openssl-post-good.pcap")], SETTINGS.capture)
    for batch in source.batches():
        pipeline.feed(batch)
    assert sink.data == {}

    def wait(quiet_until: int) -> None:
        pipeline.feed(FrameBatch(b"", *(array(code) for code in "qQIIH"), quiet_until=Timestamp(quiet_until)))

    wait(0)
    assert set(sink.data) == {"files", "http", "leak", "notice", "ocsp", "ocsp_exchange"}
    wait(pipeline.tracker.now + 60 * 10**9)
    assert len(sink.records("conn")) == 1


def test_damage_of_the_source_is_a_weird() -> None:
    _, sink = run("file/cut-in-record.pcap")
    assert [row["name"] for row in sink.records("weird")] == ["pcap_truncated"]


class Broken(HttpReader):
    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:  # noqa: ARG002  (the reader's interface)
        raise LookupError


def test_a_bug_goes_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.pipeline.HttpReader", Broken)
    with pytest.raises(LookupError):
        run("ocsp/openssl-post-good.pcap")


def test_a_contained_bug_costs_its_flow_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first flow's reader breaks, the second's does not."""
    readers = iter([Broken])

    def make(flow: FlowId, out: list[object], settings: HttpSettings, **options: Any) -> HttpReader:
        return next(readers, HttpReader)(flow, out, settings, **options)

    monkeypatch.setattr("sensor.pipeline.HttpReader", make)
    told: list[str] = []
    source = open_inputs([str(PCAPS / "office" / "morning.pcapng")], SETTINGS.capture)
    sink = MemorySink()
    writer = LogWriter(SETTINGS.logs, SETTINGS.flow.local_nets, sink)
    pipeline = Pipeline(SETTINGS, MemoryLookup(), writer, None)
    pipeline.contain_errors(lambda flow, _: told.append(flow.uid))
    pipeline.run(source)
    writer.close()
    assert len(told) == pipeline.internal_errors == 1
    assert told[0] in {row["uid"] for row in sink.records("conn")}
    assert len(sink.records("ocsp_exchange")) >= 38


def measured(*names: str, **settings: object) -> tuple[Pipeline, dict[str, bytes]]:
    changed = override(SETTINGS, {"health.in_replay": True, **settings})
    source = open_inputs([str(PCAPS / name) for name in names], changed.capture)
    sink = MemorySink()
    writer = LogWriter(changed.logs, changed.flow.local_nets, sink)
    pipeline = Pipeline(changed, MemoryLookup(), writer, None)
    try:
        pipeline.run(source)
    finally:
        source.close()
        writer.close()
    return pipeline, sink.data


def rows(data: bytes) -> list[dict[str, float]]:
    return [json.loads(line) for line in data.splitlines()]


class TestMeasuresInPacketTime:
    def test_none_unless_asked_for(self) -> None:
        _, sink = run("office/morning.pcapng")
        assert not {"stats", "capture_loss", "ocspwatch_stats"} & set(sink.data)

    @pytest.mark.parametrize("window", [4096, 65536])
    def test_where_batches_are_cut_does_not_matter(self, window: int) -> None:
        """Many files of one time line, read in small pieces: the same lines."""
        _, whole = measured("office/morning.pcapng")
        _, cut = measured("office/morning.pcapng", **{"capture.window_bytes": window})
        assert cut == whole

    def test_all_intervals_together_are_the_whole(self) -> None:
        pipeline, data = measured("office/morning.pcapng", **{"health.interval_s": 7.5})
        totals, stats, own = pipeline.totals(), rows(data["stats"]), rows(data["ocspwatch_stats"])
        assert len(stats) > 20
        assert sum(row["pkts_proc"] for row in stats) == totals.frames == pipeline.accounts().frames
        assert sum(row["tcp_conns"] for row in stats) == totals.flows
        assert sum(row["files"] for row in stats) == len(data["files"].splitlines())
        assert sum(row["leaks"] for row in own) == len(data["leak"].splitlines())
        assert sum(row["transactions"] for row in own) == len(data["http"].splitlines())
        assert sum(row["acks"] for row in rows(data["capture_loss"])) == totals.acks
        assert {row["ts_delta"] for row in own[1:-1]} <= {7.5 * n for n in range(1, 20)}

    def test_frames_are_conserved_in_every_interval(self) -> None:
        _, data = measured("ip/fragments-ipv4-shuffled-twice.pcap", "office/morning.pcapng")
        for stats, own in zip(rows(data["stats"]), rows(data["ocspwatch_stats"]), strict=True):
            kinds = own["pkts_tcp"] + own["pkts_fragment"] + own["pkts_other"] + own["pkts_odd"]
            assert kinds >= stats["pkts_proc"]  # what was put together is counted again as what it is
            if not own["pkts_fragment"]:
                assert kinds == stats["pkts_proc"]

    def test_a_pause_is_one_long_interval(self) -> None:
        _, data = measured("file/clock-jumps.pcap")
        assert 1 < len(data["capture_loss"].splitlines()) < 20

    def test_loss_of_a_capture_that_lost(self) -> None:
        pipeline, data = measured("tcp/gap-in-reply.pcap")
        (row,) = rows(data["capture_loss"])
        assert (row["gaps"], row["acks"]) == (pipeline.totals().ack_gaps, pipeline.totals().acks)
        assert row["gaps"] > 0
