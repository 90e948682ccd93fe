"""A whole reading by several workers, and the way back to one where several cannot do it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sensor.audit.history import History
from sensor.audit.shared import SharedVerdicts
from sensor.capture.timeline import TimeLine
from sensor.logs.sinks.sink import EventSink
from sensor.logs.writer import LogWriter
from sensor.privacy.leak import LeakCounter
from sensor.settings import Settings
from sensor.weird import FlowId, Weird
from sensor.workers.chunk import ChunkReader, Shelf
from sensor.workers.crls import SharedCrls
from sensor.workers.merge import Account, Merger, WorkerGone
from sensor.workers.playback import Playback
from sensor.workers.pool import Pool
from sensor.workers.shard import Nowhere, Task, Worker, log_count

if TYPE_CHECKING:  # imported when they are needed, for the start-up time
    from sensor.report.summary import Summary
    from sensor.rules.rule import RuleSet


class WorkerDied(Exception):  # noqa: N818  (its message is a whole sentence)
    """A worker process ended before its work; the logs end with whole lines, before that."""


class SkippingSink:
    """Counts what it lets through; after `begin_again` the same lines come once more, and are passed over."""

    def __init__(self, sink: EventSink) -> None:
        self.merged = sink.merged
        self._sink = sink
        self._written: dict[str, int] = {}
        self._again: dict[str, int] = {}

    def write(self, stream: str, lines: bytes) -> None:
        again = self._again.get(stream, 0)
        if again >= len(lines):
            self._again[stream] = again - len(lines)
            return
        if again:
            self._again[stream] = 0
            lines = lines[again:]
        self._written[stream] = self._written.get(stream, 0) + len(lines)
        self._sink.write(stream, lines)

    def begin_again(self) -> None:
        self._again = dict(self._written)

    def close(self) -> None:
        self._sink.close()


def read_with_workers(
    settings: Settings,
    source: TimeLine,
    sink: EventSink | None,
    summary: Summary | None,
    rules: RuleSet | None,
    on_error: Callable[[FlowId, Exception], None] | None,
    progress: Callable[[int, int], None] | None = None,
) -> Account:
    """Reads what `source` names by `capture.workers` processes; the lines go to `sink`, which is closed in the end.

    Completes `summary`, but for its files. Raises WorkerDied, and what Merger.run raises.
    """
    count = settings.capture.workers
    merged = sink is not None and sink.merged
    seed = int.from_bytes(os.urandom(8), "big")  # nobody outside may choose which flows share a worker

    shelves, verdicts = [Shelf() for _ in range(count)], SharedVerdicts()

    def work(number: int, fd: int, back: int) -> None:
        source.reopen()
        task = Task(number, count, seed, settings, merged, summary is not None)
        Worker(task, source, fd, on_error, engine, shelves[number], back, verdicts).run()

    writer = LogWriter(settings.logs, settings.flow.local_nets, Nowhere(False) if sink is None else sink)
    engine = None
    if rules is not None:
        from sensor.report.notes import telling
        from sensor.rules.engine import RuleEngine

        tell = telling(writer.notice, summary)
        engine = RuleEngine(rules, settings, tell, writer.weird)  # each worker has it as it is now
        writer.observe(engine)
    counter = LeakCounter(settings.privacy.max_tracked)
    fetches = LeakCounter(settings.privacy.max_tracked)
    history = History(settings.audit.max_certificates)
    on_weird = on_note = on_finding = None
    if summary is not None:
        from sensor.report.notes import take_findings, take_note

        on_weird = summary.weird if sink is not None else partial(_count_weird, summary)
        writer.on_weird = None if sink is None else on_weird
        on_note, on_finding = partial(take_note, summary), partial(take_findings, summary)
    playback = Playback(
        writer,
        counter,
        fetches,
        history,
        on_weird,
        on_note,
        on_finding,
        engine,
    )
    pool = Pool(count, work)
    try:
        logs = log_count(merged)
        crls = SharedCrls(count, settings.crl, settings.audit)
        readers = [ChunkReader(*ends) for ends in zip(pool.fds, [logs] * count, shelves, pool.backs, strict=True)]
        account = Merger(readers, playback, settings.flow, progress, crls).run()
    except WorkerGone as gone:
        writer.flush()
        raise WorkerDied(f"worker {gone.number + 1} of {count} {pool.died_of(gone.number)}") from None
    finally:
        pool.close()
    writer.close()
    if summary is not None:
        ordinary = ("tcp", "ip_fragment")
        summary.other_frames = {k: n for k, n in account.outcomes.items() if k not in ordinary}
        summary.lookups_failed = account.lookups_failed
        here = {
            **({} if sink is None else writer.limits()),
            "privacy.max_tracked": counter.forgotten + fetches.forgotten,
            "audit.max_certificates": history.forgotten,
        }
        summary.discarded = account.discarded
        summary.limits = account.limits | {limit: times for limit, times in here.items() if times}
    return account


def _count_weird(summary: Summary, weird: Weird) -> None:
    """Where no logs are written: one process has none that could be odd, either."""
    if weird.source != "LOG":
        summary.weird(weird)
