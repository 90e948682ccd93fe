"""sensor.logs.sinks.sink: the contract has its own suite, tests/contract/test_event_sink.py; here are its errors."""

from __future__ import annotations

from sensor.logs.sinks.sink import ReaderGone, SinkError


def test_a_gone_reader_is_a_failure_that_can_be_told_apart() -> None:
    assert issubclass(ReaderGone, SinkError)
    assert not issubclass(SinkError, OSError)
