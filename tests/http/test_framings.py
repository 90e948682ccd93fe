"""sensor.http.framings: what stands where a body ends by another framing is read, too, one such place at a time."""

from __future__ import annotations

import pytest

from sensor.flow.ledger import PER_READING
from sensor.flow.stream import FIN
from sensor.http.reader import HttpReader
from sensor.http.second import SecondReading
from sensor.http.transaction import Ambiguity, HttpTransaction
from sensor.settings import HttpSettings
from sensor.weird import Weird
from tests.http.wire import FLOW, SECOND, Wire, get, reply

LARGE = b"x" * 300_000
TWO = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\nContent-Length: %d\r\n\r\n"


def heard(*said: tuple[bool, bytes], segment: int = 1400, settings: HttpSettings | None = None) -> list[object]:
    """Everything that comes of it; True: the client."""
    out: list[object] = []
    wire = Wire(HttpReader(FLOW, out, settings or HttpSettings(), probation=False))
    ts = SECOND
    for is_orig, octets in said:
        for place in range(0, len(octets), segment):
            ts += 1
            wire.say(is_orig, octets[place : place + segment], ts)
    wire.end(True, FIN, ts)
    wire.end(False, FIN, ts)
    return out


def told(out: list[object]) -> list[tuple[object, object, tuple[Ambiguity, ...]]]:
    """Target, status code, doubts; the target of what the second reading tells in capitals."""
    rows: list[tuple[object, object, tuple[Ambiguity, ...]]] = []
    for item in out:
        second = isinstance(item, SecondReading)
        each = item.transaction if isinstance(item, SecondReading) else item
        if isinstance(each, HttpTransaction):
            target = each.request and (each.request.target.upper() if second else each.request.target)
            rows.append((target, each.response and each.response.status_code, each.ambiguous))
    return rows


FRAMING = (Ambiguity.framing,)


def test_a_turn_far_behind_in_a_body_that_is_only_counted() -> None:
    """The GET has a body of 300 kB and a request, to who goes by its length; none to who does not expect one."""
    inner = get(b"/in")
    out = heard(
        (True, TWO % (len(LARGE), len(LARGE) + len(inner)) + LARGE + inner),
        (False, reply(b"a") + reply(b"b")),
        (True, get(b"/next")),
        (False, reply(b"c")),
    )
    assert told(out) == [(b"/x", 200, FRAMING), (b"/in", 200, FRAMING), (b"/next", 200, ())]


def test_a_turn_in_the_middle_of_a_chunk_that_is_only_counted() -> None:
    inner = get(b"/in")
    size = b"%x\r\n" % (2 * len(LARGE) + len(inner))
    head = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % (len(size) + len(LARGE))
    out = heard(
        (True, head + size + LARGE + inner + LARGE + b"\r\n0\r\n\r\n"),
        (False, reply(b"a") + reply(b"b")),
        (True, get(b"/next")),
        (False, reply(b"c")),
    )
    assert (b"/IN", None, FRAMING) in told(out)  # that its reply comes nobody can wait for
    assert [row[0] for row in told(out)].count(b"/next") == 1


@pytest.mark.parametrize("lost", [40, 300])
def test_a_gap_before_a_turn(lost: int) -> None:
    """The turn lies behind it, or in it."""
    out: list[object] = []
    reader = HttpReader(FLOW, out, HttpSettings(), probation=False)
    inner = get(b"/in")
    reader.data(True, b"GET /x HTTP/1.1\r\nContent-Length: 200\r\nContent-Length: 400\r\n\r\n" + b"x" * 100, 1)
    reader.gap(True, lost, 2, 0)
    rest = b"x" * 60 + inner + b"y" * (200 - len(inner)) if lost == 40 else inner
    reader.data(True, rest, 3)
    reader.data(False, reply(b"a") + reply(b"b"), 4)
    reader.closed(True, FIN, 5, 5, 0)
    reader.closed(False, FIN, 5, 5, 0)
    targets = [row[0] for row in told(out)]
    assert targets.count(b"/IN") + targets.count(b"/in") == 1


