"""Community ID v1: one name for a flow that every tool can compute (github.com/corelight/community-id-spec)."""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha1
from struct import Struct

_TAIL = Struct("!BxHH").pack


def community_id(orig: bytes, orig_p: int, resp: bytes, resp_p: int, proto: int) -> str:
    """The text "1:" and 28 characters; for TCP, UDP and SCTP only, as ICMP needs a port mapping of its own.

    Addresses are 4 or 16 octets in network order.
    """
    if orig < resp or (orig == resp and orig_p <= resp_p):
        ends = orig + resp + _TAIL(proto, orig_p, resp_p)
    else:
        ends = resp + orig + _TAIL(proto, resp_p, orig_p)
    # The spec's first two bytes are a seed, 0 by default. SHA-1 names here, it protects nothing.
    return "1:" + b2a_base64(sha1(b"\0\0" + ends, usedforsecurity=False).digest())[:-1].decode()
