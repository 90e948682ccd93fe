"""Whether the interfaces that are listened to are still there, and up: asked once a second, told when it changes.

An interface that goes down and comes up again is the kernel's business: the socket goes on by itself. One that is
removed and made anew (a USB adapter, a bond, a container's cable) is another interface, whatever its name, and nothing
comes of it until whoever listens says that it is to be had from that one now.
"""

from __future__ import annotations

import fcntl
import socket
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from sensor.capture.live.interfaces import ANY

_SIOCGIFFLAGS: Final = 0x8913  # linux/sockios.h
_SIOCGIFINDEX: Final = 0x8933
_IFF_UP: Final = 1
_REQUEST: Final = struct.Struct("@16s24s")  # struct ifreq, netdevice(7)


class _State(NamedTuple):
    number: int
    """0: it is not there."""
    is_up: bool


class Presence:
    """Of the interfaces called `names`. To be made before sockets can no longer be opened."""

    def __init__(self, names: Sequence[str]) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._names = [name for name in names if name != ANY]
        self._began = {name: self._ask(name) for name in self._names}
        self._before = dict(self._began)
        self.is_replaced = False
        """Whether one of them is another interface than at the beginning."""

    @property
    def numbers(self) -> dict[str, int]:
        """The interfaces' indexes as of the last look, 0 of one that is not there."""
        return {name: state.number for name, state in self._before.items()}

    def accept(self) -> None:
        """These are the interfaces from now on."""
        self._began.update({name: state for name, state in self._before.items() if state.number})
        self.is_replaced = False

    def look(self) -> list[str]:
        """What has changed since the last look, one line each."""
        said = []
        for name in self._names:
            now, before = self._ask(name), self._before[name]
            if now == before:
                continue
            self._before[name] = now
            if not now.number:
                said.append(f"{name} is gone")
            elif now.number != self._began[name].number:
                self.is_replaced = True
                said.append(f"{name} is there again, but another interface")
            else:
                said.append(f"{name} is up" if now.is_up else f"{name} is down")
        return said

    def close(self) -> None:
        self._socket.close()

    def _ask(self, name: str) -> _State:
        request = _REQUEST.pack(name.encode(), b"")
        try:
            index = struct.unpack_from("@i", fcntl.ioctl(self._socket, _SIOCGIFINDEX, request), 16)[0]
            flags = struct.unpack_from("@H", fcntl.ioctl(self._socket, _SIOCGIFFLAGS, request), 16)[0]
        except OSError:
            return _State(0, False)
        return _State(index, bool(flags & _IFF_UP))
