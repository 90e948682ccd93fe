"""What a worker has to say where its starter reads it: memory that both have, so that neither waits for the other.

Who reads does not trust who writes, which parses strangers' bytes: what is no such record, or half of one, is none.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from typing import Final, Generic, TypeVar

import msgspec

MAX_BYTES: Final = 1 << 18
"""Of an encoded record, unless it is said otherwise: some hundred times what a report takes."""
_HEAD: Final = struct.Struct("<II")  # octets, CRC-32 of them
_ATTEMPTS: Final = 3

Record = TypeVar("Record", bound=msgspec.Struct)


class Shared(Generic[Record]):
    """To be made before the fork; one process `put`s, another one `get`s. Memory is only taken for what was put."""

    def __init__(self, kind: type[Record], max_bytes: int = MAX_BYTES) -> None:
        self._kind = kind
        self._max_bytes = max_bytes
        self._memory = mmap.mmap(-1, _HEAD.size + max_bytes)
        self.refused = 0
        """Records that were too large, or cannot be encoded."""

    def put(self, record: Record) -> None:
        """The one before is no more."""
        try:
            data = msgspec.msgpack.encode(record)
        except (OverflowError, UnicodeError):  # a number of more than 64 bits, a surrogate
            data = b""
        if not 0 < len(data) <= self._max_bytes:
            self.refused += 1
            return
        self._memory[_HEAD.size : _HEAD.size + len(data)] = data
        _HEAD.pack_into(self._memory, 0, len(data), zlib.crc32(data))

    def get(self) -> Record | None:
        """The last one; None if there was none yet, or what there is is not whole."""
        for _ in range(_ATTEMPTS):  # it may just be written
            octets, crc = _HEAD.unpack_from(self._memory)
            data = self._memory[_HEAD.size : _HEAD.size + min(octets, self._max_bytes)]
            if octets and zlib.crc32(data) == crc:
                break
        else:
            return None
        try:
            return msgspec.msgpack.decode(data, type=self._kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
