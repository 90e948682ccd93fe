"""What rules are shown is what is logged: on every capture, line by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.rules.engine import RuleEngine
from sensor.settings import Settings
from tests.rules.writing import rule, rules

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
CAPTURES = ["ocsp/openssl-four-certids.pcap", "http/browsing.pcap", "http/cut-by-reset.pcap", "office/morning.pcapng"]


@pytest.mark.parametrize("name", CAPTURES)
def test_the_same_as_logged(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = ("conn", "http", "files", "ocsp", "ocsp_exchange", "leak", "weird", "notice")
    everything = rules(tmp_path, *(rule("ts|exists: true", each, number) for number, each in enumerate(services)))
    shown: dict[str, list[object]] = {}
    check = RuleEngine._check

    def look(self: RuleEngine, active: object, event: object) -> None:
        shown.setdefault(event.service, []).append(event.line())  # type: ignore[attr-defined]  # an event
        if event.service != "notice":  # type: ignore[attr-defined]  # as above
            check(self, [], event)  # type: ignore[arg-type]  # as above

    monkeypatch.setattr(RuleEngine, "_check", look)
    settings = Settings()
    sink = MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    writer.observe(RuleEngine(everything, settings, writer.notice, writer.weird))
    source = open_inputs([str(PCAPS / name)], settings.capture)
    try:
        Pipeline(settings, MemoryLookup(), writer, None).run(source)
    finally:
        source.close()
        writer.close()
    logged = {stream: [json.loads(line) for line in data.splitlines()] for stream, data in sink.data.items()}
    assert logged == shown
    assert logged["http"]