def test_the_second_reading_makes_no_further_turns() -> None:
    inner = b"GET /b HTTP/1.1\r\nContent-Length: 50\r\n\r\n" + get(b"/c") + b"z" * 50
    asked = b"GET /a HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner
    out = heard((True, asked), (False, reply(b"1") + reply(b"2") + reply(b"3")))
    targets = [row[0] for row in told(out)]
    assert b"/B" in targets and b"/C" not in targets


def test_one_at_a_time_and_both_ends_again() -> None:
    """When both stand between the same messages, the next turn is followed."""
    asked = b"GET /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    said = []
    for number in (b"1", b"2", b"3"):
        inner = get(b"/in" + number)
        said += [(True, asked % len(inner) + inner), (False, reply(b"a") + reply(b"b"))]
        said += [(True, get(b"/out" + number)), (False, reply(b"c"))]
    out = heard(*said)
    rows = told(out)
    assert [(b"/IN" + number, 200, FRAMING) in rows for number in (b"1", b"2", b"3")] == [True] * 3
    assert [(b"/out" + number, 200, ()) in rows for number in (b"1", b"2", b"3")] == [True] * 3
    assert not [item for item in out if isinstance(item, Weird) and item.name == "HTTP_second_reading_cut"]


def test_a_form_in_a_get_makes_nothing_of_it() -> None:
    out = heard((True, b"GET /x HTTP/1.1\r\nContent-Length: 5\r\n\r\na=b&c"), (False, reply(b"a")))
    assert told(out) == [(b"/x", 200, ())]


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("body", [b"0\x03\x02\x01\x05", b"a=b&c", b"{}", b"<x/>", get(b"/in")])
def test_only_a_body_that_begins_like_a_request_is_read_as_one(body: bytes, apart: bool) -> None:
    """Whatever the method, and wherever the segments end; to the others nothing is done."""
    reader = HttpReader(FLOW, [], HttpSettings(), probation=False)
    head = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (2 * len(body))
    for piece in (head, body) if apart else (head + body,):
        reader.data(True, piece, SECOND)
    assert bool(reader.messages().orig.turned) is body.startswith(b"GET")


def test_what_stands_behind_a_gap_is_not_where_a_body_begins() -> None:
    reader = HttpReader(FLOW, [], HttpSettings(), probation=False)
    reader.data(True, b"POST /x HTTP/1.1\r\nContent-Length: 400\r\n\r\n", SECOND)
    reader.gap(True, 10, SECOND, 0)
    reader.data(True, get(b"/in"), SECOND)
    assert not reader.messages().orig.turned


def repeated(out: list[object]) -> list[tuple[bool, bool]]:
    """Of the main reading's transactions: whether a request is there, and whether it was told as part of a whole."""
    return [(item.request is not None, item.repeated) for item in out if isinstance(item, HttpTransaction)]


@pytest.mark.parametrize("again", [False, True])
def test_a_half_of_what_was_told_whole_is_for_http_log(again: bool) -> None:
    """Once: the same, a second time, is told."""
    announced = b"DELETE /x HTTP/1.1\r\nContent-Length: 400000\r\n\r\n"
    said = [(True, announced), (False, reply(b"a")), (True, get(b"/in")), (False, reply(b"b"))]
    out = heard(*said, *[(False, reply(b"b"))] * again)
    alone = (None, 200, FRAMING)
    assert told(out) == [(b"/IN", 200, FRAMING), alone, (b"/x", 200, FRAMING), *[alone] * again]
    assert repeated(out) == [(False, True), (True, False), *[(False, False)] * again]


def test_a_half_that_is_told_later_than_the_whole() -> None:
    two = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nabcdefg"
    out = heard((True, get(b"/x")), (False, two), (True, get(b"/in")), (False, reply(b"b")))
    assert told(out) == [(b"/x", 200, FRAMING), (b"/IN", 200, FRAMING), (b"/in", None, ())]
    assert repeated(out) == [(True, False), (True, True)]


