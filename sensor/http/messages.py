"""From a message's head to its record: opens and ends the messages of one flow, and tells what is odd about them."""

from __future__ import annotations

import re
from typing import Final

from sensor.flow.ledger import Ledger
from sensor.flow.uid import file_uid
from sensor.http.body import Body
from sensor.http.content import filename_of, text_of, whole_file
from sensor.http.grammar import HTTP_1_1, is_known, is_ocsp_head, uri_oddity
from sensor.http.head import Head, new_head
from sensor.http.pairing import Exchange, new_pairing
from sensor.http.shape import der_size
from sensor.http.side import CLOSE, FIXED, HEAD, OVER, SEARCH, Side, new_side
from sensor.http.transaction import FRAMING, HOST, TCP, HttpRequest, HttpResponse, NewTap
from sensor.settings import HttpSettings
from sensor.weird import FlowId, Weird

# Oddities that are told once a flow, as bits.
EMPTY_REQUEST = 1
NOT_HTTP = 2
UNEXPECTED_DATA = 4
LOWER_CASE = 8
BAD_REPLY = 16
SECOND_CUT = 32
SEARCH_CUT = 64

ORIG: Final = 1
RESP: Final = 2
STAYS: Final = 2
COUNT: Final = 16
COUNT_PERHAPS: Final = 32

_MANY_FIELDS: Final = 32
_PER_FIELD: Final = 256  # as in weight.py, however short they are
_MAX_DETAIL = 256  # bytes of what is odd that a weird shows
_AUTHORITY: Final = re.compile(rb"[A-Za-z]+://(?:[^/?#@]*@)?([^/?#@]+)(?:[/?#]|\Z)")


