"""sensor.ct.bulk: rows wait, become files by month of expiry, are merged, pruned; kills and second writers."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sensor.ct import bulk
from sensor.ct.bulk import BulkRows
from sensor.ct.months import month_of, render_month
from sensor.ct.partitions import Partitions, folder_of
from sensor.ct.rows import IS_CA, Row, decode_row
from sensor.ct.run_file import ident_of, serial_hash
from sensor.ct.schema import LOCKED, StoreError, open_to_read, open_to_write

NOW = 1_795_000_000
DAY = 86400


def row(number: int = 1, days: int = 60, dns: tuple[str, ...] | None = None, flags: int = 0, lifetime: int = 90) -> Row:
    begins = NOW + (days - lifetime) * DAY
    return Row(1, NOW, begins, lifetime * DAY, flags, 1, 0, dns or (f"n{number}.example",))


class Bench:
    def __init__(self, path: Path, flush_rows: int = 1 << 30) -> None:
        self.path = path
        self.connection = open_to_write(path)
        self.rows = BulkRows(path, self.connection, 250, flush_rows)

    def put(self, *rows: Row, first: int = 0, issuer: int = 1, names_crls: bool = False) -> list[bool | None]:
        self.connection.execute("BEGIN IMMEDIATE")
        found = [self.rows.put(issuer, serial(first + n), each, names_crls) for n, each in enumerate(rows)]
        self.connection.execute("COMMIT")
        return found

    def files(self) -> list[str]:
        return sorted(path.name for path in self.rows.folder.glob("*.run"))

    def close(self) -> None:
        self.rows.close()
        self.connection.close()


def serial(number: int) -> bytes:
    return b"\x04" + number.to_bytes(15, "big")


def found(path: Path, number: int, issuer: int = 1) -> Row | None:
    """What another process finds, in the table or the files."""
    connection = open_to_read(path, 50)
    assert connection is not None
    partitions = Partitions(connection)
    try:
        waiting = connection.execute(
            "SELECT row FROM recent WHERE issuer = ? AND serial = ?", (issuer, serial(number))
        ).fetchone()
        blob = waiting[0] if waiting else partitions.find(-2, issuer, serial(number))
        return None if blob is None else decode_row(blob)
    finally:
        partitions.close()
        connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ct.sqlite"


def test_one_file_a_month(path: Path) -> None:
    bench = Bench(path)
    rows = [row(n, days=10 + 15 * (n % 8)) for n in range(100)]
    assert bench.put(*rows) == [True] * 100
    assert bench.files() == []
    bench.rows.flush(everything=True)
    months = {render_month(month_of(each.not_before + each.lifetime) or 0) for each in rows}
    assert [name[:7] for name in bench.files()] == sorted(months)
    assert bench.connection.execute("SELECT count(*) FROM recent").fetchone() == (0,)
    assert [found(path, n) for n in range(100)] == rows
    assert found(path, 100) is None and found(path, 1, issuer=2) is None
    assert all((bench.rows.folder / name).stat().st_mode & 0o777 == 0o600 for name in bench.files())
    assert bench.rows.folder.stat().st_mode & 0o777 == 0o700
    bench.close()


def test_again_in_the_table_and_in_the_files(path: Path) -> None:
    bench = Bench(path)
    for _ in range(2):
        assert bench.put(row(1)) + bench.put(row(2), first=1) in ([True, True], [False, False])
        assert bench.put(row(1), row(2)) == [False, False]
        bench.rows.flush(everything=True)
    assert bench.put(row(1), row(2), row(3)) == [False, False, True]
    bench.close()


@pytest.mark.parametrize("flush", [False, True])
def test_other_names_are_united(path: Path, flush: bool) -> None:
    bench = Bench(path)
    for names in (("a.example",), ("b.example",), ("a.example", "c.example")):
        bench.put(row(dns=names))
        if flush:
            bench.rows.flush(everything=True)
    bench.close()
    united = found(path, 0)
    assert united is not None and united.dns == ("a.example", "b.example", "c.example")


def test_files_of_a_month_are_merged_so_that_few_remain(path: Path) -> None:
    bench = Bench(path)
    counts = []
    for batch in range(40):
        bench.put(*(row(n) for n in range(10)), first=10 * batch)
        bench.rows.flush(everything=True)
        counts.append(len(bench.files()))
    assert max(counts) <= 4
    assert all(found(path, n) == row(n % 10) for n in (0, 9, 10, 123, 399))
    month = month_of(NOW + 60 * DAY)
    assert month is not None
    runs = bench.rows._partitions.of_month(month)
    assert sum(run.head.rows for run in runs) == 400
    sizes = [run.head.rows for run in runs]
    assert all(older > 2 * sum(sizes[:n]) for n, older in enumerate(sizes) if n), "newest first"
    bench.close()


def test_a_month_with_few_rows_waits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(path, flush_rows=640)
    bench.put(*(row(n) for n in range(639)), row(639, days=200))
    assert bench.rows.is_full
    bench.rows.flush()
    assert len(bench.files()) == 1
    assert not bench.rows.is_full
    assert found(path, 639) == row(639, days=200)
    bench.close()


@pytest.mark.parametrize(
    "odd", [row(flags=IS_CA), row(lifetime=500), row(lifetime=-1), row(days=-30_000), row(days=3_000_000)]
)
def test_what_is_not_for_here(path: Path, odd: Row) -> None:
    bench = Bench(path)
    assert bench.put(odd) == [None]
    assert bench.rows.put(1 << 32, serial(1), row(), False) is None
    assert bench.rows.put(1, b"a" * 256, row(), False) is None
    bench.close()


def test_what_was_imported_stays_where_it_is(path: Path) -> None:
    bench = Bench(path)
    bench.connection.execute("INSERT INTO certificate VALUES (1, ?, ?, NULL)", (serial(0), b"row"))
    assert bench.put(row(), row()) == [None, True]
    bench.close()


def test_months_are_bounded(path: Path) -> None:
    bench = Bench(path)
    answers = bench.put(*(row(n, days=31 * n) for n in range(bulk.MAX_MONTHS + 6)))
    assert answers.count(None) == len(answers) - bulk.MAX_MONTHS > 0
    assert bench.put(row(), first=1000) == [True]
    bench.close()


def test_uses_of_a_crl_are_bounded_in_each_month(path: Path) -> None:
    bench = Bench(path)
    bench.put(*(row(n) for n in range(100)), names_crls=True)
    bench.put(*(row(n, days=200) for n in range(3)), first=500, names_crls=True)
    counts = bench.connection.execute("SELECT count(*) FROM crl_use GROUP BY month ORDER BY month").fetchall()
    assert counts == [(65,), (3,)]
    bench.close()


def test_pruning_unlinks_months_that_are_over(path: Path) -> None:
    bench = Bench(path)
    bench.put(row(1, days=-40), row(2), names_crls=True)
    bench.rows.flush(everything=True)
    bench.put(row(3, days=-40), row(4), first=10, names_crls=True)
    assert len(bench.files()) == 2
    assert bench.rows.prune(NOW) == (1, 2)
    assert bench.rows.prune(NOW) == (0, 0)
    assert len(bench.files()) == 1
    assert [found(path, n) for n in (0, 1, 10, 11)] == [None, row(2), None, row(4)]
    assert bench.connection.execute("SELECT count(*) FROM crl_use").fetchone() == (2,)
    bench.close()


def test_leftovers_of_a_killed_process_are_removed_and_others_files_are_not(path: Path) -> None:
    bench = Bench(path)
    bench.put(row())
    bench.rows.flush(everything=True)
    kept = bench.files()
    bench.close()
    folder = folder_of(path)
    (folder / "2027-01.00000099.run").write_bytes(b"half")
    (folder / "notes.txt").write_bytes(b"mine")
    bench = Bench(path)
    assert bench.files() == kept
    assert (folder / "notes.txt").exists()
    bench.close()


def test_one_writer_at_a_time(path: Path) -> None:
    bench = Bench(path)
    with pytest.raises(StoreError, match=LOCKED):
        Bench(path)
    bench.close()
    Bench(path).close()


def test_a_full_disk_leaves_all_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(path)
    bench.put(row(1), row(2, days=150))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            bench.rows.flush(everything=True)
    assert bench.files() == []
    assert found(path, 0) == row(1)
    bench.rows.flush(everything=True)
    assert len(bench.files()) == 2
    bench.close()


def test_a_writer_that_cannot_name_its_files_changes_nothing(path: Path) -> None:
    bench = Bench(path)
    bench.put(row(1))
    bench.connection.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        bench.rows.flush(everything=True)
    other.execute("ROLLBACK")
    other.close()
    assert found(path, 0) == row(1)
    bench.rows.flush(everything=True)
    assert len(bench.files()) == 1
    bench.close()


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from sensor.ct import bulk
from tests.ct.test_bulk import Bench, row
bench = Bench(Path(sys.argv[1]))
moment = int(sys.argv[2])
def trap(frame, event, argument):
    global moment
    if event == "line" and frame.f_code.co_filename == bulk.__file__:
        moment -= 1
        if moment == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return trap
bench.put(*(row(n) for n in range(20)), *(row(n, days=100) for n in range(20)), first=100)
sys.settrace(trap)
bench.rows.flush(everything=True)
bench.put(*(row(n) for n in range(20)), *(row(n, days=100) for n in range(20)), first=200)
bench.rows.flush(everything=True)
print("done")
"""


