"""A certificate's DER to what Zeek's x509.log says of it; times are integer nanoseconds since 1970.

It reads what OpenSSL reads, and checks nothing: a certificate in the traffic is whatever its sender wrote. For what a
sensor believes of a certificate see `pki.certificates`.
"""

from __future__ import annotations

import ipaddress
from hashlib import sha256

import msgspec

from sensor.pki.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    DerError,
    DerReader,
    decode_integer,
    decode_oid,
    decode_time,
)
from sensor.pki.names import display_name
from sensor.pki.oids import SIGNATURE_NAMES, encode_oid
from sensor.pki.openssl_name import render_openssl_name
from sensor.pki.serial import render_serial

_MAX_ELEMENTS = 65536
_MAX_SERIAL_OCTETS = 64
_MAX_NUMBER_OCTETS = 2048  # of an RSA key: 16,384 bits, OpenSSL's limit
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_EMAIL, _DNS, _URI, _IP = 0x81, 0x82, 0x86, 0x87  # GeneralName, RFC 5280 4.2.1.6
_ALT_NAME = encode_oid("2.5.29.17")
_BASIC_CONSTRAINTS = encode_oid("2.5.29.19")
_RSA = encode_oid("1.2.840.113549.1.1.1")
_PSS = encode_oid("1.2.840.113549.1.1.10")
_EC = encode_oid("1.2.840.10045.2.1")
_DSA = encode_oid("1.2.840.10040.4.1")

KEY_NAMES = {
    _RSA: "rsaEncryption",
    _PSS: "rsassaPss",
    _EC: "id-ecPublicKey",
    _DSA: "dsaEncryption",
    encode_oid("1.2.840.10046.2.1"): "X9.42 DH",
    encode_oid("1.3.101.110"): "X25519",
    encode_oid("1.3.101.111"): "X448",
    encode_oid("1.3.101.112"): "ED25519",
    encode_oid("1.3.101.113"): "ED448",
}
"""Key algorithms under OpenSSL's long names."""

_EDWARDS_BITS = {
    encode_oid("1.3.101.110"): 253,
    encode_oid("1.3.101.111"): 448,
    encode_oid("1.3.101.112"): 256,
    encode_oid("1.3.101.113"): 456,
}
CURVES = {
    encode_oid("1.2.840.10045.3.1.1"): ("prime192v1", 192),
    encode_oid("1.2.840.10045.3.1.7"): ("prime256v1", 256),
    encode_oid("1.3.132.0.33"): ("secp224r1", 224),
    encode_oid("1.3.132.0.10"): ("secp256k1", 256),
    encode_oid("1.3.132.0.34"): ("secp384r1", 384),
    encode_oid("1.3.132.0.35"): ("secp521r1", 521),
    encode_oid("1.3.36.3.3.2.8.1.1.7"): ("brainpoolP256r1", 256),
    encode_oid("1.3.36.3.3.2.8.1.1.11"): ("brainpoolP384r1", 384),
    encode_oid("1.3.36.3.3.2.8.1.1.13"): ("brainpoolP512r1", 512),
    encode_oid("1.2.156.10197.1.301"): ("SM2", 256),
}
"""Named curves under OpenSSL's short names, and the bits of their order."""


