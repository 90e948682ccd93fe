"""What is remembered of one TCP flow: two endpoints, counters, and where its bytes go.

The endpoint states, the history letters and conn_state are Zeek's (reference: zeek-logs.md section 2.5, conn.log).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sensor.flow.seq import seq_delta
from sensor.flow.stream import StreamReader
from sensor.flow.uid import mix, render_words
from sensor.weird import FlowId, name_flow

if TYPE_CHECKING:
    from sensor.flow.late import Late
    from sensor.flow.lost import Lost

INACTIVE: Final = 0
SYN_SENT: Final = 1
SYN_ACK_SENT: Final = 2
PARTIAL: Final = 3
ESTABLISHED: Final = 4
CLOSED: Final = 5
RESET: Final = 6

# Who reads a flow: not decided yet, nobody, or `Flow.reader`.
UNDECIDED: Final = 0
NOBODY: Final = 1
ATTACHED: Final = 2

SENT_SYN: Final = 128
SENT_SYN_ACK: Final = 256
SENT_SYNS: Final = SENT_SYN | SENT_SYN_ACK
"""Of `Endpoint.hist_mask`, beside the marks of history letters: who has asked for the connection, and who has taken it.
"""

Segment = tuple[int, int, bytes | None]
"""(start_rel, end_rel, the bytes, or None where nobody reads them)."""


class Endpoint:
    """One side of a flow. Sequence numbers: `*_seq` as on the wire, `*_rel` relative to the SYN (or to where it would
    have been), so that the first data byte is 1. `next_rel` is the next byte to deliver, `trim_rel` what the peer has
    acknowledged, `top_rel` the end of the furthest data seen. `held` are segments above a hole, in order;
    `recent` are the last delivered segments, kept to compare a retransmission with, `others` what came in their place,
    too; `lost` is what was given up (lost.py), and gaps below `counted` are counted elsewhere. `skip` is the reader's
    demand: 0 deliver, n > 0 count only, -1 nothing more. `fin_ts`: when the FIN came that ended it and of which its
    reader was not told yet. `missed_rel`: what the peer acknowledged below it, and was not seen, conn.log has counted.
    """

    peer: Endpoint  # the other side of the flow, set by it

    def __init__(self, is_orig: bool) -> None:
        self.begin(is_orig)

    def begin(self, is_orig: bool) -> None:
        """Nothing came yet. As a constructor's, arguments would be objects."""
        self.is_orig = is_orig
        self.state = 0
        self.prev_state = 0
        self.start_seq = 0
        self.last_seq = 0
        self.ack_seq = 0
        self.last_rel = 0
        self.ack_rel = 0
        self.fin_rel = 0
        self.fin_cnt = 0
        self.rst_cnt = 0
        self.did_close = False
        self.did_eof = False
        self.hist_mask = 0
        self.hist_syn = 0
        self.hist_fin = 0
        self.hist_rst = 0
        self.rxmt_cnt = 0
        self.rxmt_next = 1
        self.zero_cnt = 0
        self.zero_next = 1
        self.gap_cnt = 0
        self.gap_next = 1
        self.pkts = 0
        self.ip_bytes = 0
        self.next_rel = 1
        self.trim_rel = 1
        self.top_rel = 1
        self.held: list[Segment] | None = None
        self.recent: list[Segment] | None = None
        self.held_bytes = self.recent_bytes = 0
        self.recent_cut = False
        self.others: list[tuple[int, bytes]] | None = None
        self.lost: list[Lost] | None = None
        self.counted = 0
        self.prefix: bytes | None = None
        self.far_next = 0
        self.far_count = 0
        self.far_acks = 0
        self.hole_since = 0
        self.skip = 0
        self.sniffed = 0
        self.dropped = False
        self.over = False
        self.closed_told = False
        self.fin_ts = 0
        self.missed_rel = 0
        self.reads_as_orig = is_orig
        self.inherited = False
        self.base_seq = 0
        self.last_data_ts = 0

    def is_numbered(self) -> bool:
        """Whether its sequence numbers are known: by a segment of its own, its peer's ACK, or an earlier flow."""
        return self.state != INACTIVE or self.inherited or self.start_seq != 0

    def may_probe(self, ts: int) -> bool:
        """May one octet that is another one be a keep-alive's (RFC 9293 section 3.8.4), though the acknowledgment of
        the true one was not seen? No host sends any so soon; and the peer has said nothing (as Zeek has it)."""
        return self.peer.last_rel <= 1 and ts - self.last_data_ts >= _SOONEST_PROBE

    def rebase(self) -> None:
        """The numbering starts anew at `start_seq`: carry over what an earlier flow's numbering still holds."""
        shift = seq_delta(self.base_seq, self.start_seq)
        self.base_seq = self.start_seq
        self.next_rel, self.trim_rel, self.counted = self.next_rel + shift, self.trim_rel + shift, self.counted + shift
        self.top_rel, self.missed_rel = self.top_rel + shift, self.missed_rel + shift
        for kept in (self.held, self.recent):
            if kept is not None:
                kept[:] = [(first + shift, last + shift, chunk) for first, last, chunk in kept]
        self.others = [(first + shift, octets) for first, octets in self.others or ()] or None
        for range_ in self.lost or ():
            range_.shift(shift)

    def inherit(self, old: Endpoint) -> None:
        """Go on reading where `old`, the same side of a flow that was ended too early, stopped."""
        if old.is_numbered():
            self.inherited = True
            self.start_seq = self.base_seq = old.base_seq if old.inherited else old.start_seq
        self.next_rel, self.trim_rel, self.top_rel = old.next_rel, old.trim_rel, old.top_rel
        self.held, old.held = old.held, None
        self.held_bytes, self.hole_since = old.held_bytes, old.hole_since
        self.recent, old.recent = old.recent, None
        self.recent_bytes, self.recent_cut, old.recent_bytes = old.recent_bytes, old.recent_cut, 0
        self.others, old.others = old.others, None
        self.missed_rel = old.missed_rel
        self.lost, self.counted = old.lost, old.counted
        self.prefix, self.skip, self.sniffed = old.prefix, old.skip, old.sniffed
        self.hist_mask |= old.hist_mask & SENT_SYNS
        self.dropped = old.dropped
        self.over, self.closed_told, self.fin_ts = old.over, old.closed_told, old.fin_ts
        self.last_data_ts = old.last_data_ts
        self.reads_as_orig = old.reads_as_orig

    def size(self) -> int:
        """Payload bytes as Zeek counts them: by sequence numbers, without SYN and FIN."""
        if (
            self.prev_state == SYN_SENT
            and self.state == RESET
            and self.peer.state == INACTIVE
            and self.ack_rel not in {0, 1}
        ):
            return 0  # a half-open connection was discovered and aborted: these numbers are not about this one
        size = max(self.last_rel, self.ack_rel)
        if size > 0:
            size -= 1
        if self.fin_cnt > 0 and size > 0:
            size -= 1
        return max(size, 0)


