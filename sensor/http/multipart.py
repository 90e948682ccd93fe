"""The parts of a multipart body (RFC 2046 section 5.1), found as its bytes come. What a part is, its caller says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

_MULTIPART: Final = re.compile(rb"[ \t]*multipart/(?!byteranges)", re.IGNORECASE)
_BOUNDARY: Final = re.compile(rb';[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]{1,256})"|([^;"\s]{1,256}))', re.IGNORECASE)
_BLANK_LINE: Final = re.compile(rb"\A\r?\n|\n\r?\n")
_MAX_DELIMITER_LINE: Final = 1024
"""What may stand behind a boundary on its line: padding, by RFC 2046."""

_BEFORE: Final = 0
_DELIMITER: Final = 1
_FIELDS: Final = 2
_CONTENT: Final = 3
_BEHIND: Final = 4


class Part(Protocol):
    """Where the bytes of one part go."""

    def feed(self, data: bytes, ts: int) -> None: ...

    def lost(self, count: int) -> None: ...


P = TypeVar("P", bound=Part)


def boundary_of(content_type: bytes) -> bytes | None:
    """The boundary that a multipart Content-Type declares; None for other types and without one.

    multipart/byteranges counts as one file: its parts are pieces of one (RFC 9110 section 14.6).
    """
    if _MULTIPART.match(content_type) is None:
        return None
    found = _BOUNDARY.search(content_type)
    return None if found is None else found[1] or found[2]


class Multipart(Generic[P]):
    """`feed` takes the body as it comes. `parts` are those found so far, `closed` is True once the last one is whole.

    `make` is given the field lines of a part and returns where its content goes. Beyond `max_parts` no more are made
    and `too_many` is True. Field lines beyond `max_fields_bytes` are taken for content.
    """

    def __init__(self, boundary: bytes, make: Callable[[bytes], P], max_parts: int, max_fields_bytes: int) -> None:
        self.parts: list[P] = []
        self.closed = True
        self.too_many = False
        self._mark = b"\n--" + boundary
        self._make: Callable[[bytes], P] | None = make
        self._max_parts = max_parts
        self._max_fields_bytes = max_fields_bytes
        self._state = _BEFORE
        self._part: P | None = None
        self._tail = b"\n"  # the first delimiter may stand at the very beginning
        self._ts = 0

    def feed(self, data: bytes, ts: int) -> None:
        self._ts = ts
        if self._tail:
            data = self._tail + data
        pos = 0
        while 0 <= pos < len(data):
            kept = pos
            if self._state == _DELIMITER:
                pos = self._read_delimiter(data, pos)
            elif self._state == _FIELDS:
                pos = self._read_fields(data, pos)
            elif self._state == _BEHIND:
                kept = len(data)
                break
            else:
                pos = self._read_content(data, pos)
            if pos < 0:
                self._tail = data[-1 - pos if self._state in (_BEFORE, _CONTENT) else kept :]
                return
        self._tail = b""

    def close(self) -> None:
        """Nothing more comes, and no part is made: lets go of who makes them, for that one holds this."""
        self._make = None

    def waiting(self) -> int:
        """Octets kept for want of more."""
        return len(self._tail)

    def lost(self, count: int) -> None:
        """`count` bytes are missing here: the part goes on behind them, unless a delimiter was among them."""
        if self._state == _CONTENT:
            self._give(self._tail)
            if self._part is not None:
                self._part.lost(count)
        elif self._state != _BEHIND:
            self._state = _BEFORE
        self._tail = b""

    def finish(self) -> None:
        """The body has ended."""
        if self._state == _CONTENT:
            self._give(self._tail)
        self._tail = b""

    def _read_delimiter(self, data: bytes, pos: int) -> int:
        """Behind a boundary: the position after its line, -1 if that is not there yet."""
        if data.startswith(b"--", pos):
            self._state = _BEHIND
            return pos + 2
        end = data.find(b"\n", pos, pos + _MAX_DELIMITER_LINE)
        if end < 0 and len(data) - pos < _MAX_DELIMITER_LINE:
            return -1
        self._state = _FIELDS
        return end + 1 if end >= 0 else pos

    def _read_fields(self, data: bytes, pos: int) -> int:
        window = data[pos : pos + self._max_fields_bytes]
        found = _BLANK_LINE.search(window)
        if found is None and len(window) < self._max_fields_bytes:
            return -1
        end = found.end() if found is not None else 0
        self._state = _CONTENT
        self.closed = False
        self._part = None
        if self._make is not None and len(self.parts) < self._max_parts:
            self._part = self._make(window[:end])
            self.parts.append(self._part)
        else:
            self.too_many = True
        return pos + end

    def _read_content(self, data: bytes, pos: int) -> int:
        """The position behind the next boundary; without one, minus 1 minus where to go on when there is more."""
        at = data.find(self._mark, pos)
        if at >= 0:
            end = at - 1 if at > pos and data[at - 1] == 0x0D else at
            if self._state == _CONTENT:
                self._give(data[pos:end])
            self._state = _DELIMITER
            self.closed = True
            return at + len(self._mark)
        keep = max(pos, len(data) - len(self._mark))  # a CR and all of the mark but its last byte
        if self._state == _CONTENT:
            self._give(data[pos:keep])
        return -1 - keep

    def _give(self, data: bytes) -> None:
        if data and self._part is not None:
            self._part.feed(data, self._ts)
