"""The command itself, as a process of its own, in a home folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import conservation

REPOSITORY = Path(__file__).resolve().parents[2]
PCAPS = REPOSITORY / "pcaps"
SECONDS = 60

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def command() -> list[str]:
    """What starts ocspwatch."""
    return [sys.executable, "-m", "sensor.cli.main"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """This process's, with nothing of the user's settings and data."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "LC_")) and key != "NO_COLOR"
    }
    return {**kept, "HOME": str(home), **conservation.environment()}


@pytest.fixture
def ocspwatch(command: list[str], environment: dict[str, str]) -> Run:
    """Runs the command line given to its end; `env` on top of the environment, `stdin` as bytes or a file."""

    def run(
        *args: str | Path, env: dict[str, str] | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*command, *map(str, args)],
            check=False,
            capture_output=True,
            input=stdin,
            timeout=SECONDS,
            env={**environment, **(env or {})},
        )

    return run


def logs_of(folder: Path) -> dict[str, bytes]:
    """Every log in a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.log"))}
