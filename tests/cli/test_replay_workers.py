"""`ocspwatch replay --workers N`; that it writes what one worker writes is tests/workers/test_reading.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensor.cli.main import main

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"
GOOD = PCAPS / "ocsp" / "openssl-post-good.pcap"
CUT = PCAPS / "file" / "cut-in-record.pcap"


@pytest.fixture(autouse=True)
def _no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_summary_only(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(GOOD)]) == 0
    alone = capfd.readouterr()
    assert main(["replay", str(GOOD), "--workers", "2"]) == 0
    assert capfd.readouterr() == alone
    assert "Who disclosed what" in alone.out


def test_a_damaged_file_is_told_once(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["replay", str(CUT), str(GOOD), "-q", "-o"]
    assert main([*words, str(tmp_path / "one")]) == 3
    alone = capfd.readouterr()
    assert main([*words, str(tmp_path / "two"), "--workers", "2"]) == 3
    assert capfd.readouterr() == alone
    assert "read in part" in alone.err
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_mistakes_are_told_before_any_worker_begins(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["replay", str(tmp_path / "nothing.pcap"), "--workers", "2"]) == 2
    assert "No such file" in capfd.readouterr().err
    (tmp_path / "file").touch()
    assert main(["replay", str(GOOD), "--workers", "2", "-o", str(tmp_path / "file")]) == 2
    assert main(["replay", str(GOOD), "--workers", "65"]) == 2
    assert main(["replay", str(GOOD), "--workers", "0"]) == 2


def test_what_is_followed_is_read_by_one(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.capture.stream.RawBytes.wait", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["replay", str(GOOD), "--follow", "--workers", "2", "-q"]) == 0
    assert "one worker: pipes, and files that are followed" in capfd.readouterr().err


def test_the_summary_counts_the_notices_of_rules(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capture = GOOD.parents[1] / "revocation" / "revoked-unverified.pcap"
    words = ["replay", str(capture), "--rules", "shipped", "--workers"]
    shown = []
    for number in ("1", "2"):
        assert main([*words, number, "-o", str(tmp_path / number)]) == 0
        lines = [line.split() for line in capfd.readouterr().out.splitlines()]
        shown.append([line for line in lines if line[-1:] and "::" in line[-1]])
    assert ["medium", "2", "OCSP::Revoked_Unverified"] in shown[0]
    assert shown[0] == shown[1]
    notices = [json.loads(line) for line in (tmp_path / "1" / "notice.log").read_text().splitlines()]
    assert sum(int(line[-2]) for line in shown[0]) == sum("rule_id" in notice for notice in notices)
