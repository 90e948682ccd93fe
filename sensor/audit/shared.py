"""Verdicts on signatures in memory that several processes share: what one has checked, the others need not."""

from __future__ import annotations

import hashlib
import mmap
from typing import Final

_PLACES: Final = 8192
_DIGEST: Final = 32
_NUMBER: Final = 16  # octets of a number: times may be beyond all, see signature.ALWAYS
_SUM: Final = 8
_SIZE: Final = _DIGEST + 3 * _NUMBER + _SUM

Numbers = tuple[int, int, int]
"""A final verdict: bits, not_before, not_after."""


class SharedVerdicts:
    """Bounded and best effort: a verdict has one place, by its digest, and gives way to the next one of that place.

    Nothing is locked. What two processes write into one place at once has no valid sum, and is nothing.
    """

    def __init__(self, places: int = _PLACES) -> None:
        """To be made before the processes are forked. Raises OSError."""
        self._places = places
        self._memory = mmap.mmap(-1, places * _SIZE)

    def get(self, digest: bytes) -> Numbers | None:
        """`digest`: 32 octets, SHA-256 of what was judged."""
        at = self._place(digest)
        entry = self._memory[at : at + _SIZE]
        body = entry[:-_SUM]
        if body[:_DIGEST] != digest or _sum(body) != entry[-_SUM:]:
            return None
        bits, not_before, not_after = [
            int.from_bytes(body[first : first + _NUMBER], "big", signed=True)
            for first in range(_DIGEST, len(body), _NUMBER)
        ]
        return bits, not_before, not_after

    def put(self, digest: bytes, numbers: Numbers) -> None:
        """Each of `numbers` within 127 bits and a sign."""
        body = digest + b"".join([number.to_bytes(_NUMBER, "big", signed=True) for number in numbers])
        at = self._place(digest)
        self._memory[at : at + _SIZE] = body + _sum(body)

    def _place(self, digest: bytes) -> int:
        return int.from_bytes(digest[:8], "big") % self._places * _SIZE


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()[:_SUM]
