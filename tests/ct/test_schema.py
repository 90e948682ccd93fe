"""sensor.ct.schema: files that are no store, no longer one, not yet one, or not to be trusted."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.ct import schema
from sensor.ct.schema import StoreError, default_path, open_to_read, open_to_write
from sensor.ct.store_lookup import StoreLookup
from sensor.settings import CtSettings
from tests.ct.pki import Ca
from tests.ct.stores import StoreBench


@pytest.fixture
def store(bench: StoreBench, root: Ca) -> Path:
    bench.load(root.der)
    return bench.path


def change(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def refused(path: Path) -> str:
    """Why; the same for every way in, and always one line that names the file."""
    reasons = set()
    for way in (lambda: open_to_read(path, 1), lambda: open_to_write(path), lambda: StoreLookup(CtSettings(str(path)))):
        with pytest.raises(StoreError) as caught:
            way()
        assert str(caught.value) == f"{path}: {caught.value.reason}"
        assert "\n" not in str(caught.value)
        reasons.add(caught.value.reason)
    assert len(reasons) == 1, reasons
    return reasons.pop()


def test_what_a_store_is(store: Path) -> None:
    connection = sqlite3.connect(store)
    for pragma, value in (
        ("user_version", schema.VERSION),
        ("application_id", schema.APPLICATION_ID),
        ("journal_mode", "wal"),
        ("integrity_check", "ok"),
    ):
        assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'certificate'").fetchone()
    assert "PRIMARY KEY (issuer, serial)) WITHOUT ROWID" in sql
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert [p.name for p in store.parent.iterdir() if p.name.startswith(".")] == []


def test_no_file_is_no_trouble_and_reading_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "no" / "such.sqlite"
    assert open_to_read(path, 1) is None
    assert list(tmp_path.iterdir()) == []


def test_the_default_is_in_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "ocspwatch" / "ct.sqlite"
    for value in ("", "relative/path"):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert default_path() == tmp_path / ".local" / "share" / "ocspwatch" / "ct.sqlite"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"not a database at all" * 100, "not a store"),
        (b"SQLite format 3\0", "not a store"),
        (b"SQLite format 3\0" + b"\0" * 4000, "a database, but not a store"),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "ct.sqlite"
    path.write_bytes(content)
    assert refused(path).startswith(reason)
    assert path.read_bytes() == content


def test_another_program_s_database(tmp_path: Path) -> None:
    path = tmp_path / "ct.sqlite"
    change(path, "CREATE TABLE passwords (a)", "INSERT INTO passwords VALUES ('x')")
    before = path.read_bytes()
    assert refused(path) == "a database, but not a store"
    assert path.read_bytes() == before


def test_versions(store: Path) -> None:
    change(store, "PRAGMA user_version=99")
    assert refused(store) == "made by a newer ocspwatch (version 99, this one reads 3)"
    change(store, "PRAGMA user_version=0")
    assert refused(store) == "of an old form (version 0, not 3): import into a new store"


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE TRIGGER t AFTER INSERT ON certificate BEGIN DELETE FROM issuer; END",
        "CREATE VIEW v AS SELECT load_extension('/nowhere/evil.so')",
        "CREATE INDEX i ON certificate (row)",
        "ALTER TABLE certificate ADD COLUMN extra",
        "DROP TABLE pending",
        "CREATE TABLE more (a)",
    ],
)
def test_a_planted_schema_is_refused(store: Path, planted: str) -> None:
    change(store, planted)
    assert refused(store) == "not the tables of a store"


def test_a_truncated_store(store: Path) -> None:
    whole = store.read_bytes()
    for size in (100, 512, 4096, len(whole) // 2, len(whole) - 1):
        store.write_bytes(whole[:size])
        try:
            connection = open_to_read(store, 1)
        except StoreError as error:
            assert error.reason in ("damaged", "not a store", "not the tables of a store")
        else:
            assert connection is not None
            connection.close()


def test_everyone_may_write(store: Path) -> None:
    store.chmod(0o666)
    assert refused(store).startswith("everyone may write to it")


def test_things_that_are_no_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    assert refused(folder) == "not a file"
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert refused(fifo) == "not a file"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    assert refused(link) == "a symbolic link to nothing"
    assert not (tmp_path / "target").exists()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert refused(loop)
    (tmp_path / "file").write_text("x")
    assert refused(tmp_path / "file" / "ct.sqlite") == "Not a directory"


def test_a_link_to_a_store_is_a_store(store: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.sqlite"
    link.symlink_to(store)
    connection = open_to_read(link, 1)
    assert connection is not None
    connection.close()


@pytest.mark.parametrize("character", ["?", "#", "%", " ", "é", "'"])
def test_any_path(tmp_path: Path, character: str) -> None:
    path = tmp_path / f"a{character}b" / f"c{character}d.sqlite"
    open_to_write(path).close()
    connection = open_to_read(path, 1)
    assert connection is not None
    connection.close()
    assert {p.name.removesuffix("-wal").removesuffix("-shm") for p in path.parent.iterdir()} == {path.name}


def test_reading_cannot_write(store: Path) -> None:
    connection = open_to_read(store, 1)
    assert connection is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM issuer")


def test_two_who_make_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ct.sqlite"
    link = os.link

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        open_to_write(path).close()
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    open_to_write(path).close()
    assert [p.name for p in tmp_path.iterdir()] == ["ct.sqlite"]


def test_where_no_store_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"cannot be made|Not a directory"):
        open_to_write(tmp_path / "file" / "ct.sqlite")


def mounted_read_only(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python where `folder` is on a read-only file system."""
    mount = f"mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}' && exec \"$@\""
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


