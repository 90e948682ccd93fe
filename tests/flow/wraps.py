"""Every way in which a datagram can lie in a frame, header by header; who wrote each down is beside it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from tests.flow.frames import ethernet, ip4, ip6, udp, vlan

NEAR, FAR = "192.0.2.1", "192.0.2.2"
NEAR6, FAR6 = "2001:db8:ffff::1", "2001:db8:ffff::2"


def kind(datagram: bytes) -> int:
    """Its EtherType."""
    return 0x86DD if datagram[0] >> 4 == 6 else 0x0800


def snap(datagram: bytes) -> bytes:
    """IEEE 802.2 LLC with SNAP (RFC 1042)."""
    return b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", kind(datagram)) + datagram


def ethernet_802_3(datagram: bytes) -> bytes:
    body = snap(datagram)
    return ethernet(body, len(body))


def sll(datagram: bytes) -> bytes:
    return struct.pack("!HHH8sH", 0, 1, 6, b"\x02\0\x5e\x10\x20\x01", kind(datagram)) + datagram


def sll2(datagram: bytes) -> bytes:
    return struct.pack("!HHIHBB8s", kind(datagram), 0, 3, 1, 0, 6, b"\x02\0\x5e\x10\x20\x01") + datagram


def family(order: str, number6: int) -> Callable[[bytes], bytes]:
    """BSD null and loop: an address family before the datagram."""
    return lambda datagram: struct.pack(order + "I", number6 if datagram[0] >> 4 == 6 else 2) + datagram


def ppp(datagram: bytes) -> bytes:
    """RFC 1661 section 2."""
    return struct.pack("!H", 0x57 if datagram[0] >> 4 == 6 else 0x21) + datagram


def ppp_short(datagram: bytes) -> bytes:
    """With the protocol field compressed to its second octet (RFC 1661 section 6.5)."""
    return ppp(datagram)[1:]


def hdlc(datagram: bytes) -> bytes:
    return b"\xff\x03" + ppp(datagram)


def ppp_mpls(datagram: bytes) -> bytes:
    return b"\x02\x81" + label(16, True) + datagram


def pppoe(datagram: bytes) -> bytes:
    """RFC 2516 section 4: version and type, code, session, length."""
    body = ppp(datagram)
    return struct.pack("!BBHH", 0x11, 0, 77, len(body)) + body


def label(number: int, bottom: bool) -> bytes:
    """RFC 3032 section 2.1."""
    return struct.pack("!I", number << 12 | bottom << 8 | 64)


def wifi(datagram: bytes, *, qos: bool = False, four: bool = False) -> bytes:
    """An IEEE 802.11 data frame: to the distribution system, or between two access points."""
    control = bytes([0x88 if qos else 0x08, 3 if four else 1])
    return (
        control
        + b"\0\0"
        + bytes(18)
        + b"\0\0"
        + (bytes(6) if four else b"")
        + (b"\0\0" if qos else b"")
        + snap(datagram)
    )


def radiotap(datagram: bytes) -> bytes:
    return struct.pack("<BBHI", 0, 0, 12, 0) + bytes(4) + wifi(datagram)


def nflog(datagram: bytes) -> bytes:
    """LINKTYPE_NFLOG: TLVs in the host's order, padded to four; 9 is the packet."""
    mark = struct.pack("<HH", 5, 10) + b"x" + bytes(3)
    return b"\x02\0\0\x05" + mark + struct.pack("<HH", 4 + len(datagram), 9) + datagram


def fddi(datagram: bytes) -> bytes:
    return bytes(13) + snap(datagram)


def cisco_hdlc(datagram: bytes) -> bytes:
    return struct.pack("!BBH", 0x0F, 0, kind(datagram)) + datagram


def gre(protocol: int, payload: bytes, flags: int = 0, optional: bytes = b"") -> bytes:
    """RFC 2784, RFC 2890."""
    return struct.pack("!HH", flags, protocol) + optional + payload


