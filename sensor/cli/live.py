"""`ocspwatch live`: what network interfaces see goes in, logs come out, until it is told to stop.

The order of a run: open the sockets, give up the rights that took, open what is written to, take packets, and on a
signal let no more in, finish what is there, and say what it was.
"""

from __future__ import annotations

import argparse
import gc
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sensor.cli.output import (
    EXIT_PARTIAL,
    add_output_options,
    apply_rules,
    open_sink,
    output_settings,
    rules_in_force,
    tell_bad_rules,
    tell_error,
    tell_mistake,
)
from sensor.settings import Settings

if TYPE_CHECKING:  # imported when they are needed, for the start-up time
    import socket
    from types import FrameType

    from sensor.capture.live.source import LiveSource
    from sensor.ct.deferred import DeferredLookup
    from sensor.logs.writer import LogWriter
    from sensor.pipeline import Pipeline
    from sensor.report.summary import Summary
    from sensor.rules.rule import RuleSet

TICK_S = 1.0
"""How often the clock's work is done (cli.monitor)."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `live`."""
    parser = subparsers.add_parser(
        "live",
        help="watch network interfaces: the same as replay, as it happens",
        description="Watches one or more interfaces (a SPAN port, the legs of a tap) until SIGTERM, SIGINT or Ctrl-C. "
        "Takes the capability CAP_NET_RAW. Sends nothing and makes no network connection.",
    )
    parser.add_argument(
        "-i", "--interface", metavar="IFACE", action="append", required=True, help="again for more, as one source"
    )
    parser.add_argument(
        "--metrics", metavar="HOST:PORT", help="a page for Prometheus on this loopback address, e.g. 127.0.0.1:9475"
    )
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0: stopped, nothing lost; 2: a mistake of the caller's; 3: stopped, packets were lost."""
    from sensor.capture.live.opening import open_live
    from sensor.capture.source import CaptureError
    from sensor.rules.rule import RulesError
    from sensor.service.scrape import ScrapeError, open_listener

    # Nothing on the packet path makes cycles (see replay), so that the collector has next to nothing to do.
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 20)
    settings = output_settings(args, settings)
    try:
        rules = rules_in_force(args, settings)
    except RulesError as error:
        return tell_bad_rules(error)
    try:
        listener = open_listener(args.metrics) if args.metrics else None
        source = open_live(args.interface, settings.capture)
    except (CaptureError, ScrapeError) as error:
        return tell_mistake(error)
    # Here the rights that opening took are given up: nothing below needs them.
    try:
        return _watch(args, settings, source, rules, listener)
    finally:
        source.close()


def _watch(
    args: argparse.Namespace,
    settings: Settings,
    source: LiveSource,
    rules: RuleSet | None,
    listener: socket.socket | None,
) -> int:
    """From the open source to the exit code."""
    from sensor.cli.monitor import Monitor, TimedSink
    from sensor.ct.deferred import DeferredLookup
    from sensor.ct.schema import StoreError
    from sensor.ct.store_lookup import StoreLookup
    from sensor.health.metrics import CONTENT_TYPE
    from sensor.logs.sinks.sink import ReaderGone, SinkError
    from sensor.logs.writer import LogWriter
    from sensor.pipeline import Pipeline
    from sensor.report.summary import Summary
    from sensor.service.scrape import ScrapeServer

    lookup: DeferredLookup | None = None
    writer: LogWriter | None = None
    server = None
    try:
        store = StoreLookup(settings.ct)  # another thread uses it from here on
        lookup = DeferredLookup(lambda: store, settings.ct)
        opened = open_sink(args, settings)
        sink = None if opened is None else TimedSink(opened)
        if sink is not None:
            writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
            apply_rules(rules, settings, writer)
        summary = None if args.quiet or args.json else Summary()
        pipeline = Pipeline(settings, lookup, writer, summary)
        pipeline.contain_errors(tell_error)
        monitor = Monitor(settings.health, source, pipeline, writer, sink, lookup)
        if listener is not None:
            server = ScrapeServer(listener, monitor.page, CONTENT_TYPE)
            server.start()
        _stop_on_signals(source)
        if not args.quiet:
            print(f"ocspwatch: listening to {source.name}", file=sys.stderr, flush=True)
        pipeline.run(source, _every(TICK_S, monitor.tick))
        monitor.finish()
        if writer is not None:
            writer.close()
    except ReaderGone:
        return 0
    except (StoreError, SinkError, OSError) as error:
        return tell_mistake(error)
    finally:
        if lookup is not None:
            lookup.close()
        if server is not None:
            server.close()
    if summary is not None:
        _print_summary(summary, source, pipeline, False if args.no_color else None)
    stats = source.stats()
    lost = stats.dropped or stats.interface_dropped or not source.complete or pipeline.internal_errors
    return EXIT_PARTIAL if lost else 0


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


def _stop_on_signals(source: LiveSource) -> None:
    """SIGTERM and SIGINT end the run in good order; a second one does what it does by default."""

    def stop(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        source.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _print_summary(summary: Summary, source: LiveSource, pipeline: Pipeline, colour: bool | None) -> None:
    from sensor.report.render import print_summary
    from sensor.report.summary import FileRead

    stats, accounts = source.stats(), pipeline.accounts()
    damage = []
    if stats.dropped:
        damage.append(f"{stats.dropped} packets dropped, the sensor being too slow")
    if stats.interface_dropped:
        damage.append(f"{stats.interface_dropped} lost by the interface")
    summary.files.append(
        FileRead(source.name, accounts.frames, accounts.wire_bytes, source.first_ts, source.last_ts, tuple(damage))
    )
    pipeline.complete_summary()
    print_summary(summary, sys.stdout, colour=colour)
