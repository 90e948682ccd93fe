"""The times in HTTP header fields (RFC 9110 5.6.7) as moments."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_MONTH = rb"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = rb"(\d\d):(\d\d):(\d\d)"
# "UTC" is not allowed and is what some responders write (Let's Encrypt's Last-Modified).
_IMF = re.compile(rb"[A-Z][a-z]{2}, (\d\d) " + _MONTH + rb" (\d{4}) " + _CLOCK + rb" (?:GMT|UTC)")
_RFC_850 = re.compile(rb"[A-Z][a-z]{5,8}, (\d\d)-" + _MONTH + rb"-(\d\d) " + _CLOCK + rb" GMT")
_ASCTIME = re.compile(rb"[A-Z][a-z]{2} " + _MONTH + rb" ([ \d]\d) " + _CLOCK + rb" (\d{4})")
_MAX_BYTES = 64
_CENTURY_TURN = 70  # RFC 850's two digits: 1970 to 2069, as POSIX reads them but for the century's last year
_NANOSECONDS = 10**9


def parse_http_date(value: bytes) -> int | None:
    """An HTTP-date in any of its three forms as nanoseconds since 1970; None for everything else ("0", "-1", ...)."""
    return _parsed(value) if len(value) <= _MAX_BYTES else None


@lru_cache(maxsize=4096)
def _parsed(value: bytes) -> int | None:
    if (found := _IMF.fullmatch(value)) is not None:
        day, month, year, *clock = found.groups()
    elif (found := _RFC_850.fullmatch(value)) is not None:
        day, month, year, *clock = found.groups()
        year = (b"19" if int(year) >= _CENTURY_TURN else b"20") + year
    elif (found := _ASCTIME.fullmatch(value)) is not None:
        month, day, *clock, year = found.groups()
    else:
        return None
    hour, minute, second = (int(part) for part in clock)
    try:
        moment = datetime(int(year), _MONTHS[month], int(day), hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None
    return None if second > 60 else int(moment.timestamp()) * _NANOSECONDS  # a leap second counts as the one before it
