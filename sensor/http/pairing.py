"""Requests and replies of one flow into transactions: first in, first out, and unpaired rather than guessed.

Where both directions are seen without loss, the n-th reply belongs to the n-th request, whichever the capture shows
first. After a loss the two are aligned again at a request that finds nothing outstanding, for clients that do not
pipeline send none before; a client that was seen to pipeline gets no such benefit of the doubt.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from sensor.flow.ledger import Ledger
from sensor.http.transaction import AMBIGUITIES, TCP, HttpRequest, HttpResponse, HttpTransaction
from sensor.weird import FlowId, Weird

REORDER_NS: Final = 10_000_000_000
"""A reply seen this long before its request is still its reply (SPAN ports reorder); longer, and it is nobody's."""

_PER_EXCHANGE: Final = 2048
_MAX_EARLY: Final = 4
"""Replies held in case their request is still to come."""


class Exchange:
    """One transaction in the making. `depth` is Zeek's trans_depth. A half that is under way is `open`."""

    def begin(self, depth: int, ts: int) -> None:
        """Nothing came yet."""
        self.depth = depth
        self.ts = ts
        self.request: HttpRequest | None = None
        self.response: HttpResponse | None = None
        self.request_open = False
        self.reply_open = False
        self.doubtful = False
        self.head_only = False  # HEAD: the reply has no body whatever it says
        self.connect = False
        self.doubts = 0  # FRAMING, HOST, TCP: in what it can be read otherwise
        self.informational = 0
        self.info_code: int | None = None
        self.info_msg: bytes | None = None
        self.info: HttpResponse | None = None  # the last 1xx, in case nothing follows it


def new_exchange(depth: int, ts: int) -> Exchange:
    """One in its beginning; there is no other way to make it, for this is without Python's call."""
    exchange = Exchange.__new__(Exchange)
    exchange.begin(depth, ts)
    return exchange


