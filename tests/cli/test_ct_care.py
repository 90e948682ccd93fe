"""`ocspwatch ct prune` and `ct verify`: exit codes and what is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests.ct, however pytest is started

from sensor.cli.main import main
from tests.ct.pki import make_root
from tests.ct.test_partitions import change
from tests.ct.test_pruning import synced

CA = make_root("Care")


def run(*words: str) -> int:
    try:
        return main([*words])
    except SystemExit as end:
        return int(end.code or 0)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "ct.sqlite"
    synced(path, CA, 1, 2, 3)
    return path


def test_verify(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ct", "verify", "--ct", str(store)) == 0
    assert capsys.readouterr().out == f"{store}: 3 certificates read, sound\n"
    change(store, "DELETE FROM source")
    assert run("ct", "verify", "--ct", str(store)) == 1
    assert capsys.readouterr().out.endswith("3 certificates read, 3 problems\n")
    store.write_bytes(b"no store")
    assert run("ct", "verify", "--ct", str(store)) == 2
    assert "not a store" in capsys.readouterr().err


def test_many_problems_are_counted_and_some_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ct.sqlite"
    synced(path, CA, *range(1, 80))
    change(path, "DELETE FROM source")
    assert run("ct", "verify", "--ct", str(path)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 52 and lines[50] == "and 29 more"


def test_prune(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ct", "prune", "--expired", "--before", "2026-03-01", "--ct", str(store)) == 0
    assert capsys.readouterr().out == "0 certificates gone\n"
    assert run("ct", "prune", "--expired", "--before", "2027-01-01", "--ct", str(store)) == 0
    assert capsys.readouterr().out == "3 certificates gone\n  3 of them with 1 month\n"
    assert run("ct", "verify", "--ct", str(store)) == 0


@pytest.mark.parametrize("verb", [["prune", "--expired"], ["verify"]])
def test_without_a_cache_none_is_made(verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ct", *verb, "--ct", str(tmp_path / "none.sqlite")) == 2
    assert "no cache there" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_mistakes(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ct", "prune", "--expired", "--before", "soon", "--ct", str(store)) == 2
    assert "a date such as" in capsys.readouterr().err
    assert run("ct", "prune", "--ct", str(store)) == 2
