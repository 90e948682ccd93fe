"""Everything a store holds, row after row, wherever it lies: the bulk index's files, what waits for them, the rest."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from sensor.ct.partitions import Partitions
from sensor.ct.run_file import parse_ident

IMPORTED: Final = "certificate"
WAITING: Final = "recent"


class Stored(NamedTuple):
    """`place`: the name of a file, or of one of the two tables above. `month`, of the file or as the table says, is
    None of what was imported. SQLite keeps any type in any column, so that `row` may not be octets."""

    place: str
    issuer: int
    serial: bytes
    month: int | None
    row: object


def stored_rows(connection: sqlite3.Connection, partitions: Partitions) -> Iterator[Stored]:
    """Of rows with one issuer and serial, the one that counts comes last. May raise sqlite3.Error and RowError."""
    partitions.load()
    for name, run in sorted(partitions.runs.items()):
        for _, ident, row in run.entries():
            yield Stored(name, *parse_ident(ident), run.head.month, row)
    for issuer, serial, month, row in connection.execute("SELECT issuer, serial, month, row FROM recent"):
        yield Stored(WAITING, issuer, serial, month, row)
    for issuer, serial, row in connection.execute("SELECT issuer, serial, row FROM certificate"):
        yield Stored(IMPORTED, issuer, serial, None, row)
