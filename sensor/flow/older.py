"""A SYN with another number came in the middle of a connection. Segments by the numbers that were are read as before.

conn.log takes the SYN at its word, as Zeek's does. Its receiver may not have: then the old numbers go on, and a sensor
that forgot them is blind. Both are read, each by its own numbers, until the flow of the newest is over.
There are so many readings as settings allow; then those go of which nothing was read, and no SYN takes the place of
numbers by which something was.
"""

from __future__ import annotations

from typing import Final

from sensor.flow.decode import Packet
from sensor.flow.ledger import PER_READING
from sensor.flow.lost import Lost
from sensor.flow.reassembly import Reassembler
from sensor.flow.seq import seq_delta
from sensor.flow.state import ATTACHED, NOBODY, SENT_SYN, SENT_SYN_ACK, UNDECIDED, Endpoint, Flow

_FIN: Final = 1
_SYN: Final = 2
_RST: Final = 4
_ACK: Final = 16
_MASK32: Final = 0xFFFFFFFF
_NEAR: Final = 1 << 20  # as _FAR in reassembly.py
_NOWHERE: Final = 1 << 40


def renumber(reassembler: Reassembler, flow: Flow, end: Endpoint, seq: int, ts: int) -> bool:
    """Another SYN of `end`, with another number, `seq`. Which of the two holds, the segments will say: what was read
    goes on by the numbers that were, and the flow begins anew. False if it does not, for there are too many."""
    room = len(flow.chain()) <= reassembler.max_older
    if flow.reading == NOBODY or not room:
        reassembler.go_on(flow, True)
    if flow.reading == NOBODY:
        if end.held is not None:
            reassembler.give_up(flow, end, end.held[-1][1], False, ts)
    elif room or make_room(reassembler, flow, ts):
        reassembler.settle_doubt(flow)
        reassembler.charge(_split(flow, end), PER_READING)
        reassembler.older_flows += 1
    elif _was_read(flow):
        return False
    end.next_rel = end.trim_rel = end.top_rel = 1
    end.missed_rel = 0
    end.start_seq = end.base_seq = seq
    return True


def _split(flow: Flow, renumbered: Endpoint) -> Flow:
    """What was read of `flow` so far goes on in the one that is returned, by the numbers that were. The side that is
    not `renumbered` keeps its own here, too, and what of them was given up, or is waited for there."""
    older = flow.beside()
    lost = [Lost(each.first, each.last, None) for each in renumbered.peer.lost or ()]
    older.late, flow.late = flow.late, None
    for piece in [] if older.late is None else older.late.pieces:
        if piece.end is renumbered.peer and piece.is_missing():
            lost.append(Lost(piece.first, piece.last, None))
        piece.end = older.orig if piece.end.is_orig else older.resp
    older.inherit(flow)
    for new, old in ((older.orig, flow.orig), (older.resp, flow.resp)):
        new.state, new.prev_state, new.ack_rel = old.state, old.prev_state, old.ack_rel
    flow.older = older
    flow.reading = UNDECIDED
    for end in (flow.orig, flow.resp):
        end.prefix = end.lost = None
        end.held_bytes = end.skip = end.sniffed = end.fin_ts = 0
        end.over = end.closed_told = False
    renumbered.peer.lost = lost or None
    return older


def make_room(reassembler: Reassembler, flow: Flow, ts: int) -> bool:
    """There are as many readings of `flow` as may be, and one more is wanted: the newest ends, among the older ones, of
    which nothing was read. False if there is none, or if nothing was read of `flow` itself, so that it may go."""
    reassembler.older_given_up += 1
    reassembler.weird(flow, ts, "excessive_SYN_numbers")
    if not _was_read(flow):
        return False
    chain = flow.chain()
    unread = [older for older in chain[:-1] if not _was_read(older)]
    if not unread:
        return False
    victim = unread[-1]
    for each in chain:
        if each.older is victim:
            each.older = victim.older
        if each.behind is victim:
            each.behind = None
    victim.older = None
    reassembler.finish(victim, ts, False)
    reassembler.older_flows -= 1
    reassembler.ledger.charged -= victim.charged
    victim.release()
    return True


def _was_read(flow: Flow) -> bool:
    """Were octets read by these numbers, or did each side acknowledge the other's?"""
    ends = (flow.orig, flow.resp)
    if flow.reading == ATTACHED or any(end.sniffed or end.prefix or end.held is not None for end in ends):
        return flow.reading != NOBODY
    return all(end.ack_rel > 0 and abs(end.ack_rel - end.next_rel) < _NEAR for end in ends)


def acknowledges_older(reassembler: Reassembler, flow: Flow, newest: Endpoint, packet: Packet, rel: int) -> bool:
    """Does the segment, by the sender `newest` of `flow`, acknowledge numbers that were? By those of the newest it is
    `rel` that is acknowledged: conn.log has what lies below as missed, as Zeek's does. It is no loss, and nobody is
    told so."""
    peer = newest.peer
    best = abs(_ahead(packet.ack, peer))
    for older in flow.chain()[:-1]:
        end = _same(flow, older, newest).peer
        if end.is_numbered() and end.start_seq != peer.start_seq and abs(_ahead(packet.ack, end)) < min(best, _NEAR):
            if peer.fin_cnt and rel >= peer.fin_rel:
                rel = peer.fin_rel - 1
            reassembler.count_gap(flow, peer, peer.next_rel, rel)
            return True
    return False


