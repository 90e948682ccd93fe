"""Interfaces by name in, a source that listens to them out: the ring where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.capture.live.packet_socket import RingUnavailableError
from sensor.capture.live.ring import RingSource
from sensor.capture.live.source import LiveSource
from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings


def open_live(interfaces: Sequence[str], settings: CaptureSettings) -> LiveSource:
    """Raises CaptureError: no such interface, not allowed, or no way to capture on this system."""
    try:
        return RingSource(list(dict.fromkeys(interfaces)), settings)
    except RingUnavailableError as error:
        raise CaptureError(f"this system has no way to capture: {error}") from None
