"""What every reader of one capture has in common: its columns, its account of damage, its batches."""

from __future__ import annotations

from array import array

import msgspec

from sensor.capture.source import FrameBatch
from sensor.capture.stream import ByteStream
from sensor.capture.window import Window
from sensor.settings import CaptureSettings
from sensor.weird import Weird

MAX_BATCH_FRAMES = 1024
"""What the frames of a batch leave to be logged should fit into the second level of a processor's cache: with 8192
frames of nothing but OCSP it is 5 MB, and the same instructions take an eighth longer."""
MIN_FRAME_BYTES = 64  # with its record header: what the columns of a small window are sized for


class FileRead(msgspec.Struct, frozen=True, gc=False):
    """What became of one capture file: `frames` delivered, the first one's and last one's `ts` (nanoseconds) if any.

    `format` is for people ("pcapng, gzip"). `skipped` counts the bytes of the capture, expanded, that were there but
    could not be read as records; `complete` is False if anything was.
    """

    name: str
    format: str
    frames: int
    first_ts: int | None
    last_ts: int | None
    complete: bool
    skipped: int


class Columns:
    """The five columns of a FrameBatch, reused from batch to batch."""

    __slots__ = ("caplen", "link", "offset", "ts", "wirelen")

    def __init__(self, frames: int) -> None:
        self.ts = array("q", bytes(8 * frames))
        self.offset = array("Q", bytes(8 * frames))
        self.caplen = array("I", bytes(4 * frames))
        self.wirelen = array("I", bytes(4 * frames))
        self.link = array("H", bytes(2 * frames))

    def put(self, at: int, ts: int, offset: int, caplen: int, wirelen: int, link: int) -> None:
        self.ts[at] = ts
        self.offset[at] = offset
        self.caplen[at] = caplen
        self.wirelen[at] = wirelen
        self.link[at] = link


class RecordReader:
    """One capture, batch by batch. Subclasses fill the columns in `_index`.

    `read` returns a batch, or None: then either `ended` is True, or there is nothing yet and the caller may wait.
    Damage is appended to `weirds`, never raised.
    """

    format = ""
    damage_name = ""

    def __init__(
        self,
        stream: ByteStream,
        name: str,
        settings: CaptureSettings,
        weirds: list[Weird],
        window_bytes: int,
        margin: int,
    ) -> None:
        self.stream = stream
        self.name = name
        self.settings = settings
        self.frames = 0
        self.first_ts: int | None = None
        self.last_ts: int | None = None
        self.complete = True
        self.skipped = 0
        self.ended = False
        self.window = Window(stream, window_bytes, margin)
        self.columns = Columns(min(MAX_BATCH_FRAMES, max(64, window_bytes // MIN_FRAME_BYTES)))
        self._weirds = weirds
        self._reports = 0
        self._lost: int | None = None
        self._lost_note = ""

    def read(self) -> FrameBatch | None:
        idle = False
        while not self.ended:
            count = self._index(idle=idle)
            if count:
                return self._batch(count)
            if self.window.at_end:
                self._end()
            elif idle:
                break
            else:
                idle = self.window.fill() is None
        return None

    def _index(self, *, idle: bool) -> int:
        """Fill the columns from the window and move its start behind what was taken: the number of frames.

        0 means that more bytes are needed, or with `window.at_end` that there is nothing more to take. `idle`: no
        more bytes can be had for now, so a judgement that would like to see them is made without.
        """
        raise NotImplementedError

    def _search(self, position: int, *, to_the_end: bool) -> tuple[int, bool]:
        """Search the window from `position` for a believable record: (its position or where to go on, found)."""
        raise NotImplementedError

    def _batch(self, count: int) -> FrameBatch:
        columns = self.columns
        if self.first_ts is None:
            self.first_ts = columns.ts[0]
        self.last_ts = columns.ts[count - 1]
        number = self.frames
        self.frames += count
        return FrameBatch(
            self._frame_bytes(),
            columns.ts,
            columns.offset,
            columns.caplen,
            columns.wirelen,
            columns.link,
            0,
            count,
            number,
        )

    def _frame_bytes(self) -> bytes | memoryview:
        """What the offset column points into."""
        return self.window.data

    def offset(self, position: int) -> int:
        """Where in the capture, expanded, a window position lies."""
        return self.window.base + position

    def report(self, name: str, note: str) -> None:
        """Part of the capture is damaged: a weird, unless there were too many for this capture."""
        self.complete = False
        self._reports += 1
        if self._reports <= self.settings.max_damage_reports:
            self._weirds.append(Weird(self.last_ts or 0, name, None, f"{self.name}: {note}", "CAPTURE"))

    # A damaged record: `_lose` marks where it is, `_recover` finds the next believable one, perhaps windows later.

    def _lose(self, note: str) -> None:
        """The record at the window's start is damaged."""
        self._lost = self.offset(self.window.start)
        self._lost_note = note

    def _recover(self) -> bool:
        """Move the window's start to a record to go on with: False if that takes more bytes, or there is none."""
        window = self.window
        if self._lost is None:
            return True
        position, found = self._search(max(window.start, self._lost + 1 - window.base), to_the_end=False)
        if not found and window.at_end:
            position = window.end
        window.start = position
        lost = self.offset(position) - self._lost
        if found or window.at_end:
            self._skip(lost, "")
        elif lost > self.settings.max_resync_bytes:
            self._skip(lost, ", the rest given up")
            self.ended = True
        return found

    def _skip(self, lost: int, note: str) -> None:
        self.skipped += lost
        self.report(self.damage_name, f"byte {self._lost}: {self._lost_note}; {lost} bytes skipped{note}")
        self._lost = None

    def _end(self) -> None:
        """The bytes have ended, perhaps within a record."""
        window = self.window
        rest = window.end - window.start
        damage = self.stream.damage
        if damage is None and rest:
            position, found = self._search(window.start + 1, to_the_end=True)
            if found:
                # The record's length was wrong, not the file short: whole records follow, up to its very end.
                lost = position - window.start
                self._lose("a record that would end behind the file")
                window.start = position
                self._skip(lost, "")
                return
            damage = "pcap_truncated"
        self.ended = True
        if damage is not None:
            self.skipped += rest
            window.start = window.end
            note = self.stream.damage_note or "the file ends within a record"
            self.report(damage, f"byte {self.offset(window.end - rest)}: {note}; {rest} bytes skipped")
