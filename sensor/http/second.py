"""Two readings of one flow, from where octets came twice and were not the same: the main one, and another beside it.

Which copy the receiver took nobody knows who only listens. The first wins, as everywhere; the second reading is given
the other copy and all that follows, in both directions, for a bounded number of octets. Of what it finds only
transactions are told that the main reading did not tell, as SecondReading: for OCSP, not for http.log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from sensor.flow.ledger import PER_PIECE, PER_READING
from sensor.flow.stream import END_OF_INPUT
from sensor.http.side import HEAD, OVER
from sensor.http.transaction import AMBIGUITIES, TCP, HttpRequest, HttpTransaction
from sensor.http.weight import PER_MESSAGE
from sensor.weird import FlowId, Weird

if TYPE_CHECKING:
    from sensor.flow.stream import StreamReader
    from sensor.http.messages import Messages
    from sensor.http.reader import HttpReader

_MAX_TOLD: Final = 256
"""Halves of transactions remembered as told."""


class SecondReading(msgspec.Struct, frozen=True, gc=False):
    """A transaction that was perhaps heard, and not by the reading that http.log tells of. A half is `known` that the
    main reading has told all the same."""

    transaction: HttpTransaction
    known_request: bool
    known_reply: bool

    @property
    def flow(self) -> FlowId:
        """Whose it is."""
        return self.transaction.flow


class ForkedReader:
    """A StreamReader over two. `wants` is what the main one wants next of each direction (True: the originator's).

    `found` is where the second one appends; `position` is the sequence number of the next octet of `is_orig`, and
    `budget` how many octets the second one is given, what it only wants to be counted left out. What the main one
    skips, likewise, is counted here.
    There may be `most` second readings in a flow, one behind the other.
    """

    def __init__(
        self,
        flow: FlowId,
        main: HttpReader,
        second: HttpReader,
        out: list[object],
        found: list[object],
        is_orig: bool,
        position: int,
        wants: dict[bool, int],
        budget: int,
        most: int,
        *,
        doubt: int = TCP,
    ) -> None:
        self._flow = flow
        self._main = main
        self._second: HttpReader | None = second
        self._doubt = doubt
        self._out = out
        self._found = found
        self._is_orig = is_orig
        self._position = position
        self._wants = wants
        self._second_wants = {True: 0, False: 0}
        self._budget = budget
        self._others: list[tuple[int, bytes]] = []
        # Halves; whether the second reading told them as parts of a whole, and the main one has not told them yet.
        self._told: dict[object, bool] = {}
        self._since = 0  # how long `out` was before what came last
        self._over: set[bool] = set()
        self._most = most
        self._forks = 1
        self._paid = 0  # octets that came, less those that second readings began with
        self._led = False  # the last whole exchange that was not told before is the second reading's
        self._refused = False

    @property
    def service(self) -> str | None:
        return self._main.service

    @property
    def valued(self) -> bool:
        return self._main.valued or (self._second is not None and self._second.valued)

    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:
        self._since = len(self._out)
        self._paid += len(chunk)
        want = self._wants[is_orig]
        if want >= 0:
            self._wants[is_orig] = (
                want - len(chunk) if len(chunk) < want else self._main.data(is_orig, chunk[want:], ts)
            )
        self._note(self._since)
        if self._second is not None:
            if is_orig == self._is_orig:
                chunk = self._other_copy(chunk)
                self._position += len(chunk)
            self.feed(is_orig, chunk, ts)
            if self._budget < 0 or len(self._told) > _MAX_TOLD:
                self._refuse(ts)
                if self._led:
                    self._take_over(ts)
                else:
                    self._end(ts)
            elif not self._others_to_come() and in_step(self._main.messages(), self._second.messages()):
                self._second = None
                self._told.clear()
                self._others.clear()
        return self._next(is_orig)

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int:
        self._since = len(self._out)
        want = self._wants[is_orig]
        if want >= 0:
            self._wants[is_orig] = self._main.gap(is_orig, length, ts, unskipped + want)
        self._note(self._since)
        if is_orig == self._is_orig:
            self._position += length
        rest = self._second_wants[is_orig]
        if self._second is not None and rest >= 0:
            self._second_wants[is_orig] = self._second.gap(is_orig, length, ts, rest)
            self._tell()
        return self._next(is_orig)

    def unfinished(self, is_orig: bool) -> bool:
        """Either of them."""
        return self._main.unfinished(is_orig) or (self._second is not None and self._second.unfinished(is_orig))

    def in_message(self) -> bool:
        """Either of them."""
        return self._main.in_message() or (self._second is not None and self._second.in_message())

    def kept(self) -> tuple[int, int]:
        """Of both, and what is remembered as told."""
        kept, window = self._main.kept()
        if self._second is not None:
            other, other_window = self._second.kept()
            kept += PER_READING + other
            window += other_window
        kept += sum([PER_PIECE + len(octets) for _, octets in self._others])
        kept += sum([PER_MESSAGE + _size(half) for half in self._told])
        return kept, window

    def asked(self) -> list[object]:
        """Of the main one."""
        return self._main.asked()

    def take_over(self, asked: list[object]) -> None:
        """The main one does; where there are two readings they have begun long ago."""
        self._main.take_over(asked)

    def reopened(self, is_orig: bool, ts: int) -> None:
        self._since = len(self._out)
        self._main.reopened(is_orig, ts)
        self._note(self._since)
        if self._second is not None:
            self._second.reopened(is_orig, ts)
        if is_orig in self._over:
            self._over.remove(is_orig)
            self._wants[is_orig] = self._second_wants[is_orig] = 0

    def closed(self, is_orig: bool, how: int, ts: int, last_data_ts: int, unskipped: int) -> None:
        self._over.add(is_orig)
        self._since = len(self._out)
        self._main.closed(is_orig, how, ts, last_data_ts, unskipped + max(self._wants[is_orig], 0))
        self._note(self._since)
        if self._second is not None:
            self._second.closed(is_orig, how, ts, last_data_ts, max(self._second_wants[is_orig], 0))
            self._tell()

    def second(
        self,
        is_orig: bool,
        position: int,
        pieces: list[bytes],
        other: tuple[int, bytes],
        wants: dict[bool, int],  # noqa: ARG002  (known here)
        ts: int,
    ) -> StreamReader:
        """As in StreamReader. There is one second reading at a time: it takes of this copy what is still to come. Of
        octets that it was given already, another second reading takes its place and begins where that message does."""
        to_come = is_orig == self._is_orig and other[0] + len(other[1]) > self._position
        if to_come and self._second is not None:
            self._main.doubt_copy(is_orig, position, bool(pieces), other)
            if len(self._others) < _MAX_TOLD:
                self._others.append(other)
            else:
                self._refuse(ts)
            return self
        of_use = bool(pieces) or (self._second is None and other[0] + len(other[1]) > position)
        cost = sum([len(piece) for piece in pieces])
        if not of_use or self._over or (self._forks >= self._most and self._paid < cost):
            if of_use and not self._over:
                self._refuse(ts)
            self._main.doubt_copy(is_orig, position, bool(pieces), other)
            return self
        if self._second is not None:
            self._end(ts)
        forked = self._main.second(is_orig, position, pieces, other, self._wants, ts)
        forked._forks = self._forks + 1
        forked._paid = self._paid - cost
        forked._refused = self._refused
        return forked

    def _take_over(self, ts: int) -> None:
        """Exchanges are found by the second reading, and none by the main one, which is on a wrong track: it ends."""
        second = self._second
        if second is not None:
            before = len(self._out)
            for side in (True, False):
                self._main.closed(side, END_OF_INPUT, ts, ts, max(self._wants[side], 0))
            self._note(before)
            second.messages().lead(self._out)
            self._main, self._wants = second, self._second_wants
            self._second = None

    def _refuse(self, ts: int) -> None:
        """There is more that can be read otherwise than is: told once in a flow."""
        if not self._refused:
            self._refused = True
            self._out.append(Weird(ts, "HTTP_second_reading_cut", self._flow, None, "HTTP"))

    def feed(self, is_orig: bool, chunk: bytes, ts: int) -> None:
        """The second reading's next octets, without the main one's."""
        want = self._second_wants[is_orig]
        if want < 0 or self._second is None:
            return
        if len(chunk) < want:
            self._second_wants[is_orig] = want - len(chunk)
            return
        self._budget -= len(chunk) - want
        self._second_wants[is_orig] = self._second.data(is_orig, chunk[want:], ts)
        self._tell()

    def _end(self, ts: int) -> None:
        """There is no second reading any more: what waits there for its reply is told without."""
        if self._second is not None:
            for request in self._main.asked():
                self._told.setdefault(_asked(request), False)
            for side in (True, False):
                self._second.closed(side, END_OF_INPUT, ts, ts, max(self._second_wants[side], 0))
            self._tell()
            self._second = None

    def want(self, is_orig: bool, count: int) -> None:
        """So many octets the main reading wants to be counted."""
        self._wants[is_orig] = count

    def is_over(self) -> bool:
        """Whether there is one reading again, which wants the next octets."""
        return self._second is None and self._wants[True] <= 0 and self._wants[False] <= 0

    def left(self) -> HttpReader:
        """The main reading, which was the second one if that has taken over."""
        return self._main

    def begin(self, is_orig: bool, ts: int) -> None:
        """What came before in this direction the second reading does not know."""
        if self._second is not None:
            self._second_wants[is_orig] = self._second.gap(is_orig, 0, ts, 0)

    def _next(self, is_orig: bool) -> int:
        """What is wanted of this direction: everything, as long as there are two readings."""
        if self._second is not None:
            return 0
        want = self._wants[is_orig]
        self._wants[is_orig] = 0
        return want

    def _other_copy(self, chunk: bytes) -> bytes:
        first = self._position
        for at, octets in self._others:
            low, high = max(at, first), min(at + len(octets), first + len(chunk))
            if low < high:
                chunk = chunk[: low - first] + octets[low - at : high - at] + chunk[high - first :]
        return chunk

    def _others_to_come(self) -> bool:
        return any(at + len(octets) > self._position for at, octets in self._others)

    def _note(self, before: int) -> None:
        """What the main reading told since `out` was `before` long is not told again, nor is a half of what the second
        one told whole."""
        out = self._out
        for place in range(before, len(out)) if self._second is not None or self._told else ():
            item = out[place]
            if type(item) is HttpTransaction:
                halves = _halves(item)
                if len(halves) > 1:
                    self._led = False
                elif self._told.get(halves[0], False):
                    out[place] = msgspec.structs.replace(item, repeated=True)
                self._told.update(dict.fromkeys(halves, False))

    def _tell(self) -> None:
        for item in self._found:
            if type(item) is HttpTransaction:
                halves = _halves(item)
                whole = len(halves) > 1
                known = [half in self._told and not (whole and self._take_back(half)) for half in halves]
                if not all(known):
                    self._led = whole
                    for half in halves:
                        self._told[half] = whole and half not in self._told
                    before = len(self._out)
                    ambiguous = AMBIGUITIES[self._doubt | sum(1 << _BITS[each] for each in item.ambiguous)]
                    self._out.append(
                        SecondReading(
                            msgspec.structs.replace(item, ambiguous=ambiguous),
                            item.request is not None and known[0],
                            item.response is not None and known[-1],
                        )
                    )
                    # To the main reading the reply may be one that waits for a request still to come.
                    self._main.messages().pairing.release_early()
                    self._note(before)
        self._found.clear()

    def _take_back(self, half: object) -> bool:
        """Of what came last the main reading told this half alone: then it is not told so."""
        out = self._out
        for place in range(self._since, len(out)):
            item = out[place]
            if type(item) is HttpTransaction and not item.repeated and _halves(item) == [half]:
                out[place] = msgspec.structs.replace(item, repeated=True)
                return True
        return False


def in_step(main: Messages, second: Messages) -> bool:
    """Whether both stand between messages, with the same requests that wait for a reply: they would go on alike."""
    for one, other in ((main.orig, second.orig), (main.resp, second.resp)):
        if one.state != other.state or one.state not in (HEAD, OVER) or one.tail != other.tail:
            return False
    pending, others = main.pairing.pending, second.pairing.pending
    if main.pairing.early or second.pairing.early or main.pairing.owed != second.pairing.owed:
        return False
    return len(pending) == len(others) and all(
        one.request is not None and other.request is not None and _asked(one.request) == _asked(other.request)
        for one, other in zip(pending, others, strict=True)
    )


_BITS: Final = {each: place for place, each in enumerate(AMBIGUITIES[-1])}


def _size(half: object) -> int:
    """Octets of what `_halves` gives."""
    if isinstance(half, tuple):
        return sum([_size(part) for part in half])
    return len(half) if isinstance(half, bytes) else 0


def _asked(request: object) -> object:
    if not isinstance(request, HttpRequest):
        return None
    return request.method, request.target, tuple([file.content for file in request.files])


def _halves(transaction: HttpTransaction) -> list[object]:
    """What makes the request, and the reply, equal to those of another reading."""
    request, response = transaction.request, transaction.response
    halves: list[object] = []
    if request is not None:
        halves.append(_asked(request))
    if response is not None:
        halves.append((response.status_code, tuple([file.content for file in response.files])))
    return halves
