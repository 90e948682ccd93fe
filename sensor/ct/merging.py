"""Sorted rows of a month out of several places, each certificate once: its newest row, which has what others had."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence

from sensor.ct.run_file import Entry


def merge_entries(newest_first: Sequence[Iterable[Entry]]) -> Iterator[tuple[int, Entry]]:
    """Each row with the place it is from, by its index. Ascending, if each of these is (`run_file`: by hash, then
    ident)."""
    if len(newest_first) == 1:
        for entry in newest_first[0]:
            yield 0, entry
        return
    before = b""
    for hashed, ident, age, row in heapq.merge(*(_aged(each, age) for age, each in enumerate(newest_first))):
        if ident != before:
            before = ident
            yield age, (hashed, ident, row)


def _aged(entries: Iterable[Entry], age: int) -> Iterator[tuple[int, bytes, int, bytes]]:
    return ((hashed, ident, age, row) for hashed, ident, row in entries)
