"""The seam between the logs and the world: where finished lines go."""

from __future__ import annotations

from typing import Protocol


class SinkError(Exception):
    """Lines could not be written: one line naming the place and the reason. Those lines are lost, none is cut."""


class ReaderGone(SinkError):  # noqa: N818  (an end, not an error)
    """Nobody reads any more (a closed pipe): a reason to stop, not to complain."""


class EventSink(Protocol):
    """Takes whole lines: one JSON object each, a newline at its end.

    A sink that is `merged` takes all logs as one sequence of events, whose lines say in _path which log they are of;
    then `stream` is "". Else `stream` names the log, and a place that got no lines for a log shows no trace of it.

    `write` keeps the order in which it is given lines, of one log and, if merged, of all. When it returns, they are in
    the operating system's hands: a crash of this program loses none and cuts none; where a queue stands in front
    (`QueuedSink`), within a second. It raises SinkError, never OSError; after one it may be called again. `close` is
    idempotent; what `durable` sinks were given is on the disk when it returns. After it `write` raises SinkError.
    """

    merged: bool

    def write(self, stream: str, lines: bytes) -> None: ...

    def close(self) -> None: ...
