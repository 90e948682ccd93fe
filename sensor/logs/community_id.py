"""Community ID v1: one name for a flow that every tool can compute (github.com/corelight/community-id-spec)."""

from __future__ import annotations

from binascii import b2a_base64
from hashlib import sha1
from struct import Struct

_IP4 = Struct("!H4s4sBxHH").pack
_IP6 = Struct("!H16s16sBxHH").pack


def community_id(orig: bytes, orig_p: int, resp: bytes, resp_p: int, proto: int) -> str:
    """The text "1:" and 28 characters; for TCP, UDP and SCTP only, as ICMP needs a port mapping of its own.

    Addresses are 4 or 16 octets in network order.
    """
    pack = _IP4 if len(orig) == 4 else _IP6
    # The spec's first two bytes are a seed, 0 by default. SHA-1 names here, it protects nothing.
    if orig < resp or (orig == resp and orig_p <= resp_p):
        ends = pack(0, orig, resp, proto, orig_p, resp_p)
    else:
        ends = pack(0, resp, orig, proto, resp_p, orig_p)
    text = b2a_base64(sha1(ends, usedforsecurity=False).digest(), newline=False)
    return "1:" + text.decode("ascii")
