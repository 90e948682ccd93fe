"""A process of its own that asks others on the network, for one that may make no connection any more.

It is forked before rights are given up, keeps only the right to connect, and answers its clients' questions one after
the other; what questions and answers are is theirs to say. It ends with the last of its clients.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from sensor.service.forked import Forked, NotAloneError

_HEAD: Final = struct.Struct("<II")  # number of the question, octets behind it
_MAX_BYTES: Final = 64 << 20
_PIECE: Final = 1 << 20
_POLL_GONE: Final = 0x2000 | select.POLLHUP | select.POLLERR  # POLLRDHUP (linux/poll.h) is not in every build

Serve = Callable[[bytes], bytes]
"""A question to its answer. What it raises ends the process: it answers trouble, too."""


class AskingError(Exception):
    """There is no such process, or it gives no answer: one line."""


class Line:
    """A client's end. One thread uses it."""

    def __init__(self, talk: socket.socket) -> None:
        self._talk = talk
        self._number = 0
        self._rest = bytearray()

    def ask(self, question: bytes, within_s: float | None = None) -> bytes:
        """The answer, waited for so long. One that comes too late is nobody's. Raises AskingError."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        until = None if within_s is None else time.monotonic() + within_s
        try:
            self._talk.settimeout(within_s)
            try:
                self._talk.sendall(_HEAD.pack(self._number, len(question)) + question)
            except TimeoutError:  # half a question, perhaps: whatever follows would be taken for its rest
                self._talk.close()
                raise
            while True:
                number, answer = self._next(until)
                if number == self._number:
                    return answer
        except TimeoutError:
            raise AskingError("the process that asks gives no answer") from None
        except (OSError, EOFError):
            raise AskingError("the process that asks has gone") from None

    def hang_up(self) -> None:
        """Idempotent; another thread's question ends then."""
        try:
            self._talk.shutdown(socket.SHUT_RDWR)
        except OSError:  # the other side was first
            pass
        finally:
            self._talk.close()

    def leave(self) -> None:
        """In a process that is not this line's: closes it there only."""
        self._talk.close()

    def _next(self, until: float | None) -> tuple[int, bytes]:
        """What was read of an answer stays when the time is over. Raises OSError, EOFError."""
        self._fill(_HEAD.size, until)
        number, size = _HEAD.unpack_from(self._rest)
        if size > _MAX_BYTES:
            raise EOFError
        self._fill(_HEAD.size + size, until)
        answer = bytes(self._rest[_HEAD.size : _HEAD.size + size])
        del self._rest[: _HEAD.size + size]
        return number, answer

    def _fill(self, octets: int, until: float | None) -> None:
        while len(self._rest) < octets:
            if until is not None:
                self._talk.settimeout(max(0.001, until - time.monotonic()))
            piece = self._talk.recv(_PIECE)
            if not piece:
                raise EOFError
            self._rest += piece


class AskingProcess:
    """Starts it. `lines` are its clients' ends, `greeting` what `make` had to say."""

    def __init__(self, make: Callable[[], tuple[bytes, Serve]], clients: int = 1) -> None:
        """`make` runs in the new process; it also gives up what rights that should not have. What it raises as
        AskingError is raised here. Must be called while there is one thread."""
        try:
            self._process = Forked(lambda talks: _be_the_process(make, talks), clients)
        except NotAloneError:
            raise AskingError("a process that asks was to be started, but other threads run already") from None
        self.lines = [Line(ours) for ours in self._process.talks]
        try:
            failed, self.greeting = self.lines[0]._next(None)
        except (OSError, EOFError):
            failed, self.greeting = 1, b"the process that asks did not start"
        if failed:
            self.wait()
            raise AskingError(self.greeting.decode(errors="replace"))

    def wait(self, within_s: float = 0.5) -> None:
        """Until it has ended, for so many seconds at most. Idempotent."""
        for line in self.lines:
            line.hang_up()
        self._process.wait(within_s)


def _be_the_process(make: Callable[[], tuple[bytes, Serve]], talks: Sequence[socket.socket]) -> int:
    try:
        greeting, serve = make()
    except AskingError as error:
        _send(talks[0], 1, str(error).encode())
        return 1
    _send(talks[0], 0, greeting)
    threading.Thread(target=_end_with, args=(talks,), daemon=True).start()
    _serve(serve, talks)
    return 0


def _end_with(talks: Sequence[socket.socket]) -> None:
    """Ends the process with the last client, whatever is still asked: what it writes is safe at any moment."""
    poll = select.poll()
    left = {talk.fileno() for talk in talks}
    for descriptor in left:
        poll.register(descriptor, 0x2000)
    while left:
        for descriptor, event in poll.poll():
            if event & _POLL_GONE:
                poll.unregister(descriptor)
                left.discard(descriptor)
    os._exit(0)


def _serve(serve: Serve, talks: Sequence[socket.socket]) -> None:
    poll = select.poll()
    lines = {talk.fileno(): Line(talk) for talk in talks}
    for descriptor in lines:
        poll.register(descriptor, select.POLLIN)
    while lines:
        for descriptor, _ in poll.poll():
            line = lines[descriptor]
            try:
                number, question = line._next(None)
                _send(line._talk, number, serve(question))
            except (OSError, EOFError):  # this client has gone
                poll.unregister(descriptor)
                del lines[descriptor]  # its socket is closed with the process: `_end_with` looks at it


def _send(talk: socket.socket, number: int, octets: bytes) -> None:
    talk.sendall(_HEAD.pack(number, len(octets)) + octets)
