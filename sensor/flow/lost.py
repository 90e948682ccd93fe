"""What was given up for lost, and comes all the same: it is read by its own numbers, beside what is read further on.

Who acknowledges what was not sent yet, or sends data far ahead, makes a sensor jump there, and his segments may be
such as the receiver drops (RFC 9293 section 3.10.7.4, RFC 5961 section 5). Nobody who only listens can tell. So the
jump is made, and where it began is kept: octets that come there later are no repetition, but begin a flow behind the
flow, one of its `older` ones, with a reader of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sensor.flow.ledger import PER_READING
from sensor.flow.state import ATTACHED, SENT_SYNS, UNDECIDED, Endpoint, Flow, Segment
from sensor.flow.stream import TIMEOUT

if TYPE_CHECKING:
    from sensor.flow.reassembly import Reassembler

_MAX_LOST: Final = 8
"""Ranges remembered of each direction: the first ones, where the truth is likely to go on, and the last ones."""
_TORN_BYTES: Final = 8192
_MASK32: Final = 0xFFFFFFFF


class Lost:
    """Octets `first` to `last` - 1 were given up. `torn`: if that tore a message, what was delivered before them."""

    __slots__ = ("first", "last", "torn")

    def __init__(self, first: int, last: int, torn: list[Segment] | None) -> None:
        self.first = first
        self.last = last
        self.torn = torn

    def size(self) -> int:
        """Octets kept."""
        return sum([last - first for first, last, _ in self.torn or ()])

    def shift(self, by: int) -> None:
        """The numbering starts elsewhere."""
        self.first += by
        self.last += by
        if self.torn is not None:
            self.torn = [(first + by, last + by, chunk) for first, last, chunk in self.torn]


def lose(flow: Flow, end: Endpoint, first: int, last: int) -> None:
    """These octets of `end` are given up; its reader was not told yet."""
    if end.lost is None:
        end.lost = []
    elif end.lost[-1].last == first:
        end.lost[-1].last = last
        return
    torn = None
    if flow.reading == ATTACHED and flow.reader is not None and not end.closed_told and end.recent:
        known = end.recent[-1][1] == first and flow.reader.unfinished(end.reads_as_orig)
        torn = _last_of(end.recent) if known else None
    end.lost.append(Lost(first, last, torn))
    if len(end.lost) > _MAX_LOST:
        del end.lost[_MAX_LOST // 2]


def _last_of(recent: list[Segment]) -> list[Segment]:
    """The segments at the end of `recent` that follow each other, up to a limit."""
    size = 0
    at = len(recent)
    while at and (at == len(recent) or recent[at - 1][1] == recent[at][0]):
        size += recent[at - 1][1] - recent[at - 1][0]
        if size > _TORN_BYTES:
            break
        at -= 1
    return recent[at:]


def _find(end: Endpoint, rel: int, length: int) -> tuple[Lost | None, int]:
    """The range that holds some of these octets, and the first one's number as it is counted there: on the wire it has
    32 bits, and who is led far ahead has counted them round."""
    for lost in end.lost or ():
        if lost.first < rel + length and rel < lost.last:
            return lost, rel
    for lost in end.lost or ():
        into = (rel - lost.first) & _MASK32
        before = (lost.first - rel) & _MASK32
        if into < lost.last - lost.first:
            return lost, lost.first + into
        if before < length:
            return lost, lost.first - before
    return None, rel


def read_lost(reassembler: Reassembler, flow: Flow, end: Endpoint, rel: int, pos: int, length: int, ts: int) -> bool:
    """raw[pos : pos + length] at `rel`, sent by `end` of `flow`, counted already. Was any of it given up? Then it is
    read."""
    lost, rel = _find(end, rel, length)
    if lost is None:
        return False
    reassembler.payload_bytes -= length
    behind = flow.behind
    if behind is None and flow.depth >= reassembler.max_older:
        behind = flow
        end.lost = [each for each in end.lost or () if each is not lost]
    elif behind is None:
        behind = begin_behind(reassembler, flow, ts)
    side = behind.orig if end.is_orig else behind.resp
    reassembler.doubt(behind, ts)
    reassembler.doubt(flow, ts)
    if behind is flow or not (side.last_data_ts or side.held is not None or side.lost):
        place(reassembler, behind, side, lost, rel, ts)
        if behind.reader is not None and flow.reader is not None:
            behind.reader.take_over(flow.reader.asked())
    reassembler.data(behind, side, rel, pos, length, length, ts)
    return True


def begin_behind(reassembler: Reassembler, flow: Flow, ts: int) -> Flow:
    """The flow behind `flow`: it begins where the first octets of either direction were given up."""
    behind = flow.beside()
    behind.depth = flow.depth + 1
    behind.older, flow.older = flow.older, behind
    flow.behind = behind
    reassembler.older_flows += 1
    reassembler.charge(behind, PER_READING)
    for new, old in ((behind.orig, flow.orig), (behind.resp, flow.resp)):
        new.inherited = old.is_numbered()
        new.start_seq = new.base_seq = old.start_seq
        new.next_rel = old.lost[0].first if old.lost else old.next_rel
        new.trim_rel = min(old.trim_rel, new.next_rel)
        new.top_rel = new.next_rel
        new.reads_as_orig = old.reads_as_orig
        new.hist_mask = old.hist_mask & SENT_SYNS
    if flow.reading == ATTACHED and flow.reader is not None and flow.reader.service is not None:
        attach(reassembler, behind, [], ts)
    return behind


def read_anew(reassembler: Reassembler, flow: Flow, ts: int) -> None:
    """What was read so far was perhaps a stranger's: another reader begins, wherever the directions are."""
    reassembler.go_on(flow, True)
    reassembler.settle_doubt(flow)
    asked = [] if flow.reader is None else flow.reader.asked()
    again = flow.reading == ATTACHED and (flow.service or (flow.reader is not None and flow.reader.service))
    for end in (flow.orig, flow.resp):
        if not end.closed_told:
            reassembler.tell_close(flow, end, TIMEOUT, ts)
    flow.reader = None
    flow.reading = UNDECIDED
    for end in (flow.orig, flow.resp):
        reassembler.forget(end)
        end.prefix = None
        end.skip = end.sniffed = end.fin_ts = 0
        end.over = end.closed_told = False
    if again:
        attach(reassembler, flow, asked, ts)


