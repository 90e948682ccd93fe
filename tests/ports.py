"""Ports for servers that take a number, and no socket."""

from __future__ import annotations

import os
import socket
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
