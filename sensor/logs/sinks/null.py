"""Nowhere: for who wants what the lines are made of, and not the lines."""

from __future__ import annotations

from sensor.logs.sinks.sink import SinkError


class NullSink:
    """Takes lines and keeps none."""

    def __init__(self) -> None:
        self.merged = False
        self._closed = False

    def write(self, stream: str, lines: bytes) -> None:  # noqa: ARG002  (the sink's interface)
        if self._closed:
            raise SinkError("nowhere: closed")

    def close(self) -> None:
        self._closed = True
