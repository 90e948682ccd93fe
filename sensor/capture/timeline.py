"""Several captures as one time line: in the order of their first frames, merged by time where they overlap."""

from __future__ import annotations

import heapq
import itertools
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator

from sensor.capture.index import run_stop
from sensor.capture.reader import FileRead, RecordReader
from sensor.capture.recognise import Opening
from sensor.capture.source import CaptureError, FrameBatch
from sensor.capture.stream import POLL_S, RawBytes
from sensor.settings import CaptureSettings
from sensor.weird import Weird

IDLE_S = 0.5
"""After this long without a frame the consumer gets an empty batch, so that it can flush what it has."""
ALL_WINDOWS_BYTES = 16 << 20
"""A capture opened as the n-th at once gets an n-th of this as its window, but MIN_WINDOW_BYTES."""
MIN_WINDOW_BYTES = 1 << 16
LAST_NS = (1 << 63) - 1
NOTHING = FrameBatch(b"", array("q"), array("Q"), array("I"), array("I"), array("H"))


class Track:
    """One capture on the time line: closed until its turn comes, then open, then accounted for.

    `opened` gives the bytes, from the start. Of captures with the same time the one with the lower `order` goes
    first. `size` is in bytes on the disk, None if there is no saying. Not `named`: an open descriptor is all there is.
    `first_ts` is where on the time line it begins; -LAST_NS until that is known.
    """

    def __init__(
        self,
        name: str,
        order: int,
        opened: Callable[[], RawBytes],
        size: int | None,
        settings: CaptureSettings,
        weirds: list[Weird],
        *,
        named: bool = True,
    ) -> None:
        self.name = name
        self.named = named
        self.order = order
        self.opened = opened
        self.size = size
        self.settings = settings
        self.weirds = weirds
        self.raw: RawBytes | None = None
        self.limit: int | None = None
        self.reader: RecordReader | None = None
        self.batch: FrameBatch | None = None
        self.at = 0
        self.stop = 0
        self.first_ts = -LAST_NS
        self.unreadable: FileRead | None = None
        self._opening: Opening | None = None
        self.window_bytes = settings.window_bytes

    @property
    def ended(self) -> bool:
        return self.batch is None and (self.unreadable is not None or (self.reader is not None and self.reader.ended))

    def open(self, window_bytes: int) -> None:
        """Raises OSError."""
        self.raw = self.opened()
        self.raw.limit = self.limit
        self._opening = Opening(self.raw, self.name, self.settings)
        self.window_bytes = min(window_bytes, self.settings.window_bytes)

    def recognise(self) -> bool:
        """Whether it is known how to read this; False: not yet. Raises CaptureError if it is no capture."""
        if self.reader is None and self._opening is not None:
            self.reader = self._opening.reader(self.weirds, self.window_bytes)
        return self.reader is not None

    @property
    def reopens(self) -> bool:
        """Whether it can be read by another process, too: it is a file with a name, which does not grow."""
        return self.size is not None and self.named

    def reopen(self) -> None:
        """As it was before it was opened, in a process that was forked since."""
        if self.raw is not None:
            self.raw.close()
        self.raw = self.reader = self._opening = None
        self.limit = self.size

    def load(self) -> bool:
        """Whether there are frames to give; if not, it has ended or there is nothing yet."""
        if self.batch is None and self.recognise() and self.reader is not None:
            self.batch = self.reader.read()
            if self.batch is not None:
                self.at, self.stop = self.batch.first, self.batch.stop
        return self.batch is not None

    def wait(self, seconds: float) -> None:
        """Until there may be more, at most this long."""
        if self.raw is not None:
            self.raw.wait(seconds)

    def give_up(self, why: str) -> None:
        self.unreadable = FileRead(self.name, "unreadable", 0, None, None, complete=False, skipped=0)
        self.weirds.append(Weird(0, "input_unreadable", None, f"{self.name}: {why}", "CAPTURE"))

    def account(self) -> FileRead:
        if self.unreadable is not None:
            return self.unreadable
        reader = self.reader
        if reader is None:
            return FileRead(self.name, "", 0, None, None, complete=True, skipped=0)
        return FileRead(
            self.name,
            reader.format,
            reader.frames,
            reader.first_ts,
            reader.last_ts,
            complete=reader.complete,
            skipped=reader.skipped,
        )

    def close(self) -> None:
        if self.raw is not None:
            self.raw.close()


