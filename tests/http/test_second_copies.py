"""sensor.http.second: other copies of what was read already, one behind the other, in pieces, in both directions."""

from __future__ import annotations

import pytest

from sensor.flow.copies import Conflict, Copies, delivered_last, with_copy
from sensor.flow.state import Segment
from sensor.flow.stream import FIN, StreamReader
from sensor.http.reader import HttpReader
from sensor.http.second import ForkedReader, SecondReading
from sensor.http.transaction import Ambiguity, HttpTransaction
from sensor.settings import HttpSettings
from sensor.weird import Weird
from tests.http.test_second import end, forked, targets
from tests.http.wire import FLOW, SECOND, conflict, get, post, reply


def say_twice(reader: HttpReader | ForkedReader, first: int, target: bytes) -> tuple[ForkedReader, int]:
    """A request of which the other copy, of the target with a "!" in it, comes when it was read, and a reply."""
    said, other = get(target + b"?"), get(target + b"!")
    want = reader.data(True, said, SECOND)
    both = reader.second(True, conflict(first + len(said), [other], (first, other)), {True: want, False: 0}, SECOND)
    both.data(False, reply(target), 2 * SECOND)
    assert isinstance(both, ForkedReader)
    return both, first + len(said)


def test_each_conflict_has_its_second_reading() -> None:
    out: list[object] = []
    reader, at = say_twice(HttpReader(FLOW, out, HttpSettings(), probation=False), 1, b"/a")
    reader, at = say_twice(reader, at, b"/b")
    reader.data(True, get(b"/plain"), 3 * SECOND)
    reader.data(False, reply(b"x"), 3 * SECOND)
    end(reader)
    assert targets(out) == [b"/a?", b"/a!", b"/b?", b"/b!", b"/plain"]
    both = [item.transaction if isinstance(item, SecondReading) else item for item in out]
    doubts = [item.ambiguous for item in both if isinstance(item, HttpTransaction)]
    assert doubts == [(Ambiguity.tcp,)] * 4 + [()]


def test_who_forges_very_often_is_read_twice_as_often() -> None:
    """Each time as much comes as is read again."""
    out: list[object] = []
    reader: HttpReader | ForkedReader = HttpReader(FLOW, out, HttpSettings(), probation=False)
    at = 1
    for number in range(40):
        reader, at = say_twice(reader, at, b"/%d" % number)
    end(reader)  # type: ignore[arg-type]  # it was forked
    assert [target for target in targets(out) if target and target.endswith(b"!")] == [b"/%d!" % n for n in range(40)]
    main = [item for item in out if isinstance(item, HttpTransaction)]
    assert len(main) == 40 and {item.ambiguous for item in main} == {(Ambiguity.tcp,)}


def test_what_the_second_reading_had_begun_is_told_when_another_takes_its_place() -> None:
    reader, out = forked(get(b"/a"), get(b"/b"))
    said = reply(b"one")
    other = said.replace(b" 200 ", b" 404 ")
    reader.data(False, said, 2 * SECOND)
    again = reader.second(False, conflict(1 + len(said), [other], (1, other)), {True: 0, False: 0}, 3 * SECOND)
    assert again is not reader
    end(again)  # type: ignore[arg-type]  # it is another
    assert targets(out) == [b"/a", b"/b", None]


def test_where_not_all_other_copies_are_known_that_is_said_once() -> None:
    said = b"GET /"
    reader, out = forked(said, said)
    for number in range(3):
        place = 1 + len(said) + number
        cut = Conflict(1 + len(said), [said], [(place, b"!")], place, place + 1, is_cut=True)
        assert reader.second(True, cut, {}, SECOND) is reader
    reader.data(True, b"a" * 3 + b" HTTP/1.1\r\n\r\n", 2 * SECOND)
    end(reader)
    assert targets(out) == [b"/aaa", b"/aa!"]
    assert [item.name for item in out if isinstance(item, Weird)] == ["HTTP_second_reading_cut"]


def test_behind_its_limit_another_conflict_has_a_second_reading_again() -> None:
    reader, out = forked(get(b"/a"), get(b"/b"), HttpSettings(max_second_reading_bytes=100))
    reader.data(False, reply(b"x" * 200), 2 * SECOND)
    again = reader.second(True, conflict(1, [], (1, b"GET /d")), {True: 0, False: 0}, 3 * SECOND)
    assert isinstance(again, ForkedReader) and again is not reader
    again.data(True, get(b"/c"), 4 * SECOND)
    again.data(False, reply(b"y"), 5 * SECOND)
    end(again)
    assert targets(out) == [b"/a", b"/b", b"/c", b"/d"]


