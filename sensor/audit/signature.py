"""Who signed a reply, and whether they may: RFC 6960 3.2 (2) to (4), 4.2.2.2; or why that was not checked.

A verdict is remembered by a digest of what it is about; how many new ones are reached in a second of packet time is
limited, since each takes as long as the rest of the work for several transactions.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from sensor.audit.findings import BITS, Finding
from sensor.audit.signer import Signer, decode_signer
from sensor.ct.lookup import CtLookup, Found, Issuer, NotFound
from sensor.ocsp.model import CertId, OcspResponse
from sensor.pki.signatures import SignatureCheck, check_signature, is_weak_key, signature_digest
from sensor.settings import AuditSettings

if TYPE_CHECKING:  # for several workers only
    from sensor.audit.shared import SharedVerdicts

ALWAYS: Final = (-(1 << 80), 1 << 80)
"""A time without end, in nanoseconds: a CA that signs by itself is trusted because it is in the store."""

_MAX_CERTS = 16  # of one reply that are looked at
_MAX_TRIED = 4  # keys that are tried on one signature
_BURST_S = 10
_NANOSECONDS = 10**9
_OLD_DIGESTS = frozenset({"md5", "sha1"})

_OFF = BITS[Finding.signature_not_checked_off]
_BUDGET = BITS[Finding.signature_not_checked_budget]
_ISSUER_UNKNOWN = BITS[Finding.signature_not_checked_issuer_unknown]
_LOOKUP_FAILED = BITS[Finding.signature_not_checked_lookup_failed]
_SIGNER_UNKNOWN = BITS[Finding.signature_not_checked_signer_unknown]
_SIGNER_UNREADABLE = BITS[Finding.signature_not_checked_signer_unreadable]
_TOO_MANY_SIGNERS = BITS[Finding.signature_not_checked_too_many_signers]
_ENCODING = BITS[Finding.signature_not_checked_encoding]
_INVALID = BITS[Finding.signature_invalid]
_NOT_CHECKED = {
    SignatureCheck.algorithm: BITS[Finding.signature_not_checked_algorithm],
    SignatureCheck.key: BITS[Finding.signature_not_checked_key],
}


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What was found about a signature, as bits; from when to when (nanoseconds) the delegate's certificate holds, if
    one signed. One that is not `final` may be another next time, without a change of the reply."""

    bits: int
    not_before: int = ALWAYS[0]
    not_after: int = ALWAYS[1]
    final: bool = True


_IS_OFF = Verdict(_OFF)
_OVER_BUDGET = Verdict(_BUDGET, final=False)
_NO_ISSUER = Verdict(_ISSUER_UNKNOWN, final=False)
_NO_ANSWER = Verdict(_LOOKUP_FAILED, final=False)


class SignatureChecker:
    """Checks the signatures of replies.

    At most `settings.signatures_per_s` new ones a second; what is not used in quiet times is there later, up to ten
    seconds' worth. `settings.max_verdicts` are remembered; the longest unused is forgotten. `checked` counts new ones,
    `over_budget` those that were not; `forgotten` verdicts had to go.
    """

    def __init__(self, settings: AuditSettings, lookup: CtLookup) -> None:
        self._lookup = lookup
        self._rate = float(settings.signatures_per_s)
        self._max = settings.max_verdicts
        self._left = self._rate * _BURST_S
        self._filled_at: int | None = None
        self._verdicts: OrderedDict[bytes, Verdict] = OrderedDict()
        self._shared: SharedVerdicts | None = None
        self.checked = 0
        self.over_budget = 0
        self.forgotten = 0

    def take_part(self, parts: int, shared: SharedVerdicts | None = None) -> None:
        """From now on this is one of several that together check no more than one may: each gets its part.

        While none of them is over its budget, one alone would not be over its own: therefore a verdict that was found
        among the `shared` ones of all is paid for, too.
        """
        self._shared = shared
        self._rate /= parts
        self._left /= parts

    def check(self, response: OcspResponse, cert_id: CertId | None, now: int) -> Verdict:
        """The verdict on a successful reply, where the CA is the one that `cert_id` names."""
        if not self._rate:
            return _IS_OFF
        if cert_id is None:
            return _NO_ISSUER
        answer = self._lookup.lookup([cert_id])[0]
        if not isinstance(answer, Found | NotFound):
            return _NO_ANSWER
        if answer.issuer is None:
            return _NO_ISSUER
        digest = _digest(response, cert_id)
        verdict = self._verdicts.get(digest)
        if verdict is not None:
            self._verdicts.move_to_end(digest)
            return verdict
        verdict = self._new(response, answer.issuer, now, digest)
        if verdict.final:
            if len(self._verdicts) >= self._max:
                self._verdicts.popitem(last=False)
                self.forgotten += 1
            self._verdicts[digest] = verdict
        return verdict

    def _new(self, response: OcspResponse, issuer: Issuer, now: int, digest: bytes) -> Verdict:
        certificate = self._lookup.issuer_certificate(issuer)
        ca = None if certificate is None else decode_signer(certificate)
        if ca is None:
            return _NO_ISSUER
        if not self._may_spend(now):
            return _OVER_BUDGET
        self.checked += 1
        if self._shared is None:
            return judge(response, ca)
        known = self._shared.get(digest)
        if known is not None:
            return Verdict(*known)
        verdict = judge(response, ca)
        self._shared.put(digest, (verdict.bits, verdict.not_before, verdict.not_after))
        return verdict

    def _may_spend(self, now: int) -> bool:
        """Takes one from what is left. Time that goes backwards brings nothing."""
        if self._filled_at is None or now > self._filled_at:
            gone = 0 if self._filled_at is None else now - self._filled_at
            self._left = min(self._left + gone * self._rate / _NANOSECONDS, self._rate * _BURST_S)
            self._filled_at = now
        if self._left < 1:
            self.over_budget += 1
            return False
        self._left -= 1
        return True

    def __len__(self) -> int:
        return len(self._verdicts)


