"""A node's replies: RESP2 off a socket into values, within a number of octets and until a moment.

`redis.Connection` takes this in place of its own parser, which would read whatever length a node claims, for as long as
it keeps sending. (redis.io/docs/latest/develop/reference/protocol-spec)
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from typing import Any, Final

import msgspec

_READ: Final = 1 << 16
_MAX_LINE: Final = 4096
_MAX_DEPTH: Final = 5  # CLUSTER SLOTS: ranges, a range, a node, its metadata
_MAX_ELEMENTS: Final = 1 << 17
_NUMBER: Final = re.compile(rb"-?[0-9]{1,18}\Z")


class ReplyError(OSError):
    """What came is no reply that is believed; one line. An OSError, as all that ends a connection."""


class Refusal(msgspec.Struct, frozen=True):
    """A node's error reply; its text is as strange as all that comes from elsewhere."""

    text: str


Reply = bytes | int | list[Any] | Refusal | None
"""What a list holds are replies."""


class BoundedParser:
    """Of one connection. `deadline` by time.monotonic: what is not there by then is a TimeoutError."""

    def __init__(self, max_bytes: int) -> None:
        """A reply of more octets, all of it together, is a ReplyError."""
        self._max_bytes = max_bytes
        self._data = bytearray()
        self._at = 0
        self._left = 0
        self._elements = 0
        self._sock: socket.socket | None = None
        self.deadline = 0.0

    def begin(self, deadline: float) -> None:
        """What is sent and received from now on has to be over by then."""
        self.deadline = deadline
        if self._sock is not None:
            self._sock.settimeout(max(0.001, deadline - time.monotonic()))

    def on_connect(self, connection: Any) -> None:
        """The library's: there is a socket."""
        self._sock = connection._sock  # as every parser of the library has it: there is no other way
        self._data.clear()
        self._at = 0

    def on_disconnect(self) -> None:
        """The library's: there is none any more."""
        self._sock = None
        self._data.clear()
        self._at = 0

    def can_read(self, timeout: float = 0) -> bool:  # noqa: ARG002  (the library's; nobody waits here)
        """Whether something is left of what was read: then it is not the next answer's."""
        return len(self._data) > self._at

    def read_response(self, *_: object, **__: object) -> Any:
        """The library's, while it connects: error replies are its own exceptions."""
        from redis.exceptions import ResponseError

        reply = self.read()
        return ResponseError(reply.text) if isinstance(reply, Refusal) else reply

    def read(self) -> Reply:
        """The next reply. Raises OSError; then the connection is of no use any more."""
        self._left = self._max_bytes
        self._elements = _MAX_ELEMENTS
        reply = self._reply(0)
        if self._at == len(self._data):
            self._data.clear()
            self._at = 0
        elif self._at > _READ:
            del self._data[: self._at]
            self._at = 0
        return reply

    def _reply(self, depth: int) -> Reply:
        self._elements -= 1
        if depth > _MAX_DEPTH or self._elements < 0:
            raise ReplyError("a reply nested too deep, or of too many parts")
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b"-":
            return Refusal(rest.decode("ascii", "backslashreplace"))
        if _NUMBER.match(rest) is None:
            raise ReplyError("what came is not Redis's protocol")
        number = int(rest)
        if kind == b":":
            return number
        if kind in (b"$", b"*") and number < 0:
            return None
        if kind == b"$":
            return self._octets(number)
        if kind == b"*":
            return [self._reply(depth + 1) for _ in range(number)]
        raise ReplyError("what came is not Redis's protocol")

    def _line(self) -> bytes:
        searched = self._at
        while (end := self._data.find(b"\r\n", searched)) < 0:
            if len(self._data) - self._at > _MAX_LINE:
                raise ReplyError("a line without an end")
            searched = max(self._at, len(self._data) - 1)
            self._more()
        line = bytes(self._data[self._at : end])
        self._count(len(line) + 2)
        self._at = end + 2
        return line

    def _octets(self, number: int) -> bytes:
        self._count(number + 2)
        end = self._at + number
        while len(self._data) < end + 2:
            self._more()
        if self._data[end : end + 2] != b"\r\n":
            raise ReplyError("what came is not Redis's protocol")
        found = bytes(self._data[self._at : end])
        self._at = end + 2
        return found

    def _count(self, octets: int) -> None:
        self._left -= octets
        if self._left < 0:
            raise ReplyError(f"an answer of more than {self._max_bytes:,} bytes")

    def _more(self) -> None:
        if self._sock is None:
            raise ReplyError("not connected")
        self._sock.settimeout(max(0.0, self.deadline - time.monotonic()))
        try:  # what is there by the deadline counts, although another node may have been waited for until then
            data = self._sock.recv(_READ)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise TimeoutError from None
        if not data:
            raise ConnectionResetError
        self._data += data
