"""The table of what was imported, one row for a certificate. What was synced of the same is united with it there, since
look-ups end where they find one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import msgspec

from sensor.ct.numbers import Numbers
from sensor.ct.partitions import Partitions
from sensor.ct.rows import ASKED, Row, always, decode_row, encode_row, merge

_SYNCED = "SELECT generation, (SELECT row FROM recent WHERE issuer = ? AND serial = ?) FROM bulk"


class ImportedRows:
    """Within transactions of whoever owns the connection. Methods may raise sqlite3.Error and RowError."""

    def __init__(self, connection: sqlite3.Connection, numbers: Numbers, max_names: int) -> None:
        self._connection = connection
        self._partitions = Partitions(connection)
        self._numbers = numbers
        self._max_names = max_names

    def close(self) -> None:
        self._partitions.close()

    def row(self, issuer: int, serial: bytes) -> Row | None:
        found = self._connection.execute(
            "SELECT row FROM certificate WHERE issuer = ? AND serial = ?", (issuer, serial)
        ).fetchone()
        return None if found is None else decode_row(found[0])

    def put(self, issuer: int, serial: bytes, row: Row, may_add: Callable[[], bool] = always) -> bool:
        """Whether there was none, nor was one synced; what there was is united with it. `may_add`: see `merge`."""
        if self._connection.execute(
            "INSERT OR IGNORE INTO certificate VALUES (?, ?, ?, ?)",
            (issuer, serial, encode_row(row), row.urls if row.urls in self._numbers.with_crls else None),
        ).rowcount:
            return not self.unite_synced(issuer, serial)
        self._add_names(issuer, serial, row, may_add)
        return False

    def move(self, serial: bytes, before: int, issuer: int) -> bool:
        """To another issuer; False, and nothing has changed, if there is no such row, or one under that issuer."""
        moved = self._connection.execute(
            "UPDATE OR IGNORE certificate SET issuer = ? WHERE issuer = ? AND serial = ?", (issuer, before, serial)
        )
        if moved.rowcount:
            self.unite_synced(issuer, serial)
        return bool(moved.rowcount)

    def unite_synced(self, issuer: int, serial: bytes) -> bool:
        """Whether this certificate, which is in the table since a moment ago, was synced; it waits for no file then."""
        key = (issuer, serial)
        generation, blob = self._connection.execute(_SYNCED, key).fetchone()
        if blob is not None:
            self._connection.execute("DELETE FROM recent WHERE issuer = ? AND serial = ?", key)
        else:
            blob = self._partitions.find(generation, issuer, serial)
        if blob is None:
            return False
        self._add_names(issuer, serial, decode_row(blob))
        return True

    def _add_names(self, issuer: int, serial: bytes, row: Row, may_add: Callable[[], bool] = always) -> None:
        old = self.row(issuer, serial)
        merged = merge(old, row, self._max_names, may_add) if old else None
        if old and row.source != old.source == self._numbers.known_source(
            ASKED
        ):  # it is no longer there for having been asked
            merged = msgspec.structs.replace(merged or old, source=row.source, learned_at=row.learned_at)
        if merged:
            self._connection.execute(
                "UPDATE certificate SET row = ? WHERE issuer = ? AND serial = ?", (encode_row(merged), issuer, serial)
            )
