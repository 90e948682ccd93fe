"""What an audit of an OCSP reply can find: a closed set, whose names are what logs and rules say.

A name, once released, keeps its meaning. docs/audit.md is made from here (`python -m sensor.audit.reference`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final


class Finding(enum.Enum):
    """The string under each member is its meaning and where that is laid down; BR: the CA/Browser Forum's Baseline
    Requirements for TLS certificates. "Long ago", "ahead" and "over" are in packet time, beyond `audit.skew_s`."""

    # The signature and who made it.
    signature_invalid = "signature_invalid"
    """The signature is not one by the key that should have made it. RFC 6960 3.2 (2)"""
    signature_not_checked_off = "signature_not_checked:off"
    """Not checked, because `audit.signatures_per_s` is 0."""
    signature_not_checked_budget = "signature_not_checked:budget"
    """Not checked, because `audit.signatures_per_s` was used up."""
    signature_not_checked_issuer_unknown = "signature_not_checked:issuer_unknown"
    """Not checked, because the CA's certificate is neither in the look-up cache nor vouched for by one that is."""
    signature_not_checked_lookup_failed = "signature_not_checked:lookup_failed"
    """Not checked, because the look-up cache could not be asked."""
    signature_not_checked_signer_unknown = "signature_not_checked:signer_unknown"
    """Not checked, because neither the CA nor a certificate in the reply is the responder that the reply names.
    RFC 6960 4.2.1, RFC 9919 3.2.2"""
    signature_not_checked_signer_unreadable = "signature_not_checked:signer_unreadable"
    """Not checked, because a certificate in the reply that may be the signer's cannot be read."""
    signature_not_checked_too_many_signers = "signature_not_checked:too_many_signers"
    """Not checked, because more certificates in the reply are of the responder's name than are tried, and none of the
    keys tried made the signature."""
    signature_not_checked_algorithm = "signature_not_checked:algorithm"
    """Not checked, because the algorithm is not one of RSA (PKCS #1 v1.5, PSS), ECDSA, Ed25519, Ed448, with SHA-1 or
    SHA-2, or does not fit the key."""
    signature_not_checked_key = "signature_not_checked:key"
    """Not checked, because the signer's key cannot be used: damaged, of an unknown kind or curve, or too large."""
    signature_not_checked_encoding = "signature_not_checked:encoding"
    """Not checked, because the reply is not in DER and what was signed can only be guessed. RFC 6960 4.2.1"""
    signature_sha1 = "signature_sha1"
    """Signed over SHA-1. BR 7.1.3.2.1 (forbidden since 2022-06-01), RFC 9155"""
    signature_md5 = "signature_md5"
    """Signed over MD5, or its forerunners MD2 and MD4. RFC 6151"""
    signer_key_weak = "signer_key_weak"
    """The signer's key is RSA below 2,048 bits or on a curve below 256 bits. BR 6.1.5"""
    responder_id_mismatch = "responder_id_mismatch"
    """The reply names another responder than the key that signed it. RFC 6960 4.2.2.3"""

    # A delegate: the certificate in the reply whose key signed it.
    delegate_wrong_issuer = "delegate_wrong_issuer"
    """The delegate's certificate is not signed by the key of the CA that is answered for. RFC 6960 4.2.2.2"""
    responder_not_authoritative = "responder_not_authoritative"
    """Answers "unknown" about a certificate of another CA than the one whose responder it is: signed, but by nobody
    whom that CA appointed. RFC 6960 2.2 (as it should)"""
    delegate_not_checked = "delegate_not_checked"
    """Whether the CA signed the delegate's certificate cannot be checked: algorithm or key."""
    delegate_eku_missing = "delegate_eku_missing"
    """The delegate's certificate lacks the extended key usage id-kp-OCSPSigning. RFC 6960 4.2.2.2"""
    delegate_expired = "delegate_expired"
    """The delegate's certificate expired long ago. RFC 6960 4.2.2.2, RFC 5280 4.1.2.5"""
    delegate_not_yet_valid = "delegate_not_yet_valid"
    """The delegate's certificate begins to be valid ahead of time. RFC 5280 4.1.2.5"""
    delegate_nocheck_missing = "delegate_nocheck_missing"
    """The delegate's certificate lacks id-pkix-ocsp-nocheck: clients have to find out whether it is revoked.
    RFC 6960 4.2.2.2.1, BR 7.1.2.8"""
    delegate_is_ca = "delegate_is_ca"
    """The delegate's certificate is a CA's: whoever holds it can also answer for its siblings. BR 7.1.2.8"""
    delegate_sha1 = "delegate_sha1"
    """The delegate's certificate is signed over SHA-1 or MD5. BR 7.1.3.2.1"""

    # What is answered.
    certid_serial_mismatch = "certid_serial_mismatch"
    """Answers about another serial number than was asked about. RFC 6960 3.2 (1)"""
    certid_issuer_name_mismatch = "certid_issuer_name_mismatch"
    """... the serial number asked about, but under another issuer's name."""
    certid_issuer_key_mismatch = "certid_issuer_key_mismatch"
    """... the serial number asked about, but under another issuer's key."""
    certid_hash_mismatch = "certid_hash_mismatch"
    """... the serial number asked about, but with hashes of another algorithm, which many clients do not recognise.
    RFC 9919 3.2.1"""
    certid_unasked = "certid_unasked"
    """A further answer, about a certificate that was not asked about. RFC 6960 4.2.2.3 (should not)"""
    certid_not_answered = "certid_not_answered"
    """The reply is successful and has no answer about this certificate. RFC 6960 4.2.2.3 (must)"""
    answers_duplicate = "answers_duplicate"
    """The same CertID is answered for several times alike."""
    answers_conflicting = "answers_conflicting"
    """The same CertID is answered for several times, with different statuses."""
    never_issued = "never_issued"
    """Revoked in the form that means: never issued (certificateHold since 1970-01-01). RFC 6960 2.2, 4.4.8"""
    never_issued_malformed = "never_issued_malformed"
    """Revoked since 1970-01-01, but without the reason or the extendedRevoke extension that go with it, or with CRL
    references or entry extensions that must not. RFC 6960 2.2, 4.4.8"""
    revocation_time_future = "revocation_time_future"
    """Revoked at a time that is ahead."""

    # Over time: what was said before of the same certificate, by replies whose signature was verified.
    status_undone = "status_undone"
    """No longer revoked, by newer information than that which said so; only a hold can end. RFC 5280 5.3.1"""
    status_outdated = "status_outdated"
    """Not revoked, by older information than that which said so before: a stale cache, or a replay. RFC 6960 5"""
    status_conflicting = "status_conflicting"
    """Another status than was given before, as of the same moment."""

    # Times.
    this_update_future = "this_update_future"
    """thisUpdate is ahead. RFC 6960 3.2 (5), 4.2.2.1"""
    next_update_past = "next_update_past"
    """nextUpdate was long ago: expired information. RFC 6960 3.2 (6), 4.2.2.1"""
    next_update_missing = "next_update_missing"
    """No nextUpdate. RFC 9919 3.2.4 (must be there), RFC 6960 4.2.2.1 (newer information is always there)"""
    next_update_before_this_update = "next_update_before_this_update"
    """nextUpdate is before thisUpdate."""
    validity_short = "validity_short"
    """Valid for less than `audit.min_validity_s`, and not known to be about a CA. BR 4.9.9 (8 hours at least)"""
    validity_long = "validity_long"
    """Valid for more than `audit.max_validity_s`; about a CA, for more than a year. BR 4.9.9 (10 days, 12 months)"""
    validity_long_unless_ca = "validity_long_unless_ca"
    """Valid for more than `audit.max_validity_s` and at most a year, and the certificate is not in the look-up cache:
    too long unless it is a CA's. BR 4.9.9"""
    produced_at_future = "produced_at_future"
    """producedAt is ahead. RFC 6960 2.4"""
    produced_at_before_this_update = "produced_at_before_this_update"
    """Signed before thisUpdate: the status of a time to come. RFC 6960 2.4, 2.5"""
    produced_at_after_next_update = "produced_at_after_next_update"
    """Signed after nextUpdate: expired when it was made."""
    times_not_checked_unreadable = "times_not_checked:unreadable"
    """Some time of this answer, or producedAt, cannot be read, so nothing is said of it. RFC 6960 4.2.2.1"""
    times_not_checked_packet_time = "times_not_checked:packet_time"
    """Not compared with the packet's time, because that is before 1999, when OCSP began: the capture has no clock."""

    # Nonce.
    nonce_missing = "nonce_missing"
    """The request's nonce is not answered: a replay would look the same. RFC 9654 2.1 (allowed)"""
    nonce_mismatch = "nonce_mismatch"
    """The reply has another nonce than the request. RFC 9654 2.1"""
    nonce_unasked = "nonce_unasked"
    """The reply has a nonce though the request has none: made for someone else's request. RFC 9654 2.1"""
    nonce_length = "nonce_length"
    """A nonce, in request or reply, of no octets or of more than 128. RFC 9654 2.1"""

    # HTTP caching. These headers are unauthenticated.
    cache_max_age_beyond_next_update = "cache_max_age_beyond_next_update"
    """max-age lets caches keep the reply for longer than it is valid. RFC 9919 7.2"""
    cache_expires_beyond_next_update = "cache_expires_beyond_next_update"
    """Expires, where there is no max-age, is after nextUpdate. RFC 9919 7.2"""
    cache_forbidden = "cache_forbidden"
    """no-cache or no-store for a successful reply to a GET, without nonce. RFC 9919 7.2, RFC 5019 6.2 (what answers a
    POST is hardly ever cached, and may say what it likes: RFC 9110 9.3.3)"""
    cache_etag_mismatch = "cache_etag_mismatch"
    """The ETag has the form of the hash of the reply that it should be, and is another. RFC 9919 7.2, RFC 5019 6.2"""
    cache_last_modified_early = "cache_last_modified_early"
    """Last-Modified is before thisUpdate: a conditional request can miss this reply. RFC 9919 7.2"""
    cache_stale = "cache_stale"
    """Age is beyond max-age: a cache gave out what it should have fetched anew. RFC 9111 4.2"""

    # The form of the reply.
    status_unassigned = "status_unassigned"
    """A responseStatus that is not assigned: 4, or above 6. RFC 6960 4.2.1"""
    error_with_content = "error_with_content"
    """An error status with responseBytes, which errors do not have. RFC 6960 4.2.1"""
    success_without_content = "success_without_content"
    """Successful, and no responseBytes. RFC 6960 4.2.1"""
    response_type_unknown = "response_type_unknown"
    """The responseType is not id-pkix-ocsp-basic: nothing in it is checked. RFC 6960 4.2.1"""
    version_unknown = "version_unknown"
    """Not version 1. RFC 6960 4.2.1"""
    answers_missing = "answers_missing"
    """Successful, and not one SingleResponse. RFC 6960 4.2.2.3"""
    answers_not_checked_limit = "answers_not_checked:limit"
    """More SingleResponses than `ocsp.max_cert_ids`: those beyond are not checked."""
    encoding_not_der = "encoding_not_der"
    """Not DER: lengths or integers not in the shortest form, or indefinite lengths. RFC 6960 4.2.1"""


