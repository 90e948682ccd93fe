"""`ocspwatch live`: what network interfaces see goes in, logs come out, until it is told to stop.

The order of a run: start the process that writes the logs, open the sockets, give up all rights, take packets, and on
a signal let no more in, finish what is there, and say what it was.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.cli.askers import Askers, AskersError, AskingProcesses
from sensor.cli.disguise import keep_values_from_crashes
from sensor.cli.online import add_online_option
from sensor.cli.output import (
    EXIT_PARTIAL,
    add_output_options,
    apply_rules,
    output_settings,
    rules_in_force,
    tell_bad_rules,
    tell_mistake,
)
from sensor.settings import Settings

if TYPE_CHECKING:  # imported when they are needed, for the start-up time
    import socket
    from types import FrameType

    from sensor.capture.live.source import LiveSource
    from sensor.cli.crew_watch import Slate
    from sensor.ct.deferred import DeferredLookup
    from sensor.logs.sinks.log_process import RemotePlace
    from sensor.logs.sinks.queued import QueuedSink
    from sensor.logs.writer import LogWriter
    from sensor.pipeline import Pipeline
    from sensor.rules.rule import RuleSet
    from sensor.service.deadline import Deadline
    from sensor.service.notify import ServiceManager
    from sensor.service.privileges import Sealed

EXIT_BROKEN = 1
SET_BACK_NS = 10_000_000_000
"""A clock that is set back by less than this is waited for."""
THEN_WITHIN_S = 1.9
"""For all that comes after the last packet, together: flows, look-ups, logs, the page."""
TICK_S = 1.0
"""How often the clock's work is done (cli.monitor)."""
_SEEN_TO_S = 0.25  # with the half second after which a queue asks its place, in less than one


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `live`."""
    parser = subparsers.add_parser(
        "live",
        help="watch network interfaces: the same as replay, as it happens",
        description="Watches one or more interfaces (a SPAN port, the legs of a tap) until SIGTERM, SIGINT or Ctrl-C. "
        "Takes the capability CAP_NET_RAW. Sends nothing; makes no connection without --online or cluster.nodes.",
    )
    parser.add_argument(
        "-i", "--interface", metavar="IFACE", action="append", required=True, help="again for more, as one source"
    )
    parser.add_argument(
        "--metrics", metavar="HOST:PORT", help="a page for Prometheus on this loopback address, e.g. 127.0.0.1:9475"
    )
    parser.add_argument("--allow-root", action="store_true", help="stay root if root starts it (service.allow_root)")
    parser.add_argument("--filter", metavar="EXPR", help="only what this pcap-filter(7) lets in, as for tcpdump")
    parser.add_argument("--workers", metavar="N", type=int, help="so many processes share the packets (default: 1)")
    parser.add_argument("--plain", action="store_true", help="on a terminal, too, a line now and then, not a screen")
    add_online_option(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0: stopped, nothing lost; 1: it could not go on; 2: a mistake of the caller's; 3: stopped, packets or
    lines were lost."""
    from sensor.capture.live.opening import open_live
    from sensor.capture.source import CaptureError
    from sensor.cli.rights import start_log_process
    from sensor.logs.sinks.sink import SinkError
    from sensor.rules.mistakes import RulesError
    from sensor.service.account import PrivilegeError
    from sensor.service.notify import ServiceManager
    from sensor.service.privileges import check_user
    from sensor.service.scrape import ScrapeError, open_listener

    # Nothing on the packet path makes cycles (see replay), so that the collector has next to nothing to do.
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 20)
    named = {
        "capture.filter": args.filter,
        "capture.workers": args.workers,
        "service.allow_root": args.allow_root or None,
        "online.source": args.online,
    }
    settings = output_settings(args, settings, named)
    try:
        rules = rules_in_force(args, settings)
    except RulesError as error:
        return tell_bad_rules(error)
    keep_values_from_crashes(settings)  # those who ask and who log are forked below, and have values, too
    if settings.capture.workers > 1:
        from sensor.cli.crew import run_crew

        return run_crew(args, settings, rules)
    deadline = stop_deadline(settings)
    with ExitStack() as stack:
        try:
            check_user(settings.service)
            asking = AskingProcesses(settings)
            stack.callback(asking.wait)
            logs, confined = start_log_process(Path(args.output), settings) if args.output else (None, None)
            if logs is not None:
                stack.callback(lambda: logs.wait(deadline.left(logs.ENDS_WITHIN_S)))
            manager = ServiceManager()
            stack.callback(manager.close)
            listener = open_listener(args.metrics) if args.metrics else None
            source = open_live(args.interface, settings.capture)
        except (PrivilegeError, SinkError, CaptureError, ScrapeError, AskersError) as error:
            return tell_mistake(error)
        stack.callback(source.close)
        place = logs.places[0] if logs is not None else None

        def started(sealed: Sealed) -> None:
            tell_start(args, source.name, sealed, confined, asking.told)

        return _watch(args, settings, source, rules, listener, place, manager, deadline, started, asking.clients[0])


