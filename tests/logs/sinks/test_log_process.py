"""sensor.logs.sinks.log_process: errors come through, nothing is lost when a master is killed, its own end is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.logs.sinks.log_process import LogProcess
from sensor.logs.sinks.queued import PlaceLostError, QueuedSink
from sensor.logs.sinks.rotating import RotatingFolder
from sensor.logs.sinks.sink import ReaderGone, SinkError
from sensor.settings import LogSettings

REPOSITORY = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.usefixtures("alone")


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def started(folder: Path, clients: int = 1) -> LogProcess:
    return LogProcess(lambda: RotatingFolder(folder, LogSettings()), clients)


def test_it_is_a_place_like_the_folder_itself(tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_bytes(b"whole\ncut")
    process = started(tmp_path)
    place = process.places[0]
    data = b"x" * (3 << 20) + b"\n"
    assert place.write("conn", memoryview(data)) == len(data)
    place.tick()
    assert "3 bytes of a line" in place.messages()[0]
    (tmp_path / "conn.log").rename(tmp_path / "conn.log.1")
    place.reopen()
    assert place.write("conn", memoryview(b"2\n")) == 2
    os.mkfifo(tmp_path / "leak.log")
    with pytest.raises(ReaderGone, match=r"leak\.log: nobody reads it"):
        place.write("leak", memoryview(b"{}\n"))
    (tmp_path / "http.log").mkdir()
    with pytest.raises(SinkError, match=r"http\.log: Is a directory"):
        place.write("http", memoryview(b"{}\n"))
    place.close()
    place.close()
    process.wait()
    assert (tmp_path / "conn.log.1").read_bytes() == b"whole\n" + data
    assert (tmp_path / "conn.log").read_bytes() == b"2\n"


def test_a_place_that_cannot_be_made_is_a_mistake_of_whoever_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file"):
        started(tmp_path / "file")


def test_several_clients_write_to_one_place(tmp_path: Path) -> None:
    process = started(tmp_path, clients=3)
    sinks = [QueuedSink(place, 1 << 20) for place in process.places]
    for number in range(300):
        sinks[number % 3].write("conn", b"%03d\n" % number)
    for sink in sinks:
        sink.close()
    process.wait()
    lines = (tmp_path / "conn.log").read_bytes().split()
    assert sorted(lines) == [b"%03d" % number for number in range(300)]
    for first in range(3):  # each in its own order
        own = [line for line in lines if int(line) % 3 == first]
        assert own == sorted(own)


def test_its_end_is_told(tmp_path: Path) -> None:
    process = started(tmp_path)
    sink = QueuedSink(process.places[0], 1 << 20)
    sink.write("conn", b"1\n")
    until(lambda: not sink.counts().waiting_bytes)
    os.kill(process.pid, signal.SIGKILL)

    def is_told() -> bool:
        try:
            sink.write("conn", b"2\n")
        except PlaceLostError:
            return True
        return False

    until(is_told)
    with pytest.raises(SinkError, match="lines"):
        sink.close()
    process.wait()
    assert (tmp_path / "conn.log").read_bytes() == b"1\n"


def test_it_is_not_started_beside_threads(tmp_path: Path) -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        with pytest.raises(SinkError, match="other threads"):
            started(tmp_path)
    finally:
        end.set()
        thread.join()


MASTER = """
import sys
from pathlib import Path
from sensor.logs.sinks.log_process import LogProcess
from sensor.logs.sinks.queued import QueuedSink
from sensor.logs.sinks.rotating import RotatingFolder
from sensor.settings import LogSettings
process = LogProcess(lambda: RotatingFolder(Path(sys.argv[1]), LogSettings()))
sink = QueuedSink(process.places[0], 1 << 26)
number = 0
while True:
    sink.write("conn", b"".join(b"%099d\\n" % n for n in range(number, number + 50)))
    number += 50
    while sink.counts().waiting_bytes > 50_000:
        pass
    if number == 5000:
        print(process.pid, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_master_that_is_killed_cuts_no_line(tmp_path: Path, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MASTER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as process:
        child = int(process.stdout.readline())
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(child, ignored)
        process.send_signal(number)
    until(lambda: not Path(f"/proc/{child}").exists())
    data = (tmp_path / "conn.log").read_bytes()
    assert data.endswith(b"\n")
    lines = data.splitlines()
    assert lines == [b"%099d" % n for n in range(len(lines))]
    assert len(lines) >= 4500