class TimeLine:
    """The PacketSource for capture files. Made by inputs.open_inputs.

    `files` gets one record when a file has been read. `skipped` are files in given folders that are no captures.
    `frames` counts the frames handed out. `bytes_total` is what there is to be read from disks, None if there is no
    saying (pipes, growing files). Weirds may be taken out of `weirds` while reading.
    While waiting for a pipe or a growing file, a batch without frames comes every IDLE_S.
    """

    def __init__(self, tracks: list[Track], weirds: list[Weird], skipped: list[str], *, follow: bool) -> None:
        self.weirds = weirds
        self.complete = True
        self.files: list[FileRead] = []
        self.skipped = skipped
        self.frames = 0
        sizes = [track.size for track in tracks if track.size is not None]
        self.bytes_total = sum(sizes) if len(sizes) == len(tracks) else None
        self._bytes_done = 0
        self._follow = follow
        self._pending = deque(sorted(tracks, key=lambda track: (track.first_ts, track.order)))
        self._ready: list[tuple[int, int, int, Track]] = []  # a heap: next frame's time, order, tie-break
        self._ties = itertools.count()
        self._idle: list[Track] = []
        self._closing = False
        self._running = False

    @property
    def bytes_read(self) -> int:
        """Bytes taken from disks and pipes so far; of a compressed file, its compressed bytes."""
        return self._bytes_done + sum(track.raw.position for track in self.open_tracks() if track.raw is not None)

    def batches(self) -> Iterator[FrameBatch]:
        """A pipe, or with `follow` a growing file, is waited for until `close`.

        With `follow` a KeyboardInterrupt while waiting ends it as `close` does: that is how one stops following.
        """
        merged = self._merged()
        try:
            while not self._closing:
                self._running = True
                batch = next(merged, None)
                self._running = False
                if batch is None:
                    break
                yield batch
        finally:
            self._running = False
            self.close()

    def close(self) -> None:
        """Stop reading; in a signal handler or another thread too: the iteration then ends within POLL_S."""
        self._closing = True
        if self._running:
            return
        for track in [*self.open_tracks(), *self._pending]:
            if track.raw is not None:
                self._finish(track)
        self._pending.clear()
        self._ready, self._idle = [], []

    @property
    def reopens(self) -> bool:
        """Whether other processes can read all of it, too: not pipes, nor what is waited for."""
        return not self._follow and all(track.reopens for track in self._pending)

    def reopen(self) -> None:
        """In a process that was forked since this was made, before its first batch: opens its files anew, up to the
        sizes that they had, so that this process reads for itself, and as much as any other."""
        for track in self._pending:
            track.reopen()

    def open_tracks(self) -> list[Track]:
        """The captures being read."""
        return [*(entry[-1] for entry in self._ready), *self._idle]

    def _merged(self) -> Iterator[FrameBatch]:
        polled = 0.0
        idle_since: float | None = None
        while not self._closing:
            if self._idle and (not self._ready or time.monotonic() - polled >= POLL_S):
                self._poll_idle()
                polled = time.monotonic()
            while self._pending and (not self._ready or self._pending[0].first_ts <= self._ready[0][0]):
                self._activate(self._pending.popleft())
            # Without follow a pipe's next frame may be the earliest: it is waited for.
            if self._ready and (self._follow or not self._idle):
                idle_since = None
                yield from self._next_run()
            elif self._idle:
                if idle_since is None:
                    idle_since = time.monotonic()
                if not self._wait():
                    return
                if time.monotonic() - idle_since >= IDLE_S:
                    idle_since = time.monotonic()
                    yield NOTHING
            else:
                return

    def _next_run(self) -> Iterator[FrameBatch]:
        """The frames of the earliest capture, up to where another one's turn comes."""
        _, order, _, track = self._ready[0]
        batch = track.batch
        if batch is None:
            return
        batch.first, batch.stop = track.at, track.stop
        limit, limit_order = min(self._ready[1:3], default=(LAST_NS, order + 1))[:2]
        if self._pending:
            upcoming = self._pending[0]
            limit, limit_order = min((limit, limit_order), (upcoming.first_ts, upcoming.order))
        if limit < LAST_NS:
            batch.stop = run_stop(batch.ts, track.at + 1, track.stop, limit, order < limit_order)
        batch.number = self.frames
        self.frames += batch.stop - batch.first
        track.at = batch.stop
        yield batch
        if self._closing:
            return
        heapq.heappop(self._ready)
        if track.at == track.stop:
            track.batch = None
        self._settle(track)

    def _activate(self, track: Track) -> None:
        """A capture's turn has come: open it, unless it is a pipe, which has been open from the start."""
        if track.raw is None:
            try:
                track.open(max(MIN_WINDOW_BYTES, ALL_WINDOWS_BYTES // (len(self.open_tracks()) + 1)))
            except OSError as error:
                track.give_up(error.strerror or "cannot be opened")
        self._settle(track)

    def _settle(self, track: Track) -> None:
        """Put an open capture where it belongs: among those with frames, those to be waited for, or those read."""
        try:
            ready = track.load()
        except CaptureError as error:
            track.give_up(str(error))
            ready = False
        if ready and track.batch is not None:
            heapq.heappush(self._ready, (track.batch.ts[track.at], track.order, next(self._ties), track))
        elif track.ended:
            self._finish(track)
        else:
            self._idle.append(track)

    def _poll_idle(self) -> None:
        tracks, self._idle = self._idle, []
        for track in tracks:
            if track.raw is not None and track.raw.replaced():
                # The file was rotated: read the old one to its end, and the new one of that name.
                track.raw.finish()
                self._activate(Track(track.name, track.order, track.opened, None, track.settings, self.weirds))
            self._settle(track)

    def _wait(self) -> bool:
        """Until something may have come, at most POLL_S; False: the user has had enough."""
        try:
            self._idle[0].wait(POLL_S)
        except KeyboardInterrupt:
            if not self._follow:
                raise
            return False
        return True

    def _finish(self, track: Track) -> None:
        record = track.account()
        self.files.append(record)
        self.complete = self.complete and record.complete
        if track.raw is not None:
            self._bytes_done += track.raw.position
        track.close()
