"""Conversations in, transactions out. Each is heard whole, byte by byte, and with what follows attached (as in h11)."""

from __future__ import annotations

import pytest

from sensor.flow.stream import END_OF_INPUT, FIN, IGNORE, RESET, TIMEOUT
from sensor.http.transaction import NotKept
from sensor.settings import HttpSettings
from tests.http.wire import SECOND, End, Lost, answer, ask, chunked, get, post, reply
from tests.http.wire import hear as plainly


def test_get_and_reply(hear) -> None:
    heard = hear(ask(get(b"/a", b"User-Agent: x")), answer(reply(b"hello", b"Content-Type: text/plain")))
    transaction = heard.only
    assert transaction.trans_depth == 1
    assert transaction.ts == SECOND
    assert heard.service == "http"
    request = heard.request
    assert (request.method, request.target, request.version) == (b"GET", b"/a", "1.1")
    assert (request.host, request.user_agent) == (b"a.example", b"x")
    assert [header.name for header in request.headers] == [b"host", b"user-agent"]
    assert (request.files, request.body_len, request.complete) == ((), 0, True)
    response = heard.response
    assert (response.version, response.status_code, response.status_msg) == ("1.1", 200, b"OK")
    assert (response.ts, response.body_len, response.complete) == (2 * SECOND, 5, True)
    (file,) = response.files
    assert (file.seen_bytes, file.total_bytes, file.missing_bytes) == (5, 5, 0)
    assert (file.is_orig, file.depth, file.content_type) == (False, 0, "text/plain")
    assert file.content is NotKept.UNWANTED
    assert file.digests is None
    assert heard.weirds == []


def test_keep_alive(hear) -> None:
    heard = hear(
        *(ask(get(b"/1")), answer(reply(b"one")), ask(post(b"/2", b"two")), answer(reply(b"zwei"))),
        *(ask(get(b"/3")), answer(reply())),
    )
    assert heard.targets == [b"/1", b"/2", b"/3"]
    assert [item.trans_depth for item in heard.transactions] == [1, 2, 3]
    assert [item.response.body_len for item in heard.transactions] == [3, 4, 0]
    assert heard.weirds == []


def test_pipelining(hear) -> None:
    asked = [ask(get(b"/%d" % i)) for i in range(5)]
    heard = hear(*asked, *(answer(reply(b"x" * i)) for i in range(5)))
    assert heard.targets == [b"/%d" % i for i in range(5)]
    assert [item.response.body_len for item in heard.transactions] == list(range(5))
    assert heard.weirds == []


def test_excessive_pipelining(hear) -> None:
    settings = HttpSettings(max_pending=3)
    asked = [ask(get(b"/%d" % i)) for i in range(8)]
    heard = hear(*asked, *(answer(reply(b"x" * i)) for i in range(8)), settings=settings)
    assert heard.weirds == ["HTTP_excessive_pipelining"] * 2
    for item in heard.transactions:  # what was given up stays alone; nothing is paired wrongly
        if item.request is not None and item.response is not None:
            assert item.request.target == b"/%d" % item.response.body_len
    assert sorted(filter(None, heard.targets)) == [b"/%d" % i for i in range(8)]
    assert sum(item.response is not None for item in heard.transactions) == 8


