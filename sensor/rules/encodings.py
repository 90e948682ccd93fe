"""Sigma's transformations: one value into the texts that stand for it on the wire (modifiers appendix 2.1.0)."""

from __future__ import annotations

import re
from base64 import b64encode
from itertools import product
from typing import Final

from sensor.logs.encode import log_text
from sensor.rules.pattern import DASHES, Pattern, Wild, has_wildcards, literal, plain_text

Value = Pattern | bytes
"""A pattern, or the octets it became."""

MAX_DASHES: Final = 4
"""Of one value that is encoded behind windash: five to the power of it are the texts."""
_CODECS: Final = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16"}
_DASH: Final = re.compile(r"\B[-/]\b")

# Of base64 at each of three offsets, the characters that only the value decides.
_SKIPPED: Final = (0, 2, 3)
_CUT: Final = (None, -3, -2)

TRANSFORMATIONS: Final = frozenset({*_CODECS, "base64", "base64offset", "windash"})


class EncodingError(Exception):
    """The value cannot be transformed so; says what was expected."""


def transform(name: str, value: Value) -> list[Value]:
    """What `value` becomes by one modifier. Raises EncodingError."""
    if name == "windash":
        return [_windash(value)]
    return [each for spelled in _spelled(name, value) for each in _encoded(name, spelled)]


def _encoded(name: str, value: Value) -> list[Value]:
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


def _windash(value: Value) -> Pattern:
    """Every dash before a word stands for each of the characters that Windows takes for one."""
    if isinstance(value, bytes):
        raise EncodingError("expected windash before an encoding")
    found: list[str | Wild] = []
    for part in value:
        if isinstance(part, Wild):
            found.append(part)
            continue
        first, *rest = _DASH.split(part)
        found.append(first)
        for piece in rest:
            found += [Wild.DASH, piece]
    return tuple(part for part in found if part != "")


def _spelled(name: str, value: Value) -> list[Value]:
    """With each of its dashes written out, in all combinations: an encoding has no room for one that may be several."""
    if isinstance(value, bytes) or Wild.DASH not in value:
        return [value]
    dashes = value.count(Wild.DASH)
    if dashes > MAX_DASHES:
        raise EncodingError(f"expected at most {MAX_DASHES} dashes in a value under windash before {name}")
    found: list[Value] = []
    for chosen in product(DASHES, repeat=dashes):
        dash = iter(chosen)
        parts: list[str | Wild] = []
        for part in value:
            text = next(dash) if part is Wild.DASH else part
            if isinstance(text, str) and parts and isinstance(parts[-1], str):
                parts[-1] += text
            else:
                parts.append(text)
        found.append(tuple(parts))
    return found
