"""TCP conversations as lists of segments, and segments as frames, checksums right. Plain struct, no packet library."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
START = 1790841600_000000000  # 2026-10-01 08:00:00 UTC, in nanoseconds
STEP = 1_000_000  # a millisecond between frames
MSS = 1460


def checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclass(frozen=True)
class Segment:
    """A TCP segment on its way. `src` and `dst` are (address, port)."""

    ts: int
    src: tuple[str, int]
    dst: tuple[str, int]
    seq: int
    ack: int
    flags: int
    payload: bytes = b""
    window: int = 64240
    options: bytes = b""

    def tcp(self) -> bytes:
        """Header and payload with the checksum of RFC 9293 section 3.1."""
        offset = (20 + len(self.options)) // 4 << 4
        seq, ack = self.seq & 0xFFFFFFFF, self.ack & 0xFFFFFFFF
        fields = (self.src[1], self.dst[1], seq, ack, offset, self.flags, self.window)
        head = struct.pack("!HHIIBBH", *fields)
        source, target = (ipaddress.ip_address(each[0]).packed for each in (self.src, self.dst))
        whole = head + b"\0\0\0\0" + self.options + self.payload
        if len(source) == 4:
            pseudo = source + target + struct.pack("!BBH", 0, 6, len(whole))
        else:
            pseudo = source + target + struct.pack("!IHBB", len(whole), 0, 0, 6)
        total = struct.pack("!H", checksum(pseudo + whole))
        return head + total + b"\0\0" + self.options + self.payload


@dataclass
class Talk:
    """A connection being made up: each call appends segments; `segments` can then be cut, doubled, reordered."""

    orig: tuple[str, int] = ("10.20.0.31", 49152)
    resp: tuple[str, int] = ("198.51.100.40", 80)
    now: int = START
    orig_next: int = 0x11223344
    resp_next: int = 0x55667788
    step: int = STEP
    mss: int = MSS
    segments: list[Segment] = field(default_factory=list)

    def _add(self, from_orig: bool, flags: int, payload: bytes = b"", options: bytes = b"") -> Segment:
        src, dst = (self.orig, self.resp) if from_orig else (self.resp, self.orig)
        seq, ack = (self.orig_next, self.resp_next) if from_orig else (self.resp_next, self.orig_next)
        made = Segment(self.now, src, dst, seq, ack if flags & ACK else 0, flags, payload, options=options)
        self.segments.append(made)
        self.now += self.step
        taken = len(payload) + bool(flags & (SYN | FIN))
        if from_orig:
            self.orig_next += taken
        else:
            self.resp_next += taken
        return made

    def open(self) -> Talk:
        options = struct.pack("!BBHBBBB", 2, 4, self.mss, 4, 2, 1, 1)
        self._add(True, SYN, options=options)
        self._add(False, SYN | ACK, options=options)
        self._add(True, ACK)
        return self

    def say(self, from_orig: bool, data: bytes, size: int | None = None, acked: bool = True) -> int:
        """Send `data` in segments of at most `size` octets; the time of the last one. `acked`: the peer ACKs each."""
        size = size or self.mss
        for start in range(0, len(data), size):
            part = data[start : start + size]
            last = self._add(from_orig, ACK | (PSH if start + size >= len(data) else 0), part)
            if acked:
                self._add(not from_orig, ACK)
        return last.ts

    def ask(self, data: bytes, size: int | None = None) -> int:
        return self.say(True, data, size)

    def answer(self, data: bytes, size: int | None = None) -> int:
        return self.say(False, data, size)

    def close(self, by_orig: bool = True) -> Talk:
        self._add(by_orig, FIN | ACK)
        self._add(not by_orig, FIN | ACK)
        self._add(by_orig, ACK)
        return self

    def bare(self, from_orig: bool, flags: int, payload: bytes = b"", options: bytes = b"") -> Segment:
        """Any other segment at the present sequence numbers."""
        return self._add(from_orig, flags, payload, options)

    def pause(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)


Packet = tuple[int, bytes]  # nanoseconds since 1970, frame


def ipv4(
    source: str,
    target: str,
    protocol: int,
    payload: bytes,
    *,
    ident: int = 0,
    flags: int = 0x4000,
    options: bytes = b"",
    ttl: int = 64,
) -> bytes:  # one header, one line
    """`flags` is the 16-bit field of flags and fragment offset."""
    source_octets, target_octets = (ipaddress.IPv4Address(each).packed for each in (source, target))
    words = 5 + len(options) // 4
    head = struct.pack("!BBHHHBBH", 0x40 | words, 0, words * 4 + len(payload), ident, flags, ttl, protocol, 0)
    head += source_octets + target_octets + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv6(source: str, target: str, next_header: int, payload: bytes) -> bytes:
    addresses = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(target).packed
    return struct.pack("!IHBB", 6 << 28, len(payload), next_header, 64) + addresses + payload


def ip(segment: Segment, ident: int = 0) -> bytes:
    """The datagram of a segment."""
    source, target = segment.src[0], segment.dst[0]
    if ":" in source:
        return ipv6(source, target, 6, segment.tcp())
    return ipv4(source, target, 6, segment.tcp(), ident=ident)


def is_ipv6(datagram: bytes) -> bool:
    return datagram[0] >> 4 == 6


def ethernet(payload: bytes, ethertype: int | None = None, from_client: bool = True) -> bytes:
    """`ethertype` None: IPv4 or IPv6, as the payload's first nibble says."""
    client, router = bytes.fromhex("02005e102001"), bytes.fromhex("02005e100001")
    if ethertype is None:
        ethertype = 0x86DD if is_ipv6(payload) else 0x0800
    target, source = (router, client) if from_client else (client, router)
    return target + source + struct.pack("!H", ethertype) + payload


def packets(
    segments: Iterable[Segment], wrap: Callable[[bytes, bool], bytes | Sequence[bytes]] | None = None
) -> list[Packet]:  # fmt: skip
    """Frames of the segments; `wrap(datagram, from_client)` makes one frame or several of each datagram."""
    made: list[Packet] = []
    for number, segment in enumerate(segments, 1):
        datagram = ip(segment, number)
        from_client = segment.src[0].startswith(("10.", "2001:db8:20:"))
        frames = wrap(datagram, from_client) if wrap else ethernet(datagram, None, from_client)
        for index, frame in enumerate([frames] if isinstance(frames, bytes) else frames):
            made.append((segment.ts + index * 1000, frame))
    return made


def reorder(segments: Sequence[Segment], order: Sequence[int]) -> list[Segment]:
    """The segments in another order on the same clock ticks; an index may come twice, or not at all."""
    start, step = segments[0].ts, STEP
    return [replace(segments[index], ts=start + place * step) for place, index in enumerate(order)]
