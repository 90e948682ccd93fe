"""Where a message may end in several ways, the next one may begin in several places: the main reading of a flow goes on
at one of them, and who frames by the other finds what stands there. If that is a message, it is read, too.

Content-Length beside chunked, several Content-Lengths, and content of any request that a server answers without
reading it: of a GET it has no meaning, of a POST some handlers ignore it, or it was never sent behind `Expect`
(RFC 9112 section 6.3, RFC 9110 sections 9.3.1 and 10.1.1; "CL.0"). So a body that begins like a request is read as one,
too, whatever the method.
Each such place is a turn: the number of octets of the direction that lie before it. One at a time is followed, by a
second reading as `sensor.http.second` has it, until both stand between the same messages again. Who finds a message
more, or less, finds other replies to all that is asked behind it: everything is in doubt until the client asks again
and no request and no reply of the main reading is left over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from sensor.http.head import NOT_CHUNKED, Head
from sensor.http.messages import COUNT, COUNT_PERHAPS, SECOND_CUT, Messages
from sensor.http.pairing import Exchange, new_exchange
from sensor.http.resync import STATUS_BEGINNING, begins_message, begins_request, may_begin_message
from sensor.http.second import ForkedReader
from sensor.http.side import HEAD, Side
from sensor.http.transaction import FRAMING

if TYPE_CHECKING:
    from sensor.http.reader import HttpReader

_MAX_TURNS: Final = 16
"""Of one direction, that are still to come."""
_MAX_EMPTY: Final = 4
"""Octets of empty lines before a request, which servers skip (RFC 9112 section 2.2)."""
_DECIDED_AT: Final = 20
"""Octets behind a turn that say whether a method stands there: behind it, only the end of the line says more."""


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


def count_in_doubt(messages: Messages, side: Side, start: int) -> int:
    """A message begins behind `start` octets. Is it, to who frames otherwise, part of another's body, COUNT, or 0? It
    seems not to be if the peer has shown meanwhile that it frames as is done here, has replied, or asked again, but who
    does so before all has come shows nothing: COUNT_PERHAPS."""
    turns = side.turns
    within = side.passed > start or (turns is not None and turns[-1] > start)
    side.passed = 0
    if turns is not None:
        side.turns = _others(turns, start) or None
    if not within:
        return 0
    pending = messages.pairing.pending
    in_doubt = bool(pending) if side.is_orig else not pending or pending[0].depth <= side.known
    return COUNT if in_doubt else COUNT_PERHAPS


def next_stop(side: Side, data: bytes) -> int:
    """How much of `data`, which comes next, is read before the next turn is looked at: up to where it is, or where it
    is known at the latest whether a message begins there. So it makes no difference where segments end."""
    ahead = side.ahead
    if ahead is None:
        turns = side.turns or []
        while turns and turns[0] < side.total:  # behind a gap
            side.passed = turns[0]
            turns = turns[1:]
        side.turns = turns or None
        if turns and turns[0] > side.total:
            return min(turns[0] - side.total, len(data))
        if turns:
            side.ahead = ahead = bytearray()
    if ahead is None:
        return len(data)
    if side.is_orig:
        return data.find(b"\n") + 1 or len(data)
    return min(max(STATUS_BEGINNING - len(ahead), 1), len(data))


def pass_turns(messages: Messages, side: Side, part: bytes, busy: bool, ts: int) -> bytes:
    """`part` was read, as far as `next_stop` said: what stands behind a turn, if a message begins there; b"" while that
    is not known, and if none does. `busy`: such a one is followed already."""
    ahead = side.ahead
    if ahead is None:
        return b""
    known = len(ahead)
    ahead += part
    limit = messages.settings.max_target_bytes
    if known > _DECIDED_AT and side.is_orig and len(ahead) <= limit and part[-1:] != b"\n":
        return b""
    first = side.total - len(ahead)
    turns = side.turns or []
    if side.state == HEAD and side.tail is not None:
        turns = _others(turns, side.total - len(side.tail))
    rest = b""
    while turns and turns[0] < side.total:
        begins = _stands(ahead, max(turns[0] - first, 0), side.is_orig, limit)
        if begins == _MAYBE:
            break
        if begins != _NO:
            if begins == _YES and not busy:
                rest = bytes(ahead[turns[0] - first :])
                busy = True
            else:
                messages.weird_once(SECOND_CUT, ts, "HTTP_second_reading_cut")
        side.passed = turns[0]
        turns = turns[1:] if begins != _YES else [turn for turn in turns if turn > side.passed + _MAX_EMPTY]
    side.turns = turns or None
    waits = bool(turns) and turns[0] < side.total
    side.ahead = bytearray(ahead[max(turns[0] - first, 0) :]) if waits else None
    return rest


def _others(turns: list[int], start: int) -> list[int]:
    """Without those where the main reading, too, sees the message that begins behind `start` octets."""
    return [turn for turn in turns if not start - _MAX_EMPTY <= turn <= start]


_NO: Final = 0
_MAYBE: Final = 1
_YES: Final = 2
_TOO_LONG: Final = 3


def _stands(ahead: bytearray, at: int, is_orig: bool, limit: int) -> int:
    """Whether a message begins at `at`, or behind empty lines there. A request does where its line is whole, of which
    no more than `limit` octets are waited for."""
    data = bytes(ahead[at : at + limit + 1])
    behind = 0
    while is_orig and behind < min(len(data), _MAX_EMPTY) and data[behind] in b"\r\n":
        behind += 1
    if behind == len(data) or may_begin_message(data, behind, is_orig):
        return _MAYBE
    if is_orig and data.find(b"\n", behind) < 0 and begins_request(data, behind):
        return _MAYBE if len(data) <= limit else _TOO_LONG
    return _YES if begins_message(data, behind, is_orig) else _NO


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
        main.in_doubt |= COUNT
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