LOOKUP = """
import sys
from sensor.ct.store_lookup import StoreLookup
from sensor.ct.schema import StoreError
from sensor.ocsp.model import CertId
from sensor.settings import CtSettings
path, name, key, serial = sys.argv[1:]
try:
    lookup = StoreLookup(CtSettings(path))
except StoreError as error:
    print(error.reason)
else:
    print(type(lookup.lookup([CertId("sha1", bytes.fromhex(name), bytes.fromhex(key), serial)])[0]).__name__)
"""


@pytest.mark.needs("root", "namespaces")
def test_a_read_only_file_system(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der, root.issue("a.example", serial=0xAA))
    cert_id = root.cert_id(0xAA)
    arguments = (cert_id.issuer_name_hash.hex(), cert_id.issuer_key_hash.hex(), cert_id.serial_number)
    assert sorted(p.name for p in bench.path.parent.iterdir()) == ["ct.sqlite"]
    done = mounted_read_only(bench.path.parent, LOOKUP, str(bench.path), *arguments)
    assert (done.stdout, done.stderr) == ("Found\n", "")
    done = mounted_read_only(bench.path.parent, LOOKUP, str(bench.path.parent / "none.sqlite"), *arguments)
    assert (done.stdout, done.stderr) == ("NotFound\n", "")


@pytest.mark.needs("root", "namespaces")
def test_a_read_only_copy_of_an_unfinished_import(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der)
    writer = open_to_write(bench.path)
    writer.execute("INSERT INTO source (text) VALUES ('more')")
    wal = bench.path.with_name("ct.sqlite-wal")
    copy = bench.path.parent.parent / "copy"
    copy.mkdir()
    for path in (bench.path, wal):
        (copy / path.name).write_bytes(path.read_bytes())
    assert (copy / wal.name).stat().st_size > 0
    done = mounted_read_only(copy, LOOKUP, str(copy / "ct.sqlite"), "00", "00", "AA")
    assert (done.stdout, done.stderr) == ("holds an unfinished import, and its folder is not writable\n", "")
    writer.close()


def test_what_sqlite_s_troubles_are_called() -> None:
    def reason(make: Callable[[], object]) -> str:
        with pytest.raises(sqlite3.Error) as caught:
            make()
        return schema.describe(caught.value)

    connection = sqlite3.connect(":memory:")
    assert reason(lambda: connection.execute("SELECT * FROM nowhere")).startswith("cannot be used: no such table")
    assert (
        reason(lambda: sqlite3.connect("file:/nowhere/x?mode=ro", uri=True).execute("SELECT 1")) == "cannot be opened"
    )
