"""Values straight out of observations, for the fields by which rules are indexed: raw, before any text is made of them.

Each service has its fields by number; None is a field that is left out. What a raw value becomes in the log is `shown`;
`Shape` says how. A field that is not here has to be looked up in the line. Compiled where a compiler is found
(probes.pxd).
"""

from __future__ import annotations

import enum
from typing import Any, Final

from sensor.audit.findings import is_verified
from sensor.flow.conn import Connection
from sensor.http.cleartext import Cleartext
from sensor.http.grammar import unescape_uri
from sensor.http.transaction import BodyFile, HttpRequest, HttpResponse
from sensor.logs.encode import log_text
from sensor.ocsp.model import OcspExchange, ResponseStatus, SingleResponse
from sensor.privacy.leak import Leak
from sensor.weird import FlowId


class Shape(enum.Enum):
    """How a raw value becomes what the log says."""

    text = "text"  # str, as it is if it is printable ASCII
    plain = "plain"  # str of printable ASCII, by its making: addresses, words of a closed set, hex
    octets = "octets"  # bytes off the wire
    target = "target"  # a request target, to be percent-decoded
    hex = "hex"  # bytes, as upper-case hex
    number = "number"
    bool = "bool"
    member = "member"  # of an enum: a word of a closed set


NONCE_ECHOED: Final = 43
"""The one number from 40 on that is not of the reply alone."""

_FLOW: Final = {
    "id.orig_h": (1, Shape.plain),
    "id.resp_h": (2, Shape.plain),
    "id.orig_p": (3, Shape.number),
    "id.resp_p": (4, Shape.number),
}
PROBED: Final[dict[str, dict[str, tuple[int, Shape]]]] = {
    "conn": _FLOW
    | {
        "service": (10, Shape.text),
        "conn_state": (11, Shape.plain),
        "history": (12, Shape.plain),
        "orig_bytes": (13, Shape.number),
        "resp_bytes": (14, Shape.number),
        "missed_bytes": (15, Shape.number),
        "orig_pkts": (16, Shape.number),
        "resp_pkts": (17, Shape.number),
    },
    "http": _FLOW
    | {
        "method": (10, Shape.octets),
        "host": (11, Shape.octets),
        "uri": (12, Shape.target),
        "user_agent": (13, Shape.octets),
        "request_body_len": (14, Shape.number),
        "orig_mime_types": (15, Shape.text),
        "status_code": (20, Shape.number),
        "version": (21, Shape.text),
        "response_body_len": (22, Shape.number),
        "resp_mime_types": (23, Shape.text),
        "resp_filenames": (24, Shape.text),
    },
    "files": _FLOW
    | {
        "mime_type": (10, Shape.text),
        "filename": (11, Shape.text),
        "is_orig": (12, Shape.bool),
        "seen_bytes": (13, Shape.number),
        "missing_bytes": (14, Shape.number),
        "fuid": (15, Shape.plain),
        "md5": (16, Shape.plain),
        "sha1": (17, Shape.plain),
        "sha256": (18, Shape.plain),
    },
    "ocsp": {
        "certStatus": (10, Shape.member),
        "revokereason": (11, Shape.text),
        "serialNumber": (12, Shape.plain),
        "hashAlgorithm": (13, Shape.plain),
        "issuerKeyHash": (14, Shape.hex),
        "issuerNameHash": (15, Shape.hex),
    },
    "cleartext": _FLOW
    | {
        "credentials": (10, Shape.text),
        "cookies": (11, Shape.octets),
        "set_cookies": (12, Shape.octets),
        "lookups": (13, Shape.text),
        "suspect": (14, Shape.octets),
        "ocsp_claims": (15, Shape.text),
        "method": (16, Shape.octets),
        "host": (17, Shape.octets),
        "user_agent": (18, Shape.octets),
        "status_code": (19, Shape.number),
    },
    "ocsp_exchange": _FLOW
    | {
        "method": (10, Shape.text),
        "host": (11, Shape.octets),
        "uri": (12, Shape.target),
        "user_agent": (13, Shape.octets),
        "http_status": (14, Shape.number),
        "evidence": (15, Shape.member),
        "issuer": (16, Shape.text),
        "software": (17, Shape.text),
        "ambiguous": (37, Shape.member),
        "audit": (18, Shape.member),
        "verified": (36, Shape.bool),
        "on_crl": (19, Shape.text),
        "on_crl_verified": (34, Shape.bool),
        "on_crl_newer": (35, Shape.bool),
        "response_delay": (33, Shape.number),
        "hash_algorithm": (20, Shape.plain),
        "issuer_name_hash": (21, Shape.hex),
        "issuer_key_hash": (22, Shape.hex),
        "serial_number": (23, Shape.plain),
        "nonce": (30, Shape.hex),
        "requestor_name": (31, Shape.text),
        "request_signed": (32, Shape.bool),
        "response_status": (40, Shape.plain),
        "responder_id": (41, Shape.text),
        "signature_algorithm": (42, Shape.text),
        "nonce_echoed": (NONCE_ECHOED, Shape.bool),
        "cert_status": (50, Shape.member),
        "revocation_reason": (51, Shape.text),
    },
    "leak": _FLOW
    | {
        "channel": (10, Shape.plain),
        "serial_number": (11, Shape.plain),
        "issuer": (12, Shape.text),
        "site": (13, Shape.text),
        "names": (14, Shape.text),
        "names_total": (15, Shape.number),
        "sites_total": (16, Shape.number),
        "grade": (17, Shape.member),
        "found_in": (18, Shape.text),
        "software": (19, Shape.text),
        "evidence": (20, Shape.member),
        "times_seen": (21, Shape.number),
        "foreign_responder": (22, Shape.bool),
        "ambiguous": (23, Shape.member),
    },
    "weird": _FLOW | {"name": (10, Shape.text), "addl": (11, Shape.text), "source": (12, Shape.text)},
    "notice": {},
}
"""By service and field: its number, and the shape of its raw value."""

