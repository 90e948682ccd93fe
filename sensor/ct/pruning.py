"""Takes out of a store what has expired, or was learnt from somebody too long ago, and CRLs that nothing names any
more. Issuers that are known stay: they name who issued what is not there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from sensor.ct.bulk import BulkRows
from sensor.ct.partitions import folder_of
from sensor.ct.rows import Row, RowError, decode_row, decode_urls
from sensor.ct.schema import KNOWN, TEXT, StoreError, one_line, open_to_write
from sensor.pki.names import url_key

_PAGE = 5000  # rows looked at in one transaction
_NEVER = 1 << 62
_UNUSED = "SELECT number FROM issuer WHERE kind != ? AND NOT EXISTS (SELECT 1 FROM certificate WHERE issuer = number)"
# The last number is never free: it would be given to another set, while sensors remember it for a second.
_URL_SETS = (
    "SELECT number, urls FROM url_set WHERE number > ? AND number < (SELECT max(number) FROM url_set) "
    "ORDER BY number LIMIT ?"
)
_NAMED = (
    "SELECT EXISTS (SELECT 1 FROM certificate WHERE crls = ?1) OR EXISTS (SELECT 1 FROM crl_use WHERE url_set = ?1)"
)


class Pruned(msgspec.Struct):
    """How many certificates went, with whole months and one by one, and with how many months."""

    months: int = 0
    in_months: int = 0
    singly: int = 0


def prune(path: Path, before: int) -> Pruned:
    """Certificates that had expired at `before` (seconds since 1970); in the bulk index, months that were over. The
    store is there. Raises StoreError; what is gone by then stays gone."""
    report = Pruned()
    try:
        with one_line(path), closing(open_to_write(path)) as connection:
            bulk = BulkRows(path, connection, 0, _NEVER)
            try:
                report.months, report.in_months = bulk.prune(before)
            finally:
                bulk.close()
            report.singly = _prune_imported(connection, lambda row: row.not_before + row.lifetime < before)
            _forget_urls(connection)
            connection.executescript("PRAGMA incremental_vacuum")  # execute() stops after one page
    except RowError as error:
        raise StoreError(path, f"damaged: {error}") from None
    except OSError as error:
        raise StoreError(folder_of(path), f"cannot be written: {error.strerror or error}") from None
    return report


def forget(path: Path, source: str, before: int) -> int:
    """How many certificates went that were learnt from `source` before that (seconds since 1970), and are not in words
    (`schema.TEXT`). Their octets are overwritten. The store is there. Raises StoreError."""
    try:
        with one_line(path), closing(open_to_write(path)) as connection:
            connection.execute("PRAGMA secure_delete=ON")
            found = connection.execute("SELECT number FROM source WHERE text = ?", (source,)).fetchone()
            if found is None:
                return 0
            number = found[0]
            gone = _prune_imported(connection, lambda row: row.source == number and row.learned_at < before, TEXT)
            if gone:
                _forget_urls(connection)
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return gone
    except RowError as error:
        raise StoreError(path, f"damaged: {error}") from None


def _prune_imported(connection: sqlite3.Connection, is_over: Callable[[Row], bool], but: int = -1) -> int:
    """`but`: a kind of issuers whose certificates stay."""
    kept = {number for (number,) in connection.execute("SELECT number FROM issuer WHERE kind = ?", (but,))}
    gone = 0
    last: tuple[object, object] = (-(1 << 62), b"")
    while True:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            page = connection.execute(
                "SELECT issuer, serial, row FROM certificate WHERE (issuer, serial) > (?, ?) "
                "ORDER BY issuer, serial LIMIT ?",
                (*last, _PAGE),
            ).fetchall()
            expired = [
                (issuer, serial) for issuer, serial, blob in page if issuer not in kept and is_over(decode_row(blob))
            ]
            connection.executemany("DELETE FROM certificate WHERE issuer = ? AND serial = ?", expired)
            connection.executemany("DELETE FROM pending WHERE issuer = ? AND serial = ?", expired)
            if len(page) < _PAGE:
                _forget_issuers(connection)
        gone += len(expired)
        if len(page) < _PAGE:
            return gone
        last = page[-1][:2]


def _forget_urls(connection: sqlite3.Connection) -> None:
    """Sets of URLs with CRLs; of the bulk index's rows `crl_use` has some for each of them and each month. Sets of OCSP
    URLs alone stay: only all rows of all files could tell whether they are named, and CAs have few."""
    last = -1
    while True:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            page = connection.execute(_URL_SETS, (last, _PAGE)).fetchall()
            for number, blob in page:
                _, crls = decode_urls(blob)
                if crls and not connection.execute(_NAMED, (number,)).fetchone()[0]:
                    keys = [(url_key(url), number) for url in crls]
                    connection.executemany("DELETE FROM crl_url WHERE url = ? AND url_set = ?", keys)
                    connection.execute("DELETE FROM url_set WHERE number = ?", (number,))
        if len(page) < _PAGE:
            return
        last = page[-1][0]


def _forget_issuers(connection: sqlite3.Connection) -> None:
    """Those that were only named by certificates, and by none any more."""
    connection.execute(f"DELETE FROM issuer_hash WHERE issuer IN ({_UNUSED})", (KNOWN,))  # noqa: S608 (a constant)
    connection.execute(f"DELETE FROM issuer WHERE number IN ({_UNUSED})", (KNOWN,))  # noqa: S608 (likewise)
