"""What goes wrong around a running `live`: signals, kill -9, disks, folders, FIFOs, the cache, the interface."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.soak import rewritten
from tests.cli.running import GOOD, NEEDS, REPOSITORY, Live, frames, rows
from tests.conftest import NOBODY, Cable

TRANSACTION = frames(GOOD)
CLIENT = TRANSACTION[0][26:30]
QUICK = ("--set", "flow.close_linger_s=0.1", "--set", "health.interval_s=0.3")
pytestmark = NEEDS


def send(wire: Cable, first: int, count: int) -> None:
    """So many transactions, of clients and ports that no other number has."""
    for number in range(first, first + count):
        wire.send(*(rewritten(frame, CLIENT, 256 + number % 5000, 1024 + number) for frame in TRANSACTION))


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def expected_code(logs: Path) -> int:
    """3 if packets were lost, which a busy machine may do, and which is told then."""
    return 3 if any(row.get("pkts_dropped") for row in rows(logs / "stats.log")) else 0


def log_process(live: Live) -> int:
    pid = live.process.pid
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())


class Load:
    """Transactions one after the other, in a thread, until it is left."""

    def __init__(self, wire: Cable) -> None:
        self._wire = wire
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.sent = 0

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._end.is_set():
            send(self._wire, self.sent, 1)
            self.sent += 1
            time.sleep(0.003)

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_hup_and_term_under_load(wire: Cable, tmp_path: Path, number: int) -> None:
    logs = tmp_path / "logs"
    live = Live(tmp_path, "-i", "w1", "-o", str(logs), before=QUICK)
    with Load(wire) as load:
        for turn in range(4):
            until(lambda: lines(logs / "http.log") > 20)
            (logs / "http.log").rename(logs / f"http.log.{turn}")
            live.process.send_signal(signal.SIGHUP)
            until((logs / "http.log").exists)
        began = time.monotonic()
        code, _, err = live.stop(number)
        took = time.monotonic() - began
    assert code == expected_code(logs) and "Traceback" not in err and "written" not in err
    assert took < 5
    http = [row["uid"] for path in sorted(logs.glob("http.log*")) for row in rows(path)]
    assert len(http) == len(set(http)) and load.sent >= len(http) > 100
    # Every connection is there with what was seen of it: the one in which it was told to stop ended early.
    assert set(http) <= {row["uid"] for row in rows(logs / "conn.log")}
    assert sum(row["pkts_proc"] for row in rows(logs / "stats.log")) == sum(
        row["orig_pkts"] + row["resp_pkts"] for row in rows(logs / "conn.log")
    )


def test_packets_that_wait_at_the_end_are_looked_at_or_told(wire: Cable, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    quickly = ("--set", "service.stop_within_s=0.2")
    live = Live(tmp_path, "-i", "w1", "-o", str(logs), before=(*QUICK, *quickly))
    send(wire, 0, 150)
    code, _, err = live.stop()
    told = re.search(r"(\d+) packets that waited were not looked at", err)
    unread = int(told[1]) if told else 0
    stats = rows(logs / "stats.log")
    dropped = sum(row.get("pkts_dropped", 0) for row in stats)
    assert sum(row["pkts_proc"] for row in stats) + unread + dropped == 150 * len(TRANSACTION)
    assert code == (3 if unread or dropped else 0)


def test_kill_9_of_the_parser_loses_no_line_that_was_written(wire: Cable, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    live = Live(tmp_path, "-i", "w1", "-o", str(logs), before=QUICK)
    writer = log_process(live)
    with Load(wire):
        until(lambda: lines(logs / "conn.log") > 20)
        live.process.kill()
        live.process.wait()
    until(lambda: not Path(f"/proc/{writer}").exists())
    before = rows(logs / "conn.log")
    again = Live(tmp_path, "-i", "w1", "-o", str(logs), before=QUICK)
    send(wire, 60_000, 2)
    assert again.stop()[:1] == (0,)
    assert rows(logs / "conn.log")[: len(before)] == before
    assert len(rows(logs / "conn.log")) == len(before) + 2


def test_kill_9_of_everything_leaves_at_most_one_cut_line_which_the_next_start_mends(
    wire: Cable, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    live = Live(tmp_path, "-i", "w1", "-o", str(logs), before=QUICK)
    writer = log_process(live)
    with Load(wire):
        until(lambda: lines(logs / "conn.log") > 20)
        os.kill(writer, signal.SIGKILL)
        live.process.kill()
        live.process.wait()
    (logs / "http.log").open("a").write('{"ts":17')  # such as a write that was cut short would leave it
    again = Live(tmp_path, "-i", "w1", "-o", str(logs), before=QUICK)
    until(lambda: not (logs / "http.log").read_bytes().endswith(b'{"ts":17'))
    send(wire, 60_000, 1)
    code, _, err = again.stop()
    assert code == 0 and "http.log: 8 bytes of a line that was cut by a crash are removed" in err
    for path in logs.glob("*.log"):
        assert rows(path) is not None  # each line is JSON


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.needs("mount")
def test_a_full_disk_costs_counted_lines_and_no_packet(wire: Cable, small_disk: Path, tmp_path: Path) -> None:
    logs, hog = small_disk / "logs", small_disk / "hog"
    queue = ("--set", "logs.max_queued_bytes=65536")
    live = Live(tmp_path, "-i", "w1", "-o", str(logs), before=(*QUICK, *queue))
    hog.write_bytes(b"x" * ((4 << 20) - (100 << 10)))
    for number in range(0, 300, 20):
        send(wire, number, 20)
        time.sleep(0.1)
    until(lambda: os.statvfs(small_disk).f_bavail == 0)
    send(wire, 500, 20)
    time.sleep(1.5)
    hog.unlink()
    time.sleep(1.5)
    send(wire, 1000, 5)
    code, _, err = live.stop()
    assert "No space left on device; lines wait" in err and "written again" in err
    stats = rows(logs / "ocspwatch_stats.log")
    lost = max(row.get("log_lines_dropped", 0) for row in stats)
    assert lost > 0
    assert {row["id.orig_p"] for row in rows(logs / "conn.log")} >= {1024 + number for number in range(1000, 1005)}
    assert code == 3 and "lines of the logs could not be written" in err  # what was lost is said at the end, too


def test_a_folder_that_is_removed_is_made_anew(wire: Cable, open_place: Path) -> None:
    """Landlock and all: as the user the sensor became, in a folder of root's."""
    logs = open_place / "logs"
    user = ("--set", f"service.user={NOBODY}:{NOBODY}")
    live = Live(open_place / "cache", "-i", "w1", "-o", str(logs), before=(*QUICK, *user), allow_root=False)
    send(wire, 0, 3)
    until(lambda: lines(logs / "conn.log") == 3)
    for path in logs.iterdir():
        path.unlink()
    logs.rmdir()
    send(wire, 10, 3)
    time.sleep(1.0)  # it may not make the folder: its parent is root's
    logs.mkdir()
    os.chown(logs, NOBODY, NOBODY)
    until(lambda: lines(logs / "conn.log") == 3)  # none of those that waited is lost
    code, _, err = live.stop()
    assert code == 0 and "lines wait" in err and "written again; 0 lines were dropped meanwhile" in err


