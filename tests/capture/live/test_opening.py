"""Interfaces by name: which source listens to them, and who may not."""

from __future__ import annotations

import pytest

from sensor.capture.live.opening import find_method, open_live
from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings
from tests.conftest import Cable

NEEDS = pytest.mark.needs("root", "namespaces", "ip")
SMALL = CaptureSettings(ring_bytes=1 << 22)


@NEEDS
def test_the_ring_is_taken_where_there_is_one(wire: Cable) -> None:
    source = open_live(["w1"], SMALL)
    assert source.name == "w1 (ring)"
    source.close()


@NEEDS
def test_an_interface_named_twice_is_listened_to_once(wire: Cable) -> None:
    source = open_live(["w1", "w0", "w1"], SMALL)
    assert source.name == "w1 and w0 (ring)"
    source.close()


@NEEDS
def test_an_interface_that_does_not_exist() -> None:
    with pytest.raises(CaptureError, match="nosuch0: no such interface"):
        open_live(["nosuch0"], SMALL)


@NEEDS
def test_any_is_all_interfaces_whatever_else_is_named(wire: Cable) -> None:
    source = open_live(["w1", "any"], SMALL)
    assert source.name == "any (ring)"
    source.close()


@NEEDS
def test_how_this_system_captures() -> None:
    assert find_method() == "ring"
