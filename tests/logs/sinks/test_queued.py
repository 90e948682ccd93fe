"""sensor.logs.sinks.queued: full disks, FIFOs and hung places; what is handed over is written or counted."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensor.logs.sinks.log_process import LogProcess
from sensor.logs.sinks.queued import PlaceLostError, QueuedSink
from sensor.logs.sinks.rotating import RotatingFolder
from sensor.logs.sinks.sink import ReaderGone, SinkError
from sensor.logs.sinks.standard_output import StandardOutput
from sensor.settings import LogSettings

REPOSITORY = Path(__file__).resolve().parents[3]


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def folder_sink(folder: Path, max_bytes: int = 1 << 20, **settings: object) -> QueuedSink:
    return QueuedSink(RotatingFolder(folder, LogSettings(**settings)), max_bytes)


def some_of(fd: int, octets: int) -> bytes:
    """What can be read within a moment."""
    with contextlib.suppress(BlockingIOError):
        select.select([fd], [], [], 0.05)
        return os.read(fd, octets)
    return b""


def line(number: int, length: int = 100) -> bytes:
    return b"%0*d\n" % (length - 1, number)


class Stuck:
    """A place that takes nothing until it is let: a disk that hangs, which cannot be had here."""

    merged = False
    ends_with_reader = False

    def __init__(self) -> None:
        self.let = threading.Event()
        self.data: dict[str, bytes] = {}
        self.reopened: list[int] = []

    def write(self, stream: str, data: memoryview) -> int:
        self.let.wait(60)
        self.data[stream] = self.data.get(stream, b"") + bytes(data)
        return len(data)

    def tick(self) -> None: ...

    def reopen(self) -> None:
        self.reopened.append(len(self.data.get("conn", b"")))

    def messages(self) -> list[str]:
        return []

    def close(self) -> None: ...


def test_a_place_that_hangs_costs_lines_that_are_counted_and_nothing_else() -> None:
    place = Stuck()
    sink = QueuedSink(place, 10_000)
    began = time.monotonic()
    for number in range(500):
        sink.write("conn", line(number))
    assert time.monotonic() - began < 5  # the place would wait a minute
    assert sink.counts().waiting_bytes == 10_000
    assert sink.counts().dropped == {"conn": 400}
    place.let.set()
    until(lambda: not sink.counts().waiting_bytes)
    sink.write("conn", line(500))
    until(lambda: not sink.counts().waiting_bytes)
    assert place.data["conn"].splitlines(keepends=True) == [*map(line, range(100)), line(500)]
    assert sink.messages() == [
        "log lines are dropped: the queue in front of the disk is full",
        "log lines are taken again; 400 were dropped",
    ]
    counts = sink.counts()
    assert (counts.written_lines, counts.written_bytes, counts.dropped_lines) == (101, 10_100, 400)
    with pytest.raises(SinkError, match="400 lines"):
        sink.close()


def test_what_comes_close_together_goes_to_the_place_in_few_large_pieces() -> None:
    """A call may be one to another process: see _GATHER_S."""
    place = Stuck()
    place.let.set()
    pieces: list[int] = []
    write = place.write
    place.write = lambda stream, data: pieces.append(len(data)) or write(stream, data)
    sink = QueuedSink(place, 64 << 20)
    lines = [line(number, 1 << 16) for number in range(200)]
    for each in lines:
        sink.write("conn", each)
    sink.close()
    assert place.data["conn"] == b"".join(lines)
    assert len(pieces) < 20 and max(pieces) == 1 << 20
    counts = sink.counts()
    assert (counts.waiting_bytes, counts.written_lines, counts.dropped_lines) == (0, 200, 0)


def test_closing_gives_up_on_a_place_that_hangs() -> None:
    place = Stuck()
    sink = QueuedSink(place, 10_000, close_within_s=0.2)
    for number in range(101):  # one more than there is room for
        sink.write("conn", line(number))
    began = time.monotonic()
    with pytest.raises(SinkError, match=r"does not answer; 100 lines \(10000 bytes\) of logs are lost, 101 in all"):
        sink.close()
    assert time.monotonic() - began < 0.5
    counts = sink.counts()
    assert (counts.written_lines, counts.waiting_bytes, counts.dropped) == (0, 0, {"conn": 101})
    sink.close()
    place.let.set()


def test_what_is_lost_is_known_before_the_last_lines(tmp_path: Path) -> None:
    """The line whose first part a FIFO has is not: something else would be glued to it."""
    os.mkfifo(tmp_path / "leak.log")
    reader = os.open(tmp_path / "leak.log", os.O_RDONLY | os.O_NONBLOCK)
    sink = folder_sink(tmp_path, 1 << 20)
    sink.write("leak", line(0, 150_000))  # longer than a pipe
    for number in range(1, 5):
        sink.write("leak", line(number))
    sink.write("conn", line(1))
    until(lambda: sink.counts().written_bytes > 60_000)
    sink.settle(0.2)
    assert sink.counts().dropped == {"leak": 4}
    sink.write("leak", line(5))

    def close() -> None:
        with pytest.raises(SinkError, match="4 lines"):
            sink.close()

    closing = threading.Thread(target=close)
    closing.start()
    got = b""
    while closing.is_alive() or got.count(b"\n") < 2:
        got += some_of(reader, 1 << 16)
    os.close(reader)
    assert got == line(0, 150_000) + line(5)
    assert sink.counts().dropped_lines == 4


@pytest.mark.usefixtures("alone")
def test_a_place_that_is_gone_is_noticed_while_nothing_is_written(tmp_path: Path) -> None:
    process = LogProcess(lambda: RotatingFolder(tmp_path, LogSettings()))
    sink = QueuedSink(process.places[0], 1 << 20)
    sink.start()
    sink.check()
    os.kill(process.pid, signal.SIGKILL)
    began = time.monotonic()

    def is_known() -> bool:
        try:
            sink.check()
        except PlaceLostError:
            return True
        return False

    until(is_known)
    assert time.monotonic() - began < 0.9
    with pytest.raises(PlaceLostError):
        sink.write("conn", line(1))
    with pytest.raises(SinkError, match="1 lines"):
        sink.close()
    process.wait()


def test_reopening_from_a_signal_handler_keeps_the_order() -> None:
    place = Stuck()
    sink = QueuedSink(place, 1 << 20)
    before = signal.signal(signal.SIGHUP, lambda *_: sink.reopen())
    try:
        for number in range(2000):
            sink.write("conn", line(number))
            if number % 400 == 399:
                os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    place.let.set()
    sink.close()
    assert place.data["conn"].splitlines(keepends=True) == [*map(line, range(2000))]
    assert place.reopened == [40_000, 80_000, 120_000, 160_000, 200_000]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 128 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.needs("root", "mount")
def test_a_full_disk_cuts_no_line_and_is_written_to_again(small_disk: Path) -> None:
    hog = small_disk / "hog"
    hog.write_bytes(b"x" * 100_000)
    sink = folder_sink(small_disk / "logs", 80_000)
    for number in range(2000):
        sink.write("conn", line(number))
    until(lambda: any("No space left on device; lines wait" in text for text in sink.messages()))
    path = small_disk / "logs" / "conn.log"
    assert path.read_bytes().endswith(b"\n")
    before = sink.counts()
    assert before.dropped_lines and before.waiting_bytes
    assert before.written_lines + before.dropped_lines + before.waiting_bytes // 100 == 2000
    hog.unlink()
    until(lambda: not sink.counts().waiting_bytes)
    sink.write("conn", line(2000))
    with pytest.raises(SinkError, match=f"{sink.counts().dropped_lines} lines"):
        sink.close()
    lines = path.read_bytes().splitlines(keepends=True)
    assert {len(each) for each in lines} == {100}
    assert len(lines) + sink.counts().dropped_lines == 2001
    assert lines[-1] == line(2000) and lines == sorted(lines)
    assert any("written again" in text for text in sink.messages())


def test_one_log_that_fails_costs_the_others_nothing(tmp_path: Path) -> None:
    sink = folder_sink(tmp_path / "logs", 40_000)
    (tmp_path / "logs" / "conn.log").mkdir()
    for number in range(300):
        sink.write("conn", line(number))
        sink.write("leak", line(number))
        until(lambda: sink.counts().written_lines > number)  # noqa: B023  (it is called at once)
    counts = sink.counts()
    assert counts.written_lines == 300
    assert counts.dropped == {"conn": 200}  # a quarter of the queue waits
    (tmp_path / "logs" / "conn.log").rmdir()
    until(lambda: not sink.counts().waiting_bytes)
    with pytest.raises(SinkError, match="200 lines"):
        sink.close()
    assert (tmp_path / "logs" / "leak.log").read_bytes() == b"".join(map(line, range(300)))
    assert (tmp_path / "logs" / "conn.log").read_bytes() == b"".join(map(line, range(100)))


def test_the_folder_is_removed_under_load(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    sink = folder_sink(folder)
    for number in range(3000):
        sink.write("conn", line(number))
        if number == 1500:
            until(lambda: not sink.counts().waiting_bytes)
            first = (folder / "conn.log").read_bytes().splitlines(keepends=True)
            (folder / "conn.log").unlink()
            folder.rmdir()
    sink.close()
    assert first == [*map(line, range(1501))]
    assert (folder / "conn.log").read_bytes().splitlines(keepends=True) == [*map(line, range(1501, 3000))]


def test_a_fifo_that_is_not_read_costs_its_own_lines_only_and_readers_may_come_and_go(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    os.mkfifo(folder / "leak.log")
    sink = folder_sink(folder, 800_000)
    for number in range(4000):  # nobody reads
        sink.write("leak", line(number))
        sink.write("conn", line(number))
        until(lambda: sink.counts().waiting_bytes < 450_000)
    until(lambda: sink.counts().waiting_bytes <= 200_000)
    assert (folder / "conn.log").stat().st_size == 400_000
    assert sink.counts().dropped == {"leak": 2000}
    reader = os.open(folder / "leak.log", os.O_RDONLY)
    got = b""
    while len(got) < 50_050:
        got += os.read(reader, 50_050 - len(got))
    os.close(reader)  # in the middle of a line, and with the pipe full behind it
    until(lambda: any("any more" in text for text in sink.messages()))
    again = os.open(folder / "leak.log", os.O_RDONLY | os.O_NONBLOCK)
    rest = b""
    while sink.counts().waiting_bytes:  # that goes down after the octets were read here: reading must not wait
        rest += some_of(again, 40_000)
    sink.write("leak", line(7777))
    with pytest.raises(SinkError):
        sink.close()
    while piece := some_of(again, 40_000):
        rest += piece
    os.close(again)
    assert got == b"".join(map(line, range(2000)))[:50_050]
    lines = (got + rest).splitlines(keepends=True)  # what the second gets begins where the first ended
    assert {len(each) for each in lines} == {100}
    assert lines[-1] == line(7777) and len(lines) + sink.counts().dropped["leak"] == 4001
    counts = sink.counts()
    assert counts.written_lines + counts.dropped_lines == 8001
    assert (folder / "conn.log").stat().st_size == 400_000


def test_standard_output_whose_reader_sleeps_or_goes(tmp_path: Path) -> None:
    reader, fd = os.pipe()
    sink = QueuedSink(StandardOutput(fd), 200_000)
    for number in range(5000):
        sink.write("", line(number))
    until(lambda: sink.counts().written_bytes > 50_000)  # some of its 16 pages are not filled
    assert sink.counts().dropped_lines > 2000
    os.close(reader)

    def is_over() -> bool:
        try:
            sink.write("", line(1))
        except ReaderGone:
            return True
        return False

    until(is_over)
    with pytest.raises(SinkError):
        sink.close()
    os.close(fd)


KILLED = """
import sys, os, signal
from pathlib import Path
from sensor.logs.sinks.queued import QueuedSink
from sensor.logs.sinks.rotating import RotatingFolder
from sensor.settings import LogSettings
sink = QueuedSink(RotatingFolder(Path(sys.argv[1]), LogSettings(rotate_bytes=300_000)), 1 << 26)
signal.signal(signal.SIGHUP, lambda *_: sink.reopen())
print("started", flush=True)
number = 0
while True:
    sink.write("conn", b"".join(b"%099d\\n" % n for n in range(number, number + 50)))
    sink.write("leak", b"%099d\\n" % number)
    number += 50
    while sink.counts().waiting_bytes > 100_000:
        pass
"""


@pytest.mark.parametrize("after_s", [0.05, 0.3])
def test_kill_9_under_load_with_hup_leaves_at_most_one_cut_line(tmp_path: Path, after_s: float) -> None:
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=REPOSITORY
        ) as process:
            process.stdout.readline()
            for _ in range(3):
                time.sleep(after_s / 3)
                process.send_signal(signal.SIGHUP)
            process.kill()
        for live in tmp_path.glob("*.log"):
            whole, _, cut = live.read_bytes().rpartition(b"\n")
            assert len(cut) < 100 and {len(each) for each in whole.splitlines()} <= {99}, live
    RotatingFolder(tmp_path, LogSettings(compress_rotated=False)).close()
    import gzip

    seen = []
    for path in sorted(tmp_path.glob("conn.*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert data.endswith(b"\n") or not data
        seen += [int(each) for each in data.splitlines()]
    assert len(seen) > 100
