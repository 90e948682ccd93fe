"""Replies of public responders, as a Windows machine got them in 2022, with the CAs that the same capture's TLS shows.

Every finding here was read and is true; a false alarm on such traffic is worse than a miss.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import CtSettings, Settings

CAPTURE = "corpus/captures/OISF_suricata-verify/tests/tls/tls-subjectaltname/input.pcap"
UNKNOWN = "signature_not_checked:issuer_unknown"


def audits(capture: Path, store: Path) -> list[tuple[str, list[str]]]:
    """Responder and findings of each exchange that had a reply."""
    settings = Settings(ct=CtSettings(path=str(store)))
    source, lookup, sink = open_inputs([str(capture)], settings.capture), StoreLookup(settings.ct), MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    try:
        Pipeline(settings, lookup, writer, None).run(source)
        writer.close()
    finally:
        source.close()
        lookup.close()
    lines = [json.loads(line) for line in sink.data["ocsp_exchange"].splitlines()]
    return [(line["host"], line["audit"]) for line in lines if "audit" in line]


@pytest.mark.needs("tshark", f"shared/{CAPTURE}")
def test_real_replies_verify(shared: Path, tmp_path: Path) -> None:
    shown = subprocess.run(
        ["tshark", "-r", str(shared / CAPTURE), "-Y", "tls.handshake.certificate", "-T", "fields", "-e",
         "tls.handshake.certificate"], capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    certificates = {text.replace(":", "") for text in shown.stdout.replace("\n", ",").split(",") if text}
    assert len(certificates) > 20
    for number, text in enumerate(sorted(certificates)):
        (tmp_path / f"{number}.der").write_bytes(bytes.fromhex(text))
    store = Store(tmp_path / "ct.sqlite", 250)
    import_paths(store, [str(path) for path in sorted(tmp_path.glob("*.der"))], CtSettings(), 1, ImportReport())
    store.close()

    found = audits(shared / CAPTURE, tmp_path / "ct.sqlite")
    assert len(found) == 19
    # Let's Encrypt, DigiCert, Google, Certum, Yandex, a reseller: signed by the CA or its delegate, and nothing else
    # to say. The root of three is not in the capture. Google's root signed in a ceremony on 30 September what is so
    # from 1 October 2021 on, for half a year: about a CA, which is allowed.
    told = [(host, audit) for host, audit in found if audit]
    assert told == [
        ("ocsp.digicert.com", [UNKNOWN]),
        ("ocsp.pki.goog", [UNKNOWN]),
        ("ocsp.pki.goog", ["produced_at_before_this_update"]),
        ("subca.ocsp-certum.com", [UNKNOWN]),
    ]


@pytest.mark.needs(f"shared/{CAPTURE}")
def test_without_a_store_it_says_so(shared: Path, tmp_path: Path) -> None:
    found = audits(shared / CAPTURE, tmp_path / "none.sqlite")
    besides = [set(audit) - {UNKNOWN} for _, audit in found]
    assert all(UNKNOWN in audit for _, audit in found)
    assert [each for each in besides if each] == [{"validity_long_unless_ca", "produced_at_before_this_update"}]
