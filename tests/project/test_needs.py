"""A test that lacks something is skipped with the reason; in CI it fails, but for data that CI cannot have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
BODY = """
import pytest

@pytest.mark.needs("no-such-program")
def test_program(): pass

@pytest.mark.needs("shared/no-such-folder")
def test_shared(): pass

@pytest.mark.needs("python3")
def test_met(): pass

@pytest.mark.skipif(True, reason="some other way")
def test_other(): pass
"""


def _outcome(folder: Path, in_ci: str) -> str:
    (folder / "tests").mkdir()
    shutil.copy(CONFTEST, folder / "tests")
    (folder / "tests" / "test_body.py").write_text(BODY)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests"],
        cwd=folder,
        env=os.environ | {"OCSPWATCH_CI": in_ci},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.mark.needs("python3")
def test_what_is_missing_is_said(tmp_path: Path) -> None:
    told = _outcome(tmp_path, "")
    assert "1 passed, 3 skipped" in told
    assert "needs the program no-such-program" in told and "needs ../shared/no-such-folder" in told


@pytest.mark.needs("python3")
def test_in_ci_it_fails(tmp_path: Path) -> None:
    told = _outcome(tmp_path, "1")
    assert "1 passed, 1 skipped, 2 errors" in told
    assert "nothing may be skipped in CI: Skipped: needs the program no-such-program" in told
