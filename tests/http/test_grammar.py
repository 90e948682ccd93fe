"""Lines, names and numbers, as bytes: RFC 9110 and 9112, and the inputs that fooled others (http-garden, H3, H4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor.http.grammar import (
    is_ocsp_head,
    is_token,
    parse_chunk_size,
    parse_content_length,
    parse_field,
    parse_list,
    parse_number,
    parse_request_line,
    parse_status_line,
    unescape_uri,
    uri_oddity,
)
from tests.http.wire import grows_linearly


@pytest.mark.parametrize(("text", "number"), [(b"0", 0), (b"5", 5), (b"0005", 5), (b"9223372036854775807", 2**63 - 1)])
def test_numbers(text: bytes, number: int) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"+5", b"-1", b"5_0", b"0x5", b" 5", b"5 ", b"5.0", b"\xef\xbc\x95", b"\xd9\xa5", b"9" * 5000),
        *(b"9223372036854775808", b"1e3", b"5\n", b"\x005"),
    ],
)
def test_what_is_no_number(text: bytes) -> None:
    assert parse_number(text) == -1


@pytest.mark.parametrize(
    ("value", "length"),
    [
        *((b"5", (5, True)), (b"5,5", (5, True)), (b"5, 5 ,5", (5, True))),
        *((b"5,6", (5, False)), (b"68 A", (68, False)), (b"68.9", (68, False)), (b"68( 136)", (68, False))),
        *((b"+5", (-1, False)), (b"5_0", (-1, False)), (b"0x5", (-1, False)), (b"-1", (-1, False)), (b"", (-1, False))),
        *((b"\xef\xbc\x95", (-1, False)), (b"9" * 5000, (-1, False)), (b"5" * 19 + b",", (5555555555555555555, False))),
    ],
)
def test_content_length(value: bytes, length: tuple[int, bool]) -> None:
    assert parse_content_length(value) == length


@pytest.mark.parametrize(
    ("line", "size"),
    [
        *(
            (b"5", 5),
            (b"f", 15),
            (b"0F\r", 15),
            (b"5;ext=1", 5),
            (b"5 ", 5),
            (b"5\t\r", 5),
            (b"5, 7", 5),
            (b"5\x00", 5),
        ),
        *(
            (b"0" * 40, 0),
            (b"0" * 40 + b"5", 5),
            (b"0x", 0),
            (b"\t5", 5),
            (b"\r\n5", 5),
            (b"fffffffffffffff", 2**60 - 1),
        ),
    ],
)
def test_chunk_sizes(line: bytes, size: int) -> None:
    assert parse_chunk_size(line) == size


@pytest.mark.parametrize(
    "line", [b"", b"+5", b"-5", b"0x5", b"5_0", b"5g", b"x", b";ext", b"1" + b"0" * 16, b"\xef\xbc\x95", b"0xa"]
)
def test_what_is_no_chunk_size(line: bytes) -> None:
    assert parse_chunk_size(line) == -1


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (b"GET / HTTP/1.1", (b"GET", b"/", "1.1")),
        (b"POST /a%20b?c HTTP/1.0", (b"POST", b"/a%20b?c", "1.0")),
        (b"GET //MFEw/+= HTTP/1.1", (b"GET", b"//MFEw/+=", "1.1")),
        (b"FOO-bar /a HTTP/1.1", (b"FOO-bar", b"/a", "1.1")),
        (b"GET /a b c HTTP/1.1", (b"GET", b"/a b c", "1.1")),
        (b"GET \t /a \tHTTP/1.1 ", (b"GET", b"/a", "1.1")),
        (b"GET /a http/1.1", (b"GET", b"/a", "1.1")),
        (b"GET /a HTTP/1.10", (b"GET", b"/a", "1.1")),
        (b"GET /a HTTP/x", (b"GET", b"/a", "")),
        (b"GET HTTP/1.1", (b"GET", b"", "1.1")),
        (b"GET /", (b"GET", b"/", None)),
        (b"PRI * HTTP/2.0", (b"PRI", b"*", "2.0")),
        (b"GET http://a/b HTTP/1.1", (b"GET", b"http://a/b", "1.1")),
        (b"GET /\xff\x00\x85 HTTP/1.1", (b"GET", b"/\xff\x00\x85", "1.1")),
    ],
)
def test_request_lines(line: bytes, parts: tuple[bytes, bytes, str | None]) -> None:
    assert parse_request_line(line) == parts


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET",
        b"GE /",
        b" GET / HTTP/1.1",
        b"\x16\x03\x01",
        b"GET\x00/ HTTP/1.1",
        b"/ HTTP/1.1",
        b"SSH-2.0-OpenSSH",
    ],
)
def test_what_is_no_request_line(line: bytes) -> None:
    assert parse_request_line(line) is None


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (b"HTTP/1.1 200 OK", ("1.1", 200, b"OK")),
        (b"HTTP/1.0 404 Not  Found ", ("1.0", 404, b"Not  Found ")),
        (b"HTTP/1.1 200 ", ("1.1", 200, b"")),
        (b"HTTP/1.1 200", ("1.1", 200, None)),
        (b"HTTP/1.1   200  OK", ("1.1", 200, b"OK")),
        (b"http/1.1 200 ok", ("1.1", 200, b"ok")),
        (b"HTTP/1.10 200 ok", ("1.1", 200, b"ok")),
        (b"HTTP/1.1", ("1.1", None, None)),
        (b"HTTP/1.1 2xx ok", ("1.1", None, b"ok")),
        (b"HTTP/1.1 2040 ok", ("1.1", None, b"ok")),
        (b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 ok", ("1.1", None, b"\xd9\xa2\xd9\xa0\xd9\xa0 ok")),
        (b"HTTP/1\x00.1 200 ok", ("", 200, b"ok")),
        (b"HTTP/1.1\x0b200\x0bok", ("1.1", 200, b"ok")),
    ],
)
def test_status_lines(line: bytes, parts: tuple[str, int | None, bytes | None]) -> None:
    assert parse_status_line(line) == parts
    assert parse_status_line(line) == parts  # remembered or not


@pytest.mark.parametrize("line", [b"", b"HTTP", b" HTTP/1.1 200 OK", b"ICY 200 OK", b"SIP/2.0 200 ok"])
def test_what_is_no_status_line(line: bytes) -> None:
    assert parse_status_line(line) is None


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (b"Host: a", (b"host", b"a")),
        (b"Host:a", (b"host", b"a")),
        (b"HOST \t:\t a \t", (b"host", b"a")),
        (b"X:", (b"x", b"")),
        (b"X: a:b", (b"x", b"a:b")),
        (b"X: \x85a\xa0", (b"x", b"\x85a\xa0")),  # blanks to str.strip, not to HTTP
        (b"X: a\x0b\x0c", (b"x", b"a\x0b\x0c")),
        (b"X: a\x00b", (b"x", b"a\x00b")),
        (b"Foo Bar: x", None),
        (b"no colon", None),
        (b": x", None),
    ],
)
def test_fields(line: bytes, field: tuple[bytes, bytes] | None) -> None:
    assert parse_field(line) == field


def test_lists() -> None:
    assert parse_list(b"GZIP , deflate;q=1,\tbr") == (b"gzip", b"deflate", b"q", b"1", b"br")
    assert parse_list(b"gz\0ip\xa0x") == (b"gzip", b"x")
    assert parse_list(b" ,,") == ()


def test_tokens() -> None:
    assert is_token(b"M-SEARCH")
    assert not is_token(b"")
    assert not is_token(b"a b")
    assert not is_token(b"a\x85")


def _zeek_unescape(uri: bytes) -> bytes:
    """Zeek's unescape_URI (src/analyzer/protocol/http/HTTP.cc), byte by byte, in our own words."""
    hexadecimal = b"0123456789abcdefABCDEF"
    out = bytearray()
    i = 0
    while i < len(uri):
        if uri[i] != 0x25:
            out.append(uri[i])
            i += 1
            continue
        rest = uri[i + 1 :]
        if len(rest) < 2:
            return bytes(out + b"%" + rest)
        if rest[0] == 0x25:
            i += 1
        elif rest[0] in hexadecimal and rest[1] in hexadecimal:
            out += bytes.fromhex(rest[:2].decode())
            i += 3
        elif rest[0] == 0x75 and len(rest) >= 5 and all(digit in hexadecimal for digit in rest[1:5]):
            out += bytes.fromhex(rest[1:5].decode())[1 if rest[1:3] == b"00" else 0 :]
            i += 6
        else:
            out += b"%" + rest[:1]
            i += 2
    return bytes(out)


