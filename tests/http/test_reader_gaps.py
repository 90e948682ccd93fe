"""Lost bytes: counted in a body, and otherwise the next message is found; never a wrong pair (T4, T6, T7, T18)."""

from __future__ import annotations

import random

import pytest

from sensor.flow.stream import END_OF_INPUT, FIN
from sensor.http.reader import HttpReader
from sensor.http.transaction import HttpTransaction, NotKept
from sensor.settings import HttpSettings
from sensor.weird import Weird
from tests.http.wire import FLOW, Heard, Lost, Step, Wire, answer, ask, chunked, get, hear, post, reply

OCSP = b"Content-Type: application/ocsp-request"
OCSP_REPLY = b"Content-Type: application/ocsp-response"


def exchange(number: int, form: str = "length") -> list[Step]:
    """A request and its reply; each of the three bodies in the conversation is another one, and says whose it is."""
    asked = b"request number %d, quite long" % number
    said = b"reply number %d, which is a little longer" % number
    mark = b"X-Number: %d" % number
    if form == "chunked":
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + OCSP_REPLY + b"\r\n" + mark + b"\r\n\r\n"
        return [ask(post(b"/%d" % number, asked, OCSP)), answer(head + chunked(said[:9], said[9:]))]
    return [ask(post(b"/%d" % number, asked, OCSP)), answer(reply(said, OCSP_REPLY, mark))]


def check(heard: Heard) -> None:
    """What came out is true, as far as it goes."""
    for item in heard.transactions:
        numbers = set()
        if item.request is not None:
            assert item.request.target in (b"/0", b"/1", b"/2")
            numbers.add(item.request.target[1:])
            for file in item.request.files:
                numbers.add(content_number(file.content, b"request number %b, quite long"))
        if item.response is not None:
            numbers.update(header.value for header in item.response.headers if header.name == b"x-number")
            for file in item.response.files:
                numbers.add(content_number(file.content, b"reply number %b, which is a little longer"))
        numbers.discard(b"")
        assert len(numbers) <= 1, "a request and a reply that do not belong together"
    depths = [item.trans_depth for item in heard.transactions]
    assert len(set(depths)) == len(depths)


def content_number(content: bytes | NotKept, whole: bytes) -> bytes:
    if isinstance(content, NotKept):
        return b""
    number = content.split(b" ")[2].rstrip(b",")
    assert content == whole % number, "content that nobody sent"
    return number


def with_gap(steps: list[Step], which: int, start: int, count: int) -> list[Step]:
    """`steps`, but `count` bytes from `start` of step `which` are not in the capture."""
    direction, said = steps[which]
    assert isinstance(said, bytes)
    return [
        *steps[:which],
        *([(direction, said[:start])] if start else []),
        (direction, Lost(count)),
        *([(direction, said[start + count :])] if start + count < len(said) else []),
        *steps[which + 1 :],
    ]


@pytest.mark.parametrize("form", ["length", "chunked"])
@pytest.mark.parametrize("count", [1, 7, 40, 10_000])
@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_gap_anywhere(form: str, count: int, which: int) -> None:
    steps = [step for number in range(3) for step in exchange(number, form)]
    said = steps[which][1]
    assert isinstance(said, bytes)
    for start in range(len(said)):
        lost = min(count, len(said) - start)
        heard = hear(*with_gap(steps, which, start, lost))
        check(heard)
        last = heard.transactions[-1]
        assert last.request is not None
        assert last.response is not None, "the last exchange is whole and must be found, and paired"
        assert (last.request.target, last.response.status_code) == (b"/2", 200)
        assert last.request.complete
        assert last.response.complete
        assert isinstance(last.response.files[0].content, bytes)


@pytest.mark.parametrize("start", range(0, 290, 3))
@pytest.mark.parametrize("count", [5, 150, 400])
def test_a_gap_among_pipelined_messages(start: int, count: int) -> None:
    asked = b"".join(exchange(number)[0][1] for number in range(3))  # type: ignore[misc]  # bytes
    answered = b"".join(exchange(number)[1][1] for number in range(3))  # type: ignore[misc]  # bytes
    steps = [ask(asked), answer(answered)]
    for which in (0, 1):
        said = steps[which][1]
        assert isinstance(said, bytes)
        if start < len(said):
            check(hear(*with_gap(steps, which, start, min(count, len(said) - start))))


