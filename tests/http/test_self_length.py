"""sensor.http.self_length: of the readings of a body in doubt the one that is DER, and what follows it."""

from __future__ import annotations

import pytest

from sensor.flow.stream import FIN, RESET
from sensor.http.self_length import is_size_line, may_be_bad_size
from sensor.http.shape import der_size
from sensor.http.transaction import Ambiguity, NotKept
from sensor.settings import HttpSettings
from tests.http.wire import End, Lost, answer, ask, get, post, reply
from tests.http.wire import hear as hear_whole
from tests.ocsp import wire as ocsp

BODY = ocsp.response(ocsp.basic(ocsp.single(ocsp.cert_id(7))))
ASKED = ocsp.request(ocsp.cert_id(7))
ERROR = bytes.fromhex("30030a0106")
SIZE = b"%d" % len(BODY)
AGAIN = (ask(get(b"/again")), answer(reply(b"again")))
FRAMING = (Ambiguity.framing,)


def head(*fields: bytes) -> bytes:
    return b"\r\n".join((b"HTTP/1.1 200 OK", *fields, b"", b""))


CHUNKED = head(b"Transfer-Encoding: chunked")
FIRST, REST = BODY[:60], BODY[60:]


@pytest.mark.parametrize(
    "said",
    [
        CHUNKED + BODY,
        CHUNKED + ERROR,
        head(b"Transfer-Encoding: chunked", b"Content-Length: " + SIZE) + BODY,
        head(b"Content-Length: " + SIZE, b"Transfer-Encoding: chunked") + BODY,
        head(b"Content-Length: +5") + BODY,
        head(b"Content-Length: nonsense") + ERROR,
        head(b"Content-Length: 20") + BODY,
        head(b"Content-Length: 4") + ERROR,
        head(b"Content-Length: 20", b"Content-Length: " + SIZE) + BODY,
        CHUNKED + b"0x%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n",
        CHUNKED + b"+%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n",
        CHUNKED + b"10000000000000000\r\n" + BODY,
        CHUNKED + b"3c\r\n" + FIRST + b"\r\n" + b"0x%x\r\n" % len(REST) + REST + b"\r\n0\r\n\r\n",
        CHUNKED + b"3c\r\n" + FIRST + b"\r\n" + b"zz\r\n" + REST,
        CHUNKED + b"3c\r\n" + FIRST + b"%x\r\n" % len(REST) + REST + b"\r\n0\r\n\r\n",
    ],
)
def test_the_object_is_read_and_the_next_exchange_is_too(hear, said: bytes) -> None:
    heard = hear(ask(post(b"/1", b"x")), answer(said), *AGAIN)
    assert heard.targets == [b"/1", b"/again"]
    first, second = heard.transactions
    assert [file.content for file in first.response.files] == [ERROR if ERROR in said else BODY]
    assert (first.ambiguous, second.ambiguous) == (FRAMING, ())
    assert second.response.status_code == 200
    assert heard.weirds


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"Content-Length: 0x5", b"Content-Length: 20"])
def test_requests_too(hear, framing: bytes) -> None:
    asked = b"POST /1 HTTP/1.1\r\nContent-Type: application/ocsp-request\r\n" + framing + b"\r\n\r\n" + ASKED
    heard = hear(ask(asked), answer(reply(b"x")), *AGAIN)
    assert heard.targets == [b"/1", b"/again"]
    assert [file.content for file in heard.transactions[0].request.files] == [ASKED]
    assert heard.transactions[0].ambiguous == FRAMING


FORM = b"q=1&name=value"
LONG = b"Content-Length: 99999"
RIGHT = b"Content-Length: %d" % len(FORM)
SHORT = b"Content-Length: 3"


@pytest.mark.parametrize("lengths", [(LONG, RIGHT), (RIGHT, LONG), (SHORT, RIGHT), (RIGHT, SHORT)])
def test_a_request_that_is_no_object_ends_where_one_of_its_lengths_says_and_a_message_follows(hear, lengths) -> None:
    asked = b"\r\n".join((b"POST /1 HTTP/1.1", *lengths, b"", FORM + get(b"/2")))
    heard = hear(ask(asked), answer(reply(b"x")), answer(reply(b"x")))
    assert heard.targets == [b"/1", b"/2"]
    assert [each.request.body_len for each in heard.transactions] == [len(FORM), 0]
    assert heard.transactions[0].ambiguous == FRAMING


@pytest.mark.parametrize("lengths", [(LONG, SHORT), (b"Content-Length: x",), (SHORT, LONG)])
@pytest.mark.parametrize("pieces", [1, 3])
def test_a_body_of_no_length_ends_where_a_segment_begins_a_message(lengths: tuple[bytes, ...], pieces: int) -> None:
    asked = b"\r\n".join((b"POST /1 HTTP/1.1", *lengths, b"", FORM))
    again, told = AGAIN[0][1], AGAIN[1][1]
    heard = hear_whole(
        ask(asked[:-5]),
        ask(b"PO"),  # of the body, as is P, however much they look like the beginning of a line
        ask(b"P"),
        *(ask(part) for part in (again[:pieces], again[pieces:])),
        *(answer(part) for part in (head(*lengths) + FORM, told[:pieces], told[pieces:])),
    )
    assert heard.targets == [b"/1", b"/again"]
    first, second = heard.transactions
    assert (first.request.body_len, second.response.status_code) == (len(FORM) - 2, 200)
    assert first.response.body_len == (3 if lengths[0] == SHORT else len(FORM))  # of a reply the first counts
    # the second, pipelined, is part of the first one's body to who goes by the longer length, or reads "x" as one
    assert (first.ambiguous, second.ambiguous) == (FRAMING, FRAMING)


