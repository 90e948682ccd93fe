"""sensor.logs.sinks.rotating: by time, size, HUP, and whoever moves files; one owner; a clock that jumps."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path

import pytest

from sensor.logs.sinks.rotating import RotatingFolder
from sensor.logs.sinks.sink import SinkError
from sensor.settings import LogSettings

BEGUN = 1_763_827_200.0  # 2025-11-22 16:00:00 UTC


class Clock:
    def __init__(self) -> None:
        self.wall, self.steady = BEGUN + 60, 1000.0

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def opened(folder: Path, clock: Clock, **settings: object) -> RotatingFolder:
    return RotatingFolder(folder, LogSettings(**settings), lambda: clock.wall, lambda: clock.steady)


def write(place: RotatingFolder, stream: str, data: bytes) -> None:
    assert place.write(stream, memoryview(data)) == len(data)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def all_lines(folder: Path, stream: str) -> list[bytes]:
    """Of the archives in the order of their names, then of the live file."""
    found = b""
    for path in sorted(folder.glob(f"{stream}.2*")):
        found += gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    live = folder / f"{stream}.log"
    return (found + (live.read_bytes() if live.exists() else b"")).splitlines()


def test_a_log_is_put_aside_at_each_full_hour(tmp_path: Path, clock: Clock) -> None:
    place = opened(tmp_path, clock, compress_rotated=False)
    write(place, "conn", b"1\n")
    clock.pass_by(3600 - 61)
    place.tick()
    assert names(tmp_path) == ["conn.log"]
    clock.pass_by(2)
    place.tick()  # nothing was written; it is put aside all the same
    assert names(tmp_path) == ["conn.2025-11-22-16-01-00.log"]
    write(place, "conn", b"2\n")
    assert names(tmp_path) == ["conn.2025-11-22-16-01-00.log", "conn.log"]
    clock.pass_by(7200)
    write(place, "conn", b"3\n")  # no tick between: the write itself looks at the clock
    assert names(tmp_path)[1] == "conn.2025-11-22-17-00-01.log"
    place.close()
    assert all_lines(tmp_path, "conn") == [b"1", b"2", b"3"]


def test_a_log_is_put_aside_when_it_is_large_and_compressed(tmp_path: Path, clock: Clock) -> None:
    place = opened(tmp_path, clock, rotate_bytes=1000)
    for number in range(50):
        write(place, "http", b"%049d\n" % number)
        clock.pass_by(0.01)
    deadline = time.monotonic() + 20
    while len(list(tmp_path.glob("http.*.gz"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    place.close()
    assert names(tmp_path) == ["http.2025-11-22-16-01-00.1.log.gz", "http.2025-11-22-16-01-00.log.gz", "http.log"]
    assert (tmp_path / "http.log").stat().st_size == 500
    assert len(set(all_lines(tmp_path, "http"))) == 50


def test_nothing_is_ever_put_aside_if_that_is_off(tmp_path: Path, clock: Clock) -> None:
    place = opened(tmp_path, clock, rotate_bytes=0, rotate_every_s=0.0)
    for _ in range(20):
        write(place, "conn", b"x" * 999 + b"\n")
        clock.pass_by(86400)
        place.tick()
    place.close()
    assert names(tmp_path) == ["conn.log"]


def test_hup_follows_logrotate(tmp_path: Path, clock: Clock) -> None:
    place = opened(tmp_path, clock)
    write(place, "conn", b"1\n")
    (tmp_path / "conn.log").rename(tmp_path / "conn.log.1")
    write(place, "conn", b"2\n")  # logrotate's delaycompress counts on this
    place.reopen()
    write(place, "conn", b"3\n")
    place.close()
    assert (tmp_path / "conn.log.1").read_bytes() == b"1\n2\n"
    assert (tmp_path / "conn.log").read_bytes() == b"3\n"


def test_a_moved_file_is_noticed_without_hup(tmp_path: Path, clock: Clock) -> None:
    place = opened(tmp_path, clock)
    write(place, "conn", b"1\n")
    (tmp_path / "conn.log").rename(tmp_path / "old")
    place.tick()
    write(place, "conn", b"2\n")
    (tmp_path / "conn.log").unlink()
    write(place, "conn", b"3\n")  # no tick between: not a line goes into a file without a name
    place.close()
    assert (tmp_path / "old").read_bytes() == b"1\n"
    assert (tmp_path / "conn.log").read_bytes() == b"3\n"


@pytest.mark.parametrize("how", ["removed", "moved", "removed and made anew"])
def test_a_folder_that_vanished_is_made_anew(tmp_path: Path, clock: Clock, how: str) -> None:
    folder = tmp_path / "logs"
    place = opened(folder, clock)
    write(place, "conn", b"1\n")
    if how == "moved":
        folder.rename(tmp_path / "elsewhere")
        place.tick()
    else:
        (folder / "conn.log").unlink()
        folder.rmdir()
    if how == "removed and made anew":
        folder.mkdir()
    write(place, "conn", b"2\n")
    write(place, "leak", b"3\n")
    assert names(folder) == ["conn.log", "leak.log"]
    with pytest.raises(SinkError, match="another ocspwatch"):
        opened(folder, clock)
    place.close()
    assert (folder / "conn.log").read_bytes() == b"2\n"


def test_a_folder_that_cannot_be_made_fails_until_it_can(tmp_path: Path, clock: Clock) -> None:
    folder = tmp_path / "a" / "logs"
    place = opened(folder, clock)
    write(place, "conn", b"1\n")
    (folder / "conn.log").unlink()
    folder.rmdir()
    (tmp_path / "a").rmdir()
    (tmp_path / "a").write_text("in the way")
    for _ in range(3):
        with pytest.raises(SinkError, match="a"):
            place.write("conn", memoryview(b"2\n"))
    (tmp_path / "a").unlink()
    write(place, "conn", b"2\n")
    place.close()
    assert (folder / "conn.log").read_bytes() == b"2\n"


def test_one_process_owns_a_folder(tmp_path: Path, clock: Clock) -> None:
    place = opened(tmp_path, clock)
    with pytest.raises(SinkError, match="another ocspwatch writes its logs there"):
        opened(tmp_path, clock)
    place.close()
    opened(tmp_path, clock).close()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_is_no_folder_is_named(tmp_path: Path, clock: Clock, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file"):
        opened(tmp_path / place, clock)


def test_a_killed_run_is_mended_and_gone_on_with(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "conn.log").write_bytes(b'{"n":1}\n{"n":2}\n{"n"')
    (tmp_path / "leak.log").write_bytes(b'{"half')
    (tmp_path / "conn.2025-11-22-14-00-00.log").write_bytes(b"old\n")
    (tmp_path / "http.2025-11-22-14-00-00.log.gz.partial").write_bytes(b"half")
    for name in ("conn.log", "leak.log"):
        os.utime(tmp_path / name, (clock.wall - 10, clock.wall - 10))
    place = opened(tmp_path, clock)
    assert (tmp_path / "conn.log").read_bytes() == b'{"n":1}\n{"n":2}\n'
    assert (tmp_path / "leak.log").read_bytes() == b""
    said = "\n".join(place.messages())
    assert "conn.log: 4 bytes of a line" in said and "leak.log: 6 bytes of a line" in said
    assert place.messages() == []
    write(place, "conn", b'{"n":3}\n')
    deadline = time.monotonic() + 20
    while not (tmp_path / "conn.2025-11-22-14-00-00.log.gz").exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    place.close()
    assert all_lines(tmp_path, "conn") == [b"old", b'{"n":1}', b'{"n":2}', b'{"n":3}']
    assert not list(tmp_path.glob("*.partial"))


def test_a_live_file_of_yesterday_is_put_aside_though_its_log_is_quiet(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "notice.log").write_bytes(b"old\n")
    os.utime(tmp_path / "notice.log", (clock.wall - 86400, clock.wall - 86400))
    place = opened(tmp_path, clock, compress_rotated=False)
    place.tick()
    place.close()
    assert names(tmp_path) == ["notice.2025-11-21-16-01-00.log"]


@pytest.mark.parametrize("jump", [10 * 365 * 86400.0, -(50 * 365 * 86400.0), -7200.0])
def test_a_clock_that_jumps_costs_one_archive_and_no_line(tmp_path: Path, clock: Clock, jump: float) -> None:
    place = opened(tmp_path, clock, compress_rotated=False)
    write(place, "conn", b"1\n")
    place.tick()
    clock.wall += jump
    write(place, "conn", b"2\n")
    place.tick()
    for _ in range(5):
        clock.pass_by(1)
        place.tick()
        write(place, "conn", b"3\n")
    place.tick()
    said = place.messages()
    assert said == ["the clock was set: no archive is deleted for a day"]
    place.close()
    assert len(names(tmp_path)) == 2
    assert sorted(all_lines(tmp_path, "conn")) == [b"1", b"2"] + [b"3"] * 5


def test_old_archives_go_while_it_runs(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "conn.2025-11-21-15-00-00.log.gz"
    path.write_bytes(gzip.compress(b"old\n"))
    os.utime(path, (clock.wall - 86400 + 1800, clock.wall - 86400 + 1800))
    place = opened(tmp_path, clock, keep_days=1)
    place.tick()
    assert path.exists()
    clock.pass_by(3601)
    place.tick()
    assert not path.exists()
    place.close()


def test_an_archive_that_cannot_be_named_costs_no_line(tmp_path: Path, clock: Clock, monkeypatch: object) -> None:
    place = opened(tmp_path, clock, rotate_bytes=4, compress_rotated=False)
    write(place, "conn", b"1\n2\n")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:  # a file system on which rename fails cannot be made here
        patch.setattr(Path, "rename", refuse)
        write(place, "conn", b"3\n")
        write(place, "conn", b"4\n")
        assert place.messages() == [f"{tmp_path}/conn.log: cannot be put aside: No space left on device"]
    write(place, "conn", b"5\n")
    place.close()
    assert all_lines(tmp_path, "conn") == [b"1", b"2", b"3", b"4", b"5"]
    assert len(names(tmp_path)) == 2


def test_lines_are_on_the_disk_at_most_once_a_second(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())))
    place = opened(tmp_path, clock)
    for _ in range(30):  # three seconds
        write(place, "conn", b"1\n")
        place.tick()
        clock.pass_by(0.1)
    assert synced == [str(tmp_path / "conn.log")] * 3
    clock.pass_by(10)
    place.tick()
    clock.pass_by(10)
    place.tick()
    assert len(synced) == 4  # nothing new, nothing synced
    place.close()


def test_no_descriptor_is_left_open(tmp_path: Path, clock: Clock) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (it is a list of descriptors, not of paths)
    for _ in range(3):
        place = opened(tmp_path, clock, rotate_bytes=2)
        for stream in ("conn", "http", "leak", "conn"):
            write(place, stream, b"{}\n")
            place.tick()
        place.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  (as above)


@pytest.mark.parametrize("stream", ["../conn", "/conn", "a/b", "", "..", "conn.log/x"])
def test_no_name_of_a_log_leads_out_of_the_folder(tmp_path: Path, stream: str) -> None:
    (tmp_path / "logs" / "a").mkdir(parents=True)
    folder = RotatingFolder(tmp_path / "logs", LogSettings())
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SinkError, match="is no log"):
        folder.write(stream, memoryview(b"{}\n"))
    folder.close()
    assert sorted(tmp_path.rglob("*")) == before
