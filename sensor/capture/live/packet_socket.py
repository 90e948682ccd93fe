"""An AF_PACKET socket with a TPACKET_V3 ring: opened, bound, made promiscuous, and asked what it lost.

The only place that knows the kernel's option numbers (linux/if_packet.h). Opening takes CAP_NET_RAW; nothing after it
does.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Final

from sensor.capture.live import bpf
from sensor.capture.source import CaptureError

SOL_PACKET: Final = 263
_PACKET_ADD_MEMBERSHIP: Final = 1
_PACKET_RX_RING: Final = 5
_PACKET_STATISTICS: Final = 6
_PACKET_VERSION: Final = 10
_PACKET_RESERVE: Final = 12
_PACKET_FANOUT: Final = 18
_PACKET_FANOUT_DATA: Final = 22
_PACKET_FANOUT_CBPF: Final = 6
_PACKET_FANOUT_FLAG_UNIQUEID: Final = 0x2000  # since Linux 4.12
_TPACKET_V3: Final = 2
_MR_PROMISC: Final = 1
_ETH_P_ALL: Final = 3
_SO_TIMESTAMPNS: Final = 35
_FRAME_BYTES: Final = 2048  # means nothing in version 3, but has to be set
_HEADROOM: Final = 16
"""Bytes left free before every frame: room for a VLAN tag and a cooked header, whatever the link header's length."""


class RingUnavailableError(Exception):
    """This system has no TPACKET_V3: another way to capture has to do."""


class PacketSocket:
    """Closed to all packets until `admit`. `ring` is the mapped ring of `block_count` blocks of `block_bytes`."""

    def __init__(self, block_bytes: int, block_count: int, retire_ms: int) -> None:
        """Raises CaptureError where the user may not capture, RingUnavailableError where the system cannot so."""
        self.block_bytes = block_bytes
        self.block_count = block_count
        self.sock = _open()
        try:
            # The time is taken when the packet comes in, once for all sockets that listen, and not when it is copied.
            self.sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            bpf.attach(self.sock, bpf.NOTHING)
            self._make_ring(retire_ms)
            self.ring = mmap.mmap(self.sock.fileno(), block_bytes * block_count)
        except OSError as error:
            self.sock.close()
            if error.errno in {errno.ENOMEM, errno.ENOBUFS}:
                octets = block_bytes * block_count >> 20
                raise CaptureError(f"no memory for a ring of {octets} MiB (capture.ring_bytes)") from None
            raise RingUnavailableError(str(error)) from None

    def _make_ring(self, retire_ms: int) -> None:
        self.sock.setsockopt(SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        self.sock.setsockopt(SOL_PACKET, _PACKET_RESERVE, _HEADROOM)
        frames = self.block_bytes // _FRAME_BYTES * self.block_count
        request = struct.pack("@7I", self.block_bytes, self.block_count, _FRAME_BYTES, frames, retire_ms, 0, 0)
        self.sock.setsockopt(SOL_PACKET, _PACKET_RX_RING, request)

    def bind(self, interface: int) -> None:
        """Listen to the interface of this index, 0: to all of them. Raises OSError."""
        # By the C library: the socket module's bind takes a name, and there is none for all interfaces.
        address = struct.pack("@HHiHBB8s", socket.AF_PACKET, socket.htons(_ETH_P_ALL), interface, 0, 0, 0, bytes(8))
        if ctypes.CDLL(None, use_errno=True).bind(self.sock.fileno(), address, len(address)):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def make_promiscuous(self, interface: int) -> None:
        """Have the interface of this index take packets for others, until this socket is closed. Raises OSError."""
        self.sock.setsockopt(
            SOL_PACKET, _PACKET_ADD_MEMBERSHIP, struct.pack("@iHH8s", interface, _MR_PROMISC, 0, bytes(8))
        )

    def admit(self, program: Sequence[bpf.Instruction]) -> None:
        """From now on let in what the program accepts. Raises OSError."""
        bpf.attach(self.sock, program)

    def take_error(self) -> int:
        """The pending error of the socket (ENETDOWN when its interface went down), 0 if there is none; forgets it."""
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def take_statistics(self) -> tuple[int, int, int]:
        """Since it was last asked: packets that passed the filter, those of them lost for want of room in the ring, and
        how often the ring was full."""
        packets, drops, freezes = struct.unpack("@3I", self.sock.getsockopt(SOL_PACKET, _PACKET_STATISTICS, 12))
        return packets, drops, freezes

    def leave(self) -> None:
        """Close what this process has of it; another process goes on with it."""
        self.sock.close()
        with contextlib.suppress(BufferError):
            self.ring.close()

    def close(self) -> None:
        """Idempotent. The ring's memory lives until nobody has a view of it."""
        with contextlib.suppress(OSError):
            bpf.attach(self.sock, bpf.NOTHING)
        self.leave()


def share(members: Sequence[PacketSocket], program: Sequence[bpf.Instruction]) -> None:
    """Each packet goes to one of these only, by what `program` returns, modulo their number. All are bound alike.

    Raises OSError.
    """
    kind = _PACKET_FANOUT_CBPF | _PACKET_FANOUT_FLAG_UNIQUEID
    members[0].sock.setsockopt(SOL_PACKET, _PACKET_FANOUT, kind << 16)
    group = members[0].sock.getsockopt(SOL_PACKET, _PACKET_FANOUT) & 0xFFFF
    for member in members[1:]:
        member.sock.setsockopt(SOL_PACKET, _PACKET_FANOUT, _PACKET_FANOUT_CBPF << 16 | group)
    bpf.give(members[0].sock, SOL_PACKET, _PACKET_FANOUT_DATA, program)


def _open() -> socket.socket:
    """Without a protocol, so that no packet can come before the filter is there."""
    if not (sys.platform == "linux" and hasattr(socket, "AF_PACKET")):
        raise RingUnavailableError("no AF_PACKET sockets")
    try:
        return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    except PermissionError:
        who = "root" if os.geteuid() == 0 else "this user"
        raise CaptureError(f"{who} may not capture: the capability CAP_NET_RAW is missing") from None
    except OSError as error:
        raise RingUnavailableError(str(error)) from None
