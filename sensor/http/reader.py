"""The bytes of one flow in, its HTTP/1 transactions out: framing of both directions, gap or no gap.

Passive and lenient: what two real ends may have made of the bytes decides, everything odd is a weird by Zeek's name
where Zeek has one, and nothing is made up. After a gap that swallowed a message boundary the next message is looked
for; what lies between is nobody's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from sensor.flow.ledger import Ledger
from sensor.flow.stream import FIN, IGNORE, UNTIL_CLOSE
from sensor.http.alike import beginning, is_cut
from sensor.http.chunks import close_at_size, read_line_end, read_size, read_trailer
from sensor.http.framings import Turned, count_in_doubt, find_turns, next_stop, pass_turns
from sensor.http.grammar import is_keyword, line_end, parse_request_line, parse_status_line
from sensor.http.head import NOT_CHUNKED, Head, find_end, new_head, read_fields, read_odd_fields, split_start_line
from sensor.http.messages import (
    BAD_REPLY,
    COUNT,
    EMPTY_REQUEST,
    LOWER_CASE,
    ORIG,
    RESP,
    SEARCH_CUT,
    STAYS,
    Messages,
    new_messages,
)
from sensor.http.refusal import MAX_METHOD, may_be_start, refuse
from sensor.http.resync import begins_message, begins_request, find_message, may_begin_message
from sensor.http.second import ForkedReader
from sensor.http.self_length import close_early, read_beyond, read_unsized
from sensor.http.side import (
    BEYOND,
    CHUNK_DATA,
    CHUNK_END,
    CHUNK_SIZE,
    CLOSE,
    FIXED,
    HEAD,
    MORE,
    OVER,
    TRAILER,
    UNSIZED,
    Side,
)
from sensor.http.transaction import FRAMING, TCP, HttpRequest, NewTap
from sensor.http.weight import weigh_reader
from sensor.settings import HttpSettings
from sensor.weird import FlowId

if TYPE_CHECKING:
    from sensor.flow.copies import Conflict

_LINE_ENDS: Final = re.compile(rb"[\r\n]*")
_TARGET: Final = re.compile(b" (?:/|https?://)")
_SOCKS_BYTES: Final = 1024
"""What the client and the proxy have to say to each other first (RFC 1928, RFC 1929)."""


class HttpReader:
    """A StreamReader (sensor.flow.stream). Appends HttpTransactions and Weirds to `out`.

    `probation`: the port says nothing, the first bytes merely looked like HTTP; until a start line has proved it
    nothing is appended, and if it does not both directions are ignored. A gap of length 0 says that what came before
    is not known (a flow joined in its middle).
    """

    def __init__(
        self,
        flow: FlowId,
        out: list[object],
        settings: HttpSettings,
        *,
        probation: bool,
        new_tap: NewTap | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.begin(flow, out, settings, probation, new_tap)
        if ledger is not None:
            self._messages.use(ledger)

    def begin(
        self, flow: FlowId, out: list[object], settings: HttpSettings, probation: bool, new_tap: NewTap | None
    ) -> None:
        """Nothing was read yet."""
        self._settings = settings
        self._turned: Turned | None = None
        self._messages = new_messages(flow, out, settings, not probation, new_tap)

    @property
    def service(self) -> str | None:
        return self._messages.service

    def messages(self) -> Messages:
        """What was read, for who compares two readings."""
        return self._messages

    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:
        messages = self._messages
        turned = self._turned
        if turned is not None and not turned.inside:
            want: int = turned.both.data(is_orig, chunk, ts)
            if turned.over():
                self._turned = None
                self._messages = turned.left()
            return want
        side = messages.orig if is_orig else messages.resp
        if side.state == OVER:
            return IGNORE
        if side.asked:
            self._count_skip(side, side.asked, ts)
        if side.unseen and chunk:
            side.unseen = False
            if side.head is not None and _may_begin_request(chunk[0]):
                find_turns(self._messages, side, side.head, side.total)
        if side.turns is not None:
            return self._read_to_turns(side, chunk, ts)
        want = self._read(side, chunk, ts)
        return self._read_to_turns(side, b"", ts) if side.left else want

    def _read(self, side: Side, chunk: bytes, ts: int) -> int:
        """What comes next of a direction, by the main reading."""
        side.total += len(chunk)
        tail = side.tail
        if tail is None:
            return self._run(side, chunk, ts)
        known = len(tail)
        tail += chunk
        if side.state == HEAD and not self._is_head_decided(side, tail, known, chunk):
            return 0
        side.tail = None
        return self._run(side, bytes(tail), ts)

    def _read_to_turns(self, side: Side, data: bytes, ts: int) -> int:
        """What is left, and `data` behind it, come next, up to a place or beyond where others see the next message
        begin: in parts that end where that may be, or is known. From there on there are two readings."""
        want = 0
        while True:
            data = side.left + data
            side.left = b""
            if want < 0 or len(data) < want:
                return want - len(data) if want > 0 else want
            if want:
                self._count_skip(side, want, ts)
                data = data[want:]
            if not data:
                return 0
            part = data[: next_stop(side, data)]
            data = data[len(part) :]
            want = self._read(side, part, ts)
            part = part[: max(len(part) - len(side.left), 0)]
            rest = pass_turns(self._messages, side, part, self._turned is not None, ts)
            if rest and side.state != OVER:
                want = self._follow(side, rest, want, ts)
                data = side.left + data
                side.left = b""
                return self.data(side.is_orig, data, ts) if data else want

    def _follow(self, side: Side, rest: bytes, want: int, ts: int) -> int:
        """`rest` stands behind a turn, and begins a message."""
        messages = self._messages
        found: list[object] = []
        reader = HttpReader(messages.flow, found, self._settings, probation=False, ledger=messages.ledger)
        reader.messages().is_second = True
        self._turned = turned = Turned(self, reader, found)
        return turned.begin(side, rest, want, ts)

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int:
        turned = self._turned
        if turned is not None and not turned.inside:
            want: int = turned.both.gap(is_orig, length, ts, unskipped)
            if turned.over():
                self._turned = None
                self._messages = turned.left()
            return want
        side = self._messages.orig if is_orig else self._messages.resp
        if side.state == OVER:
            return IGNORE
        if side.asked:
            self._count_skip(side, side.asked - unskipped, ts)
        side.total += length
        side.unseen = False
        side.ahead = None
        body = side.body
        state = side.state
        if body is not None and length:
            if state in (FIXED, CHUNK_DATA) and length <= side.need:
                body.lost(length)
                side.need -= length
                if side.need:
                    return self._demand(side, side.need)
                if state == FIXED:
                    self._messages.end(side, False, ts)
                else:
                    side.state = CHUNK_END
                return 0
            if state == CLOSE and side.head is not None and side.head.close:
                body.lost(length)
                return self._demand(side, UNTIL_CLOSE)
            if state == FIXED:
                body.lost(side.need)  # and what followed it
        if state in (UNSIZED, BEYOND):
            close_early(self._messages, side, False, ts)
        self._break_off(side, ts)
        self._messages.lose(side)
        return 0

    def second(self, is_orig: bool, conflict: Conflict, wants: dict[bool, int], ts: int) -> ForkedReader:
        """As in StreamReader: from here on the flow is read in two ways, by a second reader that joins midway."""
        self.doubt_copy(is_orig, conflict)
        both = self.fork(wants)
        if is_cut(conflict, is_orig):
            both.refuse(ts)
        both.replay(is_orig, conflict, beginning(conflict, is_orig), ts)
        return both

    def fork(self, wants: dict[bool, int]) -> ForkedReader:
        """This reader and a second one that has read nothing yet."""
        messages = self._messages
        found: list[object] = []
        flow, settings = messages.flow, self._settings
        reader = HttpReader(flow, found, settings, probation=False, ledger=messages.ledger)
        reader.messages().is_second = True
        budget, most = settings.max_second_reading_bytes, settings.max_second_readings
        return ForkedReader(flow, self, reader, messages.out, found, wants, budget, most)

    def doubt_copy(self, is_orig: bool, conflict: Conflict) -> None:
        """The message that those octets belong to can be read otherwise: one that has begun, or the next, of whose head
        the first octets may wait."""
        messages = self._messages
        pending = messages.pairing.pending
        side = messages.orig if is_orig else messages.resp
        exchange = side.exchange
        if exchange is None:
            begins = conflict.position - (len(side.tail) if side.tail is not None else 0)
            if pending and conflict.pieces and conflict.first < begins:
                exchange = pending[-1] if is_orig else pending[0]
            if conflict.last > begins:
                messages.in_doubt |= ORIG if is_orig else RESP
        if exchange is not None:
            exchange.doubts |= TCP

    def asked(self) -> list[object]:
        """As in StreamReader: whole HttpRequests, which are told once their replies have come."""
        return [each.request for each in self._messages.pairing.pending if each.request is not None]

    def take_over(self, asked: list[object]) -> None:
        """As in StreamReader."""
        requests = [each for each in asked if type(each) is HttpRequest and each.complete]
        under_way = self._messages.resp.exchange
        if requests and under_way is not None and under_way.request is None:
            under_way.request = requests.pop(0)
        self._messages.pairing.take_over(requests)

    def unfinished(self, is_orig: bool) -> bool:
        """As in StreamReader: in a head, in a body that says how long it is, or with a reply owed."""
        messages = self._messages
        side = messages.orig if is_orig else messages.resp
        state = side.state
        if state in (FIXED, CHUNK_SIZE, CHUNK_DATA, CHUNK_END) or (state == HEAD and side.tail is not None):
            return True
        return not is_orig and state == HEAD and bool(messages.pairing.pending)

    def in_message(self) -> bool:
        """As in StreamReader."""
        if self._turned is not None and not self._turned.inside:
            return self._turned.both.in_message()
        messages = self._messages
        for side in (messages.orig, messages.resp):
            if side.state != OVER and (side.exchange is not None or side.tail is not None):
                return True
        return bool(messages.pairing.pending)

    def reopened(self, is_orig: bool, ts: int) -> None:
        """As in StreamReader. The message under way, and those that begin behind the FIN, can be read otherwise."""
        messages = self._messages
        if self._turned is not None and not self._turned.inside:
            self._turned.both.reopened(is_orig, ts)
            return
        side = messages.orig if is_orig else messages.resp
        messages.in_doubt |= (ORIG if is_orig else RESP) << STAYS
        if side.exchange is not None:
            side.exchange.doubts |= TCP
        if messages.pairing.reopen(is_orig):
            messages.lose(side)

    @property
    def valued(self) -> bool:
        """As in StreamReader."""
        return self._messages.valued

    def kept(self) -> tuple[int, int]:
        """As in StreamReader."""
        turned = self._turned
        if turned is not None and not turned.inside:
            kept, window = turned.both.kept()
            return kept, window
        return weigh_reader(self._messages)

    def closed(self, is_orig: bool, how: int, ts: int, last_data_ts: int, unskipped: int) -> None:
        messages = self._messages
        if self._turned is not None and not self._turned.inside:
            self._turned.both.closed(is_orig, how, ts, last_data_ts, unskipped)
            return
        side = messages.orig if is_orig else messages.resp
        if side.state == OVER and not messages.certain:
            return
        if side.asked:
            self._count_skip(side, side.asked - unskipped, last_data_ts)
        state = side.state
        if state in (UNSIZED, BEYOND):
            close_early(messages, side, how == FIN, ts)
        elif state == CLOSE:
            messages.end(side, how == FIN, ts)
        elif state == TRAILER:
            messages.end(side, True, ts)
        elif state == CHUNK_SIZE:
            close_at_size(messages, side, how, ts)
        else:
            self._break_off(side, ts)
        side.state = OVER
        if side.interim and side.exchange is not None and side.exchange.info is not None:
            messages.pairing.end_reply(side.exchange, side.exchange.info)
        messages.pairing.close(is_orig)

    def _run(self, side: Side, data: bytes, ts: int) -> int:
        """Take `data` step by step. Each step returns the position behind what it took, or MORE if it kept the rest."""
        size = len(data)
        pos = 0
        while True:
            state = side.state
            if state in (FIXED, CHUNK_DATA):
                if pos < size and side.need:
                    pos = self._feed(side, data, pos, ts)
                if side.need:
                    return self._demand(side, side.need)
                if state == FIXED:
                    if side.body is not None and side.body.owed():
                        side.state = BEYOND
                    else:
                        self._messages.end(side, True, ts)
                else:
                    side.state = CHUNK_END
            elif state == OVER:
                return IGNORE
            elif state == CLOSE:
                if pos < size:
                    side.need = size - pos
                    self._feed(side, data, pos, ts)
                return self._demand(side, UNTIL_CLOSE)
            elif pos >= size:
                return 0
            elif state == HEAD:
                pos = self._read_head(side, data, pos, ts)
                if side.turns is not None and 0 <= pos < size:
                    side.left = data[pos:]
                    side.total -= size - pos
                    return 0
            elif state == CHUNK_SIZE:
                pos = read_size(self._messages, side, data, pos, ts)
            elif state == CHUNK_END:
                pos = read_line_end(self._messages, side, data, pos, ts)
            elif state == TRAILER:
                pos = read_trailer(self._messages, side, data, pos, ts)
            elif state == UNSIZED:
                pos = read_unsized(self._messages, side, data, pos, ts)
            elif state == BEYOND:
                pos = read_beyond(self._messages, side, data, pos, ts)
            else:
                pos = self._search(side, data, pos, ts)
            if pos < 0:
                return 0

    def _feed(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        """Body bytes, as far as they go."""
        take = min(len(data) - pos, side.need)
        if side.body is not None:
            side.body.feed(data if take == len(data) else data[pos : pos + take], ts)
        side.need -= take
        return pos + take

    def _demand(self, side: Side, count: int) -> int:
        if side.body is not None and not side.unseen and side.body.idle():
            if side.turns is not None:
                count = min(count, max(side.turns[0] - side.total, 0))
            side.asked = count
            return count
        return 0

    def _count_skip(self, side: Side, count: int, ts: int) -> None:
        side.asked = 0
        side.total += count
        if side.body is not None:
            side.body.skipped(count, ts)
        if side.state != CLOSE:
            side.need -= count

    def _is_head_decided(self, side: Side, tail: bytearray, known: int, chunk: bytes) -> bool:
        """Whether a head of which more has come should be looked at: for its end, or for its start line."""
        if side.junk:
            return True
        if side.line_ts < 0:
            return 0x0A in chunk or known < MAX_METHOD or len(tail) > self._settings.max_target_bytes
        return find_end(tail, 0, known) >= 0 or len(tail) > self._settings.max_header_bytes

    def _read_head(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        first = data[pos]
        if first in (0x0D, 0x0A):
            found = _LINE_ENDS.match(data, pos)
            pos = found.end() if found is not None else pos
            if side.is_orig and self._messages.certain:
                self._messages.weird_once(EMPTY_REQUEST, ts, "empty_http_request")
            if pos == len(data):
                return pos
        side.head_at = pos
        settings = self._settings
        stop = line_end(data, pos)
        if stop >= 0 and stop - pos <= settings.max_target_bytes:
            octets = data
            line = octets[pos:stop]
            if 0x0A not in line and 0x0D not in line:
                head = new_head()
                end = read_fields(head, data, stop + 2, settings.max_headers, settings.max_line_bytes)
                if end >= 0 and end - 4 - pos <= settings.max_header_bytes:
                    if side.line_ts < 0:
                        side.line_ts = ts
                    if not self._read_start(side, line, ts):
                        return refuse(self._messages, side, data, pos, ts)
                    return self._begin(side, head, data, end, ts)
        return self._read_odd_head(side, data, pos, ts)

    def _read_odd_head(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        """A head that is not all there, or not all CRLF and `name: value`."""
        settings = self._settings
        line_end = data.find(b"\n", pos)
        too_long = (line_end if line_end >= 0 else len(data)) - pos > settings.max_target_bytes
        if too_long and side.is_orig and begins_request(data, pos) and _TARGET.search(data, pos, pos + MAX_METHOD):
            self._messages.certain = True  # nothing else begins with a method and a path, and goes on for so long
        if line_end < 0 or too_long:
            if not may_be_start(self._messages, side, data, pos) or (too_long and not self._messages.certain):
                return refuse(self._messages, side, data, pos, ts)
            if not too_long:
                return side.keep(data, pos)
            self._messages.weird(ts, "HTTP_header_too_large", None)
            if side.is_orig and begins_request(data, pos):
                side.spoke = True  # what follows is worth searching, however far the line goes on
            self._messages.lose(side)
            return pos + settings.max_target_bytes
        if side.line_ts < 0:
            side.line_ts = ts
        line = split_start_line(data[pos : line_end + 1])[0]
        if not self._read_start(side, line, ts):
            return refuse(self._messages, side, data, pos, ts)
        end = find_end(data, pos, 0)
        head = Head()
        if (end if end >= 0 else len(data)) - pos > settings.max_header_bytes:
            self._messages.weird(ts, "HTTP_header_too_large", None)
            fields = data[pos + len(line) : data.rfind(b"\n", pos, pos + settings.max_header_bytes) + 1]
            read_odd_fields(head, fields, settings.max_headers, settings.max_line_bytes)
            self._messages.open(side, head)
            self._messages.end(side, False, ts)
            self._messages.lose(side)
            return pos + settings.max_header_bytes
        if end < 0:
            return side.keep(data, pos)
        read_odd_fields(head, data[pos + len(line) : end], settings.max_headers, settings.max_line_bytes)
        return self._begin(side, head, data, end, ts)

    def _read_start(self, side: Side, line: bytes, ts: int) -> bool:
        """Take a start line apart; False if it is none."""
        if side.is_orig:
            request = parse_request_line(line)
            if request is None:
                return False
            side.method, side.target, side.version = request
            # A method is as long as `may_be_start` waits for one, however the line is cut.
            certain = side.version is not None and _is_1(side.version) and len(side.method) < MAX_METHOD
        else:
            reply = parse_status_line(line)
            if reply is None:
                return False
            version, status, side.reason = reply
            side.version = version or None
            side.status = -1 if status is None else status
            certain = _is_1(version) and status is not None
        size = len(line)
        in_capitals = size >= 8 and is_keyword(line, size - 8 if side.is_orig else 0)
        if not in_capitals and side.version is not None and line.find(b"HTTP/") < 0:
            self._messages.weird_once(LOWER_CASE, ts, "lowercase_HTTP_keyword")
        return certain or self._messages.certain

    def _begin(self, side: Side, head: Head, data: bytes, pos: int, ts: int) -> int:
        """A whole head: what follows it at `pos`?"""
        messages = self._messages
        count = 0
        if side.turns is not None or side.passed:
            count = count_in_doubt(messages, side, side.total - len(data) + side.head_at)
            if count == COUNT:
                head.doubts |= FRAMING
            elif count and not side.is_orig:
                count = COUNT
        messages.open(side, head)
        messages.in_doubt |= count
        if side.is_orig:
            if (
                head.chunked == NOT_CHUNKED
                and head.length <= 0
                and not (head.bad_length and (head.lengths or _may_have_body(side.method)))
            ):
                messages.end(side, True, ts)
                return pos
        else:
            after = self._begin_bare(side, head, data, pos, ts)
            if after != MORE:
                return after
        told_twice = head.bad_length or (head.chunked != NOT_CHUNKED and head.length >= 0)
        if not messages.is_second:
            if told_twice or (side.is_orig and pos < len(data) and _may_begin_request(data[pos])):
                find_turns(messages, side, head, side.total - len(data) + pos)
            elif side.is_orig:
                side.unseen = pos == len(data)
        if head.chunked != NOT_CHUNKED:
            side.first_chunk = True
            side.state = CHUNK_SIZE
            return pos
        if head.bad_length:
            messages.in_doubt |= COUNT
            side.state = UNSIZED
            return pos
        return messages.begin_plain(side, head, data if side.turns is None else data[:pos], pos, ts)

    def _begin_bare(self, side: Side, head: Head, data: bytes, pos: int, ts: int) -> int:
        """Replies without a body (RFC 9112 section 6.3) and the end of HTTP; MORE if there is a body."""
        messages = self._messages
        status = side.status
        exchange = side.exchange
        if exchange is None:
            return MORE
        if 100 <= status < 200 and not (status == 101 and head.upgrade):
            exchange.informational += 1
            if exchange.informational <= self._settings.max_informational:
                exchange.info_code, exchange.info_msg = status, side.reason
                exchange.info = messages.response(side, exchange, True)
            elif exchange.informational == self._settings.max_informational + 1:
                messages.weird(ts, "HTTP_excessive_informational", None)
            side.interim = True
            side.line_ts = -1
            side.head = None
            return pos
        side.interim = False
        if status == 101 or (exchange.connect and 200 <= status < 300):
            if status == 101:
                exchange.info_code, exchange.info_msg = status, side.reason
            messages.end(side, True, ts)
            return self._end_http(status, data, pos, ts)
        if exchange.head_only or status in (204, 304):
            messages.end(side, True, ts)
            return pos
        return MORE

    def _end_http(self, status: int, data: bytes, pos: int, ts: int) -> int:
        """The connection is a tunnel, or speaks another protocol, from here on. What a proxy's tunnel carries may be
        HTTP again, read by whoever is on the path: its first octets decide, as on a port that nobody knows (Zeek hands
        it to protocol detection). TLS is not looked at any further."""
        messages = self._messages
        rest = len(data) - pos
        if rest:
            name = "protocol_data_with_HTTP_upgrade_reply" if status == 101 else "protocol_data_with_HTTP_CONNECT_reply"
            self._messages.weird(ts, name, b"%d" % rest)
        if messages.orig.exchange is not None:
            self._break_off(messages.orig, ts)
        messages.pairing.flush()
        if status != 101 and messages.tunnels < self._settings.max_tunnels:
            messages.enter_tunnel()
            return pos
        if status != 101 and messages.tunnels:
            messages.weird(ts, "HTTP_excessive_tunnels", None)
        messages.orig.state = messages.resp.state = OVER
        return len(data)

    def _search(self, side: Side, data: bytes, pos: int, ts: int) -> int:
        """A message behind a loss: anywhere at first, and later, in a direction that shows none, where a segment begins
        with one. That costs next to nothing, however long an upload or a download is that was joined in its middle."""
        if side.searched > self._settings.max_search_bytes:
            if begins_message(data, pos, side.is_orig):
                side.line_ts = -1
                side.searched = 0
                side.state = HEAD
                return pos
            return side.keep(data, pos) if may_begin_message(data, pos, side.is_orig) else len(data)
        found, keep = find_message(data, pos, side.is_orig, self._settings.max_target_bytes)
        if found >= 0:
            side.line_ts = -1
            side.state = HEAD
            return found
        if not (self._messages.orig.spoke or self._messages.resp.spoke):
            side.searched += keep - pos
            if not self._messages.certain:
                if side.searched > _SOCKS_BYTES:
                    side.state = OVER
                    return len(data)
            elif side.searched > self._settings.max_search_bytes:
                self._messages.weird_once(SEARCH_CUT, ts, "HTTP_search_cut")
        return side.keep(data, keep) if keep < len(data) else len(data)

    def _break_off(self, side: Side, ts: int) -> None:
        """What is under way ends here, incomplete. A head counts if its start line is whole; half a line never does."""
        tail = side.tail
        side.tail = None
        if side.exchange is not None and not side.interim:
            self._messages.end(side, False, ts)
        elif side.state == HEAD and tail is not None and side.line_ts >= 0 and not side.junk:
            data = bytes(tail)
            line = split_start_line(data)[0]
            if self._read_start(side, line, ts) and (side.is_orig or not 100 <= side.status < 200):
                head = Head()
                fields = data[len(line) : data.rfind(b"\n") + 1]
                read_odd_fields(head, fields, self._settings.max_headers, self._settings.max_line_bytes)
                self._messages.open(side, head)
                self._messages.end(side, False, ts)
        elif side.junk and self._messages.pairing.pending:
            self._messages.weird_once(BAD_REPLY, ts, "bad_HTTP_reply")


def _may_begin_request(octet: int) -> bool:
    """Whether a request may begin with `octet`, or an empty line before it. Few bodies do, so that it costs next to
    nothing to look at the others: DER, a form, JSON, XML, the size of a chunk."""
    return 0x41 <= octet <= 0x5A or octet in (0x0D, 0x0A)


def _is_1(version: str) -> bool:
    """Whether the version is 1.0, 1.1 or so."""
    return len(version) >= 2 and version[0] == "1" and version[1] == "."


def _may_have_body(method: bytes) -> bool:
    """Whether a request whose length is told, but not as a number, may have a body for all that."""
    return method not in (b"GET", b"HEAD")