class Flow:
    """One TCP connection. `number` is the index of its first frame in the capture; times in nanoseconds."""

    def __init__(self, number: int, ts: int) -> None:
        self.begin(number, ts)

    def begin(self, number: int, ts: int) -> None:
        """Nothing is known but that. As a constructor's, arguments would be objects."""
        self.number = number
        self.first_ts = self.last_ts = ts
        self.key = 0
        self.family = 0
        self.orig_hi = self.orig_lo = self.resp_hi = self.resp_lo = 0
        self.orig_p = self.resp_p = 0
        self.vlan = self.inner_vlan = -1
        self.orig = _begin_endpoint(True)
        self.resp = _begin_endpoint(False)
        self.orig.peer = self.resp
        self.resp.peer = self.orig
        self._history = ""
        self._letters = 0  # of the history's end, eight bits each, so that most letters cost no object
        self._letter_count = 0
        self.partial = False
        self.seen_orig = self.seen_resp = False
        self.close_deferred = False
        self.delete_at = self.half_closed_ts = 0
        self.established = False
        self.over = False
        self.unfinished = False  # it is over for conn.log, and may go on: see FlowTracker.retire
        self.reopened = False  # octets came behind a FIN, or of numbers that a SYN had ended
        self.older: Flow | None = None  # whose bytes have other numbers, from before a SYN, or that had been given up
        self.behind: Flow | None = None  # the one of those that reads what was given up
        self.depth = 0  # of how many flows it is the one behind
        self.half_open = False  # begun by a SYN that is not answered yet
        self.gap_bytes = 0
        self.charged = 0  # in the ledger, for what it may keep
        self.reading = 0
        self.late: Late | None = None
        self.doubt = -1  # when tell_conflict had nobody to tell, until somebody reads the flow
        self.tls = 0
        self.reader: StreamReader | None = None
        self.service: str | None = None
        self.id: FlowId | None = None
        self.parent: object = None

    @property
    def history(self) -> str:
        """What conn.log has under this name, so far."""
        return self.write_history()

    @history.setter
    def history(self, text: str) -> None:
        self._history = text
        self._letters = self._letter_count = 0

    def write_history(self) -> str:
        """The same; compiled, a property is looked up by its name and has no C types."""
        if self._letter_count:
            text = _SCRATCH
            letters, size = self._letters, self._letter_count
            while size > 0:
                size -= 1
                text[size] = letters & 255
                letters >>= 8
            count = self._letter_count
            written = ascii_text(text, count) if _COMPILED else text[:count].decode()  # type: ignore  # noqa: F821  (C's)
            self._history = self._history + written if self._history else written
            self._letters = self._letter_count = 0
        return self._history

    def note(self, letter: int) -> None:
        """One letter more in the history: its code."""
        if self._letter_count == _LETTERS:
            self.write_history()
        self._letters = self._letters << 8 | letter
        self._letter_count += 1

    def flip(self) -> None:
        """The other side turns out to be the originator (Zeek: Connection::FlipRoles, history "^")."""
        self.orig, self.resp = self.resp, self.orig
        self.orig.is_orig = True
        self.resp.is_orig = False
        self.orig_hi, self.resp_hi = self.resp_hi, self.orig_hi
        self.orig_lo, self.resp_lo = self.resp_lo, self.orig_lo
        self.orig_p, self.resp_p = self.resp_p, self.orig_p
        self.seen_orig, self.seen_resp = self.seen_resp, self.seen_orig
        self.partial = False
        self.id = None  # its uid does not depend on who is who, so it stays the same
        self.history += "^"

    def inherit(self, old: Flow) -> None:
        """Take over `old`'s reader: it was ended because the capture's clock ran back, not because it was over."""
        if old.reader is not None:
            old.service = old.reader.service
        elif old.reading == ATTACHED:  # it was told that both directions are over, and let go
            self.service = old.service
        self.reader, old.reader = old.reader, None
        self.reading = old.reading
        self.tls = old.tls
        self.reopened = old.reopened
        self.charged, old.charged = old.charged, 0
        same = self.orig_lo == old.orig_lo and self.orig_p == old.orig_p and self.orig_hi == old.orig_hi
        self.orig.inherit(old.orig if same else old.resp)
        self.resp.inherit(old.resp if same else old.orig)
        self.older, old.older = old.older, None
        self.behind, old.behind = old.behind, None
        self.depth = old.depth

    def beside(self) -> Flow:
        """One between the same ends, of which nothing is read yet."""
        flow = begin_flow(self.number, self.first_ts)
        flow.family = self.family
        flow.orig_hi, flow.orig_lo, flow.orig_p = self.orig_hi, self.orig_lo, self.orig_p
        flow.resp_hi, flow.resp_lo, flow.resp_p = self.resp_hi, self.resp_lo, self.resp_p
        flow.id = self.flow_id()
        flow.partial = self.partial
        return flow

    def chain(self) -> list[Flow]:
        """This flow and those that are older, the oldest first."""
        flows = [self]
        while flows[0].older is not None:
            flows.insert(0, flows[0].older)
        return flows

    def in_message(self) -> bool:
        """Is anything read of it that would be torn if nobody read it on?"""
        orig, resp = self.orig, self.resp
        holds = orig.held is not None or resp.held is not None or self.late is not None
        if self.reading == ATTACHED:
            return holds or (self.reader is not None and self.reader.in_message())
        return self.reading != NOBODY and (holds or orig.prefix is not None or resp.prefix is not None)

    def release(self) -> None:
        """The flow is over: lets go of the reader, and of the ring of references between the two ends."""
        self.reader = None
        self.older = self.behind = None
        orig, resp = self.orig, self.resp
        orig.peer = resp.peer = self.orig = self.resp = _NO_ENDPOINT
        _lay_by(orig)
        _lay_by(resp)

    def flow_id(self) -> FlowId:
        """The flow's name and addresses, made when first asked for."""
        if self.id is None:
            self.id = make_flow_id(self)
        return self.id


