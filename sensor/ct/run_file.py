"""One file of the bulk index: rows of certificates that expire in one month, sorted, never changed once it is whole.

    header    _HEADER
    buckets   each: u32 count, count x u64 hash (big-endian, ascending), count x u32 end of its record (from the first
              record on), count records: u32 issuer, u8 length of the serial, serial, row (`ct.rows`)
    fan-out   (1 << bits) + 1 x u64: where each bucket begins; a hash's bucket is its first `bits` bits. Behind up to 7
              octets of nothing, so that it is aligned

Numbers are little-endian where nothing else is said. The hash is of the serial (`serial_hash`), keyed with the store's
id, so that nobody can choose serials that fall into one bucket. A record is what it is by issuer and serial, never by
the hash. Issuers, sources and URLs are numbers of the store the file belongs to: another store's file is refused.

It is mapped, not read: a look-up touches two or three pages, and processes share them. As with every mapping, a file
that someone makes shorter meanwhile kills the process (SIGBUS); nobody but its owner can, and ocspwatch never does.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import stat
import struct
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from sensor.ct.probing import Probe
from sensor.ct.rows import RowError
from sensor.ct.schema import StoreError

ID_BYTES: Final = 16
_MAGIC: Final = b"ocspRun\x01"
_HEADER: Final = struct.Struct("<8s16sIIQQQ32s")  # magic, store, month, bits, rows, fan-out, size, digest of the rest
_MAX_BITS: Final = 32
_ROWS_A_BUCKET: Final = 16  # on average up to; a hash's 8 octets are found among them within 100 ns
_MAX_SERIAL_BYTES: Final = 255
_BUFFER: Final = 1 << 20
_TWO: Final = struct.Struct("<QQ").unpack_from
_COUNT: Final = struct.Struct("<I")
_IDENT: Final = struct.Struct("<IB")
_ENDS: Final = struct.Struct("<II").unpack_from

Entry = tuple[int, bytes, bytes]  # hash, ident, row


def serial_hash(store_id: bytes, serial: bytes) -> int:
    """64 bits."""
    return int.from_bytes(hashlib.blake2b(serial, digest_size=8, key=store_id).digest(), "big")


def ident_of(issuer: int, serial: bytes) -> bytes | None:
    """What tells a record from others; None where such a one cannot be kept here."""
    if len(serial) > _MAX_SERIAL_BYTES or not 0 <= issuer < 1 << 32:
        return None
    return _IDENT.pack(issuer, len(serial)) + serial


def parse_ident(ident: bytes) -> tuple[int, bytes]:
    """Issuer and serial."""
    return _IDENT.unpack_from(ident)[0], ident[_IDENT.size :]


class RunHead(msgspec.Struct, frozen=True):
    """What the header says."""

    store_id: bytes
    month: int
    bits: int
    rows: int
    fan_out: int
    size: int
    digest: bytes


class RunFile:
    """A file, open to be read; several processes may, and it may be unlinked meanwhile."""

    def __init__(self, path: Path, store_id: bytes, month: int) -> None:
        """Raises FileNotFoundError, and StoreError where it is damaged or not the one that is meant."""
        self.path = path
        self._map = _mapped(path)
        self.head = _checked_head(path, self._map, store_id, month)
        self._shift = 64 - self.head.bits
        self._fan_out = self.head.fan_out
        self.probe = Probe(self._map, _HEADER.size, self._fan_out, self._shift)

    def find(self, hashed: int, ident: bytes) -> bytes | None:
        """The row of this ident, whose serial has this hash. Raises RowError."""
        return self.probe.find(hashed, ident)

    def with_hash(self, hashed: int) -> Iterator[tuple[bytes, bytes]]:
        """Ident and row of all whose serial has this hash. Raises RowError."""
        for found, ident, row in self._bucket(hashed >> self._shift):
            if found == hashed:
                yield ident, row

    def entries(self) -> Iterator[Entry]:
        """All, ascending by hash, then ident. Raises RowError."""
        for number in range(1 << self.head.bits):
            yield from self._bucket(number)

    def is_sound(self) -> bool:
        """Whether no octet has changed since it was made: reads all of it."""
        found = hashlib.blake2b(digest_size=32)
        with memoryview(self._map) as octets:
            for begin in range(_HEADER.size, self.head.size, _BUFFER):
                found.update(octets[begin : begin + _BUFFER])
        return found.digest() == self.head.digest

    def close(self) -> None:
        self.probe.close()
        self._map.close()

    def _record(self, ends: int, count: int, index: int, limit: int) -> bytes:
        records = ends + 4 * count
        if index:
            begin, end = _ENDS(self._map, ends + 4 * index - 4)
        else:
            begin, end = 0, _COUNT.unpack_from(self._map, ends)[0]
        if not begin + _IDENT.size <= end <= limit - records:
            raise RowError("a partition with a record outside its bucket")
        return self._map[records + begin : records + end]

    def _bucket(self, number: int) -> Iterator[Entry]:
        begin, end = _TWO(self._map, self._fan_out + 8 * number)
        if begin == end:
            return
        if not _HEADER.size <= begin <= end - 4 <= self._fan_out - 4:
            raise RowError("a partition with a bucket outside it")
        count = _COUNT.unpack_from(self._map, begin)[0]
        if begin + 4 + 12 * count > end:
            raise RowError("a partition with a bucket that is too short")
        ends = begin + 4 + 8 * count
        for index, hashed in enumerate(struct.unpack_from(f">{count}Q", self._map, begin + 4)):
            record = self._record(ends, count, index, end)
            length = _IDENT.size + record[4]
            if length > len(record):
                raise RowError("a partition with a record that is too short")
            yield hashed, record[:length], record[length:]


class RunWriter:
    """Writes one file from entries in ascending order; `at_most` rows are expected."""

    def __init__(self, store_id: bytes, month: int, at_most: int) -> None:
        self._store_id = store_id
        self._month = month
        self._bits = min(_MAX_BITS, max(1, (at_most // _ROWS_A_BUCKET).bit_length()))

    def write(self, path: Path, entries: Iterable[Entry]) -> RunHead:
        """Makes the file (mode 0600), on the disk when this returns. Raises OSError."""
        shift = 64 - self._bits
        begins = array("Q", [_HEADER.size])
        rows = 0
        at = _HEADER.size
        digest = hashlib.blake2b(digest_size=32)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", _BUFFER) as file:
            file.write(bytes(_HEADER.size))
            for number, bucket in _bucketed(entries, shift):
                octets = _encode_bucket(bucket)
                begins.extend([at] * (number + 1 - len(begins)))
                at += len(octets)
                begins.append(at)
                rows += len(bucket)
                digest.update(octets)
                file.write(octets)
            begins.extend([at] * ((1 << self._bits) + 1 - len(begins)))
            gap = bytes(-at % begins.itemsize)
            at += len(gap)
            digest.update(gap)
            file.write(gap)
            if struct.pack("=H", 1) != struct.pack("<H", 1):
                begins.byteswap()
            fan_out = begins.tobytes()
            digest.update(fan_out)
            file.write(fan_out)
            head = RunHead(self._store_id, self._month, self._bits, rows, at, at + len(fan_out), digest.digest())
            file.seek(0)
            file.write(_HEADER.pack(_MAGIC, *msgspec.structs.astuple(head)))
            file.flush()
            os.fsync(file.fileno())
        return head


def _bucketed(entries: Iterable[Entry], shift: int) -> Iterator[tuple[int, list[Entry]]]:
    bucket: list[Entry] = []
    number = -1
    for entry in entries:
        found = entry[0] >> shift
        if found != number:
            if bucket:
                yield number, bucket
            number, bucket = found, []
        bucket.append(entry)
    if bucket:
        yield number, bucket


def _encode_bucket(bucket: list[Entry]) -> bytes:
    end = 0
    ends = [end := end + len(ident) + len(row) for _, ident, row in bucket]
    count = len(bucket)
    return b"".join(
        (
            _COUNT.pack(count),
            struct.pack(f">{count}Q", *[hashed for hashed, _, _ in bucket]),
            struct.pack(f"<{count}I", *ends),
            *[part for _, ident, row in bucket for part in (ident, row)],
        )
    )


def _mapped(path: Path) -> mmap.mmap:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise StoreError(path, "not a file")
            if status.st_mode & stat.S_IWOTH:
                raise StoreError(path, "everyone may write to it: names in it cannot be trusted (chmod o-w)")
            if status.st_size < _HEADER.size:
                raise StoreError(path, "damaged: cut short")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(path, error.strerror or "cannot be opened") from None


def _checked_head(path: Path, octets: mmap.mmap, store_id: bytes, month: int) -> RunHead:
    magic, *fields = _HEADER.unpack_from(octets)
    head = RunHead(*fields)
    reason = None
    if magic != _MAGIC:
        reason = "not a partition of the cache, or of a newer ocspwatch"
    elif head.store_id != store_id:
        reason = "belongs to another cache"
    elif head.month != month:
        reason = "of another month"
    elif (
        not 1 <= head.bits <= _MAX_BITS
        or head.size != len(octets)
        or head.fan_out < _HEADER.size
        or head.fan_out + ((1 << head.bits) + 1) * 8 != head.size
    ):
        reason = "damaged: cut short, or not as it was made"
    if reason is not None:
        octets.close()
        raise StoreError(path, reason)
    return head
