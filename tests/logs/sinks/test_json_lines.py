"""sensor.logs.sinks.json_lines: a pipe that is closed ends quietly, as any program behind `| head` does."""

from __future__ import annotations

import json
import os

import pytest

from sensor.logs.sinks.json_lines import JsonLinesSink
from sensor.logs.sinks.sink import ReaderGone
from sensor.logs.writer import LogWriter
from sensor.settings import FlowSettings, LogSettings
from tests.logs.observations import CONNECTION, TRANSACTION


def test_every_event_with_its_path_first() -> None:
    reader, fd = os.pipe()
    writer = LogWriter(LogSettings(), FlowSettings().local_nets, JsonLinesSink(fd, "out"))
    writer.transaction(TRANSACTION)
    writer.connection(CONNECTION)
    writer.close()
    os.close(fd)
    lines = os.read(reader, 100_000).splitlines()
    os.close(reader)
    assert [next(iter(json.loads(line).items())) for line in lines] == [
        ("_path", "files"),
        ("_path", "http"),
        ("_path", "conn"),
    ]
    assert "_write_ts" not in json.loads(lines[0])


def test_the_reader_goes() -> None:
    reader, fd = os.pipe()
    writer = LogWriter(LogSettings(), FlowSettings().local_nets, JsonLinesSink(fd))
    writer.connection(CONNECTION)
    os.close(reader)
    with pytest.raises(ReaderGone):
        writer.flush()
    writer.close()
    os.close(fd)