@pytest.mark.parametrize("body", [b"Great", b"GET well soon", b"GET /x HTTP/1.2\r\n", b"POS", b"\r\n\r\nPost"])
@pytest.mark.parametrize("segment", [1, 3, 1400])
def test_a_body_that_turns_out_to_be_no_request_leaves_no_doubt(body: bytes, segment: int) -> None:
    """However little of it a segment brings."""
    asked = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    out = heard((True, asked), (False, reply(b"a")), (True, get(b"/next")), (False, reply(b"b")), segment=segment)
    assert told(out) == [(b"/x", 200, ()), (b"/next", 200, ())]


@pytest.mark.parametrize("segment", [1, 7, 1400])
def test_a_turn_within_the_head_of_the_next_message(segment: int) -> None:
    """Who goes by the length that is told, of 9 octets, sees the second request in the body of the first."""
    asked = b"POST /x HTTP/1.1\r\nContent-Length: 9\r\nContent-Length: x\r\n\r\na=b" + get(b"/next")
    out = heard((True, asked), (False, reply(b"a") + reply(b"b")), segment=segment)
    assert told(out) == [(b"/x", 200, FRAMING), (b"/next", 200, FRAMING)]


@pytest.mark.parametrize("segment", [1, 100, 1400])
def test_a_line_that_is_too_long_is_not_waited_for(segment: int) -> None:
    body = b"GET /%b HTTP/1.1\r\n\r\n" % (b"y" * 600)
    asked = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    out = heard((True, asked), (False, reply(b"a")), segment=segment, settings=HttpSettings(max_target_bytes=500))
    assert told(out) == [(b"/x", 200, ())]
    assert [item.name for item in out if isinstance(item, Weird)] == ["HTTP_second_reading_cut"]


def test_what_waits_behind_a_turn_is_weighed() -> None:
    reader = HttpReader(FLOW, [], HttpSettings(), probation=False)
    reader.data(True, b"POST /x HTTP/1.1\r\nContent-Length: 9000\r\n\r\nGET /", SECOND)
    before = reader.kept()[0]
    reader.data(True, b"y" * 3000, SECOND)
    ahead = reader.messages().orig.ahead
    assert ahead is not None and len(ahead) == 3005
    assert reader.kept()[0] >= before + 3000
    reader.gap(True, 10, SECOND, 0)
    assert reader.messages().orig.ahead is None


def begun() -> tuple[list[object], HttpReader]:
    """In the middle of a chunk a body is over by its other length, and a request stands there."""
    out: list[object] = []
    reader = HttpReader(FLOW, out, HttpSettings(), probation=False)
    inner = get(b"/in")
    size = b"%x\r\n" % (70 + len(inner))
    head = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n" % (len(size) + 30)
    reader.data(True, head + size + b"x" * 30 + inner + b"y" * 20, 1)
    return out, reader


def test_what_a_flow_asks_of_its_reader_while_there_are_two_readings() -> None:
    out, reader = begun()
    assert reader.kept()[0] > 2 * PER_READING
    assert reader.in_message()
    assert reader.unfinished(True)
    assert reader.service == "http"
    assert not reader.valued
    assert reader.asked() == [], "the main one is in the body"
    reader.closed(True, FIN, 2, 1, 0)
    reader.closed(False, FIN, 3, 3, 0)
    assert told(out) == [(b"/x", None, FRAMING), (b"/X", None, FRAMING), (b"/IN", None, FRAMING)]


END = b"\r\n0\r\n\r\n"


def test_a_gap_while_there_are_two_readings() -> None:
    """The rest of the chunk, which by the other framing is behind a request."""
    out, reader = begun()
    assert reader.gap(True, 20, 2, 0) == 0
    reader.data(True, END, 2)
    reader.data(False, reply(b"a"), 3)
    reader.data(True, get(b"/next"), 5)
    reader.data(False, reply(b"c"), 6)
    reader.closed(True, FIN, 7, 7, 0)
    reader.closed(False, FIN, 7, 7, 0)
    rows = told(out)
    assert (b"/x", 200, FRAMING) in rows
    assert [row[:2] for row in rows].count((b"/next", 200)) == 1
