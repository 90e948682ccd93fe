"""What the tests of the project itself look at: its sources, parsed once, and the files git knows."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def sources() -> dict[str, ast.Module]:
    """Every module of the package by its path from the repository, as a syntax tree."""
    return {
        str(path.relative_to(REPOSITORY)): ast.parse(path.read_text())
        for path in sorted((REPOSITORY / "sensor").rglob("*.py"))
    }


@pytest.fixture(scope="session")
def tracked() -> list[Path]:
    """Text files that are committed or about to be, without what .gitignore names."""
    command = ["git", "-C", str(REPOSITORY), "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [path for name in names if (path := REPOSITORY / name).is_file() and b"\0" not in path.read_bytes()[:8192]]
