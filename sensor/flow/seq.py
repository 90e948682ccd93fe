"""TCP sequence arithmetic, in the one place where it is done (RFC 9293 section 3.4: modulo 2**32)."""

from __future__ import annotations

from typing import Final

_HALF: Final = 0x80000000
_MASK: Final = 0xFFFFFFFF


def seq_delta(a: int, b: int) -> int:
    """How far `a` lies ahead of `b`, in -2**31 .. 2**31 - 1; both are 0 .. 2**32 - 1."""
    return ((a - b + _HALF) & _MASK) - _HALF