class X509Error(Exception):
    """The bytes are no certificate. `reason` is short and stable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class X509(msgspec.Struct, frozen=True, gc=False):
    """One line of x509.log, but for its time. `common_name` is what a person calls the subject, "" if it has none.

    `ca` and `path_length` are those of basicConstraints, None without them; names are as in the certificate, octets
    that are not ASCII as UTF-8 or `\\xNN`.
    """

    fingerprint: str  # SHA-256 of the DER, lower-case hex
    version: int
    serial_number: str
    subject: str
    issuer: str
    not_before: int | None
    not_after: int | None
    key_algorithm: str
    signature_algorithm: str
    key_type: str | None
    key_length: int | None
    exponent: str | None
    curve: str | None
    dns_names: tuple[str, ...]
    uris: tuple[str, ...]
    email_addresses: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    ca: bool | None
    path_length: int | None
    issuer_der: bytes
    subject_der: bytes
    common_name: str
    names_cut: bool = False  # there are more names of a kind than were asked for


class _Key(msgspec.Struct, frozen=True):
    kind: str | None = None
    bits: int | None = None
    exponent: str | None = None
    curve: str | None = None


class _Extensions:
    """What the two extensions say that Zeek logs."""

    __slots__ = ("ca", "cut", "names", "path_length")

    def __init__(self) -> None:
        self.ca: bool | None = None
        self.path_length: int | None = None
        self.cut = False
        self.names: dict[int, list[str]] = {_DNS: [], _URI: [], _EMAIL: [], _IP: []}


def decode_x509(der: bytes, max_names: int) -> X509:
    """One certificate in DER, nothing after it; `max_names` names of each kind are kept. Raises X509Error."""
    try:
        return _decode(der, max_names)
    except DerError as error:
        raise X509Error(error.reason) from None


def _decode(der: bytes, max_names: int) -> X509:
    reader = DerReader(der, _MAX_ELEMENTS)
    pos = reader.enter(SEQUENCE, 0, len(der), "Certificate")
    outer_end = reader.stop
    reader.leave(len(der), "Certificate")
    pos = reader.enter(SEQUENCE, pos, outer_end, "TBSCertificate")
    end = reader.stop
    algorithm = _algorithm(reader, end, outer_end, SIGNATURE_NAMES, "undefined")
    version = 1
    if reader.read(pos, end) == _VERSION:
        pos = reader.stop
        start = reader.enter(INTEGER, reader.start, pos, "version")
        version = decode_integer(der, start, reader.stop) + 1
    start = reader.enter(INTEGER, pos, end, "serialNumber")
    serial = render_serial(der[start : min(reader.stop, start + _MAX_SERIAL_OCTETS)])
    marks = [reader.stop]
    for part in ("signature", "issuer", "validity", "subject", "subjectPublicKeyInfo"):
        reader.enter(SEQUENCE, marks[-1], end, part)
        marks.append(reader.stop)
    issuer, subject = der[marks[1] : marks[2]], der[marks[3] : marks[4]]
    not_before, not_after = _validity(reader, marks[2], marks[3])
    key_start = reader.enter(SEQUENCE, marks[4], marks[5], "subjectPublicKeyInfo")
    key_algorithm = _algorithm(reader, key_start, marks[5], KEY_NAMES, None)
    key = _key(reader, key_start, marks[5])
    found = _extensions(reader, marks[5], end, max_names)
    return X509(
        sha256(der).hexdigest(),
        version,
        serial,
        render_openssl_name(subject),
        render_openssl_name(issuer),
        not_before,
        not_after,
        key_algorithm,
        algorithm,
        key.kind,
        key.bits,
        key.exponent,
        key.curve,
        tuple(found.names[_DNS]),
        tuple(found.names[_URI]),
        tuple(found.names[_EMAIL]),
        tuple(found.names[_IP]),
        found.ca,
        found.path_length,
        issuer,
        subject,
        display_name(subject),
        found.cut,
    )


def _algorithm(reader: DerReader, pos: int, end: int, names: dict[bytes, str], unknown: str | None) -> str:
    """The name of the AlgorithmIdentifier at `pos`."""
    start = reader.enter(SEQUENCE, pos, end, "AlgorithmIdentifier")
    oid = reader.data[reader.enter(OBJECT_IDENTIFIER, start, reader.stop, "algorithm") : reader.stop]
    return names.get(oid) or unknown or decode_oid(oid)


def _validity(reader: DerReader, pos: int, end: int) -> tuple[int | None, int | None]:
    pos = reader.enter(SEQUENCE, pos, end, "validity")
    times: list[int | None] = []
    for _ in range(2):
        tag = reader.read(pos, end)
        pos = reader.stop
        times.append(decode_time(reader.data, tag, reader.start, pos))
    return times[0], times[1]


def _key(reader: DerReader, pos: int, end: int) -> _Key:
    """What is said of a public key; nothing of one that cannot be read."""
    try:
        start = reader.enter(SEQUENCE, pos, end, "AlgorithmIdentifier")
        pos = reader.stop
        oid = reader.data[reader.enter(OBJECT_IDENTIFIER, start, pos, "algorithm") : reader.stop]
        parameters = reader.stop
        bits = reader.enter(BIT_STRING, pos, end, "subjectPublicKey") + 1
        stop = reader.stop
        if oid in (_RSA, _PSS):
            return _rsa(reader, bits, stop, oid)
        if oid == _EC:
            return _ec(reader, parameters, pos)
        if oid == _DSA:
            return _dsa(reader, parameters, pos)
        return _Key(bits=_EDWARDS_BITS.get(oid))
    except DerError:
        return _Key()


def _rsa(reader: DerReader, pos: int, end: int, oid: bytes) -> _Key:
    """RSAPublicKey (RFC 8017 A.1.1). Zeek calls only rsaEncryption rsa."""
    pos = reader.enter(SEQUENCE, pos, end, "RSAPublicKey")
    end = reader.stop
    numbers: list[int] = []
    for part in ("modulus", "publicExponent"):
        start = reader.enter(INTEGER, pos, end, part)
        pos = reader.stop
        if pos - start > _MAX_NUMBER_OCTETS + 1:
            raise DerError(part)
        numbers.append(int.from_bytes(reader.data[start:pos], "big"))
    if oid == _PSS:
        return _Key(bits=numbers[0].bit_length())
    # Four thousand digits are what Python writes of a number at most.
    exponent = str(numbers[1]) if numbers[1].bit_length() <= 8192 else None
    return _Key("rsa", numbers[0].bit_length(), exponent)


def _ec(reader: DerReader, pos: int, end: int) -> _Key:
    """By the named curve (RFC 5480 2.1.1), or the order in parameters of its own (SEC 1 C.2)."""
    tag = reader.read(pos, end)
    if tag == SEQUENCE:
        pos, end = reader.start, reader.stop
        start = pos
        for part in (INTEGER, SEQUENCE, SEQUENCE, OCTET_STRING, INTEGER):
            start = reader.enter(part, pos, end, "ECParameters")
            pos = reader.stop
        return _Key("ecdsa", int.from_bytes(reader.data[start : min(pos, start + 256)], "big").bit_length())
    if tag != OBJECT_IDENTIFIER:
        return _Key("ecdsa")
    curve, bits = CURVES.get(reader.data[reader.start : reader.stop], (None, None))
    return _Key("ecdsa", bits, curve=curve)


def _dsa(reader: DerReader, pos: int, end: int) -> _Key:
    """By the prime of the parameters (RFC 3279 2.3.2), which may be left out."""
    if pos == end:
        return _Key()
    pos = reader.enter(SEQUENCE, pos, end, "Dss-Parms")
    start = reader.enter(INTEGER, pos, reader.stop, "p")
    return _Key("dsa", int.from_bytes(reader.data[start : min(reader.stop, start + 2048)], "big").bit_length())


def _extensions(reader: DerReader, pos: int, end: int, max_names: int) -> _Extensions:
    """An extension that cannot be read says nothing, as in OpenSSL; it costs no other."""
    found = _Extensions()
    while pos < end:
        tag = reader.read(pos, end)
        pos = reader.stop
        if tag != _EXTENSIONS:
            continue
        inner = reader.enter(SEQUENCE, reader.start, pos, "extensions")
        stop = reader.stop
        while inner < stop:
            start = reader.enter(SEQUENCE, inner, stop, "Extension")
            inner = reader.stop
            oid = reader.data[reader.enter(OBJECT_IDENTIFIER, start, inner, "extnID") : reader.stop]
            start = reader.stop
            if reader.read(start, inner) == BOOLEAN:
                start = reader.stop
            start = reader.enter(OCTET_STRING, start, inner, "extnValue")
            try:
                if oid == _ALT_NAME:
                    _alt_names(found, reader, start, reader.stop, max_names)
                elif oid == _BASIC_CONSTRAINTS:
                    _basic_constraints(found, reader, start, reader.stop)
            except DerError:
                continue
    return found


def _alt_names(found: _Extensions, reader: DerReader, pos: int, end: int, max_names: int) -> None:
    pos = reader.enter(SEQUENCE, pos, end, "subjectAltName")
    end = reader.stop
    while pos < end:
        tag = reader.read(pos, end)
        octets = reader.data[reader.start : reader.stop]
        pos = reader.stop
        names = found.names.get(tag)
        if names is None:
            continue
        if len(names) >= max_names:
            found.cut = True
            continue
        if tag != _IP:
            names.append(octets.decode("utf-8", "backslashreplace"))
        elif len(octets) in (4, 16):
            names.append(str(ipaddress.ip_address(octets)))


def _basic_constraints(found: _Extensions, reader: DerReader, pos: int, end: int) -> None:
    pos = reader.enter(SEQUENCE, pos, end, "basicConstraints")
    end = reader.stop
    ca, path_length = False, None
    if pos < end and reader.read(pos, end) == BOOLEAN:
        ca = reader.data[reader.start : reader.stop] not in (b"", b"\0")
        pos = reader.stop
    if pos < end:
        start = reader.enter(INTEGER, pos, end, "pathLenConstraint")
        path_length = max(0, decode_integer(reader.data, start, reader.stop))
    found.ca, found.path_length = ca, path_length
