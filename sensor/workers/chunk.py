"""What a worker has made of a stretch of frames: lines, the script that completes them, and counts.

It lies in memory that the worker shares with the parent, and only the word of it goes through a pipe; what is too large
for that memory goes through the pipe itself.
"""

from __future__ import annotations

import contextlib
import marshal
import mmap
import os
from array import array
from collections.abc import Sequence
from typing import Any, Final

# Kinds of chunks.
PART: Final = 0
LAST: Final = 1  # with it comes the worker's account
GIVE_UP: Final = 2  # one process has to read it all; with it comes why

_HEAD: Final = 12  # numbers before the lengths of the logs
_IN_PIPE: Final = -1  # instead of the number of a place

_PLACES: Final = 16  # how many chunks a worker may be ahead: two workers and a parent share two processors, and who
# waits for a place waits for half of them, long enough for another process to be moved there meanwhile
_PLACE_BYTES: Final = 512 << 10


class Shelf:
    """Places for chunks, in memory that is shared with processes forked later. The worker fills them in turn, and says
    so of several at once; the parent reads them in turn and hands them back, half of them at once, with an octet for
    each through a pipe. Every word that they exchange interrupts one of them."""

    def __init__(self, places: int = _PLACES, size: int = _PLACE_BYTES) -> None:
        """`size`: a multiple of 8. Raises OSError."""
        self.size = size
        self._memory = memoryview(mmap.mmap(-1, places * size))
        self._places = places
        self.handed_back_at = max(1, places // 2)
        self.told_at = max(1, places // 4)
        self.untold: list[bytes] = []
        """Words of chunks that lie here already, in order."""
        self._free = places
        self._next = 0

    def place(self, number: int) -> memoryview:
        return self._memory[number * self.size : (number + 1) * self.size]

    @property
    def is_full(self) -> bool:
        return not self._free

    def take(self, handed_back: int) -> int:
        """For the worker: the number of a place that is free; waits for one at the pipe `handed_back`.

        Raises BrokenPipeError if nobody hands any back any more.
        """
        if not self._free:
            octets = os.read(handed_back, self._places)
            if not octets:
                raise BrokenPipeError
            self._free = len(octets)
        self._free -= 1
        number = self._next
        self._next = (number + 1) % self._places
        return number


class Peaks:
    """The most that there was since the last chunk of what limits over all flows bound."""

    __slots__ = ("flows", "half_open", "held")

    def __init__(self, flows: int = 0, half_open: int = 0, held: int = 0) -> None:
        self.flows = flows
        self.half_open = half_open
        self.held = held


class Chunk:
    """`rows`, `weirds`, `notes`, `asked` and `fired` are a Script's.

    `octets` holds the lines, those of log i from `places[i]` on, until the next chunk is read. What comes in later
    chunks came out behind the moment `upto`. `frames` and `bytes_read` so far.
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

    def __init__(self, numbers: array[int], octets: memoryview, size: int) -> None:
        self.kind = numbers[1]
        self.upto = (numbers[2], numbers[3])
        self.peaks = Peaks(numbers[4], numbers[5], numbers[6])
        self.frames = numbers[7]
        self.bytes_read = numbers[8]
        rows, rest = numbers[9], size - numbers[10]
        self.rows = octets[:rows].cast("q")
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
        (self.weirds, self.notes, self.asked, self.fired), self.account = marshal.loads(octets[rest:size])  # noqa: S302  (a child's)


def write_chunk(
    fd: int,
    kind: int,
    upto: tuple[int, int],
    peaks: Peaks,
    frames: int,
    bytes_read: int,
    script: tuple[bytes | memoryview, list[list[Any]]] = (b"", [[], [], [], []]),
    lines: Sequence[bytes | memoryview] = (),
    account: dict[str, Any] | None = None,
    shelf: Shelf | None = None,
    handed_back: int = -1,
) -> None:
    """`lines` of each log, as many as the reader expects. Waits while the pipe is full, or the `shelf` is.

    Raises BrokenPipeError if nobody reads it any more.
    """
    rows, others = script
    tail = marshal.dumps((others, account or {}))
    lengths = [len(text) for text in lines]
    size = len(rows) + sum(lengths) + len(tail)
    place = _IN_PIPE
    if shelf is not None and size <= shelf.size:
        if shelf.is_full:
            _tell(fd, shelf)
        place = shelf.take(handed_back)
    numbers = [size, kind, *upto, peaks.flows, peaks.half_open, peaks.held, frames, bytes_read, len(rows), len(tail)]
    head = array("q", [*numbers, place, *lengths]).tobytes()
    if shelf is None or place == _IN_PIPE:
        if shelf is not None:
            _tell(fd, shelf)
        _write_all(fd, [head, rows, *lines, tail])
        return
    memory, at = shelf.place(place), 0
    for part in (rows, *lines, tail):
        if part:
            memory[at : at + len(part)] = part
            at += len(part)
    shelf.untold.append(head)
    if kind != PART or len(shelf.untold) >= shelf.told_at:
        _tell(fd, shelf)


def _tell(fd: int, shelf: Shelf) -> None:
    _write_all(fd, shelf.untold)
    shelf.untold.clear()


def _write_all(fd: int, octets: Sequence[bytes | memoryview]) -> None:
    parts = [memoryview(part) for part in octets if part]
    while parts:
        done = os.writev(fd, parts)
        while parts and done >= len(parts[0]):
            done -= len(parts.pop(0))
        if done:
            parts[0] = parts[0][done:]


class ChunkReader:
    """The other end: one chunk at a time, in memory that the next one takes over."""

    def __init__(self, fd: int, logs: int, shelf: Shelf | None = None, hand_back: int = -1) -> None:
        """`hand_back`: the end to write to of the pipe at which the worker waits for a place of the `shelf`."""
        self.fd = fd
        self._head = bytearray(8 * (_HEAD + logs))
        self._octets = bytearray(1 << 16)
        self._shelf = shelf
        self._hand_back = hand_back
        self._read = 0
        self._hand_back_at = 1 if shelf is None else shelf.handed_back_at

    def read(self) -> Chunk | None:
        """Waits for it; None if the writer is gone. The chunk before must not be used any more."""
        if self._read >= self._hand_back_at:
            with contextlib.suppress(BrokenPipeError):  # it is gone: its own pipe says so, behind what it wrote
                os.write(self._hand_back, b"." * self._read)
            self._read = 0
        if not self._fill(self._head, len(self._head)):
            return None
        numbers = array("q", bytes(self._head))
        size, place = numbers[0], numbers[_HEAD - 1]
        if self._shelf is not None and place != _IN_PIPE:
            self._read += 1
            return Chunk(numbers, self._shelf.place(place), size)
        if size > len(self._octets):
            self._octets = bytearray(2 * size)
        if not self._fill(self._octets, size):
            return None
        return Chunk(numbers, memoryview(self._octets), size)

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
