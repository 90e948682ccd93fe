"""`ocspwatch ct sync`: reads the public CT logs into the look-up cache. One of the few verbs that ask anybody."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sensor.cli.output import say
from sensor.settings import Settings

if TYPE_CHECKING:
    from sensor.online.fetching import Fetcher
    from sensor.sync.log_list import Log
    from sensor.sync.log_reader import Reading
    from sensor.sync.run import Wanted

_FINE, _MISTAKE, _PARTLY, _INTERRUPTED = 0, 2, 3, 130
_ONLY_WITH: Final = {"ocsp,crl": (True, True), "crl,ocsp": (True, True), "ocsp": (True, False), "crl": (False, True)}
_TICK_S: Final = 1.0
_LINE_EVERY_S: Final = 60.0
_RATE_OVER: Final = 30  # ticks
_SHOWN_REASONS: Final = 8


class _MistakeError(Exception):
    """The caller's; one line."""


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `sync` to the verbs of `ct`."""
    verb = verbs.add_parser(
        "sync",
        help="learn certificates from the public CT logs (asks them; says so first)",
        description="Reads Certificate Transparency logs (RFC 6962 and static-ct-api) into the cache: whose size and "
        "root each log signed, and that every entry is in that tree, is verified. Goes on from where it was, after a "
        "kill, too; without --once, for ever. It connects to the log list and the logs, and says before what they "
        "learn from it. Exit code 3: a log was not read to its end, or entries of it were refused.",
    )
    verb.add_argument("--log", metavar="URL|NAME", action="append", default=[], help="only this log (repeatable)")
    verb.add_argument("--log-list", metavar="FILE|URL", help="the list of logs, v3 (default: sync.log_list)")
    verb.add_argument(
        "--from", metavar="DATE", dest="since", help="in logs not read before, begin with what was logged on this day"
    )
    verb.add_argument("--again", action="store_true", help="begin anew, whatever was read before")
    verb.add_argument(
        "--only-with",
        metavar="KINDS",
        default="ocsp,crl",
        help="keep certificates with an ocsp or a crl address, or all (default: ocsp,crl)",
    )
    verb.add_argument("--names", metavar="DOMAIN", nargs="+", default=[], help="keep only names of these and below")
    verb.add_argument("--once", action="store_true", help="end when every log was read to its end")
    verb.add_argument("--ct", metavar="PATH", help="the cache's file (default: ocspwatch/ct.sqlite in XDG_DATA_HOME)")
    verb.set_defaults(run=run)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """`ct sync`: 0, 2 (a mistake, no list, no store), 3 (a log was not read to its end, or entries were refused), 130
    (interrupted)."""
    from sensor.ct.schema import StoreError
    from sensor.online.fetching import Fetcher, MissingLibraryError
    from sensor.sync.log_list import LogListError

    try:
        wanted, since_ms = _wanted(args), _milliseconds(args.since)
        fetcher = Fetcher(settings.sync.timeout_s, settings.sync.max_response_bytes)
        try:
            return _sync(args, settings, fetcher, wanted, since_ms)
        finally:
            fetcher.close()
    except (_MistakeError, MissingLibraryError, LogListError, StoreError) as error:
        say(str(error))
        return _MISTAKE
    except KeyboardInterrupt:
        say("interrupted: what was read and verified up to the last batch is kept; the next sync goes on there")
        return _INTERRUPTED


def _wanted(args: argparse.Namespace) -> Wanted:
    from sensor.pki.names import dns_name
    from sensor.sync.run import Wanted

    kinds = (False, False) if args.only_with == "all" else _ONLY_WITH.get(args.only_with)
    if kinds is None:
        raise _MistakeError(f"--only-with {args.only_with}: ocsp, crl, ocsp,crl or all expected")
    domains = tuple(text.lower().strip(".").removeprefix("*.") for text in args.names)
    for domain in domains:
        if dns_name(domain) is None:
            raise _MistakeError(f"--names {domain}: not a domain")
    return Wanted(*kinds, domains, int(time.time()))


def _milliseconds(text: str | None) -> int:
    if text is None:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _MistakeError(f"--from {text}: a date such as 2026-01-31 expected") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(1, int(moment.timestamp() * 1000))


def _sync(args: argparse.Namespace, settings: Settings, fetcher: Fetcher, wanted: Wanted, since_ms: int) -> int:
    from sensor.ct.schema import default_path
    from sensor.ct.store_sink import StoreSink
    from sensor.sync.log_reader import ReadOptions
    from sensor.sync.run import Sync

    stop = threading.Event()
    logs = _logs(args, settings, fetcher, wanted.valid_from, stop)
    chosen = args.ct or settings.ct.path
    path = Path(chosen) if chosen else default_path()
    sink = StoreSink(path, settings.ct.max_names, settings.sync.flush_rows)
    if sink.put_aside is not None:
        say(
            f"{sink.put_aside}: how far logs had been read into another cache, or into a later state of this one, is "
            "put aside here; they are read anew."
        )
    options = ReadOptions(
        filtered=str(wanted),
        since_ms=since_ms,
        again=args.again,
        batch_entries=settings.sync.batch_entries,
        connections=settings.sync.connections,
    )
    sync = Sync(logs, sink, fetcher, settings.sync, settings.ct, wanted, options, stop, args.once)
    shown = _Progress(sync.readings)
    try:
        with _terminated() as terminated:
            sync.start()
            while not sync.wait(_TICK_S) and not terminated.is_set():
                shown.tick()
    finally:
        shown.clear()
        sync.close()
        sink.close()
        _print_report(sync.readings)
    return _PARTLY if any(reading.trouble or reading.refused for reading in sync.readings) else _FINE


def _logs(args: argparse.Namespace, settings: Settings, fetcher: Fetcher, now: int, stop: threading.Event) -> list[Log]:
    """The logs to read. Says whom it asks, and what they learn, before it asks."""
    from urllib.parse import urlsplit

    from sensor.sync.log_list import LogListError, choose_logs, parse_log_list
    from sensor.sync.run import is_address, load_log_list

    source = args.log_list or settings.sync.log_list
    if is_address(source):
        say(f"asks {urlsplit(source).netloc} for the list of CT logs; it learns this machine's address.")
    text = load_log_list(source, fetcher, settings.sync, stop)
    if is_address(source) and not settings.sync.log_list_key:
        say("nobody checks that list's signature: sync.log_list_key names no key.")
    logs = choose_logs(parse_log_list(text), args.log, now)
    if not logs:
        raise LogListError(f"{source}: no log that is to be read")
    hosts: dict[str, None] = {}
    for log in logs:
        hosts |= {urlsplit(url).netloc: None for url in (log.url, log.submission_url)}
    say(
        f"asks {len(logs):,} CT {'log' if len(logs) == 1 else 'logs'} at {', '.join(hosts)}; they learn this machine's "
        "address, and which of their entries it reads. Of monitored traffic, and of --names, they learn nothing."
    )
    return logs


@contextmanager
def _terminated() -> Iterator[threading.Event]:
    """Set by SIGTERM, which is how a service ends that goes on for ever."""
    event = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: event.set())
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)


class _Progress:
    """A line on the terminal, written over every second; elsewhere a line a minute."""

    def __init__(self, readings: list[Reading]) -> None:
        self._readings = readings
        self._is_terminal = sys.stderr.isatty()
        self._seen: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=_RATE_OVER)
        self._told: dict[str, str] = {}
        self._told_refusals: set[tuple[str, str]] = set()  # a log has some dozens of reasons at most
        self._next = time.monotonic() + (_TICK_S if self._is_terminal else _LINE_EVERY_S)

    def tick(self) -> None:
        now = time.monotonic()
        self._tell_troubles()
        self._seen.append((now, sum(reading.read for reading in self._readings)))
        if now < self._next:
            return
        text = render_progress(self._readings, self._rate())
        if self._is_terminal:
            sys.stderr.write(f"\r{text}\x1b[K")
        else:
            self._next = now + _LINE_EVERY_S
            sys.stderr.write(f"ocspwatch: {text}\n")
        sys.stderr.flush()

    def clear(self) -> None:
        """Wipes the line."""
        if self._is_terminal:
            sys.stderr.write("\r\x1b[K")

    def _tell_troubles(self) -> None:
        """At once: what goes on for ever has no summary soon."""
        for reading in self._readings:
            trouble = reading.trouble or reading.note or ""
            if self._told.get(reading.log.url, "") != trouble:
                self._told[reading.log.url] = trouble
                self.clear()
                say(f"{reading.log.name}: {trouble or 'is read on'}")
            for reason in list(reading.refused):
                if (reading.log.url, reason) not in self._told_refusals:
                    self._told_refusals.add((reading.log.url, reason))
                    self.clear()
                    say(f"{reading.log.name}: refused an entry: {reason}")

    def _rate(self) -> float:
        (began, before), (now, after) = self._seen[0], self._seen[-1]
        return (after - before) / (now - began) if now > began else 0.0


def render_progress(readings: list[Reading], rate: float) -> str:
    """How many logs are at their end or failed, entries and how many a second, and how long it will take."""
    left = sum(reading.size - reading.at for reading in readings if reading.trouble is None)
    at_end = sum(1 for reading in readings if reading.size and reading.at == reading.size)
    failed = sum(1 for reading in readings if reading.trouble)
    parts = [
        f"{at_end} of {len(readings)} logs at their end" + (f", {failed} failed" if failed else ""),
        f"{sum(reading.read for reading in readings):,} entries",
        f"{rate:,.0f}/s",
    ]
    if left:
        parts.append(f"{left:,} to go" + (f", {_duration(left / rate)} left" if rate >= 1 else ""))
    return "; ".join(parts)


def _duration(seconds: float) -> str:
    minutes = int(seconds) // 60
    if minutes >= 2880:
        return f"{minutes // 1440} days"
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min {int(seconds) % 60:02} s"


def _print_report(readings: list[Reading]) -> None:
    read, kept, new = (sum(getattr(reading, what) for reading in readings) for what in ("read", "kept", "new"))
    print(f"{len(readings):,} {'log' if len(readings) == 1 else 'logs'}, {read:,} entries read and verified")
    print(f"  {kept:,} kept, {new:,} of them new")
    for what in ("skipped", "refused"):
        counts: dict[str, int] = {}
        for reading in readings:
            for reason, count in getattr(reading, what).items():
                counts[reason] = counts.get(reason, 0) + count
        if counts:
            print(f"  {sum(counts.values()):,} {what}")
        for reason, count in sorted(counts.items(), key=lambda item: -item[1])[:_SHOWN_REASONS]:
            print(f"    {count:,}: {_plain(reason)}")
    for reading in readings:
        if reading.trouble:
            verdict = "is not to be trusted" if reading.lied else "was not read to its end"
            print(f"{_plain(reading.log.name)} ({_plain(reading.log.url)}) {verdict}: {_plain(reading.trouble)}")
        elif reading.note:
            print(f"{_plain(reading.log.name)} ({_plain(reading.log.url)}): {_plain(reading.note)}")


def _plain(text: str) -> str:
    """Logs and lists choose their words: nothing in them may steer the terminal."""
    from sensor.pki.names import render_plain

    return render_plain(text)
