"""The field lines of one HTTP/1 message into a `Head`: the fields for the log, and what of them frames the body.

Lenient as browsers are, and every leniency is an oddity by Zeek's name where Zeek has one. Start lines are `grammar`'s
and bodies are `reader`'s business.
"""

from __future__ import annotations

import re
from typing import Final

from sensor.http.grammar import is_token, line_end, parse_content_length, parse_field, parse_list, parse_number
from sensor.http.outline import known_parts, name_of
from sensor.http.transaction import FRAMING, HOST, Header

# What of the fields matters here, by code; 0 is the rest.
_HOST: Final = 1
_USER_AGENT: Final = 2
_CONTENT_LENGTH: Final = 3
_TRANSFER_ENCODING: Final = 4
_CONTENT_ENCODING: Final = 5
_CONTENT_TYPE: Final = 6
_CONTENT_DISPOSITION: Final = 7
_CONNECTION: Final = 8
_UPGRADE: Final = 9
_CONTENT_RANGE: Final = 10
_NOTABLE: Final = 11  # this or more: `Head.notable`
_ALSO_NOTABLE: Final = 16  # added to another

_CODES: Final = {
    b"host": _HOST,
    b"user-agent": _USER_AGENT,
    b"content-length": _CONTENT_LENGTH,
    b"transfer-encoding": _TRANSFER_ENCODING,
    b"content-encoding": _CONTENT_ENCODING,
    b"content-type": _CONTENT_TYPE,
    b"content-disposition": _CONTENT_DISPOSITION,
    b"connection": _CONNECTION,
    b"upgrade": _UPGRADE,
    b"content-range": _CONTENT_RANGE,
    b"authorization": _NOTABLE,
    b"proxy-authorization": _NOTABLE,
    b"cookie": _NOTABLE,
    b"set-cookie": _NOTABLE,
    b"api-key": _NOTABLE,
    b"apikey": _NOTABLE,
    b"private-token": _NOTABLE,
    b"x-access-token": _NOTABLE,
    b"x-amz-security-token": _NOTABLE,
    b"x-api-key": _NOTABLE,
    b"x-auth-token": _NOTABLE,
    b"x-vault-token": _NOTABLE,
}
_MARKED: Final = re.compile(rb"[{`<]|%(?:25)*(?:7[Bb]|3[Cc]|60)|\\u00|&#|\$\(|^\(|T\(")
"""Bytes in a value without which it attacks no program that reads it: see `http.cleartext`."""

NO_LENGTH: Final = -1
"""`Head.length`: no Content-Length, or none that is a number."""

# `Head.chunked`: what Transfer-Encoding says.
NOT_CHUNKED: Final = 0
CHUNKED: Final = 1
"""Chunked, and said so that nobody can read it otherwise (RFC 9112 section 6.1)."""
PERHAPS_CHUNKED: Final = 2
"""Chunked is mentioned, in a way that some read as chunked and some do not: the body decides."""

# A field line, perhaps with odd bytes before the colon; and bytes that cannot become one.
_FIELD_START: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}[ \t\v\f\r\0]{0,16}:")
_UNFINISHED_FIELD: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{0,256}[ \t\v\f\r\0]{0,16}\Z")
_BLANK_LINE: Final = re.compile(rb"\n([ \t\r\v\f]{0,16})\n")
_LINE_END: Final = re.compile(rb"\r?\n|\r(?=[!#$%&'*+\-.^_`|~0-9A-Za-z]+[ \t]*:)")

_Entry = tuple[Header, int, bytes, bytes]  # the field, what of it matters, its value; the line

_COMPILED: Final = not __file__.endswith(".py")
_MEMO_LINES: Final = 4096  # a power of two
_LAST: Final = _MEMO_LINES - 1
_MEMO_BYTES: Final = 160
_NUMBERS: Final = re.compile(rb"(?<![^ \t,;()])[0-9]{1,19}(?![^ \t,;()])")
_MAX_LENGTHS: Final = 8
"""Of several different Content-Lengths those that count."""
_memo: list[_Entry | None] = [None] * _MEMO_LINES
"""Field lines already parsed, for the same few come in nearly every message: a pure function remembered, bounded. Each
stands where its octets say, in place of another that said the same; so a line that is known is found before there is an
object of it, in a quarter of the time."""


