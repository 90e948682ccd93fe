"""sensor.cli.askers: `live` that asks a real cluster, and a crt.sh of our own, by processes that may connect."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensor.cluster.push import Push
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.sources import DerItem
from sensor.ct.sources.files import Input, find_inputs, read_input
from sensor.ct.store import Store
from sensor.settings import CtSettings
from tests.cli.running import GOOD, NEEDS, REPOSITORY, Live, frames, rows
from tests.cluster.servers import PASSWORD, Cluster, Lasting
from tests.conftest import NOBODY, Cable
from tests.crtsh.server import CrtSh, make_tls

REDIS = pytest.mark.needs("redis-server", "redis-cli")
CERTS = REPOSITORY / "pcaps" / "ocsp" / "certs"
NAME = "www.example.org"


@pytest.fixture
def cluster(wire: Cable, tmp_path: Path) -> Iterator[Cluster]:
    """In the network of the wire."""
    words = ["--requirepass", PASSWORD, "--masterauth", PASSWORD]
    made = Cluster(tmp_path, words, ["-a", PASSWORD, "--no-auth-warning"])
    path = tmp_path / "filled.sqlite"
    store = Store(path, 250)
    import_paths(store, [str(CERTS)], CtSettings(), 1, ImportReport())
    store.close()
    nodes = Lasting(made.settings, PASSWORD)
    Push(path, nodes, "ocspwatch", 1_600_000_000).run()
    nodes.close()
    yield made
    made.close()


def cluster_words(cluster: Cluster, password: Path) -> tuple[str, ...]:
    password.write_text(PASSWORD)
    password.chmod(0o600)
    return (
        *("--set", f"cluster.nodes={cluster.nodes[0]}", "--set", "cluster.tls=false"),
        *("--set", f"cluster.password_file={password}", "--set", "cluster.timeout_ms=2000"),
    )


def sites(logs: Path, until: Callable[[list[dict[str, object]]], bool]) -> list[dict[str, object]]:
    """Lines of leak.log, when they are as they should be, or after 20 s."""
    end = time.monotonic() + 20
    while True:
        path = logs / "leak.log"
        lines = rows(path) if path.exists() else []
        if until(lines) or time.monotonic() > end:
            return lines
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@NEEDS
@REDIS
def test_a_cluster_by_a_process_of_its_own(wire: Cable, cluster: Cluster, open_place: Path) -> None:
    logs = open_place / "logs"
    before = ("--set", f"service.user={NOBODY}:{NOBODY}", *cluster_words(cluster, open_place / "password"))
    live = Live(open_place, "-i", "w1", "-o", str(logs), before=before, allow_root=False)
    assert "listening" in live.said, live.rights
    assert "which sites the monitored clients visit" in live.rights[0]
    assert "not encrypted" in live.rights[0]
    asker = live.rights[-1]
    assert asker.startswith("ocspwatch: cluster process: runs as nobody")
    assert "seccomp: no programs or namespaces" in asker
    assert "may connect" in asker
    assert "no new sockets, connections" in live.rights[1]  # the parser's
    assert PASSWORD not in "".join(live.rights)
    wire.send(*frames(GOOD))
    found = sites(logs, bool)
    code, _, err = live.stop()
    assert [bool(leak.get("site")) for leak in found] == [True], err
    assert code == 0
    assert "1 certificates found, 0 without an answer" in err
    (leak,) = rows(logs / "leak.log")
    assert leak["found_in"]


@NEEDS
@REDIS
def test_several_workers_share_it(wire: Cable, cluster: Cluster, open_place: Path) -> None:
    words = cluster_words(cluster, open_place / "password")
    logs = open_place / "logs"
    live = Live(open_place, "-i", "w1", "-o", str(logs), "--workers", "2", before=words)
    assert "listening" in live.said, live.rights
    wire.send(*frames(GOOD))
    assert [bool(leak.get("site")) for leak in sites(logs, bool)] == [True]
    code, _, err = live.stop()
    assert code == 0, err


@NEEDS
@REDIS
def test_one_that_dies_costs_names_and_no_line(wire: Cable, cluster: Cluster, open_place: Path) -> None:
    words = cluster_words(cluster, open_place / "password")
    logs = open_place / "logs"
    settings = ("--set", "ct.retry_for_s=0.5")
    live = Live(open_place, "-i", "w1", "-o", str(logs), before=(*words, *settings))
    asker = children(live.process.pid)[0]
    os.kill(asker, signal.SIGKILL)
    wire.send(*frames(GOOD))
    (leak,) = sites(logs, bool)
    assert "site" not in leak
    code, _, err = live.stop()
    assert code == 0
    assert "0 certificates found" in err


@NEEDS
def test_crtsh_by_a_process_of_its_own(
    wire: Cable, open_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = make_tls(tmp_path)
    ca = open_place / "ca.pem"
    ca.write_bytes(Path(tls.ca).read_bytes())
    ca.chmod(0o644)
    ders: list[bytes] = []
    for source in find_inputs([str(CERTS)]):
        if isinstance(source, Input):
            ders += [item.der for item in read_input(source, CtSettings()) if isinstance(item, DerItem)]
    server = CrtSh(tls.good).add(*ders)
    cache = open_place / "cache" / "ct.sqlite"
    logs = open_place / "logs"
    words = (
        *("--set", f"service.user={NOBODY}:{NOBODY}", "--set", f"ct.path={cache}"),
        *("--set", f"online.crtsh_url={server.url}", "--set", "online.min_delay_s=0.1"),
        *("--set", "online.max_delay_s=0.2", "--set", "online.requests_per_minute=6000"),
    )
    environment = {"SSL_CERT_FILE": str(ca), "NO_PROXY": "127.0.0.1"}
    try:
        live = Live(
            open_place,
            *("-i", "w1", "-o", str(logs), "--online", "crt.sh"),
            before=words,
            allow_root=False,
            environment=environment,
        )
        assert "listening" in live.said, live.rights
        assert live.rights[0].startswith(f"ocspwatch: asks {server.url} about certificates")
        assert live.rights[-1].startswith("ocspwatch: crt.sh process: runs as nobody")
        assert f"writes only below {cache.parent}" in live.rights[-1]
        pids = [live.process.pid, *children(live.process.pid)]
        wire.send(*frames(GOOD))
        (leak,) = sites(logs, bool)
        assert leak.get("site"), leak
        assert leak["found_in"] == "crt.sh"
        code, _, err = live.stop()
        assert code == 0, err
        assert "asked about 1 serial number" in err
        assert cache.stat().st_uid == NOBODY
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    finally:
        server.close()


@NEEDS
def test_a_crtsh_that_hangs_holds_nobody_up(wire: Cable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the packets nor the end, and the line is written."""
    tls = make_tls(tmp_path)
    server = CrtSh(tls.good)
    server.misbehave = lambda _: bool(server.closing.wait(60))
    words = (
        *("--set", f"online.crtsh_url={server.url}", "--set", "online.min_delay_s=0.1"),
        *("--set", "online.max_delay_s=0.2", "--set", "online.timeout_s=50"),
    )
    environment = {"SSL_CERT_FILE": str(tls.ca), "NO_PROXY": "127.0.0.1"}
    logs = tmp_path / "logs"
    try:
        live = Live(tmp_path, "-i", "w1", "-o", str(logs), "--online", "crt.sh", before=words, environment=environment)
        wire.send(*frames(GOOD))
        until = time.monotonic() + 20
        while not server.asked:
            assert time.monotonic() < until
            time.sleep(0.02)
        code, _, err = live.stop()
        assert code == 0, err
        (leak,) = rows(logs / "leak.log")
        assert "site" not in leak
        assert "1 at the end" in err
    finally:
        server.close()


@pytest.mark.needs("root")
def test_what_cannot_be_asked_is_said_and_nothing_is_left_running(tmp_path: Path) -> None:
    words = ("--set", "cluster.nodes=a:1", "--set", "cluster.password_file=/no/such/file")
    live = Live(tmp_path, "-i", "lo", before=words)
    assert live.process.wait(20) == 2
    assert "/no/such/file" in "".join(live.rights)
