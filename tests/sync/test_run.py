"""Several logs at once: one that lies, one that is gone and two that are well."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.ct.logged import BulkSink, LogPosition
from sensor.ct.schema import StoreError
from sensor.online.fetching import Fetcher
from sensor.settings import CtSettings, SyncSettings
from sensor.sync.log_list import Log, LogListError, parse_log_list
from sensor.sync.log_reader import ReadOptions
from sensor.sync.run import Sync, Wanted, load_log_list
from tests.ct.pki import Ca
from tests.sync.conftest import NOW
from tests.sync.ct_log import START_MS, CtLog, Logged, log_list, usual_entries
from tests.sync.serving import LogServer
from tests.sync.sinks import MemorySink

QUICK = SyncSettings(requests_per_s=1000, max_tries=2, max_wait_s=0.01, poll_every_s=1)


@pytest.fixture
def servers(entries: list[Logged], root: Ca) -> Iterator[list[LogServer]]:
    logs = [CtLog(f"Log {n}", roots=[root.der]).add(entries[n * 100 : n * 100 + 600]) for n in range(4)]
    servers = [LogServer(log, tiled=number % 2 == 1) for number, log in enumerate(logs)]
    yield servers
    for server in servers:
        server.close()


def logs_of(servers: list[LogServer]) -> list[Log]:
    return sorted(parse_log_list(log_list(*(server.listed() for server in servers))), key=lambda log: log.name)


def sync_of(
    logs: list[Log], sink: BulkSink, fetcher: Fetcher, stop: threading.Event | None = None, once: bool = True
) -> Sync:
    return Sync(
        logs,
        sink,
        fetcher,
        QUICK,
        CtSettings(),
        Wanted(valid_from=NOW),
        ReadOptions("f", batch_entries=200, old_head_wait_s=0.01),
        stop or threading.Event(),
        once,
    )


def run(sync: Sync) -> None:
    sync.start()
    deadline = time.monotonic() + 60
    while not sync.wait(0.05):
        assert time.monotonic() < deadline
    sync.close()


def test_one_that_fails_is_named_and_the_others_go_on(servers: list[LogServer], fetcher: Fetcher) -> None:
    sink = MemorySink()
    forger = CtLog(origin=servers[1].log.origin)
    servers[1].lie = lambda path, body: forger.checkpoint(600, START_MS, bytes(32)) if "checkpoint" in path else body
    servers[2].lie = lambda *_: 503
    sync = sync_of(logs_of(servers), sink, fetcher)
    run(sync)
    one, liar, gone, four = sync.readings
    assert (liar.trouble, liar.lied) == ("a checkpoint without the log's signature", True)
    assert (gone.trouble, gone.lied) == ("no answer: status 503, 2 times", False)
    assert (one.trouble, four.trouble) == (None, None) and one.read == four.read == 600
    assert set(sink.positions) == {servers[0].log.log_id, servers[3].log.log_id}
    expected = {n for n in (*range(600), *range(300, 900)) if n % 16 != 5}
    assert len(sink.rows) == len(expected)
    assert one.new + four.new == len(expected) and (one.kept, four.kept) == (562, 563)


def test_it_goes_on_until_it_is_stopped(servers: list[LogServer], fetcher: Fetcher) -> None:
    """New entries come at the next look; a partial tile at the one after, if nothing followed it."""
    sink, stop = MemorySink(), threading.Event()
    for server in servers:
        server.size = 300
    sync = sync_of(logs_of(servers), sink, fetcher, stop, once=False)
    sync.start()

    def until(sizes: list[int]) -> None:
        deadline = time.monotonic() + 30
        while [reading.at for reading in sync.readings] != sizes:
            assert not sync.wait(0.02) and time.monotonic() < deadline, [r.at for r in sync.readings]

    until([300, 256, 300, 256])
    until([300, 300, 300, 300])
    for server in servers:
        server.size, server.at_ms = 600, START_MS + 1
    until([600, 600, 600, 600])
    stop.set()
    while not sync.wait(0.02):
        pass
    sync.close()
    assert all(reading.trouble is None for reading in sync.readings)


def test_no_answer_passes(servers: list[LogServer], fetcher: Fetcher) -> None:
    sink, stop = MemorySink(), threading.Event()
    servers[0].lie = lambda *_: 500
    sync = sync_of(logs_of(servers[:1]), sink, fetcher, stop, once=False)
    sync.start()
    (reading,) = sync.readings
    deadline = time.monotonic() + 30
    while reading.trouble is None:
        assert not sync.wait(0.02) and time.monotonic() < deadline
    servers[0].lie = None
    while reading.trouble is not None or reading.at < 600:
        assert not sync.wait(0.02) and time.monotonic() < deadline
    sync.close()


def test_a_store_that_fails_ends_all(servers: list[LogServer], fetcher: Fetcher) -> None:
    class Full(MemorySink):
        def commit(self, *_: object) -> int:
            raise StoreError(Path("ct.sqlite"), "the disk is full")

    sync = sync_of(logs_of(servers), Full(), fetcher)
    sync.start()
    with pytest.raises(StoreError, match="the disk is full"):
        while not sync.wait(5):
            pass
    sync.close()


def test_closing_ends_what_waits(servers: list[LogServer], fetcher: Fetcher) -> None:
    for server in servers:
        server.lie = lambda *given: (time.sleep(0.2), given[1])[1]
    sync = sync_of(logs_of(servers), MemorySink(), fetcher)
    sync.start()
    began = time.monotonic()
    sync.close()
    assert time.monotonic() - began < 5
    assert all(reading.trouble is None for reading in sync.readings)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (Wanted(), "only-with ocsp,crl"),
        (
            Wanted(crl=False, domains=("b.example", "a.example"), valid_from=5),
            "only-with ocsp names a.example,b.example",
        ),
        (Wanted(False, False), "only-with all"),
    ],
)
def test_filters_in_words(wanted: Wanted, text: str) -> None:
    assert str(wanted) == text


def test_a_list_by_file_and_by_address(servers: list[LogServer], fetcher: Fetcher, tmp_path: Path) -> None:
    text = log_list(servers[0].listed())
    path = tmp_path / "list.json"
    path.write_bytes(text)
    stop = threading.Event()
    servers[0].answer = lambda target: text if target == "/list.json" else None  # type: ignore[method-assign]
    for source in (str(path), servers[0].url + "list.json"):
        assert load_log_list(source, fetcher, QUICK, stop) == text
    for wrong in (str(tmp_path / "none"), str(tmp_path), servers[0].url + "none"):
        with pytest.raises(LogListError):
            load_log_list(wrong, fetcher, QUICK, stop)


def test_the_same_certificates_in_two_logs_are_new_once(root: Ca, sub: Ca, fetcher: Fetcher) -> None:
    same = usual_entries(sub, root, 64)
    servers = [LogServer(CtLog(f"Twin {n}", roots=[root.der]).add(same), tiled=n == 1) for n in range(2)]
    sync = sync_of(logs_of(servers), MemorySink(), fetcher)
    run(sync)
    assert sum(reading.new for reading in sync.readings) == 60 and [r.kept for r in sync.readings] == [60, 60]
    for server in servers:
        server.close()


def test_what_a_sink_refuses_is_counted(servers: list[LogServer], fetcher: Fetcher) -> None:
    class Knowing(MemorySink):
        def commit(self, log_id: bytes, position: LogPosition) -> int:
            new = super().commit(log_id, position)
            self.refused = 2 if new else 0
            return new

    sync = sync_of(logs_of(servers[:1]), Knowing(), fetcher)
    run(sync)
    (reading,) = sync.readings
    assert reading.refused == {"known by other names, and these are not signed by its issuer": 6}
    assert reading.kept == 562 - 6
