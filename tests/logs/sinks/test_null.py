"""A sink that keeps nothing; what it promises besides is in tests/contract."""

from __future__ import annotations

import pytest

from sensor.logs.sinks.null import NullSink
from sensor.logs.sinks.sink import SinkError


def test_it_takes_lines_until_it_is_closed() -> None:
    sink = NullSink()
    sink.write("http", b"{}\n")
    sink.close()
    sink.close()
    with pytest.raises(SinkError):
        sink.write("http", b"{}\n")
