"""A root and an intermediate CA for the session, and a store for each test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.ct.pki, however pytest is started

from sensor.settings import CtSettings
from tests.ct.pki import Ca, make_root
from tests.ct.stores import StoreBench


@pytest.fixture(scope="session")
def root() -> Ca:
    return make_root("Root One")


@pytest.fixture(scope="session")
def sub(root: Ca) -> Ca:
    return root.intermediate("Sub One")


@pytest.fixture
def settings(tmp_path: Path) -> CtSettings:
    return CtSettings(path=str(tmp_path / "data" / "ct.sqlite"))


@pytest.fixture
def bench(settings: CtSettings, tmp_path: Path) -> StoreBench:
    folder = tmp_path / "in"
    folder.mkdir()
    return StoreBench(settings, folder)
