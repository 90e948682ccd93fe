"""`ocspwatch replay --workers N`: as without, by several processes; back to one where several cannot do it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from sensor.capture.timeline import TimeLine
from sensor.cli.disguise import Disguise
from sensor.cli.replay import Reading, read_alone
from sensor.ct.store_lookup import StoreLookup
from sensor.logs.sinks.sink import EventSink
from sensor.settings import Settings
from sensor.workers.merge import InputChanged
from sensor.workers.playback import NotForSeveral
from sensor.workers.reading import SkippingSink, WorkerDied, read_with_workers

if TYPE_CHECKING:  # imported when they are needed, for the start-up time
    from sensor.report.summary import Summary
    from sensor.rules.rule import RuleSet


def read_by_workers(
    args: argparse.Namespace,
    settings: Settings,
    source: TimeLine,
    sink: EventSink | None,
    summary: Summary | None,
    rules: RuleSet | None,
    disguise: Disguise,
) -> Reading | None:
    """None if that failed, which is said. Raises SinkError."""
    skipping = None if sink is None else SkippingSink(sink)
    try:
        return _read(args, settings, source, skipping, summary, rules, disguise)
    except NotForSeveral as why:
        print(f"ocspwatch: begins again with one worker: {why}", file=sys.stderr)
    except (WorkerDied, InputChanged) as error:
        print(f"ocspwatch: {error}; the logs are not complete", file=sys.stderr)
        if skipping is not None:
            skipping.close()
        return None
    source.reopen()
    if skipping is not None:
        skipping.begin_again()
    if summary is not None:
        summary.clear()
    lookup = StoreLookup(settings.ct)
    try:
        return read_alone(args, settings, source, lookup, skipping, summary, rules, disguise)
    finally:
        lookup.close()


def _read(
    args: argparse.Namespace,
    settings: Settings,
    source: TimeLine,
    sink: EventSink | None,
    summary: Summary | None,
    rules: RuleSet | None,
    disguise: Disguise,
) -> Reading:
    progress = None
    if not args.quiet:
        from sensor.report.progress import Progress

        progress = Progress(sys.stderr, source.bytes_total)
    try:
        told = None if progress is None else progress.update
        account = read_with_workers(settings, source, sink, summary, rules, disguise.tell_error, told)
    finally:
        if progress is not None:
            progress.close()
    if summary is not None:
        summary.limits = summary.limits | {limit: times for limit, times in disguise.limits().items() if times}
    return Reading(account.files, account.complete, account.internal_errors)
