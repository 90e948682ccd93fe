"""Which rules are in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.rules import shipped
from sensor.settings import RuleSettings


def test_own_rules_come_behind_those_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "shipped_folder", lambda: Path("s"))
    settings = RuleSettings(paths=("a",), shipped=True)
    assert shipped.paths_in_force(settings, ["b"]) == [Path("s"), Path("a"), Path("b")]
    assert shipped.paths_in_force(RuleSettings(shipped=False)) == []
    monkeypatch.setattr(shipped, "shipped_folder", lambda: None)
    assert shipped.paths_in_force(settings) == [Path("a")]


def test_the_folder_is_beside_the_package_or_in_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "__file__", str(tmp_path / "sensor" / "rules" / "shipped.py"))
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "data"))
    assert shipped.shipped_folder() is None
    installed = tmp_path / "data" / "share" / "ocspwatch" / "rules"
    installed.mkdir(parents=True)
    (installed / "a.yml").write_text("")
    assert shipped.shipped_folder() == installed
    beside = tmp_path / "rules"
    beside.mkdir()
    assert shipped.shipped_folder() == installed  # it is empty
    (beside / "a.yml").write_text("")
    assert shipped.shipped_folder() == beside