def test_a_gap_in_a_body_is_counted() -> None:
    heard = hear(*with_gap(exchange(0), 1, len(exchange(0)[1][1]) - 20, 5))  # type: ignore[arg-type]  # bytes
    (file,) = heard.response.files
    assert (file.missing_bytes, heard.response.body_len) == (5, len(b"reply number 0, which is a little longer"))
    assert file.content is NotKept.HOLE
    assert file.digests is None
    assert not heard.response.complete


def test_a_gap_that_swallows_the_rest_of_a_body_and_more() -> None:
    steps = [*exchange(0), *exchange(1), *exchange(2)]
    said = steps[1][1]
    assert isinstance(said, bytes)
    heard = hear(*steps[:1], answer(said[:-10]), steps[2], answer(Lost(500)), *steps[4:])
    check(heard)
    assert heard.targets == [b"/0", b"/1", b"/2"]
    assert heard.statuses == [200, None, 200]
    assert heard.transactions[0].response.files[0].missing_bytes == 10


def test_half_a_head_is_reported_as_such_or_not_at_all() -> None:
    request = get(b"/0", b"User-Agent: someone")
    cut = request.index(b"someone")
    heard = hear(*with_gap([ask(request), *exchange(1)], 0, cut, 4))
    first = heard.transactions[0].request
    assert first is not None
    assert (first.target, first.host, first.user_agent, first.complete) == (b"/0", b"a.example", None, False)
    in_line = hear(*with_gap([ask(request), *exchange(1)], 0, 6, 4))
    assert in_line.targets == [b"/1"]


def test_a_rest_of_a_line_is_no_start_line() -> None:
    """Behind the gap stands what would be a request, had it begun there."""
    heard = hear(ask(Lost(10)), ask(b"field: xGET /0 HTTP/1.1\r\nHost: a\r\n\r\n"), *exchange(2))
    assert heard.targets == [b"/2"]


@pytest.mark.parametrize("start", range(0, 400, 1))
def test_a_flow_joined_in_its_middle(start: int) -> None:
    """The first byte that the capture has is any byte of the first exchange."""
    asked, answered = (step[1] for step in exchange(0))
    assert isinstance(asked, bytes)
    assert isinstance(answered, bytes)
    later = [*exchange(1), *exchange(2)]
    unknown = [ask(Lost(0)), answer(Lost(0))]
    if start < len(asked):
        heard = hear(*unknown, ask(asked[start:]), answer(answered), *later)
    else:
        heard = hear(*unknown, answer(answered[start - len(asked) :]), *later)
    check(heard)
    assert heard.targets[-2:] == [b"/1", b"/2"]
    assert heard.statuses[-2:] == [200, 200]
    assert "non_http_on_port_80" not in heard.weirds


def test_joined_in_the_middle_of_a_binary_body_that_nobody_told_of() -> None:
    heard = hear(answer(bytes(range(256)) * 20), *exchange(1), *exchange(2))
    assert heard.targets == [b"/1", b"/2"]
    assert heard.weirds == ["non_http_on_port_80"]


def test_one_direction_only() -> None:
    steps = [step for number in range(3) for step in exchange(number)]
    requests = hear(*steps[::2])
    assert requests.targets == [b"/0", b"/1", b"/2"]
    replies = hear(*steps[1::2])
    assert replies.statuses == [200, 200, 200]
    assert replies.targets == [None, None, None]


def test_replies_in_the_capture_before_their_requests() -> None:
    steps = [step for number in range(3) for step in exchange(number)]
    heard = hear(steps[1], steps[0], steps[3], steps[2], *steps[4:])
    check(heard)
    assert heard.targets == [b"/0", b"/1", b"/2"]
    assert heard.statuses == [200, 200, 200]


def test_a_reply_long_before_a_request_is_not_its_reply() -> None:
    from sensor.http.reader import HttpReader
    from sensor.settings import HttpSettings
    from tests.http.wire import FLOW, SECOND, Wire

    out: list[object] = []
    reader = HttpReader(FLOW, out, HttpSettings(), probation=False)
    wire = Wire(reader)
    wire.say(False, reply(b"x"), SECOND)
    wire.say(True, get(b"/0"), 12 * SECOND)
    for is_orig in (True, False):
        wire.end(is_orig, END_OF_INPUT, 13 * SECOND)
    heard = Heard(out, reader, wire)
    assert heard.targets == [None, b"/0"]
    assert heard.statuses == [200, None]