@given(st.lists(st.sampled_from([b"%", b"u", b"0", b"4", b"A", b"f", b"g", b"/", b"\xff"]), max_size=14).map(b"".join))
@example(b"/%2F%2b%u0041%u1234%%41%4")
@example(b"%%")
@example(b"%")
def test_unescaping_is_zeeks(uri: bytes) -> None:
    assert unescape_uri(uri) == _zeek_unescape(uri)


@pytest.mark.parametrize(
    ("target", "oddity"),
    [
        *((b"/a%2Fb", None), (b"/%u0041", None), (b"/plain", None), (b"/%", "illegal_%_at_end_of_URI")),
        *((b"/%4", "partial_escape_at_end_of_URI"), (b"/%%41", "double_%_in_URI"), (b"/%zz", "unescaped_%_in_URI")),
    ],
)
def test_oddities_of_escapes(target: bytes, oddity: str | None) -> None:
    assert uri_oddity(target) == oddity


@given(st.binary(max_size=80))
def test_nothing_raises(data: bytes) -> None:
    parse_request_line(data)
    parse_status_line(data)
    parse_status_line(b"HTTP/" + data)
    parse_field(data)
    parse_list(data)
    parse_chunk_size(data)
    parse_content_length(data)
    assert len(unescape_uri(data)) <= len(data)


@pytest.mark.parametrize(
    ("function", "head", "unit", "tail"),
    [
        (parse_request_line, b"GET /", b" ", b"x"),
        (parse_request_line, b"GET /", b" HTTP ", b"x"),
        (parse_status_line, b"HTTP/", b"1.", b" x"),
        (parse_status_line, b"HTTP/1.1", b" ", b"x"),
        (parse_content_length, b"", b"1,", b"x"),
        (parse_chunk_size, b"", b"\r\n ", b"x"),
        (unescape_uri, b"", b"%%", b""),
        (unescape_uri, b"", b"%u004", b""),
    ],
)
def test_linear_time(function: Callable[[bytes], object], head: bytes, unit: bytes, tail: bytes) -> None:
    assert grows_linearly(lambda size: function(head + unit * size + tail), 100_000)


@pytest.mark.parametrize(
    ("target", "kind", "is_ocsp"),
    [
        (b"/" + b"x" * 80, None, False),
        (b"/MFQ", None, False),
        (b"/MFQ" + b"w" * 80, None, True),
        (b"/Mother/MFQ" + b"w" * 80, None, True),
        (b"/Mother/Mz" + b"w" * 80, None, False),
        (b"/", b"Application/OCSP-request; x=y", True),
        (b"/", b"text/plain", False),
    ],
)
def test_what_a_head_says_of_ocsp(target: bytes, kind: bytes | None, is_ocsp: bool) -> None:
    """A segment of the path that begins as DER's SEQUENCE does in base64."""
    assert is_ocsp_head(target, kind) is is_ocsp
