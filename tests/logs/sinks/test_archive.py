"""sensor.logs.sinks.archive: names, compression that no crash harms, deletion that no wrong clock starts."""

from __future__ import annotations

import gzip
import os
import stat
import time
from pathlib import Path

import pytest

from sensor.logs.sinks.archive import Compressor, Retention, archive_path, archives, remove_unfinished

DAY = 86400.0
BEGUN = 1_763_827_200.0  # 2025-11-22 16:00:00 UTC


class Clock:
    """Two clocks that a test sets."""

    def __init__(self) -> None:
        self.wall, self.steady = BEGUN, 50.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def retention(self, days: int) -> Retention:
        return Retention(days, lambda: self.wall, lambda: self.steady)


def aged(folder: Path, name: str, written: float) -> Path:
    path = folder / name
    path.write_text("{}\n")
    os.utime(path, (written, written))
    return path


def until(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_name_is_free(tmp_path: Path) -> None:
    first = archive_path(tmp_path, "conn", BEGUN + 0.9)
    assert first.name == "conn.2025-11-22-16-00-00.log"
    first.write_text("")
    second = archive_path(tmp_path, "conn", BEGUN)
    assert second.name == "conn.2025-11-22-16-00-00.1.log"
    second.with_name(second.name + ".gz").write_text("")  # compressed meanwhile
    assert archive_path(tmp_path, "conn", BEGUN).name == "conn.2025-11-22-16-00-00.2.log"
    assert archive_path(tmp_path, "http", BEGUN).name == "http.2025-11-22-16-00-00.log"
    assert set(archives(tmp_path)) == {first, second.with_name(second.name + ".gz")}


def test_a_clock_before_1970_still_names_a_file(tmp_path: Path) -> None:
    assert archive_path(tmp_path, "leak", -5.0).name == "leak.1970-01-01-00-00-00.log"


def test_archives_are_compressed_with_their_time_and_rights(tmp_path: Path) -> None:
    path = archive_path(tmp_path, "conn", BEGUN)
    data = b"".join(b'{"n":%d}\n' % number for number in range(100_000))
    path.write_bytes(data)
    path.chmod(0o640)
    os.utime(path, (BEGUN, BEGUN + 7))
    compressor = Compressor()
    compressor.add(path)
    until(lambda: not path.exists())
    compressor.close(5.0)
    packed = path.with_name(path.name + ".gz")
    assert gzip.decompress(packed.read_bytes()) == data
    assert packed.stat().st_size < len(data) / 3
    assert packed.stat().st_mtime == BEGUN + 7
    assert stat.S_IMODE(packed.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [packed]
    assert compressor.failed == 0


def test_what_cannot_be_compressed_stays(tmp_path: Path) -> None:
    path = archive_path(tmp_path, "conn", BEGUN)
    path.write_text("{}\n")
    (tmp_path / (path.name + ".gz")).mkdir()  # something of that name that no file can replace
    compressor = Compressor()
    compressor.add(path)
    until(lambda: compressor.failed)
    compressor.add(tmp_path / "conn.2025-11-22-17-00-00.log")  # deleted meanwhile: nothing to be told
    compressor.close(5.0)
    assert path.read_text() == "{}\n"
    assert compressor.failed == 1
    assert sorted(found.name for found in tmp_path.iterdir()) == [path.name, path.name + ".gz"]


def test_a_stop_leaves_the_archive_as_it_was(tmp_path: Path) -> None:
    path = archive_path(tmp_path, "conn", BEGUN)
    path.write_bytes(os.urandom(1 << 20) * 64)
    compressor = Compressor()
    compressor.add(path)
    until(lambda: any(found.name.endswith(".partial") for found in tmp_path.iterdir()))
    compressor.close(20.0)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size == 64 << 20


def test_what_a_killed_run_left_is_taken_up(tmp_path: Path) -> None:
    path = aged(tmp_path, "conn.2025-11-22-16-00-00.log", BEGUN)
    for name in ("conn.2025-11-22-16-00-00.log.gz.partial", "http.2025-11-22-16-00-00.1.log.gz.partial"):
        (tmp_path / name).write_text("half")
    others = [
        aged(tmp_path, name, BEGUN)
        for name in ("conn.log", "mine.2025-11-22-16-00-00.log", "conn.2025-11-22.log", "x.partial", "conn.log.partial")
    ]
    packed = aged(tmp_path, "leak.2025-11-22-16-00-00.log.gz", BEGUN)
    assert remove_unfinished(tmp_path) == [path]
    assert set(tmp_path.iterdir()) == {path, packed, *others}


def test_archives_are_deleted_when_their_days_are_over_and_nothing_else(tmp_path: Path) -> None:
    clock = Clock()
    old = [
        aged(tmp_path, "conn.2025-10-20-00-00-00.log.gz", clock.wall - 31 * DAY),
        aged(tmp_path, "leak.2025-10-20-00-00-00.3.log", clock.wall - 30 * DAY - 1),
    ]
    young = [
        aged(tmp_path, "conn.2025-10-23-16-00-00.log.gz", clock.wall - 30 * DAY + 5),
        aged(tmp_path, "conn.log", clock.wall - 99 * DAY),
        aged(tmp_path, "conn.2025-10-20-00-00-00.log.zst", clock.wall - 99 * DAY),
        aged(tmp_path, "secret.2025-10-20-00-00-00.log.gz", clock.wall - 99 * DAY),
    ]
    (tmp_path / "http.2025-10-20-00-00-00.log").symlink_to(young[0])
    os.utime(tmp_path / "http.2025-10-20-00-00-00.log", (0, 0), follow_symlinks=False)
    retention = clock.retention(30)
    retention.apply(tmp_path)
    assert set(tmp_path.iterdir()) == set(young)  # the link went, not what it names
    assert retention.deleted == len(old) + 1
    clock.pass_by(6.0)
    retention.apply(tmp_path)
    assert set(tmp_path.iterdir()) == set(young[1:])


def test_nothing_is_deleted_if_all_is_kept(tmp_path: Path) -> None:
    clock = Clock()
    path = aged(tmp_path, "conn.2025-10-20-00-00-00.log.gz", 0.0)
    clock.retention(0).apply(tmp_path)
    assert path.exists()


@pytest.mark.parametrize("jump", [400 * DAY, -400 * DAY])
def test_a_clock_that_jumps_deletes_nothing_for_a_day(tmp_path: Path, jump: float) -> None:
    clock = Clock()
    young = aged(tmp_path, "conn.2025-11-22-15-00-00.log.gz", clock.wall - 3600)
    retention = clock.retention(30)
    retention.apply(tmp_path)
    clock.wall += jump
    assert retention.look_at_clock()
    assert not retention.look_at_clock()
    for _ in range(23):
        retention.apply(tmp_path)
        clock.pass_by(3600)
    assert young.exists()
    clock.wall -= jump  # the operator puts it right; and again a day is waited
    retention.apply(tmp_path)
    clock.pass_by(DAY + 1)
    retention.apply(tmp_path)
    assert young.exists()
    clock.pass_by(30 * DAY)
    retention.apply(tmp_path)
    assert not young.exists()


def test_a_clock_that_is_slewed_is_trusted(tmp_path: Path) -> None:
    clock = Clock()
    retention = clock.retention(30)
    for _ in range(100):
        clock.pass_by(60)
        clock.wall += 30  # a leap of half a minute each time is less than an hour each time
        assert not retention.look_at_clock()
