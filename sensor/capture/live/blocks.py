"""Walks one block of a TPACKET_V3 ring and fills a batch's columns; frames stay where the kernel put them.

Compiled when blocks.pxd can be used, else the same source runs as Python. Layouts: linux/if_packet.h (struct
tpacket_block_desc, tpacket3_hdr, sockaddr_ll). Written into the ring, which the block's owner may do: a VLAN tag that
the NIC or the kernel had taken off, and the header that stands in for a link header which nobody can read.
"""

from __future__ import annotations

from array import array
from typing import Final

HEADER: Final = 68
"""Bytes before which nothing of a frame lies: struct tpacket3_hdr (48) and struct sockaddr_ll (20)."""
COOKED: Final = 276
"""LINKTYPE_LINUX_SLL2: what an interface without a link header of use is given."""

_TAG_VALID: Final = 0x10  # TP_STATUS_VLAN_VALID
_TPID_VALID: Final = 0x40  # TP_STATUS_VLAN_TPID_VALID, since Linux 3.14
_ETHERNET: Final = 1
_COOKED: Final = 276
_SLL2: Final = 20
_HEADER: Final = 68


def scan_block(
    ring: memoryview,
    words: memoryview,
    halves: memoryview,
    start: int,
    end: int,
    at: int,
    left: int,
    link_of: array[int],
    ts: array[int],
    offset: array[int],
    caplen: array[int],
    wirelen: array[int],
    links: array[int],
) -> tuple[int, int, int, int]:
    """Index `left` frames of the block ring[start:end], from the frame header at `at` on.

    `words` and `halves` are the same memory as native 32-bit and 16-bit numbers. `link_of` has pairs of ARPHRD_ and
    LINKTYPE_ numbers; what is not in it is given a LINUX_SLL2 header in place of its own.
    Returns (frames in the columns, header of the first frame not taken, frames left, frames that cannot be where the
    ring says that they are). With the last the walk ends: there is no saying where the next one is.
    """
    count = 0
    full = len(ts)
    while left > 0 and count < full:
        if at & 3 or at < start or at + _HEADER > end:
            return count, at, 0, left
        word = at >> 2
        half = at >> 1
        captured = words[word + 3]
        status = words[word + 5]
        body = at + halves[half + 12]
        if body < at + _HEADER or body > end or captured > end - body:
            return count, at, 0, left
        wire = words[word + 4]
        kind = halves[half + 28]
        link = _COOKED
        for pair in range(0, len(link_of), 2):
            if link_of[pair] == kind:
                link = link_of[pair + 1]
                break
        if link == _COOKED:
            # The network header goes on from where the kernel says that it is, behind a header of ours.
            network = at + halves[half + 13]
            if network - _SLL2 < at + _HEADER or network > body + captured:
                return count, at, 0, left
            skipped = network - body
            captured += _SLL2 - skipped
            wire += _SLL2 - skipped
            body = network - _SLL2
            _cook(ring, at + 48, body)
        tci = halves[half + 16]
        if status & _TAG_VALID or tci:
            tpid = halves[half + 18]
            if not (status & _TPID_VALID or tpid):
                tpid = 0x8100
            if body - 4 >= at + _HEADER and captured >= 14:
                if link == _ETHERNET:
                    body = _put_tag(ring, body, 12, tpid, tci)
                    captured += 4
                    wire += 4
                elif link == _COOKED:
                    body = _put_cooked_tag(ring, body, tpid, tci)
                    captured += 4
                    wire += 4
        seconds = words[word + 1]
        ts[count] = seconds * 1000000000 + words[word + 2]
        offset[count] = body
        caplen[count] = captured
        wirelen[count] = wire
        links[count] = link
        count += 1
        left -= 1
        at += words[word]
    return count, at, left, 0


def _put_tag(ring: memoryview, body: int, before: int, tpid: int, tci: int) -> int:
    """A VLAN tag behind the first `before` bytes of the frame, which move down to make room: where it begins now."""
    body -= 4
    for i in range(body, body + before):
        ring[i] = ring[i + 4]
    ring[body + before] = tpid >> 8
    ring[body + before + 1] = tpid & 0xFF
    ring[body + before + 2] = tci >> 8
    ring[body + before + 3] = tci & 0xFF
    return body


def _put_cooked_tag(ring: memoryview, body: int, tpid: int, tci: int) -> int:
    """The same for a cooked frame, whose protocol stands at its front: the tag's stands there now."""
    high = ring[body]
    low = ring[body + 1]
    ring[body] = tpid >> 8
    ring[body + 1] = tpid & 0xFF
    body -= 4
    for i in range(body, body + _SLL2):
        ring[i] = ring[i + 4]
    ring[body + 20] = tci >> 8
    ring[body + 21] = tci & 0xFF
    ring[body + 22] = high
    ring[body + 23] = low
    return body


def _cook(ring: memoryview, address: int, body: int) -> None:
    """A LINUX_SLL2 header at `body` with the protocol and packet type of the struct sockaddr_ll at `address`.

    tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html; its other fields stay zero, since nothing here reads them.
    """
    for i in range(_SLL2):
        ring[body + i] = 0
    ring[body] = ring[address + 2]  # sll_protocol, in network order already
    ring[body + 1] = ring[address + 3]
    ring[body + 10] = ring[address + 10]  # sll_pkttype


__all__ = ["COOKED", "HEADER", "scan_block"]