def stop_deadline(settings: Settings) -> Deadline:
    """Of all stages of the end, from the signal on."""
    from sensor.service.deadline import Deadline

    return Deadline(settings.service.stop_within_s + THEN_WITHIN_S)


def _watch(
    args: argparse.Namespace,
    settings: Settings,
    source: LiveSource,
    rules: RuleSet | None,
    listener: socket.socket | None,
    logs: RemotePlace | None,
    manager: ServiceManager,
    deadline: Deadline,
    started: Callable[[Sealed], None],
    askers: Askers,
    slate: Slate | None = None,
) -> int:
    """From the open source to the exit code. `started` is told, before the first packet, what was given up. On its
    `slate` a worker leaves what there is to show and to say."""
    from sensor.capture.live.presence import Presence
    from sensor.cli.disguise import Disguise
    from sensor.cli.monitor import Monitor, TimedSink, look_after
    from sensor.cli.rights import give_up_rights
    from sensor.cli.watch import open_watch, what_was_read
    from sensor.ct.deferred import DeferredLookup
    from sensor.ct.schema import StoreError
    from sensor.health.metrics import CONTENT_TYPE
    from sensor.logs.sinks.queued import PlaceLostError
    from sensor.logs.sinks.sink import ReaderGone, SinkError
    from sensor.logs.writer import LogWriter
    from sensor.pipeline import Pipeline
    from sensor.report.render import print_summary
    from sensor.service.account import PrivilegeError
    from sensor.service.scrape import ScrapeServer

    lookup: DeferredLookup | None = None
    writer: LogWriter | None = None
    server = watch = None
    presence = Presence(args.interface)
    queue = _queue(args, settings, logs)
    disguise = Disguise(settings, rules)
    try:
        sealed, store = give_up_rights(settings, askers.open_store)
        lookup = DeferredLookup(lambda: store, settings.ct)  # another thread uses it from here on
        lookup.patience = deadline.left
        sink = None if queue is None else TimedSink(queue)
        if sink is not None:
            writer = LogWriter(settings.logs, settings.flow.local_nets, disguise.sink(sink))
            apply_rules(rules, settings, writer)
        summary = None if args.quiet or args.json else disguise.board()
        pipeline = Pipeline(settings, askers.in_front_of(lookup), writer, summary)
        pipeline.prepare()
        pipeline.contain_errors(disguise.tell_error)
        pipeline.limits_beside = partial(disguise.limits, bounds_memory=True)
        monitor = Monitor(settings.health, source, pipeline, writer, sink, lookup)
        if slate is not None:
            slate.show(monitor.report, summary)
            monitor.show_to(lambda report: slate.show(report, summary))
        if listener is not None:
            server = ScrapeServer(listener, monitor.page, CONTENT_TYPE)
            server.start()
        if queue is not None:
            queue.start()
        stopping = Stopping(source, settings.service.stop_within_s, deadline)
        _obey_signals(stopping, queue)
        started(sealed)
        if summary is not None and slate is None:
            watch = open_watch(source.name, summary, settings.health.interval_s, args.plain, not args.no_color)
            monitor.show_to(watch.show)
        manager.ready(f"listening to {source.name}")
        work = [_every(manager.watchdog_s or TICK_S, manager.alive), _every(TICK_S, monitor.tick)]
        if queue is not None:
            work.append(_every(_SEEN_TO_S, lambda: _see_to(queue)))
        tell = _tell if slate is None or slate.number == 1 else _tell_nobody  # all see the same interfaces
        work.append(_every(TICK_S, lambda: look_after(presence, source, tell)))
        work.append(stopping.look)
        work.append(_every(TICK_S, lambda: _follow_clock(pipeline)))
        pipeline.run(source, lambda: _do(work))
        deadline.begin()
        manager.stopping()
        if writer is not None and queue is not None:
            writer.flush()
            queue.settle(deadline.left() / 2)  # the last line of the statistics says what was lost before it
        monitor.finish()
        is_logged = _close(writer, queue, deadline)
    except ReaderGone:
        return 0
    except PlaceLostError as error:
        tell_mistake(error)
        deadline.begin()
        _close(writer, queue, deadline)
        return EXIT_BROKEN
    except (PrivilegeError, StoreError, SinkError, OSError) as error:
        return tell_mistake(error)
    finally:
        if watch is not None:
            watch.close()
        if queue is not None:
            _pass_on(queue)
        presence.close()
        askers.close()
        if lookup is not None:
            lookup.close(deadline.left(lookup.CLOSED_WITHIN_S))
        askers.tell(quiet=args.quiet)
        if server is not None:
            server.close(deadline.left(server.CLOSED_WITHIN_S))
    if summary is not None:
        pipeline.complete_summary()
        file = what_was_read(source, pipeline, 0 if queue is None else queue.counts().dropped_lines)
        if slate is None:
            summary.files.append(file)
            print_summary(summary, sys.stdout, colour=False if args.no_color else None)
        else:
            slate.finish(summary, file)
    if presence.is_replaced:
        return EXIT_BROKEN
    stats = source.stats()
    if unread := stats.received - pipeline.tracker.frames:
        _tell(f"{unread} packets that waited were not looked at before the end")
    lost = unread or stats.dropped or stats.interface_dropped or not source.complete or pipeline.internal_errors
    return EXIT_PARTIAL if lost or not is_logged else 0