_STATUSES: Final = {int(status): status.name for status in ResponseStatus}
_MAX_FILES: Final = 15  # as http.log lists at most


def shown(raw: Any, shape: Shape) -> Any:
    """A raw value as the log's JSON has it, if it is not cut there; None where only the line can say."""
    if shape is Shape.octets:
        return log_text(raw)
    if shape is Shape.text:
        return raw if raw.isascii() and raw.isprintable() else None
    if shape is Shape.target:
        return log_text(unescape_uri(raw))
    if shape is Shape.hex:
        return raw.hex().upper()
    return raw._value_ if shape is Shape.member else raw


def flow_raw(flow: FlowId, code: int) -> Any:
    if code == 1:
        return flow.orig_h
    if code == 2:
        return flow.resp_h
    return flow.orig_p if code == 3 else flow.resp_p


def conn_raw(connection: Connection, code: int) -> Any:
    if code < 10:
        return flow_raw(connection.flow, code)
    if code == 10:
        return connection.service
    if code == 11:
        return connection.conn_state
    if code == 12:
        return connection.history or None
    if code == 15:
        return connection.missed_bytes
    if code == 16:
        return connection.orig_pkts
    if code == 17:
        return connection.resp_pkts
    if connection.duration is None:
        return None
    return connection.orig_bytes if code == 13 else connection.resp_bytes


def http_raw(flow: FlowId, request: HttpRequest | None, response: HttpResponse | None, code: int) -> Any:
    if code < 10:
        return flow_raw(flow, code)
    if code < 20:
        if request is None:
            return 0 if code == 14 else None
        if code == 10:
            return request.method
        if code == 11:
            return request.host
        if code == 12:
            return request.target
        if code == 13:
            return request.user_agent
        return request.body_len if code == 14 else _mime_types(request.files)
    if response is None:
        return 0 if code == 22 else None
    if code == 20:
        return response.status_code
    if code == 21:
        return response.version
    if code == 22:
        return response.body_len
    if code == 23:
        return _mime_types(response.files)
    return tuple([file.filename for file in response.files[:_MAX_FILES] if file.filename is not None]) or None


def _mime_types(files: tuple[BodyFile, ...]) -> Any:
    """Of one file its type, of several a tuple."""
    if not files:
        return None
    if len(files) == 1:
        only = files[0]
        return only.mime_type
    return tuple([file.mime_type for file in files[:_MAX_FILES] if file.mime_type is not None]) or None


