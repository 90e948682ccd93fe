"""Chunked bodies, well and badly made (H4, H5): what browsers would have shown is what is counted."""

from __future__ import annotations

import pytest

from sensor.flow.stream import END_OF_INPUT, FIN
from sensor.settings import HttpSettings
from sensor.weird import Weird
from tests.http.wire import End, answer, ask, chunked, get, grows_linearly, reply
from tests.http.wire import hear as plainly

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
AGAIN = (ask(get(b"/again")), answer(reply(b"again")))


@pytest.mark.parametrize(
    "body",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\n0\n\n",
        b"5 \r\nhello\r\n0 ; x=y\r\n\r\n",
        b"5\x00\r\nhello\r\n0\r\n\r\n",
        b"\r\n5\r\nhello\r\n\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n\t0\r\n\r\n",
        b"00000000000000000000005\r\nhello\r\n000\r\n\r\n",
        b'2\r\nhe\r\n3;a="b\r\nllo\r\n0x\r\n\r\n',
        b"5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n",
        b"5\rhello\r0\r\r\n"[:0] + b"5\r\nhello\r\n0\n\r\n",
    ],
)
def test_chunks_as_they_come(hear, body: bytes) -> None:
    heard = hear(ask(get(b"/1")), answer(HEAD + body), *AGAIN)
    first = heard.transactions[0].response
    assert first is not None
    assert (first.body_len, first.complete) == (5, True)
    assert heard.targets == [b"/1", b"/again"]
    assert heard.weirds == []


@pytest.mark.parametrize(
    "body", [b"0x5\r\nhello", b"+5\r\nhello", b"5_\r\nhello", b"hello", b"<html>no chunk", b"-1\r\n"]
)
def test_what_is_not_chunked_is_taken_as_it_is(hear, body: bytes) -> None:
    heard = hear(ask(get()), answer(HEAD + body))
    assert heard.response.body_len == len(body)
    assert heard.weirds == ["HTTP_bad_chunk_size"]


def test_what_is_not_chunked_ends_where_content_length_says(hear) -> None:
    head = HEAD[:-2] + b"Content-Length: 5\r\n\r\n"
    heard = hear(ask(get(b"/1")), answer(head + b"hello"), *AGAIN)
    assert heard.transactions[0].response.body_len == 5
    assert heard.targets == [b"/1", b"/again"]
    assert sorted(heard.weirds) == ["HTTP_bad_chunk_size", "HTTP_content_length_and_chunked"]


def test_chunked_wins_over_content_length(hear) -> None:
    head = HEAD[:-2] + b"Content-Length: 3\r\n\r\n"
    heard = hear(ask(get(b"/1")), answer(head + chunked(b"hello")), *AGAIN)
    first = heard.transactions[0].response
    assert (first.body_len, first.files[0].total_bytes) == (5, 3)
    assert heard.targets == [b"/1", b"/again"]
    assert heard.weirds == ["HTTP_content_length_and_chunked"]


