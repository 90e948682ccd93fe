"""One question after the other: what is asked is remembered, and a server that fails is left alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from sensor.crtsh.pace import Breaker, Pace
from sensor.crtsh.pages import AskError, Getter, Pages
from sensor.crtsh.remembered import Asked, Outcome, Remembered
from sensor.crtsh.resolver import SOURCE, Answers, Resolver
from sensor.ct.pruning import forget
from sensor.ct.schema import LOCKED, StoreError
from sensor.ocsp.model import CertId
from sensor.online.fetching import Fetcher
from sensor.settings import CtSettings, OnlineSettings

_MAX_REASONS: Final = 32
_OTHER: Final = "other reasons"
_DAY_S: Final = 86400
_MAX_SERIAL: Final = 42  # hex digits: 20 octets (RFC 5280 4.1.2.2), and one for those who count wrong


class NotAskedError(Exception):
    """crt.sh is left alone for now; one line that says why."""


class Counts(msgspec.Struct):
    """Of one run. `asked` = `found` + `not_found` + `failed`; `recalled`: from before; `reasons` of failures."""

    asked: int = 0
    found: int = 0
    not_found: int = 0
    failed: int = 0
    recalled: int = 0
    not_asked: int = 0
    reasons: dict[str, int] = msgspec.field(default_factory=dict)


class AnswersKept:
    """How long the store at `path` keeps what crt.sh answered: `days`, for good if 0."""

    def __init__(self, path: Path, days: int, clock: Callable[[], float]) -> None:
        """`clock`: seconds since 1970."""
        self._path = path
        self._keep_s = days * _DAY_S
        self._clock = clock
        self._trimmed_at = 0.0

    def trim(self) -> None:
        """Once a day; a store that is locked, another time. Raises StoreError."""
        now = self._clock()
        if not self._keep_s or abs(now - self._trimmed_at) < _DAY_S or not self._path.exists():
            return
        try:
            forget(self._path, SOURCE, int(now) - self._keep_s)
        except StoreError as error:
            if error.reason != LOCKED:
                raise
            return
        self._trimmed_at = now


class Desk:
    """One thread uses it."""

    def __init__(
        self,
        resolver: Resolver,
        remembered: Remembered,
        breaker: Breaker,
        pace: Pace,
        answers: AnswersKept | None = None,
    ) -> None:
        self._resolver = resolver
        self._remembered = remembered
        self._breaker = breaker
        self._pace = pace
        self._answers = answers
        self.counts = Counts()

    @property
    def requests(self) -> int:
        """HTTP requests, or queries, made."""
        return self._pace.requests

    def recall(self, serial: str, wanted: CertId | None = None) -> Asked | None:
        """What became of this question before. Raises StoreError."""
        said = self._remembered.get(_question(serial, wanted))
        self.counts.recalled += said is not None
        return said

    def ask(self, serial: str, wanted: CertId | None = None) -> Asked:
        """Asks, whatever is remembered; what was found is in the store. Raises NotAskedError, StoreError, Stopped."""
        if self._answers is not None:
            self._answers.trim()
        left = self._breaker.open_for()
        if left > 0:
            self.counts.not_asked += 1
            raise NotAskedError(f"crt.sh is not asked for {left:,.0f} s: it failed, or wants to be left alone")
        question = _question(serial, wanted)
        counts = self.counts
        counts.asked += 1
        try:
            resolved = self._resolver.resolve(serial, wanted)
        except AskError as error:
            reason = str(error)
            counts.failed += 1
            kept = reason if reason in counts.reasons or len(counts.reasons) < _MAX_REASONS else _OTHER
            counts.reasons[kept] = counts.reasons.get(kept, 0) + 1
            self._breaker.failed(error.leave_for_s)
            said = Asked(Outcome.failed, 0.0, reason)
        else:
            self._breaker.worked()
            said = Asked(Outcome.found if resolved.certificates else Outcome.not_found, 0.0, "")
            counts.found += bool(resolved.certificates)
            counts.not_found += not resolved.certificates
        self._remembered.put(question, said.outcome, said.reason)
        return said

    def close(self) -> None:
        """Raises StoreError."""
        self._remembered.close()


def may_be_asked(serial: str) -> bool:
    """Whether a certificate can have this serial number (`render_serial` text): it is not negative, nor too long."""
    return not serial.startswith("-") and len(serial) <= _MAX_SERIAL and serial.isalnum()


def asked_path(store: Path) -> Path:
    """The file beside a store that remembers what was asked."""
    return store.with_name(store.name + ".asked")


def open_desk(
    path: Path,
    ct: CtSettings,
    settings: OnlineSettings,
    stop: threading.Event,
    getter: Getter | None = None,
    clock: Callable[[], float] = time.time,
) -> Desk:
    """A desk for the store at `path`; asks nobody yet. Raises MissingLibraryError and StoreError."""
    pace = Pace(settings.requests_per_minute, settings.burst, stop)
    pages: Answers
    if settings.crtsh_database:
        from sensor.crtsh.database import Database

        pages = Database(pace, settings, ct)
    else:
        getter = getter or Fetcher(settings.timeout_s, settings.max_answer_bytes, connections=1)
        pages = Pages(getter, pace, settings, ct)
    answers = AnswersKept(path, settings.keep_days, clock)
    answers.trim()
    return Desk(
        Resolver(pages, path, ct, settings, clock),
        Remembered(asked_path(path), settings, clock),
        Breaker(settings.breaker_failures, settings.breaker_s),
        pace,
        answers,
    )


def _question(serial: str, wanted: CertId | None) -> str:
    if wanted is None:
        return serial
    return f"{serial} {wanted.hash_algorithm} {wanted.issuer_name_hash.hex()} {wanted.issuer_key_hash.hex()}"
