"""Whether a CRL that was fetched is sound: its signature by a known CA, its dates, numbers, scope and extensions.

What is remembered of earlier CRLs, and of signatures that were checked, is bounded. A CRL that is evidence of nothing
is not remembered, and one that could not be checked says nothing against one that was.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Collection, Iterable

import msgspec

from sensor.audit.signer import decode_signer
from sensor.ct.lookup import CtLookup, Unavailable
from sensor.fetch.findings import REFUSED, UNVERIFIED, CrlAudit, CrlFinding, Weight, in_order
from sensor.fetch.model import Fetch
from sensor.ocsp.model import CertStatus, SingleResponse
from sensor.pki.certificates import CertificateError, decode_certificate
from sensor.pki.crl import Crl, CrlEnd, CrlEntry, CrlExtensions, CrlHead
from sensor.pki.crl_signature import check_crl_signature
from sensor.pki.names import url_key
from sensor.pki.signatures import SignatureCheck, signature_digest
from sensor.settings import AuditSettings

_MAX_TRIED = 4  # keys of one name that are tried
_MAX_VERDICTS = 4096
_BURST_S = 10
_NANOSECONDS = 10**9
_YEAR = 366 * 86400 * _NANOSECONDS
_NOT_CHECKED = {
    SignatureCheck.algorithm: CrlFinding.signature_not_checked_algorithm,
    SignatureCheck.key: CrlFinding.signature_not_checked_key,
}


class _Earlier(msgspec.Struct, frozen=True, gc=False):
    """The newest CRL of an issuer and scope."""

    number: int | None
    this_update: int
    digest: bytes


class CrlAuditor:
    """Audits CRLs in the order in which they come. `forgotten` counts issuers and scopes given up at `max_crls`."""

    def __init__(self, settings: AuditSettings, max_crls: int, lookup: CtLookup) -> None:
        self._lookup = lookup
        self._skew = int(settings.skew_s * _NANOSECONDS)
        self._max_validity = int(settings.max_validity_s * _NANOSECONDS)
        self._rate = settings.signatures_per_s
        self._left = float(self._rate * _BURST_S)
        self._filled_at: int | None = None
        self._max_crls = max_crls
        self._earlier: OrderedDict[tuple[object, ...], _Earlier] = OrderedDict()
        self._verdicts: OrderedDict[bytes, frozenset[CrlFinding]] = OrderedDict()
        self.forgotten = 0

    def audit(self, fetch: Fetch, crl: Crl, asked: Iterable[tuple[CrlEntry, SingleResponse | None]]) -> CrlAudit:
        """The findings. `asked`: entries about certificates asked about by OCSP, with the last answer to that."""
        head = crl.head
        if head is None:
            return ()
        now = fetch.ts if fetch.response_ts is None else fetch.response_ts
        found = self._check_dates(head, crl.extensions, now)
        found |= self._check_signature(crl, head, now)
        found |= _check_extensions(head, crl.extensions, fetch.url) if crl.end is CrlEnd.whole else set()
        weight = weigh(crl, found, now, self._skew)
        if weight is Weight.none:
            return in_order(found)
        found |= self._check_order(crl, head, weight is Weight.verified)
        for entry, single in asked:
            if single is None or single.cert_status is not CertStatus.good or entry.revocation_time is None:
                continue
            if single.this_update is not None and single.this_update > entry.revocation_time + self._skew:
                found.add(CrlFinding.ocsp_good)
        return in_order(found)

    def _check_dates(self, head: CrlHead, extensions: CrlExtensions, now: int) -> set[CrlFinding]:
        found: set[CrlFinding] = set()
        begin, end = head.this_update, head.next_update
        if head.bad_times:
            found.add(CrlFinding.times_not_checked_unreadable)
        elif end is None:
            found.add(CrlFinding.next_update_missing)
        if begin is not None and begin > now + self._skew:
            found.add(CrlFinding.this_update_future)
        if end is not None and end < now - self._skew:
            found.add(CrlFinding.next_update_past)
        if begin is not None and end is not None:
            scope = extensions.scope
            if end < begin:
                found.add(CrlFinding.next_update_before_this_update)
            elif end - begin > _YEAR:
                found.add(CrlFinding.validity_long)
            elif end - begin > self._max_validity and not (scope is not None and scope.only_ca_certs):
                only_users = scope is not None and scope.only_user_certs
                found.add(CrlFinding.validity_long if only_users else CrlFinding.validity_long_unless_ca)
        return found

    def _check_signature(self, crl: Crl, head: CrlHead, now: int) -> set[CrlFinding]:
        found: set[CrlFinding] = set()
        digest = signature_digest(head.algorithm_der)
        if digest == "sha1":
            found.add(CrlFinding.signature_sha1)
        elif digest == "md5" or "md2" in (crl.signature_algorithm or ""):
            found.add(CrlFinding.signature_md5)
        if crl.end is not CrlEnd.whole:
            return found | {CrlFinding.signature_not_checked_incomplete}
        if crl.algorithm_der != head.algorithm_der:
            found.add(CrlFinding.signature_algorithm_mismatch)
        if not self._rate:
            return found | {CrlFinding.signature_not_checked_off}
        return found | self._verdict(crl, head, now)

    def _verdict(self, crl: Crl, head: CrlHead, now: int) -> frozenset[CrlFinding]:
        """By the CAs of that name; the same CRL is checked once, as long as that came to something."""
        issuers = self._lookup.issuers_named(head.issuer)
        if isinstance(issuers, Unavailable):
            return frozenset({CrlFinding.signature_not_checked_lookup_failed})
        if not issuers:
            return frozenset({CrlFinding.signature_not_checked_issuer_unknown})
        tried = [each.certificate for each in issuers[:_MAX_TRIED]]
        key = _digest_of(crl, tried)
        known = self._verdicts.get(key)
        if known is not None:
            self._verdicts.move_to_end(key)
            return known
        if not self._may_spend(now):
            return frozenset({CrlFinding.signature_not_checked_budget})
        verdict = self._verdicts[key] = frozenset(_judge(crl, tried))
        if len(self._verdicts) > _MAX_VERDICTS:
            self._verdicts.popitem(last=False)
        return verdict

    def _may_spend(self, now: int) -> bool:
        """Takes one check from what is left; as `audit.signature` does for replies, apart from them."""
        if self._filled_at is None or now > self._filled_at:
            gone = 0 if self._filled_at is None else now - self._filled_at
            self._left = min(self._left + gone * self._rate / _NANOSECONDS, float(self._rate * _BURST_S))
            self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _check_order(self, crl: Crl, head: CrlHead, verified: bool) -> set[CrlFinding]:
        """Against the newest CRL of the same issuer, key and scope that was seen before: a verified one if there is."""
        more = crl.extensions
        place = (head.issuer_der, more.authority_key_id, more.scope, more.base_number is not None)
        number = int(more.number, 16) if more.number is not None and more.number[0] != "-" else None
        this = _Earlier(number, head.this_update or 0, _digest_of(crl, ()))
        before = self._earlier.get((True, *place))
        if before is None and not verified:
            before = self._earlier.get((False, *place))
        found: set[CrlFinding] = set()
        if before is not None and before.digest != this.digest:
            numbered = number is not None and before.number is not None
            if this.this_update < before.this_update:
                found.add(CrlFinding.outdated)
            elif numbered and number < before.number:  # type: ignore[operator]  # neither is None
                found.add(CrlFinding.number_backwards)
            if numbered and number == before.number:
                found.add(CrlFinding.number_reused)
        if before is None or this.this_update >= before.this_update:
            self._earlier[verified, *place] = this
            self._earlier.move_to_end((verified, *place))
            if len(self._earlier) > self._max_crls:
                self._earlier.popitem(last=False)
                self.forgotten += 1
        return found


def weigh(crl: Crl, audit: Collection[CrlFinding] | None, now: int, skew: int) -> Weight:
    """What this CRL is worth as evidence at `now`, given what was found about it; None: it was not audited."""
    head = crl.head
    if crl.end is not CrlEnd.whole or head is None or head.this_update is None or head.this_update > now + skew:
        return Weight.none
    if audit is None:
        return Weight.unverified
    if not REFUSED.isdisjoint(audit):
        return Weight.none
    return Weight.verified if UNVERIFIED.isdisjoint(audit) else Weight.unverified


def _check_extensions(head: CrlHead, more: CrlExtensions, url: str) -> set[CrlFinding]:
    """What RFC 5280 5.2 asks for."""
    found: set[CrlFinding] = set()
    if head.version == 1:
        return {CrlFinding.version_1}
    if more.number is None:
        found.add(CrlFinding.number_missing)
    if more.authority_key_id is None:
        found.add(CrlFinding.authority_key_id_missing)
    if more.unknown_critical:
        found.add(CrlFinding.extension_unknown_critical)
    if more.problem is not None:
        found.add(CrlFinding.extension_broken)
    if more.base_number is not None and more.number is not None and int(more.base_number, 16) >= int(more.number, 16):
        found.add(CrlFinding.delta_base_not_below)
    scope = more.scope
    if scope is not None:
        if scope.only_user_certs + scope.only_ca_certs + scope.only_attribute_certs > 1:
            found.add(CrlFinding.scope_contradictory)
        urls = {url_key(name) for name in scope.names if name.lower().startswith(("http://", "https://"))}
        if urls and url and url not in urls:
            found.add(CrlFinding.distribution_point_mismatch)
    return found


def _judge(crl: Crl, certificates: list[bytes]) -> set[CrlFinding]:
    """By the first of these CAs whose key made the signature; else why not."""
    problem = CrlFinding.signature_invalid
    for der in certificates:
        signer = decode_signer(der)
        check = SignatureCheck.key if signer is None else check_crl_signature(crl, signer.key_info)
        if check is SignatureCheck.valid:
            return _check_signer(crl, der)
        problem = _NOT_CHECKED.get(check, problem)
    return {problem}


def _check_signer(crl: Crl, der: bytes) -> set[CrlFinding]:
    """May the CA whose key signed it do so, and is it the one that the CRL names?"""
    try:
        ca = decode_certificate(der, max_names=0)
    except CertificateError:
        return set()
    found: set[CrlFinding] = set()
    if not ca.may_sign_crls:
        found.add(CrlFinding.issuer_may_not_sign)
    named = crl.extensions.authority_key_id
    if named is not None and ca.subject_key_id is not None and named != ca.subject_key_id:
        found.add(CrlFinding.authority_key_id_mismatch)
    return found


def _digest_of(crl: Crl, certificates: Iterable[bytes]) -> bytes:
    """A name for this CRL and these CAs."""
    digest = hashlib.sha256(crl.tbs_digest or crl.tbs or b"")
    for part in (crl.algorithm_der, crl.signature, *certificates):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()
