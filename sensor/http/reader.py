"""The bytes of one flow in, its HTTP/1 transactions out: framing of both directions, gap or no gap.

Passive and lenient: what two real ends may have made of the bytes decides, everything odd is a weird by Zeek's name
where Zeek has one, and nothing is made up. After a gap that swallowed a message boundary the next message is looked
for; what lies between is nobody's. Bodies are `body`'s business, who answers whom is `pairing`'s.
"""

from __future__ import annotations

import re
from typing import Final

from sensor.flow.stream import FIN, IGNORE, UNTIL_CLOSE
from sensor.http.body import Body, file_of_whole, text_of
from sensor.http.grammar import METHODS, is_token, parse_chunk_size, parse_request_line, parse_status_line, uri_oddity
from sensor.http.head import CHUNKED, NOT_CHUNKED, Head, find_end, read_fields, read_odd_fields, split_start_line
from sensor.http.pairing import Exchange, Pairing
from sensor.http.resync import find_message
from sensor.http.transaction import BodyFile, HttpRequest, HttpResponse
from sensor.settings import HttpSettings
from sensor.weird import FlowId, Weird

# What a direction expects next.
_HEAD: Final = 0
_FIXED: Final = 1  # a body of known length
_CLOSE: Final = 2  # a body until the connection closes
_CHUNK_SIZE: Final = 3
_CHUNK_DATA: Final = 4
_CHUNK_END: Final = 5
_TRAILER: Final = 6
_SEARCH: Final = 7  # behind a loss: anything, a message may begin in it
_OVER: Final = 8  # nothing any more

_MORE: Final = -1
"""What a step returns that kept the bytes for want of more."""

_LINE_ENDS: Final = re.compile(rb"[\r\n]*")
_CHUNK_BLANKS: Final = re.compile(rb"[ \t\r\n\v\f]*")
_NEXT_REPLY: Final = re.compile(rb"HTTP/[0-9]", re.IGNORECASE)
_TRAILER_END: Final = re.compile(rb"\n\r?\n")
_BINARY: Final = re.compile(rb"[^\t\n\r -~]")

_MAX_METHOD: Final = 64
"""Bytes before the first blank of a request line."""
_MAX_JUNK: Final = 4096
"""Bytes before a status line; servers behind broken proxies send some."""
_SEARCH_BYTES: Final = 65536
"""How far into a direction of a flow that never spoke HTTP a message is looked for."""


class Side:
    """One direction: what is expected of it, and the message under way."""

    def __init__(self, is_orig: bool) -> None:
        self.is_orig = is_orig
        self.state = _HEAD
        self.tail: bytearray | None = None  # bytes kept for want of more
        self.line_ts = -1  # when the start line was complete; -1: it is not
        self.need = 0  # bytes of the body, or of the chunk, still to come
        self.asked = 0  # the skip under way
        self.searched = 0
        self.spoke = False  # whether a message was seen
        self.first_chunk = False
        self.junk = False  # waiting whether a status line comes behind what came instead of one
        self.interim = False  # the last reply was a 1xx
        self.last_version: str | None = ""
        self.head: Head | None = None
        self.body: Body | None = None
        self.files: tuple[BodyFile, ...] = ()
        self.length = 0
        self.exchange: Exchange | None = None
        self.method = b""
        self.target = b""
        self.version: str | None = None
        self.status: int | None = None
        self.reason: bytes | None = None


