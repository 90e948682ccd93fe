"""What to make of bytes that stand where a start line should: another protocol, junk, HTTP/0.9, or nothing at all.

Each step takes the position it starts at and returns the one to go on from, or MORE if it kept the bytes.
"""

from __future__ import annotations

import re
from typing import Final

from sensor.http.grammar import is_token
from sensor.http.head import Head
from sensor.http.messages import BAD_REPLY, NOT_HTTP, UNEXPECTED_DATA, Messages
from sensor.http.outline import look
from sensor.http.side import HEAD, OVER, Side

_FEWEST: Final = 8
"""Bytes that any judgement needs, unless they end with a line."""
MAX_METHOD: Final = 64
"""Bytes before the first blank of a request line."""
_MAX_JUNK: Final = 4096
"""Bytes before a status line; servers behind broken proxies send some."""
_SOCKS_VERSIONS: Final = b"\4\5"
_OTHER_PROTOCOLS: Final = (b"\x16\x03", b"SSH-")
"""What TLS and SSH begin with: flows that are not worth searching."""
_NEXT_REPLY: Final = re.compile(rb"HTTP/[0-9]", re.IGNORECASE)
_BINARY: Final = re.compile(rb"[^\t\n\r -~]")
_METHOD: Final = re.compile(rb"[!#-'*+\-.0-9A-Z^-z|~]+[\t ]")  # a token (RFC 9110 5.6.2) and the blank behind it


def may_be_start(messages: Messages, side: Side, data: bytes, pos: int) -> bool:
    """Whether the beginning of a line may be that of a start line, or is worth waiting for its end."""
    if len(data) - pos < _FEWEST:
        return True
    if not side.is_orig:
        return data[pos : pos + 5].upper() == b"HTTP/"
    if side.spoke:
        return True
    if messages.certain:
        # Behind a method any byte may follow: it is for the whole line to say whether it is a request.
        return _BINARY.search(data, pos, pos + MAX_METHOD) is None or _METHOD.match(data, pos) is not None
    method = data[pos : pos + MAX_METHOD].replace(b"\t", b" ").partition(b" ")
    return is_token(method[0]) and (bool(method[1]) or len(data) - pos < MAX_METHOD)


def refuse(messages: Messages, side: Side, data: bytes, pos: int, ts: int) -> int:
    """What should be a start line is none."""
    side.line_ts = -1
    if not messages.certain:
        if side.is_orig and data[pos] in _SOCKS_VERSIONS:
            messages.lose(messages.orig)
            messages.lose(messages.resp)
        else:
            messages.orig.state = messages.resp.state = OVER
        return len(data)
    if not side.is_orig:
        return _refuse_reply(messages, side, data, pos, ts)
    line = data[pos : pos + messages.settings.max_line_bytes].partition(b"\n")[0].rstrip(b"\r")
    if not side.spoke and _BINARY.search(line, 0, MAX_METHOD) is not None:
        return _refuse_protocol(messages, side, data, pos, ts)
    with_version = line[-9:-3].upper() == b" HTTP/"
    messages.weird(ts, "bad_HTTP_request_with_version" if with_version else "bad_HTTP_request", look(line))
    messages.lose(side)
    return _behind_line(data, pos)


def settle_simple_request(messages: Messages, ts: int) -> None:
    """A request line without version is the whole request (HTTP/0.9), if a reply comes before any field."""
    side = messages.orig
    if side.state == HEAD and side.tail is not None and side.line_ts >= 0 and side.version is None:
        side.tail = None
        messages.open(side, Head())
        messages.end(side, True, ts)


def _refuse_reply(messages: Messages, side: Side, data: bytes, pos: int, ts: int) -> int:
    if side.spoke:
        messages.weird_once(UNEXPECTED_DATA, ts, "unexpected_server_HTTP_data")
        messages.lose(side)
        return _behind_line(data, pos)
    if not side.junk:
        settle_simple_request(messages, ts)
        pending = messages.pairing.pending
        if pending and pending[0].request is not None and pending[0].request.version is None:
            return _begin_simple_reply(messages, side, data, pos, ts)
        if data.startswith(_OTHER_PROTOCOLS, pos):
            return _refuse_protocol(messages, side, data, pos, ts)
        if pending and pending[0].request is not None and pending[0].request.method == b"PRI":
            messages.give_up(messages.orig)  # HTTP/2: its preface looks like a request, frames follow (RFC 9113 3.4)
            messages.give_up(side)
            return len(data)
    found = _NEXT_REPLY.search(data, pos, pos + _MAX_JUNK)
    if found is not None and found.start() > pos:
        side.junk = False
        messages.weird(ts, "bad_HTTP_reply", look(data[pos : found.start()]))
        return found.start()
    if len(data) - pos < _MAX_JUNK:
        side.junk = True
        return side.keep(data, pos)
    side.junk = False
    if not messages.pairing.pending:
        return _refuse_protocol(messages, side, data, pos, ts)
    messages.weird_once(BAD_REPLY, ts, "bad_HTTP_reply")
    messages.lose(side)
    return len(data)


def _begin_simple_reply(messages: Messages, side: Side, data: bytes, pos: int, ts: int) -> int:
    """A reply of HTTP/0.9: nothing but a body, until the connection closes."""
    side.line_ts = ts
    side.version, side.status, side.reason = "0.9", -1, None
    head = Head()
    messages.open(side, head)
    return messages.begin_plain(side, head, data, pos, ts)


def _refuse_protocol(messages: Messages, side: Side, data: bytes, pos: int, ts: int) -> int:
    """A direction begins with something else: another protocol, or HTTP that is joined in its middle."""
    messages.weird_once(NOT_HTTP, ts, "non_http_on_port_80")
    if data.startswith(_OTHER_PROTOCOLS, pos):
        messages.give_up(side)
        return len(data)
    messages.lose(side)
    return _behind_line(data, pos)


def _behind_line(data: bytes, pos: int) -> int:
    end = data.find(b"\n", pos)
    return end + 1 if end >= 0 else len(data)
