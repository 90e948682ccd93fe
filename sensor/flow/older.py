"""A SYN with another number came in the middle of a connection. Segments by the numbers that were are read as before.

conn.log takes the SYN at its word, as Zeek's does. Its receiver may not have: then the old numbers go on, and a sensor
that forgot them is blind. Both are read, each by its own numbers, until the flow of the newest is over.
"""

from __future__ import annotations

from typing import Final

from sensor.flow.decode import Packet
from sensor.flow.reassembly import Reassembler
from sensor.flow.seq import seq_delta
from sensor.flow.state import Endpoint, Flow

_FIN: Final = 1
_SYN: Final = 2
_RST: Final = 4
_ACK: Final = 16
_MASK32: Final = 0xFFFFFFFF
_NEAR: Final = 1 << 20  # as _FAR in reassembly.py
_NOWHERE: Final = 1 << 40


def is_of_older(reassembler: Reassembler, flow: Flow, newest: Endpoint, packet: Packet, ts: int) -> bool:
    """Is the segment, by the sender `newest` of `flow`, of one of those that are older? Then it is read there.

    The nearest numbers are its own; as near, those of what it acknowledges; and else the oldest ones.
    """
    if packet.flags & _RST:
        return False
    best = _distances(packet, newest)
    found: tuple[Flow, Endpoint] | None = None
    for older in flow.chain()[:-1]:
        same = flow.orig_hi == older.orig_hi and flow.orig_lo == older.orig_lo and flow.orig_p == older.orig_p
        end = older.orig if same == newest.is_orig else older.resp
        distances = _distances(packet, end)
        if distances[0] <= _NEAR and (distances < best or (distances == best and found is None)):
            best, found = distances, (older, end)
    if found is None:
        return False
    older, end = found
    if not end.is_numbered():
        end.start_seq = packet.seq if packet.flags & _SYN else (packet.seq - 1) & _MASK32
        end.inherited = True
    if packet.flags & _SYN:
        return False
    if packet.seq == (newest.start_seq + newest.next_rel) & _MASK32:
        newest.next_rel += packet.payload_len  # for conn.log it is the newest one's, and not missing there
        newest.top_rel = max(newest.top_rel, newest.next_rel)
    _read(reassembler, flow, older, end, packet, ts)
    return True


def _ahead(seq: int, end: Endpoint) -> int:
    """How far ahead a number is of what is expected of `end`."""
    return seq_delta(seq, (end.start_seq + end.next_rel) & _MASK32)


def _distances(packet: Packet, end: Endpoint) -> tuple[int, int]:
    """How far the segment, sent by `end`, is from what is expected, and what it acknowledges from what was seen."""
    acked = _NOWHERE
    if packet.flags & _ACK and end.peer.is_numbered():
        acked = abs(_ahead(packet.ack, end.peer))
    return (abs(_ahead(packet.seq, end)) if end.is_numbered() else acked, acked)


def _read(reassembler: Reassembler, flow: Flow, older: Flow, end: Endpoint, packet: Packet, ts: int) -> None:
    """What TcpMachine.segment does with a segment's bytes."""
    peer = end.peer
    length = packet.payload_len
    rel = end.next_rel + _ahead(packet.seq, end)
    if packet.flags & _ACK and peer.is_numbered():
        acked = _ahead(packet.ack, peer)
        if -_NEAR < acked < _NEAR:
            reassembler.acked(older, peer, peer.next_rel + acked, ts)
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
