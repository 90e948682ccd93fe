"""Where does an HTTP/1 message begin in bytes of which nobody knows what they are? Looks, and remembers nothing.

Used behind a gap that swallowed a message boundary, and in flows joined in their middle. A start line counts at the
start of a segment or of a line, and only whole and well formed: the methods are those that are no ending of another
one, so that the rest of a cut line is not taken for a line.
"""

from __future__ import annotations

import re
from typing import Final

_METHODS: Final = b"GET|POST|HEAD|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PROPFIND|REPORT|NOTIFY|UNSUBSCRIBE"
_REQUEST: Final = re.compile(rb"(?:\A|(?<=\n))(?:" + _METHODS + rb") [^\0- \x7f]{1,65536} HTTP/1\.[01]\r?\n")
_METHOD_AND_TARGET: Final = re.compile(b"(?:" + _METHODS + rb") [^\0- \x7f]")
_REPLY: Final = re.compile(rb"(?:\A|(?<=\n))HTTP/1\.[01] [1-5][0-9]{2}(?=[ \r\n])")
_WHOLE_REQUEST: Final = re.compile(b"(?:" + _METHODS + rb") [^\0- \x7f]{1,65536}(?: HTTP/1\.[01]\r?\n|\Z)")
_LINE_OF_REQUEST: Final = re.compile(b"(?:" + _METHODS + rb") [^\0- \x7f]{1,65536} HTTP/1\.[01]\r?\n")
_WHOLE_REPLY: Final = re.compile(rb"HTTP/1\.[01] [1-5][0-9]{2}(?=[ \r\n])")


def _beginning_of(*atoms: bytes) -> bytes:
    """A pattern for any beginning of what the patterns `atoms` match one after the other, the empty one included."""
    pattern = b""
    for atom in reversed(atoms):
        pattern = b"(?:" + atom + pattern + b")?"
    return pattern


_VERSION: Final = (b"H", b"T", b"T", b"P", b"/", b"1", rb"\.", b"[01]")
_REPLY_BEGINNING: Final = re.compile(_beginning_of(*_VERSION, b" ", b"[1-5]", b"[0-9]", b"[0-9]") + rb"\Z")
_REQUEST_BEGINNING: Final = re.compile(
    b"(?:" + _METHODS + rb") [^\0- \x7f]*" + _beginning_of(b" ", *_VERSION, rb"\r") + rb"\Z"
)
STATUS_BEGINNING: Final = 13
"""Octets that say whether a status line begins."""
_LONGEST: Final = 16
"""Octets that what `may_begin_message` waits for has fewer of."""
_METHOD_BEGINNINGS: Final = frozenset(method[:i] for method in _METHODS.split(b"|") for i in range(1, len(method) + 1))


def find_message(data: bytes, start: int, is_orig: bool, max_line: int) -> tuple[int, int]:
    """Where the first start line at or after `start` begins, -1 without one; and from where on bytes must be kept.

    Kept is a line that may still become a start line. One longer than `max_line` bytes is none.
    """
    window = data[start:] if start else data
    if b"HTTP/1." in window:
        pattern = _REQUEST if is_orig else _REPLY
        found = pattern.search(window)
        while found is not None and found.end() - found.start() > max_line:
            found = pattern.search(window, found.end())
        if found is not None:
            return start + found.start(), len(data)
    line = window.rfind(b"\n") + 1
    if len(window) - line <= max_line and _may_become(window[line:], is_orig):
        return -1, start + line
    return -1, len(data)


def find_anywhere(data: bytes, start: int, is_orig: bool, max_line: int) -> tuple[int, int]:
    """As `find_message`, for a start line wherever in a line it begins: a body without one may stand before it."""
    pattern = _LINE_OF_REQUEST if is_orig else _WHOLE_REPLY
    found = pattern.search(data, start)
    while found is not None and found.end() - found.start() > max_line:
        found = pattern.search(data, found.start() + 1)
    if found is not None:
        return found.start(), len(data)
    size = len(data)
    low = max(start, size - max_line)
    cut = _REQUEST_BEGINNING.search(data, low) if is_orig else None
    if cut is not None:
        return -1, cut.start()
    for place in range(max(low, size - _LONGEST), size):
        if data[place:] in _METHOD_BEGINNINGS if is_orig else _REPLY_BEGINNING.match(data, place) is not None:
            return -1, place
    return -1, size


def begins_request(data: bytes, start: int) -> bool:
    """Whether a method of ours and the beginning of a target stand at `start`."""
    return _METHOD_AND_TARGET.match(data, start) is not None


def begins_message(data: bytes, start: int, is_orig: bool) -> bool:
    """Whether a start line stands at `start`, whole and well formed; a request's target may be cut by the end."""
    return (_WHOLE_REQUEST if is_orig else _WHOLE_REPLY).match(data, start) is not None


def may_begin_message(data: bytes, start: int, is_orig: bool) -> bool:
    """Whether what stands at `start` is cut before it says whether it is a start line as `begins_message` wants it."""
    rest = data[start : start + _LONGEST]
    if is_orig:
        return rest.removesuffix(b" ") in _METHOD_BEGINNINGS
    return _REPLY_BEGINNING.match(rest) is not None


def _may_become(rest: bytes, is_orig: bool) -> bool:
    if not is_orig:
        return _REPLY_BEGINNING.match(rest) is not None
    return rest in _METHOD_BEGINNINGS or _REQUEST_BEGINNING.match(rest) is not None
