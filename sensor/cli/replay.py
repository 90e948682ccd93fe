"""`ocspwatch replay`: capture files in, logs and a summary out."""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, NamedTuple

from sensor.cli.cluster import NoClusterError, open_cluster, tell_cluster
from sensor.cli.disguise import Disguise, keep_values_from_crashes
from sensor.cli.online import OnlineError, add_online_option, open_online, stop_asking, tell_online
from sensor.cli.output import (
    EXIT_PARTIAL,
    add_output_options,
    apply_rules,
    open_sink,
    output_settings,
    rules_in_force,
    tell_bad_rules,
    tell_mistake,
)
from sensor.settings import Settings

if TYPE_CHECKING:  # imported when they are needed, for the start-up time
    from sensor.capture.reader import FileRead
    from sensor.capture.source import PacketSource
    from sensor.capture.timeline import TimeLine
    from sensor.ct.lookup import CtLookup
    from sensor.inject import Injection
    from sensor.logs.sinks.sink import EventSink
    from sensor.report.progress import Progress
    from sensor.report.summary import Summary
    from sensor.rules.rule import RuleSet


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `replay`."""
    parser = subparsers.add_parser(
        "replay",
        help="read capture files: who disclosed what, and Zeek-compatible logs of it",
        description="Reads capture files (pcap, pcapng, ERF; gzip, zstd, xz), folders, FIFOs and - for standard "
        "input, as one time line. Makes no network connection without --online or cluster.nodes.",
    )
    parser.add_argument("paths", nargs="+", metavar="CAPTURE", help="a capture file, a folder, or - (standard input)")
    parser.add_argument("--follow", action="store_true", help="wait for more when a file ends; stop with Ctrl-C")
    parser.add_argument("--workers", type=int, metavar="N", help="read by N processes (default: 1); same logs")
    add_online_option(parser)
    parser.add_argument("--inject", metavar="WHAT@N", action="append", help=argparse.SUPPRESS)  # inject.faults
    add_output_options(parser)
    parser.set_defaults(run=run)


_RESERVE_BYTES: Final = 16 << 20
"""Set free where memory runs out: to let go of the rest takes some, too."""


class Reading(NamedTuple):
    """What became of the input."""

    files: list[FileRead]
    complete: bool
    internal_errors: int


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0: all read; 2: a mistake of the caller's; 3: finished, part of the input was unreadable."""
    from sensor.capture.inputs import open_inputs
    from sensor.capture.source import CaptureError
    from sensor.ct.schema import StoreError
    from sensor.ct.store_lookup import StoreLookup
    from sensor.logs.sinks.sink import ReaderGone, SinkError
    from sensor.rules.mistakes import RulesError
    from sensor.settings_file import SettingsError

    # Nothing on the packet path makes cycles (a flow lets go of its ends when it is over), so that the collector would
    # only walk the flow table again and again.
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 20)
    try:
        settings = _settings(args, settings)
    except SettingsError as error:
        return tell_mistake(error)
    try:
        rules = rules_in_force(args, settings)
    except RulesError as error:
        return tell_bad_rules(error)
    keep_values_from_crashes(settings)
    disguise = Disguise(settings, rules)
    try:
        source = open_inputs(args.paths, settings.capture, follow=args.follow)
    except CaptureError as error:
        return tell_mistake(error)
    summary = None if args.quiet or args.json else disguise.summary()
    lookup: CtLookup | None = None
    online = cluster = injection = None
    if settings.inject.faults:
        from sensor.inject import Injection

        injection = Injection(settings.inject, settings.flow)
    try:
        lookup = StoreLookup(settings.ct) if injection is None else injection.lookup(StoreLookup(settings.ct))
        if settings.cluster.nodes:
            lookup = cluster = open_cluster(lookup, settings)
        if settings.online.source != "none":
            lookup = online = open_online(lookup, settings)
        opened = open_sink(args, settings)
        sink = None if opened is None else disguise.sink(opened)
        if sink is not None and injection is not None:
            sink = injection.sink(sink)
        if settings.capture.workers > 1 and _can_be_shared(source, settings, rules):
            from sensor.cli.replay_workers import read_by_workers

            lookup.close()
            reading = read_by_workers(args, settings, source, sink, summary, rules, disguise)
        else:
            reading = read_alone(args, settings, source, lookup, sink, summary, rules, disguise, injection)
    except ReaderGone:
        return 0
    except (StoreError, SinkError, OnlineError, NoClusterError) as error:
        return tell_mistake(error)
    finally:
        source.close()
        if lookup is not None:
            lookup.close()
        if online is not None:
            tell_online(online, quiet=args.quiet)
        if cluster is not None:
            tell_cluster(cluster.counts, quiet=args.quiet)
    if reading is None:
        return EXIT_PARTIAL
    if summary is not None:
        _print_summary(summary, reading.files, False if args.no_color else None)
    elif not reading.complete:
        for file in reading.files:
            if not file.complete:
                print(f"ocspwatch: {file.name}: read in part", file=sys.stderr)
    return 0 if reading.complete and not reading.internal_errors else EXIT_PARTIAL


