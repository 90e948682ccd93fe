"""sensor.cli.ct_push: what an operator types, reads before anything is written, and gets."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.cluster, however pytest is started

from sensor.cli.ct import add_parser
from sensor.cluster import push
from sensor.settings import ClusterSettings, CtSettings, Settings
from tests.cluster.servers import Cluster
from tests.ct import pki
from tests.ct.stores import StoreBench
from tests.ports import free_ports

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*words: str, **cluster: object) -> int:
        parser = argparse.ArgumentParser(prog="ocspwatch")
        add_parser(parser.add_subparsers(required=True))
        args = parser.parse_args(["ct", "push", *words])
        named = {"tls": False, "timeout_ms": 5000, "retry_s": 0.1, **cluster}
        settings = Settings(
            ct=CtSettings(path=str(tmp_path / "ct.sqlite")),
            cluster=ClusterSettings(**named),  # type: ignore[arg-type]  # of any field
        )
        code = args.run(args, settings)
        assert isinstance(code, int)
        return code

    return call


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreBench:
    """Certificates that hold now, by the clock of the servers."""
    bench = StoreBench(CtSettings(path=str(tmp_path / "ct.sqlite")), tmp_path)
    root = pki.make_root("Push Root")
    old = root.issue("old.example", serial=0x10)
    monkeypatch.setattr(pki, "START", datetime.datetime.now(datetime.UTC).replace(microsecond=0))
    root = pki.Ca(root.subject, root.key, root.certificate)
    bench.load(root.pem, old, *(root.issue(f"{n}.example", serial=0x100 + n) for n in range(20)))
    return bench


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


@pytest.mark.needs("redis-server", "redis-cli")
@pytest.mark.usefixtures("bench")
def test_a_cluster_is_loaded(run: Run, cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run(nodes=cluster.nodes[:1]) == 0
        told = capsys.readouterr()
        assert told.err.startswith("ocspwatch: writes ")
        assert f"to the cluster at {cluster.nodes[0]} (not encrypted" in told.err
        assert "whoever reads there learns which certificates are in it" in told.err
        assert "20 certificates of 1 issuers, 0 CRLs' addresses\n" in told.out
    kept = sum(int(cluster.of(server, "DBSIZE")) for server in cluster.servers)
    assert kept == 20 + 4 + 1 + 1  # and the issuer: by four hashes, by name, and itself
    assert run("--since", "2200-01-01", nodes=cluster.nodes[:1]) == 0
    assert "20 were learnt before" in capsys.readouterr().out


@pytest.mark.usefixtures("bench")
def test_nobody_there(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "_FIRST_WAIT_S", 0.001)
    (port,) = free_ports(1)
    assert run(nodes=(f"127.0.0.1:{port}",)) == 3
    assert f"does not take it: 127.0.0.1:{port}: connection refused" in capsys.readouterr().err


@pytest.mark.usefixtures("bench")
def test_mistakes(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run() == 2
    assert "no cluster" in capsys.readouterr().err
    assert run("--since", "yesterday", nodes=("a:1",)) == 2
    assert "a date such as" in capsys.readouterr().err
    assert run("--ct", str(tmp_path / "absent"), nodes=("a:1",)) == 2
    assert "no cache there" in capsys.readouterr().err
    assert run(nodes=("a:1",), password_file="/no/such/file") == 2
    assert "/no/such/file" in capsys.readouterr().err


@pytest.mark.usefixtures("bench")
def test_interrupted(run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(push.Push, "run", interrupt)
    assert run(nodes=("a:1",)) == 130
    assert "a second push" in capsys.readouterr().err
