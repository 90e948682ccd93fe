"""What many rows of the store share, by its number: issuers, sources, sets of URLs; made where it is not there yet."""

from __future__ import annotations

import sqlite3

from sensor.ct.rows import UrlSet, encode_urls
from sensor.pki.names import url_key


class Numbers:
    """Within a transaction of whoever owns the connection, who calls `forget` when one was undone, and when somebody
    else changed the file. Methods may raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.forget()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._issuers) + len(self._urls) + len(self._sources)

    def forget(self) -> None:
        """All are asked for anew."""
        self._issuers: dict[tuple[int, str, bytes], int] = {}
        self._urls: dict[UrlSet, int] = {}
        self._sources: dict[str, int] = {}
        self.with_crls: set[int] = set()
        """Of the numbers given for sets of URLs, those of sets that hold CRLs."""

    def issuer(self, kind: int, name: str, key_id: bytes, display: str, der: bytes = b"") -> int:
        """By kind, name and key; `display` and its certificate are kept if it is new."""
        key = (kind, name, key_id)
        number = self._issuers.get(key)
        if number is None:
            number = self._issuers[key] = self._number(
                "SELECT number FROM issuer WHERE kind = ? AND name = ? AND key_id = ?",
                key,
                "INSERT INTO issuer (kind, name, key_id, common_name, certificate) VALUES (?, ?, ?, ?, ?)",
                (*key, display, der),
            )
        return number

    def forget_issuer(self, kind: int, name: str, key_id: bytes) -> None:
        """It is gone."""
        self._issuers.pop((kind, name, key_id), None)

    def source(self, text: str) -> int:
        """Where something was learnt."""
        number = self._sources.get(text)
        if number is None:
            number = self._sources[text] = self._number(
                "SELECT number FROM source WHERE text = ?", (text,), "INSERT INTO source (text) VALUES (?)", (text,)
            )
        return number

    def known_source(self, text: str) -> int | None:
        """As `source`, of which none is made."""
        number = self._sources.get(text)
        if number is None:
            row = self._connection.execute("SELECT number FROM source WHERE text = ?", (text,)).fetchone()
            number = None if row is None else int(row[0])
        return number

    def url_set(self, urls: UrlSet) -> int:
        """OCSP and CRL URLs; the latter lead to it from then on."""
        number = self._urls.get(urls)
        if number is None:
            blob = (encode_urls(urls),)
            number = self._urls[urls] = self._number(
                "SELECT number FROM url_set WHERE urls = ?", blob, "INSERT INTO url_set (urls) VALUES (?)", blob
            )
            self._connection.executemany(
                "INSERT OR IGNORE INTO crl_url VALUES (?, ?)", [(url_key(url), number) for url in urls[1]]
            )
            if urls[1]:
                self.with_crls.add(number)
        return number

    def _number(self, select: str, key: tuple[object, ...], insert: str, values: tuple[object, ...]) -> int:
        """The number of a row that is made if it is not there."""
        row = self._connection.execute(select, key).fetchone()
        if row is None:
            return int(self._connection.execute(insert, values).lastrowid or 0)
        return int(row[0])
