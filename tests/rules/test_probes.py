"""What is read straight out of an observation is what the log says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.privacy.leak import Grade
from sensor.rules.fields import fields_of
from sensor.rules.probes import PROBED, Shape, shown
from sensor.settings import Settings
from tests.rules.looking import Keeper, captures, look

PATHS = [*captures("ocsp", "http", "rules", "audit", "tcp"), *captures("office")]


def test_probed_fields_are_fields() -> None:
    for service, fields in PROBED.items():
        assert set(fields) <= set(fields_of(service))
        assert len({code for code, _ in fields.values()}) == len(fields)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_the_same_as_logged(path: Path) -> None:
    keeper = Keeper(Settings())
    look([path], lambda _: keeper)
    assert keeper.events
    for event, probed in zip(keeper.events, keeper.probed, strict=True):
        line = event.line()
        for name in PROBED.get(event.service, ()):
            assert probed.get(name) == line.get(name), (event.service, name)


def test_shapes() -> None:
    assert shown(b"a\xff", Shape.octets) == r"a\xff" and shown(b"/%41", Shape.target) == "/A"
    assert shown(b"\x0a", Shape.hex) == "0A" and shown("a", Shape.text) == "a" and shown("é", Shape.text) is None
    assert (
        shown(5, Shape.number) == 5 and shown(True, Shape.bool) is True and shown(Grade.exact, Shape.member) == "exact"
    )
