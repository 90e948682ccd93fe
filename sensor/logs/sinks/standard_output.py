"""All events to a descriptor that others hold, too: a pipe, a terminal, a redirected file; for `live --json`."""

from __future__ import annotations

import os
import stat

from sensor.logs.sinks.live_file import write_ready
from sensor.logs.sinks.sink import ReaderGone, SinkError


class StandardOutput:
    """A `Place` that takes what fits without waiting. The descriptor's flags are left as they are, and it stays open.

    Whoever reads a pipe between two programs has gone for good; a FIFO that has a name may get another reader.
    """

    merged = True

    def __init__(self, fd: int = 1, name: str = "standard output") -> None:
        self._fd = fd
        self._name = name
        status = os.fstat(fd)
        is_pipe = stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode)
        self.ends_with_reader = is_pipe and not _has_name(fd)

    def write(self, stream: str, data: memoryview) -> int:  # noqa: ARG002  (merged: the lines say it)
        """Octets taken, 0 if there is no room now. Raises SinkError, ReaderGone."""
        try:
            return write_ready(self._fd, data)
        except (BrokenPipeError, ConnectionError):
            raise ReaderGone(f"{self._name}: nobody reads it any more") from None
        except OSError as error:
            raise SinkError(f"{self._name}: {error.strerror}") from None

    def tick(self) -> None:
        """Nothing is ever due."""

    def reopen(self) -> None:
        """Whoever opened it may do so."""

    def messages(self) -> list[str]:
        return []

    def close(self) -> None:
        """The descriptor is the caller's."""


def _has_name(fd: int) -> bool:
    """Whether others can open it (Linux: the link of a pipe without a name reads pipe:[...])."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("/")  # noqa: PTH115  (the link's text, which is no path)
    except OSError:
        return False
