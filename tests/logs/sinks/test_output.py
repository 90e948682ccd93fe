"""sensor.logs.sinks.output: whole lines, whatever the disk or the reader does."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.logs.sinks.output import write_lines
from sensor.logs.sinks.sink import ReaderGone, SinkError

LINES = b"".join(b'{"number":%06d}\n' % number for number in range(1000))


@pytest.fixture
def small_files() -> Iterator[int]:
    """No file may grow beyond 10,000 bytes: to the writer as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    yield 10_000
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_no_half_line_and_what_comes_later_is_whole(tmp_path: Path, small_files: int) -> None:
    path = tmp_path / "conn.log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(SinkError, match="conn: File too large"):
        write_lines(fd, "conn", LINES)
    written = path.read_bytes()
    assert written.endswith(b"}\n") and LINES.startswith(written)
    assert small_files - 18 < len(written) <= small_files
    os.ftruncate(fd, 18)  # somebody makes room
    os.lseek(fd, 0, os.SEEK_END)
    write_lines(fd, "conn", b'{"later":1}\n')
    os.close(fd)
    assert path.read_bytes() == LINES[:18] + b'{"later":1}\n'


def test_one_line_that_does_not_fit_is_taken_back_whole(tmp_path: Path, small_files: int) -> None:
    path = tmp_path / "http.log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    write_lines(fd, "http", b"{}\n")
    with pytest.raises(SinkError):
        write_lines(fd, "http", b'{"uri":"' + b"x" * small_files + b'"}\n')
    os.close(fd)
    assert path.read_bytes() == b"{}\n"


def test_a_reader_that_went_away() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(ReaderGone, match="standard output"):
        write_lines(writer, "standard output", LINES)
    os.close(writer)


def test_a_slow_reader_on_a_pipe_that_does_not_block() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    received = bytearray()

    def read() -> None:
        while chunk := os.read(reader, 1000):
            received.extend(chunk)

    thread = threading.Thread(target=read)
    thread.start()
    write_lines(writer, "pipe", LINES * 20)
    os.close(writer)
    thread.join()
    os.close(reader)
    assert bytes(received) == LINES * 20


def test_any_other_trouble_is_one_line() -> None:
    with pytest.raises(SinkError, match=r"^x: Bad file descriptor$"):
        write_lines(10_000, "x", LINES)
