"""`ocspwatch replay`: capture files in, logs and a summary out."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path
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
    from sensor.capture.timeline import TimeLine
    from sensor.pipeline import Pipeline
    from sensor.report.summary import Summary


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `replay`."""
    parser = subparsers.add_parser(
        "replay",
        help="read capture files: who disclosed what, and Zeek-compatible logs of it",
        description="Reads capture files (pcap, pcapng, ERF; gzip, zstd, xz), folders, FIFOs and - for standard "
        "input, as one time line. Makes no network connection.",
    )
    parser.add_argument("paths", nargs="+", metavar="CAPTURE", help="a capture file, a folder, or - (standard input)")
    parser.add_argument("--follow", action="store_true", help="wait for more when a file ends; stop with Ctrl-C")
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0: all read; 2: a mistake of the caller's; 3: finished, part of the input was unreadable."""
    from sensor.capture.inputs import open_inputs
    from sensor.capture.source import CaptureError
    from sensor.ct.schema import StoreError
    from sensor.ct.store_lookup import StoreLookup
    from sensor.logs.sinks.sink import ReaderGone, SinkError
    from sensor.logs.writer import LogWriter
    from sensor.pipeline import Pipeline
    from sensor.report.summary import Summary
    from sensor.rules.rule import RulesError

    # Nothing on the packet path makes cycles (a flow lets go of its ends when it is over), so that the collector would
    # only walk the flow table again and again.
    gc.freeze()
    gc.set_threshold(1_000_000, 20, 20)
    settings = output_settings(args, settings)
    try:
        rules = rules_in_force(args, settings)
    except RulesError as error:
        return tell_bad_rules(error)
    try:
        source = open_inputs(args.paths, settings.capture, follow=args.follow)
    except CaptureError as error:
        return tell_mistake(error)
    try:
        lookup = StoreLookup(settings.ct)
    except StoreError as error:
        source.close()
        return tell_mistake(error)
    writer = None
    try:
        sink = open_sink(args, settings)
        if sink is not None:
            writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
            apply_rules(rules, settings, writer)
    except (SinkError, OSError) as error:
        source.close()
        return tell_mistake(error)
    summary = None if args.quiet or args.json else Summary()
    pipeline = Pipeline(settings, lookup, writer, summary)
    pipeline.contain_errors(tell_error)
    try:
        if args.quiet:
            pipeline.run(source)
        else:
            from sensor.report.progress import Progress

            progress = Progress(sys.stderr, source.bytes_total)
            try:
                pipeline.run(source, lambda: progress.update(source.bytes_read, source.frames))
            finally:
                progress.close()
        if writer is not None:
            writer.close()
    except ReaderGone:
        return 0
    except SinkError as error:
        return tell_mistake(error)
    finally:
        source.close()
        lookup.close()
    if summary is not None:
        _print_summary(summary, source, pipeline, False if args.no_color else None)
    elif not source.complete:
        for file in source.files:
            if not file.complete:
                print(f"ocspwatch: {file.name}: read in part", file=sys.stderr)
    return 0 if source.complete and not pipeline.internal_errors else EXIT_PARTIAL


def _print_summary(summary: Summary, source: TimeLine, pipeline: Pipeline, colour: bool | None) -> None:
    from sensor.report.render import print_summary
    from sensor.report.summary import FileRead

    for file in source.files:
        damage = () if file.complete else (f"{file.skipped} bytes unreadable" if file.skipped else "ends early",)
        octets = _size_of(file.name)
        summary.files.append(FileRead(file.name, file.frames, octets, file.first_ts, file.last_ts, damage))
    pipeline.complete_summary()
    print_summary(summary, sys.stdout, colour=colour)


def _size_of(name: str) -> int:
    """Bytes of a regular file, 0 of anything else."""
    try:
        return Path(name).stat().st_size if Path(name).is_file() else 0
    except (OSError, ValueError):  # gone meanwhile, or no path at all
        return 0