def in_ip4(protocol: int, payload: bytes) -> bytes:
    return ethernet(ip4(NEAR, FAR, payload, protocol))


def in_udp(port: int, payload: bytes, sport: int = 54321) -> bytes:
    return in_ip4(17, udp(sport, port, payload))


def vxlan(frame: bytes) -> bytes:
    """RFC 7348 section 5."""
    return struct.pack("!II", 0x08000000, 5001 << 8) + frame


def vxlan_gpe(following: int, payload: bytes) -> bytes:
    """draft-ietf-nvo3-vxlan-gpe: the P bit, and what follows (1 IPv4, 2 IPv6, 3 Ethernet)."""
    return struct.pack("!BHBI", 0x0C, 0, following, 5001 << 8) + payload


def geneve(protocol: int, payload: bytes, options: bytes = b"") -> bytes:
    """RFC 8926 section 3.4."""
    return struct.pack("!BBHI", len(options) // 4, 0, protocol, 77 << 8) + options + payload


def gtp(payload: bytes, flags: int = 0x30, optional: bytes = b"") -> bytes:
    """3GPP TS 29.281 section 5.1, message type 255."""
    return struct.pack("!BBHI", flags, 0xFF, len(optional) + len(payload), 99) + optional + payload


def erspan2(frame: bytes) -> bytes:
    """draft-foschiano-erspan: GRE with a sequence number, then 8 octets."""
    return gre(0x88BE, struct.pack("!II", 0x10000001, 0) + frame, 0x1000, b"\0\0\0\x01")


def erspan3(frame: bytes, *, subheader: bool = False) -> bytes:
    head = struct.pack("!IIHH", 0x20000001, 12345, 0, 1 if subheader else 0) + (bytes(8) if subheader else b"")
    return gre(0x22EB, head + frame, 0x1000, b"\0\0\0\x01")


def ayiya(datagram: bytes) -> bytes:
    """draft-massar-v6ops-ayiya: identity of 2**4 octets, signature of 5 words, opcode 1 forwards."""
    following = 41 if datagram[0] >> 4 == 6 else 4
    return bytes([0x41, 0x52, 0x11, following]) + bytes(4) + bytes(16) + bytes(20) + datagram


def option6(following: int, length: int = 0) -> bytes:
    """An IPv6 options header (RFC 8200 section 4.2) of 8 * (1 + length) octets, all padding."""
    return bytes([following, length, 1, 4 + 8 * length]) + bytes(4 + 8 * length)


def ah(following: int, payload: bytes) -> bytes:
    """RFC 4302 section 2: 12 octets and a 12-octet check value."""
    return struct.pack("!BBHII", following, 4, 0, 1, 1) + bytes(12) + payload


class Wrap(NamedTuple):
    """`version`: which IP it can carry, 0 for both. `depth`: tunnels opened. Tags as decode tells them."""

    link: int
    make: Callable[[bytes], bytes]
    version: int = 0
    depth: int = 0
    vlan: int = -1
    inner_vlan: int = -1


def _bridged(datagram: bytes) -> bytes:
    return ethernet(datagram)


WRAPS: dict[str, Wrap] = {
    "ethernet": Wrap(1, ethernet),
    "ethernet 802.3 snap": Wrap(1, ethernet_802_3),
    "raw 12": Wrap(12, bytes),
    "raw 14": Wrap(14, bytes),
    "raw 101": Wrap(101, bytes),
    "ipv4": Wrap(228, bytes, 4),
    "ipv6": Wrap(229, bytes, 6),
    "sll": Wrap(113, sll),
    "sll2": Wrap(276, sll2),
    "null little-endian linux": Wrap(0, family("<", 10)),
    "null little-endian netbsd": Wrap(0, family("<", 24)),
    "null little-endian freebsd": Wrap(0, family("<", 28)),
    "null big-endian darwin": Wrap(0, family(">", 30)),
    "loop": Wrap(108, family(">", 30)),
    "ppp": Wrap(9, ppp),
    "ppp short protocol": Wrap(9, ppp_short),
    "ppp hdlc": Wrap(9, hdlc),
    "ppp hdlc 50": Wrap(50, hdlc),
    "ppp mpls": Wrap(9, ppp_mpls),
    "pppoe": Wrap(1, lambda d: ethernet(pppoe(d), 0x8864)),
    "pppoe 51": Wrap(51, pppoe),
    "802.11": Wrap(105, wifi),
    "802.11 qos": Wrap(105, lambda d: wifi(d, qos=True)),
    "802.11 wds": Wrap(105, lambda d: wifi(d, four=True)),
    "802.11 qos wds": Wrap(105, lambda d: wifi(d, qos=True, four=True)),
    "radiotap": Wrap(127, radiotap),
    "nflog": Wrap(239, nflog),
    "fddi": Wrap(10, fddi),
    "cisco hdlc": Wrap(104, cisco_hdlc),
    "vlan": Wrap(1, lambda d: ethernet(vlan(7, kind(d), d), 0x8100), vlan=7),
    "vlan priority tag": Wrap(1, lambda d: ethernet(vlan(0, kind(d), d), 0x8100), vlan=0),
    "vlan sll": Wrap(113, lambda d: sll(d)[:14] + b"\x81\0" + vlan(7, kind(d), d), vlan=7),
    "vlan snap": Wrap(1, lambda d: ethernet(vlan(7, len(snap(d)), snap(d)), 0x8100), vlan=7),
    "qinq": Wrap(1, lambda d: ethernet(vlan(7, 0x8100, vlan(8, kind(d), d)), 0x88A8), vlan=7, inner_vlan=8),
    "qinq 9100": Wrap(1, lambda d: ethernet(vlan(7, 0x8100, vlan(8, kind(d), d)), 0x9100), vlan=7, inner_vlan=8),
    "three tags": Wrap(
        1,
        lambda d: ethernet(vlan(7, 0x88A8, vlan(8, 0x8100, vlan(9, kind(d), d))), 0x9200),
        vlan=7,
        inner_vlan=8,
    ),
    "mpls": Wrap(1, lambda d: ethernet(label(16, True) + d, 0x8847)),
    "mpls multicast": Wrap(1, lambda d: ethernet(label(16, True) + d, 0x8848)),
    "mpls three labels": Wrap(1, lambda d: ethernet(label(16, False) + label(17, False) + label(18, True) + d, 0x8847)),
    "mpls pseudowire": Wrap(1, lambda d: ethernet(label(16, True) + bytes(4) + ethernet(d), 0x8847)),
    "802.1br": Wrap(1, lambda d: ethernet(bytes(6) + struct.pack("!H", kind(d)) + d, 0x893F)),
    "vn-tag": Wrap(1, lambda d: ethernet(bytes(4) + struct.pack("!H", kind(d)) + d, 0x8926)),
    "provider backbone": Wrap(1, lambda d: ethernet(bytes(4) + ethernet(d), 0x88E7)),
    "fabricpath": Wrap(1, lambda d: ethernet(bytes(2) + ethernet(d), 0x8903)),
    "ipip": Wrap(1, lambda d: in_ip4(4, d), 4, 1),
    "6in4": Wrap(1, lambda d: in_ip4(41, d), 6, 1),
    "4in6": Wrap(1, lambda d: ethernet(ip6(NEAR6, FAR6, d, 4)), 4, 1),
    "6in6": Wrap(1, lambda d: ethernet(ip6(NEAR6, FAR6, d, 41)), 6, 1),
    "gre": Wrap(1, lambda d: in_ip4(47, gre(kind(d), d)), 0, 1),
    "gre checksum": Wrap(1, lambda d: in_ip4(47, gre(kind(d), d, 0x8000, bytes(4))), 0, 1),
    "gre key": Wrap(1, lambda d: in_ip4(47, gre(kind(d), d, 0x2000, bytes(4))), 0, 1),
    "gre all": Wrap(1, lambda d: in_ip4(47, gre(kind(d), d, 0xB000, bytes(12))), 0, 1),
    "gre in ipv6": Wrap(1, lambda d: ethernet(ip6(NEAR6, FAR6, gre(kind(d), d), 47)), 0, 1),
    "gre ethernet": Wrap(1, lambda d: in_ip4(47, gre(0x6558, ethernet(d))), 0, 1),
    "gre mpls": Wrap(1, lambda d: in_ip4(47, gre(0x8847, label(16, True) + d)), 0, 1),
    "gre ppp": Wrap(1, lambda d: in_ip4(47, gre(0x880B, ppp(d), 0x3081, bytes(12))), 0, 1),
    "gre ppp hdlc": Wrap(1, lambda d: in_ip4(47, gre(0x880B, hdlc(d), 0x2001, bytes(4))), 0, 1),
    "gre 802.11": Wrap(1, lambda d: in_ip4(47, gre(0x8200, wifi(d))), 0, 1),
    "gre in udp": Wrap(1, lambda d: in_udp(4754, gre(kind(d), d)), 0, 1),
    "erspan 1": Wrap(1, lambda d: in_ip4(47, gre(0x88BE, ethernet(d))), 0, 1),
    "erspan 2": Wrap(1, lambda d: in_ip4(47, erspan2(ethernet(d))), 0, 1),
    "erspan 3": Wrap(1, lambda d: in_ip4(47, erspan3(ethernet(d))), 0, 1),
    "erspan 3 subheader": Wrap(1, lambda d: in_ip4(47, erspan3(ethernet(d), subheader=True)), 0, 1),
    "vxlan": Wrap(1, lambda d: in_udp(4789, vxlan(ethernet(d))), 0, 1),
    "vxlan vlan inside": Wrap(1, lambda d: in_udp(4789, vxlan(ethernet(vlan(9, kind(d), d), 0x8100))), 0, 1, 9),
    "vxlan-gpe ip": Wrap(1, lambda d: in_udp(4790, vxlan_gpe(2 if kind(d) == 0x86DD else 1, d)), 0, 1),
    "vxlan-gpe ethernet": Wrap(1, lambda d: in_udp(4790, vxlan_gpe(3, ethernet(d))), 0, 1),
    "geneve ethernet": Wrap(1, lambda d: in_udp(6081, geneve(0x6558, ethernet(d))), 0, 1),
    "geneve ip": Wrap(1, lambda d: in_udp(6081, geneve(kind(d), d)), 0, 1),
    "geneve options": Wrap(1, lambda d: in_udp(6081, geneve(0x6558, ethernet(d), bytes(8))), 0, 1),
    "gtp": Wrap(1, lambda d: in_udp(2152, gtp(d)), 0, 1),
    "gtp from the port": Wrap(1, lambda d: in_udp(9999, gtp(d), 2152), 0, 1),
    "gtp sequence": Wrap(1, lambda d: in_udp(2152, gtp(d, 0x32, bytes(4))), 0, 1),
    "gtp extensions": Wrap(
        1, lambda d: in_udp(2152, gtp(d, 0x34, b"\0\0\0\x85\x01\x10\x09\x85\x02" + bytes(6) + b"\0")), 0, 1
    ),
    "teredo": Wrap(1, lambda d: in_udp(3544, d), 6, 1),
    "teredo origin": Wrap(1, lambda d: in_udp(40000, bytes(8) + d, 3544), 6, 1),
    "teredo authenticated": Wrap(1, lambda d: in_udp(3544, b"\0\x01\x03\x05" + bytes(8 + 9) + bytes(8) + d), 6, 1),
    "ayiya": Wrap(1, lambda d: in_udp(5072, ayiya(d)), 0, 1),
}
"""By name; the function takes the datagram and gives the frame."""
