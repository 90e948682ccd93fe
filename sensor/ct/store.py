"""Writes the store: certificates under the issuer whose key signed them, or where they wait for that issuer.

The rules are in `schema`'s docstring. Nothing reaches a KNOWN issuer's rows without its signature, or a CT log's word
for it (`add_given`).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sensor.ct.authorities import (
    Ca,
    ClaimedKey,
    RefusedError,
    ca_of,
    claimed_by,
    claimed_with,
    decode_stored,
    is_authority,
    may_sign_authorities,
    signed_itself,
)
from sensor.ct.bulk import BulkRows, StoreState
from sensor.ct.imported import ImportedRows
from sensor.ct.numbers import Numbers
from sensor.ct.partitions import folder_of
from sensor.ct.rows import Row, RowError, always, row_of
from sensor.ct.schema import CLAIMED, KNOWN, TEXT, StoreError, one_line, open_to_write
from sensor.ct.stats import missing_issuers
from sensor.pki.certificates import (
    Certificate,
    SignedCertificate,
    issuer_name_der,
)
from sensor.pki.issuers import ALGORITHMS, UnsupportedSignatureError, is_signed_by, issuer_hashes
from sensor.pki.name_text import decode_name
from sensor.pki.names import display_name

_MAX_REMEMBERED = 16384
_PAGE = 500  # waiting certificates verified between two looks at the table


class Outcome(enum.Enum):
    """What became of a certificate."""

    new = "new"
    waiting = "waiting"  # new, and its issuer's certificate is not here
    known = "known"  # its names, if there are others, were added


class Store:
    """The writing end; one at a time changes the file, others wait. Everything happens within `batch`."""

    def __init__(self, path: Path, max_names: int, durable: bool = False, flush_rows: int = 0) -> None:
        """Opens or makes the store. `durable`: the disk has a batch when it is done. `flush_rows`: what is given to
        `add_given` goes into the bulk index, whose files are made when so many rows wait for it. Raises StoreError."""
        self.path = path
        self.resolved = 0  # certificates that waited and now have their issuer
        self.dropped = 0  # certificates that waited, and turned out not to be signed by the issuer they claimed
        self._max_names = max_names
        self._connection = open_to_write(path)
        if durable:
            self._connection.execute("PRAGMA synchronous=FULL")
        self._numbers = Numbers(self._connection)
        self._imported = ImportedRows(self._connection, self._numbers, max_names)
        self._version = -1
        self._bulk: BulkRows | None = None
        if flush_rows:
            try:
                with self._files():
                    self._bulk = BulkRows(path, self._connection, max_names, flush_rows)
            except StoreError:
                self._connection.close()
                raise
        self._forget()

    def close(self) -> None:
        """Gives back the space of those who waited, and folds the WAL into the file. Raises StoreError."""
        with one_line(self.path):
            self._imported.close()
            if self._bulk is not None:
                self._bulk.close()
            try:
                (free,), (pages,) = (
                    self._connection.execute(f"PRAGMA {count}").fetchone() for count in ("freelist_count", "page_count")
                )
                if free > pages // 4:
                    self._connection.executescript("PRAGMA incremental_vacuum")  # execute() stops after one page
            finally:
                self._connection.close()

    def _forget(self) -> None:
        """Numbers remembered from a transaction that was undone, or from before someone else's, are not trusted."""
        self._cas: dict[str, list[Ca]] = {}
        self._hashed: set[tuple[int, bytes]] = set()
        self._numbers.forget()
        if self._bulk is not None:
            self._bulk.forget()

    def _remembered(self) -> int:
        return len(self._cas) + len(self._hashed) + len(self._numbers)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All that is added within is kept, or, if an exception leaves it, nothing. Raises StoreError."""
        kept = False
        with self._one_line():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                (version,) = self._connection.execute("PRAGMA data_version").fetchone()
                if version != self._version or self._remembered() > _MAX_REMEMBERED:
                    self._version = version
                    self._forget()
                if self._bulk is not None:
                    self._bulk.mark()
                yield
                self._connection.execute("COMMIT")
                kept = True
            finally:
                if not kept:
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    self._forget()

    @contextmanager
    def _one_line(self) -> Iterator[None]:
        with one_line(self.path):
            try:
                yield
            except RowError as error:
                raise StoreError(self.path, f"damaged: {error}") from None

    def state(self) -> StoreState:
        """Of a store that is opened with `flush_rows`, between batches. Raises StoreError."""
        if self._bulk is None:
            raise ValueError("opened without its bulk index")
        with self._one_line():
            return self._bulk.state

    def flush_if_full(self) -> None:
        """Between batches: what waits for the bulk index's files goes there, if it is much. Raises StoreError."""
        if self._bulk is not None and self._bulk.is_full:
            with self._files():
                self._bulk.flush()

    @contextmanager
    def _files(self) -> Iterator[None]:
        with self._one_line():
            try:
                yield
            except OSError as error:
                raise StoreError(folder_of(self.path), f"cannot be written: {error.strerror or error}") from None

    def add(self, certificate: SignedCertificate, source: str, learned_at: int) -> Outcome:
        """One certificate; if it is a CA's, that CA is from now on trusted as an issuer, and those who waited for it
        are looked at. `learned_at` in seconds. Raises RefusedError and StoreError."""
        with self._one_line():
            row = self._row_of(certificate.facts, self._numbers.source(source), learned_at)
            if certificate.issuer_der == certificate.subject_der and signed_itself(certificate):
                ca = self._add_ca(certificate)
                return Outcome.new if self._imported.put(ca.number, certificate.serial, row) else Outcome.known
            outcome = self._add_signed(certificate, row)
            if certificate.may_sign_certificates:
                self._add_ca(certificate)
            return outcome

    def add_in_words(self, facts: Certificate, display: str, ca_id: str, source: str, learned_at: int) -> Outcome:
        """What a search of crt.sh says of a certificate: `facts.issuer_name` is its issuer's name, `ca_id` the issuer's
        number there; the serial is not negative. Raises StoreError."""
        with self._one_line():
            serial = bytes.fromhex(facts.serial_number)
            cas = self._known(facts.issuer_name)
            if len(cas) == 1 and self._imported.row(cas[0].number, serial) is not None:
                return Outcome.known
            issuer = self._numbers.issuer(TEXT, facts.issuer_name, ca_id.encode(), display)
            row = self._row_of(facts, self._numbers.source(source), learned_at)
            if not self._imported.put(issuer, serial, row):
                return Outcome.known
            return Outcome.new if len(cas) == 1 else Outcome.waiting

    def add_claimed(self, certificate: SignedCertificate, key_octets: bytes, source: str, learned_at: int) -> Outcome:
        """One that this key has signed, whosever it is: found by the hashes of that key and of the issuer's name, while
        it waits for a CA that has both. No CA becomes trusted by it. Raises RefusedError and StoreError."""
        with self._one_line():
            row = self._row_of(certificate.facts, self._numbers.source(source), learned_at)
            return self._add_signed(certificate, row, claimed_with(certificate, key_octets))

    def add_waiting(self, certificate: SignedCertificate, key: ClaimedKey, source: str, learned_at: int) -> Outcome:
        """One that waited for its issuer in another store, likewise. Raises RefusedError and StoreError."""
        with self._one_line():
            row = self._row_of(certificate.facts, self._numbers.source(source), learned_at)
            return self._add_signed(certificate, row, key)

    def trust(self, certificate: SignedCertificate, name_hashes: Sequence[tuple[int, bytes]] = ()) -> None:
        """Takes a CA as given: whoever calls has checked its chain up to a root (`ct.logged`). It is asked for by these
        hashes of its name, too (numbers in ALGORITHMS). Raises StoreError."""
        with self._one_line():
            ca = self._add_ca(certificate)
            keys = {each.algorithm: each.key_hash for each in issuer_hashes(b"", ca.key_octets)} if name_hashes else {}
            self._connection.executemany(
                "INSERT OR IGNORE INTO issuer_hash VALUES (?, ?, ?, ?)",
                [(number, hashed, keys[ALGORITHMS[number]], ca.number) for number, hashed in name_hashes],
            )

    def add_given(
        self,
        facts: Certificate,
        issuer: SignedCertificate,
        issuer_der: bytes,
        source: str,
        learned_at: int,
        may_add: Callable[[], bool] = always,
    ) -> Outcome:
        """A certificate of the CA `issuer`, by the word of a log; `issuer_der` is the issuer's Name in it. The serial
        is not negative. `may_add`: see `merge`. Raises OtherNamesError and StoreError."""
        with self._one_line():
            ca = self._add_ca(issuer)
            self._hash(ca, issuer_der)
            serial = bytes.fromhex(facts.serial_number)
            row = self._row_of(facts, self._numbers.source(source), learned_at)
            new = None
            if self._bulk is not None:
                new = self._bulk.put(ca.number, serial, row, row.urls in self._numbers.with_crls, may_add)
            if new is None:
                new = self._imported.put(ca.number, serial, row, may_add)
            return Outcome.new if new else Outcome.known

    def is_known_authority(self, certificate: SignedCertificate) -> bool:
        """Whether a CA of this name and with this key is trusted already. Raises StoreError."""
        with self._one_line():
            return any(
                ca.key_octets == certificate.key_octets for ca in self._known(decode_name(certificate.subject_der))
            )

    def is_vouched_for(self, certificate: SignedCertificate) -> bool:
        """Whether the key of a trusted CA signed it; if it is a CA's itself, of one that may sign such. Raises
        RefusedError (that CA is here, and did not) and StoreError."""
        with self._one_line():
            ca = self._signer(certificate)
            return ca is not None and (not is_authority(certificate) or may_sign_authorities(ca.certificate))

    def missing_issuers(self) -> tuple[str, ...]:
        """Names of issuers whose certificate would let more be found. Raises StoreError."""
        with self._one_line():
            return missing_issuers(self._connection)

    def _add_signed(self, certificate: SignedCertificate, row: Row, key: ClaimedKey | None = None) -> Outcome:
        """`key`: that of its issuer, where it is known, though not whose it is."""
        ca = self._signer(certificate)
        if ca is not None:
            self._hash(ca, certificate.issuer_der)
            return Outcome.new if self._imported.put(ca.number, certificate.serial, row) else Outcome.known
        key = key or claimed_by(certificate)
        name = certificate.facts.issuer_name
        issuer = self._numbers.issuer(CLAIMED, name, key.key_id, display_name(certificate.issuer_der))
        self._connection.executemany(
            "INSERT OR IGNORE INTO issuer_hash VALUES (?, ?, ?, ?)", [(*each, issuer) for each in key.hashes]
        )
        digest = hashlib.sha256(certificate.der).digest()[:16]
        self._connection.execute(
            "INSERT OR IGNORE INTO pending (issuer, serial, digest, der) VALUES (?, ?, ?, ?)",
            (issuer, certificate.serial, digest, certificate.der),
        )
        return Outcome.waiting if self._imported.put(issuer, certificate.serial, row) else Outcome.known

    def _signer(self, certificate: SignedCertificate) -> Ca | None:
        """The known CA whose key signed it; None if that CA is not here. Raises RefusedError if it is and did not."""
        for ca in self._known(certificate.facts.issuer_name):
            reason = "not signed by the issuer it names"
            try:
                if is_signed_by(certificate.der, ca.certificate):
                    return ca
            except UnsupportedSignatureError as error:
                reason = str(error)
            if certificate.authority_key_id in ca.key_ids:
                raise RefusedError(reason)
        return None

    def _add_ca(self, certificate: SignedCertificate) -> Ca:
        """Trusts this CA, if it is not yet; another certificate of the same name and key changes nothing."""
        name = decode_name(certificate.subject_der)
        key_id = hashlib.sha256(certificate.key_octets).digest()
        cas = self._known(name)
        number = self._numbers.issuer(KNOWN, name, key_id, display_name(certificate.subject_der), certificate.der)
        for ca in cas:
            if ca.number == number:
                return ca
        ca = ca_of(number, certificate)
        cas.append(ca)
        self._hash(ca, certificate.subject_der)
        self._resolve(name, ca)
        return ca

    def _known(self, name: str) -> list[Ca]:
        cas = self._cas.get(name)
        if cas is None:
            rows = self._connection.execute(
                "SELECT number, certificate FROM issuer WHERE name = ? AND kind = ? ORDER BY number", (name, KNOWN)
            ).fetchall()
            cas = self._cas[name] = [ca_of(number, decode_stored(der, self._max_names)) for number, der in rows]
        return cas

    def _resolve(self, name: str, ca: Ca) -> None:
        """Those who waited for a CA of this name move to it if its key signed them."""
        for number, key_id in self._connection.execute(
            "SELECT number, key_id FROM issuer WHERE name = ? AND kind = ?", (name, CLAIMED)
        ).fetchall():
            last = 0
            while page := self._connection.execute(
                "SELECT number, serial, der FROM pending WHERE issuer = ? AND number > ? ORDER BY number LIMIT ?",
                (number, last, _PAGE),
            ).fetchall():
                last = page[-1][0]
                for waiting, serial, der in page:
                    self._move(waiting, serial, number, der, ca, certain=key_id == ca.sha1)
            if not self._waits(number):
                self._connection.execute("DELETE FROM issuer_hash WHERE issuer = ?", (number,))
                self._connection.execute("DELETE FROM issuer WHERE number = ?", (number,))
                self._numbers.forget_issuer(CLAIMED, name, key_id)

    def _move(self, waiting: int, serial: bytes, claimed: int, der: bytes, ca: Ca, certain: bool) -> None:
        """`certain`: it can wait for no other key, so if this one did not sign it, it is forged, and goes."""
        try:
            signed = is_signed_by(der, ca.certificate)
        except UnsupportedSignatureError:
            signed = False
        if not signed and not certain:
            return
        self._connection.execute("DELETE FROM pending WHERE number = ?", (waiting,))
        self.resolved += signed
        self.dropped += not signed
        if signed:
            self._hash(ca, issuer_name_der(der))
        key = (claimed, serial)
        # Namesakes may have given the same serial, and a precertificate has its certificate's.
        others = self._connection.execute("SELECT der FROM pending WHERE issuer = ? AND serial = ?", key).fetchall()
        if signed and not others and self._imported.move(serial, claimed, ca.number):
            return
        self._part(key, der if signed else None, [other for (other,) in others], ca)

    def _part(self, key: tuple[int, bytes], signed: bytes | None, others: list[bytes], ca: Ca) -> None:
        """One row stood for several certificates: what `signed` gave to it goes to the CA, `others` keep the rest."""
        old = self._imported.row(*key)
        if old is None:
            raise RowError("a waiting certificate without its row")
        self._connection.execute("DELETE FROM certificate WHERE issuer = ? AND serial = ?", key)
        targets = [(ca.number, signed)] if signed is not None else []
        for issuer, der in [*targets, *((key[0], other) for other in others)]:
            facts = decode_stored(der, self._max_names).facts
            self._imported.put(issuer, key[1], self._row_of(facts, old.source, old.learned_at))

    def _waits(self, issuer: int) -> bool:
        return self._connection.execute("SELECT 1 FROM pending WHERE issuer = ?", (issuer,)).fetchone() is not None

    def _hash(self, ca: Ca, name_der: bytes) -> None:
        """This CA is asked about by these bytes of its name: its own, or what its certificates have for it."""
        if (ca.number, name_der) not in self._hashed:
            self._hashed.add((ca.number, name_der))
            self._connection.executemany(
                "INSERT OR REPLACE INTO issuer_hash VALUES (?, ?, ?, ?)",
                [
                    (ALGORITHMS.index(hashed.algorithm), hashed.name_hash, hashed.key_hash, ca.number)
                    for hashed in issuer_hashes(name_der, ca.key_octets)
                ],
            )

    def _row_of(self, facts: Certificate, source: int, learned_at: int) -> Row:
        return row_of(facts, source, learned_at, self._numbers.url_set((facts.ocsp_urls, facts.crl_urls)))
