"""One and the same pair of exchanges inside every encapsulation. python -m pcaps.tunnel.craft"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence

from pcaps.ip.craft import Wrap, exchange, fragments_v4
from pcaps.lab import capturefile, crafting
from pcaps.lab.crafting import Crafted
from pcaps.lab.frames import ethernet, ipv4, ipv6, is_ipv6, packets

WORKSHOP = crafting.Workshop("tunnel")
NEAR, FAR = "192.0.2.1", "192.0.2.2"
NEAR_V6, FAR_V6 = "2001:db8:ffff::1", "2001:db8:ffff::2"


def kind(datagram: bytes) -> int:
    """The EtherType of a datagram."""
    return 0x86DD if is_ipv6(datagram) else 0x0800


def outer(protocol: int, payload: bytes, client: bool) -> bytes:
    """IPv4 between the tunnel's ends; the identification is a digest, so that fragments of two datagrams differ."""
    ends = (NEAR, FAR) if client else (FAR, NEAR)
    return ipv4(*ends, protocol, payload, ident=zlib.crc32(payload) & 0xFFFF)


def udp(port: int, payload: bytes, client: bool) -> bytes:
    return outer(17, struct.pack("!HHHH", 54321, port, 8 + len(payload), 0) + payload, client)


def tagged(datagram: bytes, client: bool, *tags: tuple[int, int]) -> bytes:
    """Tags as (TPID, TCI) from the outermost."""
    plain = ethernet(datagram, None, client)
    return plain[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + plain[12:]


def gre(protocol: int, payload: bytes, flags: int = 0, optional: bytes = b"") -> bytes:
    return struct.pack("!HH", flags, protocol) + optional + payload


def vxlan(frame: bytes, network: int = 5001) -> bytes:
    return struct.pack("!II", 0x08000000, network << 8) + frame


def geneve(protocol: int, payload: bytes, options: bytes = b"") -> bytes:
    return struct.pack("!BBHI", len(options) // 4, 0, protocol, 77 << 8) + options + payload


def pppoe(datagram: bytes) -> bytes:
    protocol = 0x57 if is_ipv6(datagram) else 0x21
    return struct.pack("!BBHHH", 0x11, 0, 0x4242, len(datagram) + 2, protocol) + datagram


def mpls(*labels: int) -> bytes:
    last = len(labels) - 1
    return b"".join(struct.pack("!I", label << 12 | (index == last) << 8 | 63) for index, label in enumerate(labels))


def erspan2(frame: bytes, number: int) -> bytes:
    head = struct.pack("!HHI", 1 << 12 | 100, 17, 5)
    return gre(0x88BE, head + frame, 0x1000, struct.pack("!I", number))


def erspan3(frame: bytes, number: int) -> bytes:
    """Type III with the 8-octet platform subheader."""
    head = struct.pack("!HHIHH", 2 << 12 | 100, 17, 123456, 0, 1) + bytes(8)
    return gre(0x22EB, head + frame, 0x1000, struct.pack("!I", number))


def _tunnel(name: str, shows: str, wrap: Wrap, *, v6: bool = False, readable: bool = True) -> None:
    @WORKSHOP.piece(name, shows)
    def make() -> Crafted:
        segments, rows = exchange(v6)
        return Crafted(capturefile.pcap(packets(segments, wrap)), rows, readable)


def _numbered(make: Callable[[bytes, int], bytes]) -> Wrap:
    """For ERSPAN: the whole frame goes to the collector, with a running number."""
    count = iter(range(1, 10_000))
    return lambda datagram, client: ethernet(outer(47, make(ethernet(datagram, None, client), next(count)), True))


def _gre_in_ip(datagram: bytes, client: bool) -> bytes:
    return outer(4, outer(47, gre(kind(datagram), datagram), client), client)


def _both_sizes(datagram: bytes, client: bool) -> Sequence[bytes]:
    return [ethernet(each) for each in fragments_v4(udp(4789, vxlan(ethernet(datagram, None, client)), True), 512)]


# Tunnels that change the outer addresses hide the inner ones from tshark's first ip.src: true by construction.
_tunnel("vlan.pcap", "802.1Q, VLAN 42", lambda d, c: tagged(d, c, (0x8100, 42)))
_tunnel(
    "vlan-one-way.pcap",
    "VLAN tag in one direction only, priority tag 0 in the other",
    lambda d, c: tagged(d, c, (0x8100, 42) if c else (0x8100, 0xE000)),
)
_tunnel(
    "vlan-two-numbers.pcap",
    "the two directions carry different VLAN numbers",
    lambda d, c: tagged(d, c, (0x8100, 42 if c else 43)),
)
_tunnel("qinq.pcap", "802.1ad, VLAN 100 outside, 42 inside", lambda d, c: tagged(d, c, (0x88A8, 100), (0x8100, 42)))
_tunnel(
    "qinq-9100.pcap",
    "double tag with the old TPIDs 0x9100 and 0x8100, IPv6",
    lambda d, c: tagged(d, c, (0x9100, 100), (0x8100, 42)),
    v6=True,
)
_tunnel("mpls.pcap", "MPLS with three labels", lambda d, c: ethernet(mpls(16001, 17, 2000) + d, 0x8847, c))
_tunnel(
    "mpls-ethernet.pcap",
    "Ethernet over MPLS with a control word",
    lambda d, c: ethernet(mpls(16001, 300) + bytes(4) + ethernet(d, None, c), 0x8847, c),
    readable=False,
)
_tunnel("pppoe.pcap", "PPPoE session", lambda d, c: ethernet(pppoe(d), 0x8864, c))
_tunnel("pppoe-ipv6.pcap", "PPPoE session with IPv6", lambda d, c: ethernet(pppoe(d), 0x8864, c), v6=True)
_tunnel("ipip.pcap", "IPv4 in IPv4", lambda d, c: ethernet(outer(4, d, c), None, c), readable=False)
_tunnel("6in4.pcap", "IPv6 in IPv4", lambda d, c: ethernet(outer(41, d, c), None, c), v6=True, readable=False)
_tunnel(
    "4in6.pcap",
    "IPv4 in IPv6",
    lambda d, c: ethernet(ipv6(*((NEAR_V6, FAR_V6) if c else (FAR_V6, NEAR_V6)), 4, d), None, c),
    readable=False,
)
_tunnel(
    "gre.pcap",
    "IPv4 in GRE without options",
    lambda d, c: ethernet(outer(47, gre(kind(d), d), c), None, c),
    readable=False,
)
_tunnel(
    "gre-key-checksum.pcap",
    "GRE with checksum, key and sequence number",
    lambda d, c: ethernet(outer(47, gre(kind(d), d, 0xB000, bytes(4) + struct.pack("!II", 99, 1)), c), None, c),
    readable=False,
)
_tunnel(
    "gre-ethernet.pcap",
    "transparent Ethernet bridging in GRE",
    lambda d, c: ethernet(outer(47, gre(0x6558, ethernet(d, None, c)), c), None, c),
    readable=False,
)
_tunnel("erspan-2.pcap", "ERSPAN type II to a collector", _numbered(erspan2), readable=False)
_tunnel("erspan-3.pcap", "ERSPAN type III with a platform subheader", _numbered(erspan3), readable=False)
_tunnel(
    "vxlan.pcap",
    "VXLAN on port 4789",
    lambda d, c: ethernet(udp(4789, vxlan(ethernet(d, None, c)), c), None, c),
    readable=False,
)
_tunnel("vxlan-fragments.pcap", "VXLAN whose outer datagrams are fragments of 512 octets", _both_sizes, readable=False)
_tunnel(
    "geneve.pcap",
    "GENEVE on port 6081 with Ethernet and an option",
    lambda d, c: ethernet(
        udp(6081, geneve(0x6558, ethernet(d, None, c), bytes([1, 2, 0x80, 1, 0, 0, 0, 7])), c), None, c
    ),
    readable=False,
)
_tunnel(
    "geneve-ip.pcap",
    "GENEVE with IPv6 directly",
    lambda d, c: ethernet(udp(6081, geneve(kind(d), d), c), None, c),
    v6=True,
    readable=False,
)
_tunnel(
    "nested-4.pcap",
    "VLAN, then IPv4 in GRE in IPv4 in VXLAN: as deep as is opened",
    lambda d, c: tagged(udp(4789, vxlan(ethernet(_gre_in_ip(d, c), None, c)), c), c, (0x8100, 7)),
    readable=False,
)


@WORKSHOP.piece("nested-12.pcap", "IPv4 in IPv4 twelve deep: not opened, no OCSP")
def too_deep() -> Crafted:
    def wrap(datagram: bytes, client: bool) -> bytes:
        for _ in range(12):
            datagram = outer(4, datagram, client)
        return ethernet(datagram, None, client)

    return Crafted(capturefile.pcap(packets(exchange()[0], wrap)), [], readable=False)


if __name__ == "__main__":
    crafting.run(WORKSHOP)
