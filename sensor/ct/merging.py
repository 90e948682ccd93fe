"""Sorted rows of a month out of several places, each certificate once: its newest row, which has what others had."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sensor.ct.run_file import Entry


class Merged(NamedTuple):
    """A row, and the places, by their index, of the newest and the oldest row of its certificate."""

    newest: int
    oldest: int
    entry: Entry


def merge_entries(newest_first: Sequence[Iterable[Entry]]) -> Iterator[Merged]:
    """Ascending, if each of these is (`run_file`: by hash, then ident)."""
    if len(newest_first) == 1:
        for entry in newest_first[0]:
            yield Merged(0, 0, entry)
        return
    newest = oldest = -1
    held: Entry | None = None
    for hashed, ident, age, row in heapq.merge(*(_aged(each, age) for age, each in enumerate(newest_first))):
        if held is not None and ident == held[1]:
            oldest = age
            continue
        if held is not None:
            yield Merged(newest, oldest, held)
        newest = oldest = age
        held = (hashed, ident, row)
    if held is not None:
        yield Merged(newest, oldest, held)


def _aged(entries: Iterable[Entry], age: int) -> Iterator[tuple[int, bytes, int, bytes]]:
    return ((hashed, ident, age, row) for hashed, ident, row in entries)
