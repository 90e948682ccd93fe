"""sensor.capture.stream: never waits inside, says when there is nothing yet, notices a rotated file."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest

from sensor.capture.stream import PIPE_BYTES, RawBytes


def opened(path: Path, *, growing: bool = False) -> RawBytes:
    return RawBytes(os.open(path, os.O_RDONLY), path=str(path), growing=growing)


def take(stream: RawBytes, size: int = 100) -> bytes | None:
    view = memoryview(bytearray(size))
    got = stream.read_into(view)
    return None if got is None else bytes(view[:got])


def test_a_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    stream = opened(path)
    assert stream.regular
    assert [take(stream, 4), take(stream, 4), take(stream, 4), take(stream, 4)] == [b"abcd", b"ef", b"", b""]
    assert stream.position == 6
    stream.close()
    stream.close()


def test_peeking_takes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    stream = opened(path)
    assert stream.peek(3) == (b"abc", True)
    assert stream.peek(9) == (b"abcdef", True)
    assert stream.position == 0
    assert take(stream) == b"abcdef"
    stream.close()


def test_a_growing_file_has_nothing_yet_until_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    stream = opened(path, growing=True)
    assert stream.peek(9) == (b"abc", False)
    assert take(stream) == b"abc"
    assert take(stream) is None
    with path.open("ab") as file:
        file.write(b"def")
    assert take(stream) == b"def"
    assert take(stream) is None
    stream.finish()
    assert take(stream) == b""
    stream.close()


def test_a_pipe_is_not_waited_for() -> None:
    out, into = os.pipe()
    stream = RawBytes(out, growing=True)
    assert not stream.regular
    assert take(stream) is None
    assert stream.peek(3) == (b"", False)
    os.write(into, b"abcd")
    assert stream.peek(3) == (b"abc", True)
    assert take(stream, 2) == b"ab"
    assert stream.peek(3) == (b"cd", False)
    os.write(into, b"e")
    os.close(into)
    assert stream.peek(9) == (b"cde", True)
    assert [take(stream), take(stream)] == [b"cde", b""]
    stream.close()


@pytest.mark.skipif(not hasattr(fcntl, "F_GETPIPE_SZ"), reason="pipes have a fixed size here")
def test_a_pipe_is_read_in_large_pieces() -> None:
    out, into = os.pipe()
    os.set_blocking(into, False)
    stream = RawBytes(out)
    assert fcntl.fcntl(out, fcntl.F_GETPIPE_SZ) >= PIPE_BYTES
    assert os.write(into, bytes(300_000)) == 300_000
    assert take(stream, 1 << 20) == bytes(300_000)
    os.close(into)
    stream.close()


def test_waiting_for_a_pipe_ends_when_something_comes() -> None:
    out, into = os.pipe()
    stream = RawBytes(out)
    before = time.monotonic()
    stream.wait(0.05)
    assert time.monotonic() - before >= 0.04
    os.write(into, b"x")
    before = time.monotonic()
    stream.wait(10)
    assert time.monotonic() - before < 5
    os.close(into)
    stream.close()


def test_what_cannot_be_read_is_damage(tmp_path: Path) -> None:
    stream = RawBytes(os.open(tmp_path, os.O_RDONLY))  # a folder: opened, but not read
    stream.regular = True
    assert take(stream) == b""
    assert stream.damage == "input_unreadable"
    assert "directory" in stream.damage_note
    stream.close()


def test_another_file_under_the_name(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    stream = opened(path, growing=True)
    assert take(stream) == b"abc"
    assert not stream.replaced()
    path.rename(tmp_path / "file.1")
    assert not stream.replaced()  # its writer may still be writing
    path.write_bytes(b"new")
    assert stream.replaced()
    stream.close()


def test_a_file_cut_off_under_us(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    stream = opened(path, growing=True)
    take(stream)
    with path.open("r+b") as file:
        file.truncate(2)
    assert stream.replaced()
    stream.close()


@pytest.mark.parametrize("growing", [False, True])
def test_a_file_that_does_not_grow_is_never_replaced(tmp_path: Path, growing: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    stream = opened(path, growing=growing)
    take(stream)
    path.unlink()
    path.write_bytes(b"new one")
    assert stream.replaced() == growing
    stream.close()
