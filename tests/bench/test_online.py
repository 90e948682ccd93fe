"""The bench of a hostile crt.sh in small: asked, it names nobody; a true one does, so that this would be seen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.bench, however pytest is started

from tests.bench import online


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> online.Load:
    return online.made_load(tmp_path_factory.mktemp("load"), 400)


@pytest.mark.parametrize(("kind", "names"), [("truth", True), ("forged", False), ("a_gigabyte", False)])
def test_what_it_is_told(load: online.Load, kind: str, names: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("SSL_CERT_FILE", "NO_PROXY"):
        monkeypatch.setenv(variable, "")  # what `compare` sets is undone
    found = online.compare(load, kind, rounds=1)
    assert found.ratio > 0
    assert found.by_clock > 0
    assert found.requests > 0
    assert found.leaks == found.alone == 400
    assert (found.named > 0) is names
