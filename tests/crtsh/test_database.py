"""crt.sh's database: a real PostgreSQL with its tables, and servers that mean no good."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor.crtsh.database import Database, MissingDriverError
from sensor.crtsh.desk import Desk, open_desk
from sensor.crtsh.pace import Pace
from sensor.crtsh.pages import AskError
from sensor.crtsh.remembered import Outcome
from sensor.ct.lookup import Found
from sensor.settings import CtSettings, OnlineSettings
from tests.crtsh.postgres import Postgres
from tests.ct.pki import Ca, make_root
from tests.ct.stores import StoreBench
from tests.ports import free_ports, silent_hosts

ROOT = make_root("Database Root")
SUB = ROOT.intermediate("Database Sub")
OTHER = make_root("Other Root")
REAL = pytest.mark.needs("psql", "postgres", "setpriv", "root")


def settings(port: int, **changed: Any) -> OnlineSettings:
    named = {"timeout_s": 10.0, "max_tries": 1, "requests_per_minute": 6000, "burst": 1000, **changed}
    return OnlineSettings(crtsh_database=f"127.0.0.1:{port}", **named)


def database(port: int, **changed: Any) -> Database:
    return Database(Pace(6000, 1000), settings(port, **changed), CtSettings())


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="ocspwatch-"))
    folder.chmod(0o755)
    made = Postgres(folder)
    made.add(ROOT.der, SUB.der, OTHER.der)
    made.add(*(SUB.issue("shop.example", serial=0xAB01), SUB.issue("high.example", serial=0x8F01)))
    made.add(OTHER.issue("other.example", serial=0xAB01))
    yield made
    made.close()
    shutil.rmtree(folder)


@pytest.fixture
def desk(postgres: Postgres, tmp_path: Path) -> Iterator[Desk]:
    ct = CtSettings(path=str(tmp_path / "ct.sqlite"))
    made = open_desk(tmp_path / "ct.sqlite", ct, settings(postgres.port), threading.Event(), clock=lambda: 1_795e6)
    yield made
    made.close()


@REAL
class TestReal:
    @pytest.mark.parametrize(("serial", "name"), [(0xAB01, "shop.example"), (0x8F01, "high.example")])
    def test_one_query_has_all(self, desk: Desk, tmp_path: Path, serial: int, name: str) -> None:
        said = desk.ask(f"{serial:X}", SUB.cert_id(serial))
        assert said.outcome is Outcome.found, said
        assert desk.requests == 1
        bench = StoreBench(CtSettings(path=str(tmp_path / "ct.sqlite")), tmp_path)
        found, other = bench.ask(SUB.cert_id(serial, "sha256"), OTHER.cert_id(serial))
        assert isinstance(found, Found)
        assert found.certificate.dns_names == (name,)
        assert found.source == "crt.sh"
        assert not isinstance(other, Found)

    def test_without_an_issuer_all_of_them(self, desk: Desk, tmp_path: Path) -> None:
        assert desk.ask("AB01").outcome is Outcome.found
        bench = StoreBench(CtSettings(path=str(tmp_path / "ct.sqlite")), tmp_path)
        assert all(isinstance(answer, Found) for answer in bench.ask(SUB.cert_id(0xAB01), OTHER.cert_id(0xAB01)))

    def test_not_there(self, desk: Desk) -> None:
        assert desk.ask("AB02", SUB.cert_id(0xAB02)).outcome is Outcome.not_found
        assert desk.ask("8F01", OTHER.cert_id(0x8F01)).outcome is Outcome.not_found

    def test_a_query_that_the_server_cancels(self, postgres: Postgres) -> None:
        postgres.say("ALTER ROLE guest SET statement_timeout = 1")
        postgres.say("ALTER FUNCTION x509_serialNumber(bytea) RENAME TO known")
        postgres.say(
            "CREATE FUNCTION x509_serialNumber(bytea) RETURNS bytea LANGUAGE sql VOLATILE AS "
            "'SELECT CASE WHEN pg_sleep(1) IS NULL THEN NULL ELSE known($1) END'"
        )
        try:
            with pytest.raises(AskError, match="the database: canceling statement"):
                database(postgres.port).with_serial("AB01")
        finally:
            postgres.say("ALTER ROLE guest RESET statement_timeout")
            postgres.say("DROP FUNCTION x509_serialNumber(bytea)")
            postgres.say("ALTER FUNCTION known(bytea) RENAME TO x509_serialNumber")

    def test_an_answer_that_is_too_long(self, postgres: Postgres) -> None:
        with pytest.raises(AskError, match="more than 2,000 bytes"):
            database(postgres.port, max_answer_bytes=2000).with_serial("AB01")

    def test_too_many_with_one_serial(self, postgres: Postgres) -> None:
        ca: Ca = make_root("Busy Root")
        postgres.add(*(ca.issue(f"{n}.example", serial=0x77) for n in range(65)))
        with pytest.raises(AskError, match="64 certificates or more"):
            database(postgres.port).with_serial("77")


@pytest.mark.parametrize("serial", ["", "-05", "AB01'; DROP TABLE certificate; --", "ab 01", "٣"])
def test_no_serial_number_becomes_a_query(serial: str) -> None:
    with pytest.raises(AskError, match="none"):
        database(1).with_serial(serial)


def message(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    return kind + struct.pack("!i", len(body) + 4 if length is None else length) + body


HELLO = message(b"R", struct.pack("!i", 0)) + message(b"Z", b"I")
COLUMNS = message(b"T", struct.pack("!h", 1) + b"id\0" + struct.pack("!ihihih", 0, 0, 20, 8, -1, 0))
BAD = {
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "an unknown message": HELLO + message(b"!", b""),
    "a length below zero": HELLO + message(b"D", b"", -5),
    "a length beyond all": HELLO + message(b"D", b"", 2_000_000_000),
    "a row before its columns": HELLO + message(b"D", struct.pack("!hi", 1, 3) + b"abc") + message(b"Z", b"I"),
    "a row cut short": HELLO + COLUMNS + message(b"D", struct.pack("!hi", 1, 300) + b"abc") + message(b"Z", b"I"),
    "a number that is none": HELLO + COLUMNS + message(b"D", struct.pack("!hi", 1, 3) + b"abc") + message(b"Z", b"I"),
    "rows of other columns": HELLO + COLUMNS + message(b"D", struct.pack("!hi", 1, 1) + b"7") + message(b"Z", b"I"),
    "a password is wanted": message(b"R", struct.pack("!i", 3)),
    "an unknown way to log in": message(b"R", struct.pack("!i", 4711)),
    "an error that steers a terminal": message(b"E", b"SERROR\0C57014\0M\x1b[2Jcleared\0\0") + message(b"Z", b"I"),
    "an end": HELLO,
    "nothing": b"",
}


@pytest.fixture
def server() -> Iterator[Callable[..., int]]:
    """What is said, after "no TLS", whatever is asked; `drip`: an octet at a time, for ever."""
    over = threading.Event()
    threads: list[threading.Thread] = []

    def start(said: bytes, drip: bool = False) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(20)

        def serve() -> None:
            with listener:
                talk, _ = listener.accept()
            with talk:
                talk.settimeout(0.5)
                talk.recv(100)
                try:
                    talk.sendall(b"N" + said)
                    while drip and not over.wait(0.01):
                        talk.sendall(b"\0")
                    while talk.recv(1000):
                        pass
                except OSError:
                    return

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return int(listener.getsockname()[1])

    yield start
    over.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("said", BAD.values(), ids=BAD)
def test_what_is_no_answer_is_a_failure(server: Callable[..., int], said: bytes) -> None:
    with pytest.raises(AskError) as caught:
        database(server(said)).with_serial("AB01")
    assert str(caught.value).isprintable()


def test_one_that_drips_is_waited_for_so_long_only(server: Callable[..., int]) -> None:
    port = server(HELLO + b"D" + struct.pack("!i", 100_000), drip=True)
    began = time.monotonic()
    with pytest.raises(AskError, match="in time"):
        database(port, timeout_s=0.3).with_serial("AB01")
    assert time.monotonic() - began < 10


def test_a_name_with_several_silent_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_hosts() as hosts:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", host) for host in hosts]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        began = time.monotonic()
        with pytest.raises(AskError, match="no whole answer in time"):
            database(hosts[0][1], timeout_s=0.5).with_serial("01")
        assert time.monotonic() - began < 1.2


def test_nobody_there_is_asked_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[float] = []
    pace = Pace(6000, 1000)
    monkeypatch.setattr(pace, "hold", held.append)
    (port,) = free_ports(1)
    with pytest.raises(AskError, match="refused"):
        Database(pace, settings(port, max_tries=3), CtSettings()).with_serial("AB01")
    assert pace.requests == 3
    assert len(held) == 3


def test_without_the_library(without_library: Callable[[str], None]) -> None:
    without_library("pg8000")
    with pytest.raises(MissingDriverError, match="postgres"):
        database(1)


def test_certificates_that_were_not_asked_for() -> None:
    with pytest.raises(AskError):
        database(1).certificate(7)
    assert database(1).with_key_id(os.urandom(20)) == []
