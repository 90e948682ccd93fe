"""Capture files written to the octet: pcap in its four kinds, pcapng with sections and interfaces, ERF."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from pcaps.lab.frames import Packet

ETHERNET, NULL, PPP, RAW, LOOP, SLL, SLL2, IPV4, IPV6, PPP_HDLC = 1, 0, 9, 101, 108, 113, 276, 228, 229, 50


def pcap(
    packets: Sequence[Packet], link: int = ETHERNET, *, order: str = "<", nano: bool = False, snaplen: int = 262144
) -> bytes:
    """`order` is struct's: "<" or ">"."""
    out = struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snaplen, link)
    for ts, frame in packets:
        seconds, rest = divmod(ts, 1_000_000_000)
        out += struct.pack(order + "IIII", seconds, rest if nano else rest // 1000, len(frame[:snaplen]), len(frame))
        out += frame[:snaplen]
    return out


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + _padded(value)


def block(order: str, kind: int, body: bytes) -> bytes:
    """A pcapng block, padded to 32 bits, its length before and after."""
    body = _padded(body)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str = "<", length: int = -1) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, length))


def interface(
    order: str, link: int, *, name: str = "", resolution: int | None = None, offset: int | None = None, snaplen: int = 0
) -> bytes:
    """`resolution` is if_tsresol's octet, `offset` if_tsoffset's seconds."""
    options = option(order, 2, name.encode()) if name else b""
    if resolution is not None:
        options += option(order, 9, bytes([resolution]))
    if offset is not None:
        options += option(order, 14, struct.pack(order + "q", offset))
    if options:
        options += option(order, 0, b"")
    return block(order, 1, struct.pack(order + "HHI", link, 0, snaplen) + options)


def enhanced(order: str, number: int, ticks: int, frame: bytes, options: bytes = b"") -> bytes:
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(order, 6, head + _padded(frame) + options)


def simple(order: str, frame: bytes) -> bytes:
    return block(order, 3, struct.pack(order + "I", len(frame)) + _padded(frame))


def old_packet(order: str, number: int, ticks: int, frame: bytes) -> bytes:
    """The obsolete Packet Block."""
    head = struct.pack(order + "HHIIII", number, 0xFFFF, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(order, 2, head + _padded(frame))


def pcapng(packets: Sequence[Packet], link: int = ETHERNET) -> bytes:
    """One little-endian section, one interface, nanoseconds."""
    out = section() + interface("<", link, name="span0", resolution=9)
    return out + b"".join(enhanced("<", 0, ts, frame) for ts, frame in packets)


def erf(packets: Sequence[Packet]) -> bytes:
    """Endace's format: 64-bit fixed point time, type 2 (Ethernet) with two octets of padding."""
    out = b""
    for ts, frame in packets:
        seconds, rest = divmod(ts, 1_000_000_000)
        stamp = struct.pack("<II", (rest << 32) // 1_000_000_000, seconds)
        size = -(-(18 + len(frame)) // 8) * 8
        body = b"\0\0" + frame
        out += stamp + struct.pack("!BBHHH", 2, 4, size, 0, len(frame) + 4) + body + b"\0" * (size - 16 - len(body))
    return out


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