def file_raw(flow: FlowId, file: BodyFile, code: int) -> Any:
    if code < 10:
        return flow_raw(flow, code)
    if code == 10:
        return file.mime_type
    if code == 11:
        return file.filename
    if code == 12:
        return file.is_orig
    if code == 13:
        return file.seen_bytes
    if code == 14:
        return file.missing_bytes
    if code == 15:
        return file.fuid
    digests = file.digests
    if digests is None:
        return None
    if code == 16:
        return digests.md5
    return digests.sha1 if code == 17 else digests.sha256


def ocsp_raw(single: SingleResponse, code: int) -> Any:
    if code == 10:
        return single.cert_status
    if code == 11:
        return single.revocation_reason
    cert_id = single.cert_id
    if code == 12:
        return cert_id.serial_number
    if code == 13:
        return cert_id.hash_algorithm
    return cert_id.issuer_key_hash if code == 14 else cert_id.issuer_name_hash


def cleartext_raw(cleartext: Cleartext, code: int) -> Any:
    if code < 10:
        return flow_raw(cleartext.flow, code)
    if code == 10:
        return cleartext.credentials or None
    if code == 11:
        return cleartext.cookies or None
    if code == 12:
        return cleartext.set_cookies or None
    if code == 13:
        return cleartext.lookups or None
    if code == 14:
        return cleartext.suspect or None
    if code == 15:
        return cleartext.ocsp_claims or None
    if code == 16:
        return cleartext.method
    if code == 17:
        return cleartext.host
    return cleartext.user_agent if code == 18 else cleartext.status_code


def exchange_raw(exchange: OcspExchange, issuer: Any, software: Any, audit: Any, on_crl: Any, code: int) -> Any:
    if code < 10:
        return flow_raw(exchange.flow, code)
    if code < 20:
        if code == 10:
            return exchange.method
        if code == 11:
            return exchange.host
        if code == 12:
            return exchange.uri
        if code == 13:
            return exchange.user_agent
        if code == 14:
            return exchange.http_status
        if code == 15:
            return exchange.evidence
        if code == 16:
            return issuer
        if code == 17:
            return software
        return audit if code == 18 else None if on_crl is None else on_crl.url
    if code < 30:
        cert_id = exchange.cert_id
        if cert_id is None:
            return None
        if code == 20:
            return cert_id.hash_algorithm
        if code == 21:
            return cert_id.issuer_name_hash
        return cert_id.issuer_key_hash if code == 22 else cert_id.serial_number
    if code < 40:
        if code >= 33:
            if code == 33:
                return _delay(exchange)
            if code == 37:
                return exchange.ambiguous or None
            if code == 36:
                return None if audit is None else is_verified(audit)
            return None if on_crl is None else on_crl.verified if code == 34 else on_crl.newer
        request = exchange.request
        if request is None:
            response = exchange.response
            return response.nonce if code == 30 and response is not None else None
        if code == 30:
            return request.nonce
        return request.requestor_name if code == 31 else request.signed
    return _answer_raw(exchange, code)


def _delay(exchange: OcspExchange) -> Any:
    """In seconds, whole microseconds."""
    if exchange.response_ts is None or exchange.method is None:
        return None
    return (max(exchange.ts // 1000, exchange.response_ts // 1000) - exchange.ts // 1000) / 1_000_000


def _answer_raw(exchange: OcspExchange, code: int) -> Any:
    response = exchange.response
    if response is None:
        return None
    if code >= 50:
        single = exchange.single
        return None if single is None else single.cert_status if code == 50 else single.revocation_reason
    status = response.status
    if code == 40:
        return _STATUSES.get(status) or str(status)
    if status != 0:
        return None
    if code == 41:
        return response.responder_id
    if code == 42:
        return response.signature_algorithm
    request = exchange.request
    return None if request is None or request.nonce is None else request.nonce == response.nonce


def leak_raw(leak: Leak, code: int) -> Any:
    if code < 10:
        return flow_raw(leak.flow, code)
    if code == 10:
        return leak.channel
    if code == 11:
        return leak.serial_number
    if code == 12:
        return leak.issuer
    if code == 13:
        return leak.site
    if code == 14:
        return leak.names or None
    if code == 15:
        return leak.names_total
    if code == 16:
        return leak.sites_total
    if code == 17:
        return leak.grade
    if code == 18:
        return leak.found_in
    if code < 21:
        return leak.software if code == 19 else leak.evidence
    if code == 23:
        return (leak.exchange.ambiguous or None) if isinstance(leak.exchange, OcspExchange) else None
    return leak.times_seen if code == 21 else (leak.foreign_responder or None)
