"""sensor.ct.contents: every row once, as it counts, of one moment, whatever it lies in and whoever writes meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sensor.ct import partitions
from sensor.ct.contents import IMPORTED, WAITING, Contents, Stored, contents_of
from sensor.ct.rows import RowError, decode_row
from sensor.ct.run_file import RunFile
from sensor.ct.schema import StoreError, open_to_read
from tests.ct.test_bulk import Bench, row, serial


@contextmanager
def contents(path: Path) -> Iterator[Contents]:
    connection = open_to_read(path, 50)
    assert connection is not None
    with closing(connection), contents_of(path, connection) as found:
        yield found


def keys(rows: list[Stored]) -> list[tuple[int, bytes]]:
    return sorted((each.issuer, each.serial) for each in rows)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Forty certificates of two months in files of one month each, and ten that wait."""
    bench = Bench(tmp_path / "ct.sqlite")
    bench.put(*(row(n, days=30 * (n % 2)) for n in range(40)))
    bench.rows.flush(everything=True)
    bench.put(*(row(n, days=0) for n in range(10)), first=100)
    yield bench
    bench.close()


ALL = sorted((1, serial(n)) for n in [*range(40), *range(100, 110)])


def test_files_what_waits_and_what_was_imported(bench: Bench) -> None:
    bench.connection.execute("INSERT INTO certificate VALUES (8, x'05', x'00', NULL)")
    with contents(bench.path) as found:
        rows = list(found.rows())
    assert keys(rows) == sorted([*ALL, (8, b"\x05")])
    places = {(each.issuer, each.serial): each for each in rows}
    imported, waits, filed = places[8, b"\x05"], places[1, serial(100)], places[1, serial(3)]
    assert (imported.place, imported.month, imported.row) == (IMPORTED, None, b"\0")
    assert waits.place == WAITING and waits.month is not None
    assert filed.place.endswith(".run")


def test_a_newer_row_stands_for_the_older_ones(bench: Bench) -> None:
    bench.rows.flush(everything=True)
    bench.put(row(0, dns=("second.example",), days=0), row(1, dns=("second.example",), days=30))
    bench.rows.flush(everything=True)
    assert len(bench.files()) == 4, "two of each month, so that rows 0 and 1 are in two files"
    bench.put(row(0, dns=("third.example",), days=0))
    rows = _rows(bench.path)
    assert keys(rows) == ALL
    found = {each.serial: each for each in rows}
    assert decode_row(found[serial(0)].row).dns == ("n0.example", "second.example", "third.example")
    assert found[serial(0)].place == WAITING
    assert decode_row(found[serial(1)].row).dns == ("n1.example", "second.example")
    assert found[serial(1)].place == bench.files()[3]


def _rows(path: Path) -> list[Stored]:
    with contents(path) as found:
        return list(found.rows())


def test_a_sync_that_writes_makes_files_and_merges_meanwhile(bench: Bench) -> None:
    with contents(bench.path) as found:
        rows = found.rows()
        begun = [next(rows)]
        bench.rows.flush(everything=True)  # what waited is in a file now, and files were merged
        bench.put(*(row(n) for n in range(10)), first=200)
        bench.put(*(row(n, days=30 * (n % 2)) for n in range(40)), first=300)
        bench.rows.flush(everything=True)
        assert keys([*begun, *rows]) == ALL
    assert len(_rows(bench.path)) == len(ALL) + 50


def test_the_store_is_not_held(bench: Bench) -> None:
    """A checkpoint that may not pass a reader says so in its first column (sqlite.org, PRAGMA wal_checkpoint)."""
    with contents(bench.path) as found:
        rows = found.rows()
        next(rows)
        bench.put(row(500), first=500)
        assert bench.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        assert len(list(rows)) == len(ALL) - 1


def test_files_that_are_merged_away_while_they_are_opened(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The transaction that named them sees the old names for ever: only another one helps."""
    moved = []

    class Late(RunFile):
        def __init__(self, *args: object) -> None:
            if not moved:
                moved.append(1)
                before = bench.files()
                bench.rows.flush(everything=True)
                assert set(before) - set(bench.files())
            super().__init__(*args)  # type: ignore[arg-type]  # RunFile's own

    monkeypatch.setattr(partitions, "RunFile", Late)
    assert keys(_rows(bench.path)) == ALL
    assert moved


def test_a_file_that_is_not_there_at_all(bench: Bench) -> None:
    for file in bench.rows.folder.glob("*.run"):
        file.unlink()
    with pytest.raises(RowError, match="is missing"):
        _rows(bench.path)


def test_what_is_of_another_type_is_given_out(bench: Bench) -> None:
    bench.connection.execute("INSERT INTO recent VALUES (1, 'text', 'never', 7)")
    found = [each for each in _rows(bench.path) if each.serial == "text"]  # type: ignore[comparison-overlap]  # as damaged
    assert [(each.place, each.month, each.row) for each in found] == [(WAITING, "never", 7)]
    assert len(_rows(bench.path)) == len(ALL) + 1


def test_no_room_for_the_copy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that may hold few pages stands for a full disk."""
    connect = sqlite3.connect

    def small(address: str, **options: object) -> sqlite3.Connection:
        made = connect(address, **options)  # type: ignore[call-overload]  # sqlite3's own
        if not address:
            made.execute("PRAGMA max_page_count=2")
        return made  # type: ignore[no-any-return]  # likewise

    monkeypatch.setattr("sensor.ct.contents.sqlite3.connect", small)
    with pytest.raises(StoreError, match="no room for a copy"):
        _rows(bench.path)
