"""One TCP segment into the state of its flow: Zeek's endpoint machine, history, sizes, and when a flow is over.

The semantics are Zeek's (src/packet_analysis/protocol/tcp/TCPSessionAdapter.cc, read for its rules) so that conn.log
says the same; where Zeek's arithmetic fails (2**31 bytes without a wrap) ours does not.
"""

from __future__ import annotations

from typing import Final

from sensor.flow.conn import Connection
from sensor.flow.decode import Packet
from sensor.flow.older import acknowledges_older, is_of_older, renumber
from sensor.flow.reassembly import Reassembler
from sensor.flow.seq import seq_delta
from sensor.flow.state import SENT_SYN, SENT_SYN_ACK, Endpoint, Flow
from sensor.flow.uid import render_uid

# As in state.py, C constants when compiled.
_INACTIVE: Final = 0
_SYN_SENT: Final = 1
_SYN_ACK_SENT: Final = 2
_PARTIAL: Final = 3
_ESTABLISHED: Final = 4
_CLOSED: Final = 5
_RESET: Final = 6
_ATTACHED: Final = 2

# TCP flags (RFC 9293 3.1).
_FIN: Final = 1
_SYN: Final = 2
_RST: Final = 4
_ACK: Final = 16
_URG: Final = 32

_MASK32: Final = 0xFFFFFFFF
_TOO_LARGE: Final = 1048576  # a jump in a SYN or RST that is not believed (Zeek TOO_LARGE_SEQ_DELTA)
_S: Final = 1_000_000_000
_NO_FIN: Final = 1 << 60  # as in delivery.py
_NEAR: Final = 1 << 20  # as _FAR in reassembly.py
_IN_FLIGHT: Final = 1 << 26  # more octets are sent nowhere before the first of them is acknowledged

# Marks of history letters that are written once.
_H_SYN: Final = 1
_H_FIN: Final = 2
_H_RST: Final = 4
_H_DATA: Final = 8
_H_ACK: Final = 16
_H_FIN_RST: Final = 32
_H_MULTI: Final = 64
_SENT_SYN: Final = SENT_SYN
_SENT_SYN_ACK: Final = SENT_SYN_ACK

# The letters themselves; the responder's are small.
_UPPER_A, _UPPER_D, _UPPER_F, _UPPER_H, _UPPER_I, _UPPER_Q, _UPPER_R, _UPPER_S, _UPPER_T, _UPPER_W = b"ADFHIQRSTW"
_SMALL: Final = 32


