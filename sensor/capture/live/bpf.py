"""Classic BPF: programs as the kernel takes them, and how one is put on a socket (linux/filter.h)."""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Sequence
from typing import Final

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, k: struct sock_filter."""

SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h; the socket module does not have it
MAX_INSTRUCTIONS: Final = 4096  # BPF_MAXINSNS
_LD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JEQ: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JA: Final = 0x05
_RET: Final = 0x06
_AD_PKTTYPE: Final = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_AD_IFINDEX: Final = 0xFFFFF000 + 8  # SKF_AD_IFINDEX
_AD_HATYPE: Final = 0xFFFFF000 + 28  # SKF_AD_HATYPE
_LOOPBACK: Final = 772  # ARPHRD_LOOPBACK
_OUTGOING: Final = 4  # PACKET_OUTGOING

NOTHING: Final[tuple[Instruction, ...]] = ((_RET, 0, 0, 0),)
"""Drops every packet."""
EVERYTHING: Final[tuple[Instruction, ...]] = ((_RET, 0, 0, 0xFFFFFFFF),)
ONCE: Final[tuple[Instruction, ...]] = (
    (_LD_WORD, 0, 0, _AD_HATYPE),
    (_JEQ, 0, 3, _LOOPBACK),
    (_LD_WORD, 0, 0, _AD_PKTTYPE),
    (_JEQ, 0, 1, _OUTGOING),
    *NOTHING,
    *EVERYTHING,
)
"""Everything, but of what loops back only what comes in, so that it is not seen twice."""


def only_from(interfaces: Sequence[int]) -> list[Instruction]:
    """ONCE, from the interfaces with these indexes only: at most 254."""
    last = len(interfaces)
    compared = [(_JEQ, last - place, 0, index) for place, index in enumerate(interfaces)]
    return [(_LD_WORD, 0, 0, _AD_IFINDEX), *compared, *NOTHING, *ONCE]


def both(first: Sequence[Instruction], second: Sequence[Instruction]) -> list[Instruction]:
    """Accepts what both do, as much of it as `second` does. `first` may not return what it computed (RET A).

    Raises ValueError if that is more than a program may have.
    """
    if len(first) + len(second) > MAX_INSTRUCTIONS:
        raise ValueError(f"{len(first) + len(second)} instructions, at most {MAX_INSTRUCTIONS}")
    joined = []
    for place, (code, yes, no, k) in enumerate(first):
        accepts = code == _RET and k
        joined.append((_JA, 0, 0, len(first) - place - 1) if accepts else (code, yes, no, k))
    return [*joined, *second]


def encode_program(program: Sequence[Instruction]) -> bytes:
    """The instructions as an array of struct sock_filter."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """From now on only packets that `program` accepts reach `sock`, in place of an earlier one. Raises OSError."""
    give(sock, socket.SOL_SOCKET, SO_ATTACH_FILTER, program)


def give(sock: socket.socket, level: int, option: int, program: Sequence[Instruction]) -> None:
    """Set a socket option whose value is a struct sock_fprog. Raises OSError."""
    code = ctypes.create_string_buffer(encode_program(program))
    sock.setsockopt(level, option, struct.pack("@HP", len(program), ctypes.addressof(code)))
