"""The octets of an OCSPResponse (RFC 6960 4.2.1) to an `OcspResponse`; nothing is verified here."""

from __future__ import annotations

from sensor.ocsp.elements import RESERVE, count_elements, nonce_octets, read_cert_id, read_extensions
from sensor.ocsp.model import CertStatus, OcspError, OcspResponse, SingleResponse
from sensor.pki.ber import definite_form
from sensor.pki.der import (
    BER_REASONS,
    BIT_STRING,
    ENUMERATED,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    UTC_TIME,
    DerError,
    DerReader,
    decode_integer,
    decode_oid,
    decode_time,
)
from sensor.pki.name_text import decode_name
from sensor.pki.oids import (
    OCSP_ARCHIVE_CUTOFF,
    OCSP_BASIC,
    OCSP_CRL_REFERENCE,
    OCSP_EXTENDED_REVOKE,
    OCSP_NONCE,
    OCSP_SCT_LIST,
    SIGNATURE_NAMES,
)
from sensor.settings import OcspSettings

_MAX_SHOWN_OCTETS = 256

_REASONS = {
    0: "unspecified",
    1: "keyCompromise",
    2: "cACompromise",
    3: "affiliationChanged",
    4: "superseded",
    5: "cessationOfOperation",
    6: "certificateHold",
    8: "removeFromCRL",
    9: "privilegeWithdrawn",
    10: "aACompromise",
}
"""CRLReason (RFC 5280 5.3.1) as OpenSSL prints it and Zeek logs it."""

_GOOD = CertStatus.good
_REVOKED = CertStatus.revoked
_UNKNOWN = CertStatus.unknown


def decode_response(data: bytes, limits: OcspSettings) -> OcspResponse:
    """The reply at the start of `data`; octets behind it are counted in `trailing_bytes`.

    Not refused: any status; a successful one without responseBytes; an error status with them, or a responseType that
    is not id-pkix-ocsp-basic (`response_type` tells it, nothing below is filled); no SingleResponse or many, an empty
    responder name, times that cannot be read, indefinite lengths. Raises OcspError.
    """
    if len(data) > limits.max_bytes:
        raise OcspError("message too large", True)
    try:
        return _read_response(data, limits, 0, False)
    except DerError as error:
        if error.reason not in BER_REASONS:
            raise OcspError(error.reason, error.limit) from error
    try:
        definite, used = definite_form(data, limits.max_depth, limits.max_elements)
        return _read_response(definite, limits, len(data) - used, True)
    except DerError as error:
        raise OcspError(error.reason, error.limit) from error


def _read_response(data: bytes, limits: OcspSettings, trailing: int, ber: bool) -> OcspResponse:
    reader = DerReader(data, limits.max_elements)
    pos = reader.enter(SEQUENCE, 0, len(data), "OCSPResponse")
    end = reader.stop
    trailing += len(data) - end
    reader.enter(ENUMERATED, pos, end, "responseStatus")
    pos = reader.stop
    status = decode_integer(data, reader.start, pos)
    if pos == end:
        return OcspResponse(status, trailing_bytes=trailing, nonminimal=reader.loose, ber=ber)
    pos = reader.enter(0xA0, pos, end, "responseBytes")
    reader.leave(end, "OCSPResponse")
    pos = reader.enter(SEQUENCE, pos, end, "ResponseBytes")
    reader.leave(end, "responseBytes")
    start = reader.enter(OBJECT_IDENTIFIER, pos, end, "responseType")
    pos = reader.stop
    oid = data[start:pos]
    start = reader.enter(OCTET_STRING, pos, end, "response")
    reader.leave(end, "ResponseBytes")
    response_type = decode_oid(oid)
    if status or oid != OCSP_BASIC:
        return OcspResponse(status, response_type, trailing_bytes=trailing, nonminimal=reader.loose, ber=ber)
    if ber:
        inner, used = definite_form(data[start:end], limits.max_depth, limits.max_elements)
        if used != end - start:
            raise DerError("response: unexpected element")  # as `leave` says of DER
        reader = DerReader(inner, limits.max_elements)
        start, end = 0, len(inner)
    return _read_basic(reader, start, end, limits, response_type, trailing, ber)


