"""A BulkSink over the store: logged certificates into its bulk index, and how far each log was read into a file beside
it.

That file is replaced as a whole, after the rows were kept. One that cannot be read is an error and not a fresh start,
since every log would be read from its beginning again. It says of which store it is, and how late a state of it: beside
another store, or an earlier state, it would have entries passed over whose certificates are not there.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import msgspec

from sensor.ct.bulk import FLUSH_ROWS
from sensor.ct.logged import LoggedCertificate, LoggedIssuer, LogPosition
from sensor.ct.rows import OtherNamesError
from sensor.ct.schema import LOCKED, StoreError
from sensor.ct.store import Outcome, Store
from sensor.pki.certificates import Certificate, CertificateError, SignedCertificate, decode_certificate
from sensor.pki.der import DerError
from sensor.pki.issuers import UnsupportedSignatureError, is_signed_by
from sensor.pki.name_text import decode_name
from sensor.pki.names import common_name
from sensor.pki.serial import render_serial

_VERSION = 2
_MAX_POSITIONS_BYTES = 16 << 20
_LOCKED_TRIES = 30  # each waits 10 s for the lock (ct.schema)
_MAX_SUBJECT_CHARS = 1024
_ALL_NAMES = 1 << 16  # of a precertificate, which the client bounded by its octets


class _Positions(msgspec.Struct, forbid_unknown_fields=True):
    """The file: positions by the log's id in lower-case hex. Version 1 says nothing of the store."""

    logs: dict[str, LogPosition]
    version: int = 1
    store: str = ""  # its id in lower-case hex
    generation: int = 0


class StoreSink:
    """Obeys `BulkSink`'s contract; everything added is written by `commit`, in one transaction."""

    def __init__(self, path: Path, max_names: int, flush_rows: int = FLUSH_ROWS) -> None:
        """Opens or makes the store, into which nobody else syncs meanwhile; `flush_rows`: see `Store`. Raises
        StoreError."""
        self._file = path.with_name(path.name + ".sync.json")
        self._store = Store(path, max_names, durable=True, flush_rows=flush_rows)
        self._issuers: dict[tuple[bytes, str], SignedCertificate] = {}
        self._untold: list[SignedCertificate] = []
        self._waiting: list[tuple[Sequence[LoggedCertificate], str, int]] = []
        self._refused = 0
        self.put_aside: Path | None = None
        """Where positions are now that lay beside this store and do not belong to it; all logs are read anew then."""
        try:
            self._positions = self._belonging(_load(self._file))
        except StoreError:
            self._store.close()
            raise

    def add_issuers(self, issuers: Sequence[LoggedIssuer]) -> None:
        for issuer in issuers:
            try:
                certificate = decode_certificate(issuer.certificate, max_names=0)
            except CertificateError as error:
                raise ValueError("an issuer whose chain was not checked") from error
            self._issuers[issuer.key_sha256, decode_name(issuer.name)] = certificate
            self._untold.append(certificate)

    def add(self, certificates: Sequence[LoggedCertificate], source: str, learned_at: int) -> None:
        self._waiting.append((certificates, source, learned_at))

    def position(self, log_id: bytes) -> LogPosition | None:
        return self._positions.logs.get(log_id.hex())

    @property
    def refused(self) -> int:
        return self._refused

    def commit(self, log_id: bytes, position: LogPosition) -> int:
        self._refused = 0
        new = self._write() if self._untold or self._waiting else 0
        self._untold.clear()
        self._waiting.clear()
        self._positions.logs[log_id.hex()] = position
        self._positions.generation = self._store.state().generation
        _save(self._file, self._positions)
        try:
            self._store.flush_if_full()
        except StoreError as error:
            if error.reason != LOCKED:  # then after the next batch
                raise
        return new

    def close(self) -> None:
        self._store.close()

    def _belonging(self, positions: _Positions) -> _Positions:
        """Those of this store. Of others, the heads that were seen still bind the logs; how far they were read is put
        aside. Version 1 is believed to belong to whatever store is not empty."""
        state = self._store.state()
        is_ours = positions.store == state.store_id.hex() and positions.generation <= state.generation
        logs = positions.logs
        if logs and not is_ours and (positions.version != 1 or state.is_empty):
            self.put_aside = self._file.with_name(self._file.name + ".other")
            _save(self.put_aside, positions)
            logs = {
                log_id: msgspec.structs.replace(each, first_index=0, next_index=0, frontier=())
                for log_id, each in logs.items()
            }
        kept = _Positions(logs, _VERSION, state.store_id.hex(), state.generation)
        if self.put_aside is not None:
            _save(self._file, kept)
        return kept

    def _write(self) -> int:
        """While somebody else imports, it waits: a sync of weeks does not end for that."""
        for _ in range(_LOCKED_TRIES):
            try:
                return self._write_now()
            except StoreError as error:
                if error.reason != LOCKED:
                    raise
        return self._write_now()

    def _write_now(self) -> int:
        new = self._refused = 0
        with self._store.batch():
            for certificate in self._untold:
                self._store.trust(certificate)
            for certificates, source, learned_at in self._waiting:
                for logged in certificates:
                    new += self._put(logged, source, learned_at)
        return new

    def _put(self, logged: LoggedCertificate, source: str, learned_at: int) -> bool:
        facts = _facts(logged)
        issuer = self._issuers[logged.issuer_key_sha256, facts.issuer_name]

        def may_add() -> bool:
            return not logged.is_precertificate or _is_signed(logged, facts, issuer)

        try:
            given = self._store.add_given(facts, issuer, logged.issuer_name, source, learned_at, may_add)
        except OtherNamesError:
            self._refused += 1
            return False
        return given is Outcome.new


