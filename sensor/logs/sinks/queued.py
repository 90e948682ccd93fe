"""A bounded queue and a thread in front of a place that may block or fail, so that neither ever stops the capture."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Protocol

import msgspec

from sensor.logs.sinks.sink import ReaderGone, SinkError

_TICK_S = 0.5
_SOON_S = 0.02  # while something waits for a FIFO's reader
_SHARE = 4  # one log that cannot be written may hold this part of the queue, so that it does not cost the others
_SHARE_OF_CLOSE = 0.7  # ... is for writing, the rest for the disk to have it
_AT_ONCE = 256  # batches moved before the files get them
_PIECE_BYTES = 1 << 20  # of one log, that the place gets at once, but for a larger batch
_GATHER_S = 0.02
"""For so long, once there is something, more is waited for. Every call of a place that is another process gives the
interpreter away and takes it back, for which the thread that parses has to be interrupted: at 70 MB of lines a second
that was two thousand times a second without this, and the queue grew until lines were dropped."""


class PlaceLostError(SinkError):
    """The place will never take anything again."""


class Place(Protocol):
    """Where the thread puts lines; as `RotatingFolder`, whose docstrings are the contract."""

    merged: bool
    ends_with_reader: bool
    """Whether ReaderGone is for ever; else another reader may come."""

    def write(self, stream: str, data: memoryview) -> int: ...

    def tick(self) -> None: ...

    def reopen(self) -> None: ...

    def messages(self) -> list[str]: ...

    def close(self) -> None: ...


class QueueCounts(msgspec.Struct, frozen=True):
    """What became of the lines so far. Handed over = written + dropped + those of `waiting_bytes`."""

    waiting_bytes: int
    written_lines: int
    written_bytes: int
    dropped_lines: int
    dropped: dict[str, int]
    """Of `dropped_lines`, how many of each log; all under "" if merged."""


class _Waiting:
    """Batches of one log that its file has not taken yet."""

    def __init__(self) -> None:
        self.batches: deque[bytes] = deque()
        self.at = 0
        """Octets of the first batch that are written."""
        self.size = 0
        self.blocked_until = 0.0
        self.is_failing = False
        self.lost = 0
        """Lines dropped since it began to fail."""

    def first(self) -> bytes:
        """What is to be written next: as many batches as make a piece."""
        batches: list[bytes] = []
        total = -self.at
        for batch in self.batches:
            total += len(batch)
            if batches and total > _PIECE_BYTES:
                break
            batches.append(batch)
        if self.at:
            batches[0] = batches[0][self.at :]
        return batches[0] if len(batches) == 1 else b"".join(batches)

    def taken(self, octets: int) -> None:
        """So many of them were written."""
        self.size -= octets
        self.at += octets
        while self.batches and self.at >= len(self.batches[0]):
            self.at -= len(self.batches.popleft())


class QueuedSink:
    """An `EventSink` whose `write` never waits and never fails for the place's sake.

    Lines are with the operating system within a second, not when `write` returns: the exception that the contract
    allows. Beyond `max_bytes` waiting, what comes is dropped, counted by log, and told; what waits is written
    as soon as the place takes it again. One thread calls `write`, `counts` and `close`; `reopen` may be called from a
    signal handler. The thread is started by the first `write`, so that it has the rights this process has by then.
    """

    def __init__(self, place: Place, max_bytes: int, close_within_s: float = 2.5) -> None:
        self.close_within_s = close_within_s
        """How long `close` waits at most."""
        self.merged = place.merged
        self._place = place
        self._max_bytes = max_bytes
        self._queue: SimpleQueue[tuple[str, bytes] | Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = self._given_up = False
        self._gone: SinkError | None = None
        self._deadline = float("inf")
        self._waiting: dict[str, _Waiting] = {}
        self._messages: SimpleQueue[str] = SimpleQueue()
        # Each of these is written by one thread only, so that none needs a lock.
        self._put_bytes = 0
        self._refused: dict[str, int] = {}
        self._refusing = 0
        self._done_bytes = 0
        self._written_bytes = 0
        self._written_lines = 0
        self._dropped: dict[str, int] = {}

    def write(self, stream: str, lines: bytes) -> None:
        """Raises SinkError after `close` or once the place takes nothing ever again; ReaderGone if nobody reads it."""
        if self._closed:
            raise SinkError("closed")
        if self._gone is not None:
            self._refused[stream] = self._refused.get(stream, 0) + lines.count(b"\n")
            raise self._gone
        if self._put_bytes - self._done_bytes + len(lines) > self._max_bytes:
            self._refuse(stream, lines.count(b"\n"))
            return
        if self._refusing:
            self._messages.put(f"log lines are taken again; {self._refusing} were dropped")
            self._refusing = 0
        self._put_bytes += len(lines)
        self._queue.put((stream, lines))
        self.start()

    def start(self) -> None:
        """Idempotent. Without it the first `write` starts the thread, and until then no old log is put aside."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log writer", daemon=True)
            self._thread.start()

    def _refuse(self, stream: str, lines: int) -> None:
        if not self._refusing:
            self._messages.put("log lines are dropped: the queue in front of the disk is full")
        self._refusing += lines
        self._refused[stream] = self._refused.get(stream, 0) + lines

    def reopen(self) -> None:
        """The files are opened anew, soon; lines handed over before go to the old ones."""
        self._queue.put(self._place.reopen)

    def messages(self) -> list[str]:
        """What the operator should know, one line each, since the last call."""
        found = []
        while not self._messages.empty():
            found.append(self._messages.get())
        return found

    def check(self) -> None:
        """Raises what `write` would: the place, which is asked twice a second, may be gone while there is nothing to
        write."""
        if self._gone is not None:
            raise self._gone

    def counts(self) -> QueueCounts:
        dropped = dict(self._refused)
        for stream, lines in list(self._dropped.items()):
            dropped[stream] = dropped.get(stream, 0) + lines
        return QueueCounts(
            self._put_bytes - self._done_bytes,
            self._written_lines,
            self._written_bytes,
            sum(dropped.values()),
            dropped,
        )

    def settle(self, within_s: float) -> None:
        """Before the last lines of all: waits until the others are written, at most so long, so that the last ones can
        say what was lost. What a place that takes something now and then does not take in that time is dropped."""
        deadline = time.monotonic() + within_s
        while self._put_bytes > self._done_bytes and self._gone is None and time.monotonic() < deadline:
            time.sleep(_SOON_S)
        if self._put_bytes > self._done_bytes:
            dropped = threading.Event()

            def drop() -> None:
                self._drop_all(but_begun=True)
                dropped.set()

            self._queue.put(drop)
            dropped.wait(_TICK_S)

    def close(self) -> None:
        """Waits at most `close_within_s` until all is on the disk. Raises SinkError if anything was lost, now or
        before; `counts` has it then, with what a place that hangs may yet take."""
        if self._closed:
            return
        self._closed = True
        self._deadline = time.monotonic() + _SHARE_OF_CLOSE * self.close_within_s
        if self._thread is None:
            self._place.close()
            return
        self._queue.put(None)
        self._thread.join(self.close_within_s)
        if self._thread.is_alive():
            bytes_lost = self._put_bytes - self._done_bytes
            lines_lost = self._give_up()
            raise SinkError(
                f"the disk does not answer; {lines_lost} lines ({bytes_lost} bytes) of logs are lost, "
                f"{self.counts().dropped_lines} in all"
            )
        if lost := self.counts().dropped_lines:
            raise SinkError(f"{lost} lines of the logs could not be written")

    def _give_up(self) -> int:
        """Counts as dropped all that the thread, which hangs, was given; how many lines that is."""
        self._given_up = True
        left = []
        for stream, waiting in list(self._waiting.items()):
            for place, batch in enumerate(list(waiting.batches)):
                left.append((stream, batch if place else batch[waiting.at :]))
        with suppress(Empty):
            while True:
                item = self._queue.get_nowait()
                if isinstance(item, tuple):
                    left.append(item)
        for stream, lines in left:
            self._refused[stream] = self._refused.get(stream, 0) + lines.count(b"\n")
        self._put_bytes = self._done_bytes
        self._queue.put(None)
        return sum(lines.count(b"\n") for _, lines in left)

    def _run(self) -> None:
        """The thread."""
        self._pass_on()
        next_tick = time.monotonic() + _TICK_S
        while True:
            try:
                item = self._queue.get(timeout=self._patience(next_tick))
                if item is not None:
                    time.sleep(_GATHER_S)
                is_last = self._accept(item)
            except Empty:
                is_last = False
            self._write_all()
            if time.monotonic() >= next_tick:
                next_tick = time.monotonic() + _TICK_S
                self._attempt(self._place.tick)
            if is_last or self._given_up:
                break
        self._finish()

    def _patience(self, next_tick: float) -> float:
        soon = any(waiting.batches for waiting in self._waiting.values())
        return _SOON_S if soon else max(0.0, next_tick - time.monotonic())

    def _accept(self, item: tuple[str, bytes] | Callable[[], None] | None) -> bool:
        """Takes this and what else is there already; True if the end was."""
        accepted = 0
        while item is not None:
            if isinstance(item, tuple):
                self._take(*item)
            else:
                self._write_all()
                self._attempt(item)
            accepted += 1
            if accepted == _AT_ONCE or self._queue.empty():
                return False
            item = self._queue.get()
        return True

    def _take(self, stream: str, lines: bytes) -> None:
        waiting = self._waiting.setdefault(stream, _Waiting())
        share = self._max_bytes if self.merged else self._max_bytes // _SHARE
        waiting.batches.append(lines)  # nothing is in nobody's hands while the place hangs: `_give_up` counts it
        waiting.size += len(lines)
        if len(waiting.batches) > 1 and waiting.size > share:
            self._write_some(stream, waiting)
            if len(waiting.batches) > 1 and waiting.size > share:
                waiting.size -= len(lines)
                self._drop(stream, waiting, waiting.batches.pop())

    def _write_all(self) -> None:
        for stream, waiting in self._waiting.items():
            self._write_some(stream, waiting)

    def _write_some(self, stream: str, waiting: _Waiting) -> None:
        """As much of what waits as the place takes now; nothing shortly after it failed."""
        while waiting.batches and time.monotonic() >= waiting.blocked_until and not self._given_up:
            piece = waiting.first()
            try:
                taken = self._place.write(stream, memoryview(piece))
            except ReaderGone as error:
                if self._place.ends_with_reader:
                    self._gone = error
                self._fails(waiting, str(error))
                return
            except SinkError as error:
                if isinstance(error, PlaceLostError):
                    self._gone = error
                self._fails(waiting, str(error))
                return
            waiting.taken(taken)
            self._written_lines += piece.count(b"\n", 0, taken)
            self._written_bytes += taken
            self._done_bytes += taken
            if taken:
                self._works(stream, waiting)
            if taken < len(piece):
                return  # a FIFO that is full, or a disk: the next attempt will tell

    def _fails(self, waiting: _Waiting, reason: str) -> None:
        waiting.blocked_until = time.monotonic() + _TICK_S
        if not waiting.is_failing:
            waiting.is_failing = True
            self._messages.put(f"{reason}; lines wait")

    def _works(self, stream: str, waiting: _Waiting) -> None:
        if waiting.is_failing:
            waiting.is_failing = False
            lost, waiting.lost = waiting.lost, 0
            self._messages.put(f"{stream or 'events'}: written again; {lost} lines were dropped meanwhile")

    def _drop(self, stream: str, waiting: _Waiting, lines: bytes) -> None:
        count = lines.count(b"\n")
        waiting.lost += count
        self._dropped[stream] = self._dropped.get(stream, 0) + count
        self._done_bytes += len(lines)

    def _attempt(self, call: Callable[[], None]) -> None:
        try:
            call()
        except SinkError as error:
            if isinstance(error, PlaceLostError):
                self._gone = error
            else:
                self._messages.put(str(error))
        self._pass_on()

    def _pass_on(self) -> None:
        for text in self._place.messages():
            self._messages.put(text)

    def _finish(self) -> None:
        """All that the place still takes until the deadline; the rest is counted as dropped."""
        while (
            any(w.batches for w in self._waiting.values()) and time.monotonic() < self._deadline and self._gone is None
        ):
            self._write_all()
            time.sleep(_SOON_S)
        if not self._given_up:
            self._drop_all()
        self._pass_on()
        self._attempt(self._place.close)

    def _drop_all(self, but_begun: bool = False) -> None:
        """What waits, `but_begun` lines whose first part a FIFO has: others may follow them."""
        for stream, waiting in self._waiting.items():
            kept = bool(but_begun and waiting.at)
            while len(waiting.batches) > kept:
                batch = waiting.batches.pop()
                at = 0 if waiting.batches else waiting.at
                self._drop(stream, waiting, batch[at:])
                waiting.size -= len(batch) - at
            if not kept:
                waiting.at = 0
