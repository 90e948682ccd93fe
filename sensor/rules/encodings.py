"""Sigma's transformations: one value into the texts that stand for it on the wire (modifiers appendix 2.1.0)."""

from __future__ import annotations

import re
from base64 import b64encode
from itertools import product
from typing import Final

from sensor.logs.encode import log_text
from sensor.rules.pattern import Pattern, Wild, has_wildcards, literal, plain_text

Value = Pattern | bytes
"""A pattern, or the octets it became."""

MAX_DASHES: Final = 4
"""Of one value under windash: five to the power of it are the texts."""
_CODECS: Final = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16"}
_DASH: Final = re.compile(r"\B[-/]\b")
_DASHES: Final = ("-", "/", "\u2013", "\u2014", "\u2015")

# Of base64 at each of three offsets, the characters that only the value decides.
_SKIPPED: Final = (0, 2, 3)
_CUT: Final = (None, -3, -2)

TRANSFORMATIONS: Final = frozenset({*_CODECS, "base64", "base64offset", "windash"})


class EncodingError(Exception):
    """The value cannot be transformed so; says what was expected."""


def transform(name: str, value: Value) -> list[Value]:
    """What `value` becomes by one modifier. Raises EncodingError."""
    if name == "windash":
        return list(_windash(value))
    octets = value if isinstance(value, bytes) else _octets(name, value)
    if name in _CODECS:
        if isinstance(value, bytes):
            raise EncodingError(f"expected text before {name}, not what is encoded already")
        try:
            text = plain_text(value)
            return [b"\xff\xfe" + text.encode("utf-16-le") if name == "utf16" else text.encode(_CODECS[name])]
        except UnicodeEncodeError:
            raise EncodingError("expected text that Unicode can encode") from None
    if not octets:
        raise EncodingError(f"expected text before {name}, not nothing")
    if name == "base64":
        return [literal(b64encode(octets).decode())]
    return [
        literal(b64encode(b" " * offset + octets).decode()[_SKIPPED[offset] : _CUT[(len(octets) + offset) % 3]])
        for offset in range(3)
    ]


def as_logged(value: Value) -> Pattern:
    """Octets as a log has them as text; a pattern stays what it is."""
    return literal(log_text(value)) if isinstance(value, bytes) else value


def _octets(name: str, pattern: Pattern) -> bytes:
    if has_wildcards(pattern):
        raise EncodingError(f"expected no wildcards before {name}")
    try:
        return plain_text(pattern).encode()
    except UnicodeEncodeError:
        raise EncodingError("expected text that Unicode can encode") from None


def _windash(value: Value) -> list[Pattern]:
    """Every dash before a word as each of the characters that Windows takes for one, in all combinations."""
    if isinstance(value, bytes):
        raise EncodingError("expected windash before an encoding")
    pieces: list[list[str]] = []  # of each literal, what lies between its dashes
    dashes = 0
    for part in value:
        if isinstance(part, str):
            pieces.append(_DASH.split(part))
            dashes += len(pieces[-1]) - 1
    if dashes > MAX_DASHES:
        raise EncodingError(f"expected at most {MAX_DASHES} dashes in a value under windash")
    found: list[Pattern] = []
    for chosen in product(_DASHES, repeat=dashes):
        dash = iter(chosen)
        texts = iter(pieces)
        parts: list[str | Wild] = []
        for part in value:
            if isinstance(part, str):
                first, *rest = next(texts)
                parts.append(first + "".join(next(dash) + piece for piece in rest))
            else:
                parts.append(part)
        found.append(tuple(parts))
    return found
