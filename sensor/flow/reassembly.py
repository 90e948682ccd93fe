"""A flow's segments in, its bytes in order to the reader out. A gap is told, never filled.

First copy wins (as Zeek; a later copy with other bytes is the weird rexmit_inconsistency). A hole is given up when the
peer acknowledges it, when too much waits above it or for too long, or when the flow ends. An acknowledged hole may
still be filled for a little while (late.py), else a later segment is dropped.
Each payload byte is counted once, as delivered, duplicate or discarded; bytes never seen are counted as gap.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Final

from sensor.flow.beginning import read_against, read_other
from sensor.flow.copies import keep_copy, keep_unacked, tell_conflict
from sensor.flow.delivery import Delivery, ReaderFactory
from sensor.flow.late import Late
from sensor.flow.ledger import Ledger
from sensor.flow.lost import read_lost
from sensor.flow.state import Endpoint, Flow, Segment
from sensor.flow.stream import END_OF_INPUT, FIN, RESET, TIMEOUT
from sensor.settings import FlowSettings

# As in state.py, C constants when compiled.
_CLOSED: Final = 5
_RESET: Final = 6
_ESTABLISHED: Final = 4
_NOBODY: Final = 1

_FAR: Final = 1 << 20  # a segment this far above what is expected is out of any window that we hold a buffer for
_UPPER_G, _SMALL_G = b"Gg"  # the history's letters for a gap
_FAR_RUN: Final = 4  # ... unless so many come one behind the other: then it is we who lost more than that


def first_behind(pieces: list[Segment], rel: int) -> int:
    """Where the first of `pieces`, apart and in order, stands that ends behind `rel`; their number if none."""
    high = len(pieces)
    last: int = pieces[high - 1][1] if high else rel
    if last <= rel:
        return high  # nearly always: segments come in order
    low = 0
    while low < high:
        middle = (low + high) >> 1
        last = pieces[middle][1]
        if last <= rel:
            low = middle + 1
        else:
            high = middle
    return low


class Reassembler(Delivery):
    """Holds what all flows share: limits, counters, and `raw`, the buffer of the frames being walked."""

    def __init__(
        self, settings: FlowSettings, make_reader: ReaderFactory, out: list[object], ledger: Ledger | None = None
    ) -> None:
        super().__init__(settings, make_reader, out, ledger)
        self.raw: bytes | memoryview = b""
        self.payload_bytes = 0
        self.delivered_bytes = 0
        self.duplicate_bytes = 0
        self.acks = self.ack_gaps = 0  # Zeek's gap_stats: acknowledgments of something new, those for bytes not seen

    def data(self, flow: Flow, end: Endpoint, rel: int, pos: int, length: int, captured: int, ts: int) -> None:
        """`length` payload bytes at sequence `rel`, of which `captured` lie at raw[pos:]; the others were cut off."""
        captured = max(captured, 0)
        if captured < length:
            self.weird(flow, ts, "truncated_tcp_payload")
            self.discards.cut += length - captured
            length = captured
        self.payload_bytes += length
        upper = rel + length
        end.top_rel = max(end.top_rel, upper)
        if length == 0:
            return
        if rel < end.next_rel:
            if end.lost is not None and read_lost(self, flow, end, rel, pos, length, ts):
                return
            if end.recent is not None or end.held is not None or flow.late is not None:
                self.compare(flow, end, rel, pos, length, ts)
            cut = min(end.next_rel - rel, length)
            if flow.late is not None:
                self.fill(flow, end, rel, pos, cut, ts)
            else:
                self.duplicate_bytes += cut
            if cut >= length:
                return
            pos += cut
            length -= cut
            rel = end.next_rel
        if end.over and not self.goes_on(flow, end, rel, pos, length, ts):
            self.discards.behind_fin += length
            if rel == end.next_rel:
                end.next_rel = upper
            return
        if rel == end.next_rel and end.held is None:
            end.next_rel, end.last_data_ts = upper, ts
            self.delivered_bytes += length
            if end.peer.recent is not None and end.peer.trim_rel >= end.peer.next_rel:
                self.forget(end.peer)  # it is answered: no other copy of that matters any more
            if flow.reading != _NOBODY:
                self.hand(flow, end, self.raw, pos, length, ts)
            return
        if rel - end.next_rel > _FAR:
            if end.lost is not None and read_lost(self, flow, end, rel, pos, length, ts):
                return
            if rel == end.far_next:
                end.far_count += 1
            else:
                end.far_count = 1
            end.far_next = upper
            if end.far_count < _FAR_RUN:
                if end.far_count == 1:
                    self.weird(flow, ts, "segment_out_of_window")
                self.discards.out_of_window += length
                return
            self.give_up(flow, end, rel, False, ts)
        end.far_count = 0
        self.hold(flow, end, rel, pos, length, ts)
        self.drain(flow, end, ts)
        while end.held is not None and (
            end.held_bytes > self.hole_bytes
            or len(end.held) > self.max_held_segments
            or self.waited(end.hole_since, ts) > self.hole_ns
            or self.total_held > self.max_total
        ):
            self.tell_full(flow, end, ts)
            first = end.held[0]
            self.give_up(flow, end, first[0], False, ts)

    def tell_full(self, flow: Flow, end: Endpoint, ts: int) -> None:
        """A hole is given up; which limit is it that was reached?"""
        if end.held_bytes > self.hole_bytes:
            self.full_bytes += 1
            if end.trim_rel <= 1:
                self.weird(flow, ts, "above_hole_data_without_any_acks")
        elif end.held is not None and len(end.held) > self.max_held_segments:
            self.full_segments += 1
            self.weird(flow, ts, "excessive_out_of_order_segments")
        elif self.total_held > self.max_total:
            self.full_total += 1
            self.weird(flow, ts, "excessive_reassembly_bytes")
        else:
            self.waited_long += 1

    def goes_on(self, flow: Flow, end: Endpoint, rel: int, pos: int, length: int, ts: int) -> bool:
        """A direction is over, and has more to say: raw[pos : pos + length] at `rel`. Does anyone want to hear it?"""
        if flow.reading == _NOBODY or end.skip < 0 or rel - end.next_rel > _FAR:
            return False
        if length == 1 and rel == end.fin_rel - 1 and self.raw[pos] == 0:
            return False  # a keep-alive (RFC 9293 section 3.8.4) of a side that has closed
        self.reopen(flow, end, ts)
        return True

    def hold(self, flow: Flow, end: Endpoint, rel: int, pos: int, length: int, ts: int) -> None:
        """Keep what is new of raw[pos : pos + length] at `rel` above the hole; first copy wins."""
        if end.held is None:
            end.held = []
            end.hole_since = ts
        else:
            self.compare(flow, end, rel, pos, length, ts)
        held = end.held
        upper = rel + length
        i = first_behind(held, rel)
        if i < len(held):
            first: int = held[i][0]
            last: int = held[i][1]
            if first < rel:
                cut = min(last - rel, length)
                self.duplicate_bytes += cut
                rel += cut
                pos += cut
                i += 1
        while rel < upper:
            stop = upper
            if i < len(held):
                first = held[i][0]
                stop = min(stop, first)
            if stop > rel:
                chunk = None
                if flow.reading != _NOBODY and end.skip >= 0:
                    chunk = bytes(self.raw[pos : pos + stop - rel])
                    self.hold_more(stop - rel)
                    end.held_bytes += stop - rel
                self.charge(flow, 0 if chunk is None else stop - rel)
                held.insert(i, (rel, stop, chunk))
                pos += stop - rel
                rel = stop
                i = i + 1 if chunk is not None else self.join_ranges(held, i)
            if i < len(held) and rel < upper:
                last = held[i][1]
                cut = min(last, upper) - rel
                self.duplicate_bytes += cut
                pos += cut
                rel += cut
                i += 1

    def join_ranges(self, held: list[Segment], i: int) -> int:
        """Nobody reads held[i]: it becomes one range with its neighbours, however many segments they were. The index of
        the first one that does not end where it ended."""
        first: int = held[i][0]
        last: int = held[i][1]
        if i > 0 and held[i - 1][1] == first and held[i - 1][2] is None:
            first = held[i - 1][0]
            del held[i]
            i -= 1
        after = i + 1
        if after < len(held) and held[after][0] == last and held[after][2] is None:
            last = held[after][1]
            del held[after]
            after = i
        held[i] = (first, last, None)
        return after

    def drain(self, flow: Flow, end: Endpoint, ts: int) -> None:
        """Deliver what is held from `next_rel` on, up to the next hole."""
        while end.held is not None:
            first, last, chunk = end.held[0]
            if first > end.next_rel:
                return
            del end.held[0]
            if not end.held:
                end.held = None
            else:
                end.hole_since = ts
            size = last - first
            if chunk is not None:
                end.held_bytes -= size
                self.total_held -= size
            if last <= end.next_rel:
                self.discards.too_late += size  # given up before it was its turn
                continue
            cut = end.next_rel - first
            if cut > 0:
                self.discards.too_late += cut
            end.next_rel = last
            if end.over:
                self.discards.behind_fin += last - first - cut
                continue
            end.last_data_ts = ts
            self.delivered_bytes += last - first - cut
            if flow.reading != _NOBODY and chunk is not None:
                self.hand(flow, end, chunk, cut, last - first - cut, ts)

    def give_up(self, flow: Flow, end: Endpoint, up_to: int, acked: bool, ts: int) -> None:
        """What is missing below `up_to` will not come any more: tell the gaps, deliver what lies between them."""
        while end.next_rel < up_to:
            stop = up_to
            if end.held is not None:
                first: int = end.held[0][0]
                stop = min(stop, first)
            if stop > end.next_rel:
                self.gap(flow, end, stop - end.next_rel, acked, ts)
            self.drain(flow, end, ts)
        self.drain(flow, end, ts)

    def gap(self, flow: Flow, end: Endpoint, length: int, acked: bool, ts: int) -> None:
        """`length` bytes at `next_rel` are lost. conn.log counts them, as Zeek, only if the peer has acknowledged them
        and both ends are established or were. The reader learns of it now or, if they may still come, later."""
        first = end.next_rel
        end.next_rel += length
        if acked:
            self.count_gap(flow, end, first, end.next_rel)
        if end.over:
            return  # behind the FIN
        if flow.late is None:
            if not acked or flow.reading == _NOBODY or (end.skip and length > 1):  # one may be a FIN, not seen yet
                self.tell_gap(flow, end, first, length, ts)
                return
            flow.late = Late()
        flow.late.lose(end, first, end.next_rel, ts)
        self.charge(flow, 0)

    def count_gap(self, flow: Flow, end: Endpoint, first: int, last: int) -> None:
        """For conn.log: the peer acknowledged bytes `first` to `last` - 1, which were not seen; each counts once."""
        peer = end.peer
        first = max(first, end.missed_rel)
        if (
            first < last
            and not end.dropped
            and (end.state == _ESTABLISHED or (end.state == _CLOSED and end.prev_state == _ESTABLISHED))
            and (peer.state == _ESTABLISHED or (peer.state == _CLOSED and peer.prev_state == _ESTABLISHED))
        ):
            flow.gap_bytes += last - first
            end.missed_rel = last
            end.gap_cnt += 1
            if end.gap_cnt == end.gap_next:
                end.gap_next *= 10
                flow.note(_UPPER_G if end.is_orig else _SMALL_G)

    def fill(self, flow: Flow, end: Endpoint, rel: int, pos: int, length: int, ts: int) -> None:
        """raw[pos : pos + length] lie before `next_rel`: some of them may be missing all the same."""
        late = flow.late
        placed = 0 if late is None else late.fill(end, rel, bytes(self.raw[pos : pos + length]), ts)
        self.hold_more(placed)
        self.delivered_bytes += placed
        self.duplicate_bytes += length - placed
        if placed:
            end.last_data_ts = max(end.last_data_ts, ts)
            flow.gap_bytes -= min(placed, flow.gap_bytes)  # acknowledged before it came, and not missed after all
            self.go_on(flow, False)

    def acked(self, flow: Flow, end: Endpoint, rel: int, ts: int) -> None:
        """The peer acknowledged everything below `rel`: what of it was not seen is lost (Zeek: Undelivered)."""
        told = rel
        if end.fin_cnt > 0 and rel >= end.fin_rel:
            rel = end.fin_rel - 1
        if rel <= end.trim_rel:
            return
        if told - end.next_rel > _FAR and not -_FAR <= told - end.top_rel <= _FAR:
            # As for a segment far ahead: one who makes up an acknowledgment, or octets and one below, is not believed.
            end.far_acks += 1
            if end.far_acks == 1:
                self.count_gap(flow, end, end.next_rel, rel)
                self.count_ack(end, rel)
            if end.far_acks < _FAR_RUN:
                return
        if not end.far_acks:
            self.count_ack(end, rel)
        end.far_acks = 0
        end.trim_rel = rel
        if self.total_recent > self.max_recent:
            keep_unacked(self, end)
        if rel > end.next_rel:
            if rel <= 2 and flow.partial:
                return  # a keep-alive opened a flow seen from its middle: the byte it acknowledges is not ours to miss
            if end.next_rel == 1 and (end.fin_cnt or end.rst_cnt or end.peer.fin_cnt or end.peer.rst_cnt):
                # A capture filtered to SYN, FIN and RST: no data ever came (Zeek: detect_filtered_trace).
                end.dropped = True
            self.give_up(flow, end, rel, True, ts)

    def count_ack(self, end: Endpoint, rel: int) -> None:
        """For capture_loss.log: the peer acknowledged something new, up to `rel` (Zeek: TCP_Reassembler::AckReceived).

        Counted only while both ends are established, as there: what came before a flow was first seen is no loss.
        """
        if end.state == _ESTABLISHED and end.peer.state == _ESTABLISHED:
            self.acks += 1
            if rel > end.next_rel:
                self.ack_gaps += 1

    def compare(self, flow: Flow, end: Endpoint, rel: int, pos: int, length: int, ts: int) -> None:
        """Does a retransmission say the same as the copy that was taken?"""
        if length == 1 and rel == end.next_rel - 1 and rel < end.trim_rel and end.others is None:
            return  # a keep-alive (RFC 9293 section 3.8.4): any octet
        waiting = None if flow.late is None else [(p.first, p.last, p.chunk) for p in flow.late.pieces if p.end is end]
        for kept in (end.recent, end.held, waiting):
            if kept is None:
                continue
            i = 0 if kept is waiting else first_behind(kept, rel)
            while i < len(kept) and kept[i][0] < rel + length:
                first, last, chunk = kept[i]
                i += 1
                low = max(first, rel)
                high = min(last, rel + length)
                if low < high and chunk is not None:
                    raw = bytes(self.raw[pos + low - rel : pos + high - rel])
                    if raw != chunk[low - first : high - first]:
                        if length == 1 and end.may_probe(ts):
                            keep_copy(self, end, rel, raw)  # of one octet nothing is told
                            return
                        self.weird(flow, ts, "rexmit_inconsistency")
                        other = bytes(self.raw[pos : pos + length])
                        if not read_other(self, flow, end, rel, other, ts):
                            tell_conflict(self, flow, end, rel, other, ts)
                        return

    def fin_reached(self, flow: Flow, end: Endpoint, ts: int) -> None:
        """All bytes up to the FIN are there: the direction is over. A FIN further back is an old or a forged one."""
        if not end.over and end.next_rel <= end.fin_rel:
            self.close(flow, end, FIN, ts)

    def finish(self, flow: Flow, ts: int, at_end: bool) -> None:
        """The flow is over: what is still held is delivered behind its gaps, and both directions are closed."""
        orig, resp = flow.orig, flow.resp
        how = RESET if orig.rst_cnt or resp.rst_cnt else END_OF_INPUT if at_end else TIMEOUT
        if orig.held is not None or resp.held is not None:
            for end in (orig, resp):
                if end.held is not None:
                    last: int = end.held[-1][1]
                    self.give_up(flow, end, last, False, ts)
        self.go_on(flow, True)
        if orig.prefix is not None or resp.prefix is not None:
            read_against(self, flow, ts)
        self.settle_doubt(flow)
        if orig.fin_ts or resp.fin_ts:
            self.finish_unfinished(flow)
        for end in (orig, resp):
            if not end.over:
                end.over = True
                self.tell_close(flow, end, FIN if end.fin_cnt and how != RESET else how, ts)
            if end.recent is not None or end.others is not None:
                self.forget(end)

    def finish_unfinished(self, flow: Flow) -> None:
        """Nothing came behind the FINs that cut something off: in their order they are told."""
        for end in sorted([end for end in (flow.orig, flow.resp) if end.fin_ts], key=attrgetter("fin_ts")):
            if end.fin_ts:  # the other's end may have been its end
                self.tell_close(flow, end, FIN, end.fin_ts)
