"""The fake for tests, and for who wants the lines themselves."""

from __future__ import annotations

import json

from sensor.logs.sinks.sink import SinkError


class MemorySink:
    """`data` is what each log got; all is under "" if merged."""

    def __init__(self, merged: bool = False) -> None:
        self.merged = merged
        self.data: dict[str, bytes] = {}
        self._closed = False

    def write(self, stream: str, lines: bytes) -> None:
        if self._closed:
            raise SinkError("memory: closed")
        self.data[stream] = self.data.get(stream, b"") + lines

    def close(self) -> None:
        self._closed = True

    def records(self, stream: str) -> list[dict[str, object]]:
        """The decoded lines of one log, or of "" if merged."""
        return [json.loads(line) for line in self.data.get(stream, b"").splitlines()]
