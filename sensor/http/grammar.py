"""Lines of an HTTP/1 message, as bytes, into their parts: by explicit byte tables, never by what Python would accept.

Nothing here keeps state, counts bytes of a body or decides what a message means. Text is never decoded: a field value
may hold any byte. Numbers are digits and nothing else: int() would also take `+5`, `5_0` and ` 5 ` (RFC 9112 section
6.3 and CVE-2023-47627).
"""

from __future__ import annotations

import re
from typing import Final

_COMPILED: Final = not __file__.endswith(".py")

BLANKS: Final = b" \t"
"""OWS (RFC 9110 section 5.6.3): what may be trimmed from a field value. Not what bytes.strip() strips."""

_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEX: Final = b"0123456789abcdefABCDEF"

_MAX_NUMBER: Final = (1 << 63) - 1
MAX_DIGITS: Final = 19
"""Of a Content-Length: 2**63 has nineteen."""
MAX_HEX_DIGITS: Final = 15
"""Of a chunk size without its leading zeros: what fits into 63 bits whatever they are."""

# What Zeek takes for a URI (RFC 3986 reserved, unreserved and the percent sign); the first other byte ends it.
_OCSP_TYPE: Final = b"application/ocsp-re"
_SHORTEST_OCSP: Final = 60  # of a request for one certificate by SHA-1 there are some 90 characters in base64
_NOT_URI: Final = re.compile(rb"[^A-Za-z0-9:/?#\[\]@!$&'()*+,;=\-_.~%]")
_VERSION_MARK: Final = re.compile(rb"HTTP/", re.IGNORECASE)
HTTP_1_1: Final = "1.1"
HTTP_1_0: Final = "1.0"
_SHORTEST: Final = len(b"G * HTTP/1.1")
_GET: Final = b"GET"
_POST: Final = b"POST"
_STATUS: Final = re.compile(rb"HTTP/([0-9]+\.[0-9]+)[ \t]+([0-9]{3})(?:[ \t]+(.*))?", re.IGNORECASE | re.DOTALL)
_LOOSE_STATUS: Final = re.compile(
    rb"HTTP/([^ \t\v\f\r]*)[ \t\v\f\r]*([0-9A-Za-z\0]*)[ \t\v\f]*([^\r]*)", re.IGNORECASE | re.DOTALL
)
_LEADING_DIGITS: Final = re.compile(rb"([0-9]{1,19})(?=[ \t,.;(\r])")
_ESCAPE: Final = re.compile(rb"%(?:([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{2})([0-9A-Fa-f]{2})|(?=%.)|(.))", re.DOTALL)
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})")

METHODS: Final = frozenset(
    b"GET POST HEAD OPTIONS PUT DELETE TRACE CONNECT PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK POLL REPORT"
    b" SUBSCRIBE BMOVE SEARCH".split()
)
"""The methods that Zeek does not call unknown (base/protocols/http/main.zeek)."""


def is_known(method: bytes) -> bool:
    """Whether `method` is one of METHODS."""
    return method is _GET or method is _POST or method in METHODS


def is_ocsp_head(target: bytes, content_type: bytes | None) -> bool:
    """Whether a message's head says that it is about OCSP: by its type, or, in a GET, by a DER SEQUENCE in base64 that
    begins a segment of the path (RFC 6960 appendix A.1). What is in it decides nothing here, and may be a lie."""
    if content_type is not None and content_type[:19].lower() == _OCSP_TYPE:
        return True
    size = len(target)
    if size < _SHORTEST_OCSP:
        return False
    at = target.find(b"/M")
    while 0 <= at <= size - _SHORTEST_OCSP:
        if 0x41 <= target[at + 2] <= 0x50:
            return True
        at = target.find(b"/M", at + 1)
    return False


def is_token(text: bytes) -> bool:
    """Whether `text` is a token (RFC 9110 section 5.6.2): a method, a field name."""
    return bool(text) and not text.translate(None, _TOKEN)


def parse_number(text: bytes) -> int:
    """The value of 1 to 19 ASCII digits, if it is below 2**63; -1 for anything else, blanks around included."""
    if len(text) <= MAX_DIGITS and text.isdigit():  # bytes.isdigit knows ASCII digits only
        number = int(text)
        return number if number <= _MAX_NUMBER else -1
    return -1


