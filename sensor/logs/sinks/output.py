"""Whole lines to a file descriptor: all of them, or as many as fit and none cut."""

from __future__ import annotations

import errno
import os
import select

from sensor.logs.sinks.sink import ReaderGone, SinkError


def write_lines(fd: int, name: str, lines: bytes) -> None:
    """Writes to `fd`, called `name` in errors. On a full disk what was begun of the last line is taken back."""
    data = memoryview(lines)
    done = 0
    try:
        while done < len(data):
            try:
                done += os.write(fd, data[done:])
            except BlockingIOError:  # somebody made the pipe non-blocking
                select.select([], [fd], [])
    except BrokenPipeError:
        raise ReaderGone(f"{name}: nobody reads it any more") from None
    except OSError as error:
        _take_back(fd, data[:done])
        raise SinkError(f"{name}: {os.strerror(error.errno or errno.EIO)}") from None


def _take_back(fd: int, written: memoryview) -> None:
    """Cuts a file back to the last whole line of what was just written to its end."""
    cut = len(written) - (bytes(written).rfind(b"\n") + 1)
    if cut:
        try:
            os.ftruncate(fd, os.lseek(fd, 0, os.SEEK_END) - cut)
            os.lseek(fd, 0, os.SEEK_END)
        except OSError:
            return  # a pipe or a terminal: what is gone is gone