class HttpReader:
    """A StreamReader (sensor.flow.stream). Appends HttpTransactions and Weirds to `out`.

    `probation`: the port says nothing, the first bytes merely looked like HTTP; until a start line has proved it
    nothing is appended, and if it does not both directions are ignored. A gap of length 0 says that what came before
    is not known (a flow joined in its middle).
    """

    def __init__(self, flow: FlowId, out: list[object], settings: HttpSettings, *, probation: bool) -> None:
        self.service: str | None = None
        self._flow = flow
        self._out = out
        self._settings = settings
        self._certain = not probation
        self._pairing = Pairing(flow, out, settings.max_pending)
        self._orig = Side(True)
        self._resp = Side(False)
        self._keep_alive = False
        self._requests = 0
        self._told = 0  # oddities that are told once a flow, as bits

    # The contract: sensor.flow.stream.StreamReader

    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:
        side = self._orig if is_orig else self._resp
        if side.state == _OVER:
            return IGNORE
        if side.asked:
            self._count_skip(side, side.asked, ts)
        tail = side.tail
        if tail is not None:
            known = len(tail)
            tail += chunk
            if side.state == _HEAD and not self._is_head_decided(side, tail, known, chunk):
                return 0
            chunk = bytes(tail)
            side.tail = None
        return self._run(side, chunk, ts)

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int:
        side = self._orig if is_orig else self._resp
        if side.state == _OVER:
            return IGNORE
        if side.asked:
            self._count_skip(side, side.asked - unskipped, ts)
        state = side.state
        body = side.body
        if body is not None and length:
            if state in (_FIXED, _CHUNK_DATA) and length <= side.need:
                body.lost(length)
                side.need -= length
                if side.need:
                    return self._demand(side, side.need)
                if state == _FIXED:
                    self._end(side, False, ts)
                else:
                    side.state = _CHUNK_END
                return 0
            if state == _CLOSE and side.head is not None and side.head.close:
                body.lost(length)
                return self._demand(side, UNTIL_CLOSE)
        if state == _FIXED and body is not None:
            body.lost(side.need)  # and what followed it
        self._break_off(side, ts)
        self._lose(side)
        return 0

    def closed(self, is_orig: bool, how: int, ts: int, last_data_ts: int, unskipped: int) -> None:
        side = self._orig if is_orig else self._resp
        if side.state == _OVER and not self._certain:
            return
        if side.asked:
            self._count_skip(side, side.asked - unskipped, last_data_ts)
        state = side.state
        if state == _CLOSE:
            self._end(side, how == FIN, ts)
        elif state == _TRAILER:
            self._end(side, True, ts)
        elif state == _CHUNK_SIZE:
            self._close_chunks(side, how, ts)
        else:
            self._break_off(side, ts)
        side.state = _OVER
        if side.interim and side.exchange is not None and side.exchange.info is not None:
            self._pairing.end_reply(side.exchange, side.exchange.info)
        self._pairing.close(is_orig)

    # Steps. Each takes the position it starts at and returns the one behind what it took, or _MORE.

    def _run(self, side: Side, data: bytes, ts: int) -> int:
        size = len(data)
        pos = 0
        while True:
            state = side.state
            if state in (_FIXED, _CHUNK_DATA):
                if pos < size and side.need:
                    pos = self._feed(side, data, pos, ts)
                if side.need:
                    return self._demand(side, side.need)
                if state == _FIXED:
                    self._end(side, True, ts)
                else:
                    side.state = _CHUNK_END
            elif state == _OVER:
                return IGNORE
            elif state == _CLOSE:
                if pos < size:
                    side.need = size - pos
                    self._feed(side, data, pos, ts)
                return self._demand(side, UNTIL_CLOSE)
            elif pos >= size:
                return 0
            elif state == _HEAD:
                pos = self._read_head(side, data, pos, ts)
            elif state == _CHUNK_SIZE:
                pos = self._read_chunk_size(side, data, pos, ts)
            elif state == _CHUNK_END:
                pos = self._read_chunk_end(side, data, pos, ts)
            elif state == _TRAILER:
                pos = self._read_trailer(side, data, pos, ts)
            else:
                pos = self._search(side, data, pos)
            if pos < 0:
                return 0

    def _keep(self, side: Side, data: bytes, pos: int) -> int:
        side.tail = bytearray(data[pos:])
        return _MORE

    def _feed(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        """Body bytes, as far as they go."""
        body = side.body
        take = min(len(data) - pos, side.need)
        if body is not None:
            body.feed(data if take == len(data) else data[pos : pos + take], ts)
        side.need -= take
        return pos + take

    def _demand(self, side: Side, count: int) -> int:
        if side.body is not None and side.body.idle:
            side.asked = count
            return count
        return 0

    def _count_skip(self, side: Side, count: int, ts: int) -> None:
        side.asked = 0
        if side.body is not None:
            side.body.skipped(count, ts)
        if side.state != _CLOSE:
            side.need -= count

    # Heads

    def _is_head_decided(self, side: Side, tail: bytearray, known: int, chunk: bytes) -> bool:
        """Whether a head of which more has come should be looked at: for its end, or for its start line."""
        if side.junk:
            return True
        if side.line_ts < 0:
            return b"\n" in chunk or known < _MAX_METHOD or len(tail) > self._settings.max_target_bytes
        return find_end(tail, 0, known) >= 0 or len(tail) > self._settings.max_header_bytes

    def _read_head(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        first = data[pos]
        if first in (0x0D, 0x0A):
            found = _LINE_ENDS.match(data, pos)
            pos = found.end() if found is not None else pos
            if side.is_orig and self._certain:
                self._tell_once(1, ts, "empty_http_request")
            if pos == len(data):
                return pos
        settings = self._settings
        end = data.find(b"\r\n\r\n", pos)
        if end >= 0 and end - pos <= settings.max_header_bytes:
            lines = data[pos:end].split(b"\r\n")
            line = lines[0]
            head = Head()
            if (
                len(line) <= settings.max_target_bytes
                and b"\n" not in line
                and b"\r" not in line
                and read_fields(head, lines, 1, settings.max_headers, settings.max_line_bytes)
            ):
                if side.line_ts < 0:
                    side.line_ts = ts
                if not self._read_start(side, line):
                    return self._refuse(side, data, pos, ts)
                return self._begin(side, head, data, end + 4, ts)
        return self._read_odd_head(side, data, pos, ts)

    def _read_odd_head(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        """A head that is not all there, or not all CRLF and `name: value`."""
        settings = self._settings
        size = len(data) - pos
        line_end = data.find(b"\n", pos)
        if line_end < 0 or line_end - pos > settings.max_target_bytes:
            if size <= settings.max_target_bytes and _may_be_start(data, pos, side.is_orig):
                return self._keep(side, data, pos)
            return self._refuse(side, data, pos, ts)
        if side.line_ts < 0:
            side.line_ts = ts
        line = split_start_line(data[pos : line_end + 1])[0]
        if not self._read_start(side, line):
            return self._refuse(side, data, pos, ts)
        end = find_end(data, pos, 0)
        too_large = (end if end >= 0 else len(data)) - pos > settings.max_header_bytes
        if end < 0 and not too_large:
            return self._keep(side, data, pos)
        head = Head()
        if too_large:
            self._weird(ts, "HTTP_header_too_large", None)
            fields = data[pos + len(line) : pos + settings.max_header_bytes].rpartition(b"\n")[0]
            read_odd_fields(head, fields, settings.max_headers, settings.max_line_bytes)
            self._open(side, head)
            self._end(side, False, ts)
            self._lose(side)
            return pos + settings.max_header_bytes
        read_odd_fields(head, data[pos + len(line) : end], settings.max_headers, settings.max_line_bytes)
        return self._begin(side, head, data, end, ts)

    def _read_start(self, side: Side, line: bytes) -> bool:
        """Take a start line apart; False if it is none."""
        if side.is_orig:
            request = parse_request_line(line)
            if request is None:
                return False
            side.method, side.target, side.version = request
            return self._certain or (side.version is not None and side.version[:2] == "1.")
        reply = parse_status_line(line)
        if reply is None:
            return False
        side.version, side.status, side.reason = reply
        return self._certain or (side.version is not None and side.version[:2] == "1." and side.status is not None)

    def _refuse(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        """What should be a start line is none."""
        side.line_ts = -1
        if not self._certain:
            self._orig.state = self._resp.state = _OVER
            return len(data)
        if not side.is_orig:
            return self._refuse_reply(side, data, pos, ts)
        if not side.spoke and _BINARY.search(data, pos, pos + 16) is not None:
            self._tell_once(2, ts, "non_http_on_port_80")
            self._pairing.lose(True)
            side.state = _OVER
            return len(data)
        line = data[pos : pos + self._settings.max_line_bytes].partition(b"\n")[0].rstrip(b"\r")
        with_version = line[-9:-3].upper() == b" HTTP/"
        self._weird(ts, "bad_HTTP_request_with_version" if with_version else "bad_HTTP_request", line)
        self._lose(side)
        end = data.find(b"\n", pos)
        return end + 1 if end >= 0 else len(data)

    def _refuse_reply(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        """No status line: junk before one, or a reply of HTTP/0.9 that has none, or no HTTP."""
        if side.spoke:
            self._tell_once(4, ts, "unexpected_server_HTTP_data")
            self._lose(side)
            end = data.find(b"\n", pos)
            return end + 1 if end >= 0 else len(data)
        found = _NEXT_REPLY.search(data, pos, pos + _MAX_JUNK)
        if found is not None and found.start() > pos:
            side.junk = False
            self._weird(ts, "bad_HTTP_reply", data[pos : found.start()])
            return found.start()
        self._settle_simple_request(ts)
        if not self._pairing.pending:
            self._tell_once(2, ts, "non_http_on_port_80")
            self._pairing.lose(False)
            side.state = _OVER
            return len(data)
        request = self._pairing.pending[0].request
        if len(data) - pos < _MAX_JUNK and (request is None or request.version is not None):
            side.junk = True
            return self._keep(side, data, pos)
        return self._open_simple_reply(side, ts, pos)

    def _open_simple_reply(self, side: Side, ts: int, pos: int) -> int:
        """A reply of HTTP/0.9: nothing but a body until the connection closes."""
        side.junk = False
        side.line_ts = ts
        side.version, side.status, side.reason = "0.9", None, None
        head = Head()
        self._open(side, head)
        side.body = self._new_body(side, head, -1)
        side.state = _CLOSE
        return pos

    def _settle_simple_request(self, ts: int) -> None:
        """A request line without version is the whole request (HTTP/0.9), if a reply comes before any field."""
        side = self._orig
        if side.state == _HEAD and side.tail is not None and side.line_ts >= 0 and side.version is None:
            side.tail = None
            self._open(side, Head())
            self._end(side, True, ts)

    # Messages

    def _begin(self, side: Side, head: Head, data: bytes, pos: int, ts: int) -> int:
        """A whole head: what follows it?"""
        self._open(side, head)
        if side.is_orig:
            if head.chunked == NOT_CHUNKED and head.length <= 0:
                self._end(side, True, ts)
                return pos
        else:
            after = self._frame_reply(side, head, data, pos, ts)
            if after != _MORE:
                return after
        if head.chunked != NOT_CHUNKED:
            side.first_chunk = True
            side.state = _CHUNK_SIZE
            return pos
        return self._begin_plain(side, head, data, pos, ts)

    def _begin_plain(self, side: Side, head: Head, data: bytes, pos: int, ts: int) -> int:
        """A body that is not chunked: of declared length, else until the connection closes."""
        length = head.length
        if length == 0:
            self._end(side, True, ts)
            return pos
        if length < 0:
            side.body = self._new_body(side, head, -1)
            side.state = _CLOSE
            return pos
        kind = head.content_type
        if (
            len(data) - pos >= length
            and not head.coded
            and side.status != 206
            and (kind is None or kind[:1] not in b"mM")
        ):
            exchange = side.exchange
            depth = exchange.depth if exchange is not None else 0
            content = data[pos : pos + length]
            side.files = (file_of_whole(self._settings, head, side.is_orig, (self._flow.uid, depth), content, ts),)
            side.length = length
            self._end(side, True, ts)
            return pos + length
        side.body = self._new_body(side, head, length)
        side.need = length
        side.state = _FIXED
        return pos

    def _new_body(self, side: Side, head: Head, length: int) -> Body:
        depth = side.exchange.depth if side.exchange is not None else 0
        body = Body(self._settings, head, side.is_orig, (self._flow.uid, depth), length)
        if side.status == 206 and not side.is_orig:
            body.set_range(head.content_range)
        return body

    def _frame_reply(self, side: Side, head: Head, data: bytes, pos: int, ts: int) -> int:
        """Replies without a body (RFC 9112 section 6.3) and the end of HTTP; _MORE if there is a body."""
        status = side.status if side.status is not None else 0
        exchange = side.exchange
        if exchange is None:
            return _MORE
        if 100 <= status < 200 and not (status == 101 and head.upgrade):
            exchange.informational += 1
            if exchange.informational <= self._settings.max_informational:
                exchange.info_code, exchange.info_msg = status, side.reason
                exchange.info = self._response(side, exchange, True)
            side.interim = True
            side.line_ts = -1
            side.head = None
            return pos
        side.interim = False
        if status == 101 or (exchange.connect and 200 <= status < 300):
            if status == 101:
                exchange.info_code, exchange.info_msg = status, side.reason
            self._end(side, True, ts)
            return self._end_http(status, data, pos, ts)
        if exchange.head_only or status in (204, 304):
            self._end(side, True, ts)
            return pos
        return _MORE

    def _end_http(self, status: int, data: bytes, pos: int, ts: int) -> int:
        """The connection is a tunnel, or speaks another protocol, from here on."""
        rest = len(data) - pos
        if rest:
            name = "protocol_data_with_HTTP_upgrade_reply" if status == 101 else "protocol_data_with_HTTP_CONNECT_reply"
            self._weird(ts, name, b"%d" % rest)
        if self._orig.exchange is not None:
            self._break_off(self._orig, ts)
        self._pairing.flush()
        self._orig.state = self._resp.state = _OVER
        return len(data)

    def _open(self, side: Side, head: Head) -> None:
        """A message has begun: its start line is in `side`, its fields are in `head`."""
        side.spoke = True
        side.head = head
        ts = side.line_ts
        self._certain = True
        version = side.version
        if side.is_orig:
            self.service = "http"
            exchange = self._pairing.begin_request(ts)
            side.exchange = exchange
            method = side.method
            if method == b"HEAD":
                exchange.head_only = True
            elif method not in METHODS:
                self._weird(ts, "unknown_HTTP_method", method)
            elif method == b"CONNECT":
                exchange.connect = True
            self._check_request(side, head, ts)
        elif not side.interim or side.exchange is None:
            if self.service is None and self._pairing.pending:
                self.service = "http"
            side.exchange = self._pairing.begin_reply(ts)
        if version is not None and version >= "1.1":
            self._keep_alive = True
        if version != side.last_version:
            if side.last_version != "":
                self._weird(ts, "HTTP_version_mismatch", None)
            side.last_version = version
        if head.oddities is not None:
            for name, detail in head.oddities:
                self._weird(ts, name, detail)

    def _check_request(self, side: Side, head: Head, ts: int) -> None:
        self._requests += 1
        if head.keep_alive or (side.version is not None and side.version >= "1.1"):  # as Zeek, before the count
            self._keep_alive = True
        if self._requests > 1 and not self._keep_alive:
            self._weird(ts, "unexpected_multiple_HTTP_requests", None)
        target = side.target
        if b"%" in target:
            oddity = uri_oddity(target)
            if oddity is not None:
                self._weird(ts, oddity, None)
        elif not target:
            self._weird(ts, "missing_HTTP_uri", None)
        if side.version is None and side.method != b"GET":
            self._weird(ts, "invalid_http_09_request_method", side.method)

    def _end(self, side: Side, complete: bool, ts: int) -> None:
        """The message under way is over."""
        body = side.body
        exchange = side.exchange
        if body is not None:
            side.files = body.finish(complete and not body.hole)
            side.length = body.length
            complete = complete and not body.hole
            side.body = None
            for name, detail in body.oddities:
                self._weird(ts, name, detail)
        if exchange is not None:
            if side.is_orig:
                self._pairing.end_request(exchange, self._request(side, complete))
            else:
                self._pairing.end_reply(exchange, self._response(side, exchange, complete))
        side.exchange = None
        side.head = None
        side.files = ()
        side.length = 0
        side.need = 0
        side.line_ts = -1
        side.interim = False
        side.first_chunk = False
        side.state = _HEAD

    def _request(self, side: Side, complete: bool) -> HttpRequest:
        head = side.head if side.head is not None else Head()
        host = head.host
        if host is None:
            host = _host_of(side.target)
        return HttpRequest(
            side.line_ts,
            side.method,
            side.target,
            side.version,
            host,
            head.user_agent,
            tuple(head.fields),
            side.files,
            side.length,
            complete,
        )

    def _response(self, side: Side, exchange: Exchange, complete: bool) -> HttpResponse:
        head = side.head
        return HttpResponse(
            side.line_ts,
            side.version,
            side.status,
            side.reason,
            tuple(head.fields) if head is not None else (),
            side.files,
            side.length,
            complete,
            exchange.info_code,
            exchange.info_msg,
        )

    # Chunks (RFC 9112 section 7.1)

    def _read_chunk_size(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        blanks = _CHUNK_BLANKS.match(data, pos)
        start = blanks.end() if blanks is not None else pos
        limit = self._settings.max_chunk_extension_bytes
        size = -1
        end = data.find(b"\n", start, start + limit)
        if end >= 0:
            size = parse_chunk_size(data[start:end])
        elif len(data) - pos < limit and (start == len(data) or parse_chunk_size(data[start:]) >= 0):
            return self._keep(side, data, pos)
        head = side.head
        if side.first_chunk and head is not None:
            if size < 0 or (head.chunked != CHUNKED and data[end - 1] != 0x0D):
                return self._begin_unchunked(side, head, data, pos, ts)
            side.first_chunk = False
            side.body = self._new_body(side, head, -1)
        if size < 0:
            self._weird(ts, "HTTP_bad_chunk_size", data[start : min(end, start + 64) if end >= 0 else start + 64])
            self._end(side, False, ts)
            self._lose(side)
            return end + 1 if end >= 0 else len(data)
        side.need = size
        side.state = _CHUNK_DATA if size else _TRAILER
        return end + 1

    def _begin_unchunked(self, side: Side, head: Head, data: bytes, pos: int, ts: int) -> int:
        """Chunked was declared, but the body is not: then what else is declared counts, as with browsers."""
        side.first_chunk = False
        if head.chunked == CHUNKED:
            self._weird(ts, "HTTP_bad_chunk_size", data[pos : pos + 64])
        if side.is_orig and head.length < 0:
            self._end(side, head.chunked != CHUNKED, ts)
            return pos
        return self._begin_plain(side, head, data, pos, ts)

    def _read_chunk_end(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        """The line end behind a chunk; what stands before it is skipped."""
        limit = self._settings.max_chunk_extension_bytes
        if data[pos] == 0x0D:
            if pos + 1 == len(data):
                return self._keep(side, data, pos)
            side.state = _CHUNK_SIZE
            return pos + 2 if data[pos + 1] == 0x0A else pos + 1
        end = data.find(b"\n", pos, pos + limit)
        if end < 0 and len(data) - pos < limit:
            return self._keep(side, data, pos)
        if end != pos:
            self._weird(ts, "HTTP_bad_chunk_size", data[pos : pos + 64])
        if end < 0:
            self._end(side, False, ts)
            self._lose(side)
            return len(data)
        side.state = _CHUNK_SIZE
        return end + 1

    def _read_trailer(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        """Trailer fields count for nothing here; a reply that follows without the blank line is seen."""
        if data.startswith(b"\r\n", pos):
            end = pos + 2
        elif data[pos] == 0x0A:
            end = pos + 1
        elif data.startswith(b"HTTP/", pos) and not side.is_orig:
            end = pos
        else:
            found = _TRAILER_END.search(data, pos)
            if found is None:
                if len(data) - pos <= self._settings.max_trailer_bytes:
                    return self._keep(side, data, pos)
                self._weird(ts, "HTTP_trailer_too_large", None)
                self._end(side, False, ts)
                self._lose(side)
                return len(data)
            end = found.end()
        self._end(side, True, ts)
        return end

    def _close_chunks(self, side: Side, how: int, ts: int) -> None:
        """The connection closed where a chunk size should stand."""
        rest = bytes(side.tail) if side.tail is not None else b""
        side.tail = None
        head = side.head
        complete = bool(rest) and parse_chunk_size(rest) == 0
        if side.first_chunk and head is not None and not complete and rest:
            side.body = self._new_body(side, head, head.length)
            side.body.feed(rest, ts)
            complete = how == FIN and not side.is_orig and head.length < 0
        self._end(side, complete, ts)

    # Losses

    def _lose(self, side: Side) -> None:
        """Where the next message begins is not known any more."""
        self._pairing.lose(side.is_orig)
        side.searched = 0
        side.state = _SEARCH

    def _search(self, side: Side, data: bytes, pos: int) -> int:
        found, keep = find_message(data, pos, side.is_orig, self._settings.max_target_bytes)
        if found >= 0:
            side.line_ts = -1
            side.state = _HEAD
            return found
        if not side.spoke:
            side.searched += keep - pos
            if side.searched > _SEARCH_BYTES and not (self._orig.spoke or self._resp.spoke):
                side.state = _OVER
                return len(data)
        if keep < len(data):
            return self._keep(side, data, keep)
        return len(data)

    def _break_off(self, side: Side, ts: int) -> None:
        """What is under way ends here, incomplete. A head counts if its start line is whole; half a line never does."""
        tail = side.tail
        side.tail = None
        if side.exchange is not None and not side.interim:
            self._end(side, False, ts)
        elif side.state == _HEAD and tail is not None:
            if side.junk:
                self._open_simple_reply(side, ts, 0)
                if side.body is not None:
                    side.body.feed(bytes(tail), ts)
                self._end(side, False, ts)
            elif side.line_ts >= 0:
                data = bytes(tail)
                line = split_start_line(data)[0]
                if self._read_start(side, line) and not (side.status is not None and 100 <= side.status < 200):
                    head = Head()
                    fields = data[len(line) :].rpartition(b"\n")[0]
                    read_odd_fields(head, fields, self._settings.max_headers, self._settings.max_line_bytes)
                    self._open(side, head)
                    self._end(side, False, ts)

    def _weird(self, ts: int, name: str, detail: bytes | None) -> None:
        self._out.append(Weird(ts, name, self._flow, None if detail is None else text_of(detail[:256]), "HTTP"))

    def _tell_once(self, bit: int, ts: int, name: str) -> None:
        if not self._told & bit:
            self._told |= bit
            self._weird(ts, name, None)


def _may_be_start(data: bytes, pos: int, is_orig: bool) -> bool:
    """Whether the beginning of a line may be that of a start line."""
    if not is_orig:
        beginning = data[pos : pos + 5].upper()
        return b"HTTP/".startswith(beginning)
    method = data[pos : pos + _MAX_METHOD].replace(b"\t", b" ").partition(b" ")
    return is_token(method[0]) and (bool(method[1]) or len(data) - pos < _MAX_METHOD)


def _host_of(target: bytes) -> bytes | None:
    """The authority of a target in absolute form (RFC 9112 section 3.2.2), or of CONNECT's."""
    scheme, mark, rest = target.partition(b"://")
    if not mark or not scheme.isalpha():
        return None
    for stop in b"/?#":
        rest = rest.partition(bytes((stop,)))[0]
    return rest.rpartition(b"@")[2] or None
