"""Exchanges as records, put together for the audit: sound ones, of which a test changes what it is about."""

from __future__ import annotations

from typing import Any

import msgspec

from sensor.audit.findings import Finding
from sensor.audit.stage import AuditStage
from sensor.ct.lookup import CtLookup
from sensor.ct.memory import MemoryLookup
from sensor.http.transaction import BodyFile, Digests, Header, HttpResponse, HttpTransaction, NotKept
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
from sensor.settings import AuditSettings
from sensor.weird import FlowId

SECOND = 10**9
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NOW = 1_790_000_000 * SECOND
FLOW = FlowId("Cx", "10.0.0.1", 50000, "192.0.2.5", 80)
ASKED = CertId("sha1", b"n" * 20, b"k" * 20, "0A0B")
BASIC = "1.3.6.1.5.5.7.48.1.1"
SINGLE = SingleResponse(ASKED, CertStatus.good, None, None, NOW - HOUR, NOW - HOUR + 7 * DAY)
REPLY = OcspResponse(
    0,
    BASIC,
    0,
    "byKey:00",
    NOW - HOUR,
    (SINGLE,),
    1,
    signature_algorithm="sha256WithRSAEncryption",
    tbs_der=b"0",
)
REQUEST = OcspRequest(0, (ASKED,), 1, None, None, False, (), RequestTraits(False, True))
NEVER = {finding for finding in Finding if finding.value.startswith("signature_not_checked")}
"""What tests leave aside that are not about signatures: nobody signed these."""


def changed(record: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(record, **fields)


def exchange(
    single: SingleResponse | None = SINGLE,
    reply: OcspResponse | None = REPLY,
    request: OcspRequest | None = REQUEST,
    now: int = NOW,
    **fields: Any,
) -> OcspExchange:
    """`single` is put into `reply`, if that has one answer, unless it is there."""
    if reply is REPLY and single is not None:
        reply = changed(REPLY, responses=(single,))
    made = OcspExchange(
        FLOW, now - SECOND, ASKED, Evidence.both, "GET", b"ocsp.example", b"/", None, "1.1", 200,
        request, reply, single, None, "Fx", now,
    )  # fmt: skip
    result: OcspExchange = changed(made, **fields)
    return result


def transaction(*headers: tuple[bytes, bytes], sha1: str = "", sha256: str = "") -> HttpTransaction:
    body = BodyFile(
        "Fx", False, 1, NOW, NOW, "application/ocsp-response", None, None, 9, 9, 0, 0, False, NotKept.UNWANTED,
        Digests("", sha1, sha256),
    )  # fmt: skip
    fields = tuple(Header(name, value) for name, value in headers)
    return HttpTransaction(FLOW, NOW, 1, None, HttpResponse(NOW, "1.1", 200, b"OK", fields, (body,), 9, True))


def new_stage(lookup: CtLookup | None = None, **settings: Any) -> AuditStage:
    return AuditStage(AuditSettings(**settings), lookup or MemoryLookup())


def names(
    *exchanges: OcspExchange, stage: AuditStage | None = None, http: HttpTransaction | None = None
) -> list[set[str] | None]:
    """What is found about each exchange of one transaction, but for signatures that were not checked."""
    audits = (stage or new_stage()).feed(exchanges, http or transaction())
    return [None if audit is None else {finding.value for finding in audit if finding not in NEVER} for audit in audits]


def found(made: OcspExchange, *, http: HttpTransaction | None = None, **settings: Any) -> set[str]:
    """What is found about one exchange by a stage that has seen nothing before."""
    (audit,) = names(made, stage=new_stage(**settings), http=http)
    assert audit is not None
    return audit