class Messages:
    """What the two directions share. `service`, `valued` as in StreamReader; `certain`: a start line proved HTTP;
    `is_second`: this is one beside a main reading."""

    def begin(
        self, flow: FlowId, out: list[object], settings: HttpSettings, certain: bool, new_tap: NewTap | None
    ) -> None:
        """Nothing was read yet."""
        self.flow = flow
        self.uid = flow.uid
        self.out = out
        self.settings = settings
        self.certain = certain
        self.new_tap = new_tap
        self.service: str | None = None
        self.orig = new_side(True)
        self.resp = new_side(False)
        self.pairing = new_pairing(flow, out, settings.max_pending)
        self.ledger: Ledger | None = None
        self.is_second = False
        self.keep_alive = False
        self.valued = False
        self.requests = 0
        self.tunnels = 0  # that proxies have opened, one in the other
        self.told = 0
        # ORIG, RESP: whose next message's first octets came in two copies; << STAYS: whose messages come behind a FIN;
        # COUNT: by another framing there is a message more or less, so that other replies belong to other requests;
        # COUNT_PERHAPS: so it is if the next request finds one without its reply
        self.in_doubt = 0

    def use(self, ledger: Ledger) -> None:
        """What is kept is charged to it, besides octets that come."""
        self.ledger = self.pairing.ledger = ledger

    def enter_tunnel(self) -> None:
        """Both directions begin anew, and nothing is certain, in a tunnel that a proxy has opened."""
        self.tunnels += 1
        self.requests = 0
        self.certain = self.keep_alive = False
        for side in (self.orig, self.resp):
            if side.state != OVER:
                side.state = HEAD
            side.spoke = side.junk = False
            side.searched = 0
            side.line_ts = -1
            side.last_version = ""

    def open(self, side: Side, head: Head) -> None:
        """A message has begun: its start line is in `side`, its fields are in `head`."""
        side.spoke = True
        side.head = head
        if head.count > _MANY_FIELDS and self.ledger is not None:
            self.ledger.charged += head.count * _PER_FIELD
        self.certain = True
        if self.in_doubt:
            whose = ORIG if side.is_orig else RESP
            if side.is_orig and self.in_doubt & COUNT_PERHAPS:
                self.in_doubt = self.in_doubt & ~COUNT_PERHAPS | COUNT
            if self.in_doubt & COUNT:
                if side.is_orig and self.pairing.is_even():
                    self.in_doubt &= ~COUNT
                else:
                    head.doubts |= FRAMING
            if self.in_doubt & (whose | whose << STAYS):
                self.in_doubt &= ~(ORIG | RESP)
                head.doubts |= TCP
        ts = side.line_ts
        version = side.version
        if not self.valued:
            self.valued = is_ocsp_head(side.target if side.is_orig else b"", head.content_type)
        if version is not None and (version is HTTP_1_1 or version >= HTTP_1_1):
            self.keep_alive = True
        if side.is_orig:
            self.service = "http"
            exchange = self.pairing.begin_request(ts)
            side.exchange = exchange
            method = side.method
            if method == b"HEAD":
                exchange.head_only = True
            elif method == b"CONNECT":
                exchange.connect = True
            elif not is_known(method):
                self.weird(ts, "unknown_HTTP_method", method)
            if head.doubts:
                exchange.doubts |= head.doubts
            self.check_request(side, head, ts)
        elif not side.interim or side.exchange is None:
            if self.pairing.pending:
                self.service = "http"
            side.exchange = self.pairing.begin_reply(ts)
        if head.doubts and not side.is_orig and side.exchange is not None:
            side.exchange.doubts |= head.doubts
        if version is not side.last_version and version != side.last_version:
            if side.last_version != "":
                self.weird(ts, "HTTP_version_mismatch", None)
            side.last_version = version
        if head.oddities is not None:
            for name, detail in head.oddities:
                self.weird(ts, name, detail)

    def check_request(self, side: Side, head: Head, ts: int) -> None:
        """What Zeek finds odd about a request line. It takes a client for persistent that was once seen to be."""
        if head.keep_alive:
            self.keep_alive = True
        self.requests += 1
        if self.requests > 1 and not self.keep_alive:
            self.weird(ts, "unexpected_multiple_HTTP_requests", None)
        target = side.target
        if 0x25 in target:  # an int: bytes in bytes costs ten times as much
            oddity = uri_oddity(target)
            if oddity is not None:
                self.weird(ts, oddity, None)
        elif not target:
            self.weird(ts, "missing_HTTP_uri", None)
        if head.host is not None and target and target[0] != 0x2F:
            self.check_authority(side, head.host, target, ts)
        if side.version is None and side.method != b"GET":
            self.weird(ts, "invalid_http_09_request_method", side.method)

    def check_authority(self, side: Side, host: bytes, target: bytes, ts: int) -> None:
        """A target in absolute form and a Host field that is not its authority: a server goes by the former (RFC 9112
        section 3.2.2), who reads only the field by the latter, as Zeek's http.log."""
        authority = _host_of(target)
        if authority is not None and _without_port(authority) != _without_port(host):
            self.weird(ts, "host_header_ambiguous", authority)
            if side.exchange is not None:
                side.exchange.doubts |= HOST

    def lead(self, out: list[object]) -> None:
        """This was a second reading, and is the main one from now on."""
        self.is_second = False
        self.out = self.pairing.out = out

    def doubt(self, side: Side) -> None:
        """How long the body under way is, or what belongs to it, others may read otherwise, and what they find behind
        it."""
        self.in_doubt |= COUNT
        if side.exchange is not None:
            side.exchange.doubts |= FRAMING

    def begin_plain(self, side: Side, head: Head, data: bytes, pos: int, ts: int) -> int:
        """A body that is not chunked begins at `pos`: of declared length, else until the connection closes."""
        length = head.length
        if length == 0:
            self.end(side, True, ts)
            return pos
        if length < 0:
            side.body = self.new_body(side, head, -1)
            side.state = CLOSE
            return pos
        kind = head.content_type
        if (
            len(data) - pos >= length
            and not head.coded
            and side.status != 206
            and (kind is None or not kind.startswith((b"m", b"M")))
            and (data[pos] != 0x30 or der_size(data, pos) <= length)
        ):
            exchange = side.exchange
            fuid = file_uid(self.uid, side.is_orig, exchange.depth if exchange is not None else 0, 0)
            name = None
            if head.disposition is not None or (kind is not None and 0x3D in kind):
                name = filename_of(head.disposition, kind)
            octets = data
            body = octets[pos : pos + length]
            file = whole_file(self.settings, side.is_orig, kind, name, fuid, body, ts, self.new_tap)
            if file is not None:
                side.files = (file,)
            side.length = length
            self.end(side, True, ts)
            return pos + length
        side.body = self.new_body(side, head, length)
        side.need = length
        side.state = FIXED
        return pos

    def new_body(self, side: Side, head: Head, length: int) -> Body:
        """Where the body of the message under way goes; `length` -1 if it is not known."""
        depth = side.exchange.depth if side.exchange is not None else 0
        body = Body(self.settings, head, side.is_orig, self.uid, depth, length, self.new_tap, self.ledger)
        if side.status == 206 and not side.is_orig:
            body.set_range(head.content_range)
        return body

    def end(self, side: Side, complete: bool, ts: int) -> None:
        """The message under way is over."""
        body = side.body
        exchange = side.exchange
        if body is not None:
            complete = complete and not body.hole
            side.files = body.finish(complete)
            side.length = body.length
            side.body = None
            for name, detail in body.oddities:
                self.weird(ts, name, detail)
        if exchange is not None:
            if side.is_orig:
                self.pairing.end_request(exchange, self.request(side, complete))
            else:
                self.pairing.end_reply(exchange, self.response(side, exchange, complete))
        side.exchange = None
        side.head = None
        side.files = ()
        side.length = 0
        side.need = 0
        side.line_ts = -1
        side.interim = False
        side.first_chunk = False
        side.state = HEAD

    def request(self, side: Side, complete: bool) -> HttpRequest:
        head = side.head
        if head is None:
            head = new_head()
        target = side.target
        host = head.host
        if host is None and target.find(b"://") > 0:
            host = _host_of(target)
        return HttpRequest(
            side.line_ts,
            side.method,
            target,
            side.version,
            host,
            head.user_agent,
            tuple(head.fields),
            side.files,
            side.length,
            complete,
            head.notable,
        )

    def response(self, side: Side, exchange: Exchange, complete: bool) -> HttpResponse:
        head = side.head
        return HttpResponse(
            side.line_ts,
            side.version,
            side.status if side.status >= 0 else None,
            side.reason,
            tuple(head.fields) if head is not None else (),
            side.files,
            side.length,
            complete,
            exchange.info_code,
            exchange.info_msg,
            head is not None and head.notable,
        )

    def lose(self, side: Side) -> None:
        """Where the next message of `side` begins is not known any more."""
        self.pairing.lose(side.is_orig)
        side.searched = 0
        side.state = SEARCH

    def give_up(self, side: Side) -> None:
        """Nothing more is wanted of `side`."""
        self.pairing.lose(side.is_orig)
        side.state = OVER

    def weird(self, ts: int, name: str, detail: bytes | None) -> None:
        addl = None if detail is None else text_of(detail[:_MAX_DETAIL])
        self.out.append(Weird(ts, name, self.flow, addl, "HTTP"))

    def weird_once(self, bit: int, ts: int, name: str) -> None:
        if not self.told & bit:
            self.told |= bit
            self.weird(ts, name, None)


def new_messages(
    flow: FlowId, out: list[object], settings: HttpSettings, certain: bool, new_tap: NewTap | None
) -> Messages:
    """One in its beginning; there is no other way to make it, for this is without Python's call."""
    messages = Messages.__new__(Messages)
    messages.begin(flow, out, settings, certain, new_tap)
    return messages


def _without_port(host: bytes) -> bytes:
    """In lower case, without HTTP's own port."""
    return host.lower().removesuffix(b":80")


def _host_of(target: bytes) -> bytes | None:
    """The authority of a target in absolute form (RFC 9112 section 3.2.2), without user information."""
    found = _AUTHORITY.match(target)
    return None if found is None else found[1]
