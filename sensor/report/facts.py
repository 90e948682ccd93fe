"""An observation in, what the summary counts of it out: plain values, which can go from one process to another."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.audit.findings import GRAVE, Audit, Finding
from sensor.audit.history import whose
from sensor.flow.conn import Connection
from sensor.http.transaction import HttpTransaction
from sensor.ocsp.model import CertStatus, Evidence, OcspExchange, ResponseStatus
from sensor.privacy.leak import Grade, Leak
from sensor.report.text import common_name

# What a line about a client is about: so many sites, or one of these.
CA, UNLISTED, MANY = -1, -2, -3

NO_REPLY = "(no reply)"
NO_BODY = "(no body)"
NO_TYPE = "(type unknown)"

# In locals of this module: an enum's attribute costs more than the comparison.
_MANY, _CA, _UNLISTED = Grade.many, Grade.ca, Grade.unlisted
_REVOKED, _RESPONSE = CertStatus.revoked, Evidence.response

Fact = int | str | bytes | bool | None


def of_connection(connection: Connection) -> tuple[int, str | None, int]:
    """Port, service, missed bytes."""
    return connection.flow.resp_p, connection.service, connection.missed_bytes


def of_transaction(transaction: HttpTransaction) -> tuple[str]:
    """The reply's MIME type."""
    response = transaction.response
    if response is None:
        return (NO_REPLY,)
    if not response.files:
        return (NO_BODY,)
    return (response.files[0].mime_type or NO_TYPE,)


def of_exchange(exchange: OcspExchange) -> tuple[bytes, str, int | None, int | None]:
    """The responder's name, what it answered, for how long that is valid, and how long it took (nanoseconds)."""
    name = exchange.host
    host = exchange.flow.resp_h.encode() if name is None else name.lower().removesuffix(b":80")
    validity = delay = None
    single = exchange.single
    if single is not None and single.this_update is not None and single.next_update is not None:
        validity = single.next_update - single.this_update
    if exchange.response_ts is not None and exchange.request is not None:
        delay = exchange.response_ts - exchange.ts
    return host, answer_of(exchange), validity, delay


def of_audits(
    exchanges: Sequence[OcspExchange], audits: Sequence[Audit | None]
) -> tuple[int, list[tuple[bytes, str, Finding]]]:
    """How many replies were audited, and what is to be told of which."""
    audited = 0
    found = []
    for exchange, audit in zip(exchanges, audits, strict=True):
        if audit is not None:
            audited += 1
            for finding in audit:
                if finding in GRAVE:
                    found.append((*whose(exchange), finding))
    return audited, found


def of_leak(leak: Leak) -> tuple[str, str, str, str, int, str | None, str | None, int, bool, bool]:
    """Client, software, grade, the line's label and what it is about, issuer, serial number, sites, whether it was
    asked about, and whether it is revoked."""
    grade = leak.grade
    if grade is _UNLISTED and leak.serial_number is None:
        ca = common_name(leak.issuer) if leak.issuer else "an unknown issuer"
        label, kind = f"a CRL of {ca}", UNLISTED
    elif grade is _UNLISTED:
        label, kind = leak.issuer or "", UNLISTED
    elif grade is _CA:
        label, kind = leak.names[0], CA
    else:
        label, kind = leak.site or "", MANY if grade is _MANY else leak.sites_total
    single = leak.exchange.single
    return (
        leak.flow.orig_h,
        leak.software,
        grade.value,
        label,
        kind,
        leak.issuer,
        leak.serial_number,
        leak.sites_total,
        leak.evidence is not _RESPONSE,
        single is not None and single.cert_status is _REVOKED,
    )


def answer_of(exchange: OcspExchange) -> str:
    """The outcome in a word or two."""
    response = exchange.response
    if exchange.evidence is Evidence.mismatch:
        return "mismatched"
    if exchange.single is not None:
        return exchange.single.cert_status.value
    if response is not None and response.status:
        names = ResponseStatus.__members__.values()
        return next((s.name for s in names if s == response.status), f"status {response.status}")
    if response is not None:
        return "no status"
    if exchange.http_status is None:
        return "no reply"
    return "not modified" if exchange.http_status == 304 else f"http {exchange.http_status}"
