"""The octets of an OCSPRequest (RFC 6960 4.1.1) to an `OcspRequest`; as tolerant as responders are, or more."""

from __future__ import annotations

from sensor.ocsp.elements import (
    RESERVE,
    count_elements,
    has_null_parameters,
    nonce_octets,
    read_cert_id,
    read_extensions,
)
from sensor.ocsp.model import CertId, OcspError, OcspRequest, RequestTraits
from sensor.pki.ber import definite_form
from sensor.pki.der import BER_REASONS, SEQUENCE, DerError, DerReader, decode_integer, decode_oid
from sensor.pki.name_text import decode_general_name
from sensor.pki.oids import OCSP_NONCE
from sensor.settings import OcspSettings

_MAX_SHOWN_OCTETS = 256


def decode_request(data: bytes, limits: OcspSettings) -> OcspRequest:
    """The request at the start of `data`; octets behind it are counted in `traits.trailing_bytes`.

    Not refused, though the profile (RFC 9919 3.1) or DER forbids it: any number of CertIDs (none too), any version,
    hash algorithm and serial, signatures and requestor names (both unread but for the name), indefinite lengths.
    Raises OcspError.
    """
    if len(data) > limits.max_bytes:
        raise OcspError("message too large", True)
    try:
        return _read_request(data, limits, 0, False)
    except DerError as error:
        if error.reason not in BER_REASONS:
            raise OcspError(error.reason, error.limit) from error
    try:
        definite, used = definite_form(data, limits.max_depth, limits.max_elements)
        return _read_request(definite, limits, len(data) - used, True)
    except DerError as error:
        raise OcspError(error.reason, error.limit) from error


def _read_request(data: bytes, limits: OcspSettings, trailing: int, ber: bool) -> OcspRequest:
    reader = DerReader(data, limits.max_elements)
    pos = reader.enter(SEQUENCE, 0, len(data), "OCSPRequest")
    end = reader.stop
    trailing += len(data) - end
    pos = reader.enter(SEQUENCE, pos, end, "TBSRequest")
    tbs_end = reader.stop
    signed = tbs_end != end
    if signed:
        reader.enter(0xA0, tbs_end, end, "optionalSignature")
        reader.leave(end, "OCSPRequest")

    version = 0
    explicit_version = pos < tbs_end and data[pos] == 0xA0
    if explicit_version:
        start = reader.enter(0xA0, pos, tbs_end, "version")
        pos = reader.stop
        reader.enter(0x02, start, pos, "version")
        reader.leave(pos, "version")
        version = decode_integer(data, reader.start, reader.stop)
    requestor_name = None
    if pos < tbs_end and data[pos] == 0xA1:
        start = reader.enter(0xA1, pos, tbs_end, "requestorName")
        pos = reader.stop
        requestor_name = _requestor_name(data[start:pos])
    start = reader.enter(SEQUENCE, pos, tbs_end, "requestList")
    pos = reader.stop
    found: list[tuple[bytes, bytes]] = []
    null_parameters = start < pos and has_null_parameters(reader, _cert_id_at(reader, start, pos), pos)
    cert_ids, total = _read_list(reader, start, pos, limits, found)
    reader.left = max(reader.left, RESERVE)
    if pos != tbs_end:
        start = reader.enter(0xA2, pos, tbs_end, "requestExtensions")
        reader.leave(tbs_end, "TBSRequest")
        found = read_extensions(reader, start, tbs_end) + found
    nonce = None
    for oid, value in found:
        if oid == OCSP_NONCE:
            nonce = nonce_octets(value)
            break
    return OcspRequest(
        version,
        cert_ids,
        total,
        nonce,
        requestor_name,
        signed,
        tuple([decode_oid(oid) for oid, _ in found]) if found else (),
        RequestTraits(explicit_version, null_parameters, trailing, reader.loose, ber, reader.cut),
    )


def _cert_id_at(reader: DerReader, pos: int, end: int) -> int:
    return reader.enter(SEQUENCE, pos, end, "Request")


def _read_list(
    reader: DerReader, pos: int, end: int, limits: OcspSettings, found: list[tuple[bytes, bytes]]
) -> tuple[tuple[CertId, ...], int]:
    """The CertIDs of the requestList and how many there are; the extensions of single requests go into `found`."""
    max_cert_ids, max_serial_octets = limits.max_cert_ids, limits.max_serial_octets
    cert_ids: list[CertId] = []
    while pos < end:
        if cert_ids and (len(cert_ids) >= max_cert_ids or reader.left < RESERVE):
            return tuple(cert_ids), len(cert_ids) + count_elements(reader, pos, end)
        start = reader.enter(SEQUENCE, pos, end, "Request")
        pos = reader.stop
        cert_ids.append(read_cert_id(reader, start, pos, max_serial_octets))
        start = reader.stop
        if start != pos:
            start = reader.enter(0xA0, start, pos, "singleRequestExtensions")
            reader.leave(pos, "Request")
            found += read_extensions(reader, start, pos)
    return tuple(cert_ids), len(cert_ids)


def _requestor_name(der: bytes) -> str:
    try:
        return decode_general_name(der)
    except DerError:  # the request stands without it
        return "#" + der[:_MAX_SHOWN_OCTETS].hex().upper()
