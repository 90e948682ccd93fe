"""The parts of a CRL that are small: what stands before its entries, an entry, its extensions, its signature.

Each takes the bytes of a whole part; DerError says that they are not what RFC 5280 section 5 asks for.
"""

from __future__ import annotations

from sensor.pki.crl import REASONS, CrlEntry, CrlExtensions, CrlHead, CrlScope
from sensor.pki.der import (
    BIT_STRING,
    BOOLEAN,
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
from sensor.pki.name_text import decode_general_name, decode_name
from sensor.pki.oids import SIGNATURE_NAMES, encode_oid
from sensor.pki.serial import render_serial

_MAX_HEAD_ELEMENTS = 16
_MAX_ELEMENTS = 4096
_MAX_ISSUER_BYTES = 8192
_MAX_SERIAL_OCTETS = 64
_MAX_TEXT = 1024
_SET = 0x31

_NUMBER = encode_oid("2.5.29.20")
_REASON = encode_oid("2.5.29.21")
_INVALIDITY_DATE = encode_oid("2.5.29.24")
_DELTA = encode_oid("2.5.29.27")
_SCOPE = encode_oid("2.5.29.28")
_CERTIFICATE_ISSUER = encode_oid("2.5.29.29")
_AUTHORITY_KEY_ID = encode_oid("2.5.29.35")
_FRESHEST = encode_oid("2.5.29.46")
_NO_SCOPE = CrlScope((), False, False, False, False, ())
# ReasonFlags (RFC 5280 4.2.1.13), bit by bit from the first.
_FLAGS = (
    "unused",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
    "aACompromise",
)


def decode_head(part: bytes) -> CrlHead:
    """version, signature, issuer, thisUpdate and nextUpdate (RFC 5280 5.1.2.1 to 5.1.2.5)."""
    reader = DerReader(part, _MAX_HEAD_ELEMENTS)
    end = len(part)
    pos = 0
    version = 1
    if reader.read(pos, end) == INTEGER:
        version = decode_integer(part, reader.start, reader.stop) + 1
        pos = reader.stop
    reader.enter(SEQUENCE, pos, end, "signature")
    algorithm = part[pos : reader.stop]
    pos = reader.stop
    reader.enter(SEQUENCE, pos, end, "issuer")
    issuer = part[pos : reader.stop]
    if len(issuer) > _MAX_ISSUER_BYTES:
        raise DerError("issuer's name too long", True)
    pos = reader.stop
    times: list[int | None] = []
    bad: list[str] = []
    while pos < end and len(times) < 2:
        tag = reader.read(pos, end)
        pos = reader.stop
        if tag not in (UTC_TIME, GENERALIZED_TIME):
            raise DerError("thisUpdate")
        times.append(decode_time(part, tag, reader.start, pos))
        if times[-1] is None:
            bad.append(part[reader.start : pos][:64].decode("latin-1"))
    if pos != end or not times:
        raise DerError("thisUpdate")
    return CrlHead(
        version, algorithm, decode_name(issuer), issuer, times[0], times[1] if len(times) > 1 else None, tuple(bad)
    )


def decode_algorithm(der: bytes) -> str:
    """The name of an AlgorithmIdentifier's algorithm: OpenSSL's long name, else the dotted number; "" if unreadable."""
    reader = DerReader(der, _MAX_HEAD_ELEMENTS)
    try:
        start = reader.enter(SEQUENCE, 0, len(der), "AlgorithmIdentifier")
        oid = der[reader.enter(OBJECT_IDENTIFIER, start, reader.stop, "algorithm") : reader.stop]
        return SIGNATURE_NAMES.get(oid) or decode_oid(oid)
    except DerError:
        return ""


def decode_entry(part: bytes, issuer_der: bytes | None) -> CrlEntry:
    """One of revokedCertificates, which is about a certificate of `issuer_der` (None: of the CRL's issuer).

    Of extensions that cannot be read nothing is said: serial number and time stand without them.
    """
    reader = DerReader(part, _MAX_ELEMENTS)
    pos = reader.enter(SEQUENCE, 0, len(part), "revokedCertificate")
    end = reader.stop
    start = reader.enter(INTEGER, pos, end, "userCertificate")
    octets = part[start : reader.stop]
    serial = render_serial(octets if len(octets) <= _MAX_SERIAL_OCTETS else octets[:_MAX_SERIAL_OCTETS])
    tag = reader.read(reader.stop, end)
    revoked = decode_time(part, tag, reader.start, reader.stop)
    reason: str | None = None
    invalid: int | None = None
    try:
        for oid, _, start, stop in _extensions(reader, reader.stop, end) if reader.stop < end else ():
            if oid == _REASON:
                number = decode_integer(part, reader.enter(ENUMERATED, start, stop, "reasonCode"), reader.stop)
                reason = REASONS.get(number) or str(number)
            elif oid == _INVALIDITY_DATE:
                tag = reader.read(start, stop)
                invalid = decode_time(part, tag, reader.start, reader.stop)
    except DerError:
        pass
    return CrlEntry(serial, revoked, reason, invalid, issuer_der)


def certificate_issuer(part: bytes) -> bytes | None:
    """The DER of the Name in an entry's certificateIssuer extension (RFC 5280 5.3.3), None if it has none."""
    reader = DerReader(part, _MAX_ELEMENTS)
    pos = reader.enter(SEQUENCE, 0, len(part), "revokedCertificate")
    end = reader.stop
    reader.read(pos, end)
    reader.read(reader.stop, end)
    if reader.stop == end:
        return None
    for oid, _, start, stop in _extensions(reader, reader.stop, end):
        if oid == _CERTIFICATE_ISSUER:
            pos = reader.enter(SEQUENCE, start, stop, "certificateIssuer")
            names_end = reader.stop
            while pos < names_end:
                tag = reader.read(pos, names_end)
                pos = reader.stop
                if tag == 0xA4:
                    if pos - reader.start > _MAX_ISSUER_BYTES:
                        raise DerError("issuer's name too long", True)
                    return part[reader.start : pos]
    return None


def decode_signature(part: bytes) -> tuple[bytes, bytes]:
    """signatureAlgorithm's DER and the octets of signatureValue (RFC 5280 5.1.1.2, 5.1.1.3)."""
    reader = DerReader(part, _MAX_ELEMENTS)
    reader.enter(SEQUENCE, 0, len(part), "signatureAlgorithm")
    algorithm = part[: reader.stop]
    start = reader.enter(BIT_STRING, reader.stop, len(part), "signatureValue")
    reader.leave(len(part), "CertificateList")
    return algorithm, part[start + 1 : reader.stop]


def decode_extensions(part: bytes, max_names: int) -> CrlExtensions:
    """crlExtensions (RFC 5280 5.2), with their [0]; at most `max_names` names of each kind are kept.

    One that matters and cannot be read is named in `problem`; the others are read all the same.
    """
    reader = DerReader(part, _MAX_ELEMENTS)
    pos = reader.enter(0xA0, 0, len(part), "crlExtensions")
    reader.leave(len(part), "tbsCertList")
    oids: list[str] = []
    unknown: list[str] = []
    found: dict[bytes, tuple[int, int]] = {}
    problem: str | None = None
    for oid, critical, start, stop in _extensions(reader, pos, reader.stop):
        text = decode_oid(oid)
        if len(oids) < max_names:
            oids.append(text)
        if oid in _KNOWN:
            if oid in found:
                problem = f"{text} twice"
            found.setdefault(oid, (start, stop))
        elif critical and len(unknown) < max_names:
            unknown.append(text)
    values: dict[bytes, object] = {}
    room = _Room(max_names)
    for oid, (start, stop) in found.items():
        try:
            values[oid] = _KNOWN[oid](reader, start, stop, room)
        except DerError as error:
            problem = f"{decode_oid(oid)}: {error.reason}"
    number, base, key_id = values.get(_NUMBER), values.get(_DELTA), values.get(_AUTHORITY_KEY_ID)
    scope, urls = values.get(_SCOPE), values.get(_FRESHEST, ())
    return CrlExtensions(
        number if isinstance(number, str) else None,
        base if isinstance(base, str) else None,
        key_id if isinstance(key_id, bytes) else None,
        scope if isinstance(scope, CrlScope) else None,
        urls if isinstance(urls, tuple) else (),
        tuple(oids),
        tuple(unknown),
        problem,
        room.cut,
    )


def _extensions(reader: DerReader, pos: int, end: int) -> list[tuple[bytes, bool, int, int]]:
    """OID octets, critical, and where the value's content lies, of each of the Extensions at `pos`."""
    found: list[tuple[bytes, bool, int, int]] = []
    pos = reader.enter(SEQUENCE, pos, end, "Extensions")
    reader.leave(end, "Extensions")
    while pos < end:
        inner = reader.enter(SEQUENCE, pos, end, "Extension")
        pos = reader.stop
        oid = reader.data[reader.enter(OBJECT_IDENTIFIER, inner, pos, "extnID") : reader.stop]
        inner = reader.stop
        critical = False
        if reader.read(inner, pos) == BOOLEAN:
            critical = reader.data[reader.start : reader.stop] not in (b"", b"\0")
            inner = reader.stop
        start = reader.enter(OCTET_STRING, inner, pos, "extnValue")
        found.append((oid, critical, start, reader.stop))
    return found


class _Room:
    """How many names of a kind are kept, and whether there were more."""

    __slots__ = ("cut", "names")

    def __init__(self, names: int) -> None:
        self.names = names
        self.cut = False


def _number(reader: DerReader, pos: int, end: int, _: _Room) -> str:
    start = reader.enter(INTEGER, pos, end, "cRLNumber")
    return render_serial(reader.data[start : reader.stop][:_MAX_SERIAL_OCTETS])


def _key_id(reader: DerReader, pos: int, end: int, _: _Room) -> bytes | None:
    pos = reader.enter(SEQUENCE, pos, end, "authorityKeyIdentifier")
    end = reader.stop
    if pos < end and reader.read(pos, end) == 0x80:
        return reader.data[reader.start : reader.stop][:_MAX_SERIAL_OCTETS]
    return None


def _issuing_distribution_point(reader: DerReader, pos: int, end: int, room: _Room) -> CrlScope:
    pos = reader.enter(SEQUENCE, pos, end, "issuingDistributionPoint")
    end = reader.stop
    flags = dict.fromkeys((0x81, 0x82, 0x84, 0x85), False)
    names: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    while pos < end:
        tag = reader.read(pos, end)
        start, pos = reader.start, reader.stop
        if tag == 0xA0:
            names = _point_names(reader, start, pos, room)
        elif tag == 0x83:
            reasons = _reasons(reader.data[start:pos])
        elif tag in flags:
            flags[tag] = reader.data[start:pos] not in (b"", b"\0")
    return CrlScope(names, flags[0x81], flags[0x82], flags[0x85], flags[0x84], reasons)


def _reasons(bits: bytes) -> tuple[str, ...]:
    octets = bits[1:3]
    return tuple(name for i, name in enumerate(_FLAGS) if i // 8 < len(octets) and octets[i // 8] & 0x80 >> i % 8)


def _point_names(reader: DerReader, pos: int, end: int, room: _Room) -> tuple[str, ...]:
    """DistributionPointName: fullName [0] GeneralNames, or nameRelativeToCRLIssuer [1] RelativeDistinguishedName."""
    tag = reader.read(pos, end)
    pos, end = reader.start, reader.stop
    if tag == 0xA1:
        inner = reader.data[pos:end]
        rdn = bytes((_SET,)) + _length(len(inner)) + inner
        return (f"relative:{decode_name(b'0' + _length(len(rdn)) + rdn)}"[:_MAX_TEXT],)
    if tag != 0xA0:
        raise DerError(f"DistributionPointName: tag {tag:02x}")
    names: list[str] = []
    while pos < end:
        if len(names) >= room.names:
            room.cut = True
            break
        reader.read(pos, end)
        names.append(decode_general_name(reader.data[pos : reader.stop]).removeprefix("URI:")[:_MAX_TEXT])
        pos = reader.stop
    return tuple(names)


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def _freshest(reader: DerReader, pos: int, end: int, room: _Room) -> tuple[str, ...]:
    pos = reader.enter(SEQUENCE, pos, end, "freshestCRL")
    end = reader.stop
    names: list[str] = []
    while pos < end:
        inner = reader.enter(SEQUENCE, pos, end, "DistributionPoint")
        pos = reader.stop
        if inner < pos and reader.read(inner, pos) == 0xA0:
            names += _point_names(reader, reader.start, reader.stop, room)
            if len(names) > room.names:
                room.cut = True
                del names[room.names :]
    return tuple(names)


_KNOWN = {
    _NUMBER: _number,
    _DELTA: _number,
    _AUTHORITY_KEY_ID: _key_id,
    _SCOPE: _issuing_distribution_point,
    _FRESHEST: _freshest,
}
