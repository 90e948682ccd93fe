"""A store's contents into a cluster: what is verified, and has not expired, in batches. Doing it again changes nothing.

Rows of issuers whose certificates are not known, and crt.sh's mere words, stay behind: the cluster has issuers' keys
for whatever it names. Several machines may load one cluster at the same time; of two rows of one certificate the later
one stays.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from sensor.cluster.entries import MAX_SERIAL_BYTES, Keys, encode_entry, issuer_id
from sensor.cluster.lookup import Asker
from sensor.cluster.node import Command
from sensor.cluster.nodes import Lost
from sensor.ct.contents import Contents, contents_of
from sensor.ct.lookup import MAX_CRL_USE
from sensor.ct.reader import StoreReader
from sensor.ct.rows import RowError, certificate_of, decode_row, decode_urls
from sensor.ct.schema import KNOWN, StoreError, one_line, open_to_read
from sensor.pki.certificates import CertificateError, SignedCertificate, decode_certificate
from sensor.pki.issuers import ALGORITHMS
from sensor.pki.names import plain_text

BATCH: Final = 512
_TRIES: Final = 6
_FIRST_WAIT_S: Final = 0.5
_MAX_SHARED: Final = 1 << 17  # URL sets and sources that are remembered


class PushError(Exception):
    """The cluster does not take it, however often it is asked: one line. What was written is right."""


class Pushed(msgspec.Struct):
    """`old`: learnt before the moment asked for; `unverified`: of an issuer whose certificate is not known."""

    issuers: int = 0
    certificates: int = 0
    crls: int = 0
    expired: int = 0
    old: int = 0
    unverified: int = 0

    @property
    def seen(self) -> int:
        """Certificates looked at."""
        return self.certificates + self.expired + self.old + self.unverified


class Push:
    """One run of it."""

    def __init__(
        self,
        path: Path,
        nodes: Asker,
        prefix: str,
        now: int,
        since: int = 0,
        stop: threading.Event | None = None,
        told: Callable[[Pushed], None] | None = None,
    ) -> None:
        """`now` and `since`, before which nothing was learnt that is wanted, in seconds since 1970. `told` hears of
        every batch."""
        self._path = path
        self._nodes = nodes
        self._keys = Keys(prefix)
        self._now = now
        self._since = since
        self._stop = stop or threading.Event()
        self._told = told
        self._ids: dict[int, bytes] = {}
        self.done = Pushed()

    def run(self) -> Pushed:
        """Issuers first, so that nothing is there without its issuer. Raises StoreError, PushError."""
        connection = open_to_read(self._path, 10_000)
        if connection is None:
            raise StoreError(self._path, "no cache there")
        try:
            with one_line(self._path), closing(connection), contents_of(self._path, connection) as contents:
                self._issuers(contents.connection)
                self._certificates(contents)
                self._crls(contents)
        except (RowError, CertificateError) as error:
            raise StoreError(self._path, f"damaged: {error}") from None
        return self.done

    def _issuers(self, connection: sqlite3.Connection) -> None:
        for number, der in connection.execute("SELECT number, certificate FROM issuer WHERE kind = ?", (KNOWN,)):
            certificate = decode_certificate(der, 0)
            self._ids[number] = issuer_id(certificate)
            hashes = connection.execute(
                "SELECT algorithm, name_hash, key_hash FROM issuer_hash WHERE issuer = ?", (number,)
            ).fetchall()
            self._send(self._issuer_commands(certificate, self._ids[number], hashes))
            self.done.issuers += 1

    def _issuer_commands(
        self, certificate: SignedCertificate, named: bytes, hashes: Sequence[tuple[int, bytes, bytes]]
    ) -> list[Command]:
        keys = self._keys
        found: list[Command] = [(b"SET", keys.authority(named), certificate.der)]
        found.append((b"SADD", keys.name(certificate.facts.subject_name), named))
        for algorithm, name_hash, key_hash in hashes:
            if not 0 <= algorithm < len(ALGORITHMS):
                raise RowError("a hash of an unknown kind")
            found.append((b"SET", keys.issuer(ALGORITHMS[algorithm], name_hash, key_hash), named))
        return found

    def _certificates(self, contents: Contents) -> None:
        connection = contents.connection
        names = dict(connection.execute("SELECT number, name FROM issuer WHERE kind = ?", (KNOWN,)).fetchall())
        shared = _Shared(connection)
        batch: list[Command] = []
        for stored in contents.rows():
            row = decode_row(stored.row)
            ends = row.not_before + row.lifetime
            named = self._ids.get(stored.issuer)
            if named is None or len(stored.serial) > MAX_SERIAL_BYTES:
                self.done.unverified += 1
            elif ends <= self._now:
                self.done.expired += 1
            elif row.learned_at < self._since:
                self.done.old += 1
            else:
                urls = decode_urls(shared.urls(row.urls))
                facts = certificate_of(row, stored.serial, names[stored.issuer], urls)
                value = encode_entry(facts, plain_text(str(shared.source(row.source))) or "file", row.learned_at)
                key = self._keys.certificate(named, stored.serial)
                batch.append((b"SET", key, value, b"EXAT", b"%d" % ends))
                self.done.certificates += 1
            if len(batch) >= BATCH:
                self._send(batch)
                batch = []
        self._send(batch)

    def _crls(self, contents: Contents) -> None:
        reader = StoreReader(contents.connection, contents.partitions)
        for url in _crl_urls(contents.connection):
            use = reader.with_crl(url, MAX_CRL_USE + 1)
            members: list[bytes] = []
            last = 0
            for each in use.certificates:
                facts = each.certificate
                named = self._ids.get(each.issuer.number)
                if named is not None and facts.not_after > self._now:
                    members += [b"%d" % facts.not_after, named + bytes.fromhex(facts.serial_number)]
                    last = max(last, facts.not_after)
            if members:
                key, end = self._keys.crl(url), b"%d" % last
                self._send(
                    [
                        (b"ZADD", key, *members),
                        (b"ZREMRANGEBYRANK", key, b"0", b"%d" % (-MAX_CRL_USE - 2)),
                        (b"EXPIREAT", key, end, b"NX"),
                        (b"EXPIREAT", key, end, b"GT"),
                    ]
                )
                self.done.crls += 1

    def _send(self, commands: Sequence[Command]) -> None:
        """Until all are done: what a node did not take is sent again, each time after a longer wait. Raises
        PushError."""
        left = list(commands)
        for tries in range(_TRIES):
            if not left:
                break
            if self._stop.is_set() or (tries and self._stop.wait(_FIRST_WAIT_S * 2 ** (tries - 1))):
                raise PushError("stopped")
            replies = self._nodes.ask(left)
            lost = [reply.reason for reply in replies if isinstance(reply, Lost)]
            left = [command for command, reply in zip(left, replies, strict=True) if isinstance(reply, Lost)]
        if left:
            raise PushError(lost[0])
        if self._told is not None:
            self._told(self.done)


class _Shared:
    """URL sets and sources by their numbers. Raises RowError for one that is not there."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._urls: dict[int, object] = {}
        self._sources: dict[int, object] = {}

    def urls(self, number: int) -> object:
        return self._of(self._urls, "SELECT urls FROM url_set WHERE number = ?", number)

    def source(self, number: int) -> object:
        return self._of(self._sources, "SELECT text FROM source WHERE number = ?", number)

    def _of(self, known: dict[int, object], statement: str, number: int) -> object:
        if number not in known:
            row = self._connection.execute(statement, (number,)).fetchone()
            if row is None:
                raise RowError("a row that refers to nothing")
            if len(known) >= _MAX_SHARED:
                known.clear()
            known[number] = row[0]
        return known[number]


def _crl_urls(connection: sqlite3.Connection) -> Iterator[str]:
    for (url,) in connection.execute("SELECT DISTINCT url FROM crl_url ORDER BY url"):
        if not isinstance(url, str):
            raise RowError("a URL of another type")
        yield url
