"""Scripts of shards, played in the order of one process: lines completed from what was told, seen and said before.

This is where what spans all flows is remembered. Compiled where a compiler is found (playback.pxd).
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sensor.audit.findings import findings_of
from sensor.audit.history import History
from sensor.logs.disclosures import render_audit
from sensor.logs.writer import LogWriter
from sensor.privacy.leak import LeakCounter
from sensor.weird import FlowId, Weird
from sensor.workers.chunk import Chunk

if TYPE_CHECKING:  # a run without rules does without the import
    from sensor.rules.engine import RuleEngine

# As in logs/script.py, C constants when compiled.
_EVENT: Final = 1
_COPY: Final = 2
_TIMES: Final = 3
_NOTICE: Final = 4
_AUDIT: Final = 5
_WEIRD: Final = 6
_NOTES: Final = 7
_CERTIFICATE: Final = 8
_FETCHED: Final = 9
_FIRED: Final = 10
_SAID: Final = 11
_WEIRD_OF: Final = 12
_HANDED_OVER: Final = 64  # events between two looks at how many lines wait

_COMPILED: Final = not __file__.endswith(".py")
_END: Final = (1 << 62) + (1 << 61)  # a moment behind all moments
END: Final = _END


class NotForSeveral(Exception):  # noqa: N818  (no error: a reason to go another way)
    """What comes next depends on all flows in a way that no worker can know: one process has to read it all."""


class Reel:
    """One worker's script and lines as far as they have come, and how far they were played.

    The next event came out at (`key`, `number`); if there is none, nothing that is still to come did so before or then.
    Behind what is loaded when it `is_last` comes nothing.
    """

    def __init__(self) -> None:
        self.rows = memoryview(array("q"))
        self.places = array("q")
        self.octets = memoryview(b"")
        self.length = 0
        self.weirds: list[tuple[Any, ...]] = []
        self.notes: list[tuple[Any, ...]] = []
        self.asked: list[tuple[Any, ...]] = []
        self.fired: list[tuple[Any, ...]] = []
        self.at = 0
        self.size = 0
        self.weird_at = 0
        self.note_at = 0
        self.asked_at = 0
        self.fired_at = 0
        self.key = -1
        self.number = 0
        self.upto = (-1, 0)
        self.is_last = False
        self.is_over = False

    def load(self, chunk: Chunk) -> None:
        """What was loaded before must have been played."""
        self.rows = chunk.rows
        self.places = chunk.places
        self.octets = chunk.octets
        self.length = len(chunk.octets)
        if _COMPILED and self.length:
            self.source = address_of(self.octets)  # type: ignore  # noqa: F821  (C's, by way of playback.pxd)
        self.weirds = chunk.weirds
        self.notes = chunk.notes
        self.asked = chunk.asked
        self.fired = chunk.fired
        self.at = self.weird_at = self.note_at = self.asked_at = self.fired_at = 0
        self.size = len(chunk.rows)
        self.upto = chunk.upto
        self.look()

    def look(self) -> None:
        if self.at < self.size:
            self.key = self.rows[self.at + 1]
            self.number = self.rows[self.at + 2]
        else:
            self.key, self.number = self.upto


class Playback:
    """Plays reels to `writer`.

    Weirds are shown to `on_weird`, a note with the times_seen of its event to `on_note`, and to `on_finding` what is
    found of a reply in the light of the past: whose it is, the serial, and the findings as bits. The `engine` is told
    which rules fired. Raises NotForSeveral.
    """

    def __init__(
        self,
        writer: LogWriter,
        counter: LeakCounter,
        fetches: LeakCounter,
        history: History,
        on_weird: Callable[[Weird], None] | None,
        on_note: Callable[[tuple[Any, ...], list[int]], None] | None,
        on_finding: Callable[[bytes, str, int], None] | None,
        engine: RuleEngine | None = None,
    ) -> None:
        self._writer = writer
        self._logs = writer.buffers()
        self._counter = counter
        self._fetches = fetches
        self._history = history
        self._on_weird = on_weird
        self._on_note = on_note
        self._on_finding = on_finding
        self._engine = engine
        self._events = 0
        self._stayed = True  # the line that one process might not have written
        self._times: list[int] = []
        self._last_times = 0

    def play(self, reels: list[Reel]) -> Reel | None:
        """The events of all, in order, up to where one has to be loaded: that one. None: all are over."""
        while True:
            first = None
            key, number = _END, 0  # of the one behind the first
            for reel in reels:
                if reel.is_over:
                    continue
                if first is None:
                    first = reel
                elif reel.key < first.key or (reel.key == first.key and reel.number < first.number):
                    key, number = first.key, first.number
                    first = reel
                elif reel.key < key or (reel.key == key and reel.number < number):
                    key, number = reel.key, reel.number
            if first is None:
                return None
            if first.at >= first.size:
                if not first.is_last:
                    return first
                first.is_over = True
            while first.at < first.size and (first.key < key or (first.key == key and first.number <= number)):
                self._event(first)
                self._events += 1
                if self._events == _HANDED_OVER:
                    self._events = 0
                    self._writer.hand_over()
                first.look()

    def _event(self, reel: Reel) -> None:
        rows, at = reel.rows, reel.at + 3
        if self._times:
            self._times.clear()
        while at < reel.size and rows[at] != _EVENT:
            operation = rows[at]
            log = rows[at + 1]
            if operation == _COPY:
                self._copy(reel, log, rows[at + 2])
                at += 3
            elif operation in {_TIMES, _FETCHED}:
                counter = self._counter if operation == _TIMES else self._fetches
                times = counter.see_number(rows[at + 3])
                self._last_times = times
                if self._on_note is not None:
                    self._times.append(times)
                reel.places[log] += rows[at + 2]
                out = self._logs[log]
                out.append_number(times)
                at += 4
            elif operation == _NOTICE:
                self._stayed = self._writer.is_new_number(rows[at + 3], rows[at + 4])
                self._copy_or_drop(reel, log, rows[at + 2])
                at += 5
            elif operation == _CERTIFICATE:
                self._stayed = self._writer.is_new_certificate(rows[at + 3], rows[at + 4])
                self._copy_or_drop(reel, log, rows[at + 2])
                at += 5
            elif operation == _SAID:
                more = self._history.check_number(rows[at + 4], rows[at + 5], rows[at + 6], rows[at + 7])
                if more:
                    self._found(reel, log, rows[at + 2], rows[at + 3] | more)
                else:
                    self._copy(reel, log, rows[at + 2])
                at += 8
            elif operation == _AUDIT:
                self._audit(reel, log, rows[at + 2])
                at += 3
            elif operation == _FIRED:
                self._rule(reel)
                at += 2
            elif operation == _WEIRD:
                self._weird(reel)
                at += 2
            elif operation == _WEIRD_OF:
                if self._stayed:
                    self._weird(reel)
                else:
                    reel.weird_at += 1
                at += 2
            elif operation == _NOTES:
                self._notes(reel, log)
                at += 2
            else:
                raise ValueError(f"no operation: {operation}")
        reel.at = at

    def _copy(self, reel: Reel, log: int, size: int) -> None:
        place = reel.places[log]
        end = place + size
        if place < 0 or size < 0 or end > reel.length:
            raise ValueError("a script speaks of lines that are not there")
        out = self._logs[log]
        if _COMPILED:
            out.append_at(reel.source + place, size)  # type: ignore  # (C's, by way of buffer.pxd)
        else:
            out.append(reel.octets, place, end)
        reel.places[log] = end

    def _copy_or_drop(self, reel: Reel, log: int, size: int) -> None:
        if self._stayed:
            self._copy(reel, log, size)
        else:
            reel.places[log] += size

    def _audit(self, reel: Reel, log: int, size: int) -> None:
        found, number, this_update, produced_at, said, host, serial = reel.asked[reel.asked_at]
        reel.asked_at += 1
        more = self._history.check_number(number, this_update, produced_at, said)
        if more:
            if self._on_finding is not None:
                self._on_finding(host, serial, more)
            self._found(reel, log, size, found | more)
        else:
            self._copy(reel, log, size)

    def _found(self, reel: Reel, log: int, size: int, bits: int) -> None:
        if self._engine is not None:
            raise NotForSeveral("rules see what was said of a certificate before")
        reel.places[log] += size
        self._logs[log].append_text(render_audit(findings_of(bits)))

    def _rule(self, reel: Reel) -> None:
        from sensor.workers.fired import unpack

        rule_id, event = unpack(reel.fired[reel.fired_at], self._last_times)
        reel.fired_at += 1
        if self._engine is not None:
            self._engine.fired(rule_id, event)

    def _weird(self, reel: Reel) -> None:
        ts, name, whose, addl, source = reel.weirds[reel.weird_at]
        reel.weird_at += 1
        weird = Weird(ts, name, None if whose is None else FlowId(*whose), addl, source)
        self._writer.weird(weird)
        if self._on_weird is not None:
            self._on_weird(weird)

    def _notes(self, reel: Reel, count: int) -> None:
        if self._on_note is not None:
            for note in reel.notes[reel.note_at : reel.note_at + count]:
                self._on_note(note, self._times)
        reel.note_at += count
