"""Names for flows and files, in Zeek's shape, made by digest: the same capture gives the same names.

Zeek's form (src/UID.cc): a letter, then a 32-bit and a 64-bit word, each in base 62 without padding.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

_DIGITS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_COMPILED: Final = not __file__.endswith(".py")
_MASK: Final = 0xFFFFFFFFFFFFFFFF
_MIX1: Final = 0xFF51AFD7ED558CCD  # the finaliser of MurmurHash3 (Austin Appleby, public domain)
_MIX2: Final = 0xC4CEB9FE1A85EC53
_GOLDEN: Final = 0x9E3779B97F4A7C15
_FNV: Final = 0x100000001B3  # the prime of FNV-1, 64 bits (Fowler, Noll, Vo; public domain)


_SCRATCH = bytearray(32)


def render_words(prefix: str, high: int, low: int) -> str:
    """`prefix`, one letter, and two words of at most 64 bits as Zeek writes a uid: each lowest digit first."""
    text, digits = _SCRATCH, _DIGITS
    text[0] = ord(prefix)
    size = 1
    rest = high
    for _ in range(2):  # a tuple of the two words would make objects of them
        while True:
            text[size] = digits[rest % 62]
            size += 1
            rest //= 62
            if rest == 0:
                break
        rest = low
    if _COMPILED:
        return ascii_text(text, size)  # type: ignore  # noqa: F821  (C's, by way of uid.pxd)
    return text[:size].decode("ascii")


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
    return render_words(prefix, int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big"))


def file_uid(uid: str, is_orig: bool, trans_depth: int, part: int) -> str:
    """The fuid of part `part` of the body that one direction of transaction `trans_depth` of flow `uid` carries."""
    word = 0
    for letter in uid:
        word = (word * _FNV ^ ord(letter)) & _MASK
    low = mix(mix(mix(word, is_orig), trans_depth), part)
    return render_words("F", mix(low, 1) >> 32, low)