class Head:
    """What the field lines of one message say. `oddities` are (weird name, detail), None if there are none."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Nothing was read yet."""
        self.fields: list[Header] = []
        self.count = 0
        self.host: bytes | None = None
        self.user_agent: bytes | None = None
        self.length = NO_LENGTH
        self.lengths: tuple[int, ...] = ()  # what the Content-Lengths may mean, if that is in doubt
        self.chunked = NOT_CHUNKED
        self.codings: tuple[bytes, ...] = ()
        self.coded = False
        self.content_type: bytes | None = None
        self.disposition: bytes | None = None
        self.content_range: bytes | None = None
        self.upgrade = False
        self.connection_upgrade = False
        self.close = False
        self.keep_alive = False
        self.notable = False
        self.bad_length = False  # a Content-Length that is no number, or several that differ
        self.doubts = 0  # FRAMING, HOST: what of it others may read otherwise
        self.oddities: list[tuple[str, bytes | None]] | None = None

    def odd(self, name: str, detail: bytes | None = None) -> None:
        if self.oddities is None:
            self.oddities = []
        self.oddities.append((name, detail))


def find_end(data: bytes | bytearray, start: int, scan: int) -> int:
    """Where the body begins of a message whose start line is at `start`; -1 if the end of its head is not there yet.

    The blank line may be ended by LF alone. One made of blanks or stray CRs ends the head too, if no field follows it
    (as a receiver that trims lines sees it); to know that, some bytes behind it are needed. `scan` is how far earlier
    calls have looked.
    """
    at = max(start, scan - 32)
    while True:
        found = _BLANK_LINE.search(data, at)
        if found is None:
            return -1
        end = found.end()
        if found.start(1) == end - 1 or (found.start(1) == end - 2 and data[end - 2] == 0x0D):
            return end
        if end >= len(data):
            return -1
        if data[end] not in b" \t\r\n\0" and _FIELD_START.match(data, end) is None:
            return end if _UNFINISHED_FIELD.match(data, end) is None else -1
        at = end - 1


def new_head() -> Head:
    """Head(), without Python's call."""
    head = Head.__new__(Head)
    head.begin()
    return head


def read_fields(head: Head, data: bytes, at: int, max_fields: int, max_line: int) -> int:
    """Read the well-formed field lines of `data` from `at` on into `head`. The position behind the blank line that ends
    them; -1 if there is none, or at the first line that is not well formed.

    `head` is then to be thrown away, and the whole to be read by `read_odd_fields`.
    """
    fields = head.fields
    count = 0
    while True:
        end = line_end(data, at)
        if end <= at:
            break
        entry = _entry_of(data, at, end, max_line)
        if entry is None:
            return -1
        code = entry[1]
        if count < max_fields or code >= _NOTABLE:
            fields.append(entry[0])
        count += 1
        if code:
            _take(head, code, entry[2])
        at = end + 2
    if end < 0:
        return -1
    head.count = count
    if count > max_fields:
        head.odd("HTTP_too_many_headers", b"%d" % count)
    return at + 2


def read_odd_fields(head: Head, block: bytes, max_fields: int, max_line: int) -> None:
    """Read any block of lines, without the start line, into `head`.

    Lines end with CRLF or LF, and with a bare CR where a field follows it (as Zeek; others keep it in the value).
    A line beginning with a blank or NUL continues the one before (RFC 9112 section 5.2); without a colon it is dropped.
    """
    pending, *lines = _LINE_END.split(block)
    parts: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t", b"\0"):
            parts.append(line.strip(b" \t\r\v\f\0"))
            continue
        _take_odd(head, pending, parts, max_fields, max_line)
        pending, parts = line, []
    _take_odd(head, pending, parts, max_fields, max_line)
    if _has_bare_cr(block):
        head.odd("line_terminated_with_single_CR")
    if head.count > max_fields:
        head.odd("HTTP_too_many_headers", b"%d" % head.count)
    if head.chunked == NOT_CHUNKED and b"chunked" in block.replace(b"\0", b"").lower():
        head.chunked = PERHAPS_CHUNKED
    if head.length == NO_LENGTH and b"\0" in block and b"content-length" in block.replace(b"\0", b"").lower():
        head.bad_length = True
        head.doubts |= FRAMING


