"""Reads all of a store and says what in it is not as ocspwatch makes it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sensor.ct.contents import Contents, Stored, contents_of
from sensor.ct.months import month_of, render_month
from sensor.ct.rows import RowError, decode_row, decode_urls
from sensor.ct.run_file import RunFile, serial_hash
from sensor.ct.schema import KNOWN, one_line
from sensor.pki.certificates import CertificateError, decode_certificate

_MAX_LINES = 20  # of SQLite's own check


class Verification:
    """`problems` yields a line for each thing that is wrong, at one moment; `rows` counts what was read by then."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.rows = 0
        self._path = path
        self._connection = connection
        self._issuers: set[int] = set()
        self._sources: set[int] = set()
        self._url_sets: set[int] = set()

    def problems(self) -> Iterator[str]:
        """Raises StoreError where the store cannot be read at all."""
        try:
            with one_line(self._path), contents_of(self._path, self._connection) as contents:
                yield from self._tables(contents.connection)
                for name, run in sorted(contents.partitions.runs.items()):
                    yield from self._file(name, run, contents)
                for stored in contents.rows():
                    yield from self._row(stored)
        except RowError as error:
            yield f"{error}; what is behind it was not read"

    def _tables(self, connection: sqlite3.Connection) -> Iterator[str]:
        for (line,) in connection.execute(f"PRAGMA integrity_check({_MAX_LINES})").fetchall():
            if line != "ok":
                yield f"{self._path.name}: {line}"
        self._sources = {number for (number,) in connection.execute("SELECT number FROM source")}
        for number, blob in connection.execute("SELECT number, urls FROM url_set"):
            self._url_sets.add(number)
            try:
                decode_urls(blob)
            except RowError as error:
                yield f"url_set {number}: {error}"
        for number, kind, key_id, der in connection.execute("SELECT number, kind, key_id, certificate FROM issuer"):
            self._issuers.add(number)
            if kind != KNOWN:
                continue
            try:
                decoded = decode_certificate(der, 0)
            except (CertificateError, TypeError):
                yield f"issuer {number}: a certificate that cannot be read"
                continue
            if hashlib.sha256(decoded.key_octets).digest() != key_id:
                yield f"issuer {number}: not the key of its certificate"

    def _file(self, name: str, run: RunFile, contents: Contents) -> Iterator[str]:
        if not run.is_sound():
            yield f"{name}: changed since it was made"
        store_id = contents.partitions.store_id
        of_month = contents.partitions.of_month(run.head.month)  # newest first
        older = of_month[of_month.index(run) + 1 :]
        rows = 0
        counts: Counter[int] = Counter()
        last: tuple[int, bytes] = (-1, b"")
        try:
            for hashed, ident, _ in run.entries():
                rows += 1
                if all(other.find(hashed, ident) is None for other in older):
                    counts[int.from_bytes(ident[:4], "little")] += 1
                if (hashed, ident) <= last or hashed != serial_hash(store_id, ident[5:]):
                    yield f"{name}: not in order, so that some are not found"
                    break
                last = hashed, ident
        except RowError as error:
            yield f"{name}: {error}"
            return
        told = dict(
            contents.connection.execute("SELECT issuer, rows FROM run_issuer WHERE run = ?", (name,)).fetchall()
        )
        if told != +counts or run.head.rows != rows:
            yield f"{name}: other rows than the cache says"

    def _row(self, stored: Stored) -> Iterator[str]:
        self.rows += 1
        where = f"{stored.place}, issuer {stored.issuer}, serial {_hex(stored.serial)}"
        try:
            row = decode_row(stored.row)
        except RowError as error:
            yield f"{where}: {error}"
            return
        if isinstance(row.common, int) and not 0 <= row.common < len(row.dns):
            yield f"{where}: common name outside the names"
        for what, number, known in (
            ("an issuer", stored.issuer, self._issuers),
            ("a source", row.source, self._sources),
            ("URLs", row.urls, self._url_sets),
        ):
            if number not in known:
                yield f"{where}: {what} that is not there"
        month = month_of(row.not_before + row.lifetime)
        if stored.month is not None and month != stored.month:
            expires = "at no time" if month is None else f"in {render_month(month)}"
            yield f"{where}: expires {expires}, and lies under {render_month(stored.month)}"


def _hex(serial: object) -> str:
    return serial.hex() if isinstance(serial, bytes) else "of another type"