def _lay_by(end: Endpoint) -> None:
    """For a flow to come, unless something else refers to it, too; compiled only, as Python's own count is dear."""
    if _COMPILED and len(_SPARE) < _MAX_SPARE and IS_LAST(end):  # type: ignore  # noqa: F821  (C's, by way of state.pxd)
        end.held = end.recent = end.others = end.lost = end.prefix = None
        _SPARE.append(end)


def _begin_endpoint(is_orig: bool) -> Endpoint:
    """A new Endpoint, or one that was a flow's that is over."""
    end = _SPARE.pop() if _SPARE else Endpoint.__new__(Endpoint)
    end.begin(is_orig)
    return end


def begin_flow(number: int, ts: int) -> Flow:
    """A new Flow."""
    flow = Flow.__new__(Flow)
    flow.begin(number, ts)
    return flow


_SPARE: Final[list[Endpoint]] = []
"""Those nobody refers to any more. Flows end in the order in which they began, so that the allocator would give back
and ask for whole arenas again and again: each of their pages costs a fault."""
_MAX_SPARE: Final = 32768
_COMPILED: Final = not __file__.endswith(".py")
_SCRATCH: Final = bytearray(32)
_SOONEST_PROBE: Final = 1_000_000_000
_LETTERS: Final = 8  # that fit into 64 bits
_MASK: Final = 0xFFFFFFFFFFFFFFFF
_NO_ENDPOINT: Final = Endpoint(True)


