"""The progress line."""

from __future__ import annotations

import io

import pytest

from sensor.report.progress import Progress, render_progress


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Broken(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def run(total: int | None, seconds: float, step: float, *, enabled: bool = True) -> tuple[io.StringIO, Progress]:
    out, clock = io.StringIO(), Clock()
    progress = Progress(out, total, enabled=enabled, clock=clock)
    for n in range(1, round(seconds / step) + 1):
        clock.now = 100.0 + n * step
        progress.update(int(n * step * 100_000_000), int(n * step * 1000))
    return out, progress


def test_short_inputs_show_nothing() -> None:
    out, progress = run(1_000_000_000, 0.4, 0.001)
    progress.close()
    assert out.getvalue() == ""


def test_at_most_ten_updates_a_second() -> None:
    out, _ = run(1_000_000_000, 5.0, 0.001)
    assert 40 <= out.getvalue().count("\r") <= 46


def test_the_line_says_how_far() -> None:
    out, _ = run(1_000_000_000, 5.0, 0.01)
    last = out.getvalue().split("\r\x1b[2K")[-1]
    assert last == " 50%  ━━━━━━━━━━─────────  500 MB of 1.0 GB  5,000 packets  100 MB/s  0:05 left"


def test_the_line_is_taken_away() -> None:
    out, progress = run(1_000_000_000, 2.0, 0.01)
    progress.close()
    assert out.getvalue().endswith("\r\x1b[2K")
    before = out.getvalue()
    progress.close()
    assert out.getvalue() == before


def test_nothing_where_there_is_no_terminal() -> None:
    out = io.StringIO()
    clock = Clock()
    progress = Progress(out, 100, clock=clock)
    clock.now += 10
    progress.update(50, 5)
    progress.close()
    assert out.getvalue() == ""


def test_disabled() -> None:
    out, _ = run(1_000_000_000, 2.0, 0.01, enabled=False)
    assert out.getvalue() == ""


def test_a_terminal_that_goes_away_stops_nothing() -> None:
    clock = Clock()
    progress = Progress(Broken(), 100, enabled=True, clock=clock)
    clock.now += 10
    progress.update(50, 5)
    clock.now += 10
    progress.update(60, 6)
    progress.close()


@pytest.mark.parametrize(
    ("octets", "total", "rate", "columns", "line"),
    [
        (
            420_000_000,
            743_000_000,
            2e8,
            80,
            " 57%  ━━━━━━━━━━───────  420 MB of 743 MB  466,666 packets  200 MB/s  0:02 left",
        ),
        (420_000_000, 743_000_000, 2e8, 60, " 57%  ━━━━━━━━──────  420 MB of 743 MB  200 MB/s  0:02 left"),
        (420_000_000, 743_000_000, 2e8, 45, " 57%  420 MB of 743 MB  200 MB/s  0:02 left"),
        (420_000_000, 743_000_000, 0.0, 60, " 57%  ━━━━━━─────  420 MB of 743 MB  466,666 packets  0 B/s"),
        (420_000_000, None, 2e8, 60, "420 MB  466,666 packets  200 MB/s"),
        (420_000_000, 0, 2e8, 60, "420 MB  466,666 packets  200 MB/s"),
        (10**12, 10**13, 1e8, 70, " 10%  1.0 TB of 10.0 TB  466,666 packets  100 MB/s  25:00:00 left"),
        (800_000_000, 743_000_000, 2e8, 60, "100%  ━━━━━━━━━━━━━━  800 MB of 743 MB  200 MB/s  0:00 left"),
    ],
)
def test_render(octets: int, total: int | None, rate: float, columns: int, line: str) -> None:
    assert render_progress(octets, 466_666, total, rate, columns, plain=False) == line


@pytest.mark.parametrize("columns", range(10, 140))
def test_a_line_never_wraps(columns: int) -> None:
    assert len(render_progress(4 * 10**8, 466_666, 7 * 10**8, 2e8, columns, plain=True)) < columns
