"""A process of its own that serves the one it was forked from, and that one's children, each over a socket."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import NoReturn


class NotAloneError(Exception):
    """A process with several threads is not forked: what the others hold would be held for ever in the new one."""


class Forked:
    """Starts it. `talks` are its clients' ends."""

    def __init__(self, serve: Callable[[Sequence[socket.socket]], int], clients: int) -> None:
        """`serve` runs in the new process with its own ends, until there is nothing left to do; what it returns is the
        exit code. Signals are for its master to obey. Raises NotAloneError."""
        if threading.active_count() > 1:
            raise NotAloneError
        pairs = [socket.socketpair() for _ in range(clients)]
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = os.fork()
        if not self._pid:
            _be_it(serve, pairs)
        for _, theirs in pairs:
            theirs.close()
        self.talks = [ours for ours, _ in pairs]

    @property
    def pid(self) -> int:
        """0 once it is known to have ended."""
        return self._pid

    def wait(self, within_s: float) -> None:
        """Until it has ended, for so many seconds at most. Idempotent."""
        deadline = time.monotonic() + within_s
        while self._pid and time.monotonic() < deadline:
            try:
                ended, _ = os.waitpid(self._pid, os.WNOHANG)
            except ChildProcessError:  # somebody else waited for it
                ended = self._pid
            if ended:
                self._pid = 0
            else:
                time.sleep(0.005)


def tell_bug() -> None:
    """Where a forked process ends without Python's own end: the exception under way, if there is one. By the hook that
    Python would call, for settings choose what may be told (sensor.cli.disguise)."""
    if (bug := sys.exception()) is not None:
        sys.excepthook(type(bug), bug, bug.__traceback__)
        sys.stderr.flush()


def _be_it(
    serve: Callable[[Sequence[socket.socket]], int], pairs: Sequence[tuple[socket.socket, socket.socket]]
) -> NoReturn:
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for ours, _ in pairs:
            ours.close()
        code = serve([theirs for _, theirs in pairs])
    finally:
        tell_bug()
        os._exit(code)  # nothing of the master's is to be cleaned up here
