"""What every EventSink promises, of every implementation and of the fake in memory.

A new sink joins by a builder in SINKS: given an empty folder, a sink and how to read back what it was given, as lines
by log (all under "" if it is merged).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from sensor.logs.sinks.folder import FolderSink
from sensor.logs.sinks.json_lines import JsonLinesSink
from sensor.logs.sinks.log_process import LogProcess
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.sinks.queued import QueuedSink
from sensor.logs.sinks.rotating import RotatingFolder
from sensor.logs.sinks.sink import EventSink, SinkError
from sensor.logs.sinks.standard_output import StandardOutput
from sensor.settings import LogSettings

Lines = dict[str, list[bytes]]
Built = tuple[EventSink, Callable[[], Lines]]


def folder_lines(place: Path) -> Lines:
    return {path.stem: path.read_bytes().splitlines() for path in place.glob("*.log")}


def folder(place: Path) -> Built:
    return FolderSink(place), lambda: folder_lines(place)


def durable_folder(place: Path) -> Built:
    return FolderSink(place, durable=True), folder(place)[1]


def json_lines(place: Path) -> Built:
    path = place / "out"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)

    def read() -> Lines:
        lines = path.read_bytes().splitlines()
        return {"": lines} if lines else {}

    return JsonLinesSink(fd, "out"), read


def memory(_: Path) -> Built:
    sink = MemorySink()
    return sink, lambda: {stream: data.splitlines() for stream, data in sink.data.items()}


def merged_memory(_: Path) -> Built:
    sink = MemorySink(merged=True)
    return sink, lambda: {stream: data.splitlines() for stream, data in sink.data.items()}


def _written(sink: QueuedSink) -> None:
    """Waits until the queue is empty: a second, as the contract has it, on a machine that is not overloaded."""
    deadline = time.monotonic() + 20
    while sink.counts().waiting_bytes:
        assert time.monotonic() < deadline, sink.messages()
        time.sleep(0.001)


def queued_folder(place: Path) -> Built:
    sink = QueuedSink(RotatingFolder(place, LogSettings()), LogSettings().max_queued_bytes)

    def read() -> Lines:
        _written(sink)
        return folder_lines(place)

    return sink, read


def folder_of_a_process(place: Path) -> Built:
    with patch("threading.active_count", return_value=1):  # other tests' sinks may have left a thread in this process
        process = LogProcess(lambda: RotatingFolder(place, LogSettings()))
    sink = QueuedSink(process.places[0], LogSettings().max_queued_bytes)

    def read() -> Lines:
        _written(sink)
        return folder_lines(place)

    return sink, read


def queued_output(place: Path) -> Built:
    _, read = json_lines(place)
    fd = os.open(place / "out", os.O_WRONLY | os.O_APPEND)
    sink = QueuedSink(StandardOutput(fd), LogSettings().max_queued_bytes)

    def read_written() -> Lines:
        _written(sink)
        return read()

    return sink, read_written


SINKS = [folder, durable_folder, json_lines, memory, merged_memory, queued_folder, folder_of_a_process, queued_output]
pytestmark = pytest.mark.parametrize("build", SINKS)


def line(stream: str, number: int) -> bytes:
    return json.dumps({"_path": stream, "number": number}).encode() + b"\n"


def test_order_is_kept_of_each_log_or_of_all(build: Callable[[Path], Built], tmp_path: Path) -> None:
    sink, read = build(tmp_path)
    expected: Lines = {}
    for number in range(50):
        stream = "conn" if number % 3 else "http"
        name = "" if sink.merged else stream
        lines = [line(stream, number * 10 + extra) for extra in range(3)]
        sink.write(name, b"".join(lines))
        expected.setdefault(name, []).extend(each.rstrip() for each in lines)
    assert read() == expected  # before closing: a crash would lose nothing
    sink.close()
    assert read() == expected


def test_nothing_written_leaves_no_trace(build: Callable[[Path], Built], tmp_path: Path) -> None:
    sink, read = build(tmp_path)
    sink.close()
    assert read() == {}


def test_large_batches_come_whole(build: Callable[[Path], Built], tmp_path: Path) -> None:
    sink, read = build(tmp_path)
    stream = "" if sink.merged else "leak"
    data = b"".join(b'{"n":%d,"text":"%s"}\n' % (number, b"x" * 1000) for number in range(3000))
    sink.write(stream, data)
    sink.close()
    assert read() == {stream: data.splitlines()}


def test_close_is_idempotent_and_ends_writing(build: Callable[[Path], Built], tmp_path: Path) -> None:
    sink, read = build(tmp_path)
    stream = "" if sink.merged else "conn"
    sink.write(stream, line("conn", 1))
    sink.close()
    sink.close()
    with pytest.raises(SinkError):
        sink.write(stream, line("conn", 2))
    assert read() == {stream: [line("conn", 1).rstrip()]}
