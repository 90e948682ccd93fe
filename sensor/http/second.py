"""Two readings of one flow, from where octets came twice and were not the same: the main one, and another beside it.

Which copy the receiver took nobody knows who only listens. The first wins, as everywhere; the second reading is given
the other copy and all that follows, in both directions, for a bounded number of octets. Of what it finds only
transactions are told that the main reading did not tell, as SecondReading: for OCSP, not for http.log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from sensor.flow.copies import Conflict, Copies, patched
from sensor.flow.ledger import PER_PIECE, PER_READING
from sensor.flow.stream import END_OF_INPUT
from sensor.http.alike import beginning, halves_of, in_doubt, in_step, is_cut, piece_at, question_of, size_of, take_back
from sensor.http.transaction import TCP, HttpTransaction
from sensor.http.weight import PER_MESSAGE
from sensor.weird import FlowId, Weird

if TYPE_CHECKING:
    from sensor.flow.stream import StreamReader
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

    `found` is where the second one appends, and `budget` how many octets it is given, what it only wants to be counted
    left out. What the main one skips, likewise, is counted here.
    There may be `most` second readings in a flow, one behind the other.
    """

    def __init__(
        self,
        flow: FlowId,
        main: HttpReader,
        second: HttpReader,
        out: list[object],
        found: list[object],
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
        self._at: dict[bool, int] = {}  # the next octet's number in directions that came twice
        self._copies: dict[bool, Copies] = {True: [], False: []}
        self._wants = wants
        self._second_wants = {True: 0, False: 0}
        self._budget = budget
        # Of the second one: the direction that it began with, where, and the end of the copy put in last; requests of
        # the one before it, and whether it has told anything or somebody has answered.
        self._side: bool | None = None
        self._start = self._last = 0
        self._awaited: list[object] = []
        self._heard = False
        # Halves; whether the second reading told them as parts of a whole, and the main one has not told them yet.
        self._told: dict[object, bool] = {}
        self._since = len(out)  # how long `out` was before what came last
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
            self._heard = self._heard or is_orig is not self._side
            if is_orig in self._at:
                chunk = patched(self._at[is_orig], chunk, self._copies[is_orig])
                self._at[is_orig] += len(chunk)
            self.feed(is_orig, chunk, ts)
            if self._budget < 0 or len(self._told) > _MAX_TOLD:
                self.refuse(ts)
                if self._led:
                    self._take_over(ts)
                else:
                    self._end(ts)
            elif not self._is_to_come() and in_step(self._main.messages(), self._second.messages()):
                self._forget()
                self._told.clear()
        return self._next(is_orig)

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int:
        self._since = len(self._out)
        want = self._wants[is_orig]
        if want >= 0:
            self._wants[is_orig] = self._main.gap(is_orig, length, ts, unskipped + want)
        self._note(self._since)
        if is_orig in self._at:
            self._at[is_orig] += length
        rest = self._second_wants[is_orig]
        if self._second is not None and rest >= 0:
            self._heard = self._heard or is_orig is not self._side
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
        kept += sum([PER_PIECE + len(octets) for each in self._copies.values() for _, octets in each])
        found = [half for item in self._found if type(item) is HttpTransaction for half in halves_of(item)]
        kept += sum([PER_MESSAGE + size_of(half) for half in (*self._told, *found)])
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

    def second(self, is_orig: bool, conflict: Conflict, wants: dict[bool, int], ts: int) -> StreamReader:
        """As in StreamReader. There is one second reading at a time: it takes of a copy what is still to come. Of
        octets that it was given already, another one takes its place and begins where that message does."""
        del wants  # they are known here
        self._since = len(self._out)
        self._main.doubt_copy(is_orig, conflict)
        if is_cut(conflict, is_orig):
            self.refuse(ts)
        to_come = conflict.first >= conflict.position or (not conflict.pieces and conflict.last > conflict.position)
        if self._second is not None and to_come:
            self._at.setdefault(is_orig, conflict.position)
            self._copies[is_orig] = conflict.copies
            if is_orig is self._side:
                self._last = conflict.last
            return self
        if self._over or not (conflict.pieces or to_come):
            return self
        start = self._continued(is_orig, conflict)
        continues = start >= 0
        if not continues:
            start = beginning(conflict, is_orig)
            cost = sum([len(piece) for piece in conflict.pieces[start:]])
            if self._forks >= self._most and self._paid < cost:
                self.refuse(ts)
                return self
            self._paid -= cost
        forked = self._main.fork(self._wants)
        again = is_orig is self._side and start == piece_at(conflict, self._start)
        forked._follow(self, is_orig, continues=continues, again=again)
        if not continues:
            self._tell()
            if not forked._awaited:
                self._end(ts)
        forked.replay(is_orig, conflict, start, ts)
        return forked

    def _continued(self, is_orig: bool, conflict: Conflict) -> int:
        """At which piece the second reading began, if the copy that it reads goes on here and nobody has answered; else
        -1. It begins again, then, with one copy more put in: what was read of it so far may have been made of both."""
        if self._second is None or is_orig is not self._side or self._heard or conflict.first < self._last:
            return -1
        return piece_at(conflict, self._start) if self._budget > conflict.position - self._start else -1

    def _follow(self, before: ForkedReader, is_orig: bool, *, continues: bool, again: bool) -> None:
        """It takes the place of `before`, as the same second reading once more if that `continues`. What was asked in
        that one and waits for its reply is asked in this one; what waited when it began, if it begins there `again`."""
        self._paid, self._refused = before._paid, before._refused
        self._forks = before._forks + (not continues)
        if continues:
            self._budget = before._budget
            self._told.update(before._told)
        if again:
            self._awaited = before._awaited
        elif before._second is not None and not is_orig:
            self._awaited = before._second.asked()
        self._at.update(before._at)
        self._copies.update(before._copies)

    def replay(self, is_orig: bool, conflict: Conflict, start: int, ts: int) -> None:
        """The second reading joins in the middle, at piece `start`. Of that and the following ones, what came once was
        told already. What it finds is told when it is known that the copy does not go on."""
        pieces = conflict.pieces[start:]
        reached = conflict.position - sum([len(piece) for piece in pieces])
        self._side, self._start, self._last = is_orig, reached, conflict.last
        self._at[is_orig] = conflict.position
        self._copies[is_orig] = conflict.copies
        for side in (True, False):
            self.begin(side, ts)
        first = min([at for at, octets in conflict.copies if at + len(octets) > reached], default=reached)
        passed = False
        for piece in pieces:
            once = 0 if passed else min(max(first - reached, 0), len(piece))
            reached += len(piece)
            self._hear(is_orig, piece[:once], ts)
            if not passed and reached > first:
                self._pass(is_orig)
                passed = True
            self._hear(is_orig, piece[once:], ts)
        if not passed:
            self._pass(is_orig)

    def _pass(self, is_orig: bool) -> None:
        """What was read so far has come once, and the main reading has told it or will."""
        second = self._second
        if second is not None:
            self._found.clear()
            waits = self._main.asked()
            told = {question_of(request) for request in waits}
            if is_orig:
                second.take_over([request for request in second.asked() if question_of(request) in told])
            else:
                self._awaited = self._awaited or waits
                second.take_over(self._awaited)
            for each in told:
                self._told.setdefault(each, False)

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
            self._forget()

    def refuse(self, ts: int) -> None:
        """There is more that can be read otherwise than is: told once in a flow."""
        if not self._refused:
            self._refused = True
            self._out.append(Weird(ts, "HTTP_second_reading_cut", self._flow, None, "HTTP"))

    def feed(self, is_orig: bool, chunk: bytes, ts: int) -> None:
        """The second reading's next octets, without the main one's; what it finds is told."""
        self._hear(is_orig, chunk, ts)
        self._tell()

    def _hear(self, is_orig: bool, chunk: bytes, ts: int) -> None:
        want = self._second_wants[is_orig]
        if want < 0 or self._second is None or not chunk:
            return
        if len(chunk) < want:
            self._second_wants[is_orig] = want - len(chunk)
            return
        self._budget -= len(chunk) - want
        self._second_wants[is_orig] = self._second.data(is_orig, chunk[want:], ts)

    def _end(self, ts: int) -> None:
        """There is no second reading any more: what waits there for its reply is told without."""
        if self._second is not None:
            for request in self._main.asked():
                self._told.setdefault(question_of(request), False)
            for side in (True, False):
                self._second.closed(side, END_OF_INPUT, ts, ts, max(self._second_wants[side], 0))
            self._tell()
            self._forget()

    def _forget(self) -> None:
        """One reading is left."""
        self._second = None
        self._at = {}
        self._copies = {True: [], False: []}

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

    def _is_to_come(self) -> bool:
        return any(at + len(octets) > now for side, now in self._at.items() for at, octets in self._copies[side])

    def _note(self, before: int) -> None:
        """What the main reading told since `out` was `before` long is not told again, nor is a half of what the second
        one told whole."""
        out = self._out
        for place in range(before, len(out)) if self._second is not None or self._told else ():
            item = out[place]
            if type(item) is HttpTransaction:
                halves = halves_of(item)
                if len(halves) > 1:
                    self._led = False
                elif self._told.get(halves[0], False):
                    out[place] = msgspec.structs.replace(item, repeated=True)
                self._told.update(dict.fromkeys(halves, False))

    def _tell(self) -> None:
        for item in self._found:
            if type(item) is HttpTransaction:
                self._heard = True
                halves = halves_of(item)
                whole = len(halves) > 1
                known = [
                    half in self._told and not (whole and take_back(self._out, self._since, half)) for half in halves
                ]
                if not all(known):
                    self._led = whole
                    waiting = {question_of(request) for request in self._main.asked()}
                    for half in halves:
                        self._told[half] = whole and (half not in self._told or half in waiting)
                    before = len(self._out)
                    self._out.append(
                        SecondReading(
                            in_doubt(item, self._doubt),
                            item.request is not None and known[0],
                            item.response is not None and known[-1],
                        )
                    )
                    # To the main reading the reply may be one that waits for a request still to come.
                    self._main.messages().pairing.release_early()
                    self._note(before)
        self._found.clear()
