"""The exchanges of every capture in pcaps/ against the ground truth of whoever recorded or crafted it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest

from sensor.capture.inputs import open_inputs
from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import Settings

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
EXPECTED: dict[str, dict[str, Any]] = json.loads((PCAPS / "expected.json").read_text())
FIELDS = (
    "client",
    "server",
    "port",
    "method",
    "host",
    "user_agent",
    "hash_algorithm",
    "issuer_name_hash",
    "issuer_key_hash",
    "serial",
    "nonce",
    "http_status",
    "response_status",
    "cert_status",
    "revocation_reason",
    "evidence",
)
LEFT_OUT = {
    "ocsp/certids-70.pcap": (6, "the 65th and later of the certificates: the limit is 64, and a weird says so"),
    "ocsp/openssl-four-certids.pcap": (1, "it asks twice about the same certificate in one request: one line"),
    "ocsp/singles-sha1-and-sha256.pcap": (1, "one certificate answered for under two hash algorithms: one line"),
}
"""Rows of the ground truth that we log none for, and why."""
OURS = {"client": "id.orig_h", "server": "id.resp_h", "port": "id.resp_p", "serial": "serial_number"}


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


def as_told(row: dict[str, Any]) -> tuple[Any, ...]:
    """One of our lines, in the words of expected.json."""
    told = {field: row.get(OURS.get(field, field)) for field in FIELDS}
    told["nonce"] = "nonce" in row
    return (*told.values(), row.get("uri"))


def as_recorded(row: dict[str, Any]) -> tuple[Any, ...]:
    """One row of expected.json, in the words of our log.

    Evidence is left out there where a reply came that has no CertID: what is sure is the request. A certificate that
    nobody asked for is a mismatch to us. We log the target as Zeek does, decoded.
    """
    evidence = {None: "request", "unasked": "mismatch"}
    told = {field: row.get(field) for field in FIELDS}
    told["nonce"] = bool(row.get("nonce"))
    told["evidence"] = evidence.get(row.get("evidence"), row.get("evidence"))
    uri = row.get("uri")
    return (*told.values(), uri if uri is None else unquote_to_bytes(uri).decode("utf-8", "backslashreplace"))


SECOND_READINGS = {"tcp/overlap-different.pcap": 1, "tcp/overlap-different-request.pcap": 1}
"""What is told of octets that came twice and not as the same, beyond what the first copy says."""


@pytest.mark.parametrize("name", EXPECTED)
def test_exchanges(name: str) -> None:
    want = Counter(map(as_recorded, EXPECTED[name]["exchanges"]))
    got = Counter(map(as_told, exchanges(PCAPS / name)))
    allowed, _ = LEFT_OUT.get(name, (0, ""))
    assert (got - want).total() == SECOND_READINGS.get(name, 0), got - want
    assert (want - got).total() == allowed, want - got


def test_the_ground_truth_is_not_empty() -> None:
    assert sum(len(entry["exchanges"]) for entry in EXPECTED.values()) > 500
    assert set(LEFT_OUT) <= set(EXPECTED)
