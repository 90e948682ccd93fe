"""What the first bytes of a direction look like: HTTP, a TLS hello, or nothing we read."""

from __future__ import annotations

from typing import Final

NOTHING: Final = 0
HTTP: Final = 1
TLS_CLIENT: Final = 2
TLS_SERVER: Final = 4
PREFIX: Final = 8
"""Too few bytes to tell: they may be the beginning of an HTTP message or of a TLS record."""

# Methods registered with IANA that are seen outside WebDAV collections, the common WebDAV ones, and the status line.
_STARTS: Final = (
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"TRACE ",
    b"PATCH ",
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"COPY ",
    b"MOVE ",
    b"LOCK ",
    b"UNLOCK ",
    b"REPORT ",
    b"SEARCH ",
    b"SUBSCRIBE ",
    b"UNSUBSCRIBE ",
    b"NOTIFY ",
    b"M-SEARCH ",
    b"CCM_POST ",
    b"RPC_IN_DATA ",
    b"RPC_OUT_DATA ",
    b"HTTP/1.",
    b"HTTP/0.",
)
_MAX_EMPTY: Final = 64  # line ends before a message (RFC 9112 2.2 speaks of one empty line)
_LONGEST: Final = max(map(len, _STARTS))
_FIRST: Final = frozenset(start[0] for start in _STARTS)


def looks_like(data: bytes) -> int:
    """One of the codes above for the first bytes of one direction."""
    if not data:
        return PREFIX
    first = data[0]
    if first == 0x16:  # TLS handshake record (RFC 8446 5.1): type, version 3.x, length, then the message type
        if len(data) < 6:
            return PREFIX if len(data) < 2 or data[1] == 3 else NOTHING
        if data[1] == 3 and data[5] == 1:
            return TLS_CLIENT
        if data[1] == 3 and data[5] == 2:
            return TLS_SERVER
        return NOTHING
    if _is_socks(data):
        return HTTP  # a proxy's preamble, behind which HTTP may come: the reader looks for it
    if first in {13, 10}:
        length = len(data)
        data = data.lstrip(b"\r\n")
        if not data:
            return PREFIX if length <= _MAX_EMPTY else NOTHING
        first = data[0]
    if first not in _FIRST or not data.startswith(_STARTS):
        if _is_request_line(data):
            return HTTP
        if first & 0x80 and len(data) >= 5 and data[2] == 1 and data[3] in {0, 3}:  # SSLv2-framed hello
            return TLS_CLIENT
        if len(data) < _LONGEST and any(start.startswith(data) for start in _STARTS):
            return PREFIX
        return NOTHING
    return HTTP


def _is_socks(data: bytes) -> bool:
    """A SOCKS client's first message, and nothing behind it: version 5 (RFC 1928) or 4 with its command and address."""
    if data[0] == 5:
        return 3 <= len(data) == 2 + data[1]
    return data[0] == 4 and len(data) >= 9 and data[1] in {1, 2} and data[-1] == 0


def _is_request_line(data: bytes) -> bool:
    """A method of any name, and HTTP/ and a digit at the end of the line, all in the first segment."""
    line, newline, _ = data.partition(b"\n")
    method, blank, rest = line.partition(b" ")
    if not newline or not blank or not method.replace(b"-", b"").replace(b"_", b"").isalpha():
        return False
    version = rest.rstrip(b"\r").rpartition(b" ")[2]
    return version.startswith(b"HTTP/") and version[5:6].isdigit()
