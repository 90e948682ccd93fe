"""A crt.sh of our own on loopback, whose CA is trusted, and a desk that asks it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.crtsh, however pytest is started

from sensor.crtsh.desk import Desk, open_desk
from sensor.settings import CtSettings, OnlineSettings
from tests.crtsh.server import CrtSh, Tls, make_tls
from tests.ct.pki import Ca, make_root

NewDesk = Callable[..., Desk]


@pytest.fixture(scope="session")
def root() -> Ca:
    return make_root("Online Root")


@pytest.fixture(scope="session")
def sub(root: Ca) -> Ca:
    return root.intermediate("Online Sub")


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusting(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> Tls:
    """An environment in which TLS by our CA is good, and no proxy is used."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.ca))
    return tls


@pytest.fixture
def crtsh(trusting: Tls) -> Iterator[CrtSh]:
    server = CrtSh(trusting.good)
    yield server
    server.close()


@pytest.fixture
def ct(tmp_path: Path) -> CtSettings:
    return CtSettings(path=str(tmp_path / "ct.sqlite"))


@pytest.fixture
def new_desk(crtsh: CrtSh, ct: CtSettings, tmp_path: Path) -> Iterator[NewDesk]:
    """Desks in front of the server, with any settings."""
    desks: list[Desk] = []

    def make(clock: Callable[[], float] = lambda: 1_795_000_000.0, **changed: object) -> Desk:
        settings = {
            "crtsh_url": crtsh.url,
            "requests_per_minute": 6000,
            "burst": 1000,
            "timeout_s": 10.0,
            "max_tries": 1,
        }
        desk = open_desk(
            tmp_path / "ct.sqlite",
            ct,
            OnlineSettings(**(settings | changed)),
            threading.Event(),
            clock=clock,  # type: ignore[arg-type]
        )
        desks.append(desk)
        return desk

    yield make
    for desk in desks:
        desk.close()
