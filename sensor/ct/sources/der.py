"""Certificates out of binary files: DER certificates one after another, and PKCS#7 (RFC 2315, RFC 5652) bundles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sensor.ct.sources import DerItem, Item, Refusal
from sensor.pki.ber import definite_form
from sensor.pki.der import BER_REASONS, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, TRUNCATED, DerError, DerReader
from sensor.pki.oids import encode_oid

_LENGTH = rb"(?:[\x00-\x7f]|\x81.|\x82..|\x83...|\x84....)"
# SEQUENCE { SEQUENCE { [0] { INTEGER v2 or v3 } INTEGER ...: RFC 5280 4.1.
_CERTIFICATE = re.compile(rb"\x30" + _LENGTH + rb"\x30" + _LENGTH + rb"\xa0\x03\x02\x01[\x01\x02]\x02", re.DOTALL)
_SIGNED_DATA_OID = encode_oid("1.2.840.113549.1.7.2")
# ContentInfo of signed data, in DER or BER.
_PKCS7 = re.compile(rb"\x30(?:\x80|" + _LENGTH + rb")\x06\x09" + re.escape(_SIGNED_DATA_OID), re.DOTALL)
_PADDING = b"\0\r\n"
_MAX_ELEMENTS = 1 << 20  # a bundle has one for each certificate; in BER, one for each element of them
_MAX_DEPTH = 32


def looks_like_certificate(head: bytes) -> bool:
    """Whether a certificate begins here; one of version 2 or 3 may be cut."""
    return _CERTIFICATE.match(head) is not None or _is_version_1(head)


def _is_version_1(head: bytes) -> bool:
    """Serial, AlgorithmIdentifier, issuer, validity: nothing tells it from CRLs, requests and keys but its shape."""
    reader = DerReader(head, _MAX_ELEMENTS)
    try:
        pos = reader.enter(SEQUENCE, 0, len(head), "Certificate")
        pos = reader.enter(SEQUENCE, pos, reader.stop, "TBSCertificate")
        end = reader.stop
        reader.enter(INTEGER, pos, end, "serialNumber")
        algorithm = reader.enter(SEQUENCE, reader.stop, end, "signature")
        pos = reader.stop
        reader.enter(OBJECT_IDENTIFIER, algorithm, pos, "algorithm")
        reader.enter(SEQUENCE, pos, end, "issuer")
        reader.enter(SEQUENCE, reader.stop, end, "validity")
    except DerError:
        return False
    return True


def looks_like_pkcs7(head: bytes) -> bool:
    """Whether a PKCS#7 bundle begins here."""
    return _PKCS7.match(head) is not None


def outer_length(data: bytes) -> int | None:
    """Octets of the element that `data` begins with, header included; None if it is not whole."""
    reader = DerReader(data, 1)
    try:
        reader.read(0, len(data))
    except DerError:
        return None
    return reader.stop


def read_blob(data: bytes, place: str = "") -> Iterator[Item]:
    """Certificates of one blob: a PKCS#7 bundle's, or those that stand one after another."""
    if looks_like_pkcs7(data):
        yield from _in_pkcs7(data, place)
        return
    reader = DerReader(data, _MAX_ELEMENTS)
    pos = 0
    while pos < len(data):
        if pos and data[pos] in _PADDING and not data[pos:].strip(_PADDING):
            return
        try:
            if reader.read(pos, len(data)) != SEQUENCE:
                raise DerError("no SEQUENCE")
        except DerError as error:
            reason = "cut short" if error.reason == TRUNCATED else "not a certificate"
            yield Refusal(reason if pos == 0 else "something else behind a certificate", place)
            return
        yield DerItem(data[pos : reader.stop], place)
        pos = reader.stop


def _in_pkcs7(data: bytes, place: str) -> Iterator[Item]:
    try:
        try:
            ders = _bundled(data)
        except DerError as error:
            if error.reason not in BER_REASONS:
                raise
            ders = _bundled(definite_form(data, _MAX_DEPTH, _MAX_ELEMENTS)[0])
    except DerError as error:
        yield Refusal("PKCS#7 cut short" if error.reason == TRUNCATED else "PKCS#7 that cannot be read", place)
        return
    within = f"{place}, " if place else ""
    for number, der in enumerate(ders, 1):
        yield DerItem(der, f"{within}certificate {number}")


def _bundled(data: bytes) -> list[bytes]:
    """SignedData.certificates (RFC 5652 5.1), the X.509 ones. Raises DerError."""
    reader = DerReader(data, _MAX_ELEMENTS)
    pos = reader.enter(SEQUENCE, 0, len(data), "ContentInfo")
    reader.enter(OBJECT_IDENTIFIER, pos, reader.stop, "contentType")
    pos = reader.enter(0xA0, reader.stop, len(data), "content")
    pos = reader.enter(SEQUENCE, pos, reader.stop, "SignedData")
    end = reader.stop
    for tag, what in ((INTEGER, "version"), (SET, "digestAlgorithms"), (SEQUENCE, "encapContentInfo")):
        reader.enter(tag, pos, end, what)
        pos = reader.stop
    ders: list[bytes] = []
    if pos < end and reader.read(pos, end) == 0xA0:
        pos, end = reader.start, reader.stop
        while pos < end:
            if reader.read(pos, end) == SEQUENCE:
                ders.append(data[pos : reader.stop])
            pos = reader.stop
    return ders
