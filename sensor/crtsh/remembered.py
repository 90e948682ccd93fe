"""What crt.sh was asked, when, and what became of it: a file beside the store, so that a restart asks nothing twice.

A file of its own, and not a table of the store: it is written where the store is only read, may be deleted at any time,
and, unlike the store, says what the monitored users visit.
"""

from __future__ import annotations

import enum
import os
import random
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from sensor.ct.schema import StoreError, one_line
from sensor.settings import OnlineSettings

APPLICATION_ID: Final = 0x6F637361  # "ocsa"
_SCHEMA: Final = (
    "CREATE TABLE asked (question TEXT PRIMARY KEY, outcome INTEGER NOT NULL, at REAL NOT NULL, until REAL NOT NULL, "
    "reason TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX asked_at ON asked (at)",
)
_MAX_REASON: Final = 200
_TRIMMED: Final = 64  # at a time: one delete for many inserts


class Outcome(enum.IntEnum):
    """What became of a question."""

    found = 0
    not_found = 1
    failed = 2


class Asked(msgspec.Struct, frozen=True):
    """`at`: seconds since 1970; `reason` of a failure."""

    outcome: Outcome
    at: float
    reason: str


class Remembered:
    """One thread at a time uses it; several processes may."""

    def __init__(
        self, path: Path, settings: OnlineSettings, clock: Callable[[], float], rng: random.Random | None = None
    ) -> None:
        """Opens the file, or makes it (mode 0600). `clock`: seconds since 1970. Raises StoreError."""
        self._path = path
        self._clock = clock
        self._rng = rng or random.SystemRandom()
        self._ttl = {
            Outcome.found: settings.found_ttl_s,
            Outcome.not_found: settings.negative_ttl_s,
            Outcome.failed: settings.failure_ttl_s,
        }
        self._most = settings.max_remembered
        self._untrimmed = 0
        self._connection = _open(path)
        with one_line(path):  # what is no longer believed says what was visited all the same
            self._trim(clock())

    def get(self, question: str) -> Asked | None:
        """What is still believed; nothing that was asked after now. Raises StoreError."""
        now = self._clock()
        with one_line(self._path):
            row = self._connection.execute(
                "SELECT outcome, at, reason FROM asked WHERE question = ? AND at <= ? AND until > ?",
                (question, now, now),
            ).fetchone()
            if row is None:
                return None
            try:
                return msgspec.convert({"outcome": row[0], "at": row[1], "reason": row[2]}, Asked)
            except msgspec.ValidationError:
                raise StoreError(self._path, "damaged: delete it") from None

    def put(self, question: str, outcome: Outcome, reason: str = "") -> None:
        """Failures are believed for up to half as long again, at random, so that they do not come back all at once.
        Raises StoreError."""
        now = self._clock()
        ttl = self._ttl[outcome] * (self._rng.uniform(1.0, 1.5) if outcome is Outcome.failed else 1.0)
        with one_line(self._path):
            self._connection.execute(
                "INSERT OR REPLACE INTO asked VALUES (?, ?, ?, ?, ?)",
                (question, int(outcome), now, now + ttl, reason[:_MAX_REASON]),
            )
            self._untrimmed += 1
            if self._untrimmed >= _TRIMMED:
                self._untrimmed = 0
                self._trim(now)

    def _trim(self, now: float) -> None:
        self._connection.execute("DELETE FROM asked WHERE until <= ?", (now,))
        (count,) = self._connection.execute("SELECT count(*) FROM asked").fetchone()
        if count > self._most:
            self._connection.execute(
                "DELETE FROM asked WHERE question IN (SELECT question FROM asked ORDER BY at LIMIT ?)",
                (count - self._most,),
            )

    def close(self) -> None:
        """Raises StoreError."""
        with one_line(self._path):
            self._connection.close()


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(path, error.strerror or "cannot be opened") from None
    if not stat.S_ISREG(status.st_mode) or status.st_mode & stat.S_IWOTH:
        raise StoreError(path, "not a file, or everyone may write to it")
    with one_line(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
        try:
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA secure_delete=ON")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("BEGIN IMMEDIATE")
            found = {sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
            if not found:
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            elif found != set(_SCHEMA):
                raise StoreError(path, "not what it should be: delete it")
            connection.execute("COMMIT")
        except (sqlite3.Error, StoreError):
            connection.close()
            raise
    return connection
