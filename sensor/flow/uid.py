"""Names for flows and files, in Zeek's shape, made by digest: the same capture gives the same names.

Zeek's form (src/UID.cc): a letter, then a 32-bit and a 64-bit word, each in base 62 without padding.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [low + high for high in _DIGITS for low in _DIGITS]  # two digits at a time, the lower one first as Zeek has it

_MASK: Final = 0xFFFFFFFFFFFFFFFF
_MIX1: Final = 0xFF51AFD7ED558CCD  # the finaliser of MurmurHash3 (Austin Appleby, public domain)
_MIX2: Final = 0xC4CEB9FE1A85EC53
_GOLDEN: Final = 0x9E3779B97F4A7C15


def base62(value: int) -> str:
    """A word of at most 64 bits, lowest digit first."""
    digits = ""
    while value >= 3844:
        digits += _PAIRS[value % 3844]
        value //= 3844
    return digits + (_PAIRS[value] if value >= 62 else _DIGITS[value])


def mix(state: int, word: int) -> int:
    """One 64-bit word into a 64-bit state, so that each of its bits can change every bit of the result."""
    state = ((state ^ word) + _GOLDEN) & _MASK
    state ^= state >> 33
    state = (state * _MIX1) & _MASK
    state ^= state >> 33
    state = (state * _MIX2) & _MASK
    return state ^ (state >> 33)


def render_uid(prefix: str, seed: bytes) -> str:
    """`prefix` ("C" for a flow, "F" for a file) and 96 bits of BLAKE2b of `seed` as Zeek writes a uid."""
    digest = blake2b(seed, digest_size=12).digest()
    return prefix + base62(int.from_bytes(digest[:4], "big")) + base62(int.from_bytes(digest[4:], "big"))


def file_uid(uid: str, is_orig: bool, trans_depth: int, part: int) -> str:
    """The fuid of part `part` of the body that one direction of transaction `trans_depth` of flow `uid` carries."""
    return render_uid("F", b"%b %d %d %d" % (uid.encode(), is_orig, trans_depth, part))
