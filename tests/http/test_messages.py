"""From heads to records: hosts, the service, weirds and their details."""

from __future__ import annotations

import pytest

from sensor.weird import Weird
from tests.http.wire import FLOW, SECOND, answer, ask, get, reply
from tests.http.wire import hear as plainly


@pytest.mark.parametrize(
    ("target", "host"),
    [
        *(
            (b"http://a.example/x", b"a.example"),
            (b"HTTP://a.example:80?q", b"a.example:80"),
            (b"http://u:p@a#f", b"a"),
        ),
        *(
            (b"http://[2001:db8::1]:80/", b"[2001:db8::1]:80"),
            (b"https://a", b"a"),
            (b"/x?http://b/", None),
            (b"http:///x", None),
        ),
    ],
)
def test_hosts_of_absolute_targets(target: bytes, host: bytes | None) -> None:
    assert plainly(ask(b"GET %b HTTP/1.1\r\n\r\n" % target)).request.host == host


def test_a_weird_says_when_where_and_what() -> None:
    heard = plainly(ask(get()), ask(b"(no) request \xff" + b"x" * 500 + b" HTTP/1.1\r\n"))
    (weird,) = [item for item in heard.out if isinstance(item, Weird)]
    name = "bad_HTTP_request_with_version"
    assert (weird.ts, weird.name, weird.flow, weird.source) == (2 * SECOND, name, FLOW, "HTTP")
    assert weird.addl == "text/plain, 523 octets"


def test_the_service_is_certain_once_a_request_was_seen() -> None:
    assert plainly(ask(get())).service == "http"
    assert plainly(answer(reply())).service is None
    assert plainly(ask(b"GET / HTTP/1.1\r\n"), close=False).service is None


def test_records_hold_until_the_flow_ends() -> None:
    assert plainly(ask(get()), close=False).transactions == []
    assert len(plainly(ask(get()), answer(reply()), close=False).transactions) == 1


def test_the_time_of_a_message_is_that_of_its_start_line() -> None:
    heard = plainly(
        ask(b"GET / HT"),
        ask(b"TP/1.1\r\nHo"),
        ask(b"st: a\r\n\r\n"),
        answer(b"HTTP/1.1 200 OK\r\n"),
        answer(b"Content-Length: 2\r\n\r\na"),
        answer(b"b"),
    )
    assert heard.request.ts == 2 * SECOND
    assert heard.response.ts == 4 * SECOND
    (file,) = heard.response.files
    assert (file.first_ts, file.last_ts) == (5 * SECOND, 6 * SECOND)


def test_more_oddities_of_requests(hear) -> None:
    assert hear(ask(b"GET HTTP/1.1\r\n\r\n")).weirds == ["missing_HTTP_uri"]
    assert hear(ask(b"HEAD /\r\n\r\n")).weirds == ["invalid_http_09_request_method"]
    persistent = hear(*(ask(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n") for _ in range(2)))
    assert persistent.weirds == []
