"""The audit in its place in the pipeline: after what the traffic makes known, before the logs and the summary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensor.audit.findings import Finding
from sensor.capture.inputs import open_inputs
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.report.summary import Summary
from sensor.settings import CtSettings, Settings
from sensor.settings_file import override

PCAPS = Path(__file__).resolve().parents[1] / "pcaps"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ct") / "ct.sqlite"
    made = Store(path, 250)
    import_paths(made, [str(PCAPS / "ocsp" / "certs")], CtSettings(), 1, ImportReport())
    made.close()
    return path


def replayed(capture: str, store: Path, **changes: object) -> tuple[list[list[str] | None], Summary]:
    """The field audit of each exchange, None where it is left out."""
    settings = override(
        Settings(), {"ct.path": str(store), **{f"audit.{key}": value for key, value in changes.items()}}
    )
    source, lookup, sink = open_inputs([str(PCAPS / capture)], settings.capture), StoreLookup(settings.ct), MemorySink()
    writer, summary = LogWriter(settings.logs, settings.flow.local_nets, sink), Summary()
    try:
        pipeline = Pipeline(settings, lookup, writer, summary)
        pipeline.run(source)
        writer.close()
        pipeline.complete_summary()
    finally:
        source.close()
        lookup.close()
    return [json.loads(line).get("audit") for line in sink.data["ocsp_exchange"].splitlines()], summary


def test_a_finding_reaches_log_and_summary(store: Path) -> None:
    audits, summary = replayed("audit/signature-invalid.pcap", store)
    assert audits == [["signature_invalid"]]
    assert summary.audited == 1
    assert summary.unsound[Finding.signature_invalid].host == b"ocsp.fennwick.example"


def test_a_sound_reply(store: Path) -> None:
    audits, summary = replayed("audit/sound.pcap", store)
    assert audits == [[], [], [], []]
    assert (summary.audited, summary.unsound) == (4, {})


def test_verdicts_that_had_to_go_are_counted(store: Path) -> None:
    audits, summary = replayed("audit/sound.pcap", store, max_verdicts=1)
    assert (audits, summary.limits["audit.max_verdicts"]) == ([[], [], [], []], 3)
    assert "audit.max_verdicts" not in replayed("audit/sound.pcap", store)[1].limits


def test_turned_off(store: Path) -> None:
    audits, summary = replayed("audit/signature-invalid.pcap", store, enabled=False)
    assert audits == [None]
    assert summary.audited == 0


def test_signatures_turned_off(store: Path) -> None:
    audits, _ = replayed("audit/signature-invalid.pcap", store, signatures_per_s=0)
    assert audits == [["signature_not_checked:off"]]


def test_without_a_store(tmp_path: Path) -> None:
    audits, _ = replayed("audit/signature-invalid.pcap", tmp_path / "none.sqlite")
    assert audits == [["signature_not_checked:issuer_unknown"]]


def test_an_issuer_seen_in_the_same_capture(tmp_path: Path) -> None:
    """The intermediate comes by caIssuers, its root is in the store: its replies are verified from then on."""
    path = tmp_path / "ct.sqlite"
    made = Store(path, 250)
    import_paths(made, [str(PCAPS / "pki" / "certs" / "kestrel-root.pem")], CtSettings(), 1, ImportReport())
    made.close()
    audits, _ = replayed("pki/ca-issuers-then-ocsp.pcap", path)
    assert audits[-1] == []
