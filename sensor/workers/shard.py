"""One worker: walks all frames, keeps its shard of the flows, writes what comes of them to a pipe, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from sensor.audit.shared import SharedVerdicts
from sensor.capture.timeline import TimeLine
from sensor.ct.store_lookup import StoreLookup
from sensor.flow.tracker import END_INDEX
from sensor.logs.records import STREAMS
from sensor.logs.script import Script
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.report.notes import SummaryNotes
from sensor.settings import Settings
from sensor.weird import FlowId
from sensor.workers.chunk import GIVE_UP, LAST, PART, Peaks, Shelf, write_chunk

if TYPE_CHECKING:  # a run without rules does without the imports
    from sensor.rules.engine import RuleEngine
    from sensor.rules.events import LoggedEvent

_CHUNK_BYTES = 192 << 10  # of lines: what goes on is still in the processor's cache when it is put in order
_CHUNK_FRAMES = 1 << 14
_NO_NUMBER = (1 << 62) - 1
_AT_BATCH_END = 3  # the phase of what a source has to say, behind those of the tracker's marks


class Nowhere:
    """A sink for lines that go elsewhere."""

    def __init__(self, merged: bool) -> None:
        self.merged = merged

    def write(self, stream: str, lines: bytes) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing to do."""


class Task(msgspec.Struct, frozen=True):
    """Which shard of how many; the same `seed` and settings for all. `merged`: all logs are one sequence of lines."""

    shard: int
    shards: int
    seed: int
    settings: Settings
    merged: bool
    with_summary: bool


def log_count(merged: bool) -> int:
    """How many sequences of lines there are."""
    return 1 if merged else len(STREAMS)


class Worker:
    """Reads `source`, which is this process's own, and writes to `fd`, by way of the `shelf` if there is one."""

    def __init__(
        self,
        task: Task,
        source: TimeLine,
        fd: int,
        on_error: Callable[[FlowId, Exception], None] | None,
        engine: RuleEngine | None = None,
        shelf: Shelf | None = None,
        handed_back: int = -1,
        verdicts: SharedVerdicts | None = None,
    ) -> None:
        settings = task.settings
        self._task = task
        self._source = source
        self._fd = fd
        self._shelf = shelf
        self._handed_back = handed_back
        self._lookup = StoreLookup(settings.ct)
        self._script = script = Script(log_count(task.merged), with_names=task.with_summary)
        self._writer = LogWriter(settings.logs, settings.flow.local_nets, Nowhere(task.merged), script)
        self._writer.tell_at(_CHUNK_BYTES, self._send_lines)
        self._notes = SummaryNotes(script.notes) if task.with_summary else None
        self._pipeline = Pipeline(settings, self._lookup, self._writer, self._notes)
        self._pipeline.take_shard(task.shard, task.shards, task.seed, script, verdicts)
        if on_error is not None:
            self._pipeline.contain_errors(on_error)
        if engine is not None:
            engine.defer(self._fired)
            self._writer.observe(engine)
        self._sent_frames = 0
        self._gave_up = False

    def run(self) -> None:
        """To the end of the source, or until this turns out to be no work for several."""
        source, pipeline = self._source, self._pipeline
        for batch in source.batches():
            pipeline.feed(batch)
            last = batch.number + batch.stop - batch.first - 1
            self._take_weirds(last)
            if last - self._sent_frames >= _CHUNK_FRAMES:
                self._send(PART, (4 * last + _AT_BATCH_END, _NO_NUMBER))
                self._sent_frames = last
            if self._gave_up:
                return
        pipeline.finish()
        self._take_weirds(END_INDEX)
        self._send(LAST, (4 * END_INDEX + _AT_BATCH_END, _NO_NUMBER))
        self._lookup.close()

    def _fired(self, rule_id: str, event: LoggedEvent) -> None:
        from sensor.workers.fired import pack

        self._writer.rule_fired(pack(rule_id, event))

    def _send_lines(self) -> None:
        self._send(PART, (self._script.last_key, self._script.last_number))

    def _take_weirds(self, frame: int) -> None:
        """What the source met is told once, behind the last frame of the batch in which it met it."""
        weirds = self._source.weirds
        if self._task.shard:
            weirds.clear()
        elif weirds:
            self._pipeline.take_weirds(weirds)
            self._writer.cut(4 * frame + _AT_BATCH_END, 0)

    def _send(self, kind: int, upto: tuple[int, int]) -> None:
        if self._gave_up:
            return
        tracker = self._pipeline.tracker
        held = tracker.reassembler
        peaks = Peaks(tracker.most_flows, tracker.most_half_open, held.most_held)
        tracker.most_flows, tracker.most_half_open = tracker.size(), tracker.unanswered
        held.most_held = held.total_held
        frames, bytes_read = self._source.frames, self._source.bytes_read
        script, lines = self._script.take(), self._writer.take()
        why = ""
        if self._lookup.issuers_accepted:
            why = "a certificate in the traffic makes an issuer known"
        elif self._pipeline.signatures_over_budget:
            why = "there are more signatures than audit.signatures_per_s"
        if why:
            self._gave_up = True
            account: dict[str, object] = {"why": why}
            nothing = [b""] * len(lines)
            write_chunk(self._fd, GIVE_UP, upto, peaks, frames, bytes_read, lines=nothing, account=account)
            return
        account = self._account() if kind == LAST else {}
        account["crls"] = self._pipeline.revocations.tell()
        write_chunk(
            self._fd, kind, upto, peaks, frames, bytes_read, script, lines, account, self._shelf, self._handed_back
        )

    def _account(self) -> dict[str, object]:
        """What there is to say at the end; plain values."""
        tracker, source = self._pipeline.tracker, self._source
        self._pipeline.complete_summary()
        return {
            "frames": tracker.frames,
            "wire_bytes": tracker.wire_bytes,
            "outcomes": tracker.outcomes(),
            "internal_errors": self._pipeline.internal_errors,
            "lookups_failed": 0 if self._notes is None else self._notes.lookups_failed,
            "limits": self._pipeline.limits(),
            "discarded": self._pipeline.discarded(),
            "complete": source.complete,
            "files": [msgspec.structs.astuple(file) for file in source.files],
        }
