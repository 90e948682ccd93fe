"""HTTP transactions to OCSP exchanges: one for each certificate asked about, or answered for, and what was odd."""

from __future__ import annotations

import msgspec

from sensor.http.transaction import BodyFile, HttpRequest, HttpResponse, HttpTransaction, NotKept, with_framing
from sensor.ocsp.carriage import Reading, decode_get_readings, resembles_get
from sensor.ocsp.join import pair
from sensor.ocsp.model import (
    CertId,
    Evidence,
    OcspError,
    OcspExchange,
    OcspRequest,
    OcspResponse,
    SingleResponse,
)
from sensor.ocsp.oddities import ASSIGNED, Oddities, reply_oddities, request_oddities
from sensor.ocsp.request import decode_request
from sensor.ocsp.response import decode_response
from sensor.settings import OcspSettings
from sensor.weird import FlowId, Weird

OcspEvent = OcspExchange | Weird

_REQUEST_TYPE = "application/ocsp-request"
_RESPONSE_TYPE = "application/ocsp-response"
_NO_TRAITS: frozenset[str] = frozenset()
_NOTHING_ODD: Oddities = ()
_MEMO_MESSAGES = 1024  # of each kind, before it starts afresh
_MEMO_BYTES = 4096  # of each
_BODILESS = frozenset((b"GET", b"HEAD"))
_METHODS = {b"GET": "GET", b"POST": "POST", b"HEAD": "HEAD"}
_EMPTY, _TOO_LARGE, _UNWANTED = NotKept.EMPTY, NotKept.TOO_LARGE, NotKept.UNWANTED  # as attributes they cost 850 each
_BOTH, _REQUEST, _RESPONSE, _MISMATCH = Evidence.both, Evidence.request, Evidence.response, Evidence.mismatch


class OcspDecoder:
    """Finds OCSP in HTTP transactions: in bodies by their content, whatever they are labelled, and in raw targets.

    What is remembered from one transaction to the next changes nothing that comes out: how small messages read.
    Responders send the same reply to every client for days, and clients ask the same about a popular site.
    """

    __slots__ = ("_limits", "_replies", "_requests", "_targets")

    def __init__(self, settings: OcspSettings) -> None:
        self._limits = settings
        self._requests: dict[bytes, tuple[OcspRequest, Oddities]] = {}
        self._targets: dict[bytes, tuple[OcspRequest, frozenset[str], Oddities]] = {}
        self._replies: dict[bytes, tuple[OcspResponse, Oddities]] = {}

    def feed(self, transaction: HttpTransaction) -> list[OcspEvent]:
        """The exchanges of one transaction, those asked for first, then its weirds (source "OCSP"). Never raises.

        A body with a hole, cut or too large is not there as bytes, so it decides nothing.
        """
        request, response = transaction.request, transaction.response
        found = _Found(transaction.flow)
        if request is not None:
            found.ts = request.ts
            if request.files:
                if request.method in _BODILESS:
                    found.other = _Found(transaction.flow)
                    found.other.ts = request.ts
                body = found if found.other is None else found.other
                for file in request.files:
                    self._read_request_body(body, file)
            if found.asked is None:
                self._read_target(found, request.target)
        if response is not None:
            found.response_ts = response.ts
            for file in response.files:
                self._read_response_body(found, file, response)
        if found.asked is None and request is not None and request.method == b"GET" and 0x4D in request.target:
            _read_odd_target(found, request, self._limits)
        if found.other is not None:
            transaction = _join_body(found, found.other, transaction)
        if found.asked is None and found.reply is None:
            return found.events
        return _exchanges(found, transaction)

    def _decode_request(self, found: _Found, content: bytes) -> None:
        known = self._requests.get(content)
        if known is None:
            request = decode_request(content, self._limits)
            known = (request, request_oddities(request))
            if len(content) <= _MEMO_BYTES:
                if len(self._requests) >= _MEMO_MESSAGES:
                    self._requests.clear()
                self._requests[content] = known
        found.asked, found.asked_oddities = known

    def _read_target(self, found: _Found, target: bytes) -> None:
        known = self._targets.get(target)
        if known is None:
            readings = decode_get_readings(target, self._limits)
            if len(readings) != 1:
                found.readings = readings
                return
            known = (*readings[0], request_oddities(readings[0][0]))
            if len(target) <= _MEMO_BYTES:
                if len(self._targets) >= _MEMO_MESSAGES:
                    self._targets.clear()
                self._targets[target] = known
        found.asked, found.traits, found.asked_oddities = known

    def _decode_response(self, content: bytes) -> tuple[OcspResponse, Oddities]:
        known = self._replies.get(content)
        if known is None:
            response = decode_response(content, self._limits)
            known = (response, reply_oddities(response))
            if len(content) <= _MEMO_BYTES:
                if len(self._replies) >= _MEMO_MESSAGES:
                    self._replies.clear()
                self._replies[content] = known
        return known

    def _read_request_body(self, found: _Found, file: BodyFile) -> None:
        content = file.content
        if type(content) is not bytes:
            found.garbled = content is not _EMPTY and content is not _UNWANTED
            if content is _TOO_LARGE and _REQUEST_TYPE in (_label(file), file.mime_type):
                found.weird(found.ts, "ocsp_message_too_large", f"request: {file.seen_bytes} bytes")
            return
        octets = content
        if found.asked is not None or not octets:
            return
        label = _label(file)
        claimed = _REQUEST_TYPE in (label, file.mime_type)
        if octets[0] != 0x30:
            if claimed:
                found.garbled = True
                found.weird(found.ts, "ocsp_content_type_mismatch", f"{label}: not DER")
            return
        try:
            self._decode_request(found, octets)
        except OcspError as error:
            if claimed:
                found.garbled = True
                name = "asn1_limit" if error.limit else "openssl_ocsp_request_parse_error"
                found.weird(found.ts, name, error.reason)
            return
        found.orig_fuid = file.fuid
        if label != _REQUEST_TYPE:
            found.weird(found.ts, "ocsp_content_type_mismatch", f"{label}: OCSP request")

    def _read_response_body(self, found: _Found, file: BodyFile, response: HttpResponse) -> None:
        content = file.content
        label = _label(file)
        found.labelled = found.labelled or label == _RESPONSE_TYPE
        if content is _TOO_LARGE and _RESPONSE_TYPE in (label, file.mime_type):
            found.weird(found.response_ts, "ocsp_message_too_large", f"reply: {file.seen_bytes} bytes")
        if type(content) is not bytes or found.reply is not None or not content:
            return
        octets = content
        claimed = _RESPONSE_TYPE in (label, file.mime_type)
        if octets[0] != 0x30:
            if claimed:
                found.weird(found.response_ts, "ocsp_content_type_mismatch", f"{label}: not DER")
            return
        try:
            reply, oddities = self._decode_response(octets)
        except OcspError as error:
            if claimed and response.status_code != 206:  # a range of a reply is none
                name = "asn1_limit" if error.limit else "openssl_ocsp_response_parse_error"
                found.weird(found.response_ts, name, error.reason)
            return
        if not claimed and found.asked is None and not _credible(reply, len(octets)):
            return
        found.reply, found.reply_oddities = reply, oddities
        found.resp_fuid = file.fuid
        if label != _RESPONSE_TYPE:
            found.weird(found.response_ts, "ocsp_content_type_mismatch", f"{label}: OCSP reply")


