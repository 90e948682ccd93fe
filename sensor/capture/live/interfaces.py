"""The network interfaces of this machine: what they are, and what they say that they lost."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from typing import Final

from sensor.capture.source import CaptureError

_SYS: Final = "/sys/class/net"
_LOSSES: Final = ("rx_missed_errors", "rx_fifo_errors")


def index_of(name: str) -> int:
    """The interface's number in the kernel. Raises CaptureError if there is none of this name."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
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

    def since_start(self) -> int:
        return max(0, self._total() - self._before)

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