class Pairing:
    """Knows which reply belongs to which request, and appends finished transactions to `out`."""

    def __init__(self, flow: FlowId, out: list[object], max_pending: int) -> None:
        self.begin(flow, out, max_pending)

    def begin(self, flow: FlowId, out: list[object], max_pending: int) -> None:
        """Nothing came yet."""
        self.flow = flow
        self.out = out
        self.max_pending = max_pending
        self.depth = 0
        self.pending: list[Exchange] = []  # few, so that a deque, 600 octets large, is no faster
        self.early: deque[Exchange] | None = None  # whole replies without a request
        self.unasked: Exchange | None = None  # one that is under way
        self.owed = 0  # replies still due to requests that were given up
        self.orig_lost = False  # requests may be missing before the next one
        self.resp_lost = False
        self.pipelined = False
        self.alone = False  # a reply was reported alone because of a doubt
        self.orig_closed = False
        self.resp_closed = False
        self.ledger: Ledger | None = None

    def begin_request(self, ts: int) -> Exchange:
        """A request line was seen."""
        unasked = self.unasked
        if unasked is not None and not self.orig_lost and ts - unasked.ts <= REORDER_NS and self.early is None:
            self.unasked = None
            self._say_early(ts)
            unasked.request_open = True
            return unasked
        if self.early is not None:
            return self._join_early(ts)
        if self.pending:
            self._before_request(ts)
        elif not self.pipelined:
            self.orig_lost = False
            self.resp_lost = False
        self.depth += 1
        exchange = new_exchange(self.depth, ts)
        exchange.request_open = True
        exchange.doubtful = self.orig_lost
        self.pending.append(exchange)
        return exchange

    def is_even(self) -> bool:
        """Whether every request seen has its reply, and every reply its request: so it is with the right framing, when
        a client asks again."""
        return not (self.pending or self.early or self.unasked)

    def end_request(self, exchange: Exchange, request: HttpRequest) -> None:
        exchange.request = request
        exchange.request_open = False
        if exchange.response is not None:
            self._emit(exchange)
        elif self.resp_closed and not exchange.reply_open:
            if exchange in self.pending:
                self.pending.remove(exchange)
            self._give_up(exchange)

    def begin_reply(self, ts: int) -> Exchange:
        """A status line was seen (or a 1xx that may turn out to be one of several)."""
        if self.early is not None:
            self._release_early(ts)
        if self.owed:
            self.owed -= 1
        elif self.pending:
            exchange = self.pending[0]
            if not (self.resp_lost and len(self.pending) > 1) and not exchange.doubtful:
                self.resp_lost = False
                exchange.reply_open = True
                return exchange
            self.alone = True
        self.depth += 1
        exchange = new_exchange(self.depth, ts)
        exchange.reply_open = True
        if not (self.alone or self.owed or self.orig_closed or self.resp_lost):
            self.unasked = exchange
        return exchange

    def end_reply(self, exchange: Exchange, response: HttpResponse) -> None:
        """The final reply is over."""
        exchange.response = response
        exchange.reply_open = False
        self.unasked = None
        if self.pending and self.pending[0] is exchange:
            del self.pending[0]
        if exchange.request_open:
            return
        doubt = self.orig_lost or self.resp_lost or self.alone or self.owed
        if exchange.request is None and not doubt and not self.orig_closed:
            if self.early is None:
                self.early = deque()
            self.early.append(exchange)
            self._charge()
            if len(self.early) > _MAX_EARLY:
                self._emit(self.early.popleft())
            return
        self._emit(exchange)

    def lose(self, is_orig: bool) -> None:
        """Whole messages of a direction may be missing from here on."""
        if is_orig:
            self.orig_lost = True
            self._release_all()
        else:
            self.resp_lost = True

    def close(self, is_orig: bool) -> None:
        """A direction is over; its last message was ended before."""
        if is_orig:
            self.orig_closed = True
            self._release_all()
        else:
            self.resp_closed = True
            if self.pending:
                for exchange in [exchange for exchange in self.pending if not exchange.request_open]:
                    self.pending.remove(exchange)
                    self._give_up(exchange)
        if self.orig_closed and self.resp_closed:
            self._flush()

    def reopen(self, is_orig: bool) -> bool:
        """A direction goes on. Was it over?"""
        was_closed = self.orig_closed if is_orig else self.resp_closed
        if is_orig:
            self.orig_closed = False
        else:
            self.resp_closed = False
        return was_closed

    def release_early(self) -> None:
        """Nobody will ask for the replies that came without a request."""
        self._release_all()

    def take_over(self, requests: list[HttpRequest]) -> None:
        """These were made, and wait for their replies; whatever others are whole were told by somebody else."""
        begun = [exchange for exchange in self.pending if exchange.request is None]
        self.pending = []
        for request in requests:
            self.depth += 1
            exchange = new_exchange(self.depth, request.ts)
            exchange.request = request
            exchange.doubts = TCP
            self.pending.append(exchange)
        self.pending += begun

    def flush(self) -> None:
        """Report everything that waits, as it is."""
        self._release_all()
        self._flush()

    def _flush(self) -> None:
        while self.pending:
            self._give_up(self.pending.pop(0))

    def _before_request(self, ts: int) -> None:
        """A request begins while others wait for their replies."""
        self._charge()
        if self.resp_lost and not self.pipelined:
            # Their replies are lost: this client sends a request only when it has the reply to the one before.
            self._flush()
            self.resp_lost = False
            self.orig_lost = False
        elif self.alone:
            self._flush()
            self.alone = False
            self.orig_lost = False
            self.resp_lost = False
        else:
            # Where a reply is under way, its end may only be late in the capture.
            self.pipelined = self.pipelined or len(self.pending) > 1 or not self.pending[0].reply_open
            if len(self.pending) >= self.max_pending:
                self.out.append(Weird(ts, "HTTP_excessive_pipelining", self.flow, None, "HTTP"))
                self.owed += len(self.pending)
                self._flush()

    def _join_early(self, ts: int) -> Exchange:
        """A request begins, and replies were seen for which there was none."""
        self._release_early(ts)
        self._say_early(ts)
        if self.early is None:
            return self.begin_request(ts)
        exchange = self.early.popleft()
        if not self.early:
            self.early = None
        exchange.request_open = True
        return exchange

    def _charge(self) -> None:
        """An exchange waits that may have taken few octets; one alone is little."""
        if self.ledger is not None:
            self.ledger.charged += _PER_EXCHANGE

    def _say_early(self, ts: int) -> None:
        self.out.append(Weird(ts, "HTTP_response_before_request", self.flow, None, "HTTP"))

    def _release_early(self, ts: int) -> None:
        """Replies that nobody has asked for in time are reported alone."""
        while self.early is not None and ts - self.early[0].ts > REORDER_NS:
            self._emit(self.early.popleft())
            if not self.early:
                self.early = None

    def _release_all(self) -> None:
        while self.early:
            self._emit(self.early.popleft())
        self.early = None

    def _give_up(self, exchange: Exchange) -> None:
        """No reply will come, or be known to be the reply to this; a 1xx that came before counts as one."""
        exchange.response = exchange.info
        if exchange.request is not None or exchange.response is not None:
            self._emit(exchange)

    def _emit(self, exchange: Exchange) -> None:
        self.out.append(
            HttpTransaction(
                self.flow,
                exchange.ts,
                exchange.depth,
                exchange.request,
                exchange.response,
                AMBIGUITIES[exchange.doubts],
            )
        )


def new_pairing(flow: FlowId, out: list[object], max_pending: int) -> Pairing:
    """Pairing(...), without Python's call."""
    pairing = Pairing.__new__(Pairing)
    pairing.begin(flow, out, max_pending)
    return pairing
