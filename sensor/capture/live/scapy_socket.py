"""The PacketSource for interfaces of systems without the ring: scapy's capture socket, a packet at a time, and slower.

scapy is imported when it is asked for. It only fetches frames here: nothing is dissected by it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sensor.capture.live import bpf
from sensor.capture.live.interfaces import ANY, InterfaceLosses, index_of
from sensor.capture.live.kernel_filter import kernel_filter
from sensor.capture.live.source import IDLE_S, LATE_NS, CaptureStats
from sensor.capture.source import CaptureError, FrameBatch, Timestamp
from sensor.settings import CaptureSettings
from sensor.weird import Weird

MAX_BATCH_FRAMES: Final = 256
MAX_FRAME_BYTES: Final = 1 << 18
_LINKS: Final = {"Ether": 1, "IP": 101, "IPv6": 101, "Loopback": 0, "Dot11": 105, "RadioTap": 127}
"""By the name of the class with which scapy would dissect a frame."""
_SOL_PACKET: Final = 263
_PACKET_STATISTICS: Final = 6
_SO_RCVBUFFORCE: Final = 33


class ScapySource:
    """Listens to one or more interfaces; see LiveSource. Losses are counted on Linux only."""

    def __init__(self, interfaces: list[str], settings: CaptureSettings) -> None:
        """Raises CaptureError."""
        if ANY in interfaces:
            raise CaptureError("-i any takes a TPACKET_V3 ring, which this system has not: name the interfaces")
        self.weirds: list[Weird] = []
        self.complete = True
        self.first_ts: int | None = None
        self.last_ts: int | None = None
        self.name = f"{' and '.join(interfaces)} (by scapy's socket, which is slower)"
        self._frames = 0
        self._dropped = 0
        self._stopping = self._closed = False
        self._sockets: list[tuple[Any, int]] = []
        self._wake = os.pipe()
        os.set_blocking(self._wake[1], False)
        self._losses = InterfaceLosses(interfaces)
        with contextlib.ExitStack() as undone:
            undone.callback(self.close)
            for name in interfaces:
                self._sockets.append(_listen(name, settings))
            undone.pop_all()

    def batches(self) -> Iterator[FrameBatch]:
        try:
            while not self._closed:
                last = self._stopping
                taken = self._take(0 if last else IDLE_S)
                if taken:
                    yield self._batch(taken)
                elif last:
                    break
                elif not self._stopping:
                    yield _columns([], self._frames, time.time_ns() - LATE_NS)
        finally:
            self.close()

    def _take(self, seconds: float) -> list[tuple[int, int, bytes]]:
        """Time, link type and bytes of the frames that are there, in order; waits so long for the first."""
        poll = select.poll()
        by_descriptor = {}
        for sock, link in self._sockets:
            poll.register(sock.fileno(), select.POLLIN)
            by_descriptor[sock.fileno()] = (sock, link)
        if not self._stopping:
            poll.register(self._wake[0], select.POLLIN)
        taken: list[tuple[int, int, bytes]] = []
        for descriptor, _ in poll.poll(seconds * 1000):
            if descriptor in by_descriptor:
                _drain(*by_descriptor[descriptor], taken)
        taken.sort(key=lambda one: one[0])
        return taken

    def _batch(self, taken: list[tuple[int, int, bytes]]) -> FrameBatch:
        if self.first_ts is None:
            self.first_ts = taken[0][0]
        self.last_ts = taken[-1][0]
        batch = _columns(taken, self._frames)
        self._frames += len(taken)
        return batch

    def stats(self) -> CaptureStats:
        for sock, _ in [] if self._closed else self._sockets:
            with contextlib.suppress(AttributeError, OSError, struct.error):  # no Linux
                self._dropped += struct.unpack("@II", sock.ins.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))[1]
        return CaptureStats(self._frames, self._dropped, 0, self._losses.since_start())

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def listen_again(self, numbers: Mapping[str, int]) -> bool:  # noqa: ARG002  (the seam's)
        """Scapy's socket belongs to the interface that it was opened for."""
        return False

    def stop(self) -> None:
        if not self._closed:
            self._stopping = True
            for sock, _ in self._sockets:
                with contextlib.suppress(AttributeError, OSError):
                    bpf.attach(sock.ins, bpf.NOTHING)
            with contextlib.suppress(BlockingIOError):
                os.write(self._wake[1], b"\0")

    def close(self) -> None:
        if self._closed:
            return
        self.stats()
        self._closed = True
        self._losses.close()
        for sock, _ in self._sockets:
            sock.close()
        for descriptor in self._wake:
            os.close(descriptor)


def _listen(name: str, settings: CaptureSettings) -> tuple[Any, int]:
    """scapy's socket on an interface, and the link type of what it gives. Raises CaptureError."""
    number = index_of(name)
    import scapy.arch
    import scapy.layers.inet  # noqa: F401  (both for what they tell scapy: the system's sockets, the kinds of frames)
    from scapy.config import conf
    from scapy.error import Scapy_Exception

    try:
        sock: Any = conf.L2listen(iface=name, promisc=settings.promiscuous)
    except PermissionError:
        raise CaptureError(f"{name}: this user may not capture") from None
    except (OSError, Scapy_Exception) as error:
        raise CaptureError(f"{name}: {error}") from None
    link = _LINKS.get(sock.LL.__name__)
    if link is None:
        sock.close()
        raise CaptureError(f"{name}: its frames are of a kind that is not read by scapy's socket: {sock.LL.__name__}")
    with contextlib.suppress(AttributeError, OSError):  # Linux; elsewhere all packets come
        bpf.attach(sock.ins, kernel_filter([name], [number], settings))
        sock.ins.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, settings.ring_bytes // 2)  # the kernel doubles it
    os.set_blocking(sock.fileno(), False)
    return sock, link


def _drain(sock: Any, link: int, taken: list[tuple[int, int, bytes]]) -> None:
    """What is there, at most a batch."""
    while len(taken) < MAX_BATCH_FRAMES:
        try:
            _, data, seconds = sock.recv_raw(MAX_FRAME_BYTES)
        except (BlockingIOError, OSError):  # nothing left; or the interface went down, and comes up again
            return
        if data is not None:
            ts = time.time_ns() if seconds is None else round(float(seconds) * 1e9)
            taken.append((ts, link, data))


def _columns(taken: Sequence[tuple[int, int, bytes]], number: int, quiet_until: int = 0) -> FrameBatch:
    offsets, at = array("Q"), 0
    for _, _, data in taken:
        offsets.append(at)
        at += len(data)
    lengths = array("I", [len(data) for _, _, data in taken])
    return FrameBatch(
        b"".join(data for _, _, data in taken),
        array("q", [ts for ts, _, _ in taken]),
        offsets,
        lengths,
        lengths,
        array("H", [link for _, link, _ in taken]),
        number=number,
        quiet_until=Timestamp(quiet_until),
    )
