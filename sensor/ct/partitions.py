"""The bulk index as a look-up sees it: which files there are, by the store's word, and a row out of them.

The tables `bulk` and `run` of the store say which files count; whatever else lies in the folder is ignored. `bulk`
holds the store's id and a number that grows with each batch and each change of the set of files, so that one statement
gives a look-up both what was not yet put into files and whether its files are the ones that go with that.
"""

from __future__ import annotations

import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sensor.ct.months import parse_month
from sensor.ct.probing import Probes
from sensor.ct.rows import RowError
from sensor.ct.run_file import ID_BYTES, RunFile, ident_of, serial_hash
from sensor.ct.schema import StoreError

_NAME: Final = re.compile(r"([0-9]{4}-[0-9]{2})\.[0-9]{8,19}\.run\Z")
_TRIES: Final = 5  # files merged away while one looks: between two such there are seconds
MAX_RUNS: Final = 4096  # 64 months, each half as many files as its rows have binary digits


def folder_of(path: Path) -> Path:
    """Where the files of the store at `path` lie."""
    resolved = path.resolve()
    return resolved.with_name(resolved.name + ".d")


def month_in_name(name: str) -> int | None:
    """The month of a file of ours; None for any other name."""
    found = _NAME.match(name)
    return parse_month(found[1]) if found else None


class Partitions:
    """The files that a store names, open. Methods may raise sqlite3.Error and RowError."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        (_, _, name) = connection.execute("PRAGMA database_list").fetchone()
        self._connection = connection
        self.folder = folder_of(Path(name))
        self.generation = -1
        self.store_id = b""
        self.runs: dict[str, RunFile] = {}
        self._in_order: list[RunFile] = []
        self._probes = Probes()
        self._of_month: dict[int, Probes] = {}

    def find(self, generation: int, issuer: int, serial: bytes) -> bytes | None:
        """The row of a certificate; `generation` is what `bulk` said when it was not in the store's tables."""
        if generation != self.generation:
            self.load()
        if not self._probes:
            return None
        ident = ident_of(issuer, serial)
        if ident is None:
            return None
        return self._probes.find(serial_hash(self.store_id, serial), ident)

    def find_in(self, month: int, serial: bytes, ident: bytes) -> bytes | None:
        """The row of a certificate that expires in this month, as far as the files are loaded."""
        probes = self._of_month.get(month)
        return None if probes is None else probes.find(serial_hash(self.store_id, serial), ident)

    def with_serial(self, serial: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Ident and row of all with this serial, newest first where they are of one month."""
        self.load()
        hashed = serial_hash(self.store_id, serial)
        for run in self._in_order:
            for ident, row in run.with_hash(hashed):
                if ident.endswith(serial):
                    yield ident, row

    def of_month(self, month: int) -> list[RunFile]:
        """The files of a month, newest first."""
        found = [(name, run) for name, run in self.runs.items() if run.head.month == month]
        return [run for _, run in sorted(found, key=lambda each: each[0], reverse=True)]

    def load(self) -> None:
        """Opens the files that count now, and closes the others."""
        for left in reversed(range(_TRIES)):
            try:
                self._load()
                return
            except FileNotFoundError as error:
                if not left:
                    raise RowError(f"{error.filename} is missing") from None

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """Loads; what the connection reads within is of the moment of these files. Not for long: the WAL grows."""
        try:
            self._begin()
            yield
        finally:
            self._roll_back()

    def _begin(self) -> None:
        for left in reversed(range(_TRIES)):
            self._connection.execute("BEGIN")
            try:
                self._load()
                return
            except FileNotFoundError as error:  # merged away since the transaction began: a new one sees by what
                if not left:
                    raise RowError(f"{error.filename} is missing") from None
                self._roll_back()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def belong_to(self, copy: sqlite3.Connection) -> None:
        """From now on this says which files count: a copy of the tables that do not change any more."""
        self._connection = copy

    def _load(self) -> None:
        """Raises FileNotFoundError if one was unlinked meanwhile."""
        before = self.store_id
        self.store_id, generation, named = self._manifest()
        if generation == self.generation:
            return
        if before == self.store_id and named.keys() == self.runs.keys():  # a batch that needed no new file
            self.generation = generation
            return
        runs = self._opened(named)
        for name, run in self.runs.items():
            if name not in runs:
                run.close()
        self.runs = runs
        self._in_order = _likely_first(runs)
        self._probes = Probes([run.probe for run in self._in_order])
        self._of_month = {
            month: Probes([run.probe for run in self.of_month(month)])
            for month in {run.head.month for run in runs.values()}
        }
        self.generation = generation

    def close(self) -> None:
        for run in self.runs.values():
            run.close()
        self.runs, self._in_order, self._probes, self._of_month, self.generation = {}, [], Probes(), {}, -1

    def _manifest(self) -> tuple[bytes, int, dict[str, int]]:
        """Store id, generation, and the month of each file: one statement, so of one moment."""
        rows = self._connection.execute(
            "SELECT id, generation, name, month FROM bulk LEFT JOIN run LIMIT ?", (MAX_RUNS + 1,)
        ).fetchall()
        if not rows or len(rows) > MAX_RUNS:
            raise RowError("what says which partitions there are cannot be right")
        store_id, generation = rows[0][:2]
        if not isinstance(store_id, bytes) or len(store_id) != ID_BYTES or not isinstance(generation, int):
            raise RowError("what says which partitions there are cannot be right")
        named: dict[str, int] = {}
        for _, _, name, month in rows:
            if name is None:
                continue
            if not isinstance(name, str) or month_in_name(name) is None or month_in_name(name) != month:
                raise RowError("a partition whose name is not of its month")
            named[name] = month
        return store_id, generation, named

    def _opened(self, named: dict[str, int]) -> dict[str, RunFile]:
        """Raises FileNotFoundError and RowError; what it opened is closed then."""
        runs: dict[str, RunFile] = {}
        whole = False
        try:
            if named and self.folder.stat().st_mode & stat.S_IWOTH:
                raise RowError(f"{self.folder}: everyone may write to it (chmod o-w)")
            for name, month in named.items():
                runs[name] = self.runs.get(name) or RunFile(self.folder / name, self.store_id, month)
            whole = True
        except StoreError as error:
            raise RowError(str(error)) from None
        finally:
            if not whole:
                for name, run in runs.items():
                    if name not in self.runs:
                        run.close()
        return runs


def _likely_first(runs: dict[str, RunFile]) -> list[RunFile]:
    """Months with many rows before others: most certificates end their search in the first few files. Within a month
    the newest first, whose rows count."""
    rows: dict[int, int] = {}
    for run in runs.values():
        rows[run.head.month] = rows.get(run.head.month, 0) + run.head.rows
    newest_first = sorted(runs.items(), key=lambda each: each[0], reverse=True)
    return [run for _, run in sorted(newest_first, key=lambda each: (-rows[each[1].head.month], each[1].head.month))]
