"""A host's name and port to a connected socket by a moment, however many addresses the name has and whoever is silent.

What the system offers bounds each address alone, and a name's resolution not at all.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

_MOST: Final = 8

_Found = tuple[int, int, int, str, Any]
"""An address, as socket.getaddrinfo has it."""


def connect(host: str, port: int, until: float) -> socket.socket:
    """`until` by time.monotonic. Of the first addresses each gets its part of the time that is left: the last one all
    of it. Raises OSError, of which TimeoutError and socket.gaierror, and ValueError for what can be no name."""
    found = _resolved(host, port, until)[:_MOST]
    trouble: OSError = OSError("a name without an address")
    for number, (family, kind, protocol, _, address) in enumerate(found):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(left / (len(found) - number))
            sock.connect(address)
        except OSError as error:
            sock.close()
            trouble = error
        else:
            return sock
    raise trouble


def _resolved(host: str, port: int, until: float) -> Sequence[_Found]:
    """In a thread, which is left behind if it takes too long: the resolver has its own limits, which end it."""
    told: queue.SimpleQueue[Sequence[_Found] | OSError | ValueError] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            told.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            told.put(error)

    threading.Thread(target=resolve, name="ocspwatch-name", daemon=True).start()
    try:
        found = told.get(timeout=max(0.0, until - time.monotonic()))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found
