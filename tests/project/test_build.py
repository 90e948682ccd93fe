"""The two ways this package runs, and the switch between them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sensor
from sensor.uncompiled import SourceFinder

REPOSITORY = Path(__file__).resolve().parents[2]


def _run(code: str, **environment: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=os.environ | environment,
    )
    return result.stdout.strip()


MODULES = (
    "import importlib, pathlib, sensor; "
    "names = ['.'.join(p.relative_to('.').with_suffix('').parts) for p in pathlib.Path('sensor').glob('**/*.pxd') "
    "if p.with_suffix('.py').exists()]; "
    "print(*{pathlib.Path(importlib.import_module(name).__file__).suffix for name in names})"
)


def test_the_switch_takes_the_source_of_every_module() -> None:
    assert _run(MODULES, OCSPWATCH_PURE="1") == ".py"


def test_the_tests_run_in_the_mode_they_were_started_in() -> None:
    if os.environ.get("OCSPWATCH_PURE"):
        assert sensor.build_mode() == "uncompiled"
        assert any(isinstance(finder, SourceFinder) for finder in sys.meta_path)
    else:
        assert not any(isinstance(finder, SourceFinder) for finder in sys.meta_path)


def test_the_mode_is_told_without_importing_anything_of_it() -> None:
    code = "import sys, sensor; sensor.build_mode(); print(*(m for m in sys.modules if m.startswith('sensor.')))"
    assert _run(code, OCSPWATCH_PURE="") == ""


def test_with_a_compiler_all_of_it_is_compiled() -> None:
    """Stale or missing extensions would make the compiled run of the tests a second uncompiled one."""
    if os.environ.get("OCSPWATCH_CI") == "1" and not os.environ.get("OCSPWATCH_PURE"):
        assert sensor.build_mode() == "compiled"
    for source in (path.with_suffix(".py") for path in (REPOSITORY / "sensor").glob("**/*.pxd")):  # some declare only
        for extension in source.parent.glob(f"{source.stem}.*.so"):
            if not os.environ.get("OCSPWATCH_PURE"):
                assert extension.stat().st_mtime >= source.stat().st_mtime, f"{extension.name} is older than its source"


@pytest.mark.parametrize("present", [(), ("a",), ("a", "b")])
def test_how_the_mode_is_told(present: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.machinery import EXTENSION_SUFFIXES

    folder = tmp_path / "part"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.pxd").touch()
        (folder / f"{name}.py").touch()
    for name in present:
        (folder / f"{name}{EXTENSION_SUFFIXES[0]}").touch()
    monkeypatch.delenv("OCSPWATCH_PURE", raising=False)
    monkeypatch.setattr(sensor, "__file__", str(tmp_path / "__init__.py"))
    expected = {0: "uncompiled", 1: "partly compiled: without part.b", 2: "compiled"}
    assert sensor.build_mode() == expected[len(present)]
    monkeypatch.setenv("OCSPWATCH_PURE", "1")
    assert sensor.build_mode() == "uncompiled"
