"""What is the store's own of a BulkSink (the contract: tests/contract/test_bulk_sink.py): its file of positions."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from sensor.ct.bulk import BulkRows
from sensor.ct.logged import LoggedIssuer, LogPosition
from sensor.ct.lookup import Found, NotFound
from sensor.ct.partitions import folder_of
from sensor.ct.schema import LOCKED, StoreError
from sensor.ct.store import Outcome, Store
from sensor.ct.store_lookup import StoreLookup
from sensor.ct.store_sink import StoreSink
from sensor.pki.certificates import Certificate
from sensor.settings import CtSettings
from tests.ct.logs import logged, logged_issuer
from tests.ct.pki import Ca

LOG = b"\1" * 32
AT = LogPosition(0, 5, (b"\0" * 32,), 9, b"\1" * 32, 17, "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ct.sqlite"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b'{"logs":{"00":{}}}',
        b'{"logs":{},"version":1,"more":2}',
        b"\xff\0",
        b'{"\xff":1}',
        b'{"logs":{"\xff":1}}',
    ],
)
def test_a_damaged_file_is_no_fresh_start(path: Path, damage: bytes) -> None:
    sink = StoreSink(path, 10)
    sink.commit(LOG, AT)
    sink.close()
    positions = path.with_name("ct.sqlite.sync.json")
    positions.write_bytes(damage)
    with pytest.raises(StoreError, match="says how far logs were read, and is damaged"):
        StoreSink(path, 10)


def test_a_newer_form_is_refused(path: Path) -> None:
    path.with_name("ct.sqlite.sync.json").write_text('{"logs":{},"version":3}')
    with pytest.raises(StoreError, match="newer"):
        StoreSink(path, 10)


def test_the_file_is_ours_alone_and_replaced_as_a_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = StoreSink(path, 10)
    sink.commit(LOG, AT)
    positions = path.with_name("ct.sqlite.sync.json")
    before = positions.read_bytes()
    assert positions.stat().st_mode & 0o777 == 0o600

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        sink.commit(LOG, LogPosition(0, 6, (), 9, b"\1" * 32, 17, ""))
    sink.close()
    assert positions.read_bytes() == before
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []


def test_a_trusted_issuer_finds_those_who_waited_for_it(path: Path, sub: Ca) -> None:
    from sensor.pki.certificates import decode_certificate

    store = Store(path, 10)
    with store.batch():
        assert store.add(decode_certificate(sub.issue("w.example", serial=9), 10), "file", 1) is Outcome.waiting
    store.close()
    sink = StoreSink(path, 10)
    sink.add_issuers([logged_issuer(sub)])
    sink.add([logged(sub, sub.issue("w.example", serial=9))], "log", 2)
    assert sink.commit(LOG, AT) == 0
    sink.close()


def test_what_is_no_certificate_is_no_issuer(path: Path) -> None:
    sink = StoreSink(path, 10)
    with pytest.raises(ValueError, match="chain was not checked"):
        sink.add_issuers([LoggedIssuer(b"", b"", b"", b"\x30\x00")])
    sink.close()


def test_rows_come_first_and_the_position_after(path: Path, sub: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = StoreSink(path, 10)
    sink.commit(LOG, AT)
    sink.add_issuers([logged_issuer(sub)])
    sink.add([logged(sub, sub.issue("a.example", serial=11)), logged(sub, sub.issue("b.example", serial=12))], "l", 1)
    given = Store.add_given

    def second_fails(self: Store, facts: Certificate, *others: object) -> Outcome:
        if facts.serial_number == "0C":
            raise StoreError(path, "the disk is full")
        return given(self, facts, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "add_given", second_fails)
    with pytest.raises(StoreError, match="the disk is full"):
        sink.commit(LOG, LogPosition(0, 7, (), 9, b"\1" * 32, 17, ""))
    assert sink.position(LOG) == AT
    sink.close()
    again = StoreSink(path, 10)
    assert again.position(LOG) == AT
    again.close()
    lookup = StoreLookup(CtSettings(path=str(path)))
    assert isinstance(lookup.lookup([sub.cert_id(11)])[0], NotFound)
    lookup.close()


def test_an_import_by_somebody_else_is_waited_for(path: Path, sub: Ca) -> None:
    sink = StoreSink(path, 10)
    sink._store._connection.execute("PRAGMA busy_timeout=20")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    sink.add_issuers([logged_issuer(sub)])
    sink.add([logged(sub, sub.issue("a.example", serial=11))], "l", 1)
    release = threading.Timer(0.15, lambda: other.execute("ROLLBACK"))
    release.start()
    assert sink.commit(LOG, AT) == 1
    release.join()
    other.execute("BEGIN IMMEDIATE")
    assert sink.commit(LOG, AT) == 0  # no rows: only what was seen of a log, which lies elsewhere
    sink.add([logged(sub, sub.issue("b.example", serial=12))], "l", 1)
    with pytest.raises(StoreError, match="locked by another process"):
        sink.commit(LOG, AT)
    other.close()
    sink.close()


def test_files_that_cannot_be_made_now_are_made_after_the_next_batch(
    path: Path, sub: Ca, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody imports for long: the batch is kept, and what it says of how much was new is right."""
    sink = StoreSink(path, 10, flush_rows=1)
    sink.add_issuers([logged_issuer(sub)])

    def locked(self: BulkRows) -> None:
        raise StoreError(path, LOCKED)

    with monkeypatch.context() as patch:
        patch.setattr(BulkRows, "flush", locked)
        sink.add([logged(sub, sub.issue("a.example", serial=11))], "l", 1)
        assert sink.commit(LOG, AT) == 1
    assert list(folder_of(path).glob("*.run")) == []
    sink.add([logged(sub, sub.issue("b.example", serial=12))], "l", 1)
    assert sink.commit(LOG, AT) == 1
    assert len(list(folder_of(path).glob("*.run"))) == 1
    sink.close()


