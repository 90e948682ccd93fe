"""Observations as a pipeline would hand them to a summary, made up: an office morning."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from sensor.flow.conn import Connection
from sensor.http.transaction import BodyFile, HttpResponse, HttpTransaction, NotKept
from sensor.ocsp.model import (
    CertId,
    CertStatus,
    Evidence,
    OcspExchange,
    OcspRequest,
    OcspResponse,
    RequestTraits,
    SingleResponse,
)
from sensor.privacy.leak import Grade, Leak
from sensor.report.summary import FileRead, Summary
from sensor.weird import FlowId, Weird

START = 1_779_955_212_000_000_000  # 2026-05-28 08:00:12 UTC
SECOND = 1_000_000_000
DAY = 86400 * SECOND
TRUST = "CN=Example Trust TLS RSA CA G2,O=Example Trust Ltd,C=NL"
R9 = "CN=R9,O=Encrypt Everything,C=US"


def connection(port: int, service: str | None, missed: int = 0, client: str = "10.1.0.21") -> Connection:
    flow = FlowId("Cx", client, 50000, "198.51.100.7", port)
    return Connection(flow, START, service, SECOND, 1, 1, "SF", missed, "ShADadFf", 1, 1, 1, 1)


def transaction(mime: str | None, *, files: bool = True, reply: bool = True) -> HttpTransaction:
    flow = FlowId("Cx", "10.1.0.21", 50000, "198.51.100.7", 80)
    body = BodyFile("Fx", False, 1, START, START, mime, None, None, 9, 9, 0, 0, False, NotKept.UNWANTED)
    response = HttpResponse(START, "1.1", 200, b"OK", (), (body,) if files else (), 9, True) if reply else None
    return HttpTransaction(flow, START, 1, None, response)


def exchange(
    client: str,
    serial: str,
    *,
    host: bytes | None = b"ocsp.trust.example",
    status: CertStatus | None = CertStatus.good,
    error: int = 0,
    replied: bool = True,
    http_status: int | None = 200,
    delay_ms: int = 20,
    valid_days: int | None = 7,
    evidence: Evidence = Evidence.both,
) -> OcspExchange:
    cert_id = CertId("sha1", b"n" * 20, b"k" * 20, serial)
    asked = (
        None
        if evidence is Evidence.response
        else OcspRequest(0, (cert_id,), 1, None, None, False, (), RequestTraits(False, True))
    )
    single = None
    if replied and status is not None and not error:
        until = None if valid_days is None else START + valid_days * DAY
        single = SingleResponse(cert_id, status, None, None, START, until)
    return OcspExchange(
        FlowId("Cx", client, 50000, "192.0.2.80", 80),
        START,
        cert_id,
        evidence,
        "GET",
        host,
        b"/",
        None,
        "1.1",
        http_status if replied else None,
        asked,
        OcspResponse(error) if replied and http_status == 200 else None,
        single,
        None,
        None,
        START + delay_ms * 1_000_000 if replied else None,
    )


def leak(
    client: str,
    grade: Grade,
    site: str | None,
    serial: str = "0A",
    *,
    sites_total: int = 1,
    names: tuple[str, ...] = (),
    issuer: str | None = TRUST,
    software: str = "Windows CryptoAPI",
    times_seen: int = 1,
    status: CertStatus = CertStatus.good,
    evidence: Evidence = Evidence.both,
) -> Leak:
    made = exchange(client, serial, status=status, evidence=evidence)
    return Leak(
        START,
        made.flow,
        "ocsp",
        serial,
        issuer,
        site,
        names,
        len(names),
        sites_total,
        grade,
        None,
        None,
        None,
        software,
        evidence,
        times_seen,
        made,
    )


def _connections() -> Iterator[Connection]:
    for port, service, times in (
        (443, "ssl", 1203),
        (80, "http", 321),
        (3128, "http", 77),
        (22, "ssh", 12),
        (8443, "ssl", 9),
        (445, None, 7),
        (5223, "ssl", 5),
        (2560, "http", 3),
    ):
        for n in range(times):
            yield connection(port, service, 1460 if port == 80 and n < 2 else 0)
    for port in range(40000, 40020):
        yield connection(port, None)


def _transactions() -> Iterator[HttpTransaction]:
    for mime, times in (
        ("text/html", 143),
        ("application/ocsp-response", 61),
        ("image/jpeg", 55),
        ("application/pkix-crl", 6),
        ("application/vnd.ms-cab-compressed", 4),
        (None, 17),
    ):
        for _ in range(times):
            yield transaction(mime)
    for _ in range(29):
        yield transaction(None, files=False)
    for _ in range(4):
        yield transaction(None, reply=False)


def _exchanges() -> Iterator[OcspExchange]:
    for n in range(31):
        yield exchange("10.1.0.21", "0A", delay_ms=15 + n)
    yield exchange("10.1.0.21", "0B", status=CertStatus.revoked)
    yield exchange("10.1.0.22", "0C", error=6)
    yield exchange("10.1.0.22", "0C", error=3)
    yield exchange("10.1.0.22", "0D", replied=False)
    for _ in range(9):
        yield exchange("10.1.0.23", "0E", host=b"r9.o.encrypt.example", valid_days=4, delay_ms=8)
    for _ in range(3):
        yield exchange("10.1.0.23", "0E", host=b"r9.o.encrypt.example", status=None, http_status=304, valid_days=None)
    for _ in range(5):
        yield exchange("10.1.0.24", "0F", host=b"ocsp.corp.example:2560", valid_days=None, delay_ms=2)
    yield exchange("10.1.0.24", "10", host=b"ocsp.corp.example:2560", status=CertStatus.unknown, valid_days=None)
    yield exchange("10.1.0.25", "11", host=b"evil\x1b[2J\xff.example", status=None, http_status=503)


def _leaks() -> Iterator[Leak]:
    for n in range(1, 4):
        yield leak("10.1.0.21", Grade.exact, "onlinebank.example", "0A", times_seen=n)
    yield leak("10.1.0.21", Grade.exact, "clinic-for-something.example", "0B", status=CertStatus.revoked)
    yield leak("10.1.0.21", Grade.few, "webshop.example", "0C", sites_total=4)
    yield leak("10.1.0.21", Grade.many, "cdn-front.example", "0D", sites_total=87)
    yield leak("10.1.0.21", Grade.ca, None, "07", names=("Example Trust TLS RSA CA G2",), sites_total=0)
    trustd = "Apple trustd 2"
    yield leak("10.1.0.22", Grade.exact, "forum.example.org", "20", software=trustd)
    yield leak("10.1.0.22", Grade.exact, "news.example.co.uk", "21", software=trustd)
    for serial in ("04EFBAC2A12A30D9CDB4F6BC683DDFFC693A", "0311AE77D0C2F1FB7C6A1D2B10AFB8F3E0F1"):
        yield leak("10.1.0.22", Grade.unlisted, None, serial, issuer=R9, software=trustd, sites_total=0)
    yield leak("10.1.0.22", Grade.many, "github.io", "22", software=trustd)
    yield leak("10.1.0.23", Grade.exact, "onlinebank.example", "0A", software="Firefox")
    yield leak("10.1.0.23", Grade.few, "webshop.example", "0C", sites_total=4, software="Firefox")
    yield leak("10.1.0.23", Grade.unlisted, None, "0A" * 16, issuer=None, software="curl", sites_total=0)
    yield leak("10.1.0.24", Grade.exact, "intranet.corp", "0F", software="Java")
    unasked = Evidence.response
    yield leak(
        "2001:db8:1::25", Grade.exact, "evil\x1b[2J\u202egnp.example", "11", software="unknown", evidence=unasked
    )
    yield leak("10.1.0.200", Grade.exact, "www-front.example", "30", software="nginx stapling")


@pytest.fixture
def make() -> SimpleNamespace:
    """The builders of single observations."""
    return SimpleNamespace(connection=connection, transaction=transaction, exchange=exchange, leak=leak)


@pytest.fixture
def office() -> Summary:
    """Six clients, ten sites, two damaged inputs, and some hostile names."""
    summary = Summary()
    summary.feed(
        [
            FileRead("office-0800.pcapng", 120431, 88_240_113, START, START + 3600 * SECOND),
            FileRead(
                "office-0900.pcap.gz",
                3210,
                1_101_234,
                START + 3601 * SECOND,
                START + 6102 * SECOND,
                ("cut short: the record at byte 1,101,210 claims 1,514 bytes and 8 are there",),
            ),
            FileRead(
                "captures/\x1b]0;x\x07.pcap", 40, 4000, START, START + SECOND, ("gzip: checksum differs at the end",)
            ),
        ]
    )
    for stream in (_connections(), _transactions(), _exchanges(), _leaks()):
        summary.feed(stream)
    summary.feed([Weird(START, "data_before_established", FlowId("C", "10.1.0.21", 1, "192.0.2.1", 80))] * 12)
    summary.feed([Weird(START, "unknown_link_type", None, "147")] * 3)
    summary.lookups_failed = 2
    summary.discarded = {"too_late": 1460, "behind_fin": 10}
    return summary
