"""The bytes of one capture as they come off a disk or a pipe, without waiting inside: None means "nothing yet"."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import stat
import time

POLL_S = 0.05
"""How often a growing file is looked at."""
PIPE_BYTES = 1 << 20
"""What a pipe is asked to hold, so that it is read in large pieces; the default is 64 KiB."""


class ByteStream:
    """A one-way stream of bytes; subclasses say where they come from in `_read_into`.

    `position` is how many bytes were taken from the disk or pipe beneath, for a progress bar. When the bytes end
    before they should, `damage` is the name of a weird and `damage_note` a few words on it. `regular`: from a file,
    which has all its bytes at once, unlike a pipe.
    """

    def __init__(self, *, regular: bool) -> None:
        self.regular = regular
        self.position = 0
        self.damage: str | None = None
        self.damage_note = ""
        self._head = b""
        self._ended = False

    def peek(self, size: int) -> tuple[bytes, bool]:
        """Up to `size` bytes ahead, without taking them, and whether there will never be more of them than these."""
        while len(self._head) < size and not self._ended:
            room = bytearray(size - len(self._head))
            got = self._read_into(memoryview(room))
            if got is None:
                break
            if got == 0:
                self._ended = True
            self._head += room[:got]
        return self._head[:size], self._ended or len(self._head) >= size

    def read_into(self, view: memoryview) -> int | None:
        """Fill `view` from the front: how many bytes, 0 at the end for good, None when there is nothing yet."""
        if self._head:
            got = min(len(self._head), len(view))
            view[:got] = self._head[:got]
            self._head = self._head[got:]
            return got
        if self._ended:
            return 0
        return self._read_into(view)

    def _read_into(self, view: memoryview) -> int | None:
        raise NotImplementedError

    def wait(self, seconds: float) -> None:
        """Return when there may be something to read, at the latest after `seconds`."""

    def finish(self) -> None:
        """What is there now is all there is: the next end of file is the end for good."""

    def close(self) -> None:
        """Idempotent."""


class RawBytes(ByteStream):
    """The bytes of an open file descriptor; a pipe is never waited for, a growing file never ends by itself.

    `path` is what a growing file is looked up by, to notice that it was rotated; `owned` descriptors are closed.
    """

    def __init__(self, fd: int, *, path: str | None = None, growing: bool = False, owned: bool = True) -> None:
        self._status = os.fstat(fd)
        super().__init__(regular=stat.S_ISREG(self._status.st_mode))
        self._fd = fd
        self._path = path
        self._owned = owned
        self.growing = growing and self.regular
        self.limit: int | None = None
        """So many bytes of it are read, whatever it has."""
        self._poll: select.poll | None = None
        if not self.regular:
            self._poll = select.poll()
            self._poll.register(fd, select.POLLIN | select.POLLHUP)
            if stat.S_ISFIFO(self._status.st_mode) and hasattr(fcntl, "F_SETPIPE_SZ"):
                with contextlib.suppress(OSError):  # beyond the user's share of pipe memory: it works as it is
                    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def peek(self, size: int) -> tuple[bytes, bool]:
        """As for any stream; but a file is not moved, so that its windows stay aligned with the page cache."""
        if not self.regular or self.position:
            return super().peek(size)
        try:
            head = os.pread(self._fd, size, os.lseek(self._fd, 0, os.SEEK_CUR))
        except OSError as error:
            self._fail(error)
            return b"", True
        return head, len(head) == size or not self.growing

    def _read_into(self, view: memoryview) -> int | None:
        if self._poll is not None and not self._poll.poll(0):
            return None
        if self.limit is not None:
            view = view[: max(self.limit - self.position, 0)]
        try:
            got = os.readv(self._fd, [view])
        except OSError as error:
            self._fail(error)
            return 0
        self.position += got
        if got == 0 and self.growing:
            return None
        return got

    def _fail(self, error: OSError) -> None:
        self.damage = "input_unreadable"
        self.damage_note = error.strerror or "read error"
        self._ended = True

    def wait(self, seconds: float) -> None:
        if self._poll is not None:
            self._poll.poll(seconds * 1000)
        else:
            time.sleep(min(seconds, POLL_S))

    def replaced(self) -> bool:
        """Whether another file has taken this growing file's name, or its bytes were cut off under us."""
        if not self.growing or self._path is None:
            return False
        if os.fstat(self._fd).st_size < self.position:
            return True
        try:
            now = os.stat(self._path)  # noqa: PTH116  (a plain string: this is asked 20 times a second)
        except OSError:
            return False  # moved away, nothing in its place yet: its writer may still be writing
        return (now.st_dev, now.st_ino) != (self._status.st_dev, self._status.st_ino)

    def finish(self) -> None:
        self.growing = False

    def close(self) -> None:
        if self._owned and self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._ended = True
