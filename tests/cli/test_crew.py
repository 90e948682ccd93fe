"""`live --workers`: shares of the packets in processes of their own, started, watched and stopped together."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.settings import CaptureSettings
from tests.cli.running import GOOD, NEEDS, Live, frames, rows
from tests.conftest import Cable

REPOSITORY = Path(__file__).resolve().parents[2]
OFFICE = REPOSITORY / "pcaps" / "office" / "morning.pcapng"
FLOW = ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "conn_state", "history", "orig_bytes", "resp_bytes")


def office_frames() -> list[bytes]:
    source = open_inputs([str(OFFICE)], CaptureSettings())
    found = [
        bytes(batch.buffer[batch.offset[i] : batch.offset[i] + batch.caplen[i]])
        for batch in source.batches()
        for i in range(batch.first, batch.stop)
    ]
    source.close()
    return found


def workers_of(pid: int) -> list[int]:
    """Its children but the oldest, which writes the logs."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sorted(map(int, children))[1:]


def flows(folder: Path) -> Counter[tuple[object, ...]]:
    return Counter(tuple(row.get(field) for field in FLOW) for row in rows(folder / "conn.log"))


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() and b"Z" not in Path(f"/proc/{pid}/stat").read_bytes() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@NEEDS
def test_three_workers_see_what_one_sees(wire: Cable, tmp_path: Path) -> None:
    """Both directions of each flow met in one of them: the connections are those of replay, whole."""
    sent = office_frames()
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "live"), "--workers", "3")
    assert live.said == "ocspwatch: listening to w1 (ring, 3 workers)\n"
    wire.send(*sent)
    code, _, err = live.stop()
    assert code == 0, err
    shares = sorted(line.partition(" packets")[0] for line in err.splitlines() if ", worker " in line)
    assert [line.rpartition(": ")[0] for line in shares] == [f"ocspwatch: w1 (ring, worker {n})" for n in (1, 2, 3)]
    counts = [int(line.rpartition(": ")[2].replace(",", "")) for line in shares]
    assert min(counts) > 0
    replay = [sys.executable, "-m", "sensor.cli.main", "replay", str(OFFICE), "-o", str(tmp_path / "replay"), "-q"]
    subprocess.run([*replay, "--ct", str(tmp_path / "ct.sqlite")], check=True, cwd=REPOSITORY)
    assert flows(tmp_path / "live") == flows(tmp_path / "replay")
    for stream in ("http", "ocsp", "ocsp_exchange", "leak"):
        live_rows, replayed = rows(tmp_path / "live" / f"{stream}.log"), rows(tmp_path / "replay" / f"{stream}.log")
        assert len(live_rows) == len(replayed), stream
    stats = rows(tmp_path / "live" / "stats.log")
    assert {row["peer"] for row in stats} == {"ocspwatch-1", "ocspwatch-2", "ocspwatch-3"}
    assert sum(int(str(row["pkts_proc"])) for row in stats) == sum(counts)


def paragraph(page: str, head: str) -> list[str]:
    """Of a summary however wide, equals in one order."""
    lines = page[page.index(head) :].partition("\n\n")[0].splitlines()
    return sorted(" ".join(sorted(re.split(r"[ ,─]+", line))) for line in lines)


@NEEDS
def test_one_summary_and_one_line_for_all_workers(wire: Cable, tmp_path: Path) -> None:
    """What three saw, each a part, is printed as `replay` prints it."""
    words = ["-i", "w1", "-o", str(tmp_path / "live"), "--workers", "3", "--ct", str(tmp_path / "ct.sqlite")]
    live = Live(tmp_path, *words, before=("--set", "health.interval_s=1"))
    wire.send(*office_frames())
    assert live.process.stderr is not None
    line = next(line for line in live.process.stderr if line.endswith(" 40 disclosures\n"))
    assert line.startswith("ocspwatch: ")
    code, out, err = live.stop()
    assert code == 0, err
    assert "  w1 (ring, 3 workers)  " in out
    replay = [sys.executable, "-m", "sensor.cli.main", "replay", str(OFFICE), "--ct", str(tmp_path / "ct.sqlite")]
    done = subprocess.run(replay, check=True, cwd=REPOSITORY, capture_output=True, text=True)
    for head in ("Who disclosed what", "Not readable"):
        assert paragraph(out, head) == paragraph(done.stdout, head)
    for told in ("91 connections", "81 transactions", "39 questions", "25  21 good, 4 revoked"):
        assert told in done.stdout
        assert told in out
    assert out.count("ocspwatch ──") == 1


