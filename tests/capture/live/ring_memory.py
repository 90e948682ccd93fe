"""Blocks of a TPACKET_V3 ring as the kernel lays them out (net/packet/af_packet.c), written in its place."""

from __future__ import annotations

import struct
from typing import NamedTuple

HEADER = 68
TAG_VALID, TPID_VALID = 0x10, 0x40


class Taken(NamedTuple):
    """One frame as it comes to the ring: `tag` is (TPID, TCI) taken off it, (0, TCI) by a kernel that keeps no TPID."""

    ts: int
    data: bytes
    hatype: int = 1
    mac_len: int = 14
    protocol: int = 0x0800
    tag: tuple[int, int] | None = None
    wirelen: int | None = None
    pkttype: int = 0
    ifindex: int = 2


def _aligned(size: int, to: int) -> int:
    return -(-size // to) * to


def encode_frame(frame: Taken, reserve: int = 16) -> bytes:
    """Header, link-layer address and frame, with `tp_next_offset` as if another one followed."""
    status = 1
    tpid, tci = 0, 0
    if frame.tag is not None:
        tpid, tci = frame.tag
        status |= TAG_VALID | (TPID_VALID if tpid else 0)
    net = _aligned(HEADER + max(16, frame.mac_len), 16) + reserve
    mac = net - frame.mac_len
    length = _aligned(mac + len(frame.data), 8)
    seconds, nanoseconds = divmod(frame.ts, 10**9)
    wirelen = len(frame.data) if frame.wirelen is None else frame.wirelen
    head = struct.pack("@6I2H", length, seconds, nanoseconds, len(frame.data), wirelen, status, mac, net)
    head += struct.pack("@IIHH8x", 0, tci, tpid, 0)
    head += struct.pack("@H", 17) + struct.pack(">H", frame.protocol)
    head += struct.pack("@iHBB8x", frame.ifindex, frame.hatype, frame.pkttype, 6)
    return (head + bytes(mac - len(head)) + frame.data).ljust(length, b"\0")


def encode_block(frames: list[Taken], size: int, reserve: int = 16) -> bytes:
    """A block that the kernel has handed over."""
    body = b"".join(encode_frame(frame, reserve) for frame in frames)
    head = struct.pack("@6IQ4I", 1, 0, 1, len(frames), 48, 48 + len(body), 1, 0, 0, 0, 0)
    assert len(head) == 48
    assert len(head) + len(body) <= size
    return (head + body).ljust(size, b"\xee")
