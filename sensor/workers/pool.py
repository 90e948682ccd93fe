"""The processes: forked, each with a pipe to the parent, and ended with it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from sensor.service.forked import tell_bug

_DIED = 70  # exit status of a worker with a bug (sysexits.h, EX_SOFTWARE)


class Pool:
    """Forks `count` processes, each of which calls `work(number, fd, back)`: `fd` is the pipe to write to, whose other
    end is in `fds`, `back` the one to read from, whose other end is in `backs`.

    A worker that has nobody to write to ends by itself (EPIPE), so that none outlives its parent for long.
    """

    def __init__(self, count: int, work: Callable[[int, int, int], None]) -> None:
        """Raises OSError; then no process is left."""
        self.fds: list[int] = []
        self.backs: list[int] = []
        self._pids: list[int] = []
        self._status: dict[int, int] = {}
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            for number in range(count):
                self._fork(number, work)
        except OSError:
            self.close()
            raise

    def _fork(self, number: int, work: Callable[[int, int, int], None]) -> None:
        ends = list(os.pipe())
        try:
            ends += os.pipe()
            pid = os.fork()
        except OSError:
            for fd in ends:
                os.close(fd)
            raise
        read, write, read_back, write_back = ends
        if pid == 0:
            for fd in (read, write_back, *self.fds, *self.backs):
                os.close(fd)
            _be_worker(number, write, read_back, work)
        os.close(write)
        os.close(read_back)
        self.fds.append(read)
        self.backs.append(write_back)
        self._pids.append(pid)

    def died_of(self, number: int) -> str:
        """What became of a worker whose pipe has ended: in a few words."""
        status = os.waitstatus_to_exitcode(self._wait(number))
        if status < 0:
            return f"was killed by signal {-status} ({signal.Signals(-status).name})"
        return f"ended with status {status}"

    def _wait(self, number: int) -> int:
        if number not in self._status:
            self._status[number] = os.waitpid(self._pids[number], 0)[1]
        return self._status[number]

    def close(self) -> None:
        """Ends all that still run. Idempotent."""
        for fd in (*self.fds, *self.backs):
            os.close(fd)
        self.fds, self.backs = [], []
        for number, pid in enumerate(self._pids):
            if number not in self._status:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self._wait(number)


def _be_worker(number: int, fd: int, back: int, work: Callable[[int, int, int], None]) -> NoReturn:
    """Never returns to what the parent was doing, whatever happens."""
    status = _DIED
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group: the parent decides
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        work(number, fd, back)
        status = 0
    except BrokenPipeError:
        status = 0  # the parent has what it wants, or is gone
    finally:
        if status:
            tell_bug()
        os._exit(status)
