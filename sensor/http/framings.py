"""Where a message may end in several ways, the next one may begin in several places: the main reading of a flow goes on
at one of them, and who frames by the other finds what stands there. If that is a message, it is read, too.

Content-Length beside chunked, several Content-Lengths, and content of any request that a server answers without
reading it: of a GET it has no meaning, of a POST some handlers ignore it, or it was never sent behind `Expect`
(RFC 9112 section 6.3, RFC 9110 sections 9.3.1 and 10.1.1; "CL.0"). So a body that begins like a request is read as one,
too, whatever the method.
Each such place is a turn: the number of octets of the direction that lie before it. One at a time is followed, by a
second reading as `sensor.http.second` has it, until both stand between the same messages again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from sensor.http.head import NOT_CHUNKED, Head
from sensor.http.messages import SECOND_CUT, Messages
from sensor.http.pairing import Exchange, new_exchange
from sensor.http.resync import begins_message, may_begin_message
from sensor.http.second import ForkedReader
from sensor.http.side import HEAD, Side
from sensor.http.transaction import FRAMING

if TYPE_CHECKING:
    from sensor.http.reader import HttpReader

_MAX_TURNS: Final = 16
"""Of one direction, that are still to come."""
_MAX_EMPTY: Final = 4
"""Octets of empty lines before a request, which servers skip (RFC 9112 section 2.2)."""


def find_turns(messages: Messages, side: Side, head: Head, here: int) -> None:
    """The body that begins behind `here` octets may end in several places: they are put into `side.turns`."""
    told = list(head.lengths)
    if head.chunked != NOT_CHUNKED and head.length >= 0:
        told.append(head.length)
    if side.is_orig:
        told.append(0)
    if told:
        turns = {here + length for length in told} | set(side.turns or ())
        side.turns = sorted(turns)[:_MAX_TURNS]
        side.turned = side.exchange.depth if side.exchange is not None else 0
        side.known = messages.pairing.depth


def begins_in_doubt(messages: Messages, side: Side, start: int) -> bool:
    """A message begins behind `start` octets: is it, to who frames otherwise, part of another's body? Not if the peer
    has shown meanwhile that it frames as is done here: it has replied, or asked again."""
    turns = side.turns
    if turns is None:
        return False
    in_doubt = turns[-1] > start
    side.turns = _others(turns, start) or None
    pending = messages.pairing.pending
    if side.is_orig:
        return in_doubt and bool(pending)
    return in_doubt and bool(pending) and pending[0].depth <= side.known


def pass_turns(messages: Messages, side: Side, chunk: bytes, busy: bool, ts: int) -> bytes:
    """`chunk` came: what of it stands behind a turn and may begin a message; b"" if nothing. `busy`: such a one is
    followed already."""
    first = side.total - len(chunk)
    turns = side.turns or []
    if side.state == HEAD and side.tail is not None:
        turns = _others(turns, side.total - len(side.tail))
    rest = b""
    passed = 0
    for turn in turns:
        if turn >= side.total:
            break
        passed += 1
        at = turn - first
        begins, may_begin = _stands(chunk, at, side.is_orig) if at >= 0 else (False, False)
        if may_begin and not rest and not busy:
            rest = chunk[at:]
        elif begins:
            messages.weird_once(SECOND_CUT, ts, "HTTP_second_reading_cut")
    side.turns = turns[passed:] or None
    return rest


def _others(turns: list[int], start: int) -> list[int]:
    """Without those where the main reading, too, sees the message that begins behind `start` octets."""
    return [turn for turn in turns if not start - _MAX_EMPTY <= turn <= start]


def _stands(chunk: bytes, at: int, is_orig: bool) -> tuple[bool, bool]:
    """Whether a message begins at `at`, or behind empty lines there; and whether one does, or one may that is cut."""
    behind = at
    while is_orig and behind < min(len(chunk), at + _MAX_EMPTY) and chunk[behind] in b"\r\n":
        behind += 1
    if begins_message(chunk, behind, is_orig):
        return True, True
    return False, behind == len(chunk) or may_begin_message(chunk, behind, is_orig)


class Turned:
    """A flow that is read in two ways from a turn on. To the ForkedReader `both` this is the main reading: the reader
    itself hands everything to `both` meanwhile, unless it is called from here, which `inside` says."""

    def __init__(self, reader: HttpReader, second: HttpReader, found: list[object]) -> None:
        self.inside = False
        self._reader = reader
        self._main = main = reader.messages()
        self._second = second.messages()
        budget = main.settings.max_second_reading_bytes
        wants = {True: 0, False: 0}
        alone = cast("HttpReader", self)  # as far as it is asked for anything here
        self.both = ForkedReader(main.flow, alone, second, main.out, found, wants, budget, 1, doubt=FRAMING)

    def begin(self, side: Side, rest: bytes, want: int, ts: int) -> int:
        """`rest` stands behind the turn. The main reading has had it, and wants `want`; what is wanted now."""
        main, second = self._main, self._second
        resp = main.resp
        if side.exchange is not None and side.exchange.depth == side.turned:
            side.exchange.doubts |= FRAMING  # its reply was there before its body
        for exchange in main.pairing.pending:
            if exchange.depth == side.turned:
                exchange.doubts |= FRAMING
            under_way = exchange is resp.exchange and resp.state != HEAD
            if (exchange.depth <= side.turned if side.is_orig else exchange.depth > side.turned) and not under_way:
                second.pairing.pending.append(_copied(main, exchange))
        second.pairing.depth = main.pairing.depth
        both = self.both
        both.want(side.is_orig, want)
        other = resp if side.is_orig else main.orig
        if other.state != HEAD:
            both.begin(not side.is_orig, ts)
            second.pairing.orig_lost = second.pairing.resp_lost = False
        elif other.tail is not None:
            both.feed(not side.is_orig, bytes(other.tail), ts)
        both.feed(side.is_orig, rest, ts)
        return 0

    def over(self) -> bool:
        """Whether there is but one reading again, and nothing that it wants waits here."""
        return self.both.is_over()

    def left(self) -> Messages:
        """What was read of the reading that is left: the other one's, if it has taken over."""
        left = self.both.left().messages()
        left.new_tap = self._main.new_tap
        return left

    def messages(self) -> Messages:
        return self._main

    def asked(self) -> list[object]:
        return self._reader.asked()

    @property
    def service(self) -> str | None:
        return self._reader.service

    def kept(self) -> tuple[int, int]:
        self.inside = True
        kept = self._reader.kept()
        self.inside = False
        return kept

    def unfinished(self, is_orig: bool) -> bool:
        return self._reader.unfinished(is_orig)

    def in_message(self) -> bool:
        self.inside = True
        found = self._reader.in_message()
        self.inside = False
        return found

    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:
        self.inside = True
        want = self._reader.data(is_orig, chunk, ts)
        self.inside = False
        return want

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int:
        self.inside = True
        want = self._reader.gap(is_orig, length, ts, unskipped)
        self.inside = False
        return want

    def reopened(self, is_orig: bool, ts: int) -> None:
        self.inside = True
        self._reader.reopened(is_orig, ts)
        self.inside = False

    def closed(self, is_orig: bool, how: int, ts: int, last_data_ts: int, unskipped: int) -> None:
        self.inside = True
        self._reader.closed(is_orig, how, ts, last_data_ts, unskipped)
        self.inside = False


def _copied(main: Messages, exchange: Exchange) -> Exchange:
    """A request that waits for its reply, for the second reading. One under way is whole there, and without a body."""
    made = new_exchange(exchange.depth, exchange.ts)
    made.request = exchange.request
    if made.request is None and exchange is main.orig.exchange:
        made.request = main.request(main.orig, True)
    made.head_only, made.connect, made.doubts = exchange.head_only, exchange.connect, exchange.doubts
    return made
