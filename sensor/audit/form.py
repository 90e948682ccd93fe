"""What can be said of a reply, and of one answer in it, by itself: its form, its times against each other.

Nothing here knows the packet's time, the request, or a key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sensor.audit.findings import BITS, Finding
from sensor.ocsp.model import CertId, CertStatus, OcspResponse, SingleResponse
from sensor.ocsp.oddities import ASSIGNED
from sensor.pki.signatures import signature_digest

_BASIC: Final = "1.3.6.1.5.5.7.48.1.1"
_CRL_REFERENCE: Final = "1.3.6.1.5.5.7.48.1.3"
_ENTRY_EXTENSIONS: Final = frozenset({"2.5.29.21", "2.5.29.24", "2.5.29.29", "2.5.29.23"})
"""RFC 5280 5.3: reasonCode, invalidityDate, certificateIssuer; and holdInstructionCode of RFC 3280."""
_SHA1: Final = frozenset({"sha1WithRSAEncryption", "sha1WithRSA", "dsaWithSHA1", "ecdsa-with-SHA1"})
_MD5: Final = frozenset({"md2WithRSAEncryption", "md5WithRSAEncryption"})
_REVOKED = CertStatus.revoked
_CONFLICTING, _DUPLICATE = BITS[Finding.answers_conflicting], BITS[Finding.answers_duplicate]


def is_basic(response: OcspResponse) -> bool:
    """Whether the reply is successful and of the one kind whose content is read."""
    return response.status == 0 and response.response_type == _BASIC


def check_form(response: OcspResponse) -> int:
    """The findings, as bits, about the reply as a whole."""
    bits = 0
    if response.nonminimal or response.ber:
        bits |= BITS[Finding.encoding_not_der]
    if response.status:
        if response.status not in ASSIGNED:
            bits |= BITS[Finding.status_unassigned]
        if response.response_type is not None:
            bits |= BITS[Finding.error_with_content]
        return bits
    if response.response_type is None:
        return bits | BITS[Finding.success_without_content]
    if response.response_type != _BASIC:
        return bits | BITS[Finding.response_type_unknown]
    if response.version:
        bits |= BITS[Finding.version_unknown]
    if not response.responses_total:
        bits |= BITS[Finding.answers_missing]
    elif response.responses_total != len(response.responses):
        bits |= BITS[Finding.answers_not_checked_limit]
    algorithm = response.signature_algorithm
    if algorithm in _SHA1 or (
        algorithm == "rsassaPss" and signature_digest(response.signature_algorithm_der) == "sha1"
    ):
        bits |= BITS[Finding.signature_sha1]
    elif algorithm in _MD5:
        bits |= BITS[Finding.signature_md5]
    return bits


def check_answer(response: OcspResponse, single: SingleResponse, skew: int) -> int:
    """The findings, as bits, about one answer of a reply; `skew` in nanoseconds. Its validity is `check_span`'s,
    whether it is the only one `check_repeats`'."""
    bits = 0
    this_update, next_update, produced_at = single.this_update, single.next_update, response.produced_at
    if single.bad_times or response.bad_times:
        bits |= BITS[Finding.times_not_checked_unreadable]
    elif next_update is None:
        bits |= BITS[Finding.next_update_missing]
    if this_update is not None:
        if next_update is not None and next_update < this_update:
            bits |= BITS[Finding.next_update_before_this_update]
        if produced_at is not None and produced_at < this_update - skew:
            bits |= BITS[Finding.produced_at_before_this_update]
    if next_update is not None and produced_at is not None and produced_at > next_update:
        bits |= BITS[Finding.produced_at_after_next_update]
    if single.cert_status is _REVOKED:
        bits |= _check_never_issued(response, single)
    return bits


def check_repeats(response: OcspResponse, one_of: Callable[[CertId], CertId]) -> dict[CertId, int]:
    """For each CertID that is answered for: the findings, as bits, about its certificate's being so several times.

    `one_of`: the CertID that all of a certificate stand for. To be answered for under several hashes is no repetition,
    if it is alike (RFC 9919 3.2.1). OpenSSL and Zeek take the first answer; whether others agree, clients differ.
    """
    first: dict[CertId, SingleResponse] = {}
    repeats: dict[CertId, int] = {}
    conflicting: set[CertId] = set()
    for single in response.responses:
        cert_id = single.cert_id
        certificate = one_of(cert_id)
        before = first.setdefault(certificate, single)
        if before.cert_status is not single.cert_status or before.revocation_time != single.revocation_time:
            conflicting.add(certificate)
        repeats[cert_id] = _DUPLICATE if cert_id in repeats else 0
    for cert_id in repeats if conflicting else ():
        if one_of(cert_id) in conflicting:
            repeats[cert_id] = _CONFLICTING
    return repeats


def _check_never_issued(response: OcspResponse, single: SingleResponse) -> int:
    """RFC 6960 2.2: "revoked" for a certificate that the CA never issued."""
    if single.revocation_time != 0:  # 1970-01-01T00:00:00Z
        return 0
    extensions = single.extensions
    if (
        single.revocation_reason == "certificateHold"
        and response.extended_revoke
        and _CRL_REFERENCE not in extensions
        and _ENTRY_EXTENSIONS.isdisjoint(extensions)
    ):
        return BITS[Finding.never_issued]
    return BITS[Finding.never_issued_malformed]
