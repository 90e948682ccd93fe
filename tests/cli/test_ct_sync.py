"""sensor.cli.ct_sync: what an operator types, reads before anybody is asked, and gets."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.sync, however pytest is started

from sensor.cli.ct import add_parser
from sensor.cli.ct_sync import _Progress, render_progress
from sensor.settings import CtSettings, Settings, SyncSettings
from sensor.sync.log_list import parse_log_list
from sensor.sync.log_reader import Reading
from tests.ct.pki import Ca, make_root
from tests.sync.ct_log import START_MS, CtLog, log_list, precert_entry, tbs, usual_entries
from tests.sync.serving import LogServer

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = make_root("Sync Root")
SUB = ROOT.intermediate("Sync Sub")
CODE = "import sys; from sensor.cli.main import main; sys.exit(main())"
Run = Callable[..., int]


@pytest.fixture(scope="module")
def log() -> CtLog:
    return CtLog("Our 'Diary2026' log", roots=[ROOT.der]).add(usual_entries(SUB, ROOT, 700))


@pytest.fixture(params=[False, True], ids=["rfc6962", "static"])
def server(request: pytest.FixtureRequest, log: CtLog) -> Iterator[LogServer]:
    server = LogServer(log, tiled=request.param)
    yield server
    server.close()


@pytest.fixture
def run(tmp_path: Path, server: LogServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The verb's exit code, with a list of the one log."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "list.json").write_bytes(log_list(server.listed(mmd=0)))

    def call(*words: str) -> int:
        parser = argparse.ArgumentParser(prog="ocspwatch")
        add_parser(parser.add_subparsers(required=True))
        args = parser.parse_args(["ct", "sync", "--log-list", str(tmp_path / "list.json"), *words])
        settings = Settings(
            ct=CtSettings(path=str(tmp_path / "ct.sqlite")),
            sync=SyncSettings(requests_per_s=1000, max_tries=2, max_wait_s=0.01),
        )
        code = args.run(args, settings)
        assert isinstance(code, int)
        return code

    return call


def lookup(folder: Path, *words: str, capsys: pytest.CaptureFixture[str]) -> str:
    parser = argparse.ArgumentParser(prog="ocspwatch")
    add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["ct", *words, "--ct", str(folder / "ct.sqlite")])
    capsys.readouterr()
    args.run(args, Settings())
    return capsys.readouterr().out


def test_a_whole_log(run: Run, server: LogServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--once") == 0
    told = capsys.readouterr()
    assert told.err == (
        f"ocspwatch: asks 1 CT log at 127.0.0.1:{server.url.split(':')[2].rstrip('/')}; they learn this machine's "
        "address, and which of their entries it reads. Of monitored traffic, and of --names, they learn nothing.\n"
    )
    assert told.out == (
        "1 log, 700 entries read and verified\n  656 kept, 656 of them new\n"
        "  44 skipped\n    44: no OCSP or CRL address\n"
    )
    serial = server.log.entries[7].leaf.hex()
    found = json.loads(lookup(tmp_path, "lookup", "--json", _serial(7), capsys=capsys))
    assert (
        found["dns_names"] == ["site0000007.example", "www.site0000007.example"]
        and found["issuer_known"] == "certificate"
    )
    assert found["source"] == "Our 'Diary2026' log" and _serial(7).lower() in serial
    assert run("--once") == 0
    assert "1 log, 0 entries read and verified" in capsys.readouterr().out


def test_into_a_new_cache_after_the_old_one_was_deleted(
    run: Run, server: LogServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--once") == 0
    (tmp_path / "ct.sqlite").unlink()
    capsys.readouterr()
    assert run("--once") == 0
    told = capsys.readouterr()
    assert "1 log, 700 entries read and verified\n  656 kept, 656 of them new" in told.out
    assert f"{tmp_path}/ct.sqlite.sync.json.other: how far logs had been read into another cache" in told.err
    assert run("--once") == 0
    told = capsys.readouterr()
    assert "1 log, 0 entries" in told.out and ".other" not in told.err


def _serial(number: int) -> str:
    from tests.sync.ct_log import serial_number

    return f"{serial_number(number):032X}"


def test_filters(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--once", "--names", "Site0000007.example.", "*.site0000009.example", "--only-with", "all") == 0
    assert "2 kept, 2 of them new" in capsys.readouterr().out
    assert run("--once") == 3
    told = capsys.readouterr().out
    assert "was not read to its end: was read with other filters (only-with all names " in told
    assert run("--once", "--again") == 0
    assert "656 kept, 654 of them new" in capsys.readouterr().out


def test_from_a_day(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(START_MS / 1000 + 60, UTC).isoformat()
    assert run("--once", "--from", moment) == 0
    assert "1 log, 100 entries read and verified" in capsys.readouterr().out


def test_a_log_that_lies_is_named(
    run: Run, server: LogServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    forger = CtLog(origin=server.log.origin)
    head = forger.checkpoint if server.tiled else forger.sth
    server.lie = lambda path, body: head(700, START_MS, bytes(32)) if "checkpoint" in path or "sth" in path else body
    assert run("--once") == 3
    told = capsys.readouterr().out
    assert f"Our 'Diary2026' log ({server.url}) is not to be trusted: a " in told
    assert "no cache there yet" not in lookup(tmp_path, "stats", capsys=capsys)


def test_entries_without_their_chain_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Chains are in no tree: whoever answers may leave them out, and so hide a certificate. Not without a word."""
    entries = usual_entries(SUB, ROOT, 6)
    stranger = make_root("Stranger")
    hidden = [
        precert_entry(stranger, (stranger.der,), tbs(stranger, number, ["hidden.example"]), START_MS)
        for number in (101, 102)
    ]
    server = LogServer(CtLog("Our Log", roots=[ROOT.der]).add([*entries, *hidden]), tiled=False)
    (tmp_path / "list.json").write_bytes(log_list(server.listed(mmd=0)))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    parser = argparse.ArgumentParser(prog="ocspwatch")
    add_parser(parser.add_subparsers(required=True))
    words = ["ct", "sync", "--once", "--log-list", str(tmp_path / "list.json"), "--ct", str(tmp_path / "ct.sqlite")]
    args = parser.parse_args(words)
    try:
        assert args.run(args, Settings()) == 3
        told = capsys.readouterr().out
        assert "8 entries read and verified\n  5 kept, 5 of them new\n" in told
        assert "  2 refused\n    2: a chain that leads to no root of the log\n" in told
        assert args.run(args, Settings()) == 0
    finally:
        server.close()