@pytest.mark.parametrize("moment", [12, 95, 140, 155, 160, 165, 170, 180, 190, 800])
def test_killed_at_any_line(path: Path, moment: int) -> None:
    """What was committed is there once, whatever the moment was, and the next writer goes on."""
    bench = Bench(path)
    bench.put(*(row(n) for n in range(50)))
    bench.rows.flush(everything=True)
    bench.close()
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", KILLED, str(path), str(moment), root]
    done = subprocess.run(command, capture_output=True, cwd=root, check=False)
    assert done.returncode in (0, -9), done.stderr
    assert all(found(path, n) == row(n) for n in range(50))
    assert all(found(path, 100 + n) == row(n % 20, days=100 if n >= 20 else 60) for n in range(40))
    bench = Bench(path)
    named = {name for (name,) in bench.connection.execute("SELECT name FROM run")}
    assert set(bench.files()) == named
    bench.rows.flush(everything=True)
    assert bench.put(*(row(n) for n in range(50))) == [False] * 50
    bench.close()


def test_a_waiting_row_is_hidden_by_no_older_one(path: Path) -> None:
    """The same certificate in two files of a month: the newest counts, and merging keeps it."""
    bench = Bench(path)
    bench.put(row(dns=("a.example",)), *(row(n) for n in range(20)))
    bench.rows.flush(everything=True)
    bench.put(row(dns=("a.example", "b.example")))
    bench.rows.flush(everything=True)
    assert len(bench.files()) == 2
    after = found(path, 0)
    assert after is not None and after.dns == ("a.example", "b.example")
    bench.put(*(row(n) for n in range(30)), first=1000)
    bench.rows.flush(everything=True)
    assert len(bench.files()) == 1
    assert found(path, 0) == after
    (month,) = {run.head.month for run in bench.rows._partitions.runs.values()}
    (run,) = bench.rows._partitions.of_month(month)
    hashed = serial_hash(bench.rows._partitions.store_id, serial(0))
    assert len(list(run.with_hash(hashed))) == 1 and ident_of(1, serial(0)) is not None
    bench.close()


