"""Values to the JSON text that Zeek writes for them (src/threading/formatters/JSON.cc, src/util.cc).

Text off the wire becomes text that cannot end a line, close a string or drive a terminal. Nothing here fails on any
input. Compiled where a compiler is found (encode.pxd).
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import Final

_COMPILED = not __file__.endswith(".py")

EPOCH: Final = 0
ISO8601: Final = 1
MILLIS: Final = 2
FORMS: Final = {"epoch": EPOCH, "iso8601": ISO8601, "millis": MILLIS}

# Code points that make Zeek escape the whole string: controls without a JSON short form, DEL, C1, the private use area
# and the specials. We add what reorders or breaks a line on a screen, or is not seen there: the line and paragraph
# separators, and the format characters (Unicode category Cf) but for a few that do show.
_BAD = re.compile(
    "[\x00-\x07\x0b\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ue000-\uf8ff\ufeff"
    "\ufff0-\uffff\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
).search
_SHORT: Final = {0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r", 0x22: '\\"', 0x5C: "\\\\"}
# Each byte as the JSON text of what Zeek makes of it once it gives a string up as UTF-8.
_ESCAPED: Final = {
    byte: _SHORT.get(byte, f"\\\\x{byte:02x}") for byte in range(256) if byte in _SHORT or not 0x20 <= byte < 0x7F
}


def encode_text(raw: bytes) -> str:
    r"""Bytes off the wire as the inside of a JSON string.

    Valid UTF-8 passes. If anything in it is not, or is a character that must not pass, then every byte but printable
    ASCII, \b, \t, \n, \f and \r becomes the text \xNN: Zeek's way, documented there as not reversible.
    """
    text = raw.decode("latin-1")
    if _COMPILED and _is_plain(raw):
        return text
    if text.isascii():
        if text.isprintable():
            if '"' in text or "\\" in text:
                return encode_basestring(text)[1:-1]
            return text
    else:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1").translate(_ESCAPED)
    if _BAD(text) is None:
        return encode_basestring(text)[1:-1]
    return raw.decode("latin-1").translate(_ESCAPED)


def _is_plain(raw: bytes) -> bool:
    """Whether all is printable ASCII that JSON need not escape; compiled, in a third of the time of str's own tests."""
    for octet in raw:  # noqa: SIM110  (a generator is no C loop)
        if octet < 0x20 or octet > 0x7E or octet in {0x22, 0x5C}:
            return False
    return True


def log_text(raw: bytes) -> str:
    """Bytes off the wire as whoever reads the log finds them: the text of which `encode_text` gives the JSON."""
    text = raw.decode("latin-1")
    if text.isascii() and text.isprintable():
        return text
    found: str = json.loads(f'"{encode_text(raw)}"')
    return found


def encode_str(text: str, limit: int) -> str:
    """At most `limit` bytes of text that a decoder made of bytes off the wire, as `encode_text`.

    Lone surrogates stand for the bytes they were made of.
    """
    if len(text) <= limit and text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return encode_text(cut_text(_octets_of(text[:limit]), limit))


def is_longer(text: str, limit: int) -> bool:
    """Whether `encode_str` leaves something of `text` out."""
    size = len(text)
    if size > limit or text.isascii():
        return size > limit
    return 4 * size > limit and len(_octets_of(text)) > limit


def _octets_of(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        try:
            return text.encode(errors="surrogateescape")
        except UnicodeEncodeError:
            return text.encode(errors="surrogatepass")


def cut_text(raw: bytes, limit: int) -> bytes:
    """The first `limit` bytes, or up to three fewer so that no UTF-8 character is cut in two."""
    if len(raw) <= limit:
        return raw
    end = limit
    while end > 0 and limit - end < 3 and raw[end] & 0xC0 == 0x80:
        end -= 1
    if raw[end] & 0xC0 == 0x80:  # not UTF-8
        end = limit
    return raw[:end]


def encode_micros(us: int) -> str:
    """Microseconds as decimal seconds with one to six places: what Zeek's JSON says of a time or an interval."""
    if us < 0:
        return "-" + encode_micros(-us)
    seconds = us // 1000000
    rest = us % 1000000
    if rest == 0:
        return f"{seconds}.0"
    if rest % 10 == 0:
        return f"{seconds}.{rest:06d}".rstrip("0")
    return f"{seconds}.{rest:06d}"


def encode_time(us: int, form: int) -> str:
    """Microseconds since 1970 in one of `FORMS`; ISO 8601 comes with its quotes, with six places and Z."""
    if form == EPOCH:
        return encode_micros(us)
    if form == MILLIS:
        return str(us // 1000)
    seconds = us // 1000000
    day = seconds // 86400
    clock = seconds % 86400
    hour, minute, second, rest = clock // 3600, clock // 60 % 60, clock % 60, us % 1000000
    return f'"{_civil(day)}T{hour:02d}:{minute:02d}:{second:02d}.{rest:06d}Z"'


def _civil(day: int) -> str:
    """Day number since 1970-01-01 to the proleptic Gregorian date; years begin in March, so leap days come last."""
    day += 719468  # days from 0000-03-01
    era = day // 146097
    of_era = day % 146097
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153  # March is 0
    of_month = of_year - (153 * month + 2) // 5 + 1
    year += era * 400
    if month < 10:
        month += 3
    else:
        month -= 9
        year += 1
    return f"{year:04d}-{month:02d}-{of_month:02d}"
