"""The composition: what goes in is accounted for and comes out; a bug of ours goes up unless it is contained."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.ct.memory import MemoryLookup
from sensor.http.reader import HttpReader
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.report.summary import Summary
from sensor.settings import HttpSettings, Settings
from sensor.weird import FlowId

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
    accounts = run("tcp/out-of-order.pcap")[0].accounts()
    assert accounts.frames == sum(accounts.outcomes.values())
    assert accounts.payload_bytes == (
        accounts.delivered_bytes + accounts.duplicate_bytes + accounts.discarded_bytes + accounts.held_bytes
    )
    assert accounts.duplicate_bytes > 0


def test_the_summary_sees_what_the_logs_see() -> None:
    summary = Summary()
    pipeline, sink = run("ocsp/openssl-post-good.pcap", summary=summary)
    pipeline.complete_summary()
    assert summary.connections == len(sink.records("conn"))
    assert summary.leaks == len(sink.records("leak"))


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

    def make(flow: FlowId, out: list[object], settings: HttpSettings, *, probation: bool) -> HttpReader:
        return next(readers, HttpReader)(flow, out, settings, probation=probation)

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