class _Found:
    """What one transaction turned out to carry."""

    __slots__ = (
        "asked",
        "asked_oddities",
        "events",
        "flow",
        "garbled",
        "labelled",
        "orig_fuid",
        "other",
        "readings",
        "reply",
        "reply_oddities",
        "resp_fuid",
        "response_ts",
        "traits",
        "ts",
    )

    def __init__(self, flow: FlowId) -> None:
        self.flow = flow
        self.events: list[OcspEvent] = []  # weirds only, until all is read
        self.asked: OcspRequest | None = None
        self.other: _Found | None = None  # the body of a request whose method gives it no meaning
        self.traits = _NO_TRAITS
        self.readings: list[Reading] = []  # of a target that has none, or several
        self.reply: OcspResponse | None = None
        self.asked_oddities = _NOTHING_ODD
        self.reply_oddities = _NOTHING_ODD
        self.orig_fuid: str | None = None
        self.resp_fuid: str | None = None
        self.ts = 0
        self.response_ts = 0
        self.garbled = False  # there was an OCSP request, or may have been, which cannot be read
        self.labelled = False  # the reply says it is OCSP

    def weird(self, ts: int, name: str, addl: str | None) -> None:
        self.events.append(Weird(ts, name, self.flow, addl, "OCSP"))


def _label(file: BodyFile) -> str | None:
    """The media type that the header claims, without parameters, in lower case (RFC 9110 8.3.1)."""
    claimed = file.content_type
    if claimed is None or claimed in (_RESPONSE_TYPE, _REQUEST_TYPE):
        return claimed
    return claimed.partition(";")[0].strip().lower()


def _credible(reply: OcspResponse, size: int) -> bool:
    """Whether bytes that nobody calls OCSP are a reply: a few octets of an error status are no evidence."""
    return reply.response_type is not None or (size == 5 and reply.status in ASSIGNED and reply.status != 0)


def _read_odd_target(found: _Found, request: HttpRequest, limits: OcspSettings) -> None:
    """A GET that looks like OCSP and has no one reading: the reply may tell which is meant."""
    target = request.target
    at_responder = (
        found.labelled
        or found.reply is not None
        or b"ocsp" in target.lower()
        or (request.host is not None and b"ocsp" in request.host.lower())
    )
    if not resembles_get(target, limits, at_responder):
        return
    reply = found.reply
    answered = {single.cert_id for single in reply.responses} if reply is not None else set()
    readings = found.readings
    meant: list[Reading] = [reading for reading in readings if answered.issuperset(reading[0].cert_ids)]
    if len(meant) == 1:
        found.asked, found.traits = meant[0]
        found.asked_oddities = request_oddities(found.asked)
        return
    found.garbled = True
    if len(target) > limits.max_get_bytes and not readings:
        found.weird(found.ts, "ocsp_message_too_large", f"GET: {len(target)} bytes")
    else:
        found.weird(found.ts, "ocsp_get_undecodable", f"{len(readings)} readings" if readings else None)