def test_a_page_instead_of_an_answer(run: Run, server: LogServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.lie = lambda *_: b"<html>Service is being updated"
    assert run("--once") == 3
    assert "was not read to its end: no answer: not a " in capsys.readouterr().out
    server.lie = None
    assert run("--once") == 0


def test_a_log_without_an_answer(run: Run, server: LogServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.lie = lambda *_: 503
    assert run("--once") == 3
    assert f"({server.url}) was not read to its end: no answer: status 503, 2 times" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--only-with", "ocsp,x"), "--only-with ocsp,x: ocsp, crl, ocsp,crl or all expected"),
        (("--from", "yesterday"), "--from yesterday: a date such as 2026-01-31 expected"),
        (("--names", "a b"), "--names a b: not a domain"),
        (("--log", "https://other.example/"), "https://other.example/: no such log in the list"),
        (("--log-list", "none.json"), "none.json: No such file or directory"),
    ],
)
def test_mistakes_ask_nobody(
    run: Run, server: LogServer, words: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--once", *words) == 2
    assert f"ocspwatch: {reason}" in capsys.readouterr().err
    assert not server.asked


def test_a_list_by_address_is_told_before_it_is_asked(
    run: Run, server: LogServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (tmp_path / "list.json").read_bytes()
    original = server.answer
    seen: list[str] = []

    def answer(target: str) -> bytes | None:
        seen.append(capsys.readouterr().err)
        return text if target == "/list.json" else original(target)

    server.answer = answer  # type: ignore[method-assign]
    assert run("--once", "--log-list", server.url + "list.json") == 0
    host = server.url.removeprefix("http://").rstrip("/")
    assert seen[0] == f"ocspwatch: asks {host} for the list of CT logs; it learns this machine's address.\n"
    unchecked, asks = seen[1].splitlines()
    assert unchecked == "ocspwatch: nobody checks that list's signature: sync.log_list_key names no key."
    assert asks.startswith(f"ocspwatch: asks 1 CT log at {host};")


def test_a_store_that_cannot_be_used(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ct.sqlite").write_bytes(b"something else")
    assert run("--once") == 2
    assert "ct.sqlite: not a store" in capsys.readouterr().err


def test_without_the_library(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "urllib3", None)
    assert run("--once") == 2
    assert 'needs urllib3: pip install "ocspwatch[online]"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("server", "sign", "code"), [(False, signal.SIGTERM, 0), (True, signal.SIGINT, 130)], indirect=["server"]
)
def test_it_goes_on_until_a_signal(server: LogServer, tmp_path: Path, sign: int, code: int) -> None:
    (tmp_path / "list.json").write_bytes(log_list(server.listed(mmd=0)))
    words = ["ct", "sync", "--log-list", str(tmp_path / "list.json"), "--ct", str(tmp_path / "ct.sqlite")]
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "--set", "sync.requests_per_s=1000", "--set", "sync.poll_every_s=1", *words],
        cwd=REPOSITORY,
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        restore_signals=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 (one thread)
    )
    deadline = time.monotonic() + 60
    while sum("get-sth" in path or "checkpoint" in path for path in server.asked) < 6:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(sign)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "1 log, 700 entries read and verified" in out
    assert ("interrupted: what was read" in err) is (code == 130)


