"""The clock's work of a running sensor: counters read, lines written, loss and overload told, the page kept fresh.

Once a second or as soon after it as the batch in hand is done, in the thread of the packets; other threads only get
what was finished here.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from contextlib import suppress

from sensor import __version__, build_mode
from sensor.capture.live.presence import Presence
from sensor.capture.live.source import LiveSource
from sensor.capture.source import CaptureError
from sensor.ct.deferred import DeferredLookup
from sensor.health.counters import Running
from sensor.health.metrics import Report, render_metrics
from sensor.logs.sinks.queued import QueuedSink
from sensor.logs.sinks.sink import EventSink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import HealthSettings

_PAGE_BYTES = resource.getpagesize()


class TimedSink:
    """`sink`, and how long it kept who wrote to it, in nanoseconds."""

    def __init__(self, sink: EventSink) -> None:
        self.inner = sink
        self.merged = sink.merged
        self.spent_ns = 0

    def write(self, stream: str, lines: bytes) -> None:
        began = time.perf_counter_ns()
        self.inner.write(stream, lines)
        self.spent_ns += time.perf_counter_ns() - began

    def close(self) -> None:
        self.inner.close()


class Monitor:
    """`tick` it once a second, `finish` it at the end. To be made before files can no longer be opened."""

    def __init__(
        self,
        settings: HealthSettings,
        source: LiveSource,
        pipeline: Pipeline,
        writer: LogWriter | None = None,
        sink: TimedSink | None = None,
        lookup: DeferredLookup | None = None,
    ) -> None:
        self._settings = settings
        self._source = source
        self._pipeline = pipeline
        self._writer = writer
        self._sink = sink
        self._lookup = lookup
        self._interval_ns = int(settings.interval_s * 1e9)
        self._started_at = time.time()
        self._next_ns = time.monotonic_ns() + self._interval_ns
        self._before = (0, 0)
        self._shown: list[Callable[[Report], None]] = []
        try:
            self._memory = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # not Linux, or not mounted
            self._memory = -1
        pipeline.clock = time.perf_counter_ns
        pipeline.measure(time.time_ns())
        self.report = self._report()
        """As of the last tick."""

    def show_to(self, show: Callable[[Report], None]) -> None:
        """`show` gets every report from now on."""
        self._shown.append(show)

    def page(self) -> bytes:
        """The page for Prometheus, in whatever thread."""
        return render_metrics(self.report)

    def tick(self) -> None:
        """What there is to do in this second."""
        self.report = report = self._report()
        self._watch_drops(report.running)
        if time.monotonic_ns() >= self._next_ns:
            self._next_ns += (time.monotonic_ns() - self._next_ns) // self._interval_ns * self._interval_ns
            self._next_ns += self._interval_ns
            self._pipeline.measure(time.time_ns(), report.running)
        if self._writer is not None:
            self._writer.flush()
        for show in self._shown:
            show(report)

    def finish(self) -> None:
        """The last lines; no more ticks after it."""
        self.report = self._report()
        self._pipeline.measure(time.time_ns(), self.report.running)
        if self._memory >= 0:
            with suppress(OSError):
                os.close(self._memory)
            self._memory = -1

    def _watch_drops(self, running: Running) -> None:
        """Emergency mode begins when too much is dropped within a second, its hold when nothing is any more."""
        came = running.link_frames - self._before[0]
        dropped = running.dropped_frames - self._before[1]
        self._before = (running.link_frames, running.dropped_frames)
        tracker = self._pipeline.tracker
        if dropped and dropped >= self._settings.too_many_drops * came:
            tracker.emergency.overload(tracker.now, True)
        elif not dropped:
            tracker.emergency.overload(tracker.now, False)

    def _report(self) -> Report:
        pipeline, writer = self._pipeline, self._writer
        return Report(
            totals=pipeline.totals(),
            levels=pipeline.levels(),
            running=self._running(),
            leaks=dict(pipeline.leak_counts),
            weirds={} if writer is None else dict(writer.weird_counts),
            limits=pipeline.limits(),
            log_lines={} if writer is None else writer.counts,
            stage_seconds=self._stages(),
            started_at=self._started_at,
            version=__version__,
            build=build_mode(),
        )

    def _running(self) -> Running:
        stats = self._source.stats()
        lost, waiting = 0, None
        if self._sink is not None and isinstance(self._sink.inner, QueuedSink):
            counts = self._sink.inner.counts()
            lost, waiting = counts.dropped_lines, counts.waiting_bytes
        now = self._pipeline.tracker.now
        return Running(
            link_frames=stats.received + stats.dropped,
            dropped_frames=stats.dropped,
            interface_dropped_frames=stats.interface_dropped,
            memory_bytes=self._memory_bytes(),
            lag_ns=max(0, time.time_ns() - now) if now else None,
            cpu_ns=time.process_time_ns(),
            log_lines_dropped=lost,
            log_queue_bytes=waiting,
        )

    def _stages(self) -> dict[str, float]:
        """Where the time went: what a look-up or a write took is not counted with the messages, too."""
        pipeline = self._pipeline
        lookups = 0 if self._lookup is None else self._lookup.spent_ns
        logs = 0 if self._sink is None else self._sink.spent_ns
        messages = max(0, pipeline.messages_ns - lookups - logs)
        spent = {"packets": pipeline.packets_ns, "messages": messages, "lookups": lookups, "logs": logs}
        return {stage: ns / 1e9 for stage, ns in spent.items()}

    def _memory_bytes(self) -> int:
        """Resident: proc(5), statm; where that cannot be read, the most there ever was."""
        if self._memory >= 0:
            return int(os.pread(self._memory, 128, 0).split()[1]) * _PAGE_BYTES
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def look_after(presence: Presence, source: LiveSource, tell: Callable[[str], None]) -> None:
    """Tells of interfaces that come and go. Goes on with one that was made anew, and tries to once a second; where the
    source cannot, the run ends, for whoever starts it again."""
    for text in presence.look():
        tell(text)
    if not presence.is_replaced:
        return
    try:
        if not source.listen_again(presence.numbers):
            source.stop()
            return
    except CaptureError as error:
        tell(f"{error}; tried again in a second")
        return
    presence.accept()
    tell(f"listening to {source.name} again; what a new interface itself loses is not counted")