def _join_body(found: _Found, body: _Found, transaction: HttpTransaction) -> HttpTransaction:
    """A GET with a body. To who goes by the path, as responders do (RFC 6960 A.1), it is nothing; another may read it:
    content of a GET has no meaning of its own (RFC 9110 section 9.3.1). What it asks is told beside, and in doubt."""
    found.events += body.events
    found.garbled = found.garbled or body.garbled
    asked = found.asked
    if body.asked is None or (asked is not None and asked.cert_ids == body.asked.cert_ids):
        found.other = None
        return transaction
    body.reply, body.resp_fuid, body.response_ts = found.reply, found.resp_fuid, found.response_ts
    if asked is None:
        found.asked, found.asked_oddities, found.orig_fuid = body.asked, body.asked_oddities, body.orig_fuid
        found.other = None
    return msgspec.structs.replace(transaction, ambiguous=with_framing(transaction.ambiguous))


def _exchanges(found: _Found, transaction: HttpTransaction) -> list[OcspEvent]:
    asked, reply = found.asked, found.reply
    cert_ids = asked.cert_ids if asked is not None else ()
    answers = reply.responses if reply is not None else ()
    for name, addl in found.asked_oddities:
        found.weird(found.ts, name, addl)
    for name, addl in found.reply_oddities:
        found.weird(found.response_ts, name, addl)
    weirds = found.events
    other = found.other
    if other is not None and other.asked is not None:
        for name, addl in other.asked_oddities:
            found.weird(found.ts, name, addl)
        cert_ids += other.asked.cert_ids
    if len(cert_ids) == 1 and len(answers) == 1:
        answer = answers[0]
        if _is_same(cert_ids[0], answer.cert_id):
            return [_exchange(found, transaction, cert_ids[0], answer, _BOTH), *weirds]

    pairs = pair(cert_ids, answers)
    matched = any(single is not None for _, single in pairs.asked)
    unanswered = _MISMATCH if answers and not matched else _REQUEST
    events: list[OcspEvent] = [
        _exchange(
            found if other is None or asked is None or cert_id in asked.cert_ids else other,
            transaction,
            cert_id,
            single,
            unanswered if single is None else _BOTH,
        )
        for cert_id, single in pairs.asked
    ]
    alone = _RESPONSE if asked is None else _MISMATCH
    events += [_exchange(found, transaction, single.cert_id, single, alone) for single in pairs.unasked]
    if not events:
        events.append(_exchange(found, transaction, None, None, _RESPONSE if asked is None else _REQUEST))
    if pairs.unasked and not found.garbled and not transaction.repeated:
        addl = _serials([single.cert_id for single in pairs.unasked])
        found.weird(found.response_ts, "ocsp_unmatched_response", addl)
    if pairs.conflicting:
        found.weird(found.response_ts, "ocsp_conflicting_status", _serials(list(pairs.conflicting)))
    return events + weirds


def _is_same(one: CertId, other: CertId) -> bool:
    """one == other, in a quarter of the time: records compare themselves field by field with Python's comparison."""
    return (
        one.serial_number == other.serial_number
        and one.issuer_key_hash == other.issuer_key_hash
        and one.issuer_name_hash == other.issuer_name_hash
        and one.hash_algorithm == other.hash_algorithm
    )


def _exchange(
    found: _Found,
    transaction: HttpTransaction,
    cert_id: CertId | None,
    single: SingleResponse | None,
    evidence: Evidence,
) -> OcspExchange:
    request, response = transaction.request, transaction.response
    status = None
    response_ts = None
    if response is not None:
        status, response_ts = response.status_code, response.ts
    if request is None:
        return OcspExchange(
            found.flow,
            found.response_ts,
            cert_id,
            evidence,
            None,
            None,
            None,
            None,
            None,
            status,
            None,
            found.reply,
            single,
            None,
            found.resp_fuid,
            response_ts,
            transaction.ambiguous,
        )
    method = request.method
    return OcspExchange(
        found.flow,
        request.ts,
        cert_id,
        evidence,
        _METHODS.get(method) or method.decode("latin-1"),
        request.host,
        request.target,
        request.user_agent,
        request.version,
        status,
        found.asked,
        found.reply,
        single,
        found.orig_fuid,
        found.resp_fuid,
        response_ts,
        transaction.ambiguous,
        found.traits,
    )


def _serials(cert_ids: list[CertId]) -> str:
    """The first serial numbers, and how many there are beyond."""
    text = ",".join([cert_id.serial_number for cert_id in cert_ids[:3]])
    return text if len(cert_ids) <= 3 else f"{text} and {len(cert_ids) - 3} more"
