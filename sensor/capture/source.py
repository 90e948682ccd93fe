"""The seam between the world and the packet path: where frames come from, and the form they come in.

A source hands over many frames at once and copies none of them: a `FrameBatch` is one buffer and five columns that
say where each frame lies in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NewType, Protocol

from sensor.weird import Weird

Timestamp = NewType("Timestamp", int)
"""Nanoseconds since 1970-01-01T00:00:00Z, as the capture says; the only time there is between capture and sink."""


class FrameBatch:
    """Frames in capture order, all inside one buffer.

    `buffer` is anything that exports contiguous bytes (bytes, memoryview, mmap); it and the columns need only stay
    valid until the next batch is asked for. The columns have one entry a frame: `ts` array('q') nanoseconds, `offset`
    array('Q') into the buffer, `caplen` and `wirelen` array('I') bytes captured and bytes on the wire, `link`
    array('H') the LINKTYPE_ number (tcpdump.org/linktypes.html). Frames `first` to `stop` - 1 are the ones to be read,
    so that two captures can be merged by time without copying columns. `number` is the capture-wide index of frame
    `first`, from 0.
    A source guarantees offset + caplen <= len(buffer). `quiet_until`, in a batch without frames: no frame comes that is
    older than this, so that what waits for time to pass need not wait for a frame; 0 if there is no saying.
    """

    __slots__ = ("buffer", "caplen", "first", "link", "number", "offset", "quiet_until", "stop", "ts", "wirelen")

    def __init__(
        self,
        buffer: bytes | memoryview,
        ts: array[int],
        offset: array[int],
        caplen: array[int],
        wirelen: array[int],
        link: array[int],
        first: int = 0,
        stop: int = -1,
        number: int = 0,
        quiet_until: Timestamp = Timestamp(0),
    ) -> None:
        self.buffer = buffer
        self.ts = ts
        self.offset = offset
        self.caplen = caplen
        self.wirelen = wirelen
        self.link = link
        self.first = first
        self.stop = len(ts) if stop < 0 else stop
        self.number = number
        self.quiet_until = quiet_until


class PacketSource(Protocol):
    """Frames in capture order with the capture's own timestamps.

    `batches` may be iterated once. It never raises for damaged input: what is wrong with the bytes is a `Weird` in
    `weirds`, and `complete` is False after iteration if part of the input was unreadable. A batch may have no frames:
    then the source is waiting (for a pipe, a growing file, an interface), and the consumer may flush what it holds.
    `close` is idempotent; the iteration then ends.
    """

    weirds: list[Weird]
    complete: bool

    def batches(self) -> Iterator[FrameBatch]: ...

    def close(self) -> None: ...


class CaptureError(Exception):
    """The caller named something that is no capture, or that cannot be opened: one line naming it, exit code 2."""