def split_start_line(block: bytes) -> tuple[bytes, bytes]:
    """The start line of a message without its end, and the lines behind it."""
    end = _LINE_END.search(block)
    return (block, b"") if end is None else (block[: end.start()], block[end.end() :])


def _has_bare_cr(block: bytes) -> bool:
    return block.count(b"\r") > block.count(b"\r\n")


def _take_odd(head: Head, line: bytes, parts: list[bytes], max_fields: int, max_line: int) -> None:
    if parts:
        name, colon, _ = line.partition(b":")
        head.odd("HTTP_obsolete_line_folding", name_of(name) if colon else None)
        line = b" ".join([line, *(part for part in parts if part)])
    field = parse_field(line)
    if field is None:
        return
    head.count += 1
    name, value = field
    code = _code(name, value)
    if 0x00 in name:  # no token, and so nobody's field
        head.odd("NUL_in_line", name_of(name))
    if len(line) > max_line:
        head.odd("contentline_size_exceeded")
        if not code & _ALSO_NOTABLE:
            cut = parse_field(line[:max_line])
            value = b"" if cut is None else cut[1]
    if head.count <= max_fields or code >= _NOTABLE:
        head.fields.append(Header(name, value))
    if code:
        _take(head, code, value[:max_line])


def _entry_of(data: bytes, at: int, end: int, max_line: int) -> _Entry | None:
    """The parsed form of the field line data[at:end], from now on remembered if it is short; None if it is not well
    formed."""
    size, place = end - at, 0
    if _COMPILED:
        octets = data
        if size <= _MEMO_BYTES:
            place = hash_octets(octets + at, size) & _LAST  # type: ignore  # noqa: F821  (C's, by way of head.pxd)
            known: _Entry | None = _memo[place]
            if known is not None:
                line = known[3]
                if is_same(octets + at, size, line, len(line)):  # type: ignore  # noqa: F821  (C's)
                    return known
        line = octets[at:end]
    else:
        line = data[at:end]
        place = hash(line) & _LAST
        known = _memo[place]
        if known is not None and known[3] == line:
            return known
    if size > max_line or 0x0D in line or 0x0A in line or line[0] in b" \t\0":
        return None
    entry = _entry(line)
    if entry is not None and size <= _MEMO_BYTES:
        _memo[place] = entry
    return entry


def _entry(line: bytes) -> _Entry | None:
    field = parse_field(line)
    if field is None or not is_token(field[0]):
        return None
    name, value = field
    return (Header(name, value), _code(name, value), value, line)


def take_marked(head: Head, fields: list[Header]) -> None:
    """Of fields that stand elsewhere in the message, as trailers or before a part, those in which an attack may be."""
    for field in fields:
        if _code(b"", field.value) or _is_marked(field.name):
            head.fields.append(field)
            head.notable = True


def take_trailer(head: Head, line: bytes) -> None:
    """A line of the trailer section."""
    field = parse_field(line)
    if field is not None:
        take_marked(head, [Header(*field)])


def _code(name: bytes, value: bytes) -> int:
    """What matters of this field, and whether it is notable: added as _ALSO_NOTABLE."""
    code = _CODES.get(name, 0)
    return code if _MARKED.search(value) is None and (code or not _is_marked(name)) else code | _ALSO_NOTABLE


def _is_marked(name: bytes) -> bool:
    """Whether a field's name has what no name in earnest has: it is looked through for lookups then."""
    return 0x24 in name or 0x25 in name or 0x7B in name or 0x5C in name or 0x26 in name


