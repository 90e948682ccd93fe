"""A frame decoded in the middle of a buffer, and the segment that the frames of these tests carry."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.flow.decode import OUTCOMES, Packet
from tests.flow.frames import POISON, ethernet, ip4, ip6, tcp
from tests.flow.wraps import WRAPS

CLIENT, SERVER = "10.20.0.31", "198.51.100.40"
CLIENT6, SERVER6 = "2001:db8:20::31", "2001:db8:40::80"
PAYLOAD = b"GET / HTTP/1.1\r\n\r\n"
SEGMENT = tcp(49152, 80, 0x11223344, 0x55667788, 0x18, PAYLOAD, window=500, options=b"\x01\x01\x08\x0a" + bytes(8))
INNER = {4: ip4(CLIENT, SERVER, SEGMENT), 6: ip6(CLIENT6, SERVER6, SEGMENT)}
FIELDS = [
    *("family", "src_hi", "src_lo", "dst_hi", "dst_lo", "sport", "dport", "seq", "ack", "flags", "window", "ip_total"),
    *("payload_len", "payload_cap", "vlan", "inner_vlan", "depth", "parent"),
]
CASES = [(name, version) for name, wrap in WRAPS.items() for version in (4, 6) if wrap.version in {0, version}]


def decoded(
    frame: bytes, link: int = 1, wirelen: int = 0, before: bytes = POISON, behind: bytes = POISON, depth: int = 4
) -> tuple[str, Packet]:
    """What the frame is, by name, and the scratch space; the frame lies in the middle of a buffer."""
    packet = Packet(depth, 8)
    code = packet.decode(before + frame + behind, len(before), len(frame), wirelen or len(frame), link)
    return OUTCOMES[code][0], packet


def seen(packet: Packet, fields: Sequence[str] = FIELDS) -> dict[str, object]:
    return {name: getattr(packet, name) for name in fields}


def halves(address: bytes) -> tuple[int, int]:
    number = int.from_bytes(address, "big")
    return number >> 64, number & 0xFFFFFFFFFFFFFFFF


def nested(levels: int) -> bytes:
    datagram = INNER[4]
    for _ in range(levels):
        datagram = ip4("192.0.2.1", "192.0.2.2", datagram, 4)
    return ethernet(datagram)
