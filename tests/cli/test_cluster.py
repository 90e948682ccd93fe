"""sensor.cli.cluster: `replay` with a cluster that sensors share, and who refuses one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.cluster, however pytest is started

from sensor.cli.cluster import NoClusterError, open_cluster, tell_cluster, tell_disclosure
from sensor.cluster.lookup import Counts
from sensor.cluster.push import Push
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.memory import MemoryLookup
from sensor.ct.store import Store
from sensor.settings import ClusterSettings, CtSettings, Settings
from tests.cluster.servers import PASSWORD, Cluster, Lasting
from tests.ports import free_ports

REPOSITORY = Path(__file__).resolve().parents[2]
OFFICE = REPOSITORY / "pcaps" / "office"
CODE = "import sys; from sensor.cli.main import main; sys.exit(main())"
REDIS = pytest.mark.needs("redis-server", "redis-cli")


def fill(path: Path) -> None:
    store = Store(path, 250)
    import_paths(store, [str(OFFICE / "certs")], CtSettings(), 1, ImportReport())
    store.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    made = Cluster(folder, ["--requirepass", PASSWORD, "--masterauth", PASSWORD], ["-a", PASSWORD, "--no-auth-warning"])
    fill(folder / "ct.sqlite")
    nodes = Lasting(made.settings, PASSWORD)
    Push(folder / "ct.sqlite", nodes, "ocspwatch", 1_600_000_000).run()
    nodes.close()
    yield made
    made.close()


def replay(folder: Path, nodes: tuple[str, ...], *words: str, password: str | None = None) -> tuple[int, str]:
    """Exit code, and standard error."""
    options = ["--set", f"ct.path={folder / 'ct.sqlite'}"]
    if nodes:
        options += ["--set", f"cluster.nodes={','.join(nodes)}", "--set", "cluster.tls=false"]
        options += ["--set", "cluster.timeout_ms=5000"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    if password:
        environment["OCSPWATCH_CLUSTER_PASSWORD"] = password
    capture = str(OFFICE / "morning.pcapng")
    ran = subprocess.run(
        [sys.executable, "-c", CODE, *options, "replay", capture, "-o", str(folder / "logs"), *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=120,
    )
    return ran.returncode, ran.stderr


def logs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "logs").iterdir())}


def without_crls(folder: Path) -> tuple[dict[str, list[bytes]], list[set[str]]]:
    """Lines about other things than disclosures by CRL, and the names in those."""
    lines = {name: octets.splitlines() for name, octets in logs(folder).items()}
    crl = [json.loads(line) for line in lines["leak.log"] if b'"channel":"crl"' in line]
    about = (b'"channel":"crl"', b'"note":"CRL::Privacy_Leak"')
    rest = {name: [line for line in of if not any(word in line for word in about)] for name, of in lines.items()}
    return rest, [set(each.get("names", ())) for each in crl]


@REDIS
def test_the_same_logs_as_with_a_store_and_the_same_every_time(cluster: Cluster, tmp_path: Path) -> None:
    own, first, second = (tmp_path / name for name in ("own", "first", "second"))
    for folder in (own, first, second):
        folder.mkdir()
    fill(own / "ct.sqlite")
    assert replay(own, (), "-q") == (0, "")
    code, told = replay(first, cluster.nodes, password=PASSWORD)
    assert code == 0, told
    assert told.startswith(f"ocspwatch: asks the cluster at {', '.join(cluster.nodes)} (not encrypted")
    assert "which sites the monitored clients visit" in told
    assert re.search(r"asked the cluster \d+ times: [1-9]\d* certificates found, 0 without an answer, 0 values", told)
    code, told = replay(second, cluster.nodes[1:2], "-q", "--workers", "2", password=PASSWORD)
    assert code == 0
    assert "one worker: one asks the cluster" in told
    assert logs(first) == logs(second)
    # Which of a CRL's sites is named first is the order in which each of them keeps its certificates.
    (theirs, crl), (expected, own_crl) = (without_crls(folder) for folder in (first, own))
    assert theirs == expected
    assert crl == own_crl


@REDIS
def test_a_cluster_is_asked_about_what_is_told_by_pseudonyms(cluster: Cluster, key: Path, tmp_path: Path) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared"
    own.mkdir()
    shared.mkdir()
    fill(own / "ct.sqlite")
    assert replay(own, (), "-q", "--pseudonymize", str(key)) == (0, "")
    code, told = replay(shared, cluster.nodes, "--pseudonymize", str(key), password=PASSWORD)
    assert code == 0, told
    assert re.search(r"asked the cluster \d+ times: [1-9]\d* certificates found", told)
    (theirs, _), (expected, _) = (without_crls(folder) for folder in (shared, own))
    assert theirs == expected
    assert b'"grade":"exact"' in b"".join(theirs["leak.log"])
    plain = re.compile(rb"example\.(com|org|net)|\.example\b")
    assert not [line for lines in theirs.values() for line in lines if plain.search(line)]


@REDIS
def test_a_wrong_password_costs_names_and_is_not_shown(cluster: Cluster, tmp_path: Path) -> None:
    code, told = replay(tmp_path, cluster.nodes, password="a wrong secret")
    assert code == 0
    assert "0 certificates found" in told
    assert "a wrong secret" not in told
    assert not any(b"wrong secret" in octets for octets in logs(tmp_path).values())


def test_nobody_there_costs_names_and_no_line(tmp_path: Path) -> None:
    plain, lost = tmp_path / "plain", tmp_path / "lost"
    plain.mkdir()
    lost.mkdir()
    assert replay(plain, (), "-q") == (0, "")
    (port,) = free_ports(1)
    code, told = replay(lost, (f"127.0.0.1:{port}",), "-q")
    assert code == 0
    assert re.search(r"[1-9]\d* without an answer", told)
    for name in ("ocsp.log", "http.log", "conn.log"):
        assert logs(lost)[name] == logs(plain)[name]
    assert logs(lost)["leak.log"].count(b"\n") == logs(plain)["leak.log"].count(b"\n")


def test_a_password_file_that_others_may_read(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("secret of ours")
    path.chmod(0o644)
    settings = Settings(cluster=ClusterSettings(nodes=("a:1",), password_file=str(path)))
    with pytest.raises(NoClusterError, match="chmod 600") as caught:
        open_cluster(MemoryLookup(), settings)
    assert "secret" not in str(caught.value)


def test_what_is_disclosed(capsys: pytest.CaptureFixture[str]) -> None:
    tell_disclosure(Settings(cluster=ClusterSettings(nodes=("redis.example:6379",))))
    told = capsys.readouterr().err
    assert "redis.example:6379 (TLS)" in told
    assert "which sites the monitored clients visit" in told


def test_what_came_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    tell_cluster(Counts(asked=3, found=3), quiet=True)
    assert capsys.readouterr().err == ""
    tell_cluster(Counts(asked=1234, found=3, lost=2, refused=1, reasons={"a \x1b[31m reason": 1}), quiet=True)
    told = capsys.readouterr().err
    assert "asked the cluster 1,234 times: 3 certificates found, 2 without an answer, 1 values refused" in told
    assert "\x1b" not in told
