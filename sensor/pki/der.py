"""Reads DER (ITU-T X.690) in place: where an element lies in the bytes, and what a few simple types mean.

Nothing here recurses, copies a constructed element, or trusts a length; whoever reads says which element must come
next, so depth is that of the grammar being read. BER's indefinite lengths and constructed strings are refused with a
reason of their own (`BER_REASONS`): `pki.ber.definite_form` rewrites such a message, and it is read again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# Identifier octets (X.690 8.1.2; X.680 8.4 for the numbers).
BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OBJECT_IDENTIFIER: Final = 0x06
ENUMERATED: Final = 0x0A
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

INDEFINITE: Final = "indefinite length"
CONSTRUCTED: Final = "constructed string"
BER_REASONS: Final = frozenset((INDEFINITE, CONSTRUCTED))

TRUNCATED: Final = "truncated"

MAX_OID_TEXT: Final = 128
"""Characters of an object identifier that are shown; behind them stands "..."."""

_MAX_OID_OCTETS = 128
_MAX_TIME_OCTETS = 64
_CACHED_OCTETS = 64
_INVALID = -(1 << 62)
_NANOSECONDS = 1_000_000_000


class DerError(Exception):
    """The bytes are not what the grammar asks for. `reason` is short and stable; `limit`: a limit ended the reading."""

    def __init__(self, reason: str, limit: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.limit = limit


class DerReader:
    """Reads one header after another of `data`, and keeps what was noticed on the way.

    After `read` and `enter`, `start` and `stop` bound the content of the element. `left` is how many more elements
    may be read. `loose` is set once a length (or, by a caller, an INTEGER) is not in its shortest form, `cut` by a
    caller that leaves a list unread at a limit.
    """

    __slots__ = ("cut", "data", "left", "loose", "start", "stop")

    def __init__(self, data: bytes, max_elements: int) -> None:
        self.data = data
        self.left = max_elements
        self.loose = False
        self.cut = False
        self.start = 0
        self.stop = 0

    def read(self, pos: int, end: int) -> int:
        """The identifier octet of the element at `pos`, which must lie before `end` as a whole.

        Raises DerError: truncated, a tag number above 30 (no message we read has one), BER's indefinite length, or
        more elements than allowed.
        """
        data = self.data
        if end - pos < 2:
            raise DerError(TRUNCATED)
        self.left -= 1
        if self.left < 0:
            raise DerError("too many elements", True)
        tag = data[pos]
        if tag & 0x1F == 0x1F:
            raise DerError("high tag number")
        length = data[pos + 1]
        pos += 2
        if length >= 0x80:
            if length == 0x80:
                raise DerError(INDEFINITE)
            first, pos = pos, pos + (length & 0x7F)
            if pos > end:
                raise DerError(TRUNCATED)
            length = 0
            for i in range(first, pos):
                length = length << 8 | data[i]
                if length > end:  # it only grows: no arithmetic beyond the size of the data
                    raise DerError(TRUNCATED)
            if length < 0x80 or data[first] == 0:
                self.loose = True
        if length > end - pos:
            raise DerError(TRUNCATED)
        self.start = pos
        self.stop = pos + length
        return tag

    def enter(self, tag: int, pos: int, end: int, what: str) -> int:
        """Where the content of the element at `pos` starts, which must carry `tag`; `what` names it in the error."""
        found = self.read(pos, end)
        if found != tag:
            if tag < 0x20 and found == tag | 0x20:
                raise DerError(CONSTRUCTED)
            raise DerError(f"{what}: tag {found:02x}")
        return self.start

    def leave(self, end: int, what: str) -> None:
        """The element last read must be the last before `end`."""
        if self.stop != end:
            raise DerError(f"{what}: unexpected element")


def decode_integer(data: bytes, start: int, stop: int) -> int:
    """Content octets of an INTEGER or ENUMERATED of at most 8 octets; a longer or an empty one raises DerError."""
    if not 0 < stop - start <= 8:
        raise DerError("INTEGER: length")
    return int.from_bytes(data[start:stop], "big", signed=True)


def decode_oid(content: bytes) -> str:
    """Content octets of an OBJECT IDENTIFIER as dotted text, cut at MAX_OID_TEXT (X.690 8.19).

    Raises DerError where OpenSSL refuses it too: no octets, an arc that does not end, an arc padded with 0x80.
    """
    return _decode_short_oid(content) if len(content) <= _CACHED_OCTETS else _decode_oid(content)


def _decode_oid(content: bytes) -> str:
    if not content or content[-1] & 0x80:
        raise DerError("OBJECT IDENTIFIER")
    arcs: list[str] = []
    value = 0
    for octet in content[:_MAX_OID_OCTETS]:
        if octet == 0x80 and not value:
            raise DerError("OBJECT IDENTIFIER")
        value = value << 7 | octet & 0x7F
        if octet < 0x80:
            if not arcs:  # the first two arcs share a number
                root = min(value // 40, 2)
                arcs.append(str(root))
                value -= 40 * root
            arcs.append(str(value))
            value = 0
    text = ".".join(arcs)
    if len(content) > _MAX_OID_OCTETS or len(text) > MAX_OID_TEXT:
        return text[:MAX_OID_TEXT] + "..."
    return text


_decode_short_oid = lru_cache(maxsize=1024)(_decode_oid)


def decode_time(data: bytes, tag: int, start: int, stop: int) -> int | None:
    """A GeneralizedTime or UTCTime as nanoseconds since 1970, by its tag; None if it names no moment.

    Fractions, a missing second and an offset from UTC are read (BER has them), a time without zone is not: it names
    no moment. Years 1 to 9999, so the result may exceed 64 bits. UTCTime's years are 1950 to 2049 (RFC 5280 4.1.2.5.1).
    """
    if tag == GENERALIZED_TIME and stop - start == 15 and data[stop - 1] == 0x5A:  # "Z": the only form of DER
        stamp = 0
        for i in range(start, stop - 1):
            digit = data[i] - 0x30
            if digit < 0 or digit > 9:
                return None
            stamp = stamp * 10 + digit
        seconds = _seconds(stamp)
        return None if seconds == _INVALID else seconds * _NANOSECONDS
    if tag == UTC_TIME and stop - start == 13 and data[stop - 1] == 0x5A:  # DER's only form again
        stamp = 0
        for i in range(start, stop - 1):
            digit = data[i] - 0x30
            if digit < 0 or digit > 9:
                return None
            stamp = stamp * 10 + digit
        stamp += 19_000_000_000_000 if stamp >= 500_000_000_000 else 20_000_000_000_000
        seconds = _seconds(stamp)
        return None if seconds == _INVALID else seconds * _NANOSECONDS
    if stop - start > _MAX_TIME_OCTETS:
        return None
    return _decode_odd_time(tag, data[start:stop])


_GENERALIZED = re.compile(rb"([0-9]{12})([0-9]{2})?(?:[.,]([0-9]+))?(?:Z|([+-])([0-9]{2})([0-9]{2}))")
_UTC = re.compile(rb"([0-9]{10})([0-9]{2})?()(?:Z|([+-])([0-9]{2})([0-9]{2}))")


def _decode_odd_time(tag: int, text: bytes) -> int | None:
    found = (_GENERALIZED if tag == GENERALIZED_TIME else _UTC).fullmatch(text)
    if found is None:
        return None
    digits, second, fraction, sign, hours, minutes = found.groups()
    if fraction and second is None:  # a fraction of a minute
        return None
    if tag != GENERALIZED_TIME:
        digits = (b"19" if digits >= b"50" else b"20") + digits
    seconds = _seconds(int(digits + (second or b"00")))
    if seconds == _INVALID:
        return None
    offset = 0
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            return None
        offset = (int(hours) * 60 + int(minutes)) * (60 if sign == b"+" else -60)
    nanoseconds = int(fraction[:9].ljust(9, b"0")) if fraction else 0
    return (seconds - offset) * _NANOSECONDS + nanoseconds


def _seconds(stamp: int) -> int:
    """Seconds since 1970 of the digits YYYYMMDDhhmmss read as one number; _INVALID if there is no such moment."""
    second = stamp % 100
    minute = stamp // 100 % 100
    hour = stamp // 10_000 % 100
    day = stamp // 1_000_000 % 100
    month = stamp // 100_000_000 % 100
    year = stamp // 10_000_000_000
    if second > 59 or minute > 59 or hour > 23 or day < 1 or not 1 <= month <= 12 or year < 1:
        return _INVALID
    if day > 28:
        if month == 2:
            if day > 29 or year % 4 or (year % 100 == 0 and year % 400):
                return _INVALID
        elif day > 30 + (month + month // 8) % 2:
            return _INVALID
    # Days since 1970-01-01 with the year begun in March (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    if month <= 2:
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * (month - 3) + 2) // 5 + day - 719469
    return days * 86400 + hour * 3600 + minute * 60 + second
