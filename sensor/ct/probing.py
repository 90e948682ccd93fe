"""One certificate's row out of the bulk index's files (`run_file` has their form), without a call for each file.

A look-up asks every file, and nearly every one has it not. That is two places in the memory of each, which are in no
cache: so all files are asked for the first, then all for the second, and the processor waits for many at a time.
"""

from __future__ import annotations

import mmap
import sys
from array import array
from collections.abc import Sequence

from sensor.ct.rows import RowError

_MIN_BUCKET = 4  # octets: its count
_A_RECORD = 12  # octets at least: its hash and where it ends
_AT_ONCE = 8  # files whose memory is waited for together: most rows are in the first of them
_MIN_IDENT = 5  # octets: issuer and length of the serial


class Probe:
    """The octets of one file, open to be asked. `close` it before them."""

    def __init__(self, octets: mmap.mmap, lowest: int, fan_out: int, shift: int) -> None:
        """Buckets lie from `lowest` up to `fan_out`, which tells where each begins; a hash shifted right is the
        number of its bucket."""
        self._map = octets
        self._octets = memoryview(octets)
        self._begins = _numbers(memoryview(octets)[fan_out:])
        self._lowest = lowest
        self._fan_out = fan_out
        self._shift = shift

    def find(self, hashed: int, ident: bytes) -> bytes | None:
        """The row of this ident, whose serial has this hash. Raises RowError."""
        begin = self.bucket(hashed)
        return self.find_in(begin, self.count(begin, hashed), hashed, ident) if begin else None

    def bucket(self, hashed: int) -> int:
        """Where the bucket of this hash begins; 0 where it is empty. Raises RowError."""
        place = hashed >> self._shift
        begin = self._begins[place]
        end = self._begins[place + 1]
        if begin == end:
            return 0
        if begin < self._lowest or begin > end or end > self._fan_out or end - begin < _MIN_BUCKET:
            raise RowError("a partition with a bucket outside it")
        return begin

    def count(self, begin: int, hashed: int) -> int:
        """How many rows the bucket of this hash has, which begins there. Raises RowError."""
        count = _u32(self._octets, begin)
        if count > (self._end(hashed) - begin - _MIN_BUCKET) // _A_RECORD:
            raise RowError("a partition with a bucket that is too short")
        return count

    def find_in(self, begin: int, count: int, hashed: int, ident: bytes) -> bytes | None:
        """As `find`, in the bucket of this hash, which begins there and has so many rows. Raises RowError."""
        keys = begin + _MIN_BUCKET
        ends = keys + 8 * count
        last = hashed & 0xFF  # the last octet first: those of a bucket begin alike
        at = keys
        while at < ends:
            if self._octets[at + 7] == last and _key(self._octets, at) == hashed:
                row = self._row(ends, ends + (at - keys) // 2, ends + 4 * count, self._end(hashed), ident)
                if row is not None:
                    return row
            at += 8
        return None

    def _end(self, hashed: int) -> int:
        return self._begins[(hashed >> self._shift) + 1]

    def _row(self, ends: int, place: int, records: int, limit: int, ident: bytes) -> bytes | None:
        """The row of the record whose end is told at `place`, if it is of this ident; `ends` is that of the bucket's
        first, and `records` where it begins."""
        begin = 0 if place == ends else _u32(self._octets, place - 4)
        end = _u32(self._octets, place)
        if end < begin or end - begin < _MIN_IDENT or end > limit - records:
            raise RowError("a partition with a record outside its bucket")
        begin += records
        end += records
        if end - begin < len(ident) or self._map[begin : begin + len(ident)] != ident:
            return None
        return self._map[begin + len(ident) : end]

    def close(self) -> None:
        """Lets go of the octets, which could not be closed otherwise."""
        self._begins = memoryview(b"").cast("Q")
        self._octets = memoryview(b"")


class Probes:
    """Several files, asked in this order."""

    def __init__(self, probes: Sequence[Probe] = ()) -> None:
        self._probes = list(probes)
        self._begins = array("Q", bytes(8 * _AT_ONCE))
        self._counts = array("Q", bytes(8 * _AT_ONCE))

    def __len__(self) -> int:
        return len(self._probes)

    def find(self, hashed: int, ident: bytes) -> bytes | None:
        """The row that the first of them has of this ident, whose serial has this hash. Raises RowError."""
        for first in range(0, len(self._probes), _AT_ONCE):
            row = self._find_among(first, min(_AT_ONCE, len(self._probes) - first), hashed, ident)
            if row is not None:
                return row
        return None

    def _find_among(self, first: int, among: int, hashed: int, ident: bytes) -> bytes | None:
        """The files from `first` on; three loops, so that no read from memory waits for another's end."""
        begins = self._begins
        counts = self._counts
        for index in range(among):
            probe = self._probes[first + index]
            begins[index] = probe.bucket(hashed)
        for index in range(among):
            if begins[index]:
                probe = self._probes[first + index]
                counts[index] = probe.count(begins[index], hashed)
        for index in range(among):
            if begins[index]:
                probe = self._probes[first + index]
                row = probe.find_in(begins[index], counts[index], hashed, ident)
                if row is not None:
                    return row
        return None


def _u32(octets: memoryview, at: int) -> int:
    return octets[at] | octets[at + 1] << 8 | octets[at + 2] << 16 | octets[at + 3] << 24


def _numbers(octets: memoryview) -> memoryview:
    """64 bits each, little-endian: the octets themselves, where this machine has its own like this."""
    if sys.byteorder == "little":
        return octets.cast("Q")
    swapped = array("Q", octets)
    swapped.byteswap()
    return memoryview(swapped)


def _key(octets: memoryview, at: int) -> int:
    """Big-endian."""
    found = 0
    for index in range(8):
        found = found << 8 | octets[at + index]
    return found
