"""An observation in, what the summary counts of it out: plain values, which can go from one process to another.

Compiled where a compiler is found (facts.pxd).
"""

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
_REVOKED, _RESPONSE, _MISMATCH = CertStatus.revoked, Evidence.response, Evidence.mismatch

_grave: dict[int, tuple[Audit, tuple[Finding, ...]]] = {}
"""What is to be told, by the id() of a set of findings: the audit has one object for each set."""
_MAX_GRAVE = 1024
_STATUS = {status.value: status.name for status in ResponseStatus}

Fact = int | str | bytes | bool | None


def of_connection(connection: Connection) -> tuple[int, str | None, int]:
    """Port, service, missed bytes."""
    flow = connection.flow
    return flow.resp_p, connection.service, connection.missed_bytes


def of_transaction(transaction: HttpTransaction) -> tuple[str]:
    """The reply's MIME type."""
    response = transaction.response
    if response is None:
        return (NO_REPLY,)
    if not response.files:
        return (NO_BODY,)
    file = response.files[0]
    return (file.mime_type or NO_TYPE,)


def of_exchange(exchange: OcspExchange) -> tuple[bytes, str, int | None, int | None, str | None]:
    """The responder's name, what it answered, for how long that is valid, and how long it took (nanoseconds); in what
    it can be read otherwise, if it can."""
    name = exchange.host
    if name is None:
        flow = exchange.flow
        host = flow.resp_h.encode()
    else:
        host = name.lower()
        if host.endswith(b":80"):
            host = host[:-3]
    validity = delay = None
    single = exchange.single
    if single is not None and single.this_update is not None and single.next_update is not None:
        validity = single.next_update - single.this_update
    moment = exchange.response_ts
    if moment is not None and exchange.request is not None:
        delay = moment - exchange.ts
    ambiguous = None
    if exchange.ambiguous:
        ambiguous = ", ".join([each.value for each in exchange.ambiguous])
    return host, answer_of(exchange), validity, delay, ambiguous


def of_audits(
    exchanges: Sequence[OcspExchange], audits: Sequence[Audit | None]
) -> tuple[int, list[tuple[bytes, str, Finding]]]:
    """How many replies were audited, and what is to be told of which."""
    audited = 0
    found = []
    for number, audit in enumerate(audits):
        if audit is not None:
            audited += 1
            grave = _to_be_told(audit)
            if grave:
                host, serial = whose(exchanges[number])
                found += [(host, serial, finding) for finding in grave]
    return audited, found


def _to_be_told(audit: Audit) -> tuple[Finding, ...]:
    """Those of its findings that are grave. What is looked at for nearly every reply is remembered."""
    if not audit:
        return ()
    known = _grave.get(id(audit))
    if known is not None and known[0] is audit:
        return known[1]
    if len(_grave) >= _MAX_GRAVE:
        _grave.clear()
    grave = tuple([finding for finding in audit if finding in GRAVE])
    _grave[id(audit)] = audit, grave
    return grave


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
    flow, source, single = leak.flow, leak.exchange, None
    if type(source) is OcspExchange:  # not so of what was fetched
        exchange = source
        single = exchange.single
    return (
        flow.orig_h,
        leak.software,
        grade._value_,  # its property costs ten times as much
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
    response, single = exchange.response, exchange.single
    if exchange.evidence is _MISMATCH:
        return "mismatched"
    if single is not None:
        return single.cert_status._value_
    if response is not None and response.status:
        return _STATUS.get(response.status) or f"status {response.status}"
    if response is not None:
        return "no status"
    if exchange.http_status is None:
        return "no reply"
    return "not modified" if exchange.http_status == 304 else f"http {exchange.http_status}"
