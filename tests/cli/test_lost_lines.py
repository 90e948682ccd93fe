"""What a running `live` does when the process that writes its logs hangs or dies, and what it says was lost."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

from tests.cli.running import NEEDS, Live, rows
from tests.cli.test_faults import QUICK, lines, log_process, send, until
from tests.conftest import Cable

pytestmark = NEEDS


def test_the_log_process_gone_ends_the_run_so_that_it_is_started_anew(wire: Cable, tmp_path: Path) -> None:
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), before=QUICK)
    os.kill(log_process(live), signal.SIGKILL)  # while there is nothing to write
    began = time.monotonic()
    assert live.process.wait(10) == 1
    assert time.monotonic() - began < 1.5  # a second, and the interpreter's end
    assert "the process that writes the logs has gone" in live.process.stderr.read()


def test_lines_that_a_dead_log_process_did_not_take_are_counted(wire: Cable, tmp_path: Path) -> None:
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), before=QUICK)
    writer = log_process(live)
    os.kill(writer, signal.SIGSTOP)
    send(wire, 0, 20)
    time.sleep(1.5)  # they are handed over, and the process has not taken them
    os.kill(writer, signal.SIGKILL)
    assert live.process.wait(10) == 1
    lost = re.search(r"(\d+) lines of the logs could not be written", live.process.stderr.read())
    assert lost and int(lost[1]) >= 80  # conn, http, ocsp_exchange and leak at least


def test_a_log_process_that_hangs_does_not_hold_up_the_end(wire: Cable, tmp_path: Path) -> None:
    """And a store that hangs does not, beside it, nor who reads the metrics slowly."""
    store = tmp_path / "ct.sqlite"
    words = ("-o", str(tmp_path / "logs"), "--metrics", "127.0.0.1:9476", "--ct", str(store))
    live = Live(tmp_path, "-i", "w1", *words, before=QUICK)
    writer = log_process(live)
    os.kill(writer, signal.SIGSTOP)
    try:
        send(wire, 0, 20)
        with socket.create_connection(("127.0.0.1", 9476)) as slow:
            slow.send(b"GET ")
            time.sleep(1.0)
            began = time.monotonic()
            live.process.send_signal(signal.SIGTERM)
            code = live.process.wait(10)
            took = time.monotonic() - began
    finally:
        os.kill(writer, signal.SIGCONT)
    out, err = live.process.communicate(timeout=5)
    assert took < 5 and code == 3
    lost = re.search(r"the disk does not answer; (\d+) lines \(\d+ bytes\) of logs are lost, (\d+) in all", err)
    assert lost and int(lost[1]) == int(lost[2]) >= 80
    assert f"{lost[1]} log lines could not be written" in " ".join(out.split())


def test_lines_dropped_at_the_end_are_in_the_statistics_and_the_summary(wire: Cable, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    os.mkfifo(logs / "http.log")  # which nobody reads
    live = Live(tmp_path, "-i", "w1", "-o", str(logs), before=QUICK)
    send(wire, 0, 7)
    until(lambda: lines(logs / "conn.log") == 7)
    code, out, err = live.stop()
    assert code == 3 and "7 lines of the logs could not be written" in err
    assert "7 log lines could not be written" in " ".join(out.split())
    assert sum(row.get("log_lines_dropped", 0) for row in rows(logs / "ocspwatch_stats.log")) == 7
