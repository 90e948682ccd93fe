"""Whether an answer is valid for as long as the Baseline Requirements want it (BR 4.9.9; 4.9.10 before 2025)."""

from __future__ import annotations

from sensor.audit.findings import BITS, Finding
from sensor.ct.lookup import CtLookup, Found
from sensor.ocsp.model import SingleResponse
from sensor.settings import AuditSettings

_SECOND = 10**9
_CA_MAX = 366 * 86400 * _SECOND  # "at least every twelve months", for the status of a CA's certificate


def check_span(single: SingleResponse, settings: AuditSettings, lookup: CtLookup) -> int:
    """The findings, as bits. The interval includes both ends, so it is one second more than their difference.

    The bounds are for subscribers' certificates. Roots answer for months about the CAs below them, so that a
    certificate that is not known is only said to be answered for too long if it is no CA's.
    """
    this_update, next_update = single.this_update, single.next_update
    if this_update is None or next_update is None or next_update < this_update:
        return 0
    span = next_update - this_update + _SECOND
    is_short = span < int(settings.min_validity_s * 1e9)
    if not is_short and span <= int(settings.max_validity_s * 1e9):
        return 0
    answer = lookup.lookup([single.cert_id])[0]
    if isinstance(answer, Found) and answer.certificate.is_ca:
        return BITS[Finding.validity_long] if span > _CA_MAX else 0
    if is_short:
        return BITS[Finding.validity_short]
    if isinstance(answer, Found) or span > _CA_MAX:
        return BITS[Finding.validity_long]
    return BITS[Finding.validity_long_unless_ca]
