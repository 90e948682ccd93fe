"""A worker's report where its starter reads it: memory that both have, so that neither waits for the other.

Who reads does not trust who writes, which parses strangers' bytes: what is no report, or half of one, is none.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from typing import Final

import msgspec

from sensor.health.metrics import Report

MAX_BYTES: Final = 1 << 18
"""Of an encoded report: some hundred times what one takes."""
_HEAD: Final = struct.Struct("<II")  # octets, CRC-32 of them
_ATTEMPTS: Final = 3


class SharedReport:
    """To be made before the fork; one process `put`s, another one `get`s."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEAD.size + MAX_BYTES)
        self.refused = 0
        """Reports that were too large."""

    def put(self, report: Report) -> None:
        """The one before is no more."""
        data = msgspec.msgpack.encode(report)
        if len(data) > MAX_BYTES:
            self.refused += 1
            return
        self._memory[_HEAD.size : _HEAD.size + len(data)] = data
        _HEAD.pack_into(self._memory, 0, len(data), zlib.crc32(data))

    def get(self) -> Report | None:
        """The last one; None if there was none yet, or what there is is not whole."""
        for _ in range(_ATTEMPTS):  # it may just be written
            octets, crc = _HEAD.unpack_from(self._memory)
            data = self._memory[_HEAD.size : _HEAD.size + min(octets, MAX_BYTES)]
            if octets and zlib.crc32(data) == crc:
                break
        else:
            return None
        try:
            return msgspec.msgpack.decode(data, type=Report)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
