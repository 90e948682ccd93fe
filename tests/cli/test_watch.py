"""sensor.cli.watch: lines for a log, and a screen in a real terminal, from a running sensor."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensor.cli.watch import HeldText, Watch
from sensor.health.counters import Levels, Running, Totals
from sensor.health.metrics import Report
from sensor.report.board import Board
from tests.cli.running import GOOD, REPOSITORY, Live, frames
from tests.conftest import Cable

REPORT = Report(totals=Totals(frames=7), levels=Levels(), running=Running())


def test_lines_come_every_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    watch = Watch("w1", Board(), 0.2, None)
    watch.show(REPORT)
    assert err.getvalue() == ""
    time.sleep(0.25)
    watch.show(REPORT)
    watch.show(REPORT)
    watch.close()
    assert err.getvalue().count("\n") == 1
    assert err.getvalue().startswith("ocspwatch: 0 packets/s, ")


def test_what_is_held_is_released_in_order_and_bounded() -> None:
    held = HeldText()
    for number in range(3000):
        print(f"line {number}", file=held)
    held.write("begun")
    assert held.last() == "line 2999"
    text = held.release()
    assert text.startswith("line 2000\n")
    assert text.endswith("line 2999\nbegun")
    assert held.release() == ""
    held.write("x" * 100_000)
    assert len(held.release()) < 10_000


@pytest.mark.needs("root", "namespaces", "ip")
def test_a_running_sensor_says_how_it_is_where_there_is_no_terminal(wire: Cable, tmp_path: Path) -> None:
    config = tmp_path / "ocspwatch.yaml"
    config.write_text("health: {interval_s: 1}\n")
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), config=config)
    wire.send(*frames(GOOD))
    assert live.process.stderr is not None
    line = next(line for line in live.process.stderr if line.endswith("1 disclosure\n"))
    assert line.startswith("ocspwatch: ")
    assert ", 0 dropped, " in line
    live.stop()


@pytest.mark.needs("root", "namespaces", "ip", "tmux")
def test_a_running_sensor_in_a_terminal(wire: Cable, tmp_path: Path) -> None:
    """tmux is the terminal: what stands on it, in two sizes, and what it shows afterwards."""
    name = f"ocspwatch-{os.getpid()}-{tmp_path.name}"

    def tmux(*words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", name, "-f", "/dev/null", *words], capture_output=True, text=True, check=True
        )
        return done.stdout

    def shown(text: str, *others: str) -> str:
        until = time.monotonic() + 15
        while not all(each in (found := tmux("capture-pane", "-p")) for each in (text, *others)):
            assert time.monotonic() < until, found
            time.sleep(0.05)
        return found

    code = "import sys; from sensor.cli.main import main; sys.exit(main())"
    config = tmp_path / "ocspwatch.yaml"
    config.write_text("capture: {ring_bytes: 4194304}\n")
    command = (
        f"cd {REPOSITORY}; {sys.executable} -c '{code}' --config {config} live --allow-root -i w1 -o {tmp_path}/logs"
    )
    command += "; echo EXIT $?; stty -a | grep -ow 'isig icanon'; sleep 60"
    tmux("new-session", "-d", "-x", "80", "-y", "24", command)
    try:
        shown("none yet", "w1 (ring)")
        wire.send(*frames(GOOD))
        screen = shown("1 so far", "unlisted")
        assert len(screen.rstrip("\n").split("\n")) <= 24
        assert "Top clients" in screen
        tmux("resize-window", "-x", "50", "-y", "12")
        assert "Top clients" not in shown("Latest disclosures ──────────────────────────────\n")
        tmux("send-keys", "C-c")
        after = shown("EXIT 0", "isig icanon")
        assert "Latest disclosures" not in after
        assert "Who disclosed what" in tmux("capture-pane", "-p", "-S", "-200")
    finally:
        tmux("kill-server")
