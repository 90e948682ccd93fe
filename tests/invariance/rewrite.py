"""Frames rewritten so that nothing of what they mean changes: other numbers, ports, wrappings, fragments."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tests.flow.frames import Frame, fragment6
from tests.flow.wraps import WRAPS, Wrap
from tests.invariance.replay import Inside, inside


def datagram(frame: Frame) -> bytes:
    """The IP datagram of a TCP frame, without what lies behind it."""
    tcp = inside(frame)
    assert tcp is not None
    return frame.data[tcp.ip_pos : tcp.payload_pos + len(tcp.payload)]


def wrapped(frames: Sequence[Frame], wrap: Wrap) -> list[Frame]:
    """Each TCP frame's datagram in another frame."""
    return [Frame(frame.ts, wrap.make(datagram(frame)), wrap.link) for frame in frames if inside(frame) is not None]


def wraps_for(frames: Sequence[Frame]) -> list[str]:
    """The wrappings that can carry all of them."""
    versions = {tcp.family for frame in frames if (tcp := inside(frame)) is not None}
    return [name for name, wrap in WRAPS.items() if all(wrap.version in {0, version} for version in versions)]


def _tcp_at(tcp: Inside, data: bytes) -> int:
    return tcp.ip_pos + ((data[tcp.ip_pos] & 15) * 4 if tcp.family == 4 else 40)


def renumbered(frames: Sequence[Frame], before_wrap: int) -> list[Frame]:
    """Both sequence spaces of each flow moved so that they wrap `before_wrap` octets after their first segment."""
    first: dict[tuple[object, ...], int] = {}
    for frame in frames:
        tcp = inside(frame)
        if tcp is not None:
            first.setdefault((tcp.src, tcp.dst), tcp.seq)
    made = []
    for frame in frames:
        tcp = inside(frame)
        if tcp is None:
            made.append(frame)
            continue
        data = bytearray(frame.data)
        at = _tcp_at(tcp, data)
        seq, ack = struct.unpack_from("!II", data, at + 4)
        seq += -before_wrap - first[tcp.src, tcp.dst]
        if tcp.flags & 16:
            ack += -before_wrap - first.get((tcp.dst, tcp.src), 0)
        struct.pack_into("!II", data, at + 4, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF)
        made.append(frame._replace(data=bytes(data)))
    return made


def from_port(frames: Sequence[Frame], port: int) -> list[Frame]:
    """The side that opened each flow has another port: `port` for the first flow, the following ones for others."""
    opener: dict[object, tuple[object, int]] = {}
    made = []
    for frame in frames:
        tcp = inside(frame)
        if tcp is None:
            made.append(frame)
            continue
        who, number = opener.setdefault(tcp.flow, (tcp.src, port + len(opener)))
        data = bytearray(frame.data)
        struct.pack_into("!H", data, _tcp_at(tcp, data) + (0 if tcp.src == who else 2), number)
        made.append(frame._replace(data=bytes(data)))
    return made


def fragmented(frames: Sequence[Frame], size: int, backwards: bool) -> list[Frame]:
    """Each datagram in fragments of `size` octets, over Ethernet; the last one first if `backwards`."""
    made: list[Frame] = []
    for ident, frame in enumerate(frames, 1):
        tcp = inside(frame)
        if tcp is None:
            continue
        whole = datagram(frame)
        header = (whole[0] & 15) * 4 if tcp.family == 4 else 40
        body = whole[header:]
        parts = []
        for at in range(0, len(body), size):
            part, more = body[at : at + size], at + size < len(body)
            head = bytearray(whole[:header])
            if tcp.family == 4:
                struct.pack_into("!HHH", head, 2, header + len(part), ident, at // 8 | more << 13)
            else:
                part = fragment6(head[6], at, more, ident, part)
                head[6] = 44
                struct.pack_into("!H", head, 4, len(part))
            parts.append(bytes(head + part))
        for part in parts[::-1] if backwards else parts:
            made.append(Frame(frame.ts, WRAPS["ethernet"].make(part)))
    return made
