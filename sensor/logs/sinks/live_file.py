"""The file that a log is written to now, or the FIFO that lies in its place: opened, repaired, appended to."""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path

from sensor.logs.sinks.sink import ReaderGone, SinkError

_FLAGS = os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_MODE = 0o640  # who visited what is nobody else's business
_STEP = 1 << 16


def write_ready(fd: int, data: memoryview) -> int:
    """Writes as much as a pipe takes without waiting, whatever its flags are; octets written.

    POLLOUT says that PIPE_BUF octets fit (poll(2), pipe(7)); a descriptor that others hold, too, is not made
    non-blocking. Raises OSError.
    """
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    done = 0
    while done < len(data) and poll.poll(0):
        try:
            done += os.write(fd, data[done : done + select.PIPE_BUF])
        except BlockingIOError:  # somebody else filled it between the two calls
            break
        except OSError:
            if not done:
                raise
            break  # what was written was; the next call tells
    return done


def repair(fd: int) -> int:
    """Cuts a file back to the end of its last whole line; octets cut, 0 if nothing was to be done. Raises OSError.

    What a process that was killed left of a line is no event, and would spoil the next one.
    """
    end = size = os.fstat(fd).st_size
    while end:
        begin = max(0, end - _STEP)
        newline = os.pread(fd, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            end = begin + newline + 1
            break
        end = begin
    if end != size:
        os.ftruncate(fd, end)
    return size - end


def _lies_a_fifo(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.lstat().st_mode)
    except OSError:
        return False


class LiveFile:
    """One open log. Made by `open`, which raises SinkError."""

    def __init__(self, path: Path, fd: int, begun: float, is_fifo: bool, cut: int) -> None:
        self.path = path
        self.begun = begun
        """When the file got its first line, in seconds since 1970; of a file found, when it got its last."""
        self.is_fifo = is_fifo
        self.cut = cut
        """Octets of a cut line that were taken away when it was opened."""
        self.size = 0 if is_fifo else os.fstat(fd).st_size
        self._fd = fd
        self._dirty = False

    @classmethod
    def open(cls, path: Path, now: float) -> LiveFile:
        """Makes the file if need be; a link is not followed. Raises SinkError; ReaderGone for a FIFO nobody reads."""
        try:
            # Never a FIFO for reading, too: we would be our own reader, and one who comes would see us go.
            access = os.O_WRONLY if _lies_a_fifo(path) else os.O_RDWR | os.O_CREAT
            fd = os.open(path, access | _FLAGS, _MODE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise ReaderGone(f"{path}: nobody reads it") from None
            raise SinkError(f"{path}: {error.strerror}") from None
        status = os.fstat(fd)
        is_fifo = stat.S_ISFIFO(status.st_mode)
        try:
            if not is_fifo and not stat.S_ISREG(status.st_mode):
                raise SinkError(f"{path}: neither a file nor a FIFO")
            cut = 0 if is_fifo else repair(fd)
        except OSError as error:
            os.close(fd)
            raise SinkError(f"{path}: {error.strerror}") from None
        except SinkError:
            os.close(fd)
            raise
        begun = now if is_fifo or not status.st_size else status.st_mtime
        return cls(path, fd, begun, is_fifo, cut)

    def write(self, data: memoryview) -> int:
        """Octets that were taken: whole lines of a file, as much as it takes at once of a FIFO. Raises SinkError if
        nothing was, for another reason than a full FIFO; ReaderGone if nobody reads the FIFO."""
        if self.is_fifo:
            try:
                return write_ready(self._fd, data)
            except BrokenPipeError:
                raise ReaderGone(f"{self.path}: nobody reads it any more") from None
            except OSError as error:
                raise SinkError(f"{self.path}: {error.strerror}") from None
        done, failure = 0, 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError as error:
            failure = error.errno or errno.EIO
            done = self._whole_lines(data[:done])
        self.size += done
        self._dirty = self._dirty or done > 0
        if failure and not done:
            raise SinkError(f"{self.path}: {os.strerror(failure)}")
        return done

    def _whole_lines(self, written: memoryview) -> int:
        """Takes back what was begun of a line; octets that stay. Where that fails, too, the rest will follow it."""
        whole = bytes(written).rfind(b"\n") + 1
        try:
            if whole != len(written):
                os.ftruncate(self._fd, os.fstat(self._fd).st_size - (len(written) - whole))
        except OSError:
            return len(written)
        return whole

    def is_gone(self) -> bool:
        """Whether no name leads to it any more: what is written to it is lost."""
        return os.fstat(self._fd).st_nlink == 0

    def is_elsewhere(self) -> bool:
        """Whether another file, or none, lies under its name."""
        try:
            there = self.path.lstat()
        except OSError:
            return True
        return not os.path.samestat(there, os.fstat(self._fd))

    def sync(self) -> None:
        """Waits until the disk has it, if anything was written since the last time. Raises SinkError."""
        if self._dirty:
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                raise SinkError(f"{self.path}: {error.strerror}") from None
            self._dirty = False

    def close(self) -> None:
        os.close(self._fd)
