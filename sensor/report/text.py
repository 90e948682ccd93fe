"""Values to text that is safe and pleasant to read on a terminal: escapes, numbers with units, names.

Nothing from the wire reaches a terminal but through `shown`: control bytes, escape sequences, bidirectional controls
and whatever else could move, hide or reorder text come out as \\xNN or \\uNNNN.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

_SAFE_CATEGORIES = frozenset("LNPS")
_LEFT_TO_RIGHT = frozenset({"L", "EN", "ES", "ET", "CS", "ON"})


def shown(value: str | bytes, limit: int = 200) -> str:
    """Text off the wire as it may stand on a terminal, at most `limit` characters of it. Bytes are read as ASCII."""
    text = value.decode("ascii", "surrogateescape") if isinstance(value, bytes) else value
    cut = len(text) > limit
    text = text[:limit]
    if not (text.isascii() and text.isprintable() and "\\" not in text):
        text = "".join(map(_escape, text))
    return text + "..." if cut else text


def _escape(char: str) -> str:
    code = ord(char)
    if char == "\\":
        return "\\\\"
    if char == " " or (
        char.isprintable()
        and unicodedata.category(char)[0] in _SAFE_CATEGORIES
        and unicodedata.bidirectional(char) in _LEFT_TO_RIGHT
    ):
        return char
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no ASCII (PEP 383)
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def count(number: int) -> str:
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """The number and its noun: "1 client", "2,000 clients"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def octets(number: float) -> str:
    """Bytes in decimal units, two to four digits: "812 B", "88.2 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 99.95 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:,.1f} TB"


_SPANS = (  # up to so many seconds, in this unit
    (0.00005, 1e-6, "µs"),
    (0.9995, 0.001, "ms"),
    (119.5, 1.0, "s"),
    (119.5 * 60, 60.0, "min"),
    (47.5 * 3600, 3600.0, "h"),
    (float("inf"), 86400.0, "d"),
)


def span(nanoseconds: float) -> str:
    """A length of time to two digits or so: "21 ms", "1.5 h", "7 d"."""
    seconds = abs(nanoseconds) / 1e9
    _, size, unit = next(row for row in _SPANS if seconds < row[0])
    value = seconds / size
    digits = f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"
    return f"{'-' if nanoseconds < 0 else ''}{digits.removesuffix('.0')} {unit}"


def long_span(nanoseconds: int) -> str:
    """A length of time in two units: "1 h 41 min"; as `span` does under two minutes."""
    minutes, hours = round(nanoseconds / 60e9), round(nanoseconds / 3600e9)
    if minutes < 60:
        return span(nanoseconds)
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24:,} d {hours % 24} h"


def period(first: int, last: int) -> str:
    """From when to when, the date once where it is one day."""
    start, end = moment(first), moment(last)
    if start.split(" ")[0] == end.split(" ")[0]:
        end = end.split(" ")[-1]
    return f"{start} to {end} UTC, {long_span(last - first)}"


def moment(nanoseconds: int) -> str:
    """UTC to the second; the number of seconds where no calendar reaches."""
    try:
        return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{nanoseconds // 1_000_000_000} s"


def common_name(distinguished_name: str) -> str:
    """What a person calls a CA: the common name of an RFC 4514 name, its organisation where the former is but "R3"."""
    values: dict[str, str] = {}
    for part in _relative_names(distinguished_name):
        kind, equals, value = part.partition("=")
        if equals:
            values.setdefault(kind.strip().upper(), value.strip())
    name, organisation = values.get("CN"), values.get("O")
    if name is None:
        return organisation or distinguished_name
    return f"{name}, {organisation}" if organisation and len(name) <= 4 else name


def _relative_names(distinguished_name: str) -> list[str]:
    """The parts of an RFC 4514 name, without the backslashes before special characters."""
    parts: list[str] = [""]
    chars = iter(distinguished_name)
    for char in chars:
        if char == "\\":
            parts[-1] += next(chars, "")
        elif char in ",+":
            parts.append("")
        else:
            parts[-1] += char
    return parts
