"""Which worker gets a packet: classic BPF that gives both directions of a flow, and all its fragments, one number.

The kernel's own hash (PACKET_FANOUT_HASH) gives later fragments, which have no ports, to another worker than the rest:
on Linux 6.18 in 42 of 60 flows with three workers. Its own reassembly is for IPv4 only. The number is made of the two
addresses alone, in either order, of the innermost IP header that is found: tunnels may take different ways there and
back. Fragments of a tunnel's own packets, of which only the first has an inner header, go by the tunnel's addresses,
and so perhaps to another worker than what went through it whole: to go by these always would tear apart what comes
back another way, and give all of a tunnel to one worker. IPv6 flow labels, of which each direction has its own
(RFC 6437), are not looked at.
"""

from __future__ import annotations

from typing import Final

from sensor.capture.live.assembler import (
    AD_HATYPE,
    AD_PKTTYPE,
    AD_PROTOCOL,
    ADD,
    ADD_X,
    AND,
    LD,
    LD_M,
    LDB_X,
    LDH_X,
    LDW,
    LDW_X,
    LDX,
    LDX_M,
    LSH,
    MUL,
    RET,
    RET_A,
    RSH,
    ST,
    STX,
    TAX,
    Assembler,
)  # fmt: skip  (as in a listing)
from sensor.capture.live.bpf import Instruction
from sensor.capture.live.headers import ETHERNET_TYPES, Exits, walk_ethernet, walk_type, walk_version

MAX_TUNNELS: Final = 2
_OUTGOING: Final = 4  # PACKET_OUTGOING
_GOLDEN: Final = 0x9E3779B1  # 2**32 over the golden ratio, as a prime
_IPV4, _IPV6 = 4, 6

# Memory cells; headers.py has one of its own.
_IP: Final = 2  # where the innermost IP header begins
_VERSION: Final = 3
_PROTOCOL: Final = 4
_FLAGS: Final = 5
_SUM: Final = 6


def worker_program() -> list[Instruction]:
    """For PACKET_FANOUT_CBPF: the kernel takes what it returns modulo the number of workers.

    It sees a packet that came in from its network header on, one that goes out from its link header on.
    """
    asm = Assembler()
    asm.emit(LDX, 0)
    asm.emit(LDW, AD_PKTTYPE)
    asm.if_equal(_OUTGOING, "outgoing")
    asm.emit(LDW, AD_PROTOCOL)
    walk_type(asm, "incoming", _exits(0))
    asm.label("outgoing")
    asm.emit(LDW, AD_HATYPE)
    for kind in ETHERNET_TYPES:
        asm.if_equal(kind, "link0")
    walk_version(asm, _exits(0))
    walk_ethernet(asm, "link0", _exits(0))
    for level in range(MAX_TUNNELS + 1):
        _walk_ip(asm, level)
    asm.label("outer")
    asm.emit(LD_M, _VERSION)
    asm.if_equal(_IPV6, "sum6")
    _sum(asm, (12, 16))
    asm.label("sum6")
    _sum(asm, range(8, 40, 4))
    asm.label("nothing")
    asm.emit(RET, 0)
    return asm.assemble()


def _exits(level: int) -> Exits:
    unknown = "outer" if level else "nothing"
    return Exits(f"ipv4.{level}", f"ipv6.{level}", unknown, unknown)


def _walk_ip(asm: Assembler, level: int) -> None:
    """From the IP header at X, through a tunnel if it is one."""
    inner = _exits(level + 1)
    asm.label(f"ipv4.{level}")
    _note(asm, _IPV4)
    asm.emit(LDH_X, 6)
    asm.if_any_bit(0x3FFF, "outer")  # a fragment
    asm.emit(LDB_X, 9)
    asm.emit(ST, _PROTOCOL)
    asm.emit(LDB_X)
    asm.emit(AND, 0x0F)
    asm.emit(LSH, 2)
    asm.emit(ADD_X)
    asm.emit(TAX)
    asm.go(f"enclosed.{level}")
    asm.label(f"ipv6.{level}")
    _note(asm, _IPV6)
    asm.emit(LDB_X, 6)
    asm.emit(ST, _PROTOCOL)
    asm.move_on(40)
    asm.label(f"enclosed.{level}")
    if level == MAX_TUNNELS:
        asm.go("outer")
        return
    asm.emit(LD_M, _PROTOCOL)
    asm.if_equal(17, f"udp.{level}")
    asm.if_equal(47, f"gre.{level}")
    asm.if_equal(4, inner.ipv4)
    asm.if_equal(41, inner.ipv6)
    asm.go("outer")
    _walk_udp(asm, level, inner)
    _walk_gre(asm, level)
    walk_ethernet(asm, f"link{level + 1}", inner)


def _note(asm: Assembler, version: int) -> None:
    """Here is an IP header, the innermost so far; A is lost."""
    asm.emit(STX, _IP)
    asm.emit(LD, version)
    asm.emit(ST, _VERSION)


