"""Many logs at once, each in a thread and at a pace of its own: one that fails is named, and the others go on."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

import msgspec

from sensor.ct.logged import BulkSink
from sensor.online.fetching import Fetcher
from sensor.online.pacing import GivenUpError, PacedFetcher, Stopped
from sensor.settings import CtSettings, SyncSettings
from sensor.sync.clients import LogClient, LogError, Rfc6962Client, StaticClient
from sensor.sync.entry import EntryDecoder
from sensor.sync.heads import HeadError
from sensor.sync.list_signature import check_list, signature_of
from sensor.sync.log_list import Log, LogListError
from sensor.sync.log_reader import LogReader, PositionError, Reading, ReadOptions

_MAX_LIST_BYTES: Final = 16 << 20
_MAX_KEY_BYTES: Final = 1 << 16
_MAX_SIGNATURE_BYTES: Final = 1 << 16


class Wanted(msgspec.Struct, frozen=True):
    """Which certificates are kept: those with an OCSP or a CRL address (neither: all), of these domains (none: all),
    not expired at `valid_from` (s)."""

    ocsp: bool = True
    crl: bool = True
    domains: tuple[str, ...] = ()
    valid_from: int = 0

    def __str__(self) -> str:
        """How a position remembers it; time is left out, since it goes on."""
        kinds = [word for word, wanted in (("ocsp", self.ocsp), ("crl", self.crl)) if wanted] or ["all"]
        return " ".join(
            ["only-with " + ",".join(kinds), *(("names " + ",".join(sorted(self.domains)),) * bool(self.domains))]
        )


def load_log_list(source: str, fetcher: Fetcher, settings: SyncSettings, stop: threading.Event) -> bytes:
    """The text of a list, from a file or an address; with its signature checked, if there is a key for that. Raises
    LogListError."""
    key = _load(settings.log_list_key, _MAX_KEY_BYTES) if settings.log_list_key else None
    asked = paced(fetcher, settings, stop)
    text = _get(source, asked, _MAX_LIST_BYTES)
    if key is not None:
        sig = signature_of(source)
        check_list(text, _get(sig, asked, _MAX_SIGNATURE_BYTES), key, f"{source}, {sig}, {settings.log_list_key}")
    return text


def _get(source: str, asked: PacedFetcher, max_bytes: int) -> bytes:
    if not is_address(source):
        return _load(source, max_bytes)
    try:
        return asked.get(source, max_bytes=max_bytes)
    except GivenUpError as error:
        raise LogListError(f"{source}: {error}") from None


def _load(path: str, max_bytes: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            text = file.read(max_bytes + 1)
    except OSError as error:
        raise LogListError(f"{path}: {error.strerror or error}") from None
    if len(text) > max_bytes:
        raise LogListError(f"{path}: too large")
    return text


def is_address(source: str) -> bool:
    """Whether this is an address, and not a file."""
    return source.startswith(("https://", "http://"))


def paced(fetcher: Fetcher, settings: SyncSettings, stop: threading.Event) -> PacedFetcher:
    """Requests to one log, or to whoever has the list."""
    return PacedFetcher(fetcher, settings.requests_per_s, settings.max_tries, settings.max_wait_s, stop)


class Sync:
    """Reads logs into a sink, until each is at its head (`once`) or somebody sets `stop`."""

    def __init__(
        self,
        logs: Sequence[Log],
        sink: BulkSink,
        fetcher: Fetcher,
        settings: SyncSettings,
        ct: CtSettings,
        wanted: Wanted,
        options: ReadOptions,
        stop: threading.Event,
        once: bool,
    ) -> None:
        self._settings = settings
        self._stop = stop
        self._once = once
        lock = threading.Lock()
        self._readers = [
            LogReader(
                log,
                _client(log, paced(fetcher, settings, stop)),
                EntryDecoder(
                    wanted.ocsp,
                    wanted.crl,
                    wanted.domains,
                    wanted.valid_from,
                    ct.max_names,
                    ct.max_certificate_bytes,
                    log.key.log_id,
                ),
                sink,
                lock,
                options,
                stop,
            )
            for log in logs
        ]
        self._pool = ThreadPoolExecutor(max(1, len(logs)), "ct-log")
        self._futures: list[Future[None]] = []

    @property
    def readings(self) -> list[Reading]:
        """One for each log, in their order."""
        return [reader.reading for reader in self._readers]

    def start(self) -> None:
        """Begins; nothing was asked of a log before."""
        self._futures = [self._pool.submit(self._follow, reader) for reader in self._readers]

    def wait(self, seconds: float) -> bool:
        """Whether all logs are done. Raises what is not a log's own trouble: StoreError, or a mistake of ours."""
        done, others = wait(self._futures, seconds, FIRST_EXCEPTION)
        for future in done:
            future.result()
        return not others

    def close(self) -> None:
        """Calls off what is under way, and waits for it."""
        self._stop.set()
        self._pool.shutdown()

    def _follow(self, reader: LogReader) -> None:
        reading = reader.reading
        grown = True
        try:
            while True:
                before = reading.size
                try:
                    # A partial tile is read when nothing is behind it yet at the second look: it may stay so for long.
                    reader.to_the_head(whole_tiles=reading.log.tiled and grown and not self._once)
                    reading.trouble = None
                except GivenUpError as error:
                    reading.trouble = f"no answer: {error}"
                grown = reading.size != before
                if self._once or self._stop.wait(self._settings.poll_every_s):
                    return
        except Stopped:
            return
        except (LogError, HeadError) as error:
            reading.trouble, reading.lied = str(error), True
        except PositionError as error:
            reading.trouble = str(error)


def _client(log: Log, fetcher: PacedFetcher) -> LogClient:
    return StaticClient(log, fetcher) if log.tiled else Rfc6962Client(log, fetcher)
