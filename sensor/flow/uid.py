"""Names for flows and files, in Zeek's shape, made by digest: the same capture gives the same names.

Zeek's form (src/UID.cc): a letter, then a 32-bit and a 64-bit word, each in base 62 without padding.
"""

from __future__ import annotations

from hashlib import blake2b

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = [low + high for high in _DIGITS for low in _DIGITS]  # two digits at a time, the lower one first as Zeek has it


def _base62(value: int) -> str:
    digits = ""
    while value >= 3844:
        digits += _PAIRS[value % 3844]
        value //= 3844
    return digits + (_PAIRS[value] if value >= 62 else _DIGITS[value])


def render_uid(prefix: str, seed: bytes) -> str:
    """`prefix` ("C" for a flow, "F" for a file) and 96 bits of BLAKE2b of `seed` as Zeek writes a uid."""
    digest = blake2b(seed, digest_size=12).digest()
    return prefix + _base62(int.from_bytes(digest[:4], "big")) + _base62(int.from_bytes(digest[4:], "big"))


def file_uid(uid: str, is_orig: bool, trans_depth: int, part: int) -> str:
    """The fuid of part `part` of the body that one direction of transaction `trans_depth` of flow `uid` carries."""
    return render_uid("F", b"%b %d %d %d" % (uid.encode(), is_orig, trans_depth, part))
