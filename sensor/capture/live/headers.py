"""The walk from a frame's first byte to its IP header, as classic BPF; the same walk for every program here.

It opens what flow/decode.py opens: VLAN tags, MPLS, PPPoE. What it leaves closed, it calls doubtful.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sensor.capture.live.assembler import (
    LD_M,
    LDB_X,
    LDH_X,
    RSH,
    ST,
    Assembler,
)  # fmt: skip  (as in a listing)

MAX_TAGS: Final = 2  # besides the one that the kernel takes off
MAX_MPLS_LABELS: Final = 4
ETHERNET_TYPES: Final = (1, 772)  # ARPHRD_ETHER, ARPHRD_LOOPBACK
IP_TYPES: Final = (519, 768, 769, 776, 65534)  # those of ring.LINK_OF that begin with an IP header
_TAGS: Final = (0x8100, 0x88A8, 0x9100, 0x9200)
_DOUBTFUL: Final = (0x893F, 0x8926, 0x88E7, 0x8903, 0x6558)  # what decode.py opens besides
_TYPE: Final = 1  # the memory cell that an EtherType waits in


class Exits(NamedTuple):
    """Labels to go on at: with X at an IP header, where there is none, where there is no telling, and where the packet
    ends within a header; without that, such a packet is dropped."""

    ipv4: str
    ipv6: str
    other: str
    doubtful: str
    short: str | None = None


def walk_ethernet(asm: Assembler, name: str, exits: Exits) -> None:
    """From `name`, with X at an Ethernet header."""
    asm.label(name)
    _expect(asm, 14, exits)
    asm.emit(LDH_X, 12)
    _behind_type(asm, 14)
    asm.label(f"{name}.type")
    walk_type(asm, name, exits)


def walk_type(asm: Assembler, name: str, exits: Exits) -> None:
    """With an EtherType in A and X behind it."""
    for depth in range(MAX_TAGS + 1):
        asm.if_equal(0x0800, exits.ipv4)
        asm.if_equal(0x86DD, exits.ipv6)
        for kind in _TAGS:
            asm.if_equal(kind, f"{name}.tag{depth}")
        for kind in (0x8847, 0x8848):
            asm.if_equal(kind, f"{name}.mpls")
        asm.if_equal(0x8864, f"{name}.pppoe")
        for kind in _DOUBTFUL:
            asm.if_equal(kind, exits.doubtful)
        asm.if_least(0x0600, exits.other)
        asm.go(exits.doubtful)  # a length: IEEE 802.2
        asm.label(f"{name}.tag{depth}")
        if depth < MAX_TAGS:
            _expect(asm, 4, exits)
            asm.emit(LDH_X, 2)
            _behind_type(asm, 4)
    asm.go(exits.doubtful)
    _walk_mpls(asm, f"{name}.mpls", exits)
    asm.label(f"{name}.pppoe")  # version, code, session, length, then the protocol of PPP
    _expect(asm, 8, exits)
    asm.emit(LDH_X, 6)
    asm.emit(ST, _TYPE)
    asm.move_on(8)
    asm.emit(LD_M, _TYPE)
    asm.if_equal(0x0021, exits.ipv4)
    asm.if_equal(0x0057, exits.ipv6)
    asm.go(exits.doubtful)


def walk_version(asm: Assembler, exits: Exits) -> None:
    """With X at something whose first four bits say which IP it is."""
    _expect(asm, 1, exits)
    asm.emit(LDB_X)
    asm.emit(RSH, 4)
    asm.if_equal(4, exits.ipv4)
    asm.if_equal(6, exits.ipv6)
    asm.go(exits.doubtful)


def _walk_mpls(asm: Assembler, name: str, exits: Exits) -> None:
    asm.label(name)
    for number in range(MAX_MPLS_LABELS):
        _expect(asm, 4, exits)
        asm.emit(LDB_X, 2)
        asm.if_any_bit(1, f"{name}.last{number}")
        asm.move_on(4)
    asm.go(exits.doubtful)
    for number in range(MAX_MPLS_LABELS):
        asm.label(f"{name}.last{number}")
    asm.move_on(4)
    walk_version(asm, exits)


def _expect(asm: Assembler, octets: int, exits: Exits) -> None:
    """So many from X on; A is lost."""
    if exits.short is not None:
        asm.if_missing(octets, exits.short)


def _behind_type(asm: Assembler, octets: int) -> None:
    """X moves on; A stays."""
    asm.emit(ST, _TYPE)
    asm.move_on(octets)
    asm.emit(LD_M, _TYPE)
