"""Interfaces by name: which source listens to them, and who may not."""

from __future__ import annotations

import socket

import pytest

from sensor.capture.live.opening import open_live
from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings

NEEDS = pytest.mark.needs("root", "namespaces", "ip")
SMALL = CaptureSettings(ring_bytes=1 << 22)


@NEEDS
def test_the_ring_is_taken_where_there_is_one(wire: socket.socket) -> None:
    source = open_live(["w1"], SMALL)
    assert source.name == "w1 (ring)"
    source.close()


@NEEDS
def test_an_interface_named_twice_is_listened_to_once(wire: socket.socket) -> None:
    source = open_live(["w1", "w0", "w1"], SMALL)
    assert source.name == "w1 and w0 (ring)"
    source.close()


@NEEDS
def test_an_interface_that_does_not_exist() -> None:
    with pytest.raises(CaptureError, match="nosuch0: no such interface"):
        open_live(["nosuch0"], SMALL)
