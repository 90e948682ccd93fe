"""`--online crt.sh`: the look-up that asks there, what is said before it asks, and what came of it."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sensor.cli.output import say
from sensor.settings import CtSettings, OnlineSettings, Settings

if TYPE_CHECKING:  # imported when it is asked for: by default nothing here is
    from sensor.crtsh.lookup import OnlineLookup
    from sensor.ct.lookup import Answer, CtLookup
    from sensor.ocsp.model import CertId


class OnlineError(Exception):
    """Nobody can be asked; one line that says why."""


def add_online_option(parser: argparse.ArgumentParser) -> None:
    """`--online`."""
    parser.add_argument(
        "--online",
        choices=["crt.sh"],
        help="ask crt.sh about certificates that the cache does not know: it learns which sites are visited",
    )


def open_online(lookup: CtLookup, settings: Settings) -> OnlineLookup:
    """The look-up that asks whom `online.source` names about what `lookup` does not know. Says what that discloses.
    Raises OnlineError and StoreError."""
    from sensor.crtsh.desk import open_desk
    from sensor.crtsh.lookup import OnlineLookup
    from sensor.ct.schema import default_path
    from sensor.online.fetching import MissingLibraryError

    online = settings.online
    path = Path(settings.ct.path) if settings.ct.path else default_path()
    ct = msgspec.structs.replace(settings.ct, path=str(path))
    stop = threading.Event()
    try:
        desk = open_desk(path, ct, online, stop)
    except MissingLibraryError as error:
        raise OnlineError(str(error)) from None

    tell_disclosure(settings)
    made = OnlineLookup(lookup, desk, look_again_in(ct), online, stop)
    if sys.stderr.isatty():
        made.on_wait = _show_waiting
    return made


def look_again_in(ct: CtSettings) -> Callable[[CertId], Answer]:
    """What asks the store anew, in whatever thread."""
    from sensor.ct.store_lookup import StoreLookup

    def look_again(cert_id: CertId) -> Answer:
        again = StoreLookup(ct)
        try:
            return again.lookup([cert_id])[0]
        finally:
            again.close()

    return look_again


def tell_disclosure(settings: Settings) -> None:
    """Before anybody is asked."""
    say(
        f"asks {asked(settings.online)} about certificates that the cache does not know: it learns their serial "
        "numbers, that is, which sites the monitored clients visit, and this machine's address"
    )


def asked(online: OnlineSettings) -> str:
    """Who, in words."""
    database = online.crtsh_database
    return f"the database at {database} (whoever is on the way may read along)" if database else online.crtsh_url


def stop_asking(lookup: CtLookup) -> None:
    """From a signal's handler: what is still out is given up."""
    stop: threading.Event | None = getattr(lookup, "stop", None)
    if stop is not None:
        stop.set()


def tell_online(lookup: OnlineLookup, *, quiet: bool) -> None:
    """What came of it, on standard error; with `quiet` only what was not asked, or failed."""
    from sensor.cli.ct_resolve import tell_counts

    counts = lookup.counts
    if not quiet or counts.failed or counts.not_asked:
        tell_counts(counts, lookup.requests)
    left = counts.not_asked + lookup.unasked + lookup.given_up
    if left:
        say(
            f"{left:,} not asked about: {counts.not_asked:,} while crt.sh was left alone, {lookup.unasked:,} because "
            f"too many waited, {lookup.given_up:,} at the end"
        )


def _show_waiting(count: int) -> None:
    text = f"\rwaits for crt.sh about {count:,} more; Ctrl-C ends that\x1b[K" if count else "\r\x1b[K"
    sys.stderr.write(text)
    sys.stderr.flush()
