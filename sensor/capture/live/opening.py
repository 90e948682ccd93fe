"""Interfaces by name in, a source that listens to them out: the ring where there is one, else scapy's socket."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

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


def open_workers(interfaces: Sequence[str], settings: CaptureSettings) -> list[RingSource]:
    """`settings.workers` sources, for a process each, that share the packets: all of a flow goes to one of them.

    Raises CaptureError, where there is no ring, too.
    """
    names = [ANY] if ANY in interfaces else list(dict.fromkeys(interfaces))
    opened: list[RingSource] = []
    with ExitStack() as undone:
        try:
            for number in range(settings.workers):
                opened.append(RingSource(names, settings, number + 1))
                undone.callback(opened[-1].close)
        except RingUnavailableError as error:
            raise CaptureError(f"--workers takes a TPACKET_V3 ring: {error}") from None
        RingSource.share_out(opened)
        undone.pop_all()
    return opened


def find_method() -> str:
    """How this user can capture here: "ring" or "scapy". Raises CaptureError if this user may not."""
    try:
        PacketSocket(BLOCK_BYTES, 1, RETIRE_MS).close()
    except RingUnavailableError:
        return "scapy"
    return "ring"
