"""Bodies of which the framing is in doubt, and which say themselves how long they are: DER, as all of OCSP is.

Of the ways in which such a body may be read (by its chunks, by a length that is no number or too small, until the
connection closes) at most one makes an OCSP message: octets that begin a SEQUENCE are no chunk-size line, and of two
lengths the object's own is the one with which it is whole. So there is no second parser here but the choice of the
reading that decodes; who reads otherwise sees no OCSP message in this body, and the transaction is told as ambiguous.
Where the next message begins may differ for all that: see `framings`.

Each step takes the position it starts at and returns the one to go on from, or MORE if it kept the bytes.
"""

from __future__ import annotations

import re
from typing import Final

from sensor.http.body import Body
from sensor.http.head import Head
from sensor.http.messages import Messages
from sensor.http.resync import find_anywhere
from sensor.http.shape import der_size
from sensor.http.side import CHUNK_DATA, FIXED, UNSIZED, Side

_SIZE_LINE: Final = re.compile(rb"[0-9A-Fa-f]+[ \t]*(?:;.*)?\r?")
"""A chunk-size line as RFC 9112 section 7.1 has it, or its beginning; the line end is LF."""
_BAD_SIZE: Final = re.compile(rb"[-+ \t]{0,4}(?:0[xX])?([0-9A-Fa-f]{1,64})[_0-9A-Fa-f]{0,64}[ \t]{0,16}\r?")
"""What stands for a size with those that read numbers as C and Python do."""
_BAD_SIZE_BEGINNING: Final = re.compile(rb"[-+ \t]{0,4}(?:0[xX]?)?[_0-9A-Fa-f]{0,128}[ \t]{0,16}\r?")
_NEXT_REQUEST: Final = re.compile(rb"[A-Z]{3,16} ")
_PERHAPS_REQUEST: Final = re.compile(rb"[A-Z]{0,16}")
_IN_TARGET: Final = re.compile(rb"[^\0- \x7f]*")
_STATUS_LINE: Final = b"HTTP/"


def is_size_line(line: bytes) -> bool:
    """Whether `line`, without its LF, is a chunk-size line that everybody reads so, as far as it goes."""
    return _SIZE_LINE.fullmatch(line) is not None


def may_be_bad_size(data: bytes) -> bool:
    """Whether `data`, without LF, may become a line that some take for a chunk-size line."""
    return _BAD_SIZE_BEGINNING.fullmatch(data) is not None


def limit_of(messages: Messages, side: Side) -> int:
    """The most octets of a body that are kept."""
    settings = messages.settings
    return settings.max_request_body_bytes if side.is_orig else settings.max_response_body_bytes


def own_size(messages: Messages, side: Side, data: bytes, pos: int) -> int:
    """Octets of the DER object that seems to begin at `pos`; 0 if there is none, or it is too large to be kept; -1 if
    more must be seen."""
    size = der_size(data, pos)
    return size if size <= limit_of(messages, side) else 0


def read_bad_size(messages: Messages, side: Side, data: bytes, pos: int, start: int, end: int) -> int:
    """A chunk-size line, data[start:end], that is none. Behind it the body goes on if it is a DER object that is not
    whole yet: as far as the digits in the line say, or as far as the object does. MORE if more must be seen, and
    `pos`, where the blanks before the line begin, if the body does not go on."""
    owed = 0
    found = _BAD_SIZE.fullmatch(data, start, end)
    if side.first_chunk and found is None:
        return pos
    if side.first_chunk and side.head is not None:
        owed = own_size(messages, side, data, end + 1)
        if owed < 0:
            return side.keep(data, pos)
        if owed:
            side.first_chunk = False
            side.body = messages.new_body(side, side.head, -1)
    elif side.body is not None:
        owed = side.body.owed()
    if not owed:
        return pos
    size = int(found[1], 16) if found is not None else 0
    messages.doubt(side)
    side.need = size if 0 < size <= owed else owed
    side.state = CHUNK_DATA if 0 < size <= owed else FIXED
    return end + 1


def read_unsized(messages: Messages, side: Side, data: bytes, pos: int, ts: int) -> int:
    """A body whose Content-Length is in doubt: as long as the object that it is. If it is none, then until a start line
    of the next message; at the latest it ends where the first of the lengths told says, as for browsers, or for a
    request, of which servers take the first or the last, where the greatest does."""
    head = side.head
    if head is None:
        messages.end(side, True, ts)
        return pos
    body = side.body
    if body is None:
        size = own_size(messages, side, data, pos)
        if size < 0:
            return side.keep(data, pos)
        if size:
            head.length = size
            return messages.begin_plain(side, head, data, pos, ts)
        body = side.body = messages.new_body(side, head, -1)
    limit = messages.settings.max_target_bytes
    kept, side.need = side.need, 0
    if kept and len(data) <= limit and _IN_TARGET.fullmatch(data, kept) and data.count(b" ", 0, kept) == 1:
        side.need = len(data)  # the target of what may be a request line goes on
        return side.keep(data, pos)
    found, keep = find_anywhere(data, pos, side.is_orig, limit)
    room = _room(side, head, body)
    until = found if found >= 0 else keep
    if 0 <= room <= until - pos:
        until = found = pos + room
    if until > pos:
        body.feed(data[pos:until], ts)
    if found >= 0:
        messages.end(side, True, ts)
        return until
    side.need = len(data) - until
    return side.keep(data, until) if side.need else until


def _room(side: Side, head: Head, body: Body) -> int:
    """Octets that a body of doubtful length may still have; -1 if nobody knows."""
    most = max(head.lengths, default=-1) if side.is_orig else head.length
    return max(most - body.fed, 0) if most >= 0 else -1


def read_beyond(messages: Messages, side: Side, data: bytes, pos: int, ts: int) -> int:
    """Behind Content-Length octets of an object that is longer: the rest of it, if no message begins here."""
    if side.is_orig:
        begins = _NEXT_REQUEST.match(data, pos) is not None
        unsure = _PERHAPS_REQUEST.fullmatch(data, pos) is not None
    else:
        begins = data.startswith(_STATUS_LINE, pos)
        unsure = _STATUS_LINE.startswith(data[pos : pos + len(_STATUS_LINE)])
    if unsure and not begins:
        return side.keep(data, pos)
    owed = 0 if begins or side.body is None else side.body.owed()
    if not owed:
        messages.end(side, True, ts)
        return pos
    messages.weird(ts, "HTTP_ambiguous_framing", b"Content-Length")
    messages.doubt(side)
    side.need = owed
    side.state = FIXED
    return pos


def close_early(messages: Messages, side: Side, closed: bool, ts: int) -> None:
    """The direction ends (`closed`, if by FIN), or something of it is lost, where `read_unsized` or `read_beyond` wait
    for more."""
    rest = bytes(side.tail) if side.tail is not None else b""
    side.tail = None
    head = side.head
    body = side.body
    unsure = side.state == UNSIZED and body is not None and head is not None and body.fed not in head.lengths
    if rest and head is not None:
        if body is None:
            body = side.body = messages.new_body(side, head, -1)
        room = _room(side, head, body) if side.state == UNSIZED else -1
        body.feed(rest[:room] if room >= 0 else rest, ts)
    messages.end(side, closed or not unsure, ts)
