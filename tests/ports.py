"""Ports for servers that take a number, and no socket; and one where nothing ever comes back."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from itertools import count as counting

_FIRST, _COUNT = 10_000, 20_000
"""Below those that the kernel gives to whoever connects or asks for any port (32768 and up), which would take one of
these between the moment it was looked at and the moment the server is there."""
_turn = counting(os.getpid() * 1009)  # those of two runs side by side are far from each other


def free_ports(count: int) -> list[int]:
    """That nobody listens to on 127.0.0.1; each is given once in `_COUNT` times."""
    found: list[int] = []
    while len(found) < count:
        port = _FIRST + next(_turn) % _COUNT
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        found.append(port)
    return found


@contextlib.contextmanager
def silent(host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[str, int]]:
    """Where nobody takes a connection, as a host that is gone: a listener whose queue is full."""
    with contextlib.ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):
            waiting = opened.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()


@contextlib.contextmanager
def silent_hosts() -> Iterator[list[tuple[str, int]]]:
    """Four of them, at one port."""
    with contextlib.ExitStack() as opened:
        found = [opened.enter_context(silent())]
        found += [opened.enter_context(silent(f"127.0.0.{number}", found[0][1])) for number in (2, 3, 4)]
        yield found
