"""Frames put together header by header with struct, and columns of frames as the packet path takes them."""

from __future__ import annotations

import ipaddress
import struct
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sensor.capture.source import FrameBatch

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
MACS = bytes.fromhex("02005e100001 02005e102001")
POISON = b"\xa5GET /behind HTTP/1.1\r\n\r\n\x06\x11\x2f\x29\x45" * 2
"""What lies between two frames in a buffer: whoever reads it reads behind a frame's captured bytes."""

S = 1_000_000_000
START = 1_790_841_600 * S


class Frame(NamedTuple):
    """`ts` nanoseconds; `wirelen` None: all of it was captured."""

    ts: int
    data: bytes
    link: int = 1
    wirelen: int | None = None


def address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def tcp(
    sport: int,
    dport: int,
    seq: int = 0,
    ack: int = 0,
    flags: int = ACK,
    payload: bytes = b"",
    *,
    window: int = 64240,
    options: bytes = b"",
    header: int | None = None,
) -> bytes:
    """A TCP segment without a checksum; `header` is its length field in octets if that shall be a lie."""
    if header is None:
        header = 20 + len(options)
    fields = (sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, header // 4 << 4, flags, window, 0, 0)
    return struct.pack("!HHIIBBHHH", *fields) + options + payload


def udp(sport: int, dport: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def ip4(
    src: str,
    dst: str,
    payload: bytes,
    protocol: int = 6,
    *,
    ident: int = 0,
    offset: int = 0,
    more: bool = False,
    options: bytes = b"",
    total: int | None = None,
    header: int | None = None,
    version: int = 4,
) -> bytes:
    """RFC 791; `offset` in octets; `total`, `header` and `version` if they shall be lies."""
    if header is None:
        header = 20 + len(options)
    if total is None:
        total = 20 + len(options) + len(payload)
    place = offset // 8 | more << 13
    fields = (version << 4 | header // 4, 0, total, ident, place, 64, protocol, 0)
    return struct.pack("!BBHHHBBH", *fields) + address(src) + address(dst) + options + payload


def ip6(src: str, dst: str, payload: bytes, following: int = 6, *, length: int | None = None) -> bytes:
    """RFC 8200; `length` if it shall be a lie."""
    head = struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, following, 64)
    return head + address(src) + address(dst) + payload


def fragment6(following: int, offset: int, more: bool, ident: int, part: bytes) -> bytes:
    """An IPv6 Fragment header (RFC 8200 section 4.5) and what follows it."""
    return struct.pack("!BBHI", following, 0, offset & 0xFFF8 | more, ident) + part


def ethernet(payload: bytes, kind: int | None = None) -> bytes:
    """`kind` None: IPv4 or IPv6, as the first nibble says."""
    if kind is None:
        kind = 0x86DD if payload[0] >> 4 == 6 else 0x0800
    return MACS + struct.pack("!H", kind) + payload


def vlan(tag: int, kind: int, payload: bytes) -> bytes:
    """What follows the EtherType of a tag: the tag itself (priority 3), and the next EtherType."""
    return struct.pack("!HH", 3 << 13 | tag, kind) + payload


def batch(frames: Sequence[Frame], number: int = 0, between: bytes = POISON) -> FrameBatch:
    """All of `frames` in one buffer, `between` before, between and behind them."""
    buffer = bytearray(between)
    ts, offset, caplen, wirelen, link = array("q"), array("Q"), array("I"), array("I"), array("H")
    for frame in frames:
        ts.append(frame.ts)
        offset.append(len(buffer))
        caplen.append(len(frame.data))
        wirelen.append(len(frame.data) if frame.wirelen is None else frame.wirelen)
        link.append(frame.link)
        buffer += frame.data + between
    return FrameBatch(bytes(buffer), ts, offset, caplen, wirelen, link, number=number)


def batches(frames: Sequence[Frame], size: int = 0) -> Iterable[FrameBatch]:
    """`frames` in batches of at most `size`, all in one without it."""
    size = size or max(len(frames), 1)
    for start in range(0, len(frames), size):
        yield batch(frames[start : start + size], start)
