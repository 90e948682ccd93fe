"""Where llhttp accepts a message, we read the same from it."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.http.test_reader_properties import REPLIES, REQUESTS
from tests.http.wire import answer, ask, get, hear


class Listener:
    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = 0
        self.complete = 0
        self.trailing = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.body:
            self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += len(body)

    def on_message_complete(self) -> None:
        self.complete += 1


TOKEN = st.text("abcXYZ019-_", min_size=1, max_size=8).map(str.encode)
VALUE = st.text('abc 019,;=/"\t\u00e9', max_size=12).map(lambda text: text.encode("latin-1").strip(b" \t"))
FIELDS = st.lists(st.tuples(TOKEN.map(lambda name: b"x-" + name), VALUE), max_size=5)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS"]),
    st.text("/abc%2F?&=+", max_size=20).map(lambda text: b"/" + text.encode()),
    FIELDS,
    st.one_of(st.none(), st.binary(max_size=40)),
    st.lists(st.binary(min_size=1, max_size=20), max_size=4),
)
def test_requests(method: bytes, target: bytes, fields: list, body: bytes | None, chunks: list[bytes]) -> None:
    head = [b"%b %b HTTP/1.1" % (method, target), *(b"%b: %b" % field for field in fields)]
    if chunks:
        head.append(b"Transfer-Encoding: chunked")
        wire = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    else:
        wire = body or b""
        head.append(b"Content-Length: %d" % len(wire))
    wire = b"\r\n".join([*head, b"", b""]) + wire
    listener = Listener()
    parser = httptools.HttpRequestParser(listener)
    try:
        parser.feed_data(wire)
    except httptools.HttpParserError:
        return
    assert listener.complete == 1
    request = hear(ask(wire)).request
    assert (request.method, request.target) == (parser.get_method(), listener.url)
    assert request.version == parser.get_http_version()
    assert [(header.name, header.value) for header in request.headers] == listener.headers
    assert request.body_len == listener.body
    assert request.complete


@settings(max_examples=300, deadline=None)
@given(st.integers(200, 599), FIELDS, st.binary(max_size=40), st.booleans())
def test_replies(status: int, fields: list, body: bytes, is_chunked: bool) -> None:
    head = [b"HTTP/1.1 %d Some Phrase" % status, *(b"%b: %b" % field for field in fields)]
    if is_chunked:
        head.append(b"Transfer-Encoding: chunked")
        wire = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n\r\n"
    else:
        head.append(b"Content-Length: %d" % len(body))
        wire = body
    listener = Listener()
    parser = httptools.HttpResponseParser(listener)
    try:
        parser.feed_data(b"\r\n".join([*head, b"", b""]) + wire)
    except httptools.HttpParserError:
        return
    response = hear(ask(get()), answer(b"\r\n".join([*head, b"", b""]) + wire)).response
    assert response.status_code == parser.get_status_code()
    assert [(header.name, header.value) for header in response.headers] == listener.headers
    assert response.body_len == listener.body


@pytest.mark.parametrize("wire", REQUESTS)
def test_our_own_odd_requests(wire: bytes) -> None:
    """What llhttp takes of them without complaint, we take too; what it refuses is tested elsewhere."""
    listener = Listener()
    parser = httptools.HttpRequestParser(listener)
    try:
        parser.feed_data(wire)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return
    if listener.complete == 1:
        request = hear(ask(wire)).request
        assert (request.target, request.body_len) == (listener.url, listener.body)


@pytest.mark.parametrize("wire", REPLIES)
def test_our_own_odd_replies(wire: bytes) -> None:
    listener = Listener()
    parser = httptools.HttpResponseParser(listener)
    try:
        parser.feed_data(wire)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return
    if listener.complete == 1 and parser.get_status_code() != 304:
        response = hear(ask(get()), answer(wire)).response
        assert response.status_code == parser.get_status_code()
        assert sum(file.seen_bytes for file in response.files) <= max(listener.body, 5)
