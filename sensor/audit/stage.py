"""OCSP exchanges in, the findings about each one's reply out. Compiled where a compiler is found (stage.pxd).

What is true of a reply's bytes is worked out once and remembered with them; what depends on the packet's time, the
request, the headers and the past is worked out each time.
"""

from __future__ import annotations

from collections.abc import Sequence

from sensor.audit.caching import check_caching
from sensor.audit.findings import BITS, UNVERIFIED, Audit, Finding, bits_of, findings_of
from sensor.audit.form import check_answer, check_form, check_repeats, is_basic
from sensor.audit.history import History
from sensor.audit.identity import Identity
from sensor.audit.signature import SignatureChecker, Verdict
from sensor.audit.span import check_span
from sensor.ct.lookup import CtLookup
from sensor.http.transaction import HttpTransaction
from sensor.kept import Kept
from sensor.ocsp.model import CertId, CertStatus, Evidence, OcspExchange, OcspRequest, OcspResponse, SingleResponse
from sensor.settings import AuditSettings

_SHA1 = "sha1"
_NO_CERT_ID = CertId(_SHA1, b"", b"", "")
_MAX_STANDING_BYTES = 4096  # of a reply about which something is remembered
_MAX_SETS = 4096
_MAX_NONCE_OCTETS = 128  # RFC 9654 2.1

_LAST = 1 << 62  # the year 2116
_FIRST_OCSP = 915_148_800 * 10**9  # 1999-01-01: RFC 2560 is of that June

_UNKNOWN = CertStatus.unknown
_BOTH = Evidence.both
_WRONG_ISSUER = BITS[Finding.delegate_wrong_issuer]
_OF_DELEGATES = bits_of(finding for finding in Finding if finding.name.startswith("delegate_"))
_NOT_AUTHORITATIVE = BITS[Finding.responder_not_authoritative]
_DUPLICATE = BITS[Finding.answers_duplicate]
_NO_CLOCK = BITS[Finding.times_not_checked_packet_time]
_DELEGATE_EXPIRED = BITS[Finding.delegate_expired]
_DELEGATE_NOT_YET_VALID = BITS[Finding.delegate_not_yet_valid]
_NOT_CREDIBLE = bits_of(UNVERIFIED)
_THIS_UPDATE_FUTURE = BITS[Finding.this_update_future]
_NEXT_UPDATE_PAST = BITS[Finding.next_update_past]
_PRODUCED_AT_FUTURE = BITS[Finding.produced_at_future]
_REVOCATION_TIME_FUTURE = BITS[Finding.revocation_time_future]
_NONCE_MISSING = BITS[Finding.nonce_missing]
_NONCE_MISMATCH = BITS[Finding.nonce_mismatch]
_NONCE_UNASKED = BITS[Finding.nonce_unasked]
_NONCE_LENGTH = BITS[Finding.nonce_length]
_NOT_ANSWERED = BITS[Finding.certid_not_answered]
_UNASKED = BITS[Finding.certid_unasked]
_SERIAL = BITS[Finding.certid_serial_mismatch]
_NAME = BITS[Finding.certid_issuer_name_mismatch]
_KEY = BITS[Finding.certid_issuer_key_mismatch]
_HASH = BITS[Finding.certid_hash_mismatch]


class _Reply:
    """What the answers of one reply have in common: `this_update` is the latest, `next_update` the earliest."""

    __slots__ = ("next_update", "repeats", "response", "this_update")

    def __init__(self, response: OcspResponse, identity: Identity) -> None:
        self.response = response
        self.repeats = check_repeats(response, identity.of)
        self.this_update: int | None = None
        self.next_update: int | None = None
        for answer in response.responses:
            this_update, next_update = answer.this_update, answer.next_update
            if this_update is not None and (self.this_update is None or this_update > self.this_update):
                self.this_update = this_update
            if next_update is not None and (self.next_update is None or next_update < self.next_update):
                self.next_update = next_update


class _Standing:
    """What is found about an answer, or a reply without one, whenever and to whomever it comes.

    Packets from `calm_from` to `calm_until` (nanoseconds, within 63 bits) come when no time of it is to be told of.
    """

    __slots__ = ("basic", "bits", "calm_from", "calm_until", "cert_id", "reply", "response", "single", "verdict")

    def __init__(self, reply: _Reply, single: SingleResponse | None) -> None:
        self.reply = reply
        self.response = reply.response
        self.single = single
        self.cert_id = _NO_CERT_ID if single is None else single.cert_id  # `Identity.of` it, if by SHA-1
        self.basic = is_basic(reply.response)
        self.bits = 0
        self.verdict: Verdict | None = None  # until it is final
        self.calm_from = _FIRST_OCSP
        self.calm_until = _LAST


