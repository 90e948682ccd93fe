"""Interfaces by name in, a source that listens to them out: the ring where there is one, else scapy's socket."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.capture.live.interfaces import ANY
from sensor.capture.live.packet_socket import PacketSocket, RingUnavailableError
from sensor.capture.live.ring import BLOCK_BYTES, RETIRE_MS, RingSource
from sensor.capture.live.source import LiveSource
from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings


def open_live(interfaces: Sequence[str], settings: CaptureSettings) -> LiveSource:
    """Raises CaptureError: no such interface, not allowed, or no way to capture on this system."""
    names = list(dict.fromkeys(interfaces))
    if ANY in names:
        names = [ANY]
    if settings.method != "scapy":
        try:
            return RingSource(names, settings)
        except RingUnavailableError as error:
            if settings.method == "ring":
                raise CaptureError(f"this system has no TPACKET_V3 ring: {error}") from None
    from sensor.capture.live.scapy_socket import ScapySource

    return ScapySource(names, settings)


def find_method() -> str:
    """How this user can capture here: "ring" or "scapy". Raises CaptureError if this user may not."""
    try:
        PacketSocket(BLOCK_BYTES, 1, RETIRE_MS).close()
    except RingUnavailableError:
        return "scapy"
    return "ring"