@NEEDS
@pytest.mark.needs("tmux")
def test_one_screen_for_all_workers(wire: Cable, tmp_path: Path) -> None:
    """tmux is the terminal. What a worker says does not spoil the picture: it comes afterwards."""
    name = f"ocspwatch-{os.getpid()}-{tmp_path.name}"

    def tmux(*words: str) -> str:
        command = ["tmux", "-L", name, "-f", "/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def shown(*texts: str) -> str:
        until = time.monotonic() + 15
        while not all(text in (found := tmux("capture-pane", "-p")) for text in texts):
            assert time.monotonic() < until, found
            time.sleep(0.05)
        return found

    code = "import sys; from sensor.cli.main import main; sys.exit(main())"
    command = f"cd {REPOSITORY}; {sys.executable} -c '{code}' --set capture.ring_bytes=4194304 live --allow-root"
    command += f" -i w1 --workers 2 --ct {tmp_path}/ct.sqlite; echo EXIT $?; sleep 60"
    tmux("new-session", "-d", "-x", "80", "-y", "24", command)
    try:
        shown("none yet", "w1 (ring, 2 workers)")
        wire.send(*office_frames())
        shown("40 so far · 10 clients · 0 sites", "Top clients", "10.20.0.23")
        subprocess.run(["ip", "link", "set", "w1", "down"], check=True)
        assert shown("ocspwatch: w1 is down").count("w1 is down") == 1
        tmux("send-keys", "C-c")
        assert "Latest disclosures" not in shown("EXIT 0", "Everything was readable")
        after = tmux("capture-pane", "-p", "-S", "-200")
        assert "Who disclosed what" in after
        assert after.count("w1 is down") == 1  # both see it, one says it
        assert "(ring, worker 2): " in after
    finally:
        tmux("kill-server")


@NEEDS
def test_when_a_worker_is_killed_all_end_and_say_so(wire: Cable, tmp_path: Path) -> None:
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), "--workers", "2")
    wire.send(*frames(GOOD))
    workers = workers_of(live.process.pid)
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    out, err = live.process.communicate(timeout=10)
    assert live.process.returncode == 1  # not 3, with which a unit would not be started anew
    assert "ocspwatch: worker 1 has ended, so the others are stopped\n" in err
    assert "ocspwatch: worker 1 was ended by signal 9\n" in err
    assert "what worker 1 saw is not in this summary" in out
    wait_until_gone(workers)


@NEEDS
def test_a_worker_that_hangs_does_not_hold_up_the_end(wire: Cable, tmp_path: Path) -> None:
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), "--workers", "2")
    workers = workers_of(live.process.pid)
    os.kill(workers[1], signal.SIGSTOP)
    try:
        began = time.monotonic()
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(10) == 1
        assert time.monotonic() - began < 5.2
    finally:
        os.kill(workers[1], signal.SIGCONT)
    assert "workers that hang are left behind: 2" in live.process.communicate(timeout=10)[1]
    wait_until_gone(workers)


@NEEDS
def test_workers_do_not_outlive_who_started_them(wire: Cable, tmp_path: Path) -> None:
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), "--workers", "2")
    workers = workers_of(live.process.pid)
    assert len(workers) == 2
    live.process.kill()
    live.process.wait()
    wait_until_gone(workers)


@NEEDS
@pytest.mark.needs("curl", "promtool")
def test_one_page_for_all_workers(wire: Cable, tmp_path: Path) -> None:
    words = ["-i", "w1", "--workers", "3", "--metrics", "127.0.0.1:9475"]
    live = Live(tmp_path, *words, "-o", str(tmp_path / "logs"))
    wire.send(*office_frames())

    def packets() -> list[int]:
        found = re.findall(r'^ocspwatch_packets_total\{worker="([123])"\} (\d+)$', page(), re.M)
        assert [number for number, _ in found] == ["1", "2", "3"]
        return [int(count) for _, count in found]

    def page() -> str:
        command = ["curl", "-sS", "http://127.0.0.1:9475/metrics"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    deadline = time.monotonic() + 10
    while sum(packets()) < 1500:
        assert time.monotonic() < deadline, packets()
        time.sleep(0.1)
    assert min(packets()) > 0
    assert page().count("ocspwatch_worker_up{") == 3
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=page(), capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr + checked.stdout
    refused = subprocess.run(["curl", "-sS", "http://127.0.0.1:9476/metrics"], check=False, capture_output=True)
    assert refused.returncode == 7  # no other port is taken
    assert live.stop()[0] == 0


@NEEDS
def test_logs_are_opened_anew_on_hup(wire: Cable, tmp_path: Path) -> None:
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), "--workers", "2")
    wire.send(*frames(GOOD))
    log = tmp_path / "logs" / "leak.log"
    deadline = time.monotonic() + 10
    while not log.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    log.rename(tmp_path / "old.log")
    live.process.send_signal(signal.SIGHUP)
    time.sleep(1.2)  # the signal is acted on within half a second
    wire.send(*frames(GOOD))
    assert live.stop()[0] == 0
    assert len(rows(tmp_path / "old.log")) == len(rows(log)) == 1


def test_lines_on_standard_output_take_one_worker(tmp_path: Path) -> None:
    live = Live(tmp_path, "-i", "lo", "--workers", "2", "--json")
    assert live.process.wait(10) == 2
    assert "--json takes one worker" in live.said


@pytest.mark.parametrize("number", ["0", "65", "-1"])
def test_how_many_there_may_be(tmp_path: Path, number: str) -> None:
    live = Live(tmp_path, "-i", "lo", "--workers", number)
    assert live.process.wait(10) == 2
    assert "capture.workers" in live.said
