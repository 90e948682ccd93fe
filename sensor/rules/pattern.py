"""Sigma's strings: text with wildcards and its escaping, as a sequence of literals and wildcards.

Source: Sigma rules specification 2.0, String Wildcard and Escaping.
"""

from __future__ import annotations

import enum
from collections.abc import Callable


class Wild(enum.Enum):
    ANY = "*"  # any number of characters, none included
    ONE = "?"  # exactly one
    DASH = "-"  # exactly one of DASHES: what `windash` makes of a dash; no rule can write it


DASHES = "-/\u2013\u2014\u2015"
"""What Windows takes for the dash before an option (modifiers appendix 2.1.0)."""

Pattern = tuple[str | Wild, ...]
"""No two literals side by side, no empty one, no two ANY side by side."""


def parse_pattern(text: str) -> Pattern:
    r"""`*` and `?` are wildcards unless a backslash stands before them; a backslash escapes itself, too.

    Before any other character, and at the end, it stands for itself.
    """
    parts: list[str | Wild] = []
    literal: list[str] = []
    escaped = False
    for letter in text:
        if escaped:
            literal.append(letter if letter in "*?\\" else "\\" + letter)
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter in "*?":
            if literal:
                parts.append("".join(literal))
                literal = []
            parts.append(Wild(letter))
        else:
            literal.append(letter)
    if escaped:
        literal.append("\\")
    if literal:
        parts.append("".join(literal))
    return _plain(parts)


def literal(text: str) -> Pattern:
    """The pattern that matches `text` and nothing else."""
    return (text,) if text else ()


def has_wildcards(pattern: Pattern) -> bool:
    return any(isinstance(part, Wild) for part in pattern)


def plain_text(pattern: Pattern) -> str:
    """Of a pattern without wildcards: the text."""
    return "".join(part for part in pattern if isinstance(part, str))


def open_ends(pattern: Pattern, start: bool, end: bool) -> Pattern:
    """`pattern` with `*` put before it (`start`) and behind it (`end`)."""
    return _plain([*([Wild.ANY] if start else []), *pattern, *([Wild.ANY] if end else [])])


def lowered(pattern: Pattern) -> Pattern:
    return tuple(part.lower() if isinstance(part, str) else part for part in pattern)


def simple_pattern(pattern: Pattern) -> tuple[str, bool, bool] | None:
    """Of a pattern of one text: it, and whether anything may stand before and behind it. None: it is not so simple."""
    if not has_wildcards(pattern):
        return plain_text(pattern), False, False
    first, last = pattern[0] is Wild.ANY, pattern[-1] is Wild.ANY
    inner = pattern[first : len(pattern) - last or None]
    (text,) = inner if len(inner) == 1 else (None,)
    return (text, first, last) if isinstance(text, str) else None


def compile_pattern(pattern: Pattern) -> Callable[[str], bool]:
    """A function that says whether all of a text matches; its time grows with the text, not with what matches.

    Cases are told apart: lower both sides where they should not be.
    """
    simple = simple_pattern(pattern)
    if simple is not None:
        text, first, last = simple
        if not first and not last:
            return lambda value: value == text
        if first and last:
            return lambda value: text in value
        if first:
            return lambda value: value.endswith(text)
        return lambda value: value.startswith(text)
    if pattern == (Wild.ANY,):
        return lambda _: True
    return _compile_chunks(pattern)


def _compile_chunks(pattern: Pattern) -> Callable[[str], bool]:
    """Between `*`s stand chunks of a fixed length. The first found, leftmost, leaves most room for the others."""
    chunks: list[list[str | Wild]] = [[]]
    for part in pattern:
        if part is Wild.ANY:
            chunks.append([])
        else:
            chunks[-1].append(part)
    sizes = [sum(len(part) if isinstance(part, str) else 1 for part in chunk) for chunk in chunks]
    head, tail = chunks[0], chunks[-1]
    least = sum(sizes)

    def matches(value: str) -> bool:
        if len(value) < least or not _fits(value, 0, head):
            return False
        if len(chunks) == 1:
            return len(value) == least
        end = len(value) - sizes[-1]
        if not _fits(value, end, tail):
            return False
        at = sizes[0]
        for chunk, size in zip(chunks[1:-1], sizes[1:-1], strict=True):
            at = _find(value, at, end, chunk, size)
            if at < 0:
                return False
        return True

    return matches


def _fits(value: str, at: int, chunk: list[str | Wild]) -> bool:
    for part in chunk:
        if isinstance(part, str):
            if not value.startswith(part, at):
                return False
            at += len(part)
            continue
        if part is Wild.DASH and value[at] not in DASHES:
            return False
        at += 1
    return True


def _find(value: str, at: int, end: int, chunk: list[str | Wild], size: int) -> int:
    """Where the first place at or behind `at`, before `end`, ends at which `chunk` fits; -1 if there is none."""
    before = 0
    anchor = None
    for part in chunk:
        if isinstance(part, str):
            anchor = part
            break
        before += 1
    while at + size <= end:
        if anchor is not None:
            found = value.find(anchor, at + before, end)
            if found < 0:
                return -1
            at = found - before
            if at + size > end:
                return -1
        if _fits(value, at, chunk):
            return at + size
        at += 1
    return -1


def _plain(parts: list[str | Wild]) -> Pattern:
    found: list[str | Wild] = []
    for part in parts:
        if found and part is Wild.ANY and found[-1] is Wild.ANY:
            continue
        if found and isinstance(part, str) and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return tuple(found)