def parse_content_length(value: bytes) -> tuple[int, bool]:
    """The length a Content-Length value declares, and whether the value is well formed (RFC 9110 section 8.6).

    A list of equal numbers is well formed. Of another value the digits that it begins with count, if a delimiter
    follows them, as browsers do; -1 if there are none such.
    """
    number = parse_number(value)
    if number >= 0:
        return number, True
    parts = {part.strip(BLANKS) for part in value.split(b",")} if b"," in value else {value.strip(BLANKS)}
    if len(parts) == 1:
        number = parse_number(parts.pop())
        if number >= 0:
            return number, True
    leading = _LEADING_DIGITS.match(value)
    return (parse_number(leading[1]), False) if leading is not None else (-1, False)


def parse_chunk_size(line: bytes) -> int:
    """The size that a chunk-size line without its end declares (RFC 9112 section 7.1); -1 if it declares none.

    Bytes before the digits may be blanks or stray line ends; after them anything but a letter, a digit or "_" may
    follow: an extension, or what browsers skip. So may the bare "x" of `0x`.
    """
    line = line.lstrip(b" \t\r\n\v\f")
    rest = line.lstrip(_HEX)
    digits = line[: len(line) - len(rest)]
    significant = digits.lstrip(b"0")
    if not digits or len(significant) > MAX_HEX_DIGITS:
        return -1
    if (rest[:1].isalnum() or rest[:1] == b"_") and (significant or rest[:1] not in b"xX" or rest[1:2].isalnum()):
        return -1
    return int(significant or b"0", 16)  # nothing but hexadecimal digits are left here


def parse_request_line(line: bytes) -> tuple[bytes, bytes, str | None] | None:
    """Method, target and version of a request line without its end; None if it is none.

    The version is its `digit.digit`, "" if HTTP/ is followed by something else, None if there is none (HTTP/0.9: the
    line is then one only if the method is known, or looks like one and the target begins with a slash). A target may
    contain blanks and any other byte: it ends before the first HTTP/ behind a byte that may not stand in a URI.
    """
    octets, size = line, len(line)
    if size >= _SHORTEST and octets[size - 9] == 0x20 and is_keyword(line, size - 8) and _is_1(octets, size - 3):
        # The two methods that nearly all requests have, told from the others without an object.
        if octets[0] == 0x47 and octets[1] == 0x45 and octets[2] == 0x54 and octets[3] == 0x20:
            method, begin = _GET, 4
        elif octets[0] == 0x50 and octets[1] == 0x4F and octets[2] == 0x53 and octets[3] == 0x54 and octets[4] == 0x20:
            method, begin = _POST, 5
        else:
            begin = line.find(b" ") + 1
            method = octets[: begin - 1]
            if method not in METHODS:
                return _parse_odd_request_line(line)
        if begin < size - 9:
            target = octets[begin : size - 9]
            if 0x20 not in target and 0x09 not in target:
                return method, target, HTTP_1_1 if octets[size - 1] == 0x31 else HTTP_1_0
    return _parse_odd_request_line(line)


def is_keyword(octets: bytes, at: int) -> bool:
    """Whether the octets at `at`, of which there are five, are HTTP/."""
    return (
        octets[at] == 0x48
        and octets[at + 1] == 0x54
        and octets[at + 2] == 0x54
        and octets[at + 3] == 0x50
        and octets[at + 4] == 0x2F
    )


def _is_1(octets: bytes, at: int) -> bool:
    """Whether the three octets at `at` are 1.0 or 1.1."""
    return octets[at] == 0x31 and octets[at + 1] == 0x2E and (octets[at + 2] == 0x31 or octets[at + 2] == 0x30)


def line_end(data: bytes, at: int) -> int:
    """Where the line that begins at `at` ends, by CRLF; -1 if it does not."""
    if _COMPILED:
        return find_crlf(data, at, len(data))  # type: ignore  # noqa: F821  (C's, by way of grammar.pxd)
    return data.find(b"\r\n", at)