class AuditStage:
    """Audits the replies of exchanges, transaction by transaction.

    Memory is bounded: what is remembered of replies and sets of findings by the limits above, the past and verdicts by
    the settings.
    """

    def __init__(self, settings: AuditSettings, lookup: CtLookup) -> None:
        self._settings = settings
        self._skew = int(settings.skew_s * 1e9)
        self._lookup = lookup
        self._identity = Identity(lookup)
        self.history = History(settings.max_certificates)
        self.signatures = SignatureChecker(settings, lookup)
        # By an answer, or a reply without one: the decoder gives one record for each distinct message.
        self._standing = Kept()
        self._reply: _Reply | None = None  # the last one
        self._sets: dict[int, Audit] = {0: ()}

    def feed(self, exchanges: Sequence[OcspExchange], transaction: HttpTransaction) -> list[Audit | None]:
        """What was found about each of the `exchanges` of one transaction; None where no reply was seen."""
        audits: list[Audit | None] = []
        shared = 0
        previous: OcspResponse | None = None
        for exchange in exchanges:
            response = exchange.response
            if response is None:
                audits.append(None)
                continue
            single = exchange.single
            standing = self._standing_of(response, single)
            bits = standing.bits
            if standing.basic:
                moment = exchange.response_ts
                now = exchange.ts if moment is None else moment
                if response is not previous:
                    previous = response
                    shared = self._check_transaction(standing, exchange, transaction, now)
                bits |= shared
                verdict = standing.verdict
                if verdict is None:
                    bits |= self._check_signature(standing, now)
                if not standing.calm_from <= now <= standing.calm_until:
                    bits |= self._check_times(standing, now)
                request = exchange.request
                if request is not None and (single is None or exchange.evidence is not _BOTH):
                    bits |= _check_cert_id(exchange, request, standing.reply)
                if single is not None:
                    if bits & _DUPLICATE and request is not None and request.cert_ids.count(single.cert_id) > 1:
                        bits ^= _DUPLICATE  # as asked
                    cert_id = standing.cert_id
                    if cert_id.hash_algorithm != _SHA1:
                        cert_id = standing.cert_id = self._identity.of(cert_id)
                    bits |= self.history.check(response, single, cert_id, not bits & _NOT_CREDIBLE)
            found = self._sets.get(bits)
            audits.append(self._set_of(bits) if found is None else found)
        return audits

    def _set_of(self, bits: int) -> Audit:
        if len(self._sets) >= _MAX_SETS:
            self._sets.clear()
        found = self._sets[bits] = findings_of(bits)
        return found

    def _standing_of(self, response: OcspResponse, single: SingleResponse | None) -> _Standing:
        known: _Standing | None = self._standing.get(response if single is None else single)
        if known is not None and known.response is response:
            return known
        reply = self._reply
        if reply is None or reply.response is not response:
            reply = self._reply = _Reply(response, self._identity)
        made = _Standing(reply, single)
        made.bits = check_form(response)
        if made.basic:
            self._look_at_times(made)
        if single is not None:
            made.bits |= check_answer(response, single, self._skew) | reply.repeats.get(single.cert_id, 0)
            made.bits |= check_span(single, self._settings, self._lookup)
        if len(response.tbs_der) + sum(map(len, response.certs)) <= _MAX_STANDING_BYTES:
            self._standing.put(response if single is None else single, made)
        return made

    def _look_at_times(self, made: _Standing) -> None:
        begins = [made.response.produced_at]
        if made.single is not None:
            begins += [made.single.this_update, made.single.revocation_time]
            if made.single.next_update is not None:
                made.calm_until = _within(made.single.next_update + self._skew)
        made.calm_from = max(
            _within(begin - self._skew) for begin in [_FIRST_OCSP + self._skew, *begins] if begin is not None
        )

    def _check_signature(self, standing: _Standing, now: int) -> int:
        """What is found about the signature; put into `standing` if it stays so."""
        response = standing.response
        single = standing.single or (response.responses[0] if response.responses else None)
        verdict = self.signatures.check(response, None if single is None else single.cert_id, now)
        bits = verdict.bits
        if bits & _WRONG_ISSUER and standing.single is not None and standing.single.cert_status is _UNKNOWN:
            bits = bits & ~_OF_DELEGATES | _NOT_AUTHORITATIVE
            verdict = Verdict(bits)
        if verdict.final:
            standing.verdict = verdict
            standing.bits |= bits
            standing.calm_from = max(standing.calm_from, _within(verdict.not_before - self._skew))
            standing.calm_until = min(standing.calm_until, _within(verdict.not_after + self._skew))
        return bits

    def _check_times(self, standing: _Standing, now: int) -> int:
        """Against the packet's time (RFC 6960 4.2.2.1), if it is not within the calm."""
        if now < _FIRST_OCSP:
            return _NO_CLOCK
        bits = 0
        latest, earliest = now + self._skew, now - self._skew
        verdict, single, response = standing.verdict, standing.single, standing.response
        produced_at = response.produced_at
        if verdict is not None and verdict.not_after < earliest:
            bits |= _DELEGATE_EXPIRED
        if verdict is not None and verdict.not_before > latest:
            bits |= _DELEGATE_NOT_YET_VALID
        if produced_at is not None and produced_at > latest:
            bits |= _PRODUCED_AT_FUTURE
        if single is None:
            return bits
        if single.this_update is not None and single.this_update > latest:
            bits |= _THIS_UPDATE_FUTURE
        if single.next_update is not None and single.next_update < earliest:
            bits |= _NEXT_UPDATE_PAST
        if single.revocation_time is not None and single.revocation_time > latest:
            bits |= _REVOCATION_TIME_FUTURE
        return bits

    def _check_transaction(
        self, standing: _Standing, exchange: OcspExchange, transaction: HttpTransaction, now: int
    ) -> int:
        """What all exchanges of a transaction share."""
        response, request, http, reply = standing.response, exchange.request, transaction.response, standing.reply
        bits = 0 if request is None else _check_nonces(request, response)
        if http is None or exchange.http_status != 200 or reply.this_update is None or now < _FIRST_OCSP:
            return bits
        may_be_cached = response.nonce is None and exchange.method == "GET"
        return bits | check_caching(
            http.headers, http.files, now, reply.this_update, reply.next_update, self._skew, may_be_cached
        )