@pytest.mark.parametrize("lengths", [(LONG, SHORT), (b"Content-Length: x",)])
def test_a_body_of_no_length_ends_where_a_start_line_stands(hear, lengths: tuple[bytes, ...]) -> None:
    """Wherever segments end: behind what looks like one, too."""
    asked = b"\r\n".join((b"POST /1 HTTP/1.1", *lengths, b"", b"a=GET it is" + AGAIN[0][1]))
    heard = hear(ask(asked), answer(head(*lengths) + b"a=HTTP/1.1 OK" + AGAIN[1][1]))
    assert heard.targets[0] == b"/1"
    assert heard.transactions[0].request.body_len == 11


@pytest.mark.parametrize(("how", "whole"), [(End(FIN), True), (Lost(5), False), (End(RESET), False)])
def test_a_body_of_no_length_ends_with_the_connection_and_breaks_off_at_a_gap(how: object, whole: bool) -> None:
    heard = hear_whole(ask(get()), answer(head(LONG, SHORT) + FORM), answer(how))
    assert heard.response.body_len == len(FORM)
    assert heard.response.complete is whole


def test_a_length_that_is_too_small_is_believed_where_a_message_follows(hear) -> None:
    heard = hear(ask(get(b"/1")), answer(head(b"Content-Length: 20") + BODY[:20]), *AGAIN)
    assert heard.targets == [b"/1", b"/again"]
    assert heard.transactions[0].response.body_len == 20
    assert heard.transactions[0].ambiguous == ()
    assert heard.weirds == []


def test_a_length_that_is_too_small_is_believed_where_nothing_follows(hear) -> None:
    heard = hear(ask(get(b"/1")), answer(head(b"Content-Length: 20") + BODY[:20]), answer(End(FIN)))
    assert heard.response.body_len == 20
    assert heard.response.complete


def test_an_object_beyond_the_limit_on_bodies_is_not_followed(hear) -> None:
    settings = HttpSettings(max_response_body_bytes=100)
    heard = hear(ask(get(b"/1")), answer(CHUNKED + BODY), answer(End(FIN)), settings=settings)
    assert heard.response.files == () or not isinstance(heard.response.files[0].content, bytes)


@pytest.mark.parametrize("body", [b"0\r\n\r\n", b"00000\r\n\r\n", b"0;0907\r\n\r\n"])
def test_a_last_chunk_is_one(hear, body: bytes) -> None:
    heard = hear(ask(get(b"/1")), answer(CHUNKED + body), *AGAIN)
    assert heard.targets == [b"/1", b"/again"]
    assert heard.weirds == []
    assert heard.transactions[0].ambiguous == ()


def test_who_is_asked_is_in_doubt(hear) -> None:
    asked = b"GET http://a.example/x HTTP/1.1\r\nHost: %s\r\n\r\n"
    heard = hear(ask(asked % b"b.example"), answer(reply(b"x")), ask(asked % b"A.example:80"), answer(reply(b"x")))
    assert [each.ambiguous for each in heard.transactions] == [(Ambiguity.host,), ()]
    assert heard.weirds == ["host_header_ambiguous"]


def test_size_lines() -> None:
    assert is_size_line(b"5") and is_size_line(b"00a0 \t;x=y\r") and is_size_line(b"0\r")
    assert not any(is_size_line(line) for line in (b"", b"0\x82", b"0x5", b"+5", b"5 x", ASKED, BODY))


def test_what_may_be_a_bad_size_is_so_in_all_its_beginnings() -> None:
    for line in (b"+5\r", b"0x5", b"-0X1_0 \r", b"5_0"):
        assert all(may_be_bad_size(line[:end]) for end in range(len(line) + 1)), line
    assert not may_be_bad_size(b"hello")


def test_der_sizes() -> None:
    for whole in (BODY, ASKED, ERROR):
        assert der_size(whole + b"more", 0) == len(whole)
        assert der_size(b"x" + whole, 1) == len(whole)
        told = [der_size(whole[:end], 0) for end in range(8)]
        assert told == sorted(told)
        assert told[0] == -1 and told[-1] == len(whole)
    for none in (b"1\r\n", b"0\r\n\r\n", b"00000;x", b"0\x80\x30\x00", b"0\x85\1\1\1\1\1", b"0\x03\x30\x05"):
        assert der_size(none, 0) == 0, none


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_body_that_ends_before_it_shows_its_length_is_told(hear, size: int) -> None:
    """As it would be without any Content-Length: until the connection closes."""
    heard = hear(ask(get()), answer(head(b"Content-Length: nonsense") + ERROR[:size]), answer(End(FIN)))
    assert (heard.response.body_len, heard.response.files[0].seen_bytes) == (size, size)
    assert heard.response.files[0].content is NotKept.UNWANTED


def test_a_body_of_no_length_that_ends_like_the_beginning_of_a_message_has_its_last_octets() -> None:
    heard = hear_whole(ask(get()), answer(head(LONG, SHORT) + FORM[:-2]), answer(b"HT"), answer(End(FIN)))
    assert (heard.response.body_len, heard.response.complete) == (len(FORM), True)
