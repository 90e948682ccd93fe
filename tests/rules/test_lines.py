"""What rules are shown is what is logged, line by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensor.settings import Settings
from tests.rules.looking import Keeper, captures, look

PATHS = [*captures("ocsp", "http", "rules", "audit", "pki"), *captures("office")]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_the_same_as_logged(path: Path) -> None:
    keeper = Keeper(Settings())
    sink = look([path], lambda _: keeper)
    shown: dict[str, list[object]] = {}
    for event in keeper.events:
        shown.setdefault(event.service, []).append(event.line())
    logged = {stream: [json.loads(line) for line in data.splitlines()] for stream, data in sink.data.items()}
    assert logged == shown