class TcpMachine:
    """Applies segments to flows. Delays in nanoseconds of packet time."""

    def __init__(
        self, reassembler: Reassembler, attempt_ns: int, linger_ns: int, idle_ns: int, half_idle_ns: int
    ) -> None:
        self.reassembler = reassembler
        self.attempt_ns = attempt_ns
        self.linger_ns = linger_ns
        self.idle_ns = idle_ns
        self.half_idle_ns = half_idle_ns
        self.unread_idle_ns = 0  # in emergency mode: how long a flow may be idle that nobody reads

    def segment(self, flow: Flow, end: Endpoint, packet: Packet, ts: int) -> None:
        """`end` sent the segment that `packet` holds, at `ts`."""
        peer = end.peer
        flags = packet.flags
        length = packet.payload_len
        control = flags & (_SYN | _FIN | _RST)

        # Whether the flow was seen from its start.
        if end.is_orig:
            if not flow.seen_orig:
                flow.partial = (flags & (_SYN | _ACK)) != _SYN
        elif not flow.seen_resp and not flow.partial:
            flow.partial = not flags & _SYN

        # Sequence space taken: SYN and FIN one each; a RST's data is not part of the stream.
        span = 0 if flags & _RST else length
        if flags & _SYN:
            span += 1
        if flags & _FIN:
            span += 1
        upper_seq = (packet.seq + span) & _MASK32

        if control & _SYN or end.state == _INACTIVE:
            self.start(flow, end, flags, packet.seq, upper_seq, ts)
        rel = end.last_rel + seq_delta(packet.seq, end.last_seq)
        # What goes on from another flow began before this one's numbers do.
        underflow = rel < 0 and not (end.inherited and rel > end.next_rel - _NEAR)
        if underflow and not flags & _RST:
            self.reassembler.weird(flow, ts, "TCP_seq_underflow_or_misorder")

        self.note_history(flow, end, flags, control, rel, length)
        if rel - end.next_rel > _NEAR:
            rel = unwrap(end, packet.seq, rel)
        if packet.window == 0 and not flags & _RST and peer.state != _CLOSED and end.state != _RESET:
            end.zero_cnt += 1
            if end.zero_cnt == end.zero_next:
                end.zero_next *= 10
                flow.note(_UPPER_W if end.is_orig else _UPPER_W | _SMALL)
        if not (flow.orig.did_close and flow.resp.did_close) and ts > flow.last_ts:
            flow.last_ts = ts

        if control:
            if flags & _SYN:
                if flags & _RST:
                    self.reassembler.weird(flow, ts, "TCP_christmas")
                if flags & _URG:
                    self.reassembler.weird(flow, ts, "baroque_SYN")
                if length > 0:
                    self.reassembler.weird(flow, ts, "SYN_with_data")
            if flags & _FIN:
                end.fin_cnt += 1
                end.fin_rel = rel + span
            if flags & _RST:
                end.rst_cnt += 1

        if flags & _URG and not flags & _SYN and (length > 0 or not control):
            # The octet that the pointer names stays in the stream, as Zeek has it; who does not ask for it in line
            # (SO_OOBINLINE) reads it apart (RFC 6093).
            self.reassembler.weird(flow, ts, "TCP_urgent_data")

        rel_ack = 0
        if flags & _ACK:
            if peer.state == _INACTIVE:
                rel_ack = 1
                if not control and end.state in {_SYN_SENT, _SYN_ACK_SENT, _ESTABLISHED}:
                    self.reassembler.weird(flow, ts, "possible_split_routing")
                # Number the peer's bytes as if its SYN had been seen.
                peer.start_seq = (packet.ack - 1) & _MASK32
                peer.ack_seq = peer.start_seq
                peer.ack_rel = 0
                peer.last_seq = peer.start_seq
                peer.last_rel = 0
                if peer.inherited:
                    rebase(flow, peer)
            else:
                delta = seq_delta(packet.ack, peer.ack_seq)
                rel_ack = peer.ack_rel + delta
                if rel_ack < 0:
                    rel_ack = 0
                    self.reassembler.weird(flow, ts, "TCP_ack_underflow_or_misorder")
                elif not flags & _RST and delta > 0 and (packet.ack != 0 or delta <= _TOO_LARGE):
                    peer.ack_seq = packet.ack
                    peer.ack_rel = rel_ack
                if rel_ack - peer.next_rel > _NEAR:
                    rel_ack = unwrap(peer, packet.ack, rel_ack)

        delta_last = seq_delta(upper_seq, end.last_seq)
        if flags & (_SYN | _RST) and (delta_last > _TOO_LARGE or delta_last < -_TOO_LARGE):
            pass  # not believed
        elif flags & _FIN and end.last_seq == (end.start_seq + 1) & _MASK32:
            end.last_seq = upper_seq
            end.last_rel += delta_last
        elif end.state == _RESET:
            pass
        elif delta_last > 0:
            end.last_seq = upper_seq
            end.last_rel += delta_last
        elif length > 0:
            end.rxmt_cnt += 1
            if end.rxmt_cnt == end.rxmt_next:
                end.rxmt_next *= 10
                flow.note(_UPPER_T if end.is_orig else _UPPER_T | _SMALL)

        do_close = self.advance(flow, end, peer, flags, packet.seq, packet.ack, length, delta_last, ts)

        if flags & _ACK:
            if flow.older is None or not acknowledges_older(self.reassembler, flow, end, packet, rel_ack):
                self.reassembler.acked(flow, peer, rel_ack, ts)
            self.check_eof(flow, peer, ts)
        if end.is_orig:
            flow.seen_orig = True
        else:
            flow.seen_resp = True
        if flow.older is not None and is_of_older(self.reassembler, flow, end, packet, ts):
            pass
        elif length > 0:
            if not flags & _RST and not underflow:
                if flags & _SYN:
                    rel += 1
                if (end.rst_cnt or peer.rst_cnt) and rel + length > end.next_rel:
                    self.reassembler.doubt(flow, ts)  # one of them has not sent the RST, or not obeyed it
                self.reassembler.data(flow, end, rel, packet.payload_pos, length, packet.payload_cap, ts)
            else:
                size = packet.payload_cap if packet.payload_cap < length else length
                if size > 0:
                    self.reassembler.payload_bytes += size
                    if underflow:
                        self.reassembler.discards.before_start += size
                    else:
                        self.reassembler.discards.with_reset += size
        if end.fin_cnt or end.rst_cnt:
            self.check_eof(flow, end, ts)
        if end.fin_cnt and end.next_rel >= end.fin_rel - 1 and not end.over:
            self.reassembler.fin_reached(flow, end, ts)
        if do_close:
            self.close(flow, end, peer)
        if flow.late is not None:
            self.reassembler.wait(flow, ts)

    def start(self, flow: Flow, end: Endpoint, flags: int, seq: int, upper_seq: int, ts: int) -> None:
        """Where an endpoint's numbering starts: at its SYN, or where the SYN would have been."""
        if end.state == _INACTIVE:
            if flags & _SYN:
                end.start_seq = seq
            else:
                first = (seq - 1) & _MASK32
                far = end.start_seq != 0 and abs(seq_delta(first, end.start_seq)) > _IN_FLIGHT
                if far and not renumber(self.reassembler, flow, end, first, ts):
                    return  # its peer has acknowledged other numbers
                end.start_seq = first
                upper_seq = seq  # so that the first segment is not taken for a repetition
        elif end.state in {_SYN_SENT, _SYN_ACK_SENT}:
            if seq == end.start_seq:
                return
            self.reassembler.weird(flow, ts, "SYN_seq_jump")
            if not renumber(self.reassembler, flow, end, seq, ts):
                return
        elif end.state == _RESET and end.prev_state == _INACTIVE and end.top_rel == 1 and not end.hist_mask & _H_SYN:
            end.start_seq = seq  # what came before was numbered by a RST, which may have been forged
        elif end.state in {_CLOSED, _RESET}:
            # Zeek's keeps the numbers. Those of a FIN without a SYN before it, or by which nothing was acknowledged,
            # may be anybody's, and all that comes by the true ones would be read as from before the start.
            if seq == end.start_seq or (end.hist_mask & _H_SYN and end.next_rel > 1 and end.ack_rel > 0):
                return
            if not renumber(self.reassembler, flow, end, seq, ts):
                return
            end.fin_rel = _NO_FIN
            end.hist_syn = end.hist_fin = -1  # these letters are written anew, as by the numbers that Zeek's keeps
        else:
            if end.size() > 0:
                self.reassembler.weird(flow, ts, "SYN_inside_connection")
            if seq != end.start_seq:
                self.reassembler.weird(flow, ts, "SYN_seq_jump")
                if not renumber(self.reassembler, flow, end, seq, ts):
                    return
        end.ack_seq = end.start_seq
        end.ack_rel = 0
        end.last_seq = upper_seq
        end.last_rel = seq_delta(upper_seq, end.start_seq)
        if end.inherited:
            rebase(flow, end)

    def note_history(self, flow: Flow, end: Endpoint, flags: int, control: int, rel: int, length: int) -> None:
        """The letter this segment adds to conn.log's history, if any."""
        mark = 0
        letter = 0
        again = False
        if control == 0:
            if length:
                mark, letter = _H_DATA, _UPPER_D
            elif flags & _ACK:
                mark, letter = _H_ACK, _UPPER_A
            else:
                return
        elif control == _SYN:
            if flags & _ACK:
                mark, letter = _H_SYN, _UPPER_H
                end.hist_mask |= _SENT_SYN_ACK
            else:
                mark, letter = _H_SYN, _UPPER_S
                end.hist_mask |= _SENT_SYN
            again = rel != end.hist_syn
            end.hist_syn = rel
        elif control == _FIN:
            mark, letter = _H_FIN, _UPPER_F
            again = rel + length != end.hist_fin
            end.hist_fin = rel + length
        elif control == _RST:
            mark, letter = _H_RST, _UPPER_R
            again = rel != end.hist_rst
            end.hist_rst = rel
        elif control & _FIN and control & _RST:
            mark, letter = _H_FIN_RST, _UPPER_I
        else:
            mark, letter = _H_MULTI, _UPPER_Q
        if not end.hist_mask & mark:
            end.hist_mask |= mark
        elif not again:
            return
        flow.note(letter if end.is_orig else letter | _SMALL)

    def advance(
        self,
        flow: Flow,
        end: Endpoint,
        peer: Endpoint,
        flags: int,
        seq: int,
        ack: int,
        length: int,
        delta_last: int,
        ts: int,
    ) -> bool:
        """The endpoint state machine. True if this segment closes `end`."""
        state = end.state
        if state in {_ESTABLISHED, _PARTIAL}:
            if not flags & (_SYN | _FIN | _RST):
                return False
            if flags & _SYN and state == _PARTIAL and peer.state == _INACTIVE and not flags & _ACK:
                self.reassembler.weird(flow, ts, "SYN_after_partial")
                self.enter(flow, end, _SYN_SENT)
            if flags & _RST:
                self.enter(flow, end, _RESET)
                return True
            if flags & _FIN:
                self.enter(flow, end, _CLOSED)
                if peer.state == _RESET and peer.prev_state == _CLOSED:
                    self.enter(flow, peer, _CLOSED)  # FIN, then RST, of the peer: it was an ordinary end
                return True
            return False
        if state == _INACTIVE:
            return self.advance_inactive(flow, end, peer, flags, seq, ack, length, ts)
        if state in {_SYN_SENT, _SYN_ACK_SENT}:
            closes = False
            if flags & _FIN:
                if peer.state in {_INACTIVE, _SYN_SENT}:
                    self.reassembler.weird(flow, ts, "inappropriate_FIN")
                self.enter(flow, end, _CLOSED)
                closes = True
            if flags & _RST:
                self.enter(flow, end, _RESET)
                closes = True
            elif length > 0:
                self.reassembler.weird(flow, ts, "data_before_established")
            return closes
        if state == _CLOSED:
            if flags & _SYN:
                self.reassembler.weird(flow, ts, "SYN_after_close")
            if flags & _FIN and delta_last > 0:
                self.reassembler.weird(flow, ts, "FIN_advanced_last_seq")
            if flags & _RST and peer.state != _CLOSED:
                self.enter(flow, end, _RESET)
                return not end.did_close
            return False
        if flags & _SYN:
            self.reassembler.weird(flow, ts, "SYN_after_reset")
        if length > 0 and not flags & _RST:
            self.reassembler.weird(flow, ts, "data_after_reset")
        return False

    def advance_inactive(
        self, flow: Flow, end: Endpoint, peer: Endpoint, flags: int, seq: int, ack: int, length: int, ts: int
    ) -> bool:
        """The first segment of an endpoint."""
        closes = False
        if flags & _SYN:
            if end.is_orig:
                if flags & _ACK:
                    self.reassembler.weird(flow, ts, "connection_originator_SYN_ack")
                    self.enter(flow, end, _SYN_ACK_SENT)
                else:
                    self.enter(flow, end, _SYN_SENT)
            else:
                if flags & _ACK:
                    if peer.state not in {_INACTIVE, _PARTIAL} and not (
                        seq_delta(ack, peer.start_seq) >= 0 and seq_delta(peer.last_seq, ack) >= 0
                    ):
                        self.reassembler.weird(flow, ts, "bad_SYN_ack")
                elif peer.state == _SYN_ACK_SENT and seq == end.start_seq:
                    # The SYN comes behind the SYN-ACK (two interfaces, read one after the other): turn the flow round.
                    flow.flip()
                    self.enter(flow, peer, _ESTABLISHED)
                else:
                    self.reassembler.weird(flow, ts, "simultaneous_open")
                if peer.state == _SYN_SENT:
                    self.enter(flow, peer, _ESTABLISHED)
                self.enter(flow, end, _ESTABLISHED)
        if flags & _FIN:
            self.enter(flow, end, _CLOSED)
            closes = True
        if flags & _RST:
            self.enter(flow, end, _RESET)
            closes = True
        if end.state == _INACTIVE:
            if not end.is_orig and length == 0 and flow.orig.state == _SYN_SENT:
                return closes  # some stacks acknowledge a SYN before they answer it
            if flags & _ACK and not end.is_orig and peer.state == _SYN_ACK_SENT:
                # The SYN was missed, and the answer to a SYN-ACK tells who is who.
                flow.history = flow.history.swapcase()
                flow.flip()
                flow.history = "^" + flow.history[:-1]
                self.enter(flow, peer, _ESTABLISHED)
                self.enter(flow, end, _ESTABLISHED)
            elif flags & _ACK and peer.state == _ESTABLISHED:
                self.enter(flow, end, _ESTABLISHED)  # only the SYN was missed
                flow.partial = False
            else:
                self.enter(flow, end, _PARTIAL)
        return closes

    def enter(self, flow: Flow, end: Endpoint, state: int) -> None:
        """Another state than it is in."""
        if state > _SYN_ACK_SENT:
            flow.established = True  # from now on the longer inactivity timeout holds
        end.prev_state = end.state
        end.state = state

    def data_pending(self, end: Endpoint) -> bool:
        """Is there data before the endpoint's last sequence number that was neither delivered nor given up?"""
        if end.dropped:
            return False
        if end.last_rel < end.next_rel:
            return False
        if end.next_rel not in {end.last_rel - 1, end.last_rel}:
            return True
        return end.state != _RESET and end.peer.top_rel > end.peer.trim_rel

    def check_eof(self, flow: Flow, end: Endpoint, ts: int) -> None:
        if end.did_eof or not (end.fin_cnt or end.state >= _CLOSED) or self.data_pending(end):
            return
        end.did_eof = True
        if end.fin_cnt and not end.over and end.next_rel >= end.fin_rel - 1:
            self.reassembler.fin_reached(flow, end, ts)
        if flow.close_deferred:
            self.close(flow, end, end.peer)
            flow.close_deferred = False

    def close(self, flow: Flow, end: Endpoint, peer: Endpoint) -> None:
        """`end` has sent its FIN or RST."""
        if self.data_pending(end):
            flow.close_deferred = True
            return
        flow.close_deferred = False
        if end.did_close:
            return
        end.did_close = True
        if end.state == _RESET or peer.did_close or peer.state == _INACTIVE:
            flow.delete_at = flow.last_ts + self.linger_ns
        elif end.prev_state != _INACTIVE:
            flow.half_closed_ts = flow.last_ts

    def deadline(self, flow: Flow) -> int:
        """When the flow is over if nothing more is heard of it; nanoseconds."""
        orig = flow.orig.state
        resp = flow.resp.state
        if flow.delete_at:
            return flow.delete_at
        idle = self.idle_ns if flow.established else self.half_idle_ns
        if self.unread_idle_ns and idle > self.unread_idle_ns and flow.reading != _ATTACHED:
            idle = self.unread_idle_ns
        due = flow.last_ts + idle
        if resp == _INACTIVE and orig in {_SYN_SENT, _SYN_ACK_SENT}:
            return min(due, flow.first_ts + self.attempt_ns)
        if (
            (flow.orig.did_close and flow.resp.did_close)
            or (
                (flow.orig.did_close or flow.resp.did_close)
                and (orig in {_RESET, _INACTIVE} or resp in {_RESET, _INACTIVE})
            )
            or (orig == _INACTIVE and resp == _INACTIVE)
        ):
            # Zeek looks every 6 s (tcp_session_timer), from 5 s after the start, whether 5 s passed without a packet.
            tick = flow.first_ts + 5 * _S
            late = flow.last_ts + self.linger_ns - tick
            if late >= 0:
                tick += (late // (6 * _S) + 1) * 6 * _S
            due = min(due, tick)
        return due

    def connection(self, flow: Flow) -> Connection:
        """The flow as conn.log tells it."""
        # Field by field: as arguments of a call each number would be an object.
        record = Connection.__new__(Connection)
        record.flow = flow.flow_id()
        record.ts = flow.first_ts
        record.service = flow.service
        if flow.reader is not None:
            record.service = flow.reader.service
        if record.service is None and flow.tls & 6 == 6:
            record.service = "ssl"
        record.duration = record.orig_bytes = record.resp_bytes = None
        if flow.last_ts > flow.first_ts:
            record.duration = flow.last_ts - flow.first_ts
            record.orig_bytes = flow.orig.size()
            record.resp_bytes = flow.resp.size()
        record.conn_state = conn_state(flow)
        record.missed_bytes = flow.gap_bytes
        record.history = flow.write_history()
        record.orig_pkts = flow.orig.pkts
        record.orig_ip_bytes = flow.orig.ip_bytes
        record.resp_pkts = flow.resp.pkts
        record.resp_ip_bytes = flow.resp.ip_bytes
        record.vlan = flow.vlan if flow.vlan >= 0 else None
        record.inner_vlan = flow.inner_vlan if flow.inner_vlan >= 0 else None
        record.tunnel_parents = ()
        if flow.parent is not None:
            record.tunnel_parents = (render_uid("C", repr(flow.parent).encode()),)
        return record


def rebase(flow: Flow, end: Endpoint) -> None:
    """Its numbering starts anew: what an earlier flow's still holds, or waits for, is carried over."""
    before = end.base_seq
    end.rebase()
    if flow.late is not None:
        flow.late.shift(end, seq_delta(before, end.start_seq))


def unwrap(end: Endpoint, seq: int, rel: int) -> int:
    """Where `seq` is in what `end` says: ahead of what is expected, or not far behind it. By the furthest number that
    was seen it is at `rel`, as Zeek counts: two segments of a stranger, each up to 2**31 ahead, lead that once round.
    """
    ahead = seq_delta(seq, (end.start_seq + end.next_rel) & _MASK32)
    return end.next_rel + ahead if ahead > -_NEAR else rel


def conn_state(flow: Flow) -> str:
    """Zeek's summary of how a TCP connection went (scripts/base/protocols/conn/main.zeek, its order of tests)."""
    orig = flow.orig.state
    resp = flow.resp.state
    if resp == _RESET:
        if orig in {_SYN_SENT, _SYN_ACK_SENT} or (orig == _RESET and flow.orig.size() == 0 and flow.resp.size() == 0):
            return "REJ"
        if orig in {_INACTIVE, _PARTIAL}:
            return "RSTRH"
        return "RSTR"
    if orig == _RESET:
        if resp in {_INACTIVE, _PARTIAL}:
            return "RSTOS0" if _scan_reset(flow.history) else "OTH"
        return "RSTO"
    if orig == _CLOSED and resp == _CLOSED:
        return "SF"
    if orig == _CLOSED:
        return "SH" if resp in {_INACTIVE, _PARTIAL} else "S2"
    if resp == _CLOSED:
        return "SHR" if orig in {_INACTIVE, _PARTIAL} else "S3"
    if orig == _SYN_SENT and resp == _INACTIVE:
        return "S0"
    if orig == _ESTABLISHED and resp == _ESTABLISHED:
        return "S1"
    return "OTH"


def _scan_reset(history: str) -> bool:
    """S (perhaps flipped) and then R of the originator, with no handshake, data or end of its own between."""
    if history.startswith("^"):
        history = history[1:]
    if not history.startswith("S"):
        return False
    for letter in history[1:]:
        if letter == "R":
            return True
        if letter in "HAFGIQ":
            return False
    return False