def test_a_fifo_whose_reader_goes_and_comes(wire: Cable, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    os.mkfifo(logs / "leak.log")
    live = Live(tmp_path, "-i", "w1", "-o", str(logs), before=QUICK)
    for turn in range(2):
        send(wire, turn * 10, 3)  # nobody reads
        until(lambda turn=turn: lines(logs / "conn.log") == 3 + turn * 3)
        with (logs / "leak.log").open() as reader:
            assert all(reader.readline().startswith("{") for _ in range(3))
    code, _, err = live.stop()
    assert "leak.log: nobody reads it; lines wait" in err
    assert code == expected_code(logs), err


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


def test_a_locked_cache_holds_nothing_up(wire: Cable, tmp_path: Path) -> None:
    store = tmp_path / "ct.sqlite"
    command = [sys.executable, "-c", "import sys; from sensor.cli.main import main; sys.exit(main())"]
    certificates = str(REPOSITORY / "pcaps" / "office" / "certs")
    subprocess.run(
        [*command, "ct", "import", "--ct", str(store), certificates], check=True, capture_output=True, cwd=REPOSITORY
    )
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA journal_mode=DELETE")  # in which a writer keeps readers out
    connection.close()
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), "--ct", str(store), before=QUICK)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as lock:
        assert lock.stdout.readline() == b"held\n"
        send(wire, 0, 5)
        until(lambda: lines(tmp_path / "logs" / "http.log") == 5)
        assert lines(tmp_path / "logs" / "leak.log") == 0
        lock.communicate(b"\n")
    until(lambda: lines(tmp_path / "logs" / "leak.log") == 5)
    assert live.stop()[0] == 0


