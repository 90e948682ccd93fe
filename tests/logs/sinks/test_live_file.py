"""sensor.logs.sinks.live_file: whole lines on a full disk, cut lines mended, FIFOs unread or full."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.logs.sinks.live_file import LiveFile, repair, write_ready
from sensor.logs.sinks.sink import ReaderGone, SinkError


@pytest.fixture
def small_files() -> Iterator[None]:
    """Files of this process may have 100 bytes: the same error path as a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, before)


def write(file: LiveFile, data: bytes) -> int:
    return file.write(memoryview(data))


def test_a_file_is_appended_to_and_not_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    file = LiveFile.open(path, 7.0)
    assert (file.begun, file.size, file.is_fifo) == (7.0, 0, False)
    assert write(file, b"{}\n") == 3
    file.sync()
    file.close()
    assert stat.S_IMODE(path.stat().st_mode) & 0o137 == 0
    again = LiveFile.open(path, 9.0)
    assert (again.begun, again.size, again.cut) == (path.stat().st_mtime, 3, 0)
    write(again, b"[]\n")
    again.close()
    assert path.read_bytes() == b"{}\n[]\n"


@pytest.mark.parametrize("tail", [b"", b"x", b'{"ts":1.5,"uid":"C', b"y" * 70_000, b"z" * (1 << 17)])
@pytest.mark.parametrize("whole", [b"", b"{}\n", b"a\nb\n" * 40_000])
def test_a_cut_line_is_taken_away(tmp_path: Path, whole: bytes, tail: bytes) -> None:
    path = tmp_path / "conn.log"
    path.write_bytes(whole + tail)
    fd = os.open(path, os.O_RDWR)
    assert repair(fd) == len(tail)
    assert repair(fd) == 0
    os.close(fd)
    assert path.read_bytes() == whole
    file = LiveFile.open(path, 0.0)
    write(file, b"next\n")
    file.close()
    assert path.read_bytes() == whole + b"next\n"


def test_a_full_disk_cuts_no_line(tmp_path: Path, small_files: None) -> None:
    path = tmp_path / "conn.log"
    file = LiveFile.open(path, 0.0)
    line = b"x" * 29 + b"\n"
    assert write(file, line * 5) == 90  # 100 fit, but only three lines do whole
    assert path.read_bytes() == line * 3
    with pytest.raises(SinkError, match=r"conn\.log: File too large"):
        write(file, line * 2)
    assert path.read_bytes() == line * 3
    assert write(file, b"short\n") == 6  # room again
    assert file.size == 96 == path.stat().st_size
    file.close()


@pytest.mark.parametrize("kind", ["folder", "link", "socket", "no folder"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sub" / "conn.log"
    if kind != "no folder":
        path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        (tmp_path / "victim").write_text("precious")
        path.symlink_to(tmp_path / "victim")
    elif kind == "socket":
        os.mknod(path, 0o600 | stat.S_IFSOCK)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  (it is a list of descriptors, not of paths)
    with pytest.raises(SinkError, match=r"conn\.log: "):
        LiveFile.open(path, 0.0)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  (as above)


@pytest.mark.needs("root")
def test_a_device_is_refused(tmp_path: Path) -> None:
    os.mknod(tmp_path / "conn.log", 0o666 | stat.S_IFCHR, os.makedev(1, 7))  # /dev/full
    with pytest.raises(SinkError, match="neither a file nor a FIFO"):
        LiveFile.open(tmp_path / "conn.log", 0.0)


def test_a_fifo_is_written_to_as_far_as_it_has_room(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    os.mkfifo(path)
    with pytest.raises(ReaderGone, match="nobody reads it"):
        LiveFile.open(path, 0.0)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 16384)
    file = LiveFile.open(path, 0.0)
    assert file.is_fifo
    data = b"0123456789abcde\n" * 2048
    taken = write(file, data)
    assert taken == 16384
    assert write(file, data[taken:]) == 0  # full: nothing waits
    assert os.read(reader, 5000) == data[:5000]
    assert write(file, data[taken:]) == 4096  # POLLOUT: a page is free
    os.close(reader)
    with pytest.raises(ReaderGone, match="any more"):
        write(file, b"{}\n")
    file.close()


def test_a_name_that_leads_elsewhere_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "conn.log"
    file = LiveFile.open(path, 0.0)
    assert (file.is_gone(), file.is_elsewhere()) == (False, False)
    path.rename(tmp_path / "conn.log.1")
    assert (file.is_gone(), file.is_elsewhere()) == (False, True)
    path.write_text("")
    assert file.is_elsewhere()
    (tmp_path / "conn.log.1").unlink()
    assert file.is_gone()
    file.close()


def test_a_pipe_of_others_stays_as_it_is() -> None:
    reader, fd = os.pipe()
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 8192)
    assert os.get_blocking(fd)
    assert write_ready(fd, memoryview(b"x" * 20_000)) == 8192  # and did not block
    assert os.get_blocking(fd)
    os.close(reader)
    os.close(fd)
