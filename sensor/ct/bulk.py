"""The writing end of the bulk index: rows into the table `recent`, and from there, when it is full, into sorted files.

New rows wait in the store's own tables, so that a batch is one transaction with the issuers it needs. When there are
many, those of each month become one file (`run_file`), and the files of a month are merged so that each has more than
twice the rows of all newer ones: a row is written some times in its life, in order, and never looked for on the disk
to be put beside its neighbours. A file is whole and on the disk before the store names it, and unlinked after the
store does not; what a killed process leaves lying is unnamed, and the next one removes it.

One process at a time writes (a lock file in the folder); any number may read, and none of them waits.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from sensor.ct.lookup import MAX_CRL_USE
from sensor.ct.merging import merge_entries
from sensor.ct.months import end_of, month_of, render_month
from sensor.ct.partitions import Partitions, month_in_name
from sensor.ct.rows import IS_CA, Row, RowError, always, decode_row, encode_row, merge
from sensor.ct.run_file import Entry, RunFile, RunWriter, ident_of, parse_ident, serial_hash
from sensor.ct.schema import LOCKED, StoreError

FLUSH_ROWS: Final = 1 << 18
MAX_MONTHS: Final = 64
_MAX_LIFETIME_S: Final = 400 * 86400  # 398 days are allowed (Baseline Requirements 6.3.2); longer ones are few
_SMALL: Final = 64  # a month with fewer than this part of FLUSH_ROWS waits
_RATIO: Final = 2
_MAX_COUNTED: Final = 1 << 18  # (URL set, month) pairs whose uses are remembered

_INSERT = (
    "INSERT OR IGNORE INTO recent SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS "
    "(SELECT 1 FROM certificate WHERE issuer = ?1 AND serial = ?2)"
)


class StoreState(msgspec.Struct, frozen=True):
    """Which store this is, and how late in its life: `generation` grows with all that is synced into it."""

    store_id: bytes
    generation: int
    is_empty: bool


class BulkRows:
    """Uses the connection of a `Store`, within whose batches `put` is called, and `flush` between them.

    Methods may raise sqlite3.Error, RowError, and OSError where it is said.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, max_names: int, flush_rows: int) -> None:
        """Takes the lock, and removes what a killed process left. Raises StoreError, sqlite3.Error, RowError."""
        self._connection = connection
        self._max_names = max_names
        self._flush_rows = flush_rows
        self._partitions = Partitions(connection)
        self._by_issuer: dict[str, Counter[int]] = {}  # of the files that the store does not name yet
        self.folder = self._partitions.folder
        self._lock = _locked(path, self.folder)
        with ExitStack() as unless_sound:
            unless_sound.callback(self.close)
            self._partitions.load()
            self._clean()
            self.forget()
            unless_sound.pop_all()

    def forget(self) -> None:
        """A transaction was undone: counts are taken anew."""
        self._crl_uses: dict[tuple[int, int], int] = {}
        (self._waiting,) = self._connection.execute("SELECT count(*) FROM recent").fetchone()
        self._months = {month for (month,) in self._connection.execute("SELECT DISTINCT month FROM recent")}
        self._months |= {run.head.month for run in self._partitions.runs.values()}

    def put(
        self, issuer: int, serial: bytes, row: Row, names_crls: bool, may_add: Callable[[], bool] = always
    ) -> bool | None:
        """Whether this certificate was new; None if it is not one for here: a CA's, long-lived, or already among the
        certificates of the store. `may_add`: see `merge`."""
        month = month_of(row.not_before + row.lifetime)
        if month is None or row.flags & IS_CA or not 0 <= row.lifetime <= _MAX_LIFETIME_S:
            return None
        if month not in self._months and len(self._months) >= MAX_MONTHS:
            return None
        ident = ident_of(issuer, serial)
        if ident is None:
            return None
        known = self._partitions.find_in(month, serial, ident)
        if known is not None:
            merged = merge(decode_row(known), row, self._max_names, may_add)
            if merged is None:
                return False
            row = merged
            may_add = always
        if self._connection.execute(_INSERT, (issuer, serial, month, encode_row(row))).rowcount:
            self._waiting += 1
            self._months.add(month)
            if names_crls and known is None:
                self._note_crl_use(row.urls, month, issuer, serial)
            return known is None
        return self._unite(issuer, serial, row, may_add)

    def mark(self) -> None:
        """Within a batch: from now on the store is a later one, so that an earlier state that is put back is told."""
        self._connection.execute("UPDATE bulk SET generation = generation + 1")

    @property
    def state(self) -> StoreState:
        """As of now, outside of batches."""
        self._partitions.load()
        found = self._connection.execute("SELECT 1 FROM certificate UNION ALL SELECT 1 FROM recent LIMIT 1").fetchone()
        is_empty = found is None and not self._partitions.runs
        return StoreState(self._partitions.store_id, self._partitions.generation, is_empty)

    @property
    def is_full(self) -> bool:
        """Whether `flush` is due."""
        return bool(self._waiting >= self._flush_rows)

    def flush(self, everything: bool = False) -> None:
        """Rows that wait become files; a month with few of them is left to wait, unless `everything`. Raises OSError
        and StoreError."""
        counts = self._connection.execute("SELECT month, count(*) FROM recent GROUP BY month").fetchall()
        due = [month for month, count in counts if everything or count * _SMALL >= self._flush_rows]
        if not due:
            return
        self._partitions.load()
        generation = self._partitions.generation + 1
        made: list[str] = []
        with self._removed_unless_named():
            for month in due:
                rows = self._waiting_rows(month)
                made.append(self._write(month, generation, rows, len(rows)))
            self._replace(generation, made, [], due)
        for month in due:
            self._compact(month)

    def prune(self, before: int) -> tuple[int, int]:
        """Months that are over by then (seconds) go: how many months, and rows. Raises StoreError."""
        over = [month for month in sorted(self._months) if end_of(month) <= before]
        if not over:
            return 0, 0
        names = [name for name, run in self._partitions.runs.items() if run.head.month in over]
        rows = self._counted_in([self._partitions.runs[name] for name in names]).total()
        self._partitions.load()
        for month in over:
            rows += self._connection.execute("SELECT count(*) FROM recent WHERE month = ?", (month,)).fetchone()[0]
        self._replace(self._partitions.generation + 1, [], names, over, forever=True)
        return len(over), rows

    def close(self) -> None:
        self._partitions.close()
        os.close(self._lock)

    def _unite(self, issuer: int, serial: bytes, row: Row, may_add: Callable[[], bool]) -> bool | None:
        found = self._connection.execute(
            "SELECT row FROM recent WHERE issuer = ? AND serial = ?", (issuer, serial)
        ).fetchone()
        if found is None:
            return None
        merged = merge(decode_row(found[0]), row, self._max_names, may_add)
        if merged is not None:
            self._connection.execute(
                "UPDATE recent SET row = ? WHERE issuer = ? AND serial = ?", (encode_row(merged), issuer, serial)
            )
        return False

    def _note_crl_use(self, urls: int, month: int, issuer: int, serial: bytes) -> None:
        """More than a look-up tells of need not be kept."""
        key = (urls, month)
        count = self._crl_uses.get(key)
        if count is None:
            if len(self._crl_uses) >= _MAX_COUNTED:
                self._crl_uses.clear()
            (count,) = self._connection.execute(
                "SELECT count(*) FROM crl_use WHERE url_set = ? AND month = ?", key
            ).fetchone()
        if count <= MAX_CRL_USE:
            self._connection.execute("INSERT OR IGNORE INTO crl_use VALUES (?, ?, ?, ?)", (*key, issuer, serial))
            count += 1
        self._crl_uses[key] = count

    def _waiting_rows(self, month: int) -> list[Entry]:
        store_id = self._partitions.store_id
        entries = []
        for issuer, serial, row in self._connection.execute(
            "SELECT issuer, serial, row FROM recent WHERE month = ?", (month,)
        ):
            ident = ident_of(issuer, serial)
            if ident is None:
                raise RowError("a waiting row that no file can hold")
            entries.append((serial_hash(store_id, serial), ident, row))
        entries.sort()
        return entries

    def _compact(self, month: int) -> None:
        """Merges the newest files of a month as long as the next has not more than twice as many rows."""
        runs = self._partitions.of_month(month)
        merged = runs[:1]
        rows = sum(run.head.rows for run in merged)
        for run in runs[1:]:
            if run.head.rows > _RATIO * rows:
                break
            merged.append(run)
            rows += run.head.rows
        if len(merged) < 2:
            return
        generation = self._partitions.generation + 1
        with self._removed_unless_named():
            entries = (entry for _, entry in merge_entries([run.entries() for run in merged]))
            made = self._write(month, generation, entries, rows, self._counted_in(merged))
            self._replace(generation, [made], [run.path.name for run in merged], [])

    @contextmanager
    def _removed_unless_named(self) -> Iterator[None]:
        """Files made within, if an exception leaves it before the store names them."""
        done = False
        try:
            yield
            done = True
        finally:
            if not done:
                self._by_issuer.clear()
                self._partitions.load()
                self._clean()

    def _counted_in(self, runs: list[RunFile]) -> Counter[int]:
        """The certificates of these files by issuer. Each is counted for the oldest file that has it."""
        counts: Counter[int] = Counter()
        for run in runs:
            for issuer, rows in self._connection.execute(
                "SELECT issuer, rows FROM run_issuer WHERE run = ?", (run.path.name,)
            ):
                counts[issuer] += rows
        return counts

    def _counted(self, month: int, entries: Iterable[Entry], counts: Counter[int]) -> Iterator[Entry]:
        """Counts those that no file has yet."""
        for entry in entries:
            issuer, serial = parse_ident(entry[1])
            if self._partitions.find_in(month, serial, entry[1]) is None:
                counts[issuer] += 1
            yield entry

    def _write(
        self, month: int, generation: int, entries: Iterable[Entry], at_most: int, counts: Counter[int] | None = None
    ) -> str:
        """`counts`: what these entries count, if that is known."""
        name = f"{render_month(month)}.{generation:08}.run"
        if counts is None:
            counts = Counter()
            entries = self._counted(month, entries, counts)
        RunWriter(self._partitions.store_id, month, at_most).write(self.folder / name, entries)
        self._by_issuer[name] = counts
        _sync_folder(self.folder)
        return name

    def _replace(
        self, generation: int, made: list[str], gone: list[str], emptied: list[int], forever: bool = False
    ) -> None:
        """The store names these files and not those, and what waited for these months is gone from its table; with
        `forever` what is known of uses in those months, too."""
        sizes = [(name, month_in_name(name), (self.folder / name).stat().st_size) for name in made]
        done = False
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT INTO run VALUES (?, ?, ?)", sizes)
            for name in made:
                counts = [(name, issuer, rows) for issuer, rows in self._by_issuer[name].items()]
                self._connection.executemany("INSERT INTO run_issuer VALUES (?, ?, ?)", counts)
            for statement in ("DELETE FROM run WHERE name = ?", "DELETE FROM run_issuer WHERE run = ?"):
                self._connection.executemany(statement, [(name,) for name in gone])
            self._connection.executemany("DELETE FROM recent WHERE month = ?", [(month,) for month in emptied])
            if forever:
                self._connection.executemany("DELETE FROM crl_use WHERE month = ?", [(month,) for month in emptied])
            self._connection.execute("UPDATE bulk SET generation = ?", (generation,))
            self._connection.execute("COMMIT")
            done = True
        finally:
            if not done and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self._by_issuer.clear()
        self._partitions.load()
        for name in gone:
            (self.folder / name).unlink(missing_ok=True)
        self.forget()

    def _clean(self) -> None:
        """Files of ours that the store does not name: of a process that was killed."""
        for path in self.folder.iterdir():
            if month_in_name(path.name) is not None and path.name not in self._partitions.runs:
                path.unlink(missing_ok=True)


def _locked(path: Path, folder: Path) -> int:
    """Holds the lock as long as the descriptor is open."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(folder, f"cannot be made: {error.strerror or error}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreError(path, f"{LOCKED}: another ct sync or ct prune") from None
    return descriptor


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
