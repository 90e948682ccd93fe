"""What a worker has made of a stretch of frames, through a pipe: lines, the script that completes them, and counts."""

from __future__ import annotations

import marshal
import os
from array import array
from collections.abc import Sequence
from typing import Any, Final

# Kinds of chunks.
PART: Final = 0
LAST: Final = 1  # with it comes the worker's account
GIVE_UP: Final = 2  # one process has to read it all; with it comes why

_HEAD: Final = 11  # numbers before the lengths of the logs


class Peaks:
    """The most that there was since the last chunk of what limits over all flows bound."""

    __slots__ = ("flows", "half_open", "held")

    def __init__(self, flows: int = 0, half_open: int = 0, held: int = 0) -> None:
        self.flows = flows
        self.half_open = half_open
        self.held = held


class Chunk:
    """`rows`, `weirds`, `notes`, `asked` and `fired` are a Script's.

    `octets` holds the lines, those of log i from `places[i]` on. What comes in later chunks came out behind the moment
    `upto`. `frames` and `bytes_read` so far.
    """

    __slots__ = (
        "account",
        "asked",
        "bytes_read",
        "fired",
        "frames",
        "kind",
        "notes",
        "octets",
        "peaks",
        "places",
        "rows",
        "upto",
        "weirds",
    )

    def __init__(self, numbers: array[int], octets: bytearray, size: int) -> None:
        self.kind = numbers[1]
        self.upto = (numbers[2], numbers[3])
        self.peaks = Peaks(numbers[4], numbers[5], numbers[6])
        self.frames = numbers[7]
        self.bytes_read = numbers[8]
        rows, rest = numbers[9], size - numbers[10]
        view = memoryview(octets)
        self.rows = view[:rows].cast("q")
        self.octets = octets
        self.places = array("q")
        at = rows
        for length in numbers[_HEAD:]:
            self.places.append(at)
            at += length
        self.weirds: list[Any]
        self.notes: list[Any]
        self.asked: list[Any]
        self.account: dict[str, Any]
        self.fired: list[Any]
        (self.weirds, self.notes, self.asked, self.fired), self.account = marshal.loads(view[rest:size])  # noqa: S302  (a child's)


def write_chunk(
    fd: int,
    kind: int,
    upto: tuple[int, int],
    peaks: Peaks,
    frames: int,
    bytes_read: int,
    script: tuple[bytes, list[list[Any]]] = (b"", [[], [], [], []]),
    lines: Sequence[bytes] = (),
    account: dict[str, Any] | None = None,
) -> None:
    """`lines` of each log, as many as the reader expects. Waits while the pipe is full.

    Raises BrokenPipeError if nobody reads it any more.
    """
    rows, others = script
    tail = marshal.dumps((others, account or {}))
    lengths = [len(text) for text in lines]
    size = len(rows) + sum(lengths) + len(tail)
    numbers = [size, kind, *upto, peaks.flows, peaks.half_open, peaks.held, frames, bytes_read, len(rows), len(tail)]
    parts = [memoryview(part) for part in (array("q", numbers + lengths).tobytes(), rows, *lines, tail) if part]
    while parts:
        done = os.writev(fd, parts)
        while parts and done >= len(parts[0]):
            done -= len(parts.pop(0))
        if done:
            parts[0] = parts[0][done:]


class ChunkReader:
    """The other end: one chunk at a time, in memory that the next one takes over."""

    def __init__(self, fd: int, logs: int) -> None:
        self.fd = fd
        self._head = bytearray(8 * (_HEAD + logs))
        self._octets = bytearray(1 << 18)

    def read(self) -> Chunk | None:
        """Waits for it; None if the writer is gone."""
        if not self._fill(self._head, len(self._head)):
            return None
        numbers = array("q", bytes(self._head))
        size = numbers[0]
        if size > len(self._octets):
            self._octets = bytearray(2 * size)
        if not self._fill(self._octets, size):
            return None
        return Chunk(numbers, self._octets, size)

    def _fill(self, octets: bytearray, size: int) -> bool:
        view = memoryview(octets)
        at = 0
        while at < size:
            got = os.readv(self.fd, [view[at:size]])
            if not got:
                return False
            at += got
        return True

    def close(self) -> None:
        os.close(self.fd)
