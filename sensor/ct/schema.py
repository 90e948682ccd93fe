"""The store's file: its tables, and opening it so that nothing in a file someone else made is ever run or trusted.

An (issuer, serial) pair is the key of a certificate. An issuer is a name and a key; what is known of the key is its
`kind`, and rows of unlike trust therefore lie under different issuers:

KNOWN    The CA's certificate was imported; `key_id` is the SHA-256 of its key, `certificate` its DER. Every row under
         it carries a signature that this key verifies, or comes from a CT log, which answers for it: the leaf of a
         precertificate names the key by its hash (`ct.logged`).
CLAIMED  Certificates name this issuer, whose own certificate was not imported. Their bytes wait in `pending` until it
         is, and are then verified and moved. `key_id` is the authority key identifier they carry, if any. Where it has
         20 octets it is taken for the SHA-1 of the key, as 80 % of CAs make it: this can miss, but can not name a CA
         of the same name with another key.
TEXT     crt.sh named this issuer in words; `key_id` is its number there. Looked at only while exactly one KNOWN issuer
         and one TEXT issuer have that name.

A certificate that names CRLs has the number of its url_set in `crls`, too; `crl_url` leads from a CRL's address, in
the form of `pki.names.url_key`, to the sets that hold it.

What is synced from CT logs waits in `recent`, and goes in time into sorted files (`ct.bulk`), which the store's id and
a generation (`bulk`) and their names (`run`) bind to it; `crl_use` has some of these certificates for each url_set
with CRLs and month. A certificate is looked for in `certificate`, `recent`, and the files, in this order.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

APPLICATION_ID = 0x6F637370  # "ocsp"
VERSION = 3

KNOWN = 0
CLAIMED = 1
TEXT = 2

_SCHEMA = (
    "CREATE TABLE issuer (number INTEGER PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, "
    "key_id BLOB NOT NULL, common_name TEXT NOT NULL, certificate BLOB NOT NULL, UNIQUE (name, kind, key_id))",
    "CREATE TABLE issuer_hash (algorithm INTEGER NOT NULL, name_hash BLOB NOT NULL, key_hash BLOB NOT NULL, "
    "issuer INTEGER NOT NULL, PRIMARY KEY (algorithm, name_hash, key_hash)) WITHOUT ROWID",
    "CREATE TABLE certificate (issuer INTEGER NOT NULL, serial BLOB NOT NULL, row BLOB NOT NULL, crls INTEGER, "
    "PRIMARY KEY (issuer, serial)) WITHOUT ROWID",
    "CREATE INDEX certificate_crls ON certificate (crls) WHERE crls IS NOT NULL",
    "CREATE TABLE crl_url (url TEXT NOT NULL, url_set INTEGER NOT NULL, PRIMARY KEY (url, url_set)) WITHOUT ROWID",
    "CREATE TABLE pending (number INTEGER PRIMARY KEY, issuer INTEGER NOT NULL, serial BLOB NOT NULL, "
    "digest BLOB NOT NULL, der BLOB NOT NULL, UNIQUE (issuer, serial, digest))",
    "CREATE TABLE url_set (number INTEGER PRIMARY KEY, urls BLOB NOT NULL UNIQUE)",
    "CREATE TABLE source (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)",
    "CREATE TABLE bulk (id BLOB NOT NULL, generation INTEGER NOT NULL)",
    "CREATE TABLE run (name TEXT NOT NULL PRIMARY KEY, month INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE run_issuer (run TEXT NOT NULL, issuer INTEGER NOT NULL, rows INTEGER NOT NULL, "
    "PRIMARY KEY (run, issuer)) WITHOUT ROWID",
    "CREATE TABLE recent (issuer INTEGER NOT NULL, serial BLOB NOT NULL, month INTEGER NOT NULL, row BLOB NOT NULL, "
    "PRIMARY KEY (issuer, serial)) WITHOUT ROWID",
    "CREATE TABLE crl_use (url_set INTEGER NOT NULL, month INTEGER NOT NULL, issuer INTEGER NOT NULL, "
    "serial BLOB NOT NULL, PRIMARY KEY (url_set, month, issuer, serial)) WITHOUT ROWID",
)
_SQLITE_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_MAX_VALUE_BYTES = 8 << 20  # longer than any blob of ours: certificates have at most max_certificate_bytes
_WRITE_WAIT_MS = 10_000


LOCKED = "locked by another process"


class StoreError(Exception):
    """The store cannot be used: one line that names the file and says why. `reason` is LOCKED if that will pass."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def default_path() -> Path:
    """ocspwatch/ct.sqlite in the user's data folder (XDG Base Directory Specification 0.8: absolute paths only)."""
    base = os.environ.get("XDG_DATA_HOME", "")
    folder = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return folder / "ocspwatch" / "ct.sqlite"


@contextmanager
def one_line(path: Path) -> Iterator[None]:
    """SQLite's troubles as a StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(path, describe(error)) from None


def describe(error: sqlite3.Error) -> str:
    """What went wrong, in the operator's words where we have some."""
    name = getattr(error, "sqlite_errorname", "") or ""
    for prefix, text in (
        ("SQLITE_BUSY", LOCKED),
        ("SQLITE_CORRUPT", "damaged"),
        ("SQLITE_NOTADB", "not a store"),
        ("SQLITE_FULL", "the disk is full"),
        ("SQLITE_READONLY", "not writable"),
        ("SQLITE_CANTOPEN", "cannot be opened"),
        ("SQLITE_IOERR", "cannot be read or written"),
    ):
        if name.startswith(prefix):
            return text
    return f"cannot be used: {error}"