def test_a_file_is_on_the_disk_before_the_store_names_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power cut leaves cannot be seen here, only what the kernel is asked for, and when: the file when it is
    whole, then its name, both while the store does not name it."""
    synced: list[tuple[Path, int, set[str]]] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        with closing(sqlite3.connect(path)) as other:
            named = {name for (name,) in other.execute("SELECT name FROM run")}
        target = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((target, os.fstat(descriptor).st_size, named))
        fsync(descriptor)

    bench = Bench(path)
    monkeypatch.setattr(os, "fsync", watched)
    made: dict[str, int] = {}
    replace = bench.rows._replace

    def replaced(generation: int, names: list[str], *rest: list[str]) -> None:
        made.update((name, (bench.rows.folder / name).stat().st_size) for name in names)
        replace(generation, names, *rest)  # type: ignore[arg-type]  # whatever it takes

    monkeypatch.setattr(bench.rows, "_replace", replaced)
    for first in (0, 100):
        bench.put(*(row(n) for n in range(20)), first=first)
        bench.rows.flush(everything=True)
    assert len(made) == 3, "two, and what they were merged into"
    for name, size in made.items():
        (own,) = [number for number, each in enumerate(synced) if each[:2] == (bench.rows.folder / name, size)]
        assert name not in synced[own][2]
        assert any(each[0] == bench.rows.folder and name not in each[2] for each in synced[own + 1 :])
    bench.close()
