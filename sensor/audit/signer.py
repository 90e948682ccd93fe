"""What of a certificate decides whether it may sign OCSP replies, read as it lies there.

Not `pki.certificates`: that refuses what pyca/cryptography refuses, and here a certificate that is odd in a field of
no matter must still be judged.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

import msgspec

from sensor.pki.der import (
    BIT_STRING,
    BOOLEAN,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    DerError,
    DerReader,
    decode_time,
)
from sensor.pki.name_text import decode_name
from sensor.pki.oids import encode_oid

_MAX_BYTES: Final = 16384
_MAX_ELEMENTS: Final = 2048
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_BASIC_CONSTRAINTS: Final = encode_oid("2.5.29.19")
_EXTENDED_KEY_USAGE: Final = encode_oid("2.5.29.37")
_OCSP_SIGNING: Final = encode_oid("1.3.6.1.5.5.7.3.9")
_NOCHECK: Final = encode_oid("1.3.6.1.5.5.7.48.1.5")


class Signer(msgspec.Struct, frozen=True):
    """A certificate whose key may have signed a reply. Times in nanoseconds since 1970; octets as they lie in it.

    `names` are the ResponderIDs that mean it, in `OcspResponse.responder_id`'s spelling. `signed`, `algorithm` and
    `signature` are what its issuer signed, how, and the signature.
    """

    names: tuple[str, str]
    subject_der: bytes
    key_sha1: bytes
    key_info: bytes
    not_before: int
    not_after: int
    is_ca: bool
    ocsp_signing: bool
    nocheck: bool
    signed: bytes
    algorithm: bytes
    signature: bytes


def decode_signer(der: bytes) -> Signer | None:
    """The certificate, None if it cannot be read. The same bytes are read once: every reply carries its signer's."""
    return _decode(der) if len(der) <= _MAX_BYTES else None


@lru_cache(maxsize=256)
def _decode(der: bytes) -> Signer | None:
    try:
        return _read(der)
    except DerError:
        return None


def _read(der: bytes) -> Signer:
    """RFC 5280 4.1. Raises DerError."""
    reader = DerReader(der, _MAX_ELEMENTS)
    start = reader.enter(SEQUENCE, 0, len(der), "Certificate")
    whole = reader.stop
    pos = reader.enter(SEQUENCE, start, whole, "TBSCertificate")
    end = reader.stop
    signed = der[start:end]
    reader.enter(SEQUENCE, end, whole, "signatureAlgorithm")
    algorithm = der[end : reader.stop]
    bits = reader.enter(BIT_STRING, reader.stop, whole, "signatureValue")
    signature = der[bits + 1 : reader.stop]

    if reader.read(pos, end) == _VERSION:
        reader.read(reader.stop, end)  # serialNumber
    reader.enter(SEQUENCE, reader.stop, end, "signature")
    reader.enter(SEQUENCE, reader.stop, end, "issuer")
    validity = reader.enter(SEQUENCE, reader.stop, end, "validity")
    pos = reader.stop
    not_before = _time(reader, validity, pos)
    not_after = _time(reader, reader.stop, pos)
    reader.enter(SEQUENCE, pos, end, "subject")
    subject = der[pos : reader.stop]
    pos = reader.stop
    info = reader.enter(SEQUENCE, pos, end, "subjectPublicKeyInfo")
    after = reader.stop
    key_info = der[pos:after]
    reader.enter(SEQUENCE, info, after, "algorithm")
    bits = reader.enter(BIT_STRING, reader.stop, after, "subjectPublicKey")
    key_octets = der[bits + 1 : reader.stop]
    found = _extensions(reader, after, end)
    digest = hashlib.sha1(key_octets, usedforsecurity=False).digest()
    return Signer(
        names=("byKey:" + digest.hex().upper(), "byName:" + decode_name(subject)),
        subject_der=subject,
        key_sha1=digest,
        key_info=key_info,
        not_before=not_before,
        not_after=not_after,
        is_ca=_is_ca(found.get(_BASIC_CONSTRAINTS)),
        ocsp_signing=_may_sign_ocsp(found.get(_EXTENDED_KEY_USAGE)),
        nocheck=_NOCHECK in found,
        signed=signed,
        algorithm=algorithm,
        signature=signature,
    )


def _time(reader: DerReader, pos: int, end: int) -> int:
    tag = reader.read(pos, end)
    moment = decode_time(reader.data, tag, reader.start, reader.stop)
    if moment is None:
        raise DerError("validity")
    return moment


def _extensions(reader: DerReader, pos: int, end: int) -> dict[bytes, bytes]:
    """Content of extnValue by the content octets of extnID; of several alike the first."""
    found: dict[bytes, bytes] = {}
    data = reader.data
    while pos < end:
        tag = reader.read(pos, end)
        pos = reader.stop
        if tag != _EXTENSIONS:
            continue
        inner = reader.enter(SEQUENCE, reader.start, pos, "extensions")
        while inner < pos:
            start = reader.enter(SEQUENCE, inner, pos, "Extension")
            inner = reader.stop
            oid = data[reader.enter(OBJECT_IDENTIFIER, start, inner, "extnID") : reader.stop]
            start = reader.stop
            if reader.read(start, inner) == BOOLEAN:
                start = reader.stop
            start = reader.enter(OCTET_STRING, start, inner, "extnValue")
            found.setdefault(oid, data[start : reader.stop])
    return found


def _is_ca(value: bytes | None) -> bool:
    if not value:
        return False
    reader = DerReader(value, 2)
    start = reader.enter(SEQUENCE, 0, len(value), "basicConstraints")
    end = reader.stop
    return start < end and reader.read(start, end) == BOOLEAN and value[reader.start : reader.stop] not in (b"", b"\0")


def _may_sign_ocsp(value: bytes | None) -> bool:
    """id-kp-OCSPSigning by name: anyExtendedKeyUsage does not do (RFC 6960 4.2.2.2)."""
    if not value:
        return False
    reader = DerReader(value, 64)
    pos = reader.enter(SEQUENCE, 0, len(value), "extKeyUsage")
    end = reader.stop
    while pos < end:
        start = reader.enter(OBJECT_IDENTIFIER, pos, end, "KeyPurposeId")
        pos = reader.stop
        if value[start:pos] == _OCSP_SIGNING:
            return True
    return False
