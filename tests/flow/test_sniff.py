"""sensor.flow.sniff: HTTP and TLS by their first bytes, on any port, from any number of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.flow.sniff import HTTP, NOTHING, PREFIX, TLS_CLIENT, TLS_SERVER, looks_like

HELLO = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"
SERVER_HELLO = b"\x16\x03\x03\x00\x3d\x02\x00\x00\x39\x03\x03"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"GET / HTTP/1.1\r\n", HTTP),
        (b"POST /ocsp HTTP/1.0\r\n", HTTP),
        (b"HTTP/1.1 200 OK\r\n", HTTP),
        (b"HTTP/1.0 404", HTTP),
        (b"CONNECT a:443 HTTP/1.1\r\n", HTTP),
        (b"\r\nGET / HTTP/1.1\r\n", HTTP),
        (b"\nHTTP/1.1 200 OK\r\n", HTTP),
        (b"BREW /pot HTTP/1.1\r\n", HTTP),
        (b"X-WHAT_NOT * HTTP/1.1\n", HTTP),
        (b"\x05\x01\x00", HTTP),  # SOCKS 5: the reader looks for HTTP behind it
        (b"\x04\x01\x00\x50\xc6\x33\x64\x28\x00", HTTP),
        (HELLO, TLS_CLIENT),
        (HELLO[:6], TLS_CLIENT),
        (SERVER_HELLO, TLS_SERVER),
        (b"\x80\x2e\x01\x03\x01\x00", TLS_CLIENT),  # an SSLv2-framed hello
        (b"\x16\x03\x01\x00\xc8\x0b", NOTHING),
        (b"\x16\x02\x01\x00\xc8\x01", NOTHING),
        (b"\x16\x02", NOTHING),
        (b"SSH-2.0-OpenSSH\r\n", NOTHING),
        (b"220 mail.example ESMTP\r\n", NOTHING),
        (b"get / http/1.1\r\n", NOTHING),
        (b"GETTING THERE\r\n", NOTHING),
        (b"HTTP/2.0 200\r\n", NOTHING),
        (b"PRI * HTTP/2.0\r\n", HTTP),  # the reader tells that it is not HTTP/1
        (b"BREW /pot HTTP/x\r\n", NOTHING),
        (b"BR3W /pot HTTP/1.1\r\n", NOTHING),
        (b"hello", NOTHING),
        (b"\0" * 40, NOTHING),
        (b"\xff" * 40, NOTHING),
        (b"\x05\x01\x00GET / HTTP/1.1\r\n", NOTHING),
    ],
)
def test_first_bytes(data: bytes, kind: int) -> None:
    assert looks_like(data) == kind


@pytest.mark.parametrize(
    "data",
    [
        b"GET /",
        b"PROPPATCH /",
        b"UNSUBSCRIBE /",
        b"RPC_OUT_DATA /",
        b"HTTP/1.1 200",
        b"\r\n\r\nPOST /",
        b"\nHTTP/0.9",
        HELLO,
        SERVER_HELLO,
    ],
)
def test_t1_a_prefix_is_waited_for_until_it_is_decided(data: bytes) -> None:
    """One octet more at a time: not decided, then decided, and never NOTHING."""
    kinds = [looks_like(data[:i]) for i in range(len(data) + 1)]
    assert kinds[0] == PREFIX
    assert set(kinds) == {PREFIX, kinds[-1]}
    assert kinds == sorted(kinds, reverse=True), "PREFIX first"


def test_empty_lines_are_not_waited_for_without_end() -> None:
    kinds = [looks_like(b"\r\n" * i) for i in range(1, 400)]
    assert kinds[0] == PREFIX
    assert kinds[-1] == NOTHING
    assert looks_like(b"\r\n" * 400 + b"GET / HTTP/1.1\r\n") == HTTP  # they are all there


@given(st.binary(max_size=40))
def test_what_is_waited_for_is_short(data: bytes) -> None:
    kind = looks_like(data)
    assert kind in {NOTHING, HTTP, TLS_CLIENT, TLS_SERVER, PREFIX}
    if kind == PREFIX:
        assert len(data.lstrip(b"\r\n")) < 16
