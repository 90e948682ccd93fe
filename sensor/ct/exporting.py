"""A store as JSON lines that `ct import` takes back: a heading, the known issuers, then what they and others issued.

Every line is an object. An issuer's has its certificate, and under which hashes of its name (RFC 6960 4.1.1) it is
asked for; a certificate's, what is known of it; one whose issuer is not known, itself. Base64 is that of RFC 4648.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from sensor.ct.contents import Contents, Stored, contents_of
from sensor.ct.rows import RowError, certificate_of, decode_row, decode_urls
from sensor.ct.schema import CLAIMED, KNOWN, TEXT, StoreError, one_line
from sensor.pki.certificates import Certificate

HEADING: Final = b'{"ocspwatch_export":1}'


class IssuerLine(msgspec.Struct, forbid_unknown_fields=True):
    """A known issuer; `issuer` is its number in this file."""

    issuer: int
    certificate: bytes
    name_hashes: tuple[tuple[int, bytes], ...]  # number of the algorithm in pki.issuers.ALGORITHMS, hash


class FactsLine(msgspec.Struct, forbid_unknown_fields=True):
    """A certificate of that issuer; `ca_id` and `display` only where crt.sh's words are all that is known of it."""

    issuer: int
    facts: Certificate
    source: str
    learned_at: int
    ca_id: str | None = None
    display: str = ""


class WaitingLine(msgspec.Struct, forbid_unknown_fields=True):
    """A certificate whose issuer's is not there; what is known of that issuer's key, see `sources.ClaimedItem`."""

    waiting: bytes
    source: str
    learned_at: int
    key_id: bytes = b""
    hashes: tuple[tuple[int, bytes, bytes], ...] = ()


def export_lines(path: Path, connection: sqlite3.Connection) -> Iterator[bytes]:
    """Of one moment, without ends of lines. Raises StoreError; what came by then is right."""
    try:
        with one_line(path), contents_of(path, connection) as contents:
            yield HEADING
            yield from map(msgspec.json.encode, _lines(contents))
    except RowError as error:
        raise StoreError(path, f"damaged: {error}") from None


def _lines(contents: Contents) -> Iterator[IssuerLine | FactsLine | WaitingLine]:
    connection = contents.connection
    issuers = {
        number: (kind, name, display, key_id, der)
        for number, kind, name, display, key_id, der in connection.execute(
            "SELECT number, kind, name, common_name, key_id, certificate FROM issuer"
        )
    }
    for number, (kind, _, _, _, der) in issuers.items():
        if kind == KNOWN:
            hashes = connection.execute("SELECT algorithm, name_hash FROM issuer_hash WHERE issuer = ?", (number,))
            yield IssuerLine(number, der, tuple(hashes.fetchall()))
    sources = dict(connection.execute("SELECT number, text FROM source").fetchall())
    urls = {n: decode_urls(blob) for n, blob in connection.execute("SELECT number, urls FROM url_set")}
    for stored in contents.rows():
        row = decode_row(stored.row)
        if stored.issuer not in issuers or row.source not in sources or row.urls not in urls:
            raise RowError("a row that refers to nothing")
        kind, name, display, key_id, _ = issuers[stored.issuer]
        if kind == CLAIMED:
            yield from _waiting(connection, stored, key_id, sources[row.source], row.learned_at)
            continue
        facts = certificate_of(row, stored.serial, name, urls[row.urls])
        line = FactsLine(stored.issuer, facts, sources[row.source], row.learned_at)
        if kind == TEXT:
            line.ca_id, line.display = key_id.decode("ascii", "replace"), display
        yield line


def _waiting(
    connection: sqlite3.Connection, stored: Stored, key_id: bytes, source: str, learned_at: int
) -> Iterator[WaitingLine]:
    hashes = connection.execute(
        "SELECT algorithm, name_hash, key_hash FROM issuer_hash WHERE issuer = ? ORDER BY algorithm", (stored.issuer,)
    ).fetchall()
    for (der,) in connection.execute(
        "SELECT der FROM pending WHERE issuer = ? AND serial = ? ORDER BY number", (stored.issuer, stored.serial)
    ).fetchall():
        yield WaitingLine(der, source, learned_at, key_id, tuple(hashes))
