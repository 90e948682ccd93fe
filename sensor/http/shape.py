"""The beginning of a DER structure in, the MIME type of the PKI object it is out: by its outer shape alone.

Follows the tags on the path to what tells requests, replies, certificates, CRLs and bundles apart, and no further; so
it needs no more of a large object than its beginning. Tolerant of lengths in more octets than needed (X.690 8.1.3).
It is no parser: what it names may still be undecodable.
"""

from __future__ import annotations

from typing import Final

OCSP_REQUEST: Final = "application/ocsp-request"
OCSP_RESPONSE: Final = "application/ocsp-response"
CRL: Final = "application/pkix-crl"
CERTIFICATE: Final = "application/pkix-cert"
CERTIFICATE_BUNDLE: Final = "application/pkcs7-mime"
"""A certs-only SignedData, ".p7c" (RFC 5280 4.2.2.1 and RFC 8551 3.2.2 give it this type; Zeek has none)."""


def _tag(data: bytes, at: int) -> int:
    """The identifier octet at `at`, -1 where the data ends before."""
    return data[at] if at < len(data) else -1


def _span(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Where the contents of the element at `at` begin and end; the end may lie behind the data.

    (0, 0) if its header is cut or unusable, or if it does not end by `limit`; of indefinite length it ends there.
    """
    if at + 2 > len(data):
        return 0, 0
    length = data[at + 1]
    start = at + 2
    if length == 0x80:
        return start, limit
    if length > 0x80:
        octets = length - 0x80
        start += octets
        if octets > 4 or start > len(data):
            return 0, 0
        length = int.from_bytes(data[at + 2 : start], "big")
    end = start + length
    if end > limit:
        return 0, 0
    return start, end


def _first_inside(data: bytes, at: int, limit: int, tag: int) -> bool:
    """Whether a constructed element at `at` holds as its first element one with `tag`."""
    start, end = _span(data, at, limit)
    return start < end and _tag(data, start) == tag


def der_type(data: bytes) -> str | None:
    """Which of the five `data` begins with, None if none of them. Never raises; reads a dozen headers at most."""
    start, end = _span(data, 0, 1 << 40)
    if not start:
        return None
    tag = _tag(data, start)
    if tag == 0x30:
        return _signed_type(data, start, end)
    if tag == 0x0A:
        return OCSP_RESPONSE if _is_response(data, start, end) else None
    if tag == 0x06:
        return CERTIFICATE_BUNDLE if _is_bundle(data, start, end) else None
    return None


def der_size(data: bytes, at: int) -> int:
    """Octets of the SEQUENCE that begins at `at`, by its own length, if it is one of an OCSP message, a certificate or
    a CRL as far as can be seen: it begins with a SEQUENCE or an ENUMERATED, of definite length, that fits into it.

    0 if it is none; -1 if more must be seen, seven octets at most.
    """
    have = len(data) - at
    if have <= 0:
        return -1
    if data[at] != 0x30:
        return 0
    if have < 2:
        return -1
    octets = 0
    size = data[at + 1]
    if size >= 0x80:
        octets = size & 0x7F
        if not 1 <= octets <= 4:
            return 0
        if have < 2 + octets:
            return -1
        size = 0
        for place in range(at + 2, at + 2 + octets):
            size = size << 8 | data[place]
    if have < 3 + octets:
        return -1
    inside = at + 2 + octets
    if data[inside] != 0x30 and data[inside] != 0x0A:
        return 0
    if have < 4 + octets:
        return -1
    length = data[inside + 1]
    if data[inside] == 0x0A:
        return size + 2 + octets if length == 1 and size >= 3 else 0
    if length < 0x80:
        return size + 2 + octets if length + 2 <= size else 0
    return size + 2 + octets if 0x80 < length <= 0x80 + octets else 0


def _is_response(data: bytes, start: int, end: int) -> bool:
    """OCSPResponse (RFC 6960 4.2.1): ENUMERATED of one octet, and nothing else or [0] { OID, OCTET STRING }."""
    if start + 3 > len(data) or data[start + 1] != 1:
        return False
    if end == start + 3:
        return True
    if _tag(data, start + 3) != 0xA0:
        return False
    inner, inner_end = _span(data, start + 3, end)
    if not inner or _tag(data, inner) != 0x30:
        return False
    inner, inner_end = _span(data, inner, inner_end)
    if not inner or _tag(data, inner) != 0x06:
        return False
    inner, inner_end = _span(data, inner, inner_end)
    return inner > 0 and _tag(data, inner_end) in (0x04, -1)


def _is_bundle(data: bytes, start: int, end: int) -> bool:
    """ContentInfo of a SignedData (RFC 5652 5.1) without digest algorithms, that is without signers."""
    if data[start : start + 11] != b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" or _tag(data, start + 11) != 0xA0:
        return False
    inner, inner_end = _span(data, start + 11, end)
    if not inner or _tag(data, inner) != 0x30:
        return False
    inner, inner_end = _span(data, inner, inner_end)
    return (
        inner > 0
        and data[inner : inner + 2] == b"\2\1"
        and data[inner + 3 : inner + 7].startswith((b"1\0", b"1\x80\0\0"))
    )


def _signed_type(data: bytes, at: int, limit: int) -> str | None:
    """`at` is a SEQUENCE that begins an outer one: the part to be signed of a certificate, a CRL or a request."""
    at, end = _span(data, at, limit)
    if not at:
        return None
    tag = _tag(data, at)
    explicit_version = tag == 0xA0
    if explicit_version:
        if not _first_inside(data, at, end, 0x02):
            return None
        _, at = _span(data, at, end)
        tag = _tag(data, at)
    if tag == 0x02:  # serial number (RFC 5280 4.1), or version of a CRL (5.1)
        _, at = _span(data, at, end)
        return _certificate_or_list(data, at, end, explicit_version) if at else None
    if tag == 0xA1:
        _, at = _span(data, at, end)
        return OCSP_REQUEST if at and _is_request_list(data, at, end) else None
    if tag != 0x30:
        return None
    if not explicit_version and _first_inside(data, at, end, 0x06):
        return _certificate_or_list(data, at, end, False)  # a CRL of version 1 has none
    return OCSP_REQUEST if _is_request_list(data, at, end) else None


def _is_request_list(data: bytes, at: int, limit: int) -> bool:
    """SEQUENCE OF Request { CertID { AlgorithmIdentifier { OID }, OCTET STRING } } (RFC 6960 4.1.1)."""
    end = limit
    for _ in range(3):
        if _tag(data, at) != 0x30:
            return False
        at, end = _span(data, at, end)
        if not at:
            return False
    if _tag(data, at) != 0x30 or not _first_inside(data, at, end, 0x06):
        return False
    _, at = _span(data, at, end)
    return _tag(data, at) in (0x04, -1)


def _certificate_or_list(data: bytes, at: int, end: int, explicit_version: bool) -> str | None:
    """At the AlgorithmIdentifier; behind it the issuer, then the validity of a certificate or thisUpdate of a CRL."""
    if _tag(data, at) != 0x30 or not _first_inside(data, at, end, 0x06):
        return None
    _, at = _span(data, at, end)
    if _tag(data, at) != 0x30:
        return None
    start, at = _span(data, at, end)
    if not start or (start < at and _tag(data, start) != 0x31):
        return None  # a Name is a sequence of sets, or empty
    tag = _tag(data, at)
    if tag in (0x17, 0x18):
        return None if explicit_version else CRL
    if tag == 0x30 and (_first_inside(data, at, end, 0x17) or _first_inside(data, at, end, 0x18)):
        return CERTIFICATE
    return None
