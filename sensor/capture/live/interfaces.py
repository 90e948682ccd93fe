"""The network interfaces of this machine: what they are, whether this user may listen, and what they say they lost."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from sensor.capture.source import CaptureError

ANY: Final = "any"
"""In place of a name: all interfaces, those included that come later."""

_SYS: Final = "/sys/class/net"
_COUNTERS: Final = Path("/proc/thread-self/net/dev")
_LOSSES: Final = ("rx_missed_errors", "rx_fifo_errors")

# ioctl numbers (linux/sockios.h) and interface flags (linux/if.h)
_SIOCGIFFLAGS: Final = 0x8913
_SIOCGIFMTU: Final = 0x8921
_SIOCGIFHWADDR: Final = 0x8927
_IFF_UP: Final = 0x1
_IFF_RUNNING: Final = 0x40

_KINDS: Final = {1: "Ethernet", 772: "loopback", 519: "IP", 768: "IP", 769: "IP", 776: "IP", 65534: "IP"}
_KINDS_OF_RADIO: Final = {801: "802.11", 802: "802.11", 803: "802.11"}


class Interface(msgspec.Struct, frozen=True):
    """`state` is up, down or "no carrier", `kind` what its frames begin with, `packets` all that it ever received."""

    name: str
    state: str
    kind: str
    mtu: int
    mac: str | None
    packets: int


def list_interfaces() -> list[Interface]:
    """Those of this network namespace, in the kernel's order. One that goes away meanwhile is left out."""
    counted = _received()
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):
                found.append(_describe(sock, name, counted.get(name, 0)))
    return found


def _describe(sock: socket.socket, name: str, packets: int) -> Interface:
    """Raises OSError if there is no such interface (any more)."""

    def ask(what: int) -> bytes:
        return fcntl.ioctl(sock, what, struct.pack("@16s24x", name.encode()))[16:]

    flags = struct.unpack_from("@H", ask(_SIOCGIFFLAGS))[0]
    mtu = struct.unpack_from("@i", ask(_SIOCGIFMTU))[0]
    address = ask(_SIOCGIFHWADDR)
    hatype = struct.unpack_from("@H", address)[0]
    state = "down"
    if flags & _IFF_UP:
        state = "up" if flags & _IFF_RUNNING else "no carrier"
    kind = _KINDS.get(hatype) or _KINDS_OF_RADIO.get(hatype) or f"type {hatype}"
    return Interface(name, state, kind, mtu, address[2:8].hex(":") if hatype == 1 else None, packets)


def _received() -> dict[str, int]:
    """Packets received by interface, as the kernel counts them."""
    counted = {}
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _COUNTERS.read_text().splitlines()[2:]:
            name, _, numbers = line.partition(":")
            counted[name.strip()] = int(numbers.split()[1])
    return counted


def index_of(name: str) -> int:
    """The interface's number in the kernel, 0 for ANY. Raises CaptureError if there is none of this name."""
    if name == ANY:
        return 0
    try:
        return socket.if_nametoindex(name)
    except (OSError, ValueError):
        raise CaptureError(f"{name}: no such interface (ocspwatch interfaces lists them)") from None


class InterfaceLosses:
    """Packets that the interfaces themselves lost since this was made, by their statistics in sysfs.

    The files stay open, so that they can be read after all other files are out of reach. An interface that keeps no
    such statistics counts as having lost nothing.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._files: list[int] = []
        for name in names:
            for statistic in _LOSSES:
                try:
                    self._files.append(os.open(f"{_SYS}/{name}/statistics/{statistic}", os.O_RDONLY | os.O_CLOEXEC))
                except OSError:
                    continue
        self._before = self._total()
        self._lost = 0

    def since_start(self) -> int:
        """Never less than before, though statistics begin anew with a driver, and go with an interface."""
        total = self._total()
        self._lost += max(0, total - self._before)
        self._before = total
        return self._lost

    def close(self) -> None:
        while self._files:
            os.close(self._files.pop())

    def _total(self) -> int:
        total = 0
        for file in self._files:
            try:
                total += int(os.pread(file, 32, 0))
            except (OSError, ValueError):  # the interface is gone
                continue
        return total
