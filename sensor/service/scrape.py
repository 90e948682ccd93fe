"""A page for Prometheus on a loopback address, from a thread of its own that nobody can keep busy.

Whoever can connect may be slow, silent, many, or send anything: connections, time and octets are limited, answers are
paced, and the packet path hands over a finished report and knows nothing of all this.
"""

from __future__ import annotations

import contextlib
import ipaddress
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

MAX_CONNECTIONS: Final = 16
MAX_REQUEST_BYTES: Final = 4096
WITHIN_S: Final = 2.0
"""From its acceptance to its end, for each connection."""
PACE_S: Final = 0.02
"""After each connection accepted: so many a second, and no more, take processor time from the packet path."""
_POLL_S: Final = 0.5


class ScrapeError(Exception):
    """The address cannot be used: one line that says why."""


def open_listener(address: str) -> socket.socket:
    """A listening socket on `address`, HOST:PORT with a loopback address. Raises ScrapeError."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and port.isascii() and port.isdecimal() and 0 <= int(port) <= 65535):
        raise ScrapeError(f"{address}: HOST:PORT expected, such as 127.0.0.1:9475")
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        raise ScrapeError(f"{address}: not an address, such as 127.0.0.1 or [::1]") from None
    if not ip.is_loopback:
        raise ScrapeError(
            f"{address}: not a loopback address; for another machine put a proxy with a password before it"
        )
    made = socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((str(ip), int(port)))
        made.listen(MAX_CONNECTIONS)
    except OSError as error:
        made.close()
        raise ScrapeError(f"{address}: {error.strerror}") from None
    return made


class _Connection:
    __slots__ = ("answer", "request", "until")

    def __init__(self, until: float) -> None:
        self.request = b""
        self.answer: memoryview | None = None
        self.until = until


class ScrapeServer:
    """Answers GET and HEAD of /metrics on `listener` with what `page` gives, until `close`. Owns `listener`.

    `page` is called in the other thread. `start` it only when the process has put upon itself what it will.
    """

    CLOSED_WITHIN_S: Final = _POLL_S + WITHIN_S

    def __init__(self, listener: socket.socket, page: Callable[[], bytes], content_type: str) -> None:
        self._listener = listener
        self._page = page
        self._content_type = content_type
        self._thread = threading.Thread(target=self._run, name="ocspwatch-metrics", daemon=True)
        self._closing = threading.Event()
        self._open: dict[socket.socket, _Connection] = {}
        self._selector = selectors.DefaultSelector()
        self.served = 0
        self.cut_off = 0
        """Connections that were too slow, too long, or one too many."""

    def start(self) -> None:
        self._thread.start()

    def close(self, within_s: float = CLOSED_WITHIN_S) -> None:
        """Waits so long at most. Idempotent."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(within_s)
        self._listener.close()

    def _run(self) -> None:
        self._listener.setblocking(False)
        with self._selector as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._closing.is_set():
                for key, _ in selector.select(_POLL_S):
                    if key.fileobj is self._listener:
                        self._accept()
                    elif isinstance(key.fileobj, socket.socket):
                        self._go_on(key.fileobj)
                now = time.monotonic()
                for late in [peer for peer, connection in self._open.items() if connection.until < now]:
                    self._cut_off(late)
            for peer in list(self._open):
                self._drop(peer)

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:  # it has gone meanwhile; or too many files are open
            self._closing.wait(PACE_S)
            return
        peer.setblocking(False)
        if len(self._open) >= MAX_CONNECTIONS:
            self._cut_off(next(iter(self._open)))
        self._open[peer] = _Connection(time.monotonic() + WITHIN_S)
        self._selector.register(peer, selectors.EVENT_READ)
        self._closing.wait(PACE_S)

    def _go_on(self, peer: socket.socket) -> None:
        """Read more of the request, or write more of the answer."""
        connection = self._open.get(peer)
        if connection is None:  # cut off in this round
            return
        try:
            if connection.answer is None:
                self._read(peer, connection)
            else:
                connection.answer = connection.answer[peer.send(connection.answer) :]
        except BlockingIOError:
            return
        except OSError:
            self._drop(peer)
            return
        if connection.answer is not None and not connection.answer:
            self._drop(peer)

    def _read(self, peer: socket.socket, connection: _Connection) -> None:
        octets = peer.recv(MAX_REQUEST_BYTES)
        connection.request += octets
        if b"\r\n\r\n" in connection.request or b"\n\n" in connection.request:
            connection.answer = memoryview(self._answer(connection.request))
            self.served += 1
            self._selector.modify(peer, selectors.EVENT_WRITE)
        elif not octets or len(connection.request) > MAX_REQUEST_BYTES:
            self._cut_off(peer)

    def _answer(self, request: bytes) -> bytes:
        method, _, rest = request.split(b"\n", 1)[0].strip().partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
        if method not in {b"GET", b"HEAD"}:
            return _reply("405 Method Not Allowed", "text/plain", b"", "Allow: GET, HEAD\r\n")
        if path != b"/metrics":
            return _reply("404 Not Found", "text/plain", b"/metrics\n")
        reply = _reply("200 OK", self._content_type, self._page())
        return reply if method == b"GET" else reply[: reply.index(b"\r\n\r\n") + 4]

    def _cut_off(self, peer: socket.socket) -> None:
        self.cut_off += 1
        self._drop(peer)

    def _drop(self, peer: socket.socket) -> None:
        if self._open.pop(peer, None) is not None:
            self._selector.unregister(peer)
        with contextlib.suppress(OSError):
            peer.shutdown(socket.SHUT_WR)
        peer.close()


def _reply(status: str, content_type: str, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}"
    return f"{head}Cache-Control: no-store\r\nConnection: close\r\n\r\n".encode() + body
