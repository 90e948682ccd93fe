"""Every capture in pcaps/ against its golden log: all events of all streams, in order, byte for byte.

A golden file holds what `ocspwatch replay --json` prints; a stream that is not in it must not appear. `make golden`
writes the files anew; whoever does so reads the diff before committing it.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.ct.store_lookup import StoreLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import Settings

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
GOLDEN = Path(__file__).parent / "logs"
ENDINGS = (".pcap", ".pcapng", ".gz", ".zst", ".xz", ".erf")


def captures() -> list[str]:
    found = [p for p in PCAPS.rglob("*") if p.is_file() and p.name.endswith(ENDINGS)]
    return sorted(str(p.relative_to(PCAPS)) for p in found)


def golden_of(name: str) -> Path:
    return GOLDEN / f"{name}.jsonl"


def events(path: Path, settings: Settings) -> tuple[bytes, bool]:
    """What `replay --json` prints, and whether all of the capture could be read. The file's folder is not told."""
    source = open_inputs([str(path)], settings.capture)
    lookup = StoreLookup(settings.ct)
    sink = MemorySink(merged=True)
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    pipeline = Pipeline(settings, lookup, writer, None)
    try:
        pipeline.run(source)
        writer.close()
    finally:
        source.close()
        lookup.close()
    lines = sink.data.get("", b"").replace(str(path.parent).encode() + b"/", b"")
    return lines, source.complete


@pytest.mark.parametrize("name", captures())
def test_golden(name: str, known_certificates: Settings, request: pytest.FixtureRequest) -> None:
    got, complete = events(PCAPS / name, known_certificates)
    assert complete == (not is_damaged(name))
    golden = golden_of(name)
    if request.config.getoption("--update-golden", default=False):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(got)
        return
    assert golden.exists(), "no golden log: make golden, and read it"
    want = golden.read_bytes()
    if got != want:
        diff = difflib.unified_diff(want.decode().splitlines(), got.decode().splitlines(), "golden", "now", lineterm="")
        pytest.fail("\n".join(diff))


def is_damaged(name: str) -> bool:
    """Captures that were made to be damaged say so in their name."""
    return name.startswith("file/") and any(word in name for word in ("cut-", "-cut.", "bad-", "impossible-"))


def test_every_golden_log_has_its_capture() -> None:
    known = {golden_of(name) for name in captures()}
    assert known
    assert set(GOLDEN.rglob("*.jsonl")) <= known
