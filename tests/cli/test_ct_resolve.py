"""sensor.cli.ct_resolve: what an operator types, reads before anybody is asked, and gets."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.crtsh, however pytest is started

from sensor.cli.ct import add_parser
from sensor.settings import CtSettings, OnlineSettings, Settings
from tests.crtsh.server import CrtSh, make_tls, say
from tests.ct.pki import make_root

ROOT = make_root("Resolve Root")
SUB = ROOT.intermediate("Resolve Sub")
Run = Callable[..., int]


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[CrtSh]:
    tls = make_tls(tmp_path_factory.mktemp("tls"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = CrtSh(tls.good).add(SUB.der, SUB.issue("shop.example", serial=0xAB01))
    yield server
    server.close()


@pytest.fixture
def run(server: CrtSh, tmp_path: Path) -> Run:
    def call(*words: str, verb: str = "resolve", online: tuple[str, ...] = ("--online", "crt.sh")) -> int:
        parser = argparse.ArgumentParser(prog="ocspwatch")
        add_parser(parser.add_subparsers(required=True))
        args = parser.parse_args(["ct", verb, *words, *online])
        settings = Settings(
            ct=CtSettings(path=str(tmp_path / "ct.sqlite")),
            online=OnlineSettings(crtsh_url=server.url, requests_per_minute=6000, burst=100, max_tries=1),
        )
        code = args.run(args, settings)
        assert isinstance(code, int)
        return code

    return call


def test_what_is_disclosed_is_said_before_it_is(run: Run, server: CrtSh, capsys: pytest.CaptureFixture[str]) -> None:
    before: list[str] = []

    def look(_: object) -> bool:
        before.append(capsys.readouterr().err)
        return False

    server.misbehave = look
    assert run("ab:01") == 0
    assert before[0] == (
        f"ocspwatch: asks {server.url} about 1 serial number: it learns them, that is, which certificates somebody "
        "here looks into, and this machine's address\n"
    )
    told = capsys.readouterr()
    assert told.err == "ocspwatch: asked about 1 serial number in 4 requests: 1 found, 0 not found, 0 failed\n"
    assert "names   shop.example" in told.out and "from crt.sh" in told.out


def test_what_is_known_is_asked_nobody(run: Run, server: CrtSh, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("AB01") == 0
    asked = len(server.asked)
    capsys.readouterr()
    assert run("AB01", "--json") == 0
    told = capsys.readouterr()
    assert len(server.asked) == asked and told.err == ""
    assert json.loads(told.out)["dns_names"] == ["shop.example"]
    assert run("AB01", "--again") == 0
    assert len(server.asked) > asked


def test_what_is_not_there_is_not_asked_for_again(run: Run, server: CrtSh, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("CD02") == 1
    assert len(server.asked) == 1
    capsys.readouterr()
    assert run("CD02") == 1
    assert len(server.asked) == 1
    assert "CD02: was asked before; --again asks again" in capsys.readouterr().err


def test_a_failure_is_not_a_not_found(run: Run, server: CrtSh, capsys: pytest.CaptureFixture[str]) -> None:
    server.misbehave = lambda handler: say(handler, 200, "text/html", b"<html>\x1b[2J")
    assert run("AB01") == 3
    assert "AB01: could not be asked: HTML instead of JSON" in capsys.readouterr().err
    server.misbehave = None
    assert run("AB01") == 3  # for ten minutes
    assert len(server.asked) == 1
    assert run("AB01", "--again") == 0


def test_mistakes_ask_nobody(run: Run, server: CrtSh, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("no serial") == 2
    assert run("AB" * 30) == 2
    with pytest.raises(SystemExit):
        run("AB01", online=())
    assert server.asked == []


def test_a_lookup_asks_nobody(run: Run, server: CrtSh) -> None:
    assert run("AB01", verb="lookup", online=()) == 1
    assert server.asked == []