def render_address(family: int, hi: int, lo: int) -> str:
    """An address in canonical text; for IPv6 RFC 5952 (the first longest run of two or more zero groups becomes ::)."""
    if family == 4 or (not hi and lo >> 32 == 0xFFFF):  # a mapped IPv4 address is written as what it maps (Zeek)
        text = _SCRATCH
        size = 0
        shift = 24
        while shift >= 0:
            octet = (lo >> shift) & 255
            if octet >= 100:
                text[size] = 48 + octet // 100
                size += 1
            if octet >= 10:
                text[size] = 48 + octet // 10 % 10
                size += 1
            text[size] = 48 + octet % 10
            text[size + 1] = 46
            size += 2
            shift -= 8
        if _COMPILED:
            return ascii_text(text, size - 1)  # type: ignore  # noqa: F821  (C's, by way of uid.pxd)
        return text[: size - 1].decode("ascii")
    groups = [(hi >> s) & 0xFFFF for s in (48, 32, 16, 0)] + [(lo >> s) & 0xFFFF for s in (48, 32, 16, 0)]
    best, best_len, run = -1, 1, 0
    for i in range(8):
        run = run + 1 if groups[i] == 0 else 0
        if run > best_len:
            best, best_len = i - run + 1, run
    if best < 0:
        return ":".join([f"{g:x}" for g in groups])
    head = ":".join([f"{g:x}" for g in groups[:best]])
    tail = ":".join([f"{g:x}" for g in groups[best + best_len :]])
    return head + "::" + tail


def make_flow_id(flow: Flow) -> FlowId:
    """uid: 96 bits mixed from the first frame's time and number and the two endpoints, whichever of them began.

    No cryptographic digest: what an attacker could gain is two flows of one name, and the frame's time and number are
    not his to choose.
    """
    family = flow.family
    orig_h = render_address(family, flow.orig_hi, flow.orig_lo)
    resp_h = render_address(family, flow.resp_hi, flow.resp_lo)
    one = mix(mix(flow.orig_hi, flow.orig_lo), flow.orig_p)
    other = mix(mix(flow.resp_hi, flow.resp_lo), flow.resp_p)
    low = mix(mix(min(one, other), max(one, other)), family)
    low = mix(mix(low, flow.first_ts & _MASK), flow.number)
    high = mix(low, 1) >> 32
    return name_flow(render_words("C", high, low), orig_h, flow.orig_p, resp_h, flow.resp_p)
