"""Everything a store holds at one moment, row after row, whoever writes to it meanwhile.

An export or a push takes hours where a sync commits every few seconds, makes files of what waited, and unlinks those it
merged. So the tables are copied within one read transaction, in which the files that go with them are opened, too. What
is read then is that copy, and files that never change and stay there while they are open. The store itself is held by
nobody: a transaction of hours would keep its WAL growing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from sensor.ct.merging import merge_entries
from sensor.ct.partitions import Partitions
from sensor.ct.run_file import Entry, ident_of, parse_ident, serial_hash
from sensor.ct.schema import StoreError, check_tables

IMPORTED: Final = "certificate"
WAITING: Final = "recent"
_IS_IMPORTED: Final = "SELECT 1 FROM certificate WHERE issuer = ? AND serial = ?"
_NO_ROOM: Final = "no room for a copy of its tables in the folder for temporary files (SQLITE_TMPDIR)"


class Stored(NamedTuple):
    """`place`: the name of a file, or of one of the two tables above. `month`, of the file or as the table says, is
    None of what was imported. SQLite keeps any type in any column, so that `row` may not be octets."""

    place: str
    issuer: int
    serial: bytes
    month: int | None
    row: object


class Contents:
    """`connection` is to the copy of the tables, `partitions` are the files."""

    def __init__(self, connection: sqlite3.Connection, partitions: Partitions) -> None:
        self.connection = connection
        self.partitions = partitions

    def rows(self) -> Iterator[Stored]:
        """Each certificate once, though a name that was learnt later has made a newer row of it, or it was imported
        after it was synced. May raise sqlite3.Error and RowError."""
        months = {run.head.month for run in self.partitions.runs.values()}
        waiting = self.connection.execute("SELECT month, issuer, serial, row FROM recent ORDER BY month")
        for month, group in groupby(waiting, itemgetter(0)):
            months.discard(month)
            entries: list[Entry] = []
            for _, issuer, serial, row in group:
                if (ident := _ident(issuer, serial)) is None:
                    yield Stored(WAITING, issuer, serial, month, row)
                else:
                    entries.append((serial_hash(self.partitions.store_id, serial), ident, row))
            entries.sort(key=itemgetter(0, 1))
            yield from self._of_month(month, entries)
        for month in sorted(months):
            yield from self._of_month(month, [])
        for issuer, serial, row in self.connection.execute("SELECT issuer, serial, row FROM certificate"):
            yield Stored(IMPORTED, issuer, serial, None, row)

    def _of_month(self, month: int, waiting: list[Entry]) -> Iterator[Stored]:
        runs = self.partitions.of_month(month)  # newest first
        places = [run.path.name for run in runs]
        entries = [run.entries() for run in runs]
        if waiting:
            places.insert(0, WAITING)
            entries.insert(0, iter(waiting))
        for place, (_, ident, row) in merge_entries(entries):
            key = parse_ident(ident)
            if self.connection.execute(_IS_IMPORTED, key).fetchone() is None:
                yield Stored(places[place], *key, month, row)


@contextmanager
def contents_of(path: Path, connection: sqlite3.Connection) -> Iterator[Contents]:
    """Of the store at `path`, to which this is a connection. May raise sqlite3.Error, RowError and StoreError."""
    with ExitStack() as held:
        partitions = held.enter_context(closing(Partitions(connection)))
        copy = held.enter_context(closing(sqlite3.connect("", isolation_level=None)))  # a file without a name
        with partitions.one_moment():
            try:
                connection.backup(copy)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorname != "SQLITE_FULL":
                    raise
                raise StoreError(path, _NO_ROOM) from None
        check_tables(path, copy)
        partitions.belong_to(copy)
        yield Contents(copy, partitions)


def _ident(issuer: object, serial: object) -> bytes | None:
    """None for what no file can hold, such as another type."""
    return ident_of(issuer, serial) if isinstance(issuer, int) and isinstance(serial, bytes) else None