def _digest(response: OcspResponse, cert_id: CertId) -> bytes:
    """Of all that a verdict rests on: who is answered for, what is signed, how, and who may have."""
    parts = hashlib.sha256(b"%d." % response.ber)
    for part in (
        cert_id.hash_algorithm.encode(),
        cert_id.issuer_name_hash,
        cert_id.issuer_key_hash,
        response.signature_algorithm_der,
        response.signature,
        response.tbs_der,
        *response.certs,
    ):
        parts.update(b"%d." % len(part))
        parts.update(part)
    return parts.digest()


def judge(response: OcspResponse, ca: Signer) -> Verdict:
    """Whether the CA, or a delegate whose certificate is in the reply, signed it, and may."""
    delegates, unreadable = _delegates(response.certs, ca)
    named = [signer for signer in (ca, *delegates) if response.responder_id in signer.names]
    signer, failure = _find_signer(response, named[:_MAX_TRIED])
    if failure == _INVALID and len(named) > _MAX_TRIED:
        failure = _TOO_MANY_SIGNERS
    bits = 0
    if signer is None and not named:
        signer, _ = _find_signer(response, [ca, *delegates][:_MAX_TRIED])
        failure = _SIGNER_UNREADABLE if unreadable else _SIGNER_UNKNOWN
        bits = BITS[Finding.responder_id_mismatch]
    if signer is None:
        return Verdict(_ENCODING if response.ber else failure)
    if is_weak_key(signer.key_info):
        bits |= BITS[Finding.signer_key_weak]
    if signer.names[0] == ca.names[0]:  # its key's digest
        return Verdict(bits)
    return Verdict(bits | _check_delegate(signer, ca), signer.not_before, signer.not_after)


def _delegates(certs: Sequence[bytes], ca: Signer) -> tuple[list[Signer], bool]:
    """The certificates of other keys than the CA's, and whether some could not be read."""
    read = [decode_signer(der) for der in certs[:_MAX_CERTS]]
    signers = [signer for signer in read if signer is not None and signer.names[0] != ca.names[0]]
    return signers, None in read or len(certs) > _MAX_CERTS


def _find_signer(response: OcspResponse, candidates: Sequence[Signer]) -> tuple[Signer | None, int]:
    """Whose key made the signature; else why none, as bits: not checked by all, or by those who could be, invalid."""
    failure = _INVALID
    for signer in candidates:
        result = check_signature(
            signer.key_info, response.signature_algorithm_der, response.signature, response.tbs_der
        )
        if result is SignatureCheck.valid:
            return signer, 0
        failure = _NOT_CHECKED.get(result, failure)
    return None, failure


_check_issued = lru_cache(maxsize=256)(check_signature)  # a responder sends one delegate's certificate for weeks


def _check_delegate(delegate: Signer, ca: Signer) -> int:
    """RFC 6960 4.2.2.2: issued by this CA, with the key behind the CertID, for this purpose."""
    bits = 0
    issued = _check_issued(ca.key_info, delegate.algorithm, delegate.signature, delegate.signed)
    if issued is SignatureCheck.invalid:
        bits |= BITS[Finding.delegate_wrong_issuer]
    elif issued is not SignatureCheck.valid:
        bits |= BITS[Finding.delegate_not_checked]
    if not delegate.ocsp_signing:
        bits |= BITS[Finding.delegate_eku_missing]
    if not delegate.nocheck:
        bits |= BITS[Finding.delegate_nocheck_missing]
    if delegate.is_ca:
        bits |= BITS[Finding.delegate_is_ca]
    if signature_digest(delegate.algorithm) in _OLD_DIGESTS:
        bits |= BITS[Finding.delegate_sha1]
    return bits
