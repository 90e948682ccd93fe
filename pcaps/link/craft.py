"""The same pair of exchanges under each link type. python -m pcaps.link.craft"""

from __future__ import annotations

import struct

from pcaps.ip.craft import Wrap, exchange
from pcaps.lab import capturefile, crafting
from pcaps.lab.crafting import Crafted
from pcaps.lab.frames import is_ipv6, packets

WORKSHOP = crafting.Workshop("link")


def _link(name: str, shows: str, link: int, wrap: Wrap, *, v6: bool = False, order: str = "<") -> None:
    @WORKSHOP.piece(name, shows)
    def make() -> Crafted:
        segments, rows = exchange(v6)
        return Crafted(capturefile.pcap(packets(segments, wrap), link, order=order), rows)


def sll(datagram: bytes, client: bool) -> bytes:
    """Linux cooked capture v1: incoming (0) or outgoing (4)."""
    ethertype = 0x86DD if is_ipv6(datagram) else 0x0800
    return (
        struct.pack("!HHH", 4 if client else 0, 1, 6)
        + bytes.fromhex("02005e1020010000")
        + struct.pack("!H", ethertype)
        + datagram
    )


def sll2(datagram: bytes, client: bool) -> bytes:
    ethertype = 0x86DD if is_ipv6(datagram) else 0x0800
    return (
        struct.pack("!HHIHBB", ethertype, 0, 3, 1, 4 if client else 0, 6) + bytes.fromhex("02005e1020010000") + datagram
    )


def ppp(datagram: bytes, _client: bool) -> bytes:
    return struct.pack("!H", 0x57 if is_ipv6(datagram) else 0x21) + datagram


def family(order: str, v6_number: int) -> Wrap:
    """BSD loopback: the address family before the datagram, in the writer's byte order."""
    return lambda datagram, _client: struct.pack(order + "I", v6_number if is_ipv6(datagram) else 2) + datagram


def bare(datagram: bytes, _client: bool) -> bytes:
    return datagram


_link("raw-ip.pcap", "LINKTYPE_RAW, IPv4", capturefile.RAW, bare)
_link("raw-ip-v6.pcap", "LINKTYPE_RAW, IPv6", capturefile.RAW, bare, v6=True)
_link("raw-dlt-12.pcap", "raw IP under number 12, as BSD systems write it", 12, bare)
_link("ipv4.pcap", "LINKTYPE_IPV4", capturefile.IPV4, bare)
_link("ipv6.pcap", "LINKTYPE_IPV6", capturefile.IPV6, bare, v6=True)
_link("sll.pcap", "Linux cooked capture v1 (tcpdump -i any)", capturefile.SLL, sll)
_link("sll2.pcap", "Linux cooked capture v2", capturefile.SLL2, sll2)
_link("sll2-v6.pcap", "Linux cooked capture v2, IPv6", capturefile.SLL2, sll2, v6=True)
_link("null.pcap", "BSD loopback, written on a little-endian machine", capturefile.NULL, family("<", 30))
_link(
    "null-big-endian.pcap",
    "BSD loopback, written on a big-endian machine",
    capturefile.NULL,
    family(">", 24),
    v6=True,
    order=">",
)
_link("loop.pcap", "OpenBSD loopback: address family in network byte order", capturefile.LOOP, family(">", 24), v6=True)
_link("ppp.pcap", "PPP without address and control", capturefile.PPP, ppp)
_link("ppp-hdlc.pcap", "PPP in HDLC-like framing", capturefile.PPP_HDLC, lambda d, c: b"\xff\x03" + ppp(d, c))

if __name__ == "__main__":
    crafting.run(WORKSHOP)
