"""What a store holds, counted, each certificate once: reads its tables, and looks into the bulk index's files for what
is in the tables, too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec

from sensor.ct.months import render_month
from sensor.ct.partitions import Partitions
from sensor.ct.rows import RowError
from sensor.ct.schema import CLAIMED, KNOWN, TEXT, StoreError

_BY_ISSUER = (
    "SELECT issuer, count(*) FROM certificate GROUP BY issuer UNION ALL "
    "SELECT issuer, count(*) FROM recent GROUP BY issuer UNION ALL SELECT issuer, rows FROM run_issuer"
)
_IN_TABLES = ("SELECT issuer, serial FROM certificate", "SELECT issuer, serial FROM recent")
_BY_MONTH = (
    "SELECT month, sum(certificates), count(*), sum(bytes) FROM "
    "(SELECT name, month, bytes, (SELECT sum(rows) FROM run_issuer WHERE run = name) AS certificates FROM run) "
    "GROUP BY month ORDER BY month"
)


class IssuerCount(msgspec.Struct, frozen=True):
    """An issuer's name (RFC 4514 text) and its certificates."""

    name: str
    certificates: int


class MonthCount(msgspec.Struct, frozen=True):
    """What is in the bulk index's files of certificates that expire in `month`, such as 2027-03."""

    month: str
    certificates: int
    files: int
    bytes: int


class StoreStats(msgspec.Struct, frozen=True):
    """`bytes` with the WAL and the bulk index's files, which `months` are about; `recent` wait to go into such files.
    `issuers` have their certificate here, and `by_issuer` counts theirs; `missing` are named
    by certificates, or by crt.sh, and would let those be found if they were imported. Both most first."""

    path: str
    bytes: int
    certificates: int
    issuers: int
    waiting: int
    by_issuer: tuple[IssuerCount, ...]
    missing: tuple[IssuerCount, ...]
    sources: tuple[str, ...]
    recent: int = 0
    months: tuple[MonthCount, ...] = ()


def count_store(path: Path, connection: sqlite3.Connection) -> StoreStats:
    """Of one moment. May raise sqlite3.Error and StoreError."""
    try:
        with closing(Partitions(connection)) as partitions, partitions.one_moment():
            return _count(path, connection, partitions)
    except RowError as error:
        raise StoreError(path, f"damaged: {error}") from None


def _count(path: Path, connection: sqlite3.Connection, partitions: Partitions) -> StoreStats:
    counts: dict[int, int] = {}
    for number, count in connection.execute(_BY_ISSUER):
        counts[number] = counts.get(number, 0) + count
    for number in _counted_twice(connection, partitions):
        counts[number] -= 1
    months = tuple(
        MonthCount(render_month(month), rows, files, size)
        for month, rows, files, size in connection.execute(_BY_MONTH).fetchall()
    )
    wanted = set(missing_issuers(connection))
    by_issuer: dict[str, int] = {}
    missing: dict[str, int] = {}
    known = 0
    for number, kind, name in connection.execute("SELECT number, kind, name FROM issuer").fetchall():
        group = missing if kind != KNOWN and name in wanted else by_issuer
        group[name] = group.get(name, 0) + counts.get(number, 0)
        known += kind == KNOWN
    return StoreStats(
        path=str(path),
        bytes=sum(p.stat().st_size for p in (path, path.with_name(path.name + "-wal")) if p.exists())
        + sum(each.bytes for each in months),
        certificates=sum(counts.values()),
        issuers=known,
        waiting=sum(missing.values()),
        by_issuer=_ranked(by_issuer),
        missing=_ranked(missing),
        sources=tuple(text for (text,) in connection.execute("SELECT text FROM source ORDER BY text")),
        recent=int(connection.execute("SELECT count(*) FROM recent").fetchone()[0]),
        months=months,
    )


def _counted_twice(connection: sqlite3.Connection, partitions: Partitions) -> Iterator[int]:
    """The issuer of each certificate of the tables that a file has, too: imported after it was synced, or with a name
    that was learnt later."""
    for statement in _IN_TABLES:
        for issuer, serial in connection.execute(statement):
            if not isinstance(issuer, int) or not isinstance(serial, bytes):
                raise RowError("a key of another type")
            if partitions.find(partitions.generation, issuer, serial) is not None:
                yield issuer


def missing_issuers(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Names for which certificates wait, or whose words from crt.sh fit none or several. May raise sqlite3.Error."""
    kinds: dict[str, list[int]] = {}
    for name, kind in connection.execute(
        "SELECT name, kind FROM issuer WHERE name IN (SELECT name FROM issuer WHERE kind != ?)", (KNOWN,)
    ):
        kinds.setdefault(name, []).append(kind)
    return tuple(
        sorted(
            name
            for name, found in kinds.items()
            if CLAIMED in found or (TEXT in found and not found.count(TEXT) == found.count(KNOWN) == 1)
        )
    )


def _ranked(counts: dict[str, int]) -> tuple[IssuerCount, ...]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(IssuerCount(name, count) for name, count in ranked if count)
