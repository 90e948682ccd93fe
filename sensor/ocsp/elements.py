"""The parts that OCSP requests and replies share: CertIDs and extensions (RFC 6960 4.1.1, 4.4)."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from sensor.ocsp.model import CertId
from sensor.pki.der import (
    BOOLEAN,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    DerError,
    DerReader,
    decode_oid,
)
from sensor.pki.oids import HASH_NAMES
from sensor.pki.serial import render_serial

MAX_EXTENSIONS: Final = 64
"""Extensions of one list that are read; of a longer list the rest is left unread and the reader marked `cut`."""

RESERVE: Final = 16
"""A list is left unread once fewer elements than this may be read, and what follows it may read as many: so a long
list can hide neither how long it is nor what stands behind it."""

CUT_MARK: Final = "..."
"""Stands behind a serial number that is shown in part, and before a digest of the whole: two of them that begin alike
are not the same."""
_DIGEST_DIGITS: Final = 32  # of SHA-256, 128 bits


def read_cert_id(reader: DerReader, pos: int, end: int, max_serial_octets: int) -> CertId:
    """The CertID at `pos`; afterwards `reader.stop` is its end. Raises DerError."""
    data = reader.data
    pos = reader.enter(SEQUENCE, pos, end, "CertID")
    end = reader.stop
    start = reader.enter(SEQUENCE, pos, end, "AlgorithmIdentifier")
    pos = reader.stop
    start = reader.enter(OBJECT_IDENTIFIER, start, pos, "algorithm")
    oid = data[start : reader.stop]
    if reader.stop != pos:  # parameters: NULL or, once seen nowhere, anything else
        reader.read(reader.stop, pos)
        reader.leave(pos, "AlgorithmIdentifier")
    start = reader.enter(OCTET_STRING, pos, end, "issuerNameHash")
    name_hash = data[start : reader.stop]
    start = reader.enter(OCTET_STRING, reader.stop, end, "issuerKeyHash")
    key_hash = data[start : reader.stop]
    start = reader.enter(INTEGER, reader.stop, end, "serialNumber")
    reader.leave(end, "CertID")
    return CertId(
        HASH_NAMES.get(oid) or decode_oid(oid), name_hash, key_hash, _serial(reader, start, end, max_serial_octets)
    )


def _serial(reader: DerReader, start: int, stop: int, max_octets: int) -> str:
    octets = reader.data[start:stop]
    size = stop - start
    if size == 0 or (size > 1 and _padded(octets[0], octets[1])):
        reader.loose = True
    text = render_serial(octets)
    if size <= max_octets:
        return text
    shown = 2 * max_octets + text.startswith("-")
    if len(text) <= shown:
        return text
    return text[:shown] + CUT_MARK + sha256(text.encode("ascii")).hexdigest()[:_DIGEST_DIGITS].upper()


def _padded(first: int, second: int) -> bool:
    """Whether the first octet of an INTEGER says nothing (X.690 8.3.2)."""
    return (first == 0 and second < 0x80) or (first == 0xFF and second >= 0x80)


def has_null_parameters(reader: DerReader, pos: int, end: int) -> bool:
    """Whether the CertID at `pos`, which was read before, gives its hash algorithm NULL parameters."""
    pos = reader.enter(SEQUENCE, pos, end, "CertID")
    pos = reader.enter(SEQUENCE, pos, end, "AlgorithmIdentifier")
    end = reader.stop
    reader.read(pos, end)
    return end - reader.stop == 2 and reader.data[end - 2] == 0x05


def read_extensions(reader: DerReader, pos: int, end: int) -> list[tuple[bytes, bytes]]:
    """The Extensions (RFC 5280 4.1) that fill `pos` to `end`: content octets of each OID, and of each extnValue.

    A list that exceeds a limit is read in part: the reader is marked `cut`. Raises DerError.
    """
    found: list[tuple[bytes, bytes]] = []
    pos = reader.enter(SEQUENCE, pos, end, "Extensions")
    reader.leave(end, "Extensions")
    while pos < end:
        if len(found) >= MAX_EXTENSIONS or reader.left < 4:
            reader.cut = True
            break
        start = reader.enter(SEQUENCE, pos, end, "Extension")
        pos = reader.stop
        start = reader.enter(OBJECT_IDENTIFIER, start, pos, "extnID")
        oid = reader.data[start : reader.stop]
        if reader.stop < pos and reader.data[reader.stop] == BOOLEAN:  # critical DEFAULT FALSE
            reader.read(reader.stop, pos)
        reader.enter(OCTET_STRING, reader.stop, pos, "extnValue")
        reader.leave(pos, "Extension")
        found.append((oid, reader.data[reader.start : pos]))
    return found


def count_elements(reader: DerReader, pos: int, end: int) -> int:
    """How many elements fill `pos` to `end`; they are not charged to the reader's limit: the size bounds them."""
    left = reader.left
    reader.left = end
    count = 0
    while pos < end:
        reader.read(pos, end)
        pos = reader.stop
        count += 1
    reader.left = left
    return count


def nonce_octets(value: bytes) -> bytes:
    """The nonce in an extnValue: what its inner OCTET STRING holds (RFC 9654 2.1), or all of it in older clients."""
    if len(value) >= 2 and value[0] == OCTET_STRING:
        reader = DerReader(value, 1)
        try:
            reader.read(0, len(value))
        except DerError:
            return value
        if reader.stop == len(value):
            return value[reader.start :]
    return value