def _same(flow: Flow, older: Flow, newest: Endpoint) -> Endpoint:
    """The side of `older` that is the side `newest` of `flow`."""
    same = flow.orig_hi == older.orig_hi and flow.orig_lo == older.orig_lo and flow.orig_p == older.orig_p
    return older.orig if same == newest.is_orig else older.resp


def is_of_older(reassembler: Reassembler, flow: Flow, newest: Endpoint, packet: Packet, ts: int) -> bool:
    """Is the segment, by the sender `newest` of `flow`, of one of those that are older? Then it is read there.

    The nearest numbers are its own, together with those of what it acknowledges; as near, the oldest ones are.
    """
    if packet.flags & _RST:
        return False
    if packet.flags & _SYN and packet.flags & _ACK:
        _answer(reassembler, flow, newest, packet, ts)
    best = _distances(packet, newest)
    found: tuple[Flow, Endpoint] | None = None
    for older in flow.chain()[:-1]:
        end = _same(flow, older, newest)
        distances = _distances(packet, end)
        if distances[1] <= _NEAR and (distances < best or (distances == best and found is None)):
            best, found = distances, (older, end)
    if found is None:
        return False
    older, end = found
    if not end.is_numbered():
        end.start_seq = packet.seq if packet.flags & _SYN else (packet.seq - 1) & _MASK32
        end.inherited = True
    if packet.flags & _SYN:
        return False
    # For conn.log it is the newest one's, and not missing there.
    if packet.seq == (newest.start_seq + newest.next_rel) & _MASK32:
        newest.next_rel += packet.payload_len
        newest.top_rel = max(newest.top_rel, newest.next_rel)
    elif packet.seq == (newest.start_seq + newest.missed_rel) & _MASK32:
        newest.missed_rel += packet.payload_len
    _read(reassembler, flow, older, end, packet, ts)
    return True


def _answer(reassembler: Reassembler, flow: Flow, newest: Endpoint, packet: Packet, ts: int) -> None:
    """A SYN/ACK of `newest` says which SYN it answers. If that is not the last one, but an older one of whose numbers
    nothing was read yet, those numbers and its own are read together, in one flow more."""
    answered = (packet.ack - 1) & _MASK32
    if newest.peer.start_seq == answered:
        return
    chain = flow.chain()
    ends = [_same(flow, older, newest) for older in chain[:-1]]
    ends = [end for end in ends if end.peer.start_seq == answered and not end.peer.last_data_ts]
    if not ends or any(end.start_seq == packet.seq for end in ends):
        return
    if len(chain) > reassembler.max_older and not make_room(reassembler, flow, ts):
        return
    both = flow.beside()
    both.older, flow.older = flow.older, both
    reassembler.older_flows += 1
    reassembler.charge(both, PER_READING)
    end = both.orig if newest.is_orig else both.resp
    for side, seq in ((end, packet.seq), (end.peer, answered)):
        side.inherited = True
        side.start_seq = side.base_seq = seq
    end.hist_mask, end.peer.hist_mask = SENT_SYN_ACK, SENT_SYN


def _ahead(seq: int, end: Endpoint) -> int:
    """How far ahead a number is of what is expected of `end`."""
    return seq_delta(seq, (end.start_seq + end.next_rel) & _MASK32)


def _distances(packet: Packet, end: Endpoint) -> tuple[int, int, int]:
    """How far the segment, sent by `end`, is from what is expected, and what it acknowledges from what was seen: both
    together, and each. Of what it acknowledges far is far: who has led one side astray shall not have both."""
    acked = _NOWHERE
    if packet.flags & _ACK and end.peer.is_numbered():
        acked = abs(_ahead(packet.ack, end.peer))
    ahead = abs(_ahead(packet.seq, end)) if end.is_numbered() else acked
    return (ahead + (0 if acked == _NOWHERE else min(acked, _NEAR)), ahead, acked)


def _read(reassembler: Reassembler, flow: Flow, older: Flow, end: Endpoint, packet: Packet, ts: int) -> None:
    """What TcpMachine.segment does with a segment's bytes."""
    peer = end.peer
    length = packet.payload_len
    rel = end.next_rel + _ahead(packet.seq, end)
    if packet.flags & _ACK and peer.is_numbered():
        acked = _ahead(packet.ack, peer)
        if -_NEAR < acked < _NEAR:
            reassembler.acked(older, peer, peer.next_rel + acked, ts)
            peer.ack_rel = max(peer.ack_rel, 1)
    if length > 0 and rel >= 0:
        if rel + length > end.next_rel:
            reassembler.doubt(older, ts)
            reassembler.doubt(flow, ts)
        reassembler.data(older, end, rel, packet.payload_pos, length, packet.payload_cap, ts)
    elif length > 0:
        size = max(min(packet.payload_cap, length), 0)
        reassembler.payload_bytes += size
        reassembler.discards.before_start += size
    if packet.flags & _FIN:
        end.fin_cnt += 1
        end.fin_rel = rel + length + 1
    if end.fin_cnt and end.next_rel >= end.fin_rel - 1 and not end.over:
        reassembler.fin_reached(older, end, ts)
    if older.late is not None:
        reassembler.wait(older, ts)