Audit = tuple[Finding, ...]
"""The findings about one exchange, in the order of the enumeration; one object for each set of findings."""

FINDINGS: Final = tuple(Finding)

BITS: Final = {finding: 1 << place for place, finding in enumerate(FINDINGS)}
"""The checks hand on sets of findings as the bits of one integer."""

UNVERIFIED: Final = frozenset(
    {
        *(finding for finding in FINDINGS if finding.name.startswith("signature_not_checked_")),
        Finding.signature_invalid,
        Finding.delegate_wrong_issuer,
        Finding.responder_not_authoritative,
        Finding.delegate_not_checked,
        Finding.delegate_eku_missing,
        Finding.delegate_expired,
        Finding.delegate_not_yet_valid,
    }
)
"""With one of these it is not known that the reply is the CA's word: anybody on the path may have made it."""


def is_verified(audit: Audit) -> bool:
    """Whether the reply is the CA's word: its signature was verified, by a key that may sign for the CA."""
    return UNVERIFIED.isdisjoint(audit)


GRAVE: Final = frozenset(
    {
        Finding.signature_invalid,
        Finding.signature_md5,
        Finding.responder_id_mismatch,
        Finding.delegate_wrong_issuer,
        Finding.delegate_eku_missing,
        Finding.delegate_expired,
        Finding.delegate_not_yet_valid,
        Finding.certid_serial_mismatch,
        Finding.certid_issuer_name_mismatch,
        Finding.certid_issuer_key_mismatch,
        Finding.answers_conflicting,
        Finding.never_issued,
        Finding.status_undone,
        Finding.status_outdated,
        Finding.status_conflicting,
        Finding.this_update_future,
        Finding.next_update_past,
        Finding.next_update_before_this_update,
        Finding.produced_at_future,
        Finding.produced_at_after_next_update,
        Finding.revocation_time_future,
        Finding.nonce_mismatch,
        Finding.error_with_content,
        Finding.success_without_content,
    }
)
"""For which a sound client refuses the reply, or a person should look at it: these are told in the summary."""


def bits_of(findings: Iterable[Finding]) -> int:
    """The findings as bits."""
    bits = 0
    for finding in findings:
        bits |= BITS[finding]
    return bits


def findings_of(bits: int) -> Audit:
    """The findings that `bits` stand for, in the order of the enumeration."""
    return tuple([finding for place, finding in enumerate(FINDINGS) if bits >> place & 1])