def test_progress() -> None:
    def reading(number: int, size: int, at: int, trouble: str | None = None) -> Reading:
        (log,) = parse_log_list(log_list(CtLog(f"Log {number}").listed("https://a.example/", tiled=False)))
        return Reading(log, size=size, at=at, read=at, trouble=trouble)

    readings = [reading(1, 1000, 1000), reading(2, 5_000_000, 1_000_000), reading(3, 900, 100, "gone")]
    told = "1 of 3 logs at their end, 1 failed; 1,001,100 entries; "
    assert render_progress(readings, 20_000) == told + "20,000/s; 4,000,000 to go, 3 min 20 s left"
    assert render_progress(readings, 500) == told + "500/s; 4,000,000 to go, 2 h 13 min left"
    assert render_progress(readings, 10) == told + "10/s; 4,000,000 to go, 4 days left"
    assert render_progress(readings, 0) == told + "0/s; 4,000,000 to go"
    assert render_progress(readings[:1], 0) == "1 of 1 logs at their end; 1,000 entries; 0/s"


def test_a_frozen_log_is_named(run: Run, server: LogServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its head is of 2026-09-21; the list says that it signs one a day."""
    (tmp_path / "list.json").write_bytes(log_list(server.listed()))
    assert run("--once") == 0
    told = capsys.readouterr().out
    assert "700 entries read and verified" in told
    assert f"Our 'Diary2026' log ({server.url}): its newest head is " in told
    (tmp_path / "list.json").write_bytes(log_list(server.listed(state="readonly")))
    assert run("--once") == 0
    assert "its newest head" not in capsys.readouterr().out


def test_troubles_are_told_when_they_come(capsys: pytest.CaptureFixture[str]) -> None:
    (log,) = parse_log_list(log_list(CtLog("Log \x1b[1").listed("https://a.example/", tiled=False)))
    reading = Reading(log)
    progress = _Progress([reading])
    progress.tick()
    reading.trouble = "no answer: timed out, 8 times"
    progress.tick()
    progress.tick()
    reading.trouble = None
    reading.refused["no issuer in its chain"] = 1
    progress.tick()
    reading.refused["no issuer in its chain"] = 2
    progress.tick()
    assert capsys.readouterr().err == (
        "ocspwatch: Log \\x1b[1: no answer: timed out, 8 times\nocspwatch: Log \\x1b[1: is read on\n"
        "ocspwatch: Log \\x1b[1: refused an entry: no issuer in its chain\n"
    )


def test_the_ca_is_known_from_then_on(run: Run, tmp_path: Path) -> None:
    """As an issuer of CertIDs by either family of hashes: what the sensor asks."""
    from sensor.ct.lookup import Found
    from sensor.ct.store_lookup import StoreLookup
    from tests.sync.ct_log import serial_number

    assert run("--once") == 0
    lookup_ = StoreLookup(CtSettings(path=str(tmp_path / "ct.sqlite")))
    ca: Ca = SUB
    for algorithm in ("sha1", "sha256"):
        (found,) = lookup_.lookup([ca.cert_id(serial_number(7), algorithm)])
        assert isinstance(found, Found) and found.certificate.dns_names[0] == "site0000007.example"
    lookup_.close()
