"""`live` under load for a long time: seconds always, two minutes in CI; the hour is `soak.py` itself (README.md)."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from soak import frames, report_of_this_run, rewritten, slope  # noqa: E402  (it lies beside this file: no package)

GOOD = HERE.parents[1] / "pcaps" / "ocsp" / "openssl-post-good.pcap"
NEEDS = pytest.mark.needs("root", "namespaces", "ip")


def check(result: dict) -> None:
    assert result["problems"] == [], result
    assert result["sent"]["transactions"] > 0 and result["packets"]["processed"] > 0
    assert result["archives"] > 0 and result["sent"]["hups"] > 0
    assert result["parser"]["descriptors"][0] == result["parser"]["descriptors"][1]


@NEEDS
def test_a_short_soak(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, str(HERE / "soak.py"), "--seconds", "18", "--rate", "20", "--report", str(report)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    check(json.loads(report.read_text()))


@NEEDS
def test_the_soak_of_two_minutes() -> None:
    """Started when the tests were collected (conftest.py)."""
    report = report_of_this_run()
    errors = report.with_suffix(".errors")
    deadline = time.monotonic() + 300
    while not report.exists():
        assert time.monotonic() < deadline, errors.read_text()
        time.sleep(0.2)
    result = json.loads(report.read_text())
    report.unlink()
    errors.unlink()
    check(result)


def test_another_client_has_right_checksums() -> None:
    def total(data: bytes) -> int:
        words = sum(int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, len(data), 2))
        while words >> 16:
            words = (words & 0xFFFF) + (words >> 16)
        return words

    transaction = frames(GOOD)
    client = transaction[0][26:30]
    for low, port in ((0, 1), (256, 1024), (0xFFFF, 65535)):
        for frame in transaction:
            made = rewritten(frame, client, low, port)
            header = (made[14] & 15) * 4
            length = int.from_bytes(made[16:18], "big")
            segment = made[14 + header : 14 + length]
            assert total(made[14 : 14 + header]) == 0xFFFF
            assert total(made[26:34] + bytes((0, 6)) + len(segment).to_bytes(2, "big") + segment) == 0xFFFF
            at = (28, 14 + header) if frame[26:30] == client else (32, 16 + header)
            assert (int.from_bytes(made[at[0] : at[0] + 2], "big"), int.from_bytes(made[at[1] : at[1] + 2], "big")) == (
                low,
                port,
            )


def test_a_slope_is_a_slope() -> None:
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == 2.0
    assert slope([(3.0, 1.0)]) == 0.0
