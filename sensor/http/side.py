"""One direction of an HTTP/1 flow: what is expected of it next, and the message under way. State without behaviour."""

from __future__ import annotations

from typing import Final

from sensor.http.body import Body
from sensor.http.head import Head
from sensor.http.pairing import Exchange
from sensor.http.transaction import BodyFile

# What a direction expects next. In side.pxd the same as C constants.
HEAD: Final = 0
FIXED: Final = 1
"""A body of known length."""
CLOSE: Final = 2
"""A body until the connection closes."""
CHUNK_SIZE: Final = 3
CHUNK_DATA: Final = 4
CHUNK_END: Final = 5
TRAILER: Final = 6
SEARCH: Final = 7
"""Behind a loss: anything; a message may begin in it."""
OVER: Final = 8
"""Nothing any more."""
UNSIZED: Final = 9
"""A body whose Content-Length is in doubt."""
BEYOND: Final = 10
"""Content-Length octets of an object that is longer were seen: its rest, or the next message."""

MORE: Final = -1
"""What a step returns instead of a position when it kept the bytes for want of more."""


class Side:
    """`tail`: bytes kept for want of more. `line_ts`: when the start line was complete, -1 before. `need`: bytes of the
    body or chunk still to come. `asked`: the skip under way. `total`: octets so far, up to the end of what is read.
    `head_at`: where in that the last head began. `turns`: see `sensor.http.framings`; `turned`: the depth of who made
    the last of them, `known`: the greatest depth then; `ahead`: what came behind the first of them, while nobody knows
    whether a message begins there; `passed`: the last one that was passed. `unseen`: a body begins, and nothing of it
    was there yet. `left`: what is not read yet, behind a head that made turns. `spoke`: a message was seen. `interim`:
    the last reply was a 1xx. `junk`: waiting whether a status line comes behind what came instead of one.
    """

    def __init__(self, is_orig: bool) -> None:
        self.begin(is_orig)

    def begin(self, is_orig: bool) -> None:
        """Nothing came yet."""
        self.is_orig = is_orig
        self.state = HEAD
        self.tail: bytearray | None = None
        self.line_ts = -1
        self.need = 0
        self.asked = 0
        self.total = 0
        self.head_at = 0
        self.turns: list[int] | None = None
        self.turned = 0
        self.known = 0
        self.ahead: bytearray | None = None
        self.passed = 0
        self.searched = 0
        self.spoke = False
        self.first_chunk = False
        self.unseen = False
        self.left = b""
        self.junk = False
        self.interim = False
        self.last_version: str | None = ""
        self.head: Head | None = None
        self.body: Body | None = None
        self.files: tuple[BodyFile, ...] = ()
        self.length = 0
        self.exchange: Exchange | None = None
        self.method = b""
        self.target = b""
        self.version: str | None = None
        self.status = -1
        self.reason: bytes | None = None

    def keep(self, data: bytes, pos: int) -> int:
        """More is needed to go on at `pos`."""
        self.tail = bytearray(data[pos:])
        return MORE


def new_side(is_orig: bool) -> Side:
    """Side(...), without Python's call."""
    side = Side.__new__(Side)
    side.begin(is_orig)
    return side
