"""A process of its own that writes the logs, so that the one that parses strangers' bytes may write to no file at all.

That one can not then change what is already logged, and this one may still find a log folder that was removed and made
anew, which Landlock would forbid it. When the master is killed, what was handed over is written all the same.
"""

from __future__ import annotations

import mmap
import select
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Final

from sensor.logs.sinks.queued import Place, PlaceLostError
from sensor.logs.sinks.sink import ReaderGone, SinkError
from sensor.service.forked import Forked, NotAloneError

_REQUEST = struct.Struct("<BBI")  # what, octets of the log's name behind it, octets of lines in the window
_REPLY = struct.Struct("<BII")  # how it went, octets taken, octets of text behind it
_WRITE, _TICK, _REOPEN, _MESSAGES, _CLOSE = range(5)
_DONE, _FAILED, _READER_GONE = range(3)
_PIECE = 1 << 20
_WINDOW = 1 << 20
"""Lines go through memory that both processes share: neither of them copies into the kernel and out of it again."""


class LogProcess:
    """Starts the process. `places` are what each of its clients writes to: one for each process that parses."""

    ENDS_WITHIN_S: Final = 1.5

    def __init__(self, make_place: Callable[[], Place], clients: int = 1) -> None:
        """`make_place` runs in the new process; it also gives up what rights that should not have. Must be called while
        there is one thread. Raises SinkError if `make_place` does."""
        windows = [mmap.mmap(-1, _WINDOW) for _ in range(clients)]
        try:
            self._process = Forked(lambda talks: _be_the_log_process(make_place, talks, windows), clients)
        except NotAloneError:
            raise SinkError("the log process was to be started, but other threads run already") from None
        self.places = [RemotePlace(*end) for end in zip(self._process.talks, windows, strict=True)]
        try:
            self.places[0].receive()
        except SinkError:
            self.wait()
            raise

    def wait(self, within_s: float = ENDS_WITHIN_S) -> None:
        """Until it has ended, for so many seconds at most; its clients are closed before. Idempotent."""
        for place in self.places:
            place.hang_up()
        self._process.wait(within_s)

    @property
    def pid(self) -> int:
        """0 once it is known to have ended."""
        return self._process.pid


class RemotePlace:
    """A client: a `Place` that asks the process, and waits for its answer. One thread uses it."""

    merged = False
    ends_with_reader = False

    def __init__(self, talk: socket.socket, window: mmap.mmap) -> None:
        self._talk = talk
        self._window = window

    def write(self, stream: str, data: memoryview) -> int:
        done = 0
        while done < len(data):
            piece = _whole_lines(data[done:])
            self._window[: len(piece)] = piece
            try:
                taken = self._ask(_WRITE, stream.encode(), len(piece))
            except SinkError:
                if done:
                    break  # whoever comes with the rest will see
                raise
            done += taken
            if taken < len(piece):
                break
        return done

    def tick(self) -> None:
        self._ask(_TICK)

    def reopen(self) -> None:
        self._ask(_REOPEN)

    def messages(self) -> list[str]:
        try:
            self._send(_MESSAGES)
            return self._reply()[2].splitlines()
        except PlaceLostError:
            return []

    def close(self) -> None:
        """Idempotent. Raises SinkError."""
        if self._talk.fileno() >= 0:
            try:
                self._ask(_CLOSE)
            finally:
                self.hang_up()

    def hang_up(self) -> None:
        self._talk.close()

    def receive(self) -> int:
        """Octets taken by what was asked for. Raises SinkError."""
        how, taken, text = self._reply()
        if how == _READER_GONE:
            raise ReaderGone(text)
        if how == _FAILED:
            raise SinkError(text)
        return taken

    def _ask(self, what: int, stream: bytes = b"", octets: int = 0) -> int:
        self._send(what, stream, octets)
        return self.receive()

    def _send(self, what: int, stream: bytes = b"", octets: int = 0) -> None:
        try:
            self._talk.sendall(_REQUEST.pack(what, len(stream), octets) + stream)
        except OSError:
            raise _lost() from None

    def _reply(self) -> tuple[int, int, str]:
        try:
            how, taken, length = _REPLY.unpack(_exactly(self._talk, _REPLY.size))
            return how, taken, _exactly(self._talk, length).decode(errors="replace")
        except (OSError, EOFError):
            raise _lost() from None


def _whole_lines(data: memoryview) -> memoryview:
    """As much of it as goes through the window at once, cut behind a line if that can be."""
    if len(data) <= _WINDOW:
        return data
    piece = bytes(data[:_WINDOW])
    return data[: piece.rfind(b"\n") + 1 or _WINDOW]


def _lost() -> PlaceLostError:
    return PlaceLostError("the process that writes the logs has gone")


def _exactly(talk: socket.socket, octets: int) -> bytearray:
    """Raises OSError; EOFError if the other side has gone."""
    data = bytearray()
    while len(data) < octets:
        piece = talk.recv(min(_PIECE, octets - len(data)))
        if not piece:
            raise EOFError
        data += piece
    return data


def _be_the_log_process(
    make_place: Callable[[], Place], talks: Sequence[socket.socket], windows: Sequence[mmap.mmap]
) -> int:
    """Ends when all clients have."""
    try:
        place = make_place()
    except SinkError as error:
        _answer(talks[0], _FAILED, 0, str(error))
        return 1
    _answer(talks[0], _DONE)
    _serve(place, talks, windows)
    return 0


def _serve(place: Place, talks: Sequence[socket.socket], windows: Sequence[mmap.mmap]) -> None:
    """Until nobody is left; then the place is closed, whether or not somebody could ask for that."""
    poll = select.poll()
    by_fd = {talk.fileno(): (talk, memoryview(window)) for talk, window in zip(talks, windows, strict=True)}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    is_closed = False
    while by_fd:
        for fd, _ in poll.poll():
            try:
                is_last = len(by_fd) == 1
                is_closed = _serve_one(place, *by_fd[fd], is_last)
            except (OSError, EOFError):
                poll.unregister(fd)
                by_fd.pop(fd)[0].close()
    if not is_closed:
        try:
            place.close()
        except SinkError:
            return  # nobody is there to be told


def _serve_one(place: Place, talk: socket.socket, window: memoryview, is_last: bool) -> bool:
    """One request; True if the place was closed. Raises OSError, EOFError."""
    what, name, size = _REQUEST.unpack(_exactly(talk, _REQUEST.size))
    stream = _exactly(talk, name).decode()
    taken = 0
    try:
        if what == _WRITE:
            taken = place.write(stream, window[:size])
        elif what == _TICK:
            place.tick()
        elif what == _REOPEN:
            place.reopen()
        elif what == _MESSAGES:
            _answer(talk, _DONE, 0, "\n".join(place.messages()))
            return False
        elif what == _CLOSE and is_last:
            place.close()
    except ReaderGone as error:
        _answer(talk, _READER_GONE, 0, str(error))
    except SinkError as error:
        _answer(talk, _FAILED, 0, str(error))
    else:
        _answer(talk, _DONE, taken)
    return what == _CLOSE and is_last


def _answer(talk: socket.socket, how: int, taken: int = 0, text: str = "") -> None:
    encoded = text.encode(errors="replace")
    talk.sendall(_REPLY.pack(how, taken, len(encoded)) + encoded)