def test_another_copy_that_comes_in_pieces() -> None:
    said = b"GET /"
    reader, out = forked(said, said)
    reader.second(True, conflict(1 + len(said), [said], (1 + len(said), b"b" * 10)), {}, SECOND)
    for piece in (b"a" * 5, b"a" * 5, b"c HTTP/1.1\r\n\r\n"):
        reader.data(True, piece, 2 * SECOND)
    end(reader)
    assert targets(out) == [b"/aaaaaaaaaac", b"/bbbbbbbbbbc"]


def test_of_a_reply_in_two_copies_the_other_is_told_by_itself() -> None:
    out: list[object] = []
    main = HttpReader(FLOW, out, HttpSettings(), probation=False)
    main.data(True, get(b"/a"), SECOND)
    want = main.data(False, reply(b"one"), 2 * SECOND)
    other = reply(b"two")
    both = main.second(False, conflict(1 + len(other), [other], (1, other)), {True: 0, False: want}, 3 * SECOND)
    end(both)
    second = out[-1]
    assert isinstance(second, SecondReading)
    assert (second.transaction.request, second.known_request, second.known_reply) == (None, False, False)


def test_second_readings_begin_as_often_as_they_are_paid_for() -> None:
    """Each exchange is forged first; what it carries pays for its being read again."""
    out: list[object] = []
    reader: object = HttpReader(FLOW, out, HttpSettings(max_second_readings=2), probation=False)
    at = 1
    for number in range(24):
        true = get(b"/%02d" % number)
        reader.data(True, b"GET /" + b"x" * (len(true) - 5), SECOND)  # type: ignore[attr-defined]
        at += len(true)
        reader = reader.second(  # type: ignore[attr-defined]
            True, conflict(at, [true], (at - len(true), true)), {True: 0, False: 0}, SECOND
        )
        reader.data(False, reply(b"x"), SECOND)  # type: ignore[attr-defined]
    end(reader)  # type: ignore[arg-type]
    assert {target for target in targets(out) if target and len(target) == 3} == {b"/%02d" % n for n in range(24)}


def test_nobody_pays_for_copies_of_the_same() -> None:
    out: list[object] = []
    main = HttpReader(FLOW, out, HttpSettings(max_second_readings=2), probation=False)
    said = get(b"/a" + b"a" * 500)
    main.data(True, said, SECOND)
    reader: object = main
    for number in range(6):
        other = get(b"/%d" % number + b"a" * 500)
        reader = reader.second(  # type: ignore[attr-defined]
            True, conflict(1 + len(said), [other], (1, other)), {True: 0, False: 0}, SECOND
        )
    assert [item.name for item in out if isinstance(item, Weird)] == ["HTTP_second_reading_cut"]


class Twice:
    """A reader as the packet path has it, which keeps what both directions said and the other copies of it."""

    def __init__(self, settings: HttpSettings | None = None) -> None:
        self.out: list[object] = []
        self.reader: StreamReader = HttpReader(FLOW, self.out, settings or HttpSettings(), probation=False)
        self.at = {True: 1, False: 1}
        self.recent: dict[bool, list[Segment]] = {True: [], False: []}
        self.copies: dict[bool, Copies] = {True: [], False: []}

    def say(self, is_orig: bool, *pieces: bytes) -> None:
        for piece in pieces:
            assert self.reader.data(is_orig, piece, 2 * SECOND) == 0
            self.at[is_orig] += len(piece)
            self.recent[is_orig].append((self.at[is_orig] - len(piece), self.at[is_orig], piece))

    def again(self, is_orig: bool, at: int, *pieces: bytes) -> None:
        """They come at `at` and following."""
        for piece in pieces:
            copies, is_cut = with_copy(self.copies[is_orig], at, piece, 1)
            self.copies[is_orig] = copies
            position = self.at[is_orig]
            delivered = delivered_last(self.recent[is_orig], position, copies)
            told = Conflict(position, delivered, copies, at, at + len(piece), is_cut)
            self.reader = self.reader.second(is_orig, told, {True: 0, False: 0}, 3 * SECOND)
            at += len(piece)

    def end(self) -> None:
        for side in (True, False):
            self.reader.closed(side, FIN, 9 * SECOND, SECOND, 0)

    def pairs(self) -> list[tuple[bytes | None, int | None]]:
        """(target, status) of what the second readings found."""
        found = [item.transaction for item in self.out if isinstance(item, SecondReading)]
        return [
            (each.request.target if each.request else None, each.response.status_code if each.response else None)
            for each in found
        ]

    def names(self) -> list[str]:
        return [item.name for item in self.out if isinstance(item, Weird)]


FORGED, TRUE = get(b"/forged", b"X: abcdefghi"), get(b"/the/true/one", b"X: abc")
NOT_FOUND = reply(b"xyz").replace(b" 200 OK", b" 404 No")


