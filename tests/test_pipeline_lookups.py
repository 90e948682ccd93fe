"""The pipeline with a look-up in another thread: the same lines while the store is well; late, but no less, if not."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.capture.timeline import NOTHING
from sensor.ct.deferred import DeferredLookup
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.lookup import Answer, CtLookup
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.ocsp.model import CertId
from sensor.pipeline import Pipeline
from sensor.settings import CtSettings, Settings

PCAPS = Path(__file__).resolve().parents[1] / "pcaps"
OFFICE = PCAPS / "office" / "morning.pcapng"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("ct") / "ct.sqlite"
    store = Store(path, 250)
    import_paths(store, [str(PCAPS / "office" / "certs")], CtSettings(), 1, ImportReport())
    store.close()
    return Settings(ct=CtSettings(path=str(path), answer_within_ms=2000))


class Gated(StoreLookup):
    """Hangs until the gate is opened."""

    gate = threading.Event()

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
        self.gate.wait()
        return super().lookup(ids)


def run(settings: Settings, lookup: CtLookup, gate: threading.Event | None = None) -> dict[str, bytes]:
    sink = MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    pipeline = Pipeline(settings, lookup, writer, None)
    source = open_inputs([str(OFFICE)], settings.capture)
    for batch in source.batches():
        pipeline.feed(batch)
    if gate is not None:
        assert pipeline.levels().leaks_waiting == pipeline.exchanges > 0
        gate.set()
        while pipeline.levels().leaks_waiting:
            pipeline.feed(NOTHING)  # what a source gives while it waits
    pipeline.finish()
    writer.close()
    lookup.close()
    source.close()
    return sink.data


def leaks(data: dict[str, bytes]) -> list[dict[str, object]]:
    """Those by OCSP: what a CRL gives away is not asked about again."""
    return [leak for leak in map(json.loads, data["leak"].splitlines()) if leak["channel"] == "ocsp"]


def test_all_lines_are_the_same_while_the_store_is_well(settings: Settings) -> None:
    assert run(settings, DeferredLookup(lambda: StoreLookup(settings.ct), settings.ct)) == run(
        settings, StoreLookup(settings.ct)
    )


def test_late_answers_make_their_leaks_with_their_own_times(settings: Settings) -> None:
    slow = Settings(ct=CtSettings(path=settings.ct.path, answer_within_ms=1))
    Gated.gate.clear()
    data = run(slow, DeferredLookup(lambda: Gated(slow.ct), slow.ct), Gated.gate)
    expected = run(settings, StoreLookup(settings.ct))

    def key(leak: dict[str, object]) -> tuple[str, str]:
        return str(leak["ts"]), str(leak["serial_number"])

    counted = {"times_seen"}  # in the order in which the answers came
    late = [{k: v for k, v in leak.items() if k not in counted} for leak in sorted(leaks(data), key=key)]
    prompt = [{k: v for k, v in leak.items() if k not in counted} for leak in sorted(leaks(expected), key=key)]
    assert late == prompt
    assert {str(leak["grade"]) for leak in late} >= {"exact", "unlisted"}
    assert data["http"] == expected["http"]
    assert data["ocsp"] == expected["ocsp"]


def test_a_store_that_never_answers_costs_names_but_no_leak(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Settings(ct=CtSettings(path=settings.ct.path, answer_within_ms=1))
    monkeypatch.setattr("sensor.pipeline._SETTLED_WITHIN_S", 0.05)
    Gated.gate.clear()
    try:
        data = run(slow, DeferredLookup(lambda: Gated(slow.ct), slow.ct))
    finally:
        Gated.gate.set()
    found = leaks(data)
    # The same serial under an issuer that nobody names is one certificate less sure: SHA-1 and SHA-256 count apart.
    assert len(found) >= len(leaks(run(settings, StoreLookup(settings.ct))))
    assert {leak["grade"] for leak in found} == {"unlisted"}
    assert not any("site" in leak for leak in found)