def attach(reassembler: Reassembler, flow: Flow, asked: list[object], ts: int) -> None:
    """A reader that joins in the middle of a conversation: what is spoken is known, who asks, and what was asked."""
    reassembler.new_reader(flow, flow.orig, False)
    flow.reading = ATTACHED
    reader = flow.reader
    if reader is not None:
        for end in (flow.orig, flow.resp):
            end.skip = reader.gap(end.reads_as_orig, 0, ts, 0)
            if flow.reopened:
                reader.reopened(end.reads_as_orig, ts)
        reader.take_over(asked)


def place(reassembler: Reassembler, flow: Flow, end: Endpoint, lost: Lost, rel: int, ts: int) -> None:
    """Nothing of `end` is expected where `rel` is: what was given up there is expected now."""
    late = flow.late
    begun = end.last_data_ts or end.held is not None or (late is not None and late.reached(end) is not None)
    if begun:
        last = end.held[-1][1] if end.held else end.next_rel
        reassembler.give_up(flow, end, last, False, ts)
        read_anew(reassembler, flow, ts)
    end.next_rel = lost.first if rel - lost.first <= reassembler.hole_bytes else min(rel, lost.last)
    end.trim_rel = min(end.trim_rel, end.next_rel)
    end.top_rel = end.next_rel
    end.counted = lost.last
    if end.next_rel > lost.first and not begun:
        lose(flow, end, lost.first, end.next_rel)
    if lost.torn and not begun and end.next_rel == lost.first:
        said = len(reassembler.out)
        for first, last, chunk in lost.torn:
            if chunk is not None:
                reassembler.hand_on(flow, end, first, chunk, 0, last - first, ts)
        del reassembler.out[said:]  # it was told before