def in_pieces(octets: bytes, size: int) -> list[bytes]:
    return [octets[at : at + size] for at in range(0, len(octets), size)]


@pytest.mark.parametrize(
    "said", [FORGED, bytes(len(TRUE)), b"GET /a HTTP/1.1\r\nX: " + b"y" * 200], ids=["whole", "rubbish", "a head"]
)
@pytest.mark.parametrize("size", [1, 7, 20, 40, len(TRUE)])
def test_a_copy_that_comes_in_pieces_adds_up(said: bytes, size: int) -> None:
    """Each piece conflicts with what was given already; all of them together are a second reading."""
    assert len(FORGED) == len(TRUE)
    both = Twice()
    both.say(True, *in_pieces(said[: len(TRUE)], 25))
    both.again(True, 1, *in_pieces(TRUE, size))
    both.say(False, reply(b"x"))
    both.end()
    assert (b"/the/true/one", 200) in both.pairs()


@pytest.mark.parametrize("size", [10, 30, len(NOT_FOUND)])
@pytest.mark.parametrize("asked", [9, 30, len(TRUE)])
def test_request_and_reply_in_pieces_belong_together(asked: int, size: int) -> None:
    both = Twice()
    both.say(True, bytes(len(TRUE)))
    both.again(True, 1, *in_pieces(TRUE, asked))
    both.say(False, bytes(len(NOT_FOUND)))
    both.again(False, 1, *in_pieces(NOT_FOUND, size))
    both.end()
    assert (b"/the/true/one", 404) in both.pairs()


def test_as_part_of_one_reading_pieces_are_not_counted() -> None:
    """They are paid for by what a second reading may read."""
    both = Twice(HttpSettings(max_second_readings=1))
    both.say(True, FORGED)
    both.again(True, 1, *in_pieces(TRUE, 10))
    both.say(False, reply(b"x"))
    assert both.pairs() == [(b"/the/true/one", 200)] and both.names() == []
    both = Twice(HttpSettings(max_second_readings=1, max_second_reading_bytes=3 * len(TRUE)))
    both.say(True, FORGED)
    both.again(True, 1, *in_pieces(TRUE, 10))
    assert both.names() == ["HTTP_second_reading_cut"]


def test_what_came_once_before_it_is_not_told_again() -> None:
    for cut in (1, 2, 500):  # segment by segment, or both requests in one
        both = Twice()
        earlier = get(b"/earlier")
        both.say(True, *([earlier, FORGED] if cut == 1 else [earlier + FORGED]))
        both.say(False, reply(b"x"))
        both.again(True, 1 + len(earlier), *in_pieces(TRUE, 20 * cut))
        both.say(False, reply(b"y"))
        both.end()
        assert both.pairs() == [(b"/the/true/one", 200)]
        assert targets(both.out)[:2] == [b"/earlier", b"/forged"]


def test_of_replies_what_came_once_is_not_told_again() -> None:
    both = Twice()
    both.say(True, get(b"/a"))
    both.say(False, reply(b"x"))
    both.say(True, get(b"/b"))
    both.say(False, reply(b"xyz")[:-1])
    both.again(False, 1 + len(reply(b"x")), *in_pieces(NOT_FOUND[:-1], 25))
    both.say(False, b"z")
    both.end()
    assert both.pairs() == [(b"/b", 404)]


def test_only_the_message_in_doubt_is_read_again() -> None:
    """However much of the direction is known: it is what has to be paid for."""
    both = Twice(HttpSettings(max_second_reading_bytes=2 * len(TRUE)))
    for number in range(30):
        both.say(True, get(b"/%d" % number))
        both.say(False, reply(b"x"))
    both.say(True, FORGED)
    both.again(True, both.at[True] - len(TRUE), TRUE)
    both.say(False, NOT_FOUND[:-3])
    both.end()
    assert both.pairs() == [(b"/the/true/one", 404)] and both.names() == []


def test_a_request_that_only_the_second_reading_has_is_told_before_it_begins_again() -> None:
    """Two requests in one segment, of which the forged copy makes one."""
    both = Twice()
    true = get(b"/one") + TRUE
    both.say(True, post(b"/long", b"x" * 300)[: len(true)])
    both.again(True, 1, true[:-10], true[-10:])
    both.end()
    assert [target for target, _ in both.pairs()].count(b"/one") == 1
    assert (b"/the/true/one", None) in both.pairs()


def test_a_copy_of_what_nobody_asks_about_is_in_doubt_only() -> None:
    """One direction is over: nothing more is read twice."""
    both = Twice()
    both.say(True, FORGED)
    both.again(True, 1, TRUE)
    both.reader.closed(True, FIN, 4 * SECOND, SECOND, 0)
    before = both.reader
    both.again(True, 1, FORGED)
    assert both.reader is before