LEAPING = """
import signal, time
_time, _time_ns, offset = time.time, time.time_ns, [0]
time.time = lambda: _time() + offset[0]
time.time_ns = lambda: _time_ns() + offset[0] * 10**9
signal.signal(signal.SIGUSR1, lambda *_: offset.append(0 if offset.pop() else 10 * 365 * 86400))
"""


def test_a_clock_that_leaps_and_is_set_right(wire: Cable, tmp_path: Path) -> None:
    """Ten years ahead, then back, in both processes. The clock of this machine is not ours to set: theirs has a
    spring in it, and the packets' times stay right."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(LEAPING)
    logs = tmp_path / "logs"
    environment = {"PYTHONPATH": f"{tmp_path / 'site'}:{REPOSITORY}"}
    plain = ("--set", "logs.compress_rotated=false")
    live = Live(tmp_path, "-i", "w1", "-o", str(logs), before=(*QUICK, *plain), environment=environment)
    open_still = [rewritten(frame, CLIENT, 400, 999) for frame in TRANSACTION]
    wire.send(*open_still[:5])
    send(wire, 0, 2)
    for turn in range(2):
        time.sleep(1.5)  # a tick and an idle batch, by which packet time moves on
        for pid in (live.process.pid, log_process(live)):
            os.kill(pid, signal.SIGUSR1)
        time.sleep(2.5)
        send(wire, 10 * (turn + 1), 2)
    wire.send(*open_still[5:])
    code, _, err = live.stop()
    assert code == 0 and "Traceback" not in err
    assert "the clock was set: no archive is deleted" in err and "the clock was set back" in err
    found = {stream: [row for path in logs.glob(f"{stream}.*") for row in rows(path)] for stream in ("conn", "leak")}
    assert sorted(row["id.orig_p"] for row in found["leak"]) == [999, 1024, 1025, 1034, 1035, 1044, 1045]
    conns = [row["id.orig_p"] for row in found["conn"]]
    assert {conns.count(port) for port in (1024, 1025, 1044, 1045)} == {1}  # before, and once it is right again


def test_the_service_manager_is_told(wire: Cable, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(10)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
        live = Live(tmp_path, "-i", "w1", "-q", environment=environment)
        assert manager.recv(4096).decode() == f"READY=1\nMAINPID={live.process.pid}\nSTATUS=listening to w1 (ring)"
        began = time.monotonic()
        assert [manager.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        assert time.monotonic() - began < 2.5  # while nothing is heard, too
        live.process.send_signal(signal.SIGTERM)
        said = b""
        while said != b"STOPPING=1":
            said = manager.recv(4096)
        assert live.process.wait(5) == 0
        out, err = live.process.communicate()
        assert out == ""
        assert [line.split(":")[1] for line in err.splitlines()] == [
            " parser",
            " listening to w1 (ring)",
        ]  # the journal's
