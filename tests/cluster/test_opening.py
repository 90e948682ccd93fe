"""A cluster by the settings."""

from __future__ import annotations

import pytest

from sensor.cluster.opening import ClusterError, describe, open_nodes
from sensor.settings import ClusterSettings


def test_with_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCSPWATCH_CLUSTER_PASSWORD", "secret of ours")
    nodes = open_nodes(ClusterSettings(nodes=("a:1",)))
    assert nodes._password == "secret of ours"
    nodes.close()


def test_who_writes_has_time() -> None:
    assert open_nodes(ClusterSettings(nodes=("a:1",)), to_write=True)._settings.timeout_ms == 10_000
    assert open_nodes(ClusterSettings(nodes=("a:1",), timeout_ms=20_000), to_write=True)._settings.timeout_ms == 20_000


def test_a_password_that_cannot_be_had() -> None:
    with pytest.raises(ClusterError, match="/no/such/file"):
        open_nodes(ClusterSettings(nodes=("a:1",), password_file="/no/such/file"))


def test_in_words() -> None:
    assert describe(ClusterSettings(nodes=("a:1", "b:2"))) == "the cluster at a:1, b:2 (TLS)"
    many = ClusterSettings(nodes=tuple(f"n{n}:1" for n in range(9)), tls=False)
    assert describe(many).startswith("the cluster at n0:1, n1:1, n2:1, n3:1 ... (not encrypted")