def test_nobody_else_syncs_meanwhile(path: Path) -> None:
    sink = StoreSink(path, 10)
    with pytest.raises(StoreError, match="another ct sync"):
        StoreSink(path, 10)
    sink.close()
    StoreSink(path, 10).close()


def reopened(path: Path, sub: Ca, *serials: int) -> Path | None:
    """What a sync with these certificates put aside when it began."""
    sink = StoreSink(path, 10, flush_rows=2)
    aside = sink.put_aside
    at = sink.position(LOG) or LogPosition(0, 0, (), 0, b"", 0, "")
    sink.add_issuers([logged_issuer(sub)])
    sink.add([logged(sub, sub.issue(f"n{serial}.example", serial=serial)) for serial in serials], "l", 1)
    sink.commit(LOG, LogPosition(0, at.next_index + len(serials), (b"\0" * 32,), 9, b"\1" * 32, 17, "f"))
    sink.close()
    return aside


def put_away(path: Path, to: Path) -> None:
    """The cache without the file of positions, as somebody copies it who knows of two."""
    to.mkdir()
    for suffix in ("", "-wal", "-shm", ".d"):
        each = path.with_name(path.name + suffix)
        if each.exists():
            each.rename(to / each.name)


def test_positions_of_another_store_are_put_aside(path: Path, sub: Ca) -> None:
    """The cache was deleted, and the file beside it was not: the entries are not passed over."""
    assert reopened(path, sub, 11, 12, 13) is None
    put_away(path, path.parent / "away")
    before = path.with_name("ct.sqlite.sync.json").read_bytes()
    sink = StoreSink(path, 10)
    other = path.with_name("ct.sqlite.sync.json.other")
    assert sink.put_aside == other and other.read_bytes() == before
    seen = sink.position(LOG)
    sink.close()
    assert seen == LogPosition(0, 0, (), 9, b"\1" * 32, 17, "f")  # the head still binds the log
    assert reopened(path, sub, 11) is None
    assert reopened(path, sub) is None
    assert other.read_bytes() == before


@pytest.mark.parametrize("first", [(11,), (11, 12, 13)])  # waiting; in files
def test_positions_of_a_later_state_are_put_aside(path: Path, sub: Ca, first: tuple[int, ...]) -> None:
    """A backup of the cache alone is put back: what was read since is read again."""
    reopened(path, sub, *first)
    backup = path.parent / "backup"
    put_away(path, backup)
    shutil.copytree(backup, path.parent, dirs_exist_ok=True)
    assert reopened(path, sub, 21) is None
    put_away(path, path.parent / "away")
    shutil.copytree(backup, path.parent, dirs_exist_ok=True)
    assert reopened(path, sub, 21) is not None
    assert reopened(path, sub, 22) is None
    lookup = StoreLookup(CtSettings(path=str(path)))
    assert all(isinstance(each, Found) for each in lookup.lookup([sub.cert_id(n) for n in (*first, 21, 22)]))
    lookup.close()


def test_positions_of_an_earlier_state_are_gone_on_from(path: Path, sub: Ca) -> None:
    """A process was killed between rows and position, or that file alone is of a backup: some is read twice."""
    reopened(path, sub, 11)
    positions = path.with_name("ct.sqlite.sync.json")
    before = positions.read_bytes()
    reopened(path, sub, 12, 13, 14)
    positions.write_bytes(before)
    sink = StoreSink(path, 10)
    seen = sink.position(LOG)
    assert sink.put_aside is None and seen is not None and seen.next_index == 1
    sink.close()


@pytest.mark.parametrize("serials", [(), (11,), (11, 12, 13)])
def test_positions_that_say_nothing_of_a_store(path: Path, sub: Ca, serials: tuple[int, ...]) -> None:
    """Of an earlier ocspwatch: they belong to any store that is not empty."""
    reopened(path, sub, *serials)
    positions = path.with_name("ct.sqlite.sync.json")
    told = json.loads(positions.read_bytes())
    del told["store"], told["generation"]
    positions.write_text(json.dumps(told | {"version": 1}))
    assert (reopened(path, sub, 99) is None) is bool(serials)
    assert json.loads(positions.read_bytes())["version"] == 2