def _take(head: Head, code: int, value: bytes) -> None:
    if code >= _NOTABLE:
        head.notable = True
        code &= _ALSO_NOTABLE - 1
    if code == _HOST:
        if head.host is None:
            head.host = value
        elif head.host != value:
            head.odd("host_header_ambiguous", value)
            head.doubts |= HOST
    elif code == _USER_AGENT:
        if head.user_agent is None:
            head.user_agent = value
    elif code == _CONTENT_LENGTH:
        _take_length(head, value)
    elif code == _CONTENT_TYPE:
        head.content_type = value
    elif code == _CONNECTION:
        _take_connection(head, value)
    elif code == _TRANSFER_ENCODING:
        _take_transfer_encoding(head, value)
    elif code == _CONTENT_ENCODING:
        head.coded = True
        head.codings += parse_list(value)
    elif code == _CONTENT_DISPOSITION:
        head.disposition = value
    elif code == _CONTENT_RANGE:
        head.content_range = value
    elif code == _UPGRADE:
        head.upgrade = bool(value)


def _take_length(head: Head, value: bytes) -> None:
    """RFC 9110 section 8.6, RFC 9112 section 6.3. Where values differ, or one is no number, nobody knows which of the
    numbers each end goes by: all are in `lengths`, and the first is `length`."""
    number = parse_number(value)
    if number >= 0:
        if number and value[0] == 0x30:
            head.odd("HTTP_content_length_leading_zeros", known_parts(value))
    else:
        number, clean = parse_content_length(value)
        if not clean:
            head.odd("HTTP_bad_content_length", known_parts(value))
            head.doubts |= FRAMING
            _doubt_length(head, [parse_number(each) for each in _NUMBERS.findall(value)] if number >= 0 else [])
    if head.length == NO_LENGTH and not head.bad_length:
        head.length = number
    elif head.length != number and number not in head.lengths:
        if head.length >= 0 and not head.bad_length:
            head.odd("HTTP_bad_content_length", known_parts(value))
            head.odd("HTTP_ambiguous_framing", b"Content-Length")
        _doubt_length(head, [number])
    if head.chunked != NOT_CHUNKED:
        head.doubts |= FRAMING
        head.odd("HTTP_content_length_and_chunked")


def _doubt_length(head: Head, numbers: list[int]) -> None:
    """Another value of Content-Length contradicts, or says any of `numbers` to who reads it so; -1 is none."""
    head.doubts |= FRAMING
    head.bad_length = True
    told = dict.fromkeys(number for number in (head.length, *head.lengths, *numbers) if number >= 0)
    head.lengths = tuple(told)[:_MAX_LENGTHS]
    head.length = next(iter(told), NO_LENGTH)


def _take_connection(head: Head, value: bytes) -> None:
    for token in (value.lower(),) if value.isalpha() else parse_list(value):
        if token == b"close":
            head.close = True
        elif token == b"keep-alive":
            head.keep_alive = True
        elif token == b"upgrade":
            head.connection_upgrade = True


def _take_transfer_encoding(head: Head, value: bytes) -> None:
    """Chunked must be the last coding and stand once (RFC 9112 section 6.1); anything else that names it is unsure."""
    codings = parse_list(value)
    if b"chunked" not in codings:
        head.chunked = (
            PERHAPS_CHUNKED if head.chunked or b"chunked" in value.replace(b"\0", b"").lower() else NOT_CHUNKED
        )
        if codings and codings != (b"identity",):
            head.odd("unknown_transfer_coding", known_parts(value))
        return
    if value.lower() == b"chunked" and head.chunked == NOT_CHUNKED:
        head.chunked = CHUNKED
    else:
        head.chunked = PERHAPS_CHUNKED
        head.odd("HTTP_chunked_multi", known_parts(value))
    if head.length != NO_LENGTH:
        head.doubts |= FRAMING
        head.odd("HTTP_content_length_and_chunked")
