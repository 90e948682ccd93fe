"""Community ID v1: one name for a flow that every tool can compute (github.com/corelight/community-id-spec)."""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha1
from typing import Final

_COMPILED = not __file__.endswith(".py")
_BLOCK: Final = bytearray(64)
_BASE64: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_MASK: Final = 0xFFFFFFFF
# SHA-1's initial values and constants (FIPS 180-4, 5.3.1 and 4.2.1).
_A, _B, _C, _D, _E = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
_K0, _K20, _K40, _K60 = 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6


def community_id(orig: bytes, orig_p: int, resp: bytes, resp_p: int, proto: int) -> str:
    """The text "1:" and 28 characters; for TCP, UDP and SCTP only, as ICMP needs a port mapping of its own.

    Addresses are 4 or 16 octets in network order.
    """
    if orig > resp or (orig == resp and orig_p > resp_p):
        orig, orig_p, resp, resp_p = resp, resp_p, orig, orig_p
    block = _BLOCK
    block[0] = block[1] = 0  # the spec's seed, by default
    size = 2
    for octet in orig:
        block[size] = octet
        size += 1
    for octet in resp:
        block[size] = octet
        size += 1
    block[size], block[size + 1] = proto, 0
    block[size + 2], block[size + 3] = orig_p >> 8, orig_p & 255
    block[size + 4], block[size + 5] = resp_p >> 8, resp_p & 255
    size += 6
    # SHA-1 names here, it protects nothing.
    if not _COMPILED:
        digest = sha1(block[:size], usedforsecurity=False).digest()
        return "1:" + b2a_base64(digest, newline=False).decode("ascii")
    return _digest(block, size)


def _digest(block: bytearray, size: int) -> str:
    """SHA-1 (FIPS 180-4, 6.1.2) of the first `size` octets, at most 55, in base64, as community_id has it.

    Only where compiled: hashlib takes six times as long to begin as this for its one block.
    """
    block[size] = 0x80
    for place in range(size + 1, 63):
        block[place] = 0
    block[62], block[63] = size >> 5, (size << 3) & 255  # its length in bits
    w = [0] * 80
    for t in range(16):
        w[t] = block[4 * t] << 24 | block[4 * t + 1] << 16 | block[4 * t + 2] << 8 | block[4 * t + 3]
    for t in range(16, 80):
        x = w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]
        w[t] = (x << 1 | x >> 31) & _MASK
    a, b, c, d, e = _A, _B, _C, _D, _E
    for t in range(80):
        if t < 20:
            f = (d ^ (b & (c ^ d))) + _K0
        elif t < 40:
            f = (b ^ c ^ d) + _K20
        elif t < 60:
            f = ((b & c) | (d & (b | c))) + _K40
        else:
            f = (b ^ c ^ d) + _K60
        x = ((a << 5 | a >> 27) + f + e + w[t]) & _MASK
        e, d, c, b, a = d, c, (b << 30 | b >> 2) & _MASK, a, x
    w[0], w[1], w[2] = a + _A, b + _B, c + _C
    w[3], w[4], w[5] = d + _D, e + _E, 0
    block[0], block[1] = 0x31, 0x3A  # "1:"
    size = 2
    for t in range(0, 160, 6):  # 27 characters: six bits each, the last has four
        x = w[t >> 5] << (t & 31)
        if t & 31:
            x |= (w[(t >> 5) + 1] & _MASK) >> (32 - (t & 31))
        block[size] = _BASE64[(x & _MASK) >> 26]
        size += 1
    block[size] = 0x3D
    return block[: size + 1].decode("ascii")
