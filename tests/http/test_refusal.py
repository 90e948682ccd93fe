"""What stands where a start line should: on probation, on port 80, before a status line, behind SOCKS (H15)."""

from __future__ import annotations

import pytest

from sensor.flow.stream import FIN, IGNORE
from tests.http.wire import End, Lost, answer, ask, get, post, reply
from tests.http.wire import hear as plainly

TLS = bytes.fromhex("16030100a5010000a10303") + bytes(150)


@pytest.mark.parametrize(
    "said",
    [
        b"GET /mail\r\nUSER x\r\n",  # no version
        b"USER anonymous\r\nPASS x\r\n",
        b"OPTIONS sip:x SIP/2.0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        TLS,
        b"GET" + b"x" * 100_000,
        b"POST " + b"x" * 100_000,
    ],
)
def test_on_probation_nothing_comes_out(said: bytes) -> None:
    for mode in ("whole", "bytewise"):
        heard = plainly(ask(said), answer(b"220 ready\r\n"), mode=mode, probation=True)
        assert heard.out == []
        assert heard.service is None
        if mode == "whole":
            assert heard.wants == {True: IGNORE, False: IGNORE}


def test_probation_ends_with_a_start_line(hear) -> None:
    heard = hear(ask(get(b"/1")), answer(reply(b"x")), ask(b"garbage\r\n"), probation=True)
    assert heard.targets == [b"/1"]
    assert heard.weirds == ["bad_HTTP_request"]
    replied = hear(answer(reply(b"x")), probation=True)
    assert replied.statuses == [200]


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 abc\r\n\r\n", b"HTTP/3 200 OK\r\n\r\n", b"220 ftp\r\n", b"HTTP/1.1\r\n\r\n"]
)
def test_a_doubtful_status_line_does_not_pass_probation(said: bytes) -> None:
    heard = plainly(answer(said), probation=True)
    assert heard.out == []


def test_half_a_request_line_on_probation() -> None:
    assert plainly(ask(b"GET / HT"), probation=True).out == []


@pytest.mark.parametrize("said", [TLS, b"\0\1\2\3" * 10, b"SSH-2.0-x\r\n" + bytes(50)])
def test_another_protocol_on_port_80(hear, said: bytes) -> None:
    heard = hear(ask(said), answer(said[::-1] if said != TLS else TLS))
    assert heard.transactions == []
    assert set(heard.weirds) <= {"non_http_on_port_80", "bad_HTTP_request"}
    assert len(heard.weirds) <= 2


def test_tls_on_port_80_is_not_read_further() -> None:
    heard = plainly(ask(TLS), ask(bytes(1000)))
    assert heard.wants[True] == IGNORE
    assert heard.weirds == ["non_http_on_port_80"]


def test_the_search_for_http_ends_but_where_segments_begin() -> None:
    noise = b"\x80" + b"\0some other protocol\r\n" * 100
    heard = plainly(*(step for _ in range(60) for step in (ask(noise), answer(noise))))
    assert heard.wants == {True: 0, False: 0}
    assert heard.weirds == ["non_http_on_port_80", "HTTP_search_cut"]
    found = plainly(*(step for _ in range(60) for step in (ask(noise), answer(noise))), ask(get()), answer(reply(b"x")))
    assert found.targets == [b"/"]


def test_a_server_that_answers_http_to_tls(hear) -> None:
    heard = hear(ask(TLS), answer(reply(b"plain HTTP sent to TLS port", status=b"400 Bad Request")))
    assert heard.statuses == [400]
    assert heard.targets == [None]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (b"get\r\n\r\n", "bad_HTTP_request"),
        (b" / HTTP/1.1\r\n\r\n", "bad_HTTP_request_with_version"),
        (b"(a) b\r\n\r\n", "bad_HTTP_request"),
    ],
)
def test_bad_request_lines(hear, said: bytes, name: str) -> None:
    heard = hear(ask(said), answer(reply(status=b"400 Bad Request")), ask(get(b"/2")), answer(reply(b"x")))
    assert heard.weirds == [name]
    assert heard.targets == [None, b"/2"]
    assert heard.statuses == [400, 200]


