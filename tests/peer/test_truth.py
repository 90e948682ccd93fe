"""Every plaintext OCSP message that tshark and pyca found in the public captures, and none that is not there."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sensor.capture.inputs import open_inputs
from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import Settings

NOT_IN_THE_TRUTH = {
    "zeek/tls/ocsp-empty-responderid.pcap": [("ocsp.evil.test", None, "successful", None)],
    "zeek/tls/ocsp-http-get.pcap": [("clients1.google.com", "3D474496FF942316", "successful", "good")],
    "zeek/tls/ocsp-request-response.pcap": [("ocsp.godaddy.com", "081C862DC8AAC9", "successful", "good")],
}
"""Real OCSP over HTTP that the truth file leaves out: (host, serial, response status, certificate status).

Zeek's own test captures of its OCSP analyzer; tshark dissects each of them as OCSP, and Zeek logs the last two.
"""
STATUS = {"0": "successful", "1": "malformedrequest"}
CERT_STATUS = {"0": "good", "1": "revoked", "2": "unknown"}


def exchanges(capture: Path) -> list[dict[str, Any]]:
    """The lines of ocsp_exchange.log."""
    settings = Settings()
    source = open_inputs([str(capture)], settings.capture)
    sink = MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    try:
        Pipeline(settings, MemoryLookup(), writer, None).run(source)
        writer.close()
    finally:
        source.close()
    return [json.loads(line) for line in sink.data.get("ocsp_exchange", b"").splitlines()]


def spelled(serial: str) -> str:
    """As Zeek spells it: the truth has the serials of GETs without a leading zero, of replies with DER's sign octet."""
    text = f"{int(serial, 16):X}"
    return text.zfill(len(text) + len(text) % 2)


def truth_requests(messages: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (
            m["src"],
            m["sport"],
            m["dst"],
            m["host"],
            m["user_agent"],
            spelled(m["serial"]),
            m["issuer_name_hash"],
            m["issuer_key_hash"],
        )
        for m in messages
        if m["kind"] == "ocsp-get"
    )


def our_requests(rows: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (
            row["id.orig_h"],
            row["id.orig_p"],
            row["id.resp_h"],
            row["host"],
            row["user_agent"],
            row["serial_number"],
            row["issuer_name_hash"],
            row["issuer_key_hash"],
        )
        for row in rows
        if row["evidence"] in {"request", "both", "mismatch"}
    )


def truth_replies(messages: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (
            m["dst"],
            m["dport"],
            m["http_status"],
            STATUS[m["response_status"]],
            spelled(m["serial"]) if "serial" in m else None,
            CERT_STATUS[m["cert_status"]] if "cert_status" in m else None,
        )
        for m in messages
        if m["kind"] == "ocsp-response"
    )


def our_replies(rows: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (
            row["id.orig_h"],
            row["id.orig_p"],
            str(row["http_status"]),
            row["response_status"],
            row.get("serial_number"),
            row.get("cert_status"),
        )
        for row in rows
        if "response_status" in row
    )


@pytest.mark.needs("shared/corpus/ocsp_truth.json")
def test_every_message_of_the_truth_is_decoded(shared: Path) -> None:
    truth = json.loads((shared / "corpus" / "ocsp_truth.json").read_text())
    assert sum(map(len, truth.values())) == 39
    for name, messages in truth.items():
        rows = exchanges(shared / "corpus" / "captures" / name)
        assert our_requests(rows) == truth_requests(messages), name
        assert our_replies(rows) == truth_replies(messages), name


@pytest.mark.needs("shared/corpus/ocsp_truth.json")
def test_no_false_ocsp(shared: Path) -> None:
    corpus = shared / "corpus"
    truth = json.loads((corpus / "ocsp_truth.json").read_text())
    folder = corpus / "captures"
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = str(path.relative_to(folder))
        if name not in truth:
            rows = exchanges(path)
            if rows:
                found[name] = [
                    (row["host"], row.get("serial_number"), row["response_status"], row.get("cert_status"))
                    for row in rows
                ]
    assert found == NOT_IN_THE_TRUTH
