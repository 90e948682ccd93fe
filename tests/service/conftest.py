"""A place that other users can reach, which pytest's own temporary folders are not."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that belongs to root, with `cache/` of nobody's in it and `elsewhere/` that everybody may write to."""
    place = Path(tempfile.mkdtemp(prefix="ocspwatch-"))
    place.chmod(0o755)
    for name in ("cache", "elsewhere"):
        (place / name).mkdir()
    os.chown(place / "cache", NOBODY, NOBODY)
    (place / "elsewhere").chmod(0o777)
    (place / "elsewhere" / "public").write_text("for everybody")
    (place / "cache" / "ct").write_text("cached")
    (place / "cache" / "ct").chmod(0o666)
    yield place
    shutil.rmtree(place)
