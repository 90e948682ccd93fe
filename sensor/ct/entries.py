"""Where the parts of a log's entry lie (RFC 6962 3.4, static-ct-api "Log entries"); compiled.

Both who reads logs (`sync`) and who imports what others saved of them (`ct.sources`) walks entries by this.
"""

from __future__ import annotations

from typing import Final

X509_ENTRY: Final = 0
PRECERT_ENTRY: Final = 1
KEY_HASH_BYTES: Final = 32
_KEY_HASH: Final = KEY_HASH_BYTES
_PRECERT: Final = PRECERT_ENTRY


class EntryError(Exception):
    """What was given is not a sequence of entries; the text says why."""


class EntryFrame:
    """Of the entry read last: its `timestamp` (ms), its `kind`, and where its signed entry begins, an issuer's key's
    hash (of a precertificate) and 3 octets of length before it, and ends (`start`, `stop`)."""

    def __init__(self) -> None:
        self.timestamp = 0
        self.kind = 0
        self.start = 0
        self.stop = 0

    def read(self, data: bytes, pos: int) -> int:
        """A TimestampedEntry at `pos`. Returns where it ends. Raises EntryError."""
        if len(data) - pos < 10:
            raise EntryError("an entry that is cut short")
        self.timestamp = int.from_bytes(data[pos : pos + 8], "big")
        kind = data[pos + 8] << 8 | data[pos + 9]
        if kind > _PRECERT:
            raise EntryError("an entry of unknown type")
        self.kind = kind
        self.start = pos + 10
        self.stop = vector_end(data, pos + 10 + _KEY_HASH * kind, 3)
        return vector_end(data, self.stop, 2)


def vector_end(data: bytes, pos: int, octets: int) -> int:
    """Where the vector at `pos` ends, whose length stands before it in so many octets (RFC 8446 3.4). Raises
    EntryError."""
    start = pos + octets
    if start > len(data):
        raise EntryError("an entry that is cut short")
    length = 0
    for i in range(pos, start):
        length = length << 8 | data[i]
    if length > len(data) - start:
        raise EntryError("an entry that is cut short")
    return start + length
