"""Every public capture through the whole program: no exception, no hang, and every byte and frame accounted for."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.capture.source import CaptureError
from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import Settings
from tests.conservation import unbalanced_at_end

SECONDS = 60
READ_IN_PART = {"OISF_suricata-verify/tests/bug-6875-01/fuzz.pcap"}
"""Captures that end in the middle of a record, or hold one that cannot be: exit code 3."""


def corpus_captures(shared: Path) -> list[tuple[str, Path]]:
    """(name, path) of each."""
    folder = shared / "corpus" / "captures"
    return sorted((str(p.relative_to(folder)), p) for p in folder.rglob("*") if p.is_file())


def broken_accounts(pipeline: Pipeline, frames_read: int) -> list[str]:
    """Where frames or bytes went missing, or came from nowhere."""
    accounts = pipeline.accounts()
    found = []
    found += unbalanced_at_end(pipeline.tracker)
    if accounts.frames != frames_read:
        found.append(f"{frames_read} frames read, {accounts.frames} decoded")
    # A datagram put together from fragments has an outcome of its own, beside those of its frames.
    ended = sum(accounts.outcomes.values()) - pipeline.tracker.defragmenter.datagrams
    if accounts.frames != ended:
        found.append(f"{accounts.frames} frames, {ended} outcomes: {accounts.outcomes}")
    return found


@pytest.mark.needs("shared/corpus/captures")
def test_every_capture_is_accounted_for(shared: Path) -> None:
    settings = Settings()
    captures = corpus_captures(shared)
    assert len(captures) > 1200
    refused, partial, broken, lines = [], set(), {}, 0
    began = time.monotonic()
    for name, path in captures:
        try:
            source = open_inputs([str(path)], settings.capture)
        except CaptureError as error:
            refused.append(f"{name}: {error}")
            continue
        sink = MemorySink(merged=True)
        writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
        pipeline = Pipeline(settings, MemoryLookup(), writer, None)
        try:
            pipeline.run(source)
            writer.close()
        finally:
            source.close()
        if not source.complete:
            partial.add(name)
        problems = broken_accounts(pipeline, source.frames)
        if problems:
            broken[name] = problems
        for line in sink.data.get("", b"").splitlines():
            json.loads(line)
            lines += 1
    took = time.monotonic() - began
    assert broken == {}
    assert refused == []
    assert partial == READ_IN_PART
    assert lines > 8_000
    assert took < SECONDS
