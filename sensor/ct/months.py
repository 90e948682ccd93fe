"""Months, by which the bulk index is divided: a count since the year 0, and what people write for it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

DAY_S: Final = 86400
_MAX_DAY: Final = date(9999, 12, 31).toordinal() - date(1970, 1, 1).toordinal()
_WRITTEN: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])\Z")


def month_of(seconds: int) -> int | None:
    """The month (UTC) of a moment since 1970; None before that, and after the year 9999."""
    return _month_of_day(seconds // DAY_S)


@lru_cache(maxsize=4096)
def _month_of_day(day: int) -> int | None:
    if not 0 <= day <= _MAX_DAY:
        return None
    found = date.fromordinal(date(1970, 1, 1).toordinal() + day)
    return found.year * 12 + found.month - 1


def render_month(month: int) -> str:
    """Such as 2027-03."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def parse_month(text: str) -> int | None:
    """`render_month`, reversed; None for any other text."""
    found = _WRITTEN.match(text)
    return int(found[1]) * 12 + int(found[2]) - 1 if found and int(found[1]) else None


def end_of(month: int) -> int:
    """The first second (since 1970) that is no longer in it."""
    year, index = divmod(month + 1, 12)
    return int(datetime(year, index + 1, 1, tzinfo=UTC).timestamp())
