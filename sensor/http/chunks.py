"""Steps through a chunked body (RFC 9112 section 7.1): size lines, line ends behind chunks, trailers, and the end.

Each takes the position it starts at and returns the one behind what it took, or MORE if it kept the bytes.
"""

from __future__ import annotations

import re
from typing import Final

from sensor.flow.stream import FIN
from sensor.http.grammar import parse_chunk_size
from sensor.http.head import CHUNKED, Head, take_trailer
from sensor.http.messages import Messages
from sensor.http.outline import no_size
from sensor.http.self_length import is_size_line, may_be_bad_size, own_size, read_bad_size
from sensor.http.side import CHUNK_DATA, CHUNK_SIZE, TRAILER, UNSIZED, Side

_BLANKS: Final = re.compile(rb"[ \t\r\n\v\f]*")


def read_size(messages: Messages, side: Side, data: bytes, pos: int, ts: int) -> int:
    """A chunk-size line. At the first one it is decided whether the body is chunked at all."""
    blanks = _BLANKS.match(data, pos)
    start = blanks.end() if blanks is not None else pos
    limit = messages.settings.max_chunk_extension_bytes
    size = -1
    end = data.find(b"\n", start, start + limit)
    if side.first_chunk and data[pos] == 0x30 and not is_size_line(data[pos : end if end >= 0 else len(data)]):
        own = own_size(messages, side, data, pos)
        if own < 0:
            return side.keep(data, pos)
        if own and side.head is not None:
            if side.head.length < 0:
                side.head.length = own
            return _begin_unchunked(messages, side, side.head, data, pos, ts)
    if end >= 0:
        size = parse_chunk_size(data[start:end])
    elif len(data) - pos < limit and (
        start == len(data)
        or parse_chunk_size(data[start:]) >= 0
        or (may_be_bad_size(data[start:]) if side.first_chunk else side.body is not None and side.body.owed() > 0)
    ):
        return side.keep(data, pos)
    head = side.head
    if size < 0 and end >= 0 and head is not None and head.chunked == CHUNKED:
        after = read_bad_size(messages, side, data, pos, start, end)
        if after != pos:
            if after >= 0:
                messages.weird(ts, "HTTP_bad_chunk_size", no_size(data, start))
            return after
    if side.first_chunk and head is not None:
        if size < 0 or (head.chunked != CHUNKED and data[end - 1] != 0x0D):
            return _begin_unchunked(messages, side, head, data, pos, ts)
        side.first_chunk = False
        if head.chunked != CHUNKED:
            messages.doubt(side)
        side.body = messages.new_body(side, head, -1)
    if size < 0:
        messages.weird(ts, "HTTP_bad_chunk_size", no_size(data, start))
        messages.end(side, False, ts)
        messages.lose(side)
        return end + 1 if end >= 0 else len(data)
    side.need = size
    side.state = CHUNK_DATA if size else TRAILER
    return end + 1


def _begin_unchunked(messages: Messages, side: Side, head: Head, data: bytes, pos: int, ts: int) -> int:
    """Chunked was declared, or mentioned, but the body is not: then what else is declared counts, as in browsers."""
    side.first_chunk = False
    if head.chunked == CHUNKED:
        messages.doubt(side)
        messages.weird(ts, "HTTP_bad_chunk_size", no_size(data, pos))
    if side.is_orig and head.length < 0:
        messages.end(side, head.chunked != CHUNKED, ts)
        return pos
    if head.bad_length:
        side.state = UNSIZED
        return pos
    return messages.begin_plain(side, head, data, pos, ts)


def read_line_end(messages: Messages, side: Side, data: bytes, pos: int, ts: int) -> int:
    """The line end behind a chunk; what stands before it is skipped, as Zeek does."""
    if data[pos] == 0x0D:
        if pos + 1 == len(data):
            return side.keep(data, pos)
        side.state = CHUNK_SIZE
        return pos + 2 if data[pos + 1] == 0x0A else pos + 1
    limit = messages.settings.max_chunk_extension_bytes
    end = data.find(b"\n", pos, pos + limit)
    if end < 0 and len(data) - pos < limit:
        return side.keep(data, pos)
    if end != pos:
        messages.weird(ts, "HTTP_bad_chunk_size", no_size(data, pos))
        messages.doubt(side)
        if end >= 0 and is_size_line(data[pos:end]):
            side.state = CHUNK_SIZE  # the line end is missing, not the size
            return pos
    if end < 0:
        messages.end(side, False, ts)
        messages.lose(side)
        return len(data)
    side.state = CHUNK_SIZE
    return end + 1


def read_trailer(messages: Messages, side: Side, data: bytes, pos: int, ts: int) -> int:
    """A line of the trailer section. It counts for nothing, unless an attack may be in it.

    A reply that follows without the blank line is seen.

    `side.need` counts the bytes of the section.
    """
    end = data.find(b"\n", pos)
    if end < 0:
        side.need += len(data) - pos
    elif end == pos or (end == pos + 1 and data[pos] == 0x0D):
        messages.end(side, True, ts)
        return end + 1
    elif data.startswith(b"HTTP/", pos) and not side.is_orig:
        messages.end(side, True, ts)
        return pos
    else:
        side.need += end + 1 - pos
        if side.head is not None:
            take_trailer(side.head, data[pos:end].rstrip(b"\r"))
    if side.need > messages.settings.max_trailer_bytes:
        messages.weird(ts, "HTTP_trailer_too_large", None)
        messages.end(side, False, ts)
        messages.lose(side)
        return len(data)
    if end < 0:
        side.need -= len(data) - pos
        return side.keep(data, pos)
    return end + 1


def close_at_size(messages: Messages, side: Side, how: int, ts: int) -> None:
    """The connection closed where a chunk size should stand. A last chunk without its line end is one."""
    rest = bytes(side.tail) if side.tail is not None else b""
    side.tail = None
    head = side.head
    complete = bool(rest) and parse_chunk_size(rest) == 0
    if side.first_chunk and head is not None and not complete and rest:
        if head.chunked == CHUNKED and parse_chunk_size(rest) < 0:
            messages.doubt(side)
            messages.weird(ts, "HTTP_bad_chunk_size", no_size(rest, 0))
        side.body = messages.new_body(side, head, head.length)
        side.body.feed(rest, ts)
        complete = how == FIN and not side.is_orig and head.length < 0
    messages.end(side, complete, ts)
