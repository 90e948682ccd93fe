"""Start-up is a promise: what is not needed is not imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE))

from mkload import make_load  # noqa: E402  (it lies beside this file, which is no package)

COMMAND = "from sensor.cli.main import start; start()"
VERSION_MS = 100
REPLAY_MS = 400


def _milliseconds(*words: str, rounds: int = 5, cwd: Path = REPOSITORY) -> float:
    """Processor time, the least of some runs: what the program needs, not what the machine was busy with."""
    best = float("inf")
    for _ in range(rounds):
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        process = subprocess.Popen([sys.executable, *words], cwd=cwd, env=environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, words
        best = min(best, (usage.ru_utime + usage.ru_stime) * 1000)
    return best


def test_version_is_told_at_once() -> None:
    bare = _milliseconds("-c", "pass")
    assert _milliseconds("-c", COMMAND, "--version") - bare < VERSION_MS


def test_ten_packets_are_replayed_at_once(tmp_path: Path) -> None:
    make_load("dense", 1, tmp_path / "ten.pcap")
    store = tmp_path / "ct.sqlite"
    took = _milliseconds("-c", COMMAND, "replay", "ten.pcap", "-o", "logs", "--ct", str(store), "--quiet", cwd=tmp_path)
    assert (tmp_path / "logs" / "ocsp_exchange.log").exists()
    assert took < REPLAY_MS


@pytest.mark.parametrize(
    "module", ["scapy", "rich", "yaml", "cryptography", "sqlite3", "asyncio", "concurrent.futures"]
)
def test_the_version_needs_none_of(module: str) -> None:
    code = f"import sys; from sensor.cli.main import main; main(['--version']); print({module!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stdout.splitlines()[-1] == "False", done.stdout + done.stderr