def test_informational_replies(hear) -> None:
    heard = hear(
        ask(post(b"/", b"body", b"Expect: 100-continue")),
        answer(b"HTTP/1.1 100 Continue\r\n\r\n"),
        answer(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
        answer(reply(b"done")),
    )
    assert (heard.response.status_code, heard.response.info_code, heard.response.info_msg) == (200, 103, b"Early Hints")


def test_only_so_many_informational_replies_are_remembered(hear) -> None:
    heard = hear(ask(get()), *(answer(b"HTTP/1.1 1%02d x\r\n\r\n" % i) for i in range(2, 60)), answer(reply(b"done")))
    assert heard.response.info_code == 111
    assert heard.response.status_code == 200


def test_nothing_but_an_informational_reply(hear) -> None:
    heard = hear(ask(get()), answer(b"HTTP/1.1 100 Continue\r\n\r\n"))
    assert (heard.response.status_code, heard.response.info_code) == (100, 100)
    alone = hear(answer(b"HTTP/1.1 100 Continue\r\n\r\n"))
    assert alone.only.request is None
    assert alone.response.status_code == 100


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_replies_without_body(hear, status: bytes) -> None:
    heard = hear(ask(get(b"/1")), answer(b"HTTP/1.1 %b\r\nContent-Length: 50\r\n\r\n" % status), *again())
    assert heard.targets == [b"/1", b"/again"]
    assert heard.transactions[0].response.body_len == 0
    assert heard.transactions[0].response.complete


def again():
    return ask(get(b"/again")), answer(reply(b"again"))


def test_the_reply_to_head_has_no_body(hear) -> None:
    heard = hear(
        ask(get(b"/1").replace(b"GET", b"HEAD")), answer(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"), *again()
    )
    assert heard.targets == [b"/1", b"/again"]
    assert heard.transactions[1].response.body_len == 5


def test_connect_ends_http(hear) -> None:
    heard = hear(
        ask(b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        answer(b"HTTP/1.1 200 Connection established\r\n\r\n"),
        ask(b"\x16\x03\x01\0\0" * 50),
        ask(get(b"/not-http-any-more")),
        answer(reply(b"inside")),
    )
    assert heard.targets == [b"a.example:443"]
    assert heard.response.status_code == 200
    assert heard.wants == {True: IGNORE, False: IGNORE}


def test_http_behind_connect_is_read(hear) -> None:
    heard = hear(
        ask(b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        answer(b"HTTP/1.0 200 Connection established\r\n\r\n"),
        ask(get(b"/in-it")),
        answer(reply(b"inside")),
        *again(),
    )
    assert heard.targets == [b"a.example:80", b"/in-it", b"/again"]
    assert [each.trans_depth for each in heard.transactions] == [1, 2, 3]
    assert [each.response.body_len for each in heard.transactions] == [0, 6, 5]
    assert heard.weirds == []


def test_a_tunnel_in_which_nothing_is_said(hear) -> None:
    heard = hear(ask(b"CONNECT a:80 HTTP/1.1\r\n\r\n"), answer(b"HTTP/1.1 200 OK\r\n\r\n"), ask(b"GET"))
    assert heard.targets == [b"a:80"]
    assert heard.weirds == []


def test_data_behind_the_reply_to_connect() -> None:
    heard = plainly(
        ask(b"CONNECT a.example:443 HTTP/1.1\r\n\r\n"), answer(b"HTTP/1.1 200 OK\r\n\r\n" + b"tunnelled bytes")
    )
    assert heard.weirds == ["protocol_data_with_HTTP_CONNECT_reply"]


def test_connect_that_failed_does_not_end_http(hear) -> None:
    heard = hear(ask(b"CONNECT a:1 HTTP/1.1\r\n\r\n"), answer(reply(b"no", status=b"407 Auth")), *again())
    assert heard.targets == [b"a:1", b"/again"]


def test_upgrade_ends_http(hear) -> None:
    heard = hear(
        ask(get(b"/chat", b"Connection: Upgrade", b"Upgrade: websocket")),
        answer(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        ask(get(b"/frame")),
    )
    assert heard.targets == [b"/chat"]
    assert (heard.response.status_code, heard.response.info_code) == (101, 101)
    assert heard.wants[True] == IGNORE


def test_chunked_with_extensions_and_trailers(hear) -> None:
    body = b'5;a=b;c="d"\r\nhello\r\n006 \r\n world\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n'
    heard = hear(ask(get(b"/1")), answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body), *again())
    first, second = heard.transactions
    assert first.response.body_len == 11
    assert first.response.complete
    assert first.response.files[0].seen_bytes == 11
    assert first.response.files[0].total_bytes is None
    assert second.request.target == b"/again"
    assert heard.weirds == []


def test_a_chunked_request(hear) -> None:
    wire = b"POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"ab", b"c" * 300)
    heard = hear(ask(wire), answer(reply(b"ok")), *again())
    assert heard.transactions[0].request.body_len == 302
    assert heard.targets == [b"/1", b"/again"]


def test_bodies_until_the_connection_closes(hear) -> None:
    steps = (ask(get()), answer(b"HTTP/1.0 200 OK\r\n\r\n"), answer(b"until"), answer(b" the end"))
    heard = hear(*steps)
    assert (heard.response.body_len, heard.response.complete) == (13, True)
    for how in (RESET, TIMEOUT, END_OF_INPUT):
        cut = hear(*steps, answer(End(how)))
        assert (cut.response.body_len, cut.response.complete) == (13, False)


def test_a_body_that_is_shorter_than_declared(hear) -> None:
    heard = hear(ask(get()), answer(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"), answer(End(FIN)))
    assert (heard.response.body_len, heard.response.complete) == (5, False)
    assert heard.response.files[0].total_bytes == 50


@pytest.mark.parametrize("length", [b"+5", b"5_0", b"0x5", b"-1", b"", b"9" * 5000, b"\xef\xbc\x95"])
def test_a_length_that_is_no_number_means_until_close(hear, length: bytes) -> None:
    heard = hear(ask(get()), answer(b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\nall of it" % length))
    assert heard.response.body_len == 9
    assert heard.weirds == ["HTTP_bad_content_length"]


def test_missing_halves(hear) -> None:
    unanswered = hear(ask(get(b"/1")), ask(get(b"/2")))
    assert unanswered.targets == [b"/1", b"/2"]
    assert unanswered.statuses == [None, None]
    unasked = hear(answer(reply(b"one")), answer(reply(b"two!")))
    assert unasked.statuses == [200, 200]
    assert unasked.targets == [None, None]
    assert [item.trans_depth for item in unasked.transactions] == [1, 2]
    assert unasked.service is None
    assert hear().transactions == []


def test_a_reply_that_the_capture_shows_before_its_request(hear) -> None:
    heard = hear(answer(reply(b"hello")), ask(get(b"/late")), *again())
    assert heard.targets == [b"/late", b"/again"]
    assert heard.transactions[0].response.body_len == 5
    assert heard.weirds == ["HTTP_response_before_request"]


def test_empty_lines_between_messages(hear) -> None:
    heard = hear(ask(b"\r\n\r\n" + get(b"/1")), answer(b"\r\n" + reply(b"x")), ask(b"\r\n\n"), *again())
    assert heard.targets == [b"/1", b"/again"]
    assert heard.weirds == ["empty_http_request"]


def test_http_0_9(hear) -> None:
    heard = hear(ask(b"GET /old\r\n"), answer(b"<html>no head"), answer(b" at all"))
    assert (heard.request.target, heard.request.version, heard.request.complete) == (b"/old", None, True)
    assert (heard.response.version, heard.response.status_code, heard.response.body_len) == ("0.9", None, 20)


def test_absolute_targets_name_the_host(hear) -> None:
    heard = hear(ask(b"GET http://user@b.example:8080/x?y HTTP/1.1\r\n\r\n"))
    assert heard.request.host == b"b.example:8080"
    with_field = hear(ask(get(b"http://b.example/x")))
    assert with_field.request.host == b"a.example"


def test_versions_that_change(hear) -> None:
    heard = hear(ask(get(b"/1").replace(b"1.1", b"1.0")), answer(reply()), ask(get(b"/2")))
    assert heard.weirds == ["HTTP_version_mismatch"]
    old = hear(*(ask(get(b"/%d" % i).replace(b"1.1", b"1.0")) for i in range(2)))
    assert old.weirds == ["unexpected_multiple_HTTP_requests"]


def test_oddities_have_zeeks_names(hear) -> None:
    heard = hear(ask(b"NOTIFY /%zz HTTP/1.1\r\nX: a\r\n b\r\nHost: a\r\nHost: b\r\n\r\n"))
    assert sorted(heard.weirds) == [
        "HTTP_obsolete_line_folding",
        "host_header_ambiguous",
        "unescaped_%_in_URI",
        "unknown_HTTP_method",
    ]


def test_a_head_beyond_the_limit(hear) -> None:
    settings = HttpSettings(max_header_bytes=2000)
    long = get(b"/1", *(b"X-%d: y" % i for i in range(1000)))
    heard = hear(ask(long), answer(reply(b"one")), *again(), settings=settings)
    assert heard.weirds == ["HTTP_header_too_large", "HTTP_too_many_headers"]
    assert heard.targets == [b"/1", b"/again"]
    assert heard.statuses == [200, 200]
    assert not heard.transactions[0].request.complete
    assert len(heard.transactions[0].request.headers) == 100


@pytest.mark.parametrize("probation", [False, True])
def test_a_start_line_beyond_the_limit(hear, probation: bool) -> None:
    """On any port: what begins with a method and a path, and goes on for so long is nothing else."""
    settings = HttpSettings(max_target_bytes=1000)
    heard = hear(ask(get(b"/" + b"a" * 5000)), *again(), settings=settings, probation=probation)
    assert heard.weirds == ["HTTP_header_too_large"]
    assert heard.targets == [b"/again"]


def test_a_trailer_beyond_the_limit(hear) -> None:
    settings = HttpSettings(max_trailer_bytes=100)
    wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
        b"abc", trailer=b"T: %b\r\n" % (b"x" * 500)
    )
    heard = hear(ask(get(b"/1")), answer(wire), *again(), settings=settings)
    assert "HTTP_trailer_too_large" in heard.weirds
    assert heard.targets == [b"/1", b"/again"]


def test_unwanted_bodies_are_skipped_not_handed_over() -> None:
    size = 10_000_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    heard = plainly(
        *(
            ask(get()),
            answer(head),
            answer(b"\0" * 5000),
            answer(b"\0" * (size - 5000) + reply(b"next", status=b"404 No")),
        ),
        close=True,
    )
    assert heard.skipped == size - 5000
    first, second = heard.transactions
    assert first.response.body_len == size
    assert first.response.files[0].seen_bytes == size
    assert first.response.files[0].last_ts == 4 * SECOND
    assert second.response.status_code == 404


def test_skipping_ends_with_the_connection() -> None:
    heard = plainly(
        ask(get()), answer(b"HTTP/1.0 200 OK\r\n\r\n" + b"\1" * 5000), answer(b"\1" * 700), answer(End(FIN))
    )
    assert heard.response.body_len == 5700
    assert heard.skipped == 700
    short = plainly(
        ask(get()), answer(b"HTTP/1.0 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"\1" * 5000), answer(b"\1" * 700)
    )
    assert (short.response.body_len, short.response.complete) == (5700, False)


def test_a_gap_inside_a_skip() -> None:
    size = 100_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    heard = plainly(
        *(ask(get(b"/1")), answer(head + b"\1" * 5000), answer(b"\1" * 1000), answer(Lost(2000))),
        *(answer(b"\1" * (size - 8000)), *again()),
    )
    file = heard.transactions[0].response.files[0]
    assert (file.seen_bytes, file.missing_bytes) == (size - 2000, 2000)
    assert heard.transactions[0].response.body_len == size
    assert heard.targets == [b"/1", b"/again"]


@pytest.mark.parametrize("status", [b"abc", b"20", b"2000"])
def test_a_reply_without_a_status_code(hear, status: bytes) -> None:
    heard = hear(ask(get()), answer(reply(b"hello", status=status + b" OK")))
    assert (heard.response.status_code, heard.response.status_msg, heard.response.body_len) == (None, b"OK", 5)


@pytest.mark.parametrize(
    ("status", "told"), [(b"100", None), (b"199", None), (b"200", 200), (b"99", None), (b"404", 404)]
)
def test_a_reply_whose_fields_are_cut_off(hear, status: bytes, told: int | None) -> None:
    """What may be one of several replies to come is none by itself."""
    heard = hear(ask(get()), answer(b"HTTP/1.1 %b Said\r\nServer: x\r\nHalf a" % status), answer(End(FIN)))
    assert heard.statuses == [told]
    response = heard.transactions[0].response
    if status in (b"100", b"199"):
        assert response is None
    else:
        assert response is not None
        assert ([field.name for field in response.headers], response.complete) == ([b"server"], False)


def test_a_body_that_comes_with_an_odd_head_is_no_part_of_it(hear) -> None:
    """LF alone ends its lines; only what stands before the empty one counts against the limit."""
    settings = HttpSettings(max_header_bytes=100)
    said = reply(b"x" * 500).replace(b"\r\n", b"\n")
    heard = hear(ask(get(b"/1")), answer(said), *again(), settings=settings)
    assert "HTTP_header_too_large" not in heard.weirds
    assert (heard.transactions[0].response.body_len, heard.transactions[0].response.complete) == (500, True)