def _is_signed(logged: LoggedCertificate, facts: Certificate, issuer: SignedCertificate) -> bool:
    """Whether this issuer's key signed a precertificate with this serial and all of these names. One that was signed by
    a Precertificate Signing Certificate (RFC 6962 3.1), which no CA is known to use, is not."""
    try:
        given = decode_certificate(logged.precertificate, _ALL_NAMES).facts
        names = {*given.dns_names, *given.ip_addresses, *given.email_addresses}
        return (
            given.serial_number == facts.serial_number
            and names.issuperset((*facts.dns_names, *facts.ip_addresses, *facts.email_addresses))
            and is_signed_by(logged.precertificate, issuer.der)
        )
    except (CertificateError, UnsupportedSignatureError):
        return False


def _facts(logged: LoggedCertificate) -> Certificate:
    subject, called, left_out = _subject(logged.subject)
    return Certificate(
        serial_number=render_serial(b"\0" + logged.serial),
        issuer_name=decode_name(logged.issuer_name),
        subject_name=subject,
        common_name=called,
        dns_names=logged.dns_names,
        ip_addresses=logged.ip_addresses,
        email_addresses=logged.email_addresses,
        not_before=logged.not_before,
        not_after=logged.not_after,
        is_ca=logged.is_ca,
        must_staple=logged.must_staple,
        ocsp_urls=logged.ocsp_urls,
        crl_urls=logged.crl_urls,
        names_left_out=logged.names_left_out + left_out,
    )


@lru_cache(maxsize=256)
def _subject(der: bytes) -> tuple[str, str | None, bool]:
    """RFC 4514 text, common name, and whether there is one that is not fit to be shown; nothing of a broken Name."""
    try:
        called, has_one = common_name(der)
        return decode_name(der)[:_MAX_SUBJECT_CHARS], called, has_one and called is None
    except DerError:
        return "", None, False


def _load(path: Path) -> _Positions:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_POSITIONS_BYTES + 1)
    except FileNotFoundError:
        return _Positions({})
    except OSError as error:
        raise StoreError(path, error.strerror or "cannot be read") from None
    try:
        positions = msgspec.json.decode(text, type=_Positions)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(path, f"says how far logs were read, and is damaged: {error}") from None
    if not 1 <= positions.version <= _VERSION:
        raise StoreError(path, "made by a newer ocspwatch")
    return positions


def _save(path: Path, positions: _Positions) -> None:
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        draft = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(positions))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(path, f"cannot be written: {error.strerror or error}") from None