def _walk_udp(asm: Assembler, level: int, inner: Exits) -> None:
    """VXLAN, VXLAN-GPE, GENEVE, GTP-U and GRE in UDP, as flow/decode.py opens them."""
    link = f"link{level + 1}"
    asm.label(f"udp.{level}")
    asm.emit(LDH_X, 2)
    for port, name in ((4789, "vxlan"), (4790, "gpe"), (6081, "geneve"), (2152, "gtp"), (4754, "gre_in_udp")):
        asm.if_equal(port, f"{name}.{level}")
    asm.emit(LDH_X)
    asm.if_equal(2152, f"gtp.{level}")
    asm.go("outer")
    asm.label(f"vxlan.{level}")
    asm.move_on(16)
    asm.go(link)
    asm.label(f"gpe.{level}")
    asm.emit(LDB_X, 11)
    asm.emit(ST, _PROTOCOL)
    asm.move_on(16)
    asm.emit(LD_M, _PROTOCOL)
    asm.if_equal(1, inner.ipv4)
    asm.if_equal(2, inner.ipv6)
    asm.if_equal(3, link)
    asm.go("outer")
    asm.label(f"geneve.{level}")
    asm.emit(LDH_X, 10)
    asm.emit(ST, _PROTOCOL)
    asm.emit(LDB_X, 8)
    asm.emit(AND, 0x3F)
    asm.emit(LSH, 2)
    asm.emit(ADD_X)
    asm.emit(ADD, 16)
    asm.emit(TAX)
    asm.emit(LD_M, _PROTOCOL)
    asm.if_equal(0x6558, link)
    asm.go(f"{link}.type")
    _walk_gtp(asm, level, inner)
    asm.label(f"gre_in_udp.{level}")
    asm.move_on(8)
    asm.go(f"gre.{level}")


def _walk_gtp(asm: Assembler, level: int, inner: Exits) -> None:
    """3GPP TS 29.281 5.1, with at most two extension headers."""
    asm.label(f"gtp.{level}")
    asm.emit(LDB_X, 8)
    asm.emit(ST, _FLAGS)
    asm.if_any_bit(0x07, f"gtp_long.{level}")
    asm.move_on(16)
    asm.go(f"gtp_inside.{level}")
    asm.label(f"gtp_long.{level}")
    asm.move_on(20)
    asm.emit(LD_M, _FLAGS)
    asm.if_any_bit(0x04, f"gtp_extended.{level}")
    asm.go(f"gtp_inside.{level}")
    asm.label(f"gtp_extended.{level}")
    for _ in range(2):
        asm.emit(LDB_X, 0xFFFFFFFF)  # the octet before says whether one follows
        asm.if_equal(0, f"gtp_inside.{level}")
        asm.emit(LDB_X)
        asm.emit(LSH, 2)
        asm.emit(ADD_X)
        asm.emit(TAX)
    asm.emit(LDB_X, 0xFFFFFFFF)
    asm.if_least(1, "outer")
    asm.label(f"gtp_inside.{level}")
    walk_version(asm, inner)


def _walk_gre(asm: Assembler, level: int) -> None:
    """RFC 2784, RFC 2890; what they carry is an EtherType, or ERSPAN's frame."""
    link = f"link{level + 1}"
    asm.label(f"gre.{level}")
    asm.emit(LDH_X, 2)
    asm.emit(ST, _PROTOCOL)
    asm.emit(LDH_X)
    asm.emit(ST, _FLAGS)
    asm.if_any_bit(0x4007, "outer")  # source routing, or another version
    asm.move_on(4)
    for flag in (0x8000, 0x2000, 0x1000):
        asm.emit(LD_M, _FLAGS)
        asm.if_any_bit(flag, f"gre_has{flag:x}.{level}")
        asm.go(f"gre_past{flag:x}.{level}")
        asm.label(f"gre_has{flag:x}.{level}")
        asm.move_on(4)
        asm.label(f"gre_past{flag:x}.{level}")
    asm.emit(LD_M, _PROTOCOL)
    asm.if_equal(0x6558, link)
    asm.if_equal(0x88BE, f"erspan2.{level}")
    asm.if_equal(0x22EB, f"erspan3.{level}")
    asm.go(f"{link}.type")
    asm.label(f"erspan2.{level}")
    asm.emit(LD_M, _FLAGS)
    asm.if_any_bit(0x1000, f"erspan_sub.{level}")
    asm.go(link)
    asm.label(f"erspan3.{level}")
    asm.emit(LDB_X, 11)
    asm.emit(ST, _FLAGS)
    asm.move_on(12)
    asm.emit(LD_M, _FLAGS)
    asm.if_any_bit(1, f"erspan_sub.{level}")
    asm.go(link)
    asm.label(f"erspan_sub.{level}")
    asm.move_on(8)
    asm.go(link)


def _sum(asm: Assembler, places: range | tuple[int, int]) -> None:
    """Returns a number made of the sum of the words at these places of the IP header, whatever their order."""
    asm.emit(LD, 0)
    asm.emit(ST, _SUM)
    for place in places:
        asm.emit(LDX_M, _IP)
        asm.emit(LDW_X, place)
        asm.emit(LDX_M, _SUM)
        asm.emit(ADD_X)
        asm.emit(ST, _SUM)
    asm.emit(MUL, _GOLDEN)
    asm.emit(RSH, 15)
    asm.emit(RET_A)
