"""Questions to an open store: which issuer do these hashes name, which certificate has this issuer and serial."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from sensor.ct.lookup import MAX_CRL_USE, CrlUse, Found, Issuer, KnownIssuer, NotFound
from sensor.ct.partitions import Partitions
from sensor.ct.rows import RowError, UrlSet, certificate_of, decode_row, decode_urls
from sensor.ct.run_file import parse_ident
from sensor.ct.schema import KNOWN, TEXT
from sensor.ocsp.model import CertId
from sensor.pki.issuers import ALGORITHMS

K = TypeVar("K")
V = TypeVar("V")

_MAX_REMEMBERED = 16384  # issuers, URL sets, sources: a few thousand in the public PKI
_ALGORITHM_NUMBERS = {name: number for number, name in enumerate(ALGORITHMS)}

_HASHES = "SELECT issuer FROM issuer_hash WHERE algorithm = ? AND name_hash = ? AND key_hash = ?"
_ROW = (  # one statement: of one moment
    "SELECT generation, (SELECT row FROM certificate WHERE issuer = ?1 AND serial = ?2), "
    "(SELECT row FROM recent WHERE issuer = ?1 AND serial = ?2) FROM bulk"
)
_WITH_CRL = (
    "SELECT certificate.issuer, certificate.serial, certificate.row FROM crl_url CROSS JOIN certificate "
    "ON certificate.crls = crl_url.url_set WHERE crl_url.url = ? LIMIT ?"
)
_CRL_USE = (
    "SELECT crl_use.issuer, crl_use.serial FROM crl_url CROSS JOIN crl_use ON crl_use.url_set = crl_url.url_set "
    "WHERE crl_url.url = ? LIMIT ?"
)
_ANY_ISSUER = (
    "SELECT issuer.number, {0}.row FROM issuer CROSS JOIN {0} ON {0}.issuer = issuer.number AND {0}.serial = ?"
)
_NAMESAKES = "SELECT number, kind FROM issuer WHERE name = ? AND kind IN (?, ?)"


class StoredIssuer(msgspec.Struct, frozen=True):
    """An issuer and what is known of its key: schema.KNOWN, CLAIMED or TEXT."""

    issuer: Issuer
    kind: int


class StoreReader:
    """Reads one connection and remembers what certificates share.

    Every method may raise sqlite3.Error or RowError, which mean that the store could not be asked.
    """

    def __init__(self, connection: sqlite3.Connection, partitions: Partitions | None = None) -> None:
        """`partitions`: the files, if they are open already."""
        self._connection = connection
        self._partitions = partitions or Partitions(connection)
        self.forget()

    def load(self) -> None:
        """Opens the files of the bulk index, which is otherwise done when the first of them is needed."""
        self._partitions.load()

    def close(self) -> None:
        """Closes them; the connection stays open."""
        self._partitions.close()

    def forget(self) -> None:
        """Remembers nothing: the store has changed."""
        self._issuers: dict[int, StoredIssuer] = {}
        self._numbers: dict[tuple[str, bytes, bytes], int | None] = {}
        self._words: dict[int, int | None] = {}
        self._urls: dict[int, UrlSet] = {}
        self._sources: dict[int, str] = {}

    def data_version(self) -> int:
        """Changes when another connection has changed the store."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def find(self, cert_id: CertId) -> Found | NotFound:
        """The answer to one CertID."""
        number = self._issuer_number(cert_id)
        if number is None:
            return NotFound()
        issuer = self.issuer(number).issuer
        try:
            serial = bytes.fromhex(cert_id.serial_number)
        except ValueError:  # negative, or cut at a limit: no certificate here has such a serial
            return NotFound(issuer)
        blob = self._row(number, serial)
        if blob is None and (in_words := self._in_words(number, issuer.name)) is not None:
            blob = self._row(in_words, serial)
        return NotFound(issuer) if blob is None else self._found(blob, serial, issuer)

    def _row(self, issuer: int, serial: bytes) -> object | None:
        found = self._connection.execute(_ROW, (issuer, serial)).fetchone()
        if found is None:
            raise RowError("what says which partitions there are is missing")
        generation, imported, recent = found
        if imported is not None or recent is not None:
            return recent if imported is None else imported  # type: ignore[no-any-return]  # SQLite keeps any type
        return self._partitions.find(generation, issuer, serial)

    def find_serial(self, serial: bytes) -> Iterator[tuple[StoredIssuer, Found]]:
        """Every certificate with this serial (magnitude, no leading zeros), under whatever issuer."""
        blobs: dict[int, object] = {}
        for table in ("certificate", "recent"):
            for number, blob in self._connection.execute(_ANY_ISSUER.format(table), (serial,)).fetchall():
                blobs.setdefault(number, blob)
        for ident, blob in self._partitions.with_serial(serial):
            blobs.setdefault(parse_ident(ident)[0], blob)
        found = [(self.issuer(number), blob) for number, blob in blobs.items()]
        for stored, blob in sorted(found, key=lambda each: (each[0].kind, each[0].issuer.name, each[0].issuer.number)):
            yield stored, self._found(blob, serial, stored.issuer)

    def with_crl(self, url: str, most: int = MAX_CRL_USE) -> CrlUse:
        """Certificates that name the CRL at this address (`pki.names.url_key`), `most` at most."""
        rows = self._connection.execute(_WITH_CRL, (url, most + 1)).fetchall()
        imported = {each[:2] for each in rows}  # these may have been synced, too
        rows += [each for each in self._bulk_rows(url, most + 1) if each[:2] not in imported][: most + 1 - len(rows)]
        found = tuple(self._found(blob, serial, self.issuer(number).issuer) for number, serial, blob in rows)
        return CrlUse(found[:most], len(found) > most)

    def _bulk_rows(self, url: str, limit: int) -> list[tuple[int, bytes, object]]:
        used = self._connection.execute(_CRL_USE, (url, limit)).fetchall()
        found = ((number, serial, self._row(_integer(number), _octets(serial))) for number, serial in used)
        return [each for each in found if each[2] is not None]

    def issuer(self, number: int) -> StoredIssuer:
        """The issuer with this number."""
        stored = self._issuers.get(number)
        if stored is None:
            row = self._connection.execute(
                "SELECT kind, name, common_name FROM issuer WHERE number = ?", (number,)
            ).fetchone()
            if row is None or not isinstance(row[1], str) or not isinstance(row[2], str):
                raise RowError("an issuer that is not there")
            stored = StoredIssuer(Issuer(number, row[1], row[2]), _integer(row[0]))
            _room(self._issuers)[number] = stored
        return stored

    def known_issuers(self, name: str) -> list[KnownIssuer]:
        """The CAs of this name (RFC 4514 text) whose certificates are here: several after a change of keys."""
        rows = self._connection.execute(
            "SELECT number, common_name, certificate FROM issuer WHERE name = ? AND kind = ? ORDER BY number",
            (name, KNOWN),
        ).fetchall()
        return [KnownIssuer(Issuer(number, name, common_name), der) for number, common_name, der in rows]

    def issuer_certificate(self, number: int) -> bytes | None:
        """The certificate (DER) of the issuer with this number, None if it was never imported."""
        row = self._connection.execute(
            "SELECT certificate FROM issuer WHERE number = ? AND kind = ?", (number, KNOWN)
        ).fetchone()
        if row is None:
            return None
        if not isinstance(row[0], bytes):
            raise RowError("a certificate of another type")
        return row[0]

    def hashes(self, number: int) -> list[tuple[bytes, bytes]]:
        """Name hash and key hash of an issuer, under every algorithm."""
        return self._connection.execute(
            "SELECT name_hash, key_hash FROM issuer_hash WHERE issuer = ? ORDER BY algorithm", (number,)
        ).fetchall()

    def _issuer_number(self, cert_id: CertId) -> int | None:
        key = (cert_id.hash_algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash)
        try:
            return self._numbers[key]
        except KeyError:
            pass
        algorithm = _ALGORITHM_NUMBERS.get(cert_id.hash_algorithm)
        if algorithm is None:
            return None
        row = self._connection.execute(
            _HASHES, (algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash)
        ).fetchone()
        number = None if row is None else _integer(row[0])
        _room(self._numbers)[key] = number
        return number

    def _in_words(self, number: int, name: str) -> int | None:
        """The TEXT issuer that can only be this one (schema: exactly one of either kind)."""
        if number not in self._words:
            rows = self._connection.execute(_NAMESAKES, (name, KNOWN, TEXT)).fetchall()
            known = [n for n, kind in rows if kind == KNOWN]
            text = [n for n, kind in rows if kind == TEXT]
            _room(self._words)[number] = text[0] if known == [number] and len(text) == 1 else None
        return self._words[number]

    def _found(self, blob: object, serial: bytes, issuer: Issuer) -> Found:
        row = decode_row(blob)
        urls = self._urls.get(row.urls)
        if urls is None:
            urls = decode_urls(self._shared("SELECT urls FROM url_set WHERE number = ?", row.urls))
            _room(self._urls)[row.urls] = urls
        source = self._sources.get(row.source)
        if source is None:
            source = str(self._shared("SELECT text FROM source WHERE number = ?", row.source))
            _room(self._sources)[row.source] = source
        return Found(certificate_of(row, serial, issuer.name, urls), issuer, source, row.learned_at)

    def _shared(self, statement: str, number: int) -> object:
        row = self._connection.execute(statement, (number,)).fetchone()
        if row is None:
            raise RowError("a row that refers to nothing")
        return row[0]


def _integer(value: object) -> int:
    """SQLite keeps any type in any column."""
    if not isinstance(value, int):
        raise RowError("a number of another type")
    return value


def _octets(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise RowError("a serial number of another type")
    return value


def _room(remembered: dict[K, V]) -> dict[K, V]:
    """The same dict, emptied if it is full."""
    if len(remembered) >= _MAX_REMEMBERED:
        remembered.clear()
    return remembered
