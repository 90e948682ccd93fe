"""sensor.cli.crew_watch: several workers' counts on one screen, in one line, in one summary; and who is missing."""

from __future__ import annotations

import io
import os
import sys

import msgspec
import pytest

from sensor.cli.crew_watch import CrewWatch, PipedText, Slate
from sensor.health.counters import Totals
from sensor.privacy.leak import Grade
from sensor.report.board import Board
from sensor.report.summary import FileRead
from tests.health.test_metrics import REPORT
from tests.report.conftest import leak


def board(client: str, site: str) -> Board:
    made = Board()
    made.leak(leak(client, Grade.exact, site))
    return made


def file(number: int) -> FileRead:
    return FileRead(f"w1 (ring, worker {number})", 10, 100, number, number)


def test_one_summary_says_whose_counts_are_missing(capsys: pytest.CaptureFixture[str]) -> None:
    slates = [Slate(number, False) for number in (1, 2, 3)]
    slates[0].finish(board("10.0.0.1", "a.example"), file(1))
    slates[2].finish(board("10.0.0.2", "b.example"), file(3))
    CrewWatch(slates).summarise("w1 (ring, 3 workers)", False)
    told = capsys.readouterr().out
    assert "1 input · 20 packets" in told
    assert "2 clients · 2 sites · 1 certificate" in told  # the same serial number twice
    assert "what worker 2 saw is not in this summary" in told
    assert "worker 1 saw" not in told


def test_a_number_that_cannot_be_sent_is_a_summary_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    slate = Slate(1, False)
    slate.finish(Board(), FileRead("w1", 1 << 70, 0))
    assert slate.counted.refused == 1
    CrewWatch([slate]).summarise("w1", False)
    assert "what worker 1 saw is not in this summary" in capsys.readouterr().out


def test_lines_are_of_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    slates = [Slate(number, False) for number in (1, 2)]
    watch = CrewWatch(slates)
    watch.look()  # before anything is there
    watch.begin("w1", 0.0, True, False)
    watch.look()
    assert err.getvalue() == ""
    for slate in slates:
        slate.show(msgspec.structs.replace(REPORT, totals=Totals(leaks=slate.number)), None)
    watch.look()
    slates[1].report._memory[:8] = bytes(8)  # just being written: what it said before holds
    watch.look()
    watch.close()
    lines = err.getvalue().splitlines()
    assert [line.rpartition(", ")[0].rpartition(", ")[2] for line in lines] == ["3 disclosures", "3 disclosures"]


def test_a_screen_has_what_all_of_them_saw() -> None:
    slates = [Slate(number, True) for number in (1, 2)]
    slates[0].show(REPORT, board("10.0.0.1", "a.example"))
    slates[1].show(REPORT, board("10.0.0.1", "b.example"))
    found = [slate.glance.get() for slate in slates]
    assert [glance.sites for glance in found if glance] == [[("a.example", 1)], [("b.example", 1)]]
    off = Slate(1, False)
    off.show(REPORT, board("10.0.0.1", "a.example"))
    assert off.glance.get() is None


def test_what_a_worker_says_goes_through_its_pipe_and_never_waits() -> None:
    ours, theirs = os.pipe2(os.O_NONBLOCK)
    text = PipedText(theirs)
    text.write("w1")
    with pytest.raises(BlockingIOError):
        os.read(ours, 99)
    print(" is down", file=text, flush=True)
    assert os.read(ours, 99) == b"w1 is down\n"
    for _ in range(3):
        text.write("x" * 100_000 + "\n")
    os.close(ours)
    assert text.write("nobody\n") == 7
    os.close(theirs)