def _read_basic(
    reader: DerReader, pos: int, end: int, limits: OcspSettings, response_type: str, trailing: int, ber: bool
) -> OcspResponse:
    """BasicOCSPResponse, which fills `pos` to `end`."""
    data = reader.data
    tbs_start = reader.enter(SEQUENCE, pos, end, "BasicOCSPResponse")
    reader.leave(end, "response")
    pos = reader.enter(SEQUENCE, tbs_start, end, "ResponseData")
    tbs_end = reader.stop
    algorithm = reader.enter(SEQUENCE, tbs_end, end, "signatureAlgorithm")
    signature_start = reader.stop
    algorithm = reader.enter(OBJECT_IDENTIFIER, algorithm, signature_start, "algorithm")
    signature_oid = data[algorithm : reader.stop]
    start = reader.enter(BIT_STRING, signature_start, end, "signature")
    after = reader.stop
    signature = data[start + 1 : after]  # behind the count of unused bits

    version = 0
    if data[pos] == 0xA0:
        start = reader.enter(0xA0, pos, tbs_end, "version")
        pos = reader.stop
        reader.enter(INTEGER, start, pos, "version")
        reader.leave(pos, "version")
        version = decode_integer(data, reader.start, pos)
    responder_id = _responder_id(reader, pos, tbs_end)
    bad_times: list[str] = []
    produced_at = _read_time(reader, reader.stop, tbs_end, "producedAt", bad_times)
    start = reader.enter(SEQUENCE, reader.stop, tbs_end, "responses")
    pos = reader.stop
    responses: list[SingleResponse] = []
    total = _read_list(reader, start, pos, limits, responses)
    reader.left = max(reader.left, RESERVE)
    nonce = None
    extended_revoke = False
    extensions: tuple[str, ...] = ()
    if pos != tbs_end:
        start = reader.enter(0xA1, pos, tbs_end, "responseExtensions")
        reader.leave(tbs_end, "ResponseData")
        found = read_extensions(reader, start, tbs_end)
        extensions = tuple([decode_oid(oid) for oid, _ in found])
        for oid, value in reversed(found):  # the first of its kind counts
            if oid == OCSP_NONCE:
                nonce = nonce_octets(value)
            elif oid == OCSP_EXTENDED_REVOKE:
                extended_revoke = True
    signature_text = decode_oid(signature_oid)
    certs = () if after == end else _certs(reader, after, end)  # last: they may use up what may be read
    return OcspResponse(
        0,
        response_type,
        version,
        responder_id,
        produced_at,
        tuple(responses),
        total,
        nonce,
        extended_revoke,
        extensions,
        SIGNATURE_NAMES.get(signature_oid) or signature_text,
        data[tbs_start:tbs_end],
        signature_text,
        signature,
        certs,
        trailing,
        tuple(bad_times),
        reader.loose,
        ber,
        reader.cut,
        data[tbs_end:signature_start],
    )


def _certs(reader: DerReader, pos: int, end: int) -> tuple[bytes, ...]:
    """The DER of each certificate, unread."""
    reader.left = max(reader.left, RESERVE)
    start = reader.enter(0xA0, pos, end, "certs")
    reader.leave(end, "BasicOCSPResponse")
    pos = reader.enter(SEQUENCE, start, end, "certs")
    reader.leave(end, "certs")
    certs: list[bytes] = []
    while pos < end:
        if reader.left < RESERVE:
            reader.cut = True
            break
        reader.enter(SEQUENCE, pos, end, "Certificate")
        certs.append(reader.data[pos : reader.stop])
        pos = reader.stop
    return tuple(certs)


def _responder_id(reader: DerReader, pos: int, end: int) -> str:
    """ResponderID as text; afterwards `reader.stop` is its end. A Name that cannot be read is "#" and its hex."""
    tag = reader.read(pos, end)
    start, stop = reader.start, reader.stop
    if tag == 0xA2:
        start = reader.enter(OCTET_STRING, start, stop, "byKey")
        reader.leave(stop, "ResponderID")
        return "byKey:" + reader.data[start:stop].hex().upper()
    if tag != 0xA1:
        raise DerError(f"ResponderID: tag {tag:02x}")
    name = reader.data[start:stop]
    if not name:
        return "byName:"
    try:
        return "byName:" + decode_name(name)
    except DerError:
        return "byName:#" + name[:_MAX_SHOWN_OCTETS].hex().upper()


def _read_time(reader: DerReader, pos: int, end: int, what: str, bad: list[str]) -> int | None:
    """The GeneralizedTime at `pos`; afterwards `reader.stop` is its end. What is none, or no moment, goes to `bad`."""
    tag = reader.read(pos, end)
    if tag == GENERALIZED_TIME:
        moment = decode_time(reader.data, tag, reader.start, reader.stop)
        if moment is not None:
            return moment
    elif tag != UTC_TIME:  # what some encoders write for years up to 2049
        raise DerError(f"{what}: tag {tag:02x}")
    text = reader.data[reader.start : min(reader.stop, reader.start + _MAX_SHOWN_OCTETS)]
    bad.append(text.decode("utf-8", "backslashreplace"))
    return None


