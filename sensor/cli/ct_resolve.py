"""`ocspwatch ct resolve`: asks crt.sh about serial numbers, on demand. Says first what it discloses, and to whom."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sensor.cli.output import say
from sensor.settings import Settings

if TYPE_CHECKING:
    from sensor.crtsh.desk import Counts, Desk

_FINE, _NOT_FOUND, _MISTAKE, _PARTLY, _INTERRUPTED = 0, 1, 2, 3, 130
_SHOWN_REASONS: Final = 5


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `resolve` to the verbs of `ct`."""
    verb = verbs.add_parser(
        "resolve",
        help="ask crt.sh about serial numbers (discloses them; says so first)",
        description="Asks crt.sh about serial numbers that the cache does not know, checks who issued what it says, "
        "and adds it to the cache; then prints as `ct lookup` does. What was asked before is not asked again: a day "
        "long if there was nothing, ten minutes if it failed. Exit code 1: not found; 3: could not be asked.",
    )
    verb.add_argument("serials", nargs="+", metavar="SERIAL", help="hexadecimal, in any spelling")
    verb.add_argument("--online", required=True, choices=["crt.sh"], help="whom to ask: who is told these numbers")
    verb.add_argument("--again", action="store_true", help="ask, whatever is known or was asked before")
    verb.add_argument("--issuer", metavar="HEX|NAME", help="print only this issuer's, as `ct lookup` does")
    verb.add_argument("--decimal", action="store_true", help="SERIAL is decimal")
    verb.add_argument("--json", action="store_true", help="one JSON object a line")
    verb.add_argument("--ct", metavar="PATH", help="the cache's file (default: ocspwatch/ct.sqlite in XDG_DATA_HOME)")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """`ct resolve`: 0, 1 (not found), 2 (a mistake, no cache), 3 (could not be asked), 130 (interrupted)."""
    from sensor.cli.ct import run_lookup
    from sensor.cli.online import asked
    from sensor.crtsh.desk import may_be_asked, open_desk
    from sensor.ct.schema import StoreError, default_path
    from sensor.online.fetching import MissingLibraryError
    from sensor.pki.serial import SerialError, parse_serial

    serials: dict[str, None] = {}
    for text in args.serials:
        try:
            serial = parse_serial(text, decimal=args.decimal)
        except SerialError as error:
            return _mistake(str(error))
        if not may_be_asked(serial):
            return _mistake(f"{serial[:80]}: no certificate has such a serial number")
        serials[serial] = None
    chosen = args.ct or settings.ct.path
    path = Path(chosen) if chosen else default_path()
    try:
        unknown = list(serials) if args.again else _unknown(path, settings, list(serials))
        failed = 0
        if unknown:
            desk = open_desk(path, settings.ct, settings.online, threading.Event())
            try:
                failed = _ask(desk, unknown, asked(settings.online), again=args.again)
            finally:
                desk.close()
        code = run_lookup(args, settings)
    except (StoreError, MissingLibraryError) as error:
        return _mistake(str(error))
    except KeyboardInterrupt:
        say("interrupted: what was learnt is kept")
        return _INTERRUPTED
    return _PARTLY if failed and code != _MISTAKE else code


def _unknown(path: Path, settings: Settings, serials: list[str]) -> list[str]:
    """Those that the cache does not have from a certificate."""
    import sqlite3

    from sensor.ct.reader import StoreReader
    from sensor.ct.rows import RowError
    from sensor.ct.schema import TEXT, StoreError, describe, open_to_read

    connection = open_to_read(path, settings.ct.busy_timeout_ms)
    if connection is None:
        return serials
    reader = StoreReader(connection)
    try:
        return [s for s in serials if all(kind.kind == TEXT for kind, _ in reader.find_serial(bytes.fromhex(s)))]
    except (sqlite3.Error, RowError) as error:
        raise StoreError(path, describe(error) if isinstance(error, sqlite3.Error) else f"damaged: {error}") from None
    finally:
        connection.close()


def _ask(desk: Desk, serials: list[str], whom: str, *, again: bool) -> int:
    """How many could not be asked, or were not."""
    from sensor.crtsh.desk import NotAskedError
    from sensor.crtsh.remembered import Outcome

    told = False
    failed = 0
    for serial in serials:
        said = None if again else desk.recall(serial)
        if said is None:
            if not told:
                told = True
                say(
                    f"asks {whom} about {len(serials):,} serial {'number' if len(serials) == 1 else 'numbers'}: it "
                    "learns them, that is, which certificates somebody here looks into, and this machine's address"
                )
            try:
                said = desk.ask(serial)
            except NotAskedError as error:
                say(f"{serial}: {error}")
                failed += 1
                continue
        else:
            say(f"{serial}: was asked before; --again asks again")
        if said.outcome is Outcome.failed:
            say(f"{serial}: could not be asked: {said.reason}")
            failed += 1
    tell_counts(desk.counts, desk.requests)
    return failed


def tell_counts(counts: Counts, requests: int) -> None:
    """What came of a run's questions, on standard error; nothing where none was asked."""
    if not counts.asked and not counts.not_asked:
        return
    say(
        f"asked about {counts.asked:,} serial {'number' if counts.asked == 1 else 'numbers'} in {requests:,} "
        f"{'request' if requests == 1 else 'requests'}: {counts.found:,} found, {counts.not_found:,} not found, "
        f"{counts.failed:,} failed"
    )
    for reason, count in sorted(counts.reasons.items(), key=lambda item: -item[1])[:_SHOWN_REASONS]:
        say(f"  {count:,}: {reason}")


def _mistake(text: str) -> int:
    say(text)
    return _MISTAKE
