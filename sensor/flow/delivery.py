"""A flow's bytes, in order, to its reader: who reads it, what it wants, what it has to wait for.

The reader is told of a gap that may still be filled a little later (late.py), in the order in which it was found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sensor.flow.beginning import asks_in_http, pass_over, put_off, roles_known, stand_against
from sensor.flow.copies import join_up, latest, read_otherwise, size_of
from sensor.flow.discards import Discards
from sensor.flow.ledger import PER_PIECE, Ledger
from sensor.flow.lost import lose
from sensor.flow.sniff import PREFIX, looks_like
from sensor.flow.state import Endpoint, Flow
from sensor.flow.stream import FIN, StreamReader
from sensor.settings import FlowSettings
from sensor.weird import FlowId, Weird

# As in state.py, C constants when compiled.
_UNDECIDED: Final = 0
_NOBODY: Final = 1
_ATTACHED: Final = 2

_AGAINST, _UNSEEN, _READ, _PASSED = -1, 0, 1, 2  # as in beginning.py

_RECENT_SEGMENTS: Final = 64
_RECENT_BYTES: Final = 65536
_PER_PIECE: Final = PER_PIECE
_NO_FIN: Final = 1 << 60  # where the FIN stands of a direction that went on behind one

HTTP: Final = 1  # as in sniff.py
TLS: Final = 6

ReaderFactory = Callable[[FlowId, bool], StreamReader]
"""(flow, probation) -> a reader; probation: the port says nothing, only the first bytes look like HTTP."""


_COMPILED = not __file__.endswith(".py")


def octets(raw: bytes | memoryview, pos: int, length: int) -> bytes:
    """raw[pos : pos + length]. Compiled it is copied at once: a slice of a memoryview is two objects on the way."""
    if _COMPILED and type(raw) is memoryview and pos >= 0 and 0 <= length <= VIEW_SIZE(raw) - pos:  # type: ignore  # noqa: F821  (C's, by way of delivery.pxd)
        at = VIEW_OCTETS(raw)  # type: ignore  # noqa: F821  (C's)
        return at[pos : pos + length]  # type: ignore[no-any-return]  # C's octets: a slice of them is bytes
    return bytes(raw[pos : pos + length])


class Delivery:
    """What all flows share: limits, counters, the output list. `total_held` is what waits in all of them, in bytes,
    `most_held` the most that it was."""

    def __init__(
        self, settings: FlowSettings, make_reader: ReaderFactory, out: list[object], ledger: Ledger | None = None
    ) -> None:
        self.make_reader = make_reader
        self.ledger = Ledger() if ledger is None else ledger
        self.out = out
        self.ports = frozenset(settings.http_ports)
        self.max_held_segments = settings.max_ooo_segments
        self.max_total = settings.max_reassembly_bytes
        self.hole_bytes = min(settings.hole_wait_bytes, settings.max_ooo_bytes)
        self.hole_ns = int(settings.hole_wait_s * 1e9)
        self.reorder_ns = int(settings.reorder_wait_s * 1e9)
        self.total_held = 0
        self.most_held = 0
        self.max_older = settings.max_older_flows
        self.total_recent = 0
        self.max_recent = settings.max_reassembly_bytes // 4
        self.older_flows = 0  # that are read beside those in the flow table, which bounds them, too
        self.older_given_up = 0
        # Holes given up before their bytes came, and copies not kept, by what was reached.
        self.full_bytes = 0
        self.full_segments = 0
        self.full_total = 0
        self.waited_long = 0
        self.reordered_late = 0
        self.hole_key = "hole_wait_bytes" if settings.hole_wait_bytes <= settings.max_ooo_bytes else "max_ooo_bytes"
        self.leapt_from = self.leapt_to = 0  # packet time leapt (FlowTracker.jump): nothing has waited meanwhile
        self.discards = Discards()
        self.gap_bytes = 0
        self.gaps = 0

    def waited(self, since: int, ts: int) -> int:
        """How long it is, at `ts`, since `since`; that packet time has leapt ahead in between is no time."""
        if since < self.leapt_to <= ts:
            return ts - self.leapt_to + max(self.leapt_from - since, 0)
        return ts - since

    def weird(self, flow: Flow, ts: int, name: str) -> None:
        self.out.append(Weird(ts, name, flow.flow_id(), None, "TCP"))

    def limits(self) -> dict[str, int]:
        """See FlowTracker.limits."""
        return {
            f"flow.{self.hole_key}": self.full_bytes,
            "flow.max_ooo_segments": self.full_segments,
            "flow.max_reassembly_bytes": self.full_total,
            "flow.hole_wait_s": self.waited_long,
            "flow.reorder_wait_s": self.reordered_late,
        }

    def hold_more(self, length: int) -> None:
        self.total_held += length
        self.most_held = max(self.most_held, self.total_held)

    def charge(self, flow: Flow, length: int) -> None:
        """The flow may keep so many octets more, in one piece."""
        length += _PER_PIECE
        flow.charged += length
        self.ledger.charged += length

    def hand(self, flow: Flow, end: Endpoint, raw: bytes | memoryview, pos: int, length: int, ts: int) -> None:
        """raw[pos : pos + length], which end at `next_rel`, to the reader, or behind what it still waits for."""
        first = end.next_rel - length
        late = flow.late
        if late is None:
            self.hand_on(flow, end, first, raw, pos, length, ts)
            return
        late.keep(end, first, octets(raw, pos, length), ts)
        self.charge(flow, length)
        self.hold_more(length)

    def hand_on(
        self, flow: Flow, end: Endpoint, first: int, raw: bytes | memoryview, pos: int, length: int, ts: int
    ) -> None:
        """raw[pos : pos + length], bytes `first` and following, to whoever reads this flow, as far as it wants it."""
        if flow.reading != _ATTACHED:
            if flow.reading == _UNDECIDED and end.sniffed <= _UNSEEN:
                self.decide(flow, end, first, raw, pos, length, ts)
            return
        if end.skip:
            if end.skip < 0:
                return
            if length < end.skip:
                end.skip -= length
                return
            pos += end.skip
            length -= end.skip
            first += end.skip
            end.skip = 0
        chunk = octets(raw, pos, length)
        if chunk:
            self.remember(end, first, chunk)
            self.charge(flow, 2 * length + _PER_PIECE)  # what is remembered, and what the reader may keep
        end.skip = flow.reader.data(end.reads_as_orig, chunk, ts)  # type: ignore[union-attr]  # it is attached

    def remember(self, end: Endpoint, first: int, chunk: bytes) -> None:
        """Keep what was delivered last, to compare a retransmission with; within limits. The acknowledgment of it may
        be forged, so that it is kept behind that, too, until the peer answers, as long as there is room."""
        end.sniffed = _READ
        if end.recent is None:
            end.recent = []
            end.recent_bytes = 0
        end.recent.append((first, first + len(chunk), chunk))
        end.recent_bytes += len(chunk)
        self.total_recent += len(chunk)
        if len(end.recent) > _RECENT_SEGMENTS:
            end.recent = join_up(end.recent)
        while end.recent_bytes > _RECENT_BYTES or len(end.recent) > _RECENT_SEGMENTS:
            end.recent_cut = True
            low, high, _ = end.recent.pop(0)
            end.recent_bytes -= high - low
            self.total_recent -= high - low

    def forget(self, end: Endpoint) -> None:
        """Nothing of this direction is compared any more."""
        self.total_recent -= end.recent_bytes
        end.recent = None
        end.recent_bytes = 0
        end.recent_cut = False
        if end.others is not None:
            self.total_recent -= size_of(end.others)
            end.others = None

    def keep_first(self, end: Endpoint, first: int, chunk: bytes) -> None:
        """Of what came of this direction only `chunk`, octets `first` and following, is compared; b"": nothing."""
        self.total_recent += len(chunk) - end.recent_bytes
        end.recent = [(first, first + len(chunk), chunk)] if chunk else None
        end.recent_bytes = len(chunk)

    def doubt(self, flow: Flow, ts: int) -> None:
        """What is read of this flow from here on its receiver may have read otherwise, or not at all."""
        if flow.reopened:
            return
        flow.reopened = True
        for end in (flow.orig, flow.resp):
            if flow.reading == _ATTACHED and flow.reader is not None and not end.closed_told:
                flow.reader.reopened(end.reads_as_orig, ts)

    def settle_doubt(self, flow: Flow) -> None:
        """Conflicts among octets that nobody had been given yet: now somebody reads them, or nobody ever will."""
        ts = flow.doubt
        flow.doubt = -1
        if ts >= 0 and flow.reading == _ATTACHED:
            for end in (flow.orig, flow.resp):
                copies = latest(end.others)
                if copies:
                    at, octets = copies[-1]
                    read_otherwise(self, flow, end, copies, copies[0][0], at + len(octets), False, ts)

    def decide(
        self, flow: Flow, end: Endpoint, first: int, raw: bytes | memoryview, pos: int, length: int, ts: int
    ) -> None:
        """The first bytes of a direction: does anyone read this flow? The port decides, else what they look like."""
        chunk = octets(raw, pos, length)
        if end.prefix is not None:
            first -= len(end.prefix)
            chunk = end.prefix + chunk
            end.prefix = None
        probation = flow.resp_p not in self.ports
        if probation:
            kind = looks_like(chunk)
            if kind == PREFIX:
                put_off(self, flow, end, first, chunk)
                return
            flow.tls |= kind & TLS
            if kind != HTTP:
                pass_over(self, flow, end, first, chunk, ts)
                return
        asks = asks_in_http(end, chunk)
        if asks != end.is_orig and end.peer.sniffed == _UNSEEN and roles_known(flow):
            if stand_against(self, flow, end, first, chunk):
                return
            asks = end.is_orig
        self.read(flow, end, first, chunk, asks, ts)

    def read(self, flow: Flow, end: Endpoint, first: int, chunk: bytes, asks: bool, ts: int) -> None:
        """The flow is read from here on, and `chunk` is the beginning of a direction."""
        probation = flow.resp_p not in self.ports
        flow.reading = _ATTACHED
        self.keep_first(end, 0, b"")
        self.attach(flow, end, asks, probation)
        self.join(flow, end.peer, ts)
        if first > 1 or flow.partial:  # a length of 0: what came before is unknown
            end.skip = flow.reader.gap(end.reads_as_orig, max(first - 1, 0), ts, 0)  # type: ignore[union-attr]  # it is attached
        if flow.reopened:
            flow.reader.reopened(end.reads_as_orig, ts)  # type: ignore[union-attr]  # it is attached
        self.hand_on(flow, end, first, chunk, 0, len(chunk), ts)
        self.settle_doubt(flow)

    def attach(self, flow: Flow, end: Endpoint, asks: bool, probation: bool) -> None:
        """Make a reader. Who asks in HTTP is the originator to it, whoever sent the first SYN that was seen: where the
        beginning was missed, or both sides sent a SYN, conn.log may have it the other way round."""
        end.reads_as_orig = asks
        end.peer.reads_as_orig = not asks
        self.new_reader(flow, end, probation)

    def new_reader(self, flow: Flow, end: Endpoint, probation: bool) -> None:
        """One to which the originator is who it is by `end`."""
        flow_id = flow.flow_id()
        if end.reads_as_orig != end.is_orig:
            flow_id = FlowId(flow_id.uid, flow_id.resp_h, flow_id.resp_p, flow_id.orig_h, flow_id.orig_p, flow_id.proto)
        flow.reader = self.make_reader(flow_id, probation)

    def join(self, flow: Flow, end: Endpoint, ts: int) -> None:
        """What the reader has to know of the direction that did not decide: it began with something else, or a gap."""
        reader = flow.reader
        early = end.prefix or b""
        end.prefix = None
        if end.sniffed == _AGAINST and end.is_orig == end.reads_as_orig:
            early = b""
            end.sniffed = _PASSED
        elif early:
            self.keep_first(end, 0, b"")
        passed = end.next_rel
        if flow.late is not None:
            reached = flow.late.reached(end)
            passed = passed if reached is None else reached
        passed -= 1 + len(early)
        if passed > 0 or flow.partial:
            end.skip = reader.gap(end.reads_as_orig, max(passed, 0), ts, 0)  # type: ignore[union-attr]  # it is attached
        if early:
            self.hand_on(flow, end, passed + 1, early, 0, len(early), end.last_data_ts)
        if end.closed_told:
            reader.closed(end.reads_as_orig, FIN, ts, end.last_data_ts, max(end.skip, 0))  # type: ignore[union-attr]  # it is attached

    def tell_gap(self, flow: Flow, end: Endpoint, first: int, length: int, ts: int) -> None:
        """`length` bytes at `first` will not come any more; if they do, lost.py reads them."""
        if first + length > end.counted:
            self.gaps += 1
            self.gap_bytes += first + length - max(first, end.counted)
        if flow.reading != _NOBODY:
            lose(flow, end, first, first + length)
        end.prefix = None
        if flow.reading == _ATTACHED and end.skip >= 0 and not end.closed_told:
            unskipped = end.skip
            end.skip = 0
            end.skip = flow.reader.gap(end.reads_as_orig, length, ts, unskipped)  # type: ignore[union-attr]  # it is attached

    def go_on(self, flow: Flow, settle: bool) -> None:
        """Hand on what waited and has nothing missing before it. `settle`: what is missing will not come any more."""
        late = flow.late
        if late is None:
            return
        while late.pieces and (settle or not late.pieces[0].is_missing()):
            piece = late.take()
            if piece.how >= 0:
                self.close_now(flow, piece.end, piece.how, piece.ts)
            elif piece.chunk is not None:
                self.total_held -= len(piece.chunk)
                self.hand_on(flow, piece.end, piece.first, piece.chunk, 0, len(piece.chunk), piece.ts)
            else:
                last = piece.last
                if piece.end.fin_cnt:
                    last = min(last, piece.end.fin_rel - 1)  # a FIN may have been acknowledged before it was seen
                if last > piece.first:
                    self.tell_gap(flow, piece.end, piece.first, last - piece.first, piece.ts)
        if not late.pieces:
            flow.late = None

    def wait(self, flow: Flow, ts: int) -> None:
        """What is missing is given up when something has waited for it too long, when it is too old, or when too much
        waits."""
        late = flow.late
        if late is None:
            return
        since = late.waits_since()
        if (
            (since >= 0 and self.waited(since, ts) > self.reorder_ns)
            or self.waited(late.pieces[0].ts, ts) > self.hole_ns
            or late.size > self.hole_bytes
            or len(late.pieces) > self.max_held_segments
            or self.total_held > self.max_total
        ):
            if late.size > self.hole_bytes:
                self.full_bytes += 1
            elif len(late.pieces) > self.max_held_segments:
                self.full_segments += 1
            elif self.total_held > self.max_total:
                self.full_total += 1
                self.weird(flow, ts, "excessive_reassembly_bytes")
            elif since >= 0 and self.waited(since, ts) > self.reorder_ns:
                self.reordered_late += 1
            else:
                self.waited_long += 1
            self.go_on(flow, True)

    def close(self, flow: Flow, end: Endpoint, how: int, ts: int) -> None:
        """The direction of `end` is over; its reader learns of it in its turn, or, if it waits for more, at the
        end of the flow: the FIN may be a forged one."""
        end.over = True
        if flow.late is not None:
            flow.late.close(end, how, ts)
            self.charge(flow, 0)
        else:
            self.close_now(flow, end, how, ts)

    def close_now(self, flow: Flow, end: Endpoint, how: int, ts: int) -> None:
        reader = flow.reader
        if how == FIN and reader is not None and flow.reading == _ATTACHED and reader.unfinished(end.reads_as_orig):
            end.fin_ts = ts
        else:
            self.tell_close(flow, end, how, ts)

    def reopen(self, flow: Flow, end: Endpoint, ts: int) -> None:
        """Octets come at or behind the FIN that ended a direction: it is read on. No host sends any there, so that one
        of the two is not from it; the receiver takes the octets if it dropped the FIN.

        Where both directions were over there is no reader any more, and a new one joins in the middle.
        """
        self.weird(flow, ts, "data_after_FIN")
        peer = end.peer
        again = end.closed_told and flow.reader is None
        for side in (end, peer) if again else (end,):
            if side.closed_told:
                side.skip = 0
            side.over = side.closed_told = False
            side.fin_rel = _NO_FIN
            side.fin_ts = 0
            if flow.late is not None:
                flow.late.reopen(side)
        if flow.reading != _ATTACHED:
            flow.reopened = True
            return
        if again:
            self.new_reader(flow, end, flow.resp_p not in self.ports)
            for side in (end, peer):
                side.skip = flow.reader.gap(side.reads_as_orig, 0, ts, 0)  # type: ignore[union-attr]  # it is attached
        flow.reader.reopened(end.reads_as_orig, ts)  # type: ignore[union-attr]  # it is attached

    def tell_close(self, flow: Flow, end: Endpoint, how: int, ts: int) -> None:
        end.closed_told = True
        end.fin_ts = 0
        if end.recent is not None or end.others is not None:
            self.forget(end)
        reader = flow.reader
        if flow.reading == _ATTACHED and reader is not None:
            unskipped = end.skip if end.skip > 0 else 0
            reader.closed(end.reads_as_orig, how, ts, end.last_data_ts, unskipped)
            if end.peer.fin_ts and not reader.unfinished(end.peer.reads_as_orig):
                self.tell_close(flow, end.peer, FIN, end.peer.fin_ts)
            elif end.peer.closed_told:  # it is told nothing more, and the flow lingers: the next one takes its memory
                flow.service = reader.service
                flow.reader = None