def _read_list(reader: DerReader, pos: int, end: int, limits: OcspSettings, responses: list[SingleResponse]) -> int:
    """Reads SingleResponses up to the limit into `responses`; how many there are."""
    max_responses, max_serial_octets = limits.max_cert_ids, limits.max_serial_octets
    while pos < end:
        if responses and (len(responses) >= max_responses or reader.left < 2 * RESERVE):
            return len(responses) + count_elements(reader, pos, end)
        start = reader.enter(SEQUENCE, pos, end, "SingleResponse")
        pos = reader.stop
        responses.append(_read_single(reader, start, pos, max_serial_octets))
    return len(responses)


def _read_single(reader: DerReader, pos: int, end: int, max_serial_octets: int) -> SingleResponse:
    cert_id = read_cert_id(reader, pos, end, max_serial_octets)
    bad_times: list[str] = []
    revocation_time = None
    revocation_reason = None
    tag = reader.read(reader.stop, end)
    pos = reader.stop
    if tag == 0x80:
        status = _GOOD
    elif tag == 0xA1:
        status = _REVOKED
        revocation_time = _read_time(reader, reader.start, pos, "revocationTime", bad_times)
        if reader.stop != pos:
            start = reader.enter(0xA0, reader.stop, pos, "revocationReason")
            reader.leave(pos, "RevokedInfo")
            start = reader.enter(ENUMERATED, start, pos, "revocationReason")
            reader.leave(pos, "revocationReason")
            reason = decode_integer(reader.data, start, pos)
            revocation_reason = _REASONS.get(reason) or str(reason)
    elif tag == 0x82:
        status = _UNKNOWN
    else:
        raise DerError(f"certStatus: tag {tag:02x}")
    this_update = _read_time(reader, pos, end, "thisUpdate", bad_times)
    pos = reader.stop
    next_update = None
    if pos < end and reader.data[pos] == 0xA0:
        start = reader.enter(0xA0, pos, end, "nextUpdate")
        pos = reader.stop
        next_update = _read_time(reader, start, pos, "nextUpdate", bad_times)
        reader.leave(pos, "nextUpdate")
    if pos == end and not bad_times:
        return SingleResponse(cert_id, status, revocation_time, revocation_reason, this_update, next_update)
    found: list[tuple[bytes, bytes]] = []
    if pos != end:
        start = reader.enter(0xA1, pos, end, "singleExtensions")
        reader.leave(end, "SingleResponse")
        found = read_extensions(reader, start, end)
    values = dict(reversed(found))  # the first of its kind counts
    return SingleResponse(
        cert_id,
        status,
        revocation_time,
        revocation_reason,
        this_update,
        next_update,
        tuple([decode_oid(oid) for oid, _ in found]),
        _archive_cutoff(values.get(OCSP_ARCHIVE_CUTOFF)),
        _crl_url(values.get(OCSP_CRL_REFERENCE)),
        _sct_count(values.get(OCSP_SCT_LIST)),
        tuple(bad_times),
    )


def _archive_cutoff(value: bytes | None) -> int | None:
    """RFC 6960 4.4.4."""
    if value is None:
        return None
    reader = DerReader(value, 1)
    try:
        return _read_time(reader, 0, len(value), "archiveCutoff", [])
    except DerError:  # an extension that cannot be read is named, and has no value
        return None


def _crl_url(value: bytes | None) -> str | None:
    """The crlUrl of a CrlID (RFC 6960 4.4.2)."""
    if value is None:
        return None
    reader = DerReader(value, 4)
    try:
        pos = reader.enter(SEQUENCE, 0, len(value), "CrlID")
        pos = reader.enter(0xA0, pos, reader.stop, "crlUrl")
        pos = reader.enter(0x16, pos, reader.stop, "crlUrl")
    except DerError:
        return None
    return value[pos : reader.stop].decode("utf-8", "backslashreplace")


def _sct_count(value: bytes | None) -> int:
    """SCTs in a SignedCertificateTimestampList (RFC 6962 3.3) inside its OCTET STRING; those before any damage."""
    if value is None:
        return 0
    reader = DerReader(value, 1)
    try:
        pos = reader.enter(OCTET_STRING, 0, len(value), "SCT list")
    except DerError:
        return 0
    end = min(reader.stop, pos + 2 + int.from_bytes(value[pos : pos + 2], "big"))
    pos += 2
    count = 0
    while pos + 2 <= end:
        pos += 2 + int.from_bytes(value[pos : pos + 2], "big")
        count += pos <= end
    return count