def open_to_read(path: Path, busy_timeout_ms: int) -> sqlite3.Connection | None:
    """A connection that cannot write; None where there is no file. Raises StoreError.

    SQLite wants a shared-memory file beside a WAL database even to read it. Where none can be made (a read-only file
    system, someone else's folder) and no changes wait in a WAL, the file is read as it lies; a writer that comes later
    is noticed by the look-up's regular check, which opens it anew.
    """
    if not _is_store_file(path):
        return None
    address = path.resolve().as_uri() + "?mode=ro"
    try:
        return _checked(path, address, busy_timeout_ms)
    except sqlite3.OperationalError as error:
        if _can_hold_files(path.resolve().parent) or error.sqlite_errorname not in _NO_SHARED_MEMORY:
            raise StoreError(path, describe(error)) from None
        if _has_changes_waiting(path):
            raise StoreError(path, "holds an unfinished import, and its folder is not writable") from None
    except sqlite3.Error as error:
        raise StoreError(path, describe(error)) from None
    with one_line(path):
        return _checked(path, address + "&immutable=1", busy_timeout_ms)


_NO_SHARED_MEMORY = ("SQLITE_CANTOPEN", "SQLITE_READONLY_CANTINIT", "SQLITE_READONLY_DIRECTORY", "SQLITE_READONLY")


def open_to_write(path: Path) -> sqlite3.Connection:
    """A connection for imports; makes the file (mode 0600) and its folder (0700) if need be. Raises StoreError."""
    if not _is_store_file(path):
        _create(path)
    with one_line(path):
        connection = _checked(path, path.resolve().as_uri() + "?mode=rw", _WRITE_WAIT_MS)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA cache_size=-65536")
        connection.execute("PRAGMA wal_autocheckpoint=8192")
        return connection


def _is_store_file(path: Path) -> bool:
    """Whether there is a regular file fit to be opened; False where nothing lies at all. Raises StoreError."""
    try:
        status = path.stat()
    except FileNotFoundError:
        if path.is_symlink():
            raise StoreError(path, "a symbolic link to nothing") from None
        return False
    except OSError as error:
        raise StoreError(path, error.strerror or "cannot be opened") from None
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(path, "not a file")
    if status.st_mode & stat.S_IWOTH:
        raise StoreError(path, "everyone may write to it: names in it cannot be trusted (chmod o-w)")
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise StoreError(path, error.strerror or "cannot be opened") from None
    _check_header(path, header)
    return True


def _check_header(path: Path, header: bytes) -> None:
    """SQLite's file header (sqlite.org/fileformat2.html 1.3), read before SQLite reads the file."""
    if len(header) < _HEADER_BYTES or not header.startswith(_SQLITE_MAGIC):
        raise StoreError(path, "not a store" if header else "empty: not a store")
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise StoreError(path, "a database, but not a store")
    version = int.from_bytes(header[60:64], "big")
    if version > VERSION:
        raise StoreError(path, f"made by a newer ocspwatch (version {version}, this one reads {VERSION})")
    if version < VERSION:
        raise StoreError(path, f"of an old form (version {version}, not {VERSION}): import into a new store")


def _checked(path: Path, address: str, busy_timeout_ms: int) -> sqlite3.Connection:
    """Opens, and compares the schema with ours, so that a planted trigger, view or index cannot run."""
    # One thread uses it, not always the one that opens it (ct.deferred).
    connection = sqlite3.connect(
        address, uri=True, isolation_level=None, timeout=busy_timeout_ms / 1000, check_same_thread=False
    )
    with ExitStack() as unless_sound:
        unless_sound.callback(connection.close)
        check_tables(path, connection)
        unless_sound.pop_all()
    return connection


def check_tables(path: Path, connection: sqlite3.Connection) -> None:
    """Limits what this connection does, and makes sure that the tables are a store's. Raises StoreError; may raise
    sqlite3.Error."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_VALUE_BYTES)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    try:
        found = {row[0] for row in connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    except UnicodeDecodeError:  # SQLite's message quotes the damaged schema
        raise StoreError(path, "damaged: its tables cannot be read") from None
    if found != set(_SCHEMA):
        raise StoreError(path, "not the tables of a store")


def _create(path: Path) -> None:
    """Made whole under another name and then linked into place: a half-made store is never seen."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        import tempfile  # only here: it takes some milliseconds

        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
        os.close(descriptor)
        draft = Path(name)
        try:
            with one_line(path):
                connection = sqlite3.connect(draft, isolation_level=None)
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # before anything is written
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("BEGIN")
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.execute("INSERT INTO bulk VALUES (?, 0)", (os.urandom(16),))
                connection.execute(f"PRAGMA user_version={VERSION}")
                connection.execute("COMMIT")
                connection.close()
            _into_place(draft, path)
        finally:
            for suffix in ("", "-wal", "-shm"):
                draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    except FileExistsError:
        return  # another import made it meanwhile
    except OSError as error:
        raise StoreError(path, f"cannot be made: {error.strerror or error}") from None


def _into_place(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)  # unlike a rename it never replaces what another import made meanwhile
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        draft.rename(path)  # a file system without hard links


def _can_hold_files(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and not os.statvfs(folder).f_flag & os.ST_RDONLY


def _has_changes_waiting(path: Path) -> bool:
    wal = path.resolve().with_name(path.resolve().name + "-wal")
    try:
        return wal.stat().st_size > 0
    except OSError:
        return False
