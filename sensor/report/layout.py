"""Styled lines: cutting, padding, columns, rules and colours; knows nothing of what is said in them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

Span = tuple[str, str]
"""Text, and the name of its style."""

Line = list[Span]

STYLES = {
    "": "",
    "title": "1",
    "strong": "1",
    "dim": "2",
    "bar": "36",
    "good": "32",
    "bad": "31",
    "warn": "33",
    "exact": "1;31",
    "few": "33",
    "many": "36",
    "ca": "2",
    "unlisted": "35",
}
"""SGR parameters (ECMA-48 8.3.117) of the 16-colour set alone, which every terminal and theme has."""


def width_of(text: str) -> int:
    """Terminal cells (UAX #11: wide and full-width characters take two)."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fit(text: str, width: int, mark: str = "…") -> str:
    """`text` in at most `width` cells, with `mark` in place of its middle if it must be cut."""
    if width_of(text) <= width:
        return text
    head: list[str] = []
    tail: list[str] = []
    room = width - width_of(mark)
    left, right = 0, len(text) - 1
    while left <= right:
        from_head = len(head) <= len(tail)
        char = text[left if from_head else right]
        room -= width_of(char)
        if room < 0:
            break
        if from_head:
            head.append(char)
            left += 1
        else:
            tail.append(char)
            right -= 1
    return "".join(head) + mark + "".join(reversed(tail)) if width > 0 else ""


def pad(text: str, width: int, right: bool = False) -> str:
    space = " " * max(0, width - width_of(text))
    return space + text if right else text + space


def line_width(line: Sequence[Span]) -> int:
    return sum(width_of(text) for text, _ in line)


def paint(line: Sequence[Span], colour: bool) -> str:
    """A line as it is written, without blanks at its end."""
    spans = list(line)
    while spans and not spans[-1][0].rstrip():
        spans.pop()
    if spans:
        spans[-1] = (spans[-1][0].rstrip(), spans[-1][1])
    if not colour:
        return "".join(text for text, _ in spans)
    return "".join(f"\x1b[{STYLES[style]}m{text}\x1b[0m" if STYLES[style] else text for text, style in spans)


def title(name: str, note: str, width: int) -> Line:
    """A heading, a rule, and at its end a note where there is room for it."""
    room = width - width_of(name) - 1
    if width_of(note) + 2 > room:
        note = ""
    rule = room - (width_of(note) + 1 if note else 0)
    return [(name, "title"), (" " + "─" * rule, "dim"), (" " + note if note else "", "dim")]


def beside(left: list[Line], right: list[Line], at: int) -> list[Line]:
    """Two blocks next to each other, the right one from column `at`."""
    rows = max(len(left), len(right))
    left, right = left + [[]] * (rows - len(left)), right + [[]] * (rows - len(right))
    return [
        [*one, (" " * (at - line_width(one)), ""), *other] if other else one
        for one, other in zip(left, right, strict=True)
    ]


def wrap_spans(spans: Iterable[Span], width: int) -> list[Line]:
    """Spans with commas between them, as many to a line of `width` as fit; at least one line."""
    lines: list[Line] = [[]]
    for content, style in spans:
        cut = fit(content, width - 1)
        if lines[-1] and line_width(lines[-1]) + 2 + width_of(cut) > width - 1:
            lines[-1].append((",", ""))
            lines.append([])
        if lines[-1]:
            lines[-1].append((", ", ""))
        lines[-1].append((cut, style))
    return lines


def labelled(label: Span, pieces: Sequence[str], label_width: int, width: int) -> list[Line]:
    """A label in its column and text beside it, wrapped."""
    wrapped = wrap(pieces, width - label_width - 4)
    first: Line = [("  " + pad(fit(label[0], label_width), label_width), label[1]), ("  " + wrapped[0], "")]
    return [first, *([(" " * (label_width + 4) + rest, "")] for rest in wrapped[1:])]


def wrap(pieces: Sequence[str], width: int) -> list[str]:
    """Lines of at most `width` cells, broken between the pieces, within one only if it is too long; at least one."""
    lines = [""]
    for piece in pieces:
        rest = piece
        if lines[-1] and width_of(lines[-1]) + 1 + width_of(rest) > width:
            lines.append("")
        while width_of(rest) > width:  # longer than a line: cut
            cut = max(1, next((n for n in range(1, len(rest)) if width_of(rest[: n + 1]) > width), len(rest)))
            lines[-1] = rest[:cut]
            lines.append("")
            rest = rest[cut:]
        lines[-1] += f" {rest}" if lines[-1] else rest
    return lines


def columns_of(out: TextIO, otherwise: int) -> int:
    """How wide the terminal behind `out` is, `otherwise` where there is none; COLUMNS overrides it, as everywhere."""
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdecimal() and 0 < len(told) < 5:
        return int(told) or otherwise
    try:
        return os.get_terminal_size(out.fileno()).columns or otherwise
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return otherwise