def _within(moment: int) -> int:
    """Years up to 9999 do not fit into 63 bits of nanoseconds; what is compared with them does."""
    return max(-_LAST, min(moment, _LAST))


def _check_nonces(request: OcspRequest, response: OcspResponse) -> int:
    asked, answered = request.nonce, response.nonce
    if asked is None:
        if answered is None:
            return 0
        bits = _NONCE_UNASKED
    elif answered is None:
        bits = _NONCE_MISSING
    else:
        bits = 0 if asked == answered else _NONCE_MISMATCH
    for nonce in (asked, answered):
        if nonce is not None and not 0 < len(nonce) <= _MAX_NONCE_OCTETS:
            bits |= _NONCE_LENGTH
    return bits


def _check_cert_id(exchange: OcspExchange, request: OcspRequest, reply: _Reply) -> int:
    """Whether the reply answers what was asked: RFC 6960 3.2 (1)."""
    cert_id, single = exchange.cert_id, exchange.single
    if single is None:
        response = reply.response
        is_whole = len(response.responses) == response.responses_total and response.responses_total > 0
        return _NOT_ANSWERED if cert_id is not None and is_whole else 0
    if single.cert_id in request.cert_ids or request.cert_ids_total != len(request.cert_ids):
        return 0
    missed = [asked for asked in request.cert_ids if asked not in reply.repeats]
    if not missed:
        return _UNASKED
    for asked in missed:
        if asked.serial_number == single.cert_id.serial_number:
            return _difference(asked, single.cert_id)
    return _SERIAL


def _difference(asked: CertId, answered: CertId) -> int:
    """Between CertIDs with one serial number. Under different algorithms the hashes cannot be compared."""
    if asked.hash_algorithm != answered.hash_algorithm:
        return _HASH
    bits = _NAME if asked.issuer_name_hash != answered.issuer_name_hash else 0
    return bits | _KEY if asked.issuer_key_hash != answered.issuer_key_hash else bits
