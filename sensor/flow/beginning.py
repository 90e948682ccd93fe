"""How a direction begins: what of it is kept until it is known who reads it, and what comes in its place.

Whoever can send one segment in another's name can make the first octets of a flow look like nothing that we read, or
like what is the other side's to say. So what was passed over is remembered for one window, and what stands against the
handshake waits for what the other side says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sensor.flow.copies import tell_conflict
from sensor.flow.sniff import HTTP, PREFIX, looks_like
from sensor.flow.state import ATTACHED, NOBODY, SENT_SYN, SENT_SYN_ACK, UNDECIDED, Endpoint, Flow
from sensor.flow.stream import FIN, TIMEOUT

if TYPE_CHECKING:
    from sensor.flow.delivery import Delivery

# What became of a direction's first octets, Endpoint.sniffed.
AGAINST: Final = -1
"""They are what the other side should say, by the handshake: they wait."""
UNSEEN: Final = 0
READ: Final = 1
PASSED: Final = 2
"""They are nothing that we read."""

_MAX_AGAINST: Final = 16384
"""Octets of one direction that wait at most for what the other one says."""
_WINDOW: Final = 65536
"""So far behind the first octets another copy of them still comes: a window without scaling."""
_FIRST_OCTETS: Final = 64
"""So many are remembered of what is passed over: more than `looks_like` goes by."""


def asks_in_http(end: Endpoint, chunk: bytes) -> bool:
    """Is it a client's, if it is HTTP, what `end` begins with?"""
    if chunk.startswith(b"HTTP/"):
        return False
    return end.is_orig or looks_like(chunk) == HTTP


def roles_known(flow: Flow) -> bool:
    """Did the originator send a SYN, or the responder a SYN-ACK?"""
    return bool(flow.orig.hist_mask & SENT_SYN or flow.resp.hist_mask & SENT_SYN_ACK)


def put_off(delivery: Delivery, flow: Flow, end: Endpoint, first: int, chunk: bytes) -> None:
    """It takes more octets to decide, or what the other side says."""
    delivery.charge(flow, len(chunk))
    end.prefix = chunk
    delivery.keep_first(end, first, chunk)


def stand_against(delivery: Delivery, flow: Flow, end: Endpoint, first: int, chunk: bytes) -> bool:
    """By the handshake `chunk` is the other side's to say. Does it wait for what that says? If that, too, has it the
    other way round, the handshake was (a server that connects to its client)."""
    end.sniffed = AGAINST
    if len(chunk) > _MAX_AGAINST:
        return False
    put_off(delivery, flow, end, first, chunk)
    return True


def pass_over(delivery: Delivery, flow: Flow, end: Endpoint, first: int, chunk: bytes, ts: int) -> None:
    """This direction begins with nothing that we read. Its first octets are remembered for one window: should others
    come in their place, it was perhaps somebody else who sent these. What stands against the handshake waits no longer
    (a SOCKS server that connects to its client answers with what is nothing by itself)."""
    if end.peer.sniffed == AGAINST and end.peer.prefix is not None:
        put_off(delivery, flow, end, first, chunk)
        read_against(delivery, flow, ts)
        return
    kept = chunk[:_FIRST_OCTETS]
    delivery.charge(flow, len(kept))
    delivery.keep_first(end, first, kept)
    end.sniffed = PASSED
    if end.peer.sniffed == PASSED:
        flow.reading = NOBODY
        delivery.settle_doubt(flow)


def read_other(delivery: Delivery, flow: Flow, end: Endpoint, rel: int, other: bytes, ts: int) -> bool:
    """Octets came again, at `rel`, of which the first copy was not read, and were others. If these are what we read
    it goes back to them, and the first copy is the second reading's."""
    if not end.recent or end.over or (end.sniffed == READ and end.reads_as_orig == end.is_orig):
        return False
    first, last, kept = end.recent[0]
    if kept is None or rel >= last or rel + len(other) <= first or end.next_rel - first > _WINDOW:
        return False
    begin = kept[: max(rel - first, 0)] + other[max(first - rel, 0) :]
    if flow.resp_p not in delivery.ports and not looks_like(begin) & (HTTP | PREFIX):
        return False
    asks = asks_in_http(end, begin)
    if flow.reading == ATTACHED and asks != end.reads_as_orig:
        if asks != end.is_orig or first > 1 or end.peer.over or not roles_known(flow):
            return False
        delivery.go_on(flow, True)
        turn_back(flow, ts)
    elif flow.reading == ATTACHED:
        if end.sniffed == READ:
            return False
    elif asks != end.is_orig and roles_known(flow):
        return False
    if flow.late is not None:
        delivery.go_on(flow, True)
        return end.sniffed != READ and read_other(delivery, flow, end, rel, other, ts)
    end.next_rel = max(rel, first)
    delivery.keep_first(end, 0, b"")
    end.prefix = None
    end.sniffed = UNSEEN
    known = kept[: end.next_rel - first]
    if flow.reading == ATTACHED:
        if known:
            delivery.hand_on(flow, end, first, known, 0, len(known), ts)
        tell_conflict(delivery, flow, end, first, kept, ts)
        return True
    if flow.reading == NOBODY:
        drop_unread(delivery, flow)
    flow.reading = UNDECIDED
    if known:
        end.prefix = known
    tell_conflict(delivery, flow, end, first, kept, ts)
    return True


def turn_back(flow: Flow, ts: int) -> None:
    """The flow is read the other way round than its handshake has it, and what began that has another copy, by the
    handshake's roles: nobody reads it any more, and what was read is passed over."""
    reader = flow.reader
    for end in (flow.orig, flow.resp):
        if reader is not None:
            reader.closed(end.reads_as_orig, TIMEOUT, ts, end.last_data_ts, max(end.skip, 0))
        end.skip = end.fin_ts = 0
        end.prefix = None
        end.sniffed = PASSED
    flow.reader = None
    flow.reading = UNDECIDED


def drop_unread(delivery: Delivery, flow: Flow) -> None:
    """What nobody read was not kept, where it lies above a hole: it is still to come."""
    for end in (flow.orig, flow.resp):
        delivery.discards.too_late += sum([last - first for first, last, _ in end.held or ()])
        delivery.total_held -= end.held_bytes
        end.held = None
        end.held_bytes = 0


def read_against(delivery: Delivery, flow: Flow, ts: int) -> None:
    """One side has said what is the other's to say, and the other one, so far or to the end, nothing that we read."""
    for end in (flow.orig, flow.resp):
        chunk = end.prefix
        if end.sniffed == AGAINST and chunk is not None and flow.reading == UNDECIDED:
            delivery.read(flow, end, end.next_rel - len(chunk), chunk, not end.is_orig, end.last_data_ts)
            if end.closed_told:
                flow.reader.closed(end.reads_as_orig, FIN, ts, end.last_data_ts, max(end.skip, 0))  # type: ignore[union-attr]  # it is attached