def _close(writer: LogWriter | None, queue: QueuedSink | None, deadline: Deadline) -> bool:
    """Whether every line has reached its log; if not, it says how many have not. Raises ReaderGone."""
    from sensor.logs.sinks.sink import ReaderGone, SinkError

    if writer is None or queue is None:
        return True
    queue.close_within_s = deadline.left()
    try:
        writer.close()
    except ReaderGone:
        raise
    except SinkError as error:
        _tell(str(error))
        return False
    return True


def _queue(args: argparse.Namespace, settings: Settings, logs: RemotePlace | None) -> QueuedSink | None:
    """In front of where the events go: the process that writes the logs, or standard output. None: nowhere."""
    from sensor.logs.sinks.queued import QueuedSink
    from sensor.logs.sinks.standard_output import StandardOutput

    if logs is not None:
        return QueuedSink(logs, settings.logs.max_queued_bytes)
    return QueuedSink(StandardOutput(), settings.logs.max_queued_bytes) if args.json else None


def tell_start(
    args: argparse.Namespace, name: str, sealed: Sealed, confined: Sealed | None, asking: Sequence[str]
) -> None:
    """What the processes gave up (`confined`: for the logs; `asking`: others'), and the start; for journals, always."""
    from sensor.cli.rights import describe_rights

    may = [f"take packets of {' and '.join(args.interface)}"]
    may += ["hand lines to the log process"] if args.output else ["write to standard output"]
    may += [f"answer on {args.metrics}"] if args.metrics else []
    may += ["tell the service manager"] if os.environ.get("NOTIFY_SOCKET") else []
    for line in [*describe_rights(sealed, confined, Path(args.output) if args.output else None, may), *asking]:
        _tell(line)
    _tell(f"listening to {name}")


def _pass_on(queue: QueuedSink) -> None:
    """What the queue has to say to the operator."""
    for text in queue.messages():
        _tell(text)


def _see_to(queue: QueuedSink) -> None:
    """Once a second: tells what there is to tell. Raises PlaceLostError, ReaderGone if nothing can be written again."""
    _pass_on(queue)
    queue.check()


def _follow_clock(pipeline: Pipeline) -> None:
    """Packets have the system's time: what was set forward by mistake may be set right again."""
    now = time.time_ns()
    if pipeline.tracker.now > now + SET_BACK_NS:
        pipeline.set_back(now)
        _tell("the clock was set back: connections that are open are logged as ended, and begin anew")


def _do(work: Sequence[Callable[[], None]]) -> None:
    for do in work:
        do()


def _tell(text: str) -> None:
    print(f"ocspwatch: {text}", file=sys.stderr, flush=True)


def _tell_nobody(_: str) -> None:
    """Somebody else says it."""


def _every(seconds: float, work: Callable[[], None]) -> Callable[[], None]:
    """A function to be called as often as one likes, which does `work` when `seconds` have passed since it last did."""
    due = time.monotonic() + seconds

    def check() -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + seconds
            work()

    return check


class Stopping:
    """Ends a source: no packet is let in any more, and those that wait are handed out, for so many seconds. `deadline`,
    that of all the rest, begins with it."""

    def __init__(self, source: LiveSource, within_s: float, deadline: Deadline) -> None:
        self._source = source
        self._within_s = within_s
        self._deadline = deadline
        self._until: float | None = None

    def begin(self) -> None:
        """May be called from a signal handler."""
        self._until = time.monotonic() + self._within_s
        self._deadline.begin()
        self._source.stop()

    def look(self) -> None:
        """Between two batches: is the time over?"""
        if self._until is None and self._source.is_stopping:  # whoever started this worker told it so
            self.begin()
        if self._until is not None and time.monotonic() > self._until:
            self._source.close()


def _obey_signals(stopping: Stopping, queue: QueuedSink | None) -> None:
    """SIGTERM and SIGINT end the run in good order; a second one does what it does by default. SIGHUP opens the logs
    anew, as logrotate wants it; on a terminal it says that the terminal has gone, and ends the run, too."""

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopping.begin()

    def reopen(_: int, __: FrameType | None) -> None:
        if queue is not None:
            queue.reopen()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.signal(signal.SIGHUP, stop if sys.stdin is not None and sys.stdin.isatty() else reopen)
