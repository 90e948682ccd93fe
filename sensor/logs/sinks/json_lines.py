"""All events as JSON lines on one file descriptor, usually standard output."""

from __future__ import annotations

from sensor.logs.sinks.output import write_lines
from sensor.logs.sinks.sink import SinkError


class JsonLinesSink:
    """One sequence of events; each begins with its _path. The descriptor is not closed here: it is the caller's."""

    merged = True

    def __init__(self, fd: int = 1, name: str = "standard output") -> None:
        self._fd = fd
        self._name = name
        self._closed = False

    def write(self, stream: str, lines: bytes) -> None:  # noqa: ARG002  (merged: the lines say it)
        if self._closed:
            raise SinkError(f"{self._name}: closed")
        write_lines(self._fd, self._name, lines)

    def close(self) -> None:
        self._closed = True
