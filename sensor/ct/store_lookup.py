"""Answers from the store's file, with a memory cache in front. Reads only, and works where there is no store yet."""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from sensor.ct.lookup import Answer, CrlUse, Found, Issuer, KnownIssuer, NotFound, Unavailable
from sensor.ct.reader import StoreReader
from sensor.ct.rows import RowError
from sensor.ct.schema import LOCKED, StoreError, default_path, describe, open_to_read
from sensor.ct.traffic import TrafficIssuers
from sensor.kept import Kept
from sensor.ocsp.model import CertId
from sensor.settings import CtSettings

_CHECK_S = 1.0  # an import elsewhere is noticed, and trouble tried again, after this
_NOBODY = NotFound()
_MAX_OFFERED_BYTES = 4096  # of a certificate that is known again by itself
_NAMES_AN_ENTRY = 16  # an answer with more names counts as several of the memory cache's entries


class StoreLookup:
    """The CtLookup of the store at `settings.path`. One thread uses it.

    Where there is no file every answer is NotFound, until one appears. A store that cannot be used when it is opened
    raises StoreError from the constructor; one that fails later makes its answers Unavailable, and is tried again
    after a second, so that a locked store costs one `busy_timeout_ms` a second and not one for every id.
    """

    def __init__(self, settings: CtSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds. Raises StoreError."""
        self.path = Path(settings.path) if settings.path else default_path()
        self._settings = settings
        self._clock = clock
        self._cache: OrderedDict[CertId, Answer] = OrderedDict()
        self._weight = 0
        self._forgotten = 0
        # In front of the cache and of what was judged, for what comes again as the same object, see kept.py: these take
        # an eighth of the time. All three are forgotten together.
        self._recent = Kept()
        self._offered = Kept()  # certificate: (issuer or None,)
        self._connection: sqlite3.Connection | None = None
        self._reader: StoreReader | None = None
        self._identity: tuple[int, ...] | None = None
        self._version = 0
        self._trouble: str | None = None
        self._traffic = TrafficIssuers(self._known_issuers, settings.max_certificate_bytes)
        self._next_check = clock() + _CHECK_S
        try:
            self._open()
        except StoreError as error:
            if error.reason != LOCKED:
                raise
            self._trouble = LOCKED

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
        if self._clock() >= self._next_check:
            self._check()
        recent = self._recent
        if len(ids) == 1:  # as nearly all are: without the function that is a list's comprehension
            return [recent.get(ids[0]) or self._answer(ids[0])]
        return [recent.get(cert_id) or self._answer(cert_id) for cert_id in ids]

    def _answer(self, cert_id: CertId) -> Answer:
        cache = self._cache
        answer = cache.get(cert_id)
        if answer is None:
            return self._ask(cert_id)
        cache.move_to_end(cert_id)
        if _weight(answer) == 1:
            self._recent.put(cert_id, answer)
        return answer

    def issuer_from_traffic(self, der: bytes) -> Issuer | None:
        offered: tuple[Issuer | None] | None = self._offered.get(der)
        if offered is not None:
            return offered[0]
        if self._reader is None:
            return None  # no store, so that nobody is trusted who could vouch for it
        accepted = self._traffic.count
        if self._reader is None and not accepted:
            return None  # nobody is known who could vouch: spares every run without a store the library's import
        try:
            issuer = self._traffic.offer(der)
        except sqlite3.Error as error:
            self._unavailable(describe(error))
            return None
        if len(der) <= _MAX_OFFERED_BYTES:
            self._offered.put(der, (issuer,))
        if self._traffic.count != accepted:  # "unknown issuer" may be wrong from now on
            self._recent.clear()
            for cert_id in [i for i, answer in self._cache.items() if answer == _NOBODY]:
                self._weight -= _weight(self._cache.pop(cert_id))
        return issuer

    def issuer_certificate(self, issuer: Issuer) -> bytes | None:
        if issuer.number < 0:
            return self._traffic.certificate(issuer.number)
        if self._reader is None or self._trouble is not None:
            return None
        try:
            return self._reader.issuer_certificate(issuer.number)
        except sqlite3.Error as error:
            self._unavailable(describe(error))
        except RowError as error:
            self._unavailable(f"damaged: {error}")
        return None

    def with_crl(self, url: str) -> CrlUse | Unavailable:
        self._check_if_due()
        if self._trouble is not None:
            return Unavailable(self._trouble)
        if self._reader is None:
            return CrlUse((), False)
        try:
            return self._reader.with_crl(url)
        except sqlite3.Error as error:
            return self._unavailable(describe(error))
        except RowError as error:
            return self._unavailable(f"damaged: {error}")

    def issuers_named(self, name: str) -> Sequence[KnownIssuer] | Unavailable:
        self._check_if_due()
        if self._trouble is not None:
            return Unavailable(self._trouble)
        try:
            return [*self._known_issuers(name), *self._traffic.named(name)]
        except sqlite3.Error as error:
            return self._unavailable(describe(error))

    @property
    def issuers_accepted(self) -> int:
        """How many issuers the traffic made known in this run."""
        return self._traffic.count

    def limits(self) -> dict[str, int]:
        return {"ct.memory_entries": self._forgotten, "ct.max_certificate_bytes": self._traffic.too_large}

    def close(self) -> None:
        self._drop()

    def _check_if_due(self) -> None:
        if self._clock() >= self._next_check:
            self._check()

    def _ask(self, cert_id: CertId) -> Answer:
        if self._trouble is not None:
            return Unavailable(self._trouble)
        answer: Found | NotFound = _NOBODY
        if self._reader is not None:
            try:
                answer = self._reader.find(cert_id)
            except sqlite3.Error as error:
                return self._unavailable(describe(error))
            except RowError as error:
                return self._unavailable(f"damaged: {error}")
        if isinstance(answer, NotFound) and answer.issuer is None and (issuer := self._traffic.issuer(cert_id)):
            answer = NotFound(issuer)
        self._keep(cert_id, answer)
        return answer

    def _keep(self, cert_id: CertId, answer: Found | NotFound) -> None:
        self._cache[cert_id] = answer
        self._weight += _weight(answer)
        while self._weight > self._settings.memory_entries:
            _, oldest = self._cache.popitem(last=False)
            self._weight -= _weight(oldest)
            self._forgotten += 1

    def _known_issuers(self, name: str) -> Sequence[KnownIssuer]:
        return self._reader.known_issuers(name) if self._reader else ()

    def _unavailable(self, reason: str) -> Unavailable:
        """Nothing is asked until the next check."""
        self._trouble = reason
        self._next_check = self._clock() + _CHECK_S
        return Unavailable(reason)

    def _check(self) -> None:
        """Once a second: is it the same file, and has it changed?"""
        self._next_check = self._clock() + _CHECK_S
        seen = self._seen()
        if self._trouble is None and seen == self._identity:
            if self._reader is None:
                return
            try:
                version = self._reader.data_version()
            except sqlite3.Error as error:
                self._unavailable(describe(error))
                return
            if version != self._version:
                self._version = version
                self._reader.forget()
                self._forget()
            return
        self._drop()
        try:
            self._open()
        except StoreError as error:
            self._trouble = error.reason

    def _open(self) -> None:
        before = self._identity = self._seen()
        self._connection = open_to_read(self.path, self._settings.busy_timeout_ms)
        if self._connection is not None:
            try:
                self._reader = StoreReader(self._connection)
                self._reader.load()
                self._version = self._reader.data_version()
            except sqlite3.Error as error:
                raise StoreError(self.path, describe(error)) from None
            except RowError as error:
                raise StoreError(self.path, f"damaged: {error}") from None
        after = self._seen()
        if (
            before and after
        ):  # of its own doing there may be a WAL now; the rest may be another's, and is looked at again
            self._identity = (*before[:-1], after[-1])

    def _drop(self) -> None:
        if self._reader is not None:
            self._reader.close()
        if self._connection is not None:
            self._connection.close()
        self._connection = self._reader = self._trouble = None
        self._forget()

    def _forget(self) -> None:
        self._cache.clear()
        self._recent.clear()
        self._offered.clear()
        self._weight = 0
        self._traffic.forget_judgements()

    def _seen(self) -> tuple[int, ...] | None:
        """What tells this file from another in its place. A file opened as unchanging (read-only folder) tells by
        this alone that it did change."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        waiting = self.path.with_name(self.path.name + "-wal").exists()
        return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size, waiting


def _weight(answer: Answer) -> int:
    return 1 + len(answer.certificate.dns_names) // _NAMES_AN_ENTRY if isinstance(answer, Found) else 1
