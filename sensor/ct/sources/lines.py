"""A stream's lines, none of them longer than a limit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sensor.ct.sources import Readable

TOO_LONG: Final = "a line that is too long"
_PART: Final = 1 << 20


def read_lines(stream: Readable, limit: int) -> Iterator[bytes | None]:
    """Without their line feeds; None for one of more than `limit` octets. May raise OSError."""
    parts: list[bytes] = []  # of the line that is not ended yet
    size = 0
    while part := stream.read(_PART):
        *ended, rest = part.split(b"\n")
        for end in ended:
            parts.append(end)
            size += len(end)
            yield b"".join(parts) if size <= limit else None
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > limit:
            parts.clear()
    if size:
        yield b"".join(parts) if size <= limit else None