def _settings(args: argparse.Namespace, settings: Settings) -> Settings:
    """With what the command line says on top. Raises SettingsError."""
    from sensor.settings_file import override

    settings = output_settings(args, settings)
    said = {"capture.workers": args.workers, "online.source": args.online, "inject.faults": args.inject}
    return override(settings, {key: value for key, value in said.items() if value is not None})


def read_alone(
    args: argparse.Namespace,
    settings: Settings,
    source: TimeLine,
    lookup: CtLookup,
    sink: EventSink | None,
    summary: Summary | None,
    rules: RuleSet | None,
    disguise: Disguise,
    injection: Injection | None = None,
) -> Reading:
    """In this process. Raises SinkError."""
    from sensor.logs.writer import LogWriter
    from sensor.pipeline import Pipeline

    writer = None if sink is None else LogWriter(settings.logs, settings.flow.local_nets, sink)
    if writer is not None:
        apply_rules(rules, settings, writer, summary)
    pipeline = Pipeline(settings, lookup, writer, summary)
    pipeline.contain_errors(disguise.tell_error)
    pipeline.limits_beside = disguise.limits
    packets: PacketSource = source
    if injection is not None:
        injection.attach(pipeline, writer)
        packets = injection.source(source)
    with _stopped_by_signals(source, lookup, following=args.follow) as stopped:
        reserve: bytes | None = bytes(_RESERVE_BYTES)  # calloc: it takes no memory as nobody writes to it
        progress = told = None
        if not args.quiet:
            from sensor.report.progress import Progress

            progress = Progress(sys.stderr, source.bytes_total)
            told = functools.partial(_tell_progress, progress, source)
        try:
            pipeline.run(packets, told)
        except MemoryError:
            reserve = None  # noqa: F841  (set free)
            pipeline.tracker.abandon()  # room for what was read so far to be written
            stopped.append("want of memory")
        finally:
            if progress is not None:
                progress.close()
    if "want of memory" in stopped:
        print("ocspwatch: there is no memory left: read in part", file=sys.stderr)
    if writer is not None:
        writer.close()
    pipeline.complete_summary()
    lost = stopped or (injection is not None and _tell_injected(injection))
    return Reading(source.files, source.complete and not lost, pipeline.internal_errors)


def _tell_progress(progress: Progress, source: TimeLine) -> None:
    progress.update(source.bytes_read, source.frames)


def _tell_injected(injection: Injection) -> int:
    """That this was no ordinary run; how many lines it cost."""
    done = ", ".join(injection.struck) or "nothing"
    rest = f"; not reached: {', '.join(injection.never)}" if injection.never else ""
    lost = injection.lines_dropped
    print(f"ocspwatch: injected: {done}{rest}; {lost} log lines dropped for it", file=sys.stderr)
    return lost


@contextlib.contextmanager
def _stopped_by_signals(source: TimeLine, lookup: CtLookup, *, following: bool) -> Iterator[list[str]]:
    """SIGINT and SIGTERM end the reading, and the run in good order; a second one does what it does by default.

    Yields the names of those that cut a reading short. To end `following` is no cut.
    """
    stopped: list[str] = []

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        if not following:
            stopped.append(signal.Signals(number).name)
            print(f"ocspwatch: stopped by {stopped[0]}: read in part", file=sys.stderr)
        source.close()
        stop_asking(lookup)

    if threading.current_thread() is not threading.main_thread():  # a thread cannot take signals
        yield stopped
        return
    taken = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in taken}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _can_be_shared(source: TimeLine, settings: Settings, rules: RuleSet | None) -> bool:
    """Whether several workers can read this; if not, that is said."""
    if not source.reopens:
        why = "pipes, and files that are followed, can be read by one only"
    elif about := _needs_one(rules):
        why = about
    elif settings.online.source != "none":
        why = "one asks crt.sh (--online)"
    elif settings.cluster.nodes:
        why = "one asks the cluster (cluster.nodes)"
    elif settings.inject.faults:
        why = "faults are injected into one"
    elif settings.health.in_replay:
        why = "what the sensor says of itself (health.in_replay) is that of one"
    else:
        return True
    print(f"ocspwatch: one worker: {why}", file=sys.stderr)
    return False


def _needs_one(rules: RuleSet | None) -> str | None:
    """Which rule one process alone can try."""
    if rules is None:
        return None
    from sensor.workers.fired import needs_one

    return needs_one(rules)


def _print_summary(summary: Summary, files: list[FileRead], colour: bool | None) -> None:
    from sensor.report import summary as report
    from sensor.report.render import print_summary

    for file in files:
        damage = () if file.complete else (f"{file.skipped} bytes unreadable" if file.skipped else "ends early",)
        octets = _size_of(file.name)
        summary.files.append(report.FileRead(file.name, file.frames, octets, file.first_ts, file.last_ts, damage))
    print_summary(summary, sys.stdout, colour=colour)


def _size_of(name: str) -> int:
    """Bytes of a regular file, 0 of anything else."""
    try:
        return Path(name).stat().st_size if Path(name).is_file() else 0
    except (OSError, ValueError):  # gone meanwhile, or no path at all
        return 0
