"""The kernel filter: lets in what the sensor can make something of, and keeps the rest out of the ring.

TCP, fragments that may be of it, and every tunnel that flow/decode.py opens, whatever is inside; in VLAN, MPLS, PPPoE.
What ends within a header or is too strange for the filter to judge is let in: decode.py says what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sensor.capture.live.assembler import (
    AD_HATYPE,
    ADD_X,
    AND,
    LDB_X,
    LDH_X,
    LDW,
    LDX,
    LSH,
    RET,
    TAX,
    Assembler,
)  # fmt: skip  (as in a listing)
from sensor.capture.live.bpf import Instruction
from sensor.capture.live.headers import ETHERNET_TYPES, IP_TYPES, Exits, walk_ethernet, walk_version

_TCP, _UDP = 6, 17
_ENCLOSING: Final = (4, 41, 47, 51)  # IP in IP, IPv6, GRE, AH
_EXTENSIONS: Final = (0, 43, 44, 60, 135, 139, 140)  # of IPv6, those that decode.py steps over, and its fragments
_TUNNEL_PORTS: Final = (4789, 4790, 6081, 2152, 4754, 3544, 5072)  # as in decode.py, to them
_TUNNEL_SOURCES: Final = (2152, 3544, 5072)  # ... and from them


def needed_program(tcp_ports: Sequence[int]) -> list[Instruction]:
    """`tcp_ports` restricts TCP that is in no tunnel and in no fragment; empty: all of it."""
    asm = Assembler()
    exits = Exits("ipv4", "ipv6", "drop", "accept", short="accept")
    asm.emit(LDX, 0)
    asm.emit(LDW, AD_HATYPE)
    for kind in ETHERNET_TYPES:
        asm.if_equal(kind, "ethernet")
    for kind in IP_TYPES:
        asm.if_equal(kind, "ip")
    asm.go("accept")
    asm.label("ip")
    walk_version(asm, exits)
    walk_ethernet(asm, "ethernet", exits)

    asm.label("ipv4")
    asm.if_missing(20, "accept")
    asm.emit(LDB_X, 9)
    asm.if_equal(_TCP, "tcp4" if tcp_ports else "accept")
    asm.if_equal(_UDP, "udp4")
    for protocol in _ENCLOSING:
        asm.if_equal(protocol, "accept")
    asm.go("drop")
    asm.label("ipv6")
    asm.if_missing(40, "accept")
    asm.emit(LDB_X, 6)
    asm.if_equal(_TCP, "tcp6" if tcp_ports else "accept")
    asm.if_equal(_UDP, "udp6")
    for protocol in (*_ENCLOSING, *_EXTENSIONS):
        asm.if_equal(protocol, "accept")
    asm.go("drop")

    if tcp_ports:
        asm.label("tcp6")
        asm.move_on(40)
        asm.go("tcp")
        asm.label("tcp4")
        _past_ipv4(asm)
        asm.label("tcp")
        asm.if_missing(4, "accept")
        _compare(asm, 0, tcp_ports)
        _compare(asm, 2, tcp_ports)
        asm.go("drop")

    asm.label("udp6")
    asm.move_on(40)
    asm.go("udp")
    asm.label("udp4")
    _past_ipv4(asm)
    asm.label("udp")
    asm.if_missing(4, "accept")
    _compare(asm, 2, _TUNNEL_PORTS)
    _compare(asm, 0, _TUNNEL_SOURCES)
    asm.label("drop")
    asm.emit(RET, 0)
    asm.label("accept")
    asm.emit(RET, 0xFFFFFFFF)
    return asm.assemble()


def _past_ipv4(asm: Assembler) -> None:
    """X to what the IPv4 header at X encloses; a fragment is let in, the others of its datagram having no ports."""
    asm.emit(LDH_X, 6)
    asm.if_any_bit(0x3FFF, "accept")
    asm.emit(LDB_X)
    asm.emit(AND, 0x0F)
    asm.emit(LSH, 2)
    asm.emit(ADD_X)
    asm.emit(TAX)


def _compare(asm: Assembler, at: int, ports: Sequence[int]) -> None:
    """Let in what has one of these numbers at X + `at`."""
    asm.emit(LDH_X, at)
    for port in ports:
        asm.if_equal(port, "accept")
