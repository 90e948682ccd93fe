"""Makes `tests.http.wire` importable however pytest is started, and feeds every conversation in three ways."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))


@pytest.fixture(params=["whole", "bytewise", "merged"])
def hear(request: pytest.FixtureRequest) -> Callable[..., object]:
    """`wire.hear`, with each step in one piece, byte by byte, and with what follows in the same direction attached."""
    from tests.http.wire import hear as plain

    def heard(*steps: object, **options: object) -> object:
        return plain(*steps, mode=request.param, **options)

    return heard
