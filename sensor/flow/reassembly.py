"""A flow's segments in, its bytes in order to the reader out. A gap is told, never filled.

First copy wins (as Zeek; a later copy with other bytes is the weird rexmit_inconsistency). A hole is given up when the
peer acknowledges it, when too much waits above it or for too long, or when the flow ends; a later segment is dropped.
Each payload byte is counted once, as delivered, duplicate or discarded; bytes never seen are counted as gap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sensor.flow.sniff import PREFIX, looks_like
from sensor.flow.state import Endpoint, Flow
from sensor.flow.stream import END_OF_INPUT, FIN, RESET, TIMEOUT, StreamReader
from sensor.settings import FlowSettings
from sensor.weird import FlowId, Weird

# As in state.py, C constants when compiled.
_CLOSED: Final = 5
_RESET: Final = 6
_ESTABLISHED: Final = 4
_UNDECIDED: Final = 0
_NOBODY: Final = 1
_ATTACHED: Final = 2

_FAR: Final = 1 << 20  # a segment this far above what is expected is out of any window that we hold a buffer for
_FAR_RUN: Final = 4  # ... unless so many come one behind the other: then it is we who lost more than that
_RECENT_SEGMENTS: Final = 64

HTTP: Final = 1
TLS_CLIENT: Final = 2
TLS_SERVER: Final = 4

ReaderFactory = Callable[[FlowId, bool], StreamReader]
"""(flow, probation) -> a reader; probation: the port says nothing, only the first bytes look like HTTP."""


class Reassembler:
    """Holds what all flows share: limits, counters, the output list, and the buffer of the frames being walked."""

    def __init__(self, settings: FlowSettings, make_reader: ReaderFactory, out: list[object]) -> None:
        self.make_reader = make_reader
        self.out = out
        self.raw: bytes | memoryview = b""
        self.ports = frozenset(settings.http_ports)
        self.max_held_bytes = settings.max_ooo_bytes
        self.max_held_segments = settings.max_ooo_segments
        self.max_total = settings.max_reassembly_bytes
        self.hole_bytes = settings.hole_wait_bytes
        self.reorder_ns = int(settings.reorder_wait_s * 1e9)
        self.hole_ns = int(settings.hole_wait_s * 1e9)
        self.total_held = 0
        self.payload_bytes = 0
        self.delivered_bytes = 0
        self.duplicate_bytes = 0
        self.discarded_bytes = 0
        self.gap_bytes = 0
        self.gaps = 0
        self.acks_seen = 0

    def weird(self, flow: Flow, ts: int, name: str) -> None:
        self.out.append(Weird(ts, name, flow.flow_id(), None, "TCP"))

    def data(self, flow: Flow, end: Endpoint, rel: int, pos: int, length: int, captured: int, ts: int) -> None:
        """`length` payload bytes at sequence `rel`, of which `captured` lie at raw[pos:]; the others were cut off."""
        captured = max(captured, 0)
        if captured < length:
            self.weird(flow, ts, "truncated_tcp_payload")
            length = captured
        self.payload_bytes += length
        upper = rel + length
        upper_all = upper
        end.top_rel = max(end.top_rel, upper_all)
        if end.dropped or length == 0:
            self.discarded_bytes += length
            return
        peer = end.peer
        if end.lost_rel and (rel >= end.lost_rel or ts - end.lost_ts > self.reorder_ns):
            # The sender has moved on; so then has the peer, and the reader hears of both losses in their order.
            if peer.lost_rel and peer.lost_ts <= end.lost_ts:
                self.settle(flow, peer, ts)
            self.settle(flow, end, ts)
            self.settle(flow, peer, ts)
        elif peer.lost_rel and (
            (end.reads_as_orig and rel >= end.next_rel and not end.lost_rel) or ts - peer.lost_ts > self.reorder_ns
        ):
            # The requester has acknowledged a reply and asks on, so that it was there. (A reply that goes on says
            # nothing of its request, which it may have overtaken.)
            self.settle(flow, peer, ts)
        if rel < end.next_rel:
            if end.recent is not None or end.held is not None:
                self.compare(flow, end, rel, pos, length, ts)
            cut = end.next_rel - rel
            if cut >= length:
                self.duplicate_bytes += length
                return
            self.duplicate_bytes += cut
            pos += cut
            length -= cut
            rel = end.next_rel
        if rel == end.next_rel and end.held is None:
            end.next_rel += length
            end.last_data_ts = ts
            self.delivered_bytes += length
            if flow.reading != _NOBODY:
                self.hand(flow, end, self.raw, pos, length, ts)
            return
        if rel - end.next_rel > _FAR:
            if rel == end.far_next:
                end.far_count += 1
            else:
                end.far_count = 1
            end.far_next = upper
            if end.far_count < _FAR_RUN:
                if end.far_count == 1:
                    self.weird(flow, ts, "segment_out_of_window")
                self.discarded_bytes += length
                return
            self.give_up(flow, end, rel, ts)
        end.far_count = 0
        self.hold(flow, end, rel, pos, length, ts)
        self.drain(flow, end, ts)
        if end.held is not None and (
            end.held_bytes > self.hole_bytes
            or len(end.held) > self.max_held_segments
            or ts - end.hole_since > self.hole_ns
            or self.total_held > self.max_total
        ):
            if end.trim_rel <= 1 and end.held_bytes > self.hole_bytes:
                self.weird(flow, ts, "above_hole_data_without_any_acks")
            elif len(end.held) > self.max_held_segments:
                self.weird(flow, ts, "excessive_out_of_order_segments")
            first = end.held[0]
            self.give_up(flow, end, first[0], ts)

    def hold(self, flow: Flow, end: Endpoint, rel: int, pos: int, length: int, ts: int) -> None:
        """Keep what is new of raw[pos : pos + length] at `rel` above the hole; first copy wins."""
        if end.held is None:
            end.held = []
            end.hole_since = ts
        else:
            self.compare(flow, end, rel, pos, length, ts)
        held = end.held
        upper = rel + length
        i = len(held)
        while i > 0:  # nearly always the last: segments above a hole come in order
            first: int = held[i - 1][0]
            if first < rel:
                break
            i -= 1
        if i > 0:
            last: int = held[i - 1][1]
            if last > rel:
                cut = min(last - rel, length)
                self.duplicate_bytes += cut
                rel += cut
                pos += cut
        while rel < upper:
            stop = upper
            if i < len(held):
                first = held[i][0]
                stop = min(stop, first)
            if stop > rel:
                chunk = None
                if flow.reading != _NOBODY and end.skip >= 0:
                    chunk = bytes(self.raw[pos : pos + stop - rel])
                    self.total_held += stop - rel
                    end.held_bytes += stop - rel
                elif i > 0 and held[i - 1][1] == rel and held[i - 1][2] is None:
                    i -= 1  # nobody reads it: one range, however many segments
                    first = held[i][0]
                    held[i] = (first, stop, None)
                    pos += stop - rel
                    rel = stop
                    i += 1
                    if i < len(held):
                        first = held[i][0]
                        last = held[i][1]
                        if first == rel and held[i][2] is None:
                            first = held[i - 1][0]
                            held[i - 1] = (first, last, None)
                            del held[i]
                            cut = min(last, upper) - rel
                            if cut > 0:
                                self.duplicate_bytes += cut
                                pos += cut
                                rel += cut
                    continue
                held.insert(i, (rel, stop, chunk))
                i += 1
                pos += stop - rel
                rel = stop
            if i < len(held) and rel < upper:
                last = held[i][1]
                cut = min(last, upper) - rel
                if cut > 0:
                    self.duplicate_bytes += cut
                    pos += cut
                    rel += cut
                i += 1

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
                self.discarded_bytes += size  # given up before it was its turn
                continue
            cut = end.next_rel - first
            if cut > 0:
                self.discarded_bytes += cut
            end.next_rel = last
            end.last_data_ts = ts
            self.delivered_bytes += last - first - cut
            if flow.reading != _NOBODY and chunk is not None:
                self.hand(flow, end, chunk, cut, last - first - cut, ts)

    def give_up(self, flow: Flow, end: Endpoint, up_to: int, ts: int) -> None:
        """What is missing below `up_to` will not come any more: tell the gaps, deliver what lies between them."""
        while end.next_rel < up_to:
            stop = up_to
            if end.held is not None:
                first: int = end.held[0][0]
                stop = min(stop, first)
            if stop > end.next_rel:
                self.gap(flow, end, stop - end.next_rel, ts)
            self.drain(flow, end, ts)
        self.drain(flow, end, ts)

    def gap(self, flow: Flow, end: Endpoint, length: int, ts: int) -> None:
        """`length` bytes at `next_rel` are lost to the reader."""
        end.next_rel += length
        self.gaps += 1
        self.gap_bytes += length
        end.prefix = None
        if flow.reading == _ATTACHED and end.skip >= 0 and not end.closed_told:
            unskipped = end.skip
            end.skip = 0
            end.skip = flow.reader.gap(end.reads_as_orig, length, ts, unskipped)  # type: ignore[union-attr]  # attached

    def miss(self, flow: Flow, end: Endpoint, up_to: int) -> None:
        """The peer has acknowledged bytes below `up_to` that were not seen: conn.log counts each hole, as Zeek does,
        while both ends are established or were."""
        peer = end.peer
        if not (end.state == _ESTABLISHED or (end.state == _CLOSED and end.prev_state == _ESTABLISHED)):
            return
        if not (peer.state == _ESTABLISHED or (peer.state == _CLOSED and peer.prev_state == _ESTABLISHED)):
            return
        start = max(end.next_rel, end.lost_rel)
        i = 0
        while start < up_to:
            stop = up_to
            after = up_to
            if end.held is not None and i < len(end.held):
                first: int = end.held[i][0]
                last: int = end.held[i][1]
                i += 1
                stop = min(stop, first)
                after = max(start, last)
            if stop > start:
                flow.gap_bytes += stop - start
                end.gap_cnt += 1
                if end.gap_cnt == end.gap_next:
                    end.gap_next *= 10
                    flow.history += "G" if end.is_orig else "g"
            start = after

    def acked(self, flow: Flow, end: Endpoint, rel: int, ts: int) -> None:
        """The peer acknowledged everything below `rel`: what of it is not seen soon is lost (Zeek: Undelivered)."""
        if end.fin_cnt > 0 and rel >= end.fin_rel:
            rel = end.fin_rel - 1
        if rel <= end.trim_rel:
            return
        end.trim_rel = rel
        if end.recent is not None:
            last: int = end.recent[-1][1]
            end.recent = None if last <= rel else [kept for kept in end.recent if kept[1] > rel]
        self.acks_seen += 1
        if rel > end.next_rel and not end.dropped:
            if rel <= 2 and flow.partial:
                return  # a keep-alive opened a flow seen from its middle: the byte it acknowledges is not ours to miss
            if end.next_rel == 1 and (end.fin_cnt or end.rst_cnt or end.peer.fin_cnt or end.peer.rst_cnt):
                # A capture filtered to SYN, FIN and RST: no data ever came (Zeek: detect_filtered_trace).
                end.dropped = True
                end.next_rel = rel
                return
            self.miss(flow, end, rel)
            if flow.reading == _NOBODY or end.held is not None:
                if end.peer.lost_rel and end.peer.lost_ts < ts:
                    self.settle(flow, end.peer, ts)
                end.lost_rel = 0
                self.give_up(flow, end, rel, ts)  # nobody reads it, or what lay behind it is already there
                return
            # On a SPAN port an acknowledgment can overtake what it acknowledges: the reader is told a little later.
            if end.lost_rel == 0:
                end.lost_ts = ts
            end.lost_rel = rel

    def settle(self, flow: Flow, end: Endpoint, ts: int) -> None:
        """What was acknowledged and has still not come is lost."""
        up_to = end.lost_rel
        end.lost_rel = 0  # 0: there is nothing, and nothing happens
        if up_to > end.next_rel:
            self.give_up(flow, end, up_to, ts)

    def compare(self, flow: Flow, end: Endpoint, rel: int, pos: int, length: int, ts: int) -> None:
        """Does a retransmission say the same as the copy that was taken?"""
        for kept in (end.recent, end.held):
            if kept is None:
                continue
            for first, last, chunk in kept:
                low = max(first, rel)
                high = min(last, rel + length)
                if low < high and chunk is not None and high - low >= 1:
                    raw = bytes(self.raw[pos + low - rel : pos + high - rel])
                    if raw != chunk[low - first : high - first] and (high - low > 1 or end.peer.last_rel > 1):
                        self.weird(flow, ts, "rexmit_inconsistency")
                        return

    def hand(self, flow: Flow, end: Endpoint, raw: bytes | memoryview, pos: int, length: int, ts: int) -> None:
        """raw[pos : pos + length] to whoever reads this flow, as far as it wants it."""
        if flow.reading == _UNDECIDED:
            if not end.sniffed:
                self.decide(flow, end, raw, pos, length, ts)
            return
        if end.skip:
            if end.skip < 0 or end.closed_told:
                return
            if length < end.skip:
                end.skip -= length
                return
            pos += end.skip
            length -= end.skip
            end.skip = 0
        chunk = bytes(raw[pos : pos + length])
        if chunk:
            if end.recent is None:
                end.recent = []
            elif len(end.recent) >= _RECENT_SEGMENTS:
                del end.recent[0]
            end.recent.append((end.next_rel - length, end.next_rel, chunk))
        end.skip = flow.reader.data(end.reads_as_orig, chunk, ts)  # type: ignore[union-attr]  # attached

    def decide(self, flow: Flow, end: Endpoint, raw: bytes | memoryview, pos: int, length: int, ts: int) -> None:
        """The first bytes of a direction: does anyone read this flow? The port decides, else what they look like."""
        chunk = bytes(raw[pos : pos + length])
        if end.prefix is not None:
            chunk = end.prefix + chunk
            end.prefix = None
        probation = flow.resp_p not in self.ports
        if probation:
            kind = looks_like(chunk)
            if kind == PREFIX:
                end.prefix = chunk
                return
            end.sniffed = 1
            flow.tls |= kind & 6
            if kind != HTTP:
                if end.peer.sniffed:
                    flow.reading = _NOBODY
                return
        flow.reading = _ATTACHED
        end.reads_as_orig = end.is_orig
        end.peer.reads_as_orig = end.peer.is_orig
        flow.reader = self.make_reader(flow.flow_id(), probation)
        peer = end.peer
        passed = peer.next_rel - 1
        if passed > 0:  # the other direction began with something else, or with a gap: the reader joins in its middle
            if peer.prefix is not None:
                early = peer.prefix
                peer.prefix = None
                if passed > len(early):
                    peer.skip = flow.reader.gap(peer.reads_as_orig, passed - len(early), ts, 0)
                peer.skip = flow.reader.data(peer.reads_as_orig, early, peer.last_data_ts)
            else:
                peer.skip = flow.reader.gap(peer.reads_as_orig, passed, ts, 0)
        if peer.closed_told:
            flow.reader.closed(peer.reads_as_orig, FIN, ts, peer.last_data_ts, 0)
        before = end.next_rel - 1 - len(chunk)
        if before > 0 or flow.partial:  # a length of 0: what came before is unknown
            end.skip = flow.reader.gap(end.reads_as_orig, before, ts, 0)
            if peer.next_rel == 1 and flow.partial:
                peer.skip = flow.reader.gap(peer.reads_as_orig, 0, ts, 0)
        if end.skip >= 0:
            end.skip = flow.reader.data(end.reads_as_orig, chunk, ts)
            end.recent = [(end.next_rel - len(chunk), end.next_rel, chunk)]

    def fin_reached(self, flow: Flow, end: Endpoint, ts: int) -> None:
        """All bytes up to the FIN are delivered: the direction is over."""
        if not end.closed_told:
            self.close(flow, end, FIN, ts)

    def close(self, flow: Flow, end: Endpoint, how: int, ts: int) -> None:
        end.closed_told = True
        end.recent = None
        if flow.reading == _ATTACHED:
            unskipped = end.skip if end.skip > 0 else 0
            flow.reader.closed(end.reads_as_orig, how, ts, end.last_data_ts, unskipped)  # type: ignore[union-attr]

    def finish(self, flow: Flow, ts: int, at_end: bool) -> None:
        """The flow is over: what is still held is delivered behind its gaps, and both directions are closed."""
        how = END_OF_INPUT if at_end else TIMEOUT
        for end in (flow.orig, flow.resp):
            if end.lost_rel:
                self.settle(flow, end, ts)
            if end.held is not None:
                last: int = end.held[-1][1]
                self.give_up(flow, end, last, ts)
            if not end.closed_told:
                if flow.orig.rst_cnt or flow.resp.rst_cnt:
                    self.close(flow, end, RESET, ts)
                elif end.fin_cnt:
                    self.close(flow, end, FIN, ts)
                else:
                    self.close(flow, end, how, ts)