@pytest.mark.parametrize(
    "field",
    [
        b"xchunked",
        b"chunked x",
        b"\x0bchunked",
        b",chunked",
        b"chunked, chunked",
        b"gzip, chunked",
        b"identity, chunked",
    ],
)
def test_an_unsure_coding_is_decided_by_the_body(hear, field: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %b\r\n" % field
    heard = hear(ask(get(b"/1")), answer(head + b"\r\n" + chunked(b"hello")), *AGAIN)
    assert heard.transactions[0].response.body_len == 5
    assert heard.targets == [b"/1", b"/again"]
    plain = hear(ask(get(b"/1")), answer(head + b"Content-Length: 5\r\n\r\nhello"), *AGAIN)
    assert plain.transactions[0].response.body_len == 5
    assert plain.targets == [b"/1", b"/again"]


def test_chunked_in_a_version_that_has_no_chunks(hear) -> None:
    heard = hear(ask(get()), answer(HEAD.replace(b"1.1", b"1.0") + chunked(b"hello")))
    assert heard.response.body_len == 5


@pytest.mark.parametrize("wrong", [b"xyz\r\n", b"-5\r\n", b"1" + b"0" * 16 + b"\r\n", b"5" + b" " * 5000 + b"\r\n"])
def test_a_bad_size_later_ends_the_body_there(hear, wrong: bytes) -> None:
    heard = hear(ask(get(b"/1")), answer(HEAD + b"5\r\nhello\r\n" + wrong), answer(reply(b"stray")), *AGAIN)
    first = heard.transactions[0].response
    assert (first.body_len, first.complete) == (5, False)
    assert heard.weirds[0] == "HTTP_bad_chunk_size"
    assert heard.targets[-1] == b"/again"


def test_bytes_behind_a_chunk_are_skipped(hear) -> None:
    heard = hear(ask(get(b"/1")), answer(HEAD + b"5\r\nhelloXX\r\n3\r\nabc\r\n0\r\n\r\n"), *AGAIN)
    assert heard.transactions[0].response.body_len == 8
    assert heard.weirds == ["HTTP_bad_chunk_size"]
    assert heard.targets == [b"/1", b"/again"]


@pytest.mark.parametrize(
    ("body", "complete"),
    [
        (b"5\r\nhello\r\n", False),
        (b"5\r\nhel", False),
        (b"5\r\nhello\r\n0\r", True),
        (b"5\r\nhello\r\n0\r\nTrail", True),
    ],
)
def test_how_the_connection_closes(hear, body: bytes, complete: bool) -> None:
    heard = hear(ask(get()), answer(HEAD + body), answer(End(FIN)))
    assert heard.response.complete is complete
    assert heard.response.body_len == (3 if body.endswith(b"hel") else 5)


def test_a_reply_without_the_last_blank_line(hear) -> None:
    heard = hear(ask(get(b"/1")), answer(HEAD + b"5\r\nhello\r\n0\r\n" + reply(b"next")), ask(get(b"/2")))
    assert heard.transactions[0].response.body_len == 5
    assert heard.statuses.count(200) == 2


def test_closed_before_it_is_decided(hear) -> None:
    raw = hear(ask(get()), answer(HEAD + b"5"), answer(End(FIN)))
    assert raw.response.body_len == 1
    cut = hear(ask(get()), answer(HEAD + b"5"), answer(End(END_OF_INPUT)))
    assert not cut.response.complete
    nothing = hear(ask(get()), answer(HEAD), answer(End(FIN)))
    assert (nothing.response.body_len, nothing.response.complete, nothing.response.files) == (0, False, ())


def test_large_chunks_that_nobody_wants_are_skipped() -> None:
    size = 200_000
    heard = plainly(ask(get(b"/1")), answer(HEAD), answer(chunked(bytes(size), bytes(size))[: size // 2]))
    assert heard.response.body_len > 0
    whole = chunked(b"\1" * size, b"\1" * size)
    cuts = range(0, len(whole), 1460)
    heard = plainly(ask(get(b"/1")), answer(HEAD), answer(whole), *AGAIN, mode="cut", cuts=cuts)
    assert heard.transactions[0].response.body_len == 2 * size
    assert heard.skipped > size
    assert heard.targets == [b"/1", b"/again"]


def test_limits_of_a_size_line(hear) -> None:
    settings = HttpSettings(max_chunk_extension_bytes=100)
    fits = hear(ask(get()), answer(HEAD + b"5;" + b"x" * 90 + b"\r\nhello\r\n0\r\n\r\n"), settings=settings)
    assert fits.response.body_len == 5
    beyond = hear(
        ask(get()), answer(HEAD + b"5\r\nhello\r\n5;" + b"x" * 200 + b"\r\nhello\r\n0\r\n\r\n"), settings=settings
    )
    assert (beyond.response.body_len, beyond.response.complete) == (5, False)


@pytest.mark.parametrize("unit", [b"1\r\nx\r\n", b"1\nx\n\n\n\n\n", b"1;" + b"a" * 50 + b"\r\nx\r\n"])
def test_linear_time(unit: bytes) -> None:
    def run(count: int) -> None:
        body = HEAD + unit * count + b"0\r\n\r\n"
        plainly(ask(get()), answer(body), mode="cut", cuts=range(0, len(body), 1460))

    assert grows_linearly(run, 4000)


def test_a_chunk_that_no_line_end_follows(hear) -> None:
    settings = HttpSettings(max_chunk_extension_bytes=100)
    heard = hear(ask(get(b"/1")), answer(HEAD + b"5\r\nhello" + b"x" * 300), *AGAIN, settings=settings)
    assert heard.transactions[0].response.body_len == 5
    assert not heard.transactions[0].response.complete
    assert heard.weirds == ["HTTP_bad_chunk_size"]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"5\r\nhello\r\nxyz\r\nmore", "no digit"),
        (b"5\r\nhello\r\n" + b"x" * 5000 + b"\r\n", "no digit"),
        (b"5\r\nhello\r\n  password=xyz\nmore", "no digit"),
        (b"5\r\nhello\r\n+5\r\n", "a sign"),
        (b"5\r\nhello\r\n0x5\r\n", "0x"),
        (b"5\r\nhello\r\n5_0\r\n", "something behind digits"),
        (b"5\r\nhello\r\n4929123456781234\r\n", "more than 15 digits"),
    ],
)
def test_the_weird_says_why_the_line_is_no_size(hear, body: bytes, shown: str) -> None:
    heard = hear(ask(get()), answer(HEAD + body))
    assert [(item.name, item.addl) for item in heard.out if isinstance(item, Weird)] == [("HTTP_bad_chunk_size", shown)]


@pytest.mark.parametrize(("field", "complete"), [(b"", False), (b"Content-Length: 0\r\n", True)])
def test_a_request_that_is_not_chunked_after_all(hear, field: bytes, complete: bool) -> None:
    """Unless Content-Length says how long it is, nobody knows whether it is over; none of it is taken for a body."""
    asked = b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n%b\r\nxyz\r\n" % field
    heard = hear(ask(asked), answer(reply(b"x")))
    request = heard.transactions[0].request
    assert (request.complete, request.body_len, request.files) == (complete, 0, ())
    assert "HTTP_bad_chunk_size" in heard.weirds


def test_a_bad_size_is_no_size_where_chunks_are_only_mentioned(hear) -> None:
    """It is read as one, with DER behind it, only of what everybody takes for chunked."""
    whole = b"0x5\r\n\x30\3\x0a\1\1\r\n0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    for coding, length in ((b"chunked", 5), (b"xchunked", len(whole))):
        heard = hear(ask(get(b"/1")), answer(head % (coding, len(whole)) + whole), *AGAIN)
        assert (heard.transactions[0].response.body_len, heard.targets) == (length, [b"/1", b"/again"])
