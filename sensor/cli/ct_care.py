"""`ocspwatch ct prune`, `ct verify` and `ct export`: what is done with a look-up cache from time to time."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sensor.settings import CtSettings, Settings

_FINE, _DAMAGED, _MISTAKE = 0, 1, 2
_SHOWN_PROBLEMS = 50


def add_parsers(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds them to the verbs of `ct`."""
    verb = verbs.add_parser(
        "prune",
        help="take out what has expired",
        description="Takes expired certificates out of the cache, and of what ct sync read every month that is over. "
        "Known issuers stay. Captures of that time then have no names.",
    )
    verb.add_argument("--expired", action="store_true", required=True, help="what this takes out: has to be said")
    verb.add_argument("--before", metavar="DATE", help="expired on this day already (default: today)")
    _finish(verb).set_defaults(run=run_prune)

    verb = verbs.add_parser(
        "verify",
        help="whether the cache is sound",
        description="Reads all of the cache: every row can be read and has its issuer, every file is as it was made "
        "and of its month. Exit code 1: something is not.",
    )
    _finish(verb).set_defaults(run=run_verify)

    verb = verbs.add_parser(
        "export",
        help="the cache as JSON lines, for ct import",
        description="Prints the cache as JSON lines, which ct import takes back, into this cache or another.",
    )
    _finish(verb).set_defaults(run=run_export)


def _finish(verb: argparse.ArgumentParser) -> argparse.ArgumentParser:
    verb.add_argument("--ct", metavar="PATH", help="the cache's file (default: ocspwatch/ct.sqlite in XDG_DATA_HOME)")
    return verb


def _there(args: argparse.Namespace, settings: CtSettings) -> Path | None:
    from sensor.ct.schema import default_path

    chosen: str | None = args.ct or settings.path
    path = Path(chosen) if chosen else default_path()
    if path.exists():
        return path
    _complain(f"{path}: no cache there")
    return None


def run_prune(args: argparse.Namespace, settings: Settings) -> int:
    """`ct prune`: 0, or 2 (a wrong date, no cache, or one that cannot be used)."""
    from sensor.ct.pruning import prune
    from sensor.ct.schema import StoreError

    before = int(time.time())
    if args.before is not None:
        try:
            before = int(datetime.strptime(args.before, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
        except ValueError:
            _complain(f"--before {args.before}: a date such as 2026-01-31 expected")
            return _MISTAKE
    path = _there(args, settings.ct)
    if path is None:
        return _MISTAKE
    try:
        pruned = prune(path, before)
    except StoreError as error:
        _complain(str(error))
        return _MISTAKE
    print(f"{pruned.in_months + pruned.singly:,} certificates gone")
    if pruned.months:
        print(f"  {pruned.in_months:,} of them with {pruned.months:,} {'month' if pruned.months == 1 else 'months'}")
    return _FINE


def run_verify(args: argparse.Namespace, settings: Settings) -> int:
    """`ct verify`: 0, 1 (something is wrong), or 2 (no cache, or one that cannot be opened)."""
    from sensor.ct.schema import StoreError, open_to_read
    from sensor.ct.verifying import Verification

    path = _there(args, settings.ct)
    if path is None:
        return _MISTAKE
    problems = 0
    try:
        connection = open_to_read(path, settings.ct.busy_timeout_ms)
        if connection is None:
            return _MISTAKE
        verification = Verification(path, connection)
        for problem in verification.problems():
            problems += 1
            if problems <= _SHOWN_PROBLEMS:
                print(_plain(problem))
        connection.close()
    except StoreError as error:
        _complain(str(error))
        return _MISTAKE
    if problems > _SHOWN_PROBLEMS:
        print(f"and {problems - _SHOWN_PROBLEMS:,} more")
    print(f"{path}: {verification.rows:,} certificates read, {f'{problems:,} problems' if problems else 'sound'}")
    return _DAMAGED if problems else _FINE


def run_export(args: argparse.Namespace, settings: Settings) -> int:
    """`ct export`: 0, or 2 (no cache, or one that cannot be read as a whole)."""
    from sensor.ct.exporting import export_lines
    from sensor.ct.schema import StoreError, open_to_read

    path = _there(args, settings.ct)
    if path is None:
        return _MISTAKE
    try:
        connection = open_to_read(path, settings.ct.busy_timeout_ms)
        if connection is None:
            return _MISTAKE
        for line in export_lines(path, connection):
            sys.stdout.buffer.write(line + b"\n")
        connection.close()
    except StoreError as error:
        _complain(str(error))
        return _MISTAKE
    return _FINE


def _complain(text: str) -> None:
    print(f"ocspwatch: {_plain(text)}", file=sys.stderr)


def _plain(text: str) -> str:
    """Damage may hold anything: nothing in it may steer the terminal."""
    from sensor.pki.names import render_plain

    return render_plain(text)