def test_garbage_between_requests_does_not_shift_the_replies() -> None:
    heard = hear(
        ask(b"not a request\r\n"),
        answer(reply(b"bad", b"X-Number: 9", status=b"400 Bad Request")),
        *exchange(1),
        *exchange(2),
    )
    assert heard.targets == [None, b"/1", b"/2"]
    assert heard.statuses == [400, 200, 200]
    assert heard.weirds == ["bad_HTTP_request"]


def test_a_body_until_close_goes_on_behind_a_gap_if_the_connection_must_close() -> None:
    steps = (
        ask(get(b"/0")),
        answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbefore"),
        answer(Lost(5)),
        answer(b"behind"),
    )
    heard = hear(*steps)
    assert heard.response.body_len == 17
    assert heard.response.files[0].missing_bytes == 5
    assert not heard.response.complete
    perhaps = hear(
        ask(get(b"/0")), answer(b"HTTP/1.1 200 OK\r\n\r\nbefore"), answer(Lost(5)), answer(b"behind"), *exchange(2)
    )
    assert perhaps.transactions[0].response.body_len == 6
    assert perhaps.targets == [b"/0", b"/2"]


def test_a_gap_in_a_compressed_body_ends_its_decoding() -> None:
    import gzip

    packed = gzip.compress(b"words " * 500)
    said = reply(packed, b"Content-Encoding: gzip")
    heard = hear(*with_gap([ask(get(b"/0")), answer(said), *exchange(2)], 1, len(said) - 15, 3))
    assert heard.targets == [b"/0", b"/2"]
    (file,) = heard.transactions[0].response.files
    assert file.missing_bytes == 3
    assert file.seen_bytes <= 3000


def test_a_gap_in_a_multipart_body() -> None:
    body = b"--b\r\n\r\nthe first part\r\n--b\r\n\r\nthe second part\r\n--b--"
    asked = post(b"/0", body, b"Content-Type: multipart/mixed; boundary=b")
    heard = hear(*with_gap([ask(asked), answer(reply()), *exchange(2)], 0, asked.index(b"first"), 3))
    first, second = heard.transactions[0].request.files
    assert (first.seen_bytes, first.missing_bytes, second.seen_bytes, second.missing_bytes) == (11, 3, 15, 0)
    assert heard.transactions[0].request.body_len == len(body)
    assert heard.targets == [b"/0", b"/2"]


def test_a_request_still_under_way_when_http_ends() -> None:
    asked = b"POST /0 HTTP/1.1\r\nUpgrade: x\r\nContent-Length: 50\r\n\r\nbegin"
    heard = hear(ask(asked), answer(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), ask(b"other protocol"))
    assert heard.targets == [b"/0"]
    assert heard.statuses == [101]
    assert not heard.request.complete


@pytest.mark.parametrize("segment", [1400, 100])
@pytest.mark.parametrize("is_orig", [True, False])
def test_a_flow_joined_in_a_long_body_is_read_on_behind_it(is_orig: bool, segment: int) -> None:
    """However long it is: a message that begins a segment is one; that nothing was found for long is said."""
    out: list[object] = []
    reader = HttpReader(FLOW, out, HttpSettings(), probation=False)
    wire = Wire(reader)
    wire.lose(is_orig, 0, 1)
    wire.lose(not is_orig, 0, 1)
    body = random.Random(1).randbytes(200_000)
    for place in range(0, len(body), 1400):
        wire.say(is_orig, body[place : place + 1400], 2)
    if is_orig:
        wire.say(False, reply(b"done"), 3)
    for ts, (asking, octets) in enumerate([(True, get(b"/next")), (False, reply(b"x"))], 4):
        for place in range(0, len(octets), segment):
            wire.say(asking, octets[place : place + segment], ts)
    wire.end(True, FIN, 9)
    wire.end(False, FIN, 9)
    told = [item for item in out if isinstance(item, HttpTransaction)]
    last = told[-1]
    assert last.request is not None and last.request.target == b"/next"
    assert last.response is not None and last.response.body_len == 1
    assert [item.name for item in out if isinstance(item, Weird)] == ["HTTP_search_cut"]
