"""One cluster for all tests of a run, emptied before each; those that kill a node make their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.cluster, however pytest is started

from tests.cluster.servers import Cluster


@pytest.fixture(scope="session")
def whole_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.close()


@pytest.fixture
def cluster(whole_cluster: Cluster) -> Cluster:
    whole_cluster.empty()
    return whole_cluster