def _parse_odd_request_line(line: bytes) -> tuple[bytes, bytes, str | None] | None:
    method = line[: len(line) - len(line.lstrip(_TOKEN))]
    rest = line[len(method) :]
    target = rest.lstrip(BLANKS)
    if not method or len(target) == len(rest):
        return None
    stop = _NOT_URI.search(target)
    if stop is None:
        if target[:5].upper() == b"HTTP/":
            return method, b"", version_text(target[5:])
        mark = None
    else:
        mark = _VERSION_MARK.search(target, stop.start())
    if mark is None:
        target = target.rstrip(BLANKS)
        simple = target and (method in METHODS or (method.isupper() and len(method) >= 3 and target[:1] == b"/"))
        return (method, target, None) if simple else None
    return method, target[: mark.start()].rstrip(BLANKS), version_text(target[mark.end() :])


def version_text(text: bytes) -> str:
    """`digit.digit` at the start of what follows HTTP/, as Zeek reads it; "" if it is not there."""
    if text[:1].isdigit() and text[1:2] == b"." and text[2:3].isdigit():
        return text[:3].decode("ascii")
    return ""


def parse_status_line(line: bytes) -> tuple[str, int | None, bytes | None] | None:
    """Version, status code and reason phrase of a status line without its end; None if it does not begin with HTTP/.

    The version is as in `parse_request_line`. The code is None unless it is three digits; the reason None if missing
    (RFC 9112 section 4: the blank before it is required, the phrase itself may be empty).
    """
    known = _statuses.get(line)
    if known is None:
        known = _parse_status_line(line)
        if known is not None and len(line) <= _MEMO_BYTES:
            if len(_statuses) >= _MEMO_LINES:
                _statuses.clear()
            _statuses[line] = known
    return known


_MEMO_LINES: Final = 256
_MEMO_BYTES: Final = 64
_statuses: dict[bytes, tuple[str, int | None, bytes | None]] = {}
"""Status lines already parsed: there are few. A pure function remembered, and bounded."""


def _parse_status_line(line: bytes) -> tuple[str, int | None, bytes | None] | None:
    found = _STATUS.fullmatch(line)
    if found is not None:
        version, code, reason = found.groups()
        if version == b"1.1":
            return HTTP_1_1, int(code), reason
        return version[:3].decode("ascii") if version[1:2] == b"." else "", int(code), reason
    found = _LOOSE_STATUS.fullmatch(line.partition(b"\r")[0])
    if found is None:
        return None
    version, code, reason = found.groups()
    number = int(code) if len(code) == 3 and code.isdigit() else None
    return version_text(version), number, reason or None


def parse_field(line: bytes) -> tuple[bytes, bytes] | None:
    """Name in lower case and value of a field line without its end; None if there is no colon or no name.

    Blanks and control bytes between name and colon are dropped, as browsers do (RFC 9112 section 5.1 would have the
    message refused); only space and tab are trimmed from the value.
    """
    name, colon, value = line.partition(b":")
    if not colon:
        return None
    name = name.strip(b" \t\r\n\v\f").lower()
    if not name or 0x20 in name or 0x09 in name:
        return None
    return name, value.strip(BLANKS)


def parse_list(value: bytes) -> tuple[bytes, ...]:
    """The tokens of a comma-separated value in lower case; bytes that no token may have are separators, NUL is none."""
    return tuple(_TOKENS.findall(value.replace(b"\0", b"").lower()))


_TOKENS: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")


def unescape_uri(target: bytes) -> bytes:
    """`target` percent-decoded as Zeek does for http.log: %XX, and %uXXXX as two bytes of which a first NUL is dropped.

    Of two percent signs in a row the first is dropped; any other escape that is none stays as it is.
    """
    if 0x25 not in target:
        return target
    return _ESCAPE.sub(_unescape, target)


def _unescape(found: re.Match[bytes]) -> bytes:
    plain, high, low, other = found.groups()
    if plain is not None:
        return bytes.fromhex(plain.decode("ascii"))
    if high is not None:
        return (b"" if high == b"00" else bytes.fromhex(high.decode("ascii"))) + bytes.fromhex(low.decode("ascii"))
    return b"" if other is None else b"%" + other


def uri_oddity(target: bytes) -> str | None:
    """Zeek's name for the first wrong escape of `target`, None if all are right."""
    found = _BAD_ESCAPE.search(target) if 0x25 in target else None
    if found is None:
        return None
    rest = len(target) - found.end()
    if rest == 0:
        return "illegal_%_at_end_of_URI"
    if rest == 1:
        return "partial_escape_at_end_of_URI"
    return "double_%_in_URI" if target[found.end() : found.end() + 1] == b"%" else "unescaped_%_in_URI"
