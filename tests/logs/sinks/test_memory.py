"""sensor.logs.sinks.memory: the fake itself; its promises are those of tests/contract."""

from __future__ import annotations

from sensor.logs.sinks.memory import MemorySink


def test_records_are_decoded() -> None:
    sink = MemorySink()
    sink.write("conn", b'{"a":1}\n{"a":2}\n')
    assert sink.records("conn") == [{"a": 1}, {"a": 2}]
    assert sink.records("http") == []
