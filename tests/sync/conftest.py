"""A CA and entries for the session; a log, its server, and a reader for each test."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.sync, however pytest is started

from sensor.online.fetching import Fetcher
from sensor.online.pacing import PacedFetcher
from sensor.sync.clients import LogClient, Rfc6962Client, StaticClient
from sensor.sync.entry import EntryDecoder
from sensor.sync.log_list import Log, parse_log_list
from sensor.sync.log_reader import LogReader, ReadOptions
from tests.ct.pki import Ca, make_root
from tests.sync.ct_log import CtLog, Logged, log_list, usual_entries
from tests.sync.serving import LogServer
from tests.sync.sinks import MemorySink

NOW = 1_790_000_000


@pytest.fixture(scope="session")
def root() -> Ca:
    return make_root("Log Root")


@pytest.fixture(scope="session")
def sub(root: Ca) -> Ca:
    return root.intermediate("Log Sub")


@pytest.fixture(scope="session")
def entries(root: Ca, sub: Ca) -> list[Logged]:
    return usual_entries(sub, root, 1500)


@pytest.fixture(scope="session")
def grown_log(entries: list[Logged], root: Ca) -> CtLog:
    return CtLog(roots=[root.der]).add(entries)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["rfc6962", "static"])
def server(request: pytest.FixtureRequest, grown_log: CtLog) -> Iterator[LogServer]:
    server = LogServer(grown_log, tiled=request.param == "static")
    yield server
    server.close()


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(10, 32 << 20)
    yield fetcher
    fetcher.close()


def log_of(server: LogServer) -> Log:
    (log,) = parse_log_list(log_list(server.listed()))
    return log


def client_of(log: Log, fetcher: Fetcher, tries: int = 2) -> LogClient:
    paced = PacedFetcher(fetcher, 1000, tries, 0.01)
    return StaticClient(log, paced) if log.tiled else Rfc6962Client(log, paced)


Read = Callable[..., LogReader]


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def reader(server: LogServer, fetcher: Fetcher, sink: MemorySink) -> Read:
    """Makes a LogReader of the server's log, as a new run would."""

    def make(domains: tuple[str, ...] = (), **options: object) -> LogReader:
        log = log_of(server)
        chosen = {"filtered": "f", "batch_entries": 300, "connections": 3, "old_head_wait_s": 0.01} | options
        decoder = EntryDecoder(True, True, domains, NOW, 250, 1 << 20, log.key.log_id)
        return LogReader(
            log,
            client_of(log, fetcher),
            decoder,
            sink,
            threading.Lock(),
            ReadOptions(**chosen),  # type: ignore[arg-type]
            threading.Event(),
            lambda: float(NOW),
        )

    return make
