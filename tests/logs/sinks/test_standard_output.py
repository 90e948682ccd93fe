"""sensor.logs.sinks.standard_output: what fits is taken; whose reader has gone for good. See test_queued.py."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sensor.logs.sinks.sink import ReaderGone, SinkError
from sensor.logs.sinks.standard_output import StandardOutput


def test_only_the_reader_of_a_nameless_pipe_is_gone_for_good(tmp_path: Path) -> None:
    reader, fd = os.pipe()
    assert StandardOutput(fd).ends_with_reader
    os.close(reader)
    with pytest.raises(ReaderGone):
        StandardOutput(fd).write("", memoryview(b"{}\n"))
    os.close(fd)
    ours, theirs = socket.socketpair()
    assert StandardOutput(ours.fileno()).ends_with_reader
    theirs.close()
    with pytest.raises(ReaderGone):
        StandardOutput(ours.fileno()).write("", memoryview(b"{}\n"))
    ours.close()
    os.mkfifo(tmp_path / "fifo")
    fd = os.open(tmp_path / "fifo", os.O_RDWR)
    assert not StandardOutput(fd).ends_with_reader
    os.close(fd)
    with (tmp_path / "file").open("wb") as file:
        place = StandardOutput(file.fileno())
        assert not place.ends_with_reader
        assert place.write("", memoryview(b"{}\n" * 5000)) == 15000


def test_a_full_device_is_named() -> None:
    with Path("/dev/full").open("wb") as full, pytest.raises(SinkError, match="out: No space left on device"):
        StandardOutput(full.fileno(), "out").write("", memoryview(b"{}\n"))