@pytest.mark.parametrize("junk", [b"\0", b" ", b" \t\r\n", b"SIP/2.0 200 ok\r\n", b"x" * 3000 + b"\r\n"])
def test_junk_before_the_status_line(hear, junk: bytes) -> None:
    heard = hear(ask(get()), answer(junk + reply(b"hello")))
    assert heard.response.body_len == 5
    assert heard.weirds == ["bad_HTTP_reply"]


def test_too_much_junk(hear) -> None:
    heard = hear(ask(get(b"/1")), answer(b"junk " * 2000), ask(get(b"/2")), answer(b"\r\n" + reply(b"hello")))
    assert heard.weirds == ["bad_HTTP_reply"]
    assert b"/1" in heard.targets
    assert b"/2" in heard.targets


def test_no_status_line_at_all(hear) -> None:
    heard = hear(ask(get()), answer(b"SSH-2.0-OpenSSH_9.2\r\n"))
    assert heard.request.target == b"/"
    assert heard.only.response is None


def test_what_follows_a_reply_without_being_one(hear) -> None:
    heard = hear(
        ask(get(b"/1")),
        answer(reply(b"x")),
        answer(b"more than was declared\r\n"),
        ask(get(b"/2")),
        answer(reply(b"yy")),
    )
    assert heard.weirds == ["unexpected_server_HTTP_data"]
    assert heard.targets == [b"/1", b"/2"]
    assert heard.transactions[1].response.body_len == 2


def test_empty_lines_behind_a_request_are_no_garbage(hear) -> None:
    heard = hear(ask(post(b"/1", b"a=b") + b"\r\n"), answer(reply(b"x")), ask(get(b"/2")), answer(reply()))
    assert heard.targets == [b"/1", b"/2"]


def test_lower_case(hear) -> None:
    heard = hear(ask(get().replace(b"HTTP", b"http")), answer(reply(b"x").replace(b"HTTP", b"http")))
    assert heard.response.body_len == 1
    assert heard.weirds == ["lowercase_HTTP_keyword"]


def test_behind_a_socks_proxy(hear) -> None:
    version5 = (
        *(
            ask(b"\x05\x01\0"),
            answer(b"\x05\0"),
            ask(b"\x05\x01\0\x03\x09a.example\0\x50"),
            answer(b"\x05\0\0\x01\0\0\0\0\0\0"),
        ),
        *(ask(get(b"/5")), answer(reply(b"x"))),
    )
    version4 = (
        *(ask(b"\x04\x01\0\x50\x0a\0\0\1user\0"), answer(b"\0\x5a\0\x50\x0a\0\0\1")),
        *(ask(get(b"/4")), answer(reply(b"x"))),
    )
    for steps in (version5, version4):
        heard = plainly(*steps, probation=True)
        assert heard.targets[0] in (b"/5", b"/4")
        assert heard.statuses == [200]
        assert heard.weirds == []


def test_socks_without_http() -> None:
    heard = plainly(ask(b"\x05\x01\0"), answer(b"\x05\0"), *([ask(TLS * 30), answer(TLS * 30)] * 2), probation=True)
    assert heard.out == []
    assert heard.wants == {True: IGNORE, False: IGNORE}


def test_a_gap_before_anything_on_probation() -> None:
    heard = plainly(answer(Lost(10)), answer(b"rest of it\r\n"), ask(get(b"/1")), answer(reply(b"x")), probation=True)
    assert heard.targets == [b"/1"]
    assert heard.statuses == [200]


def test_nothing_behind_the_preface_of_http_2(hear) -> None:
    frames = bytes.fromhex("000018040000000000") + b"HTTP/1.1 200 OK\r\n\r\n"  # a look-alike inside
    heard = hear(ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), answer(frames), ask(frames), answer(bytes(70_000)))
    assert [(t.request.method, t.response) for t in heard.transactions if t.request] == [(b"PRI", None)]
    assert len(heard.transactions) == 1
    assert set(heard.weirds) == {"unknown_HTTP_method", "bad_HTTP_request"}


def test_a_short_reply_without_a_status_line_is_told_when_it_ends(hear) -> None:
    """Nothing comes behind it in which a status line could be (HTTP Evader 266)."""
    heard = hear(ask(get()), answer(b"X5O!P%@AP"), answer(End(FIN)))
    assert heard.weirds == ["bad_HTTP_reply"]
    assert hear(ask(get()), answer(b"X5O!P%@AP"), answer(Lost(5))).weirds == ["bad_HTTP_reply"]
