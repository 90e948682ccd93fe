"""What was measured into Markdown: ratios, never bare seconds, and whether each promise is kept."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import sensor

PEAK_LIMIT = 250 << 20
GROWTH_LIMIT = 0.10
SHARED_LEAST = 1.7  # times as fast as one worker two are to be, on two cores
MARKS = ("<!-- figures: written by bench.py -->", "<!-- end of figures -->")
LIVE_MARKS = ("<!-- figures: written by live.py -->", "<!-- end of live figures -->")


class Target(NamedTuple):
    """`faster`: at least `times` as fast as the peer. `within`: at most `times` the peer's time."""

    kind: str
    times: float

    def met(self, ratio: float) -> bool:
        return ratio >= self.times if self.kind == "faster" else ratio >= 1 / self.times

    def text(self) -> str:
        return f"{self.times:g} times faster" if self.kind == "faster" else f"within {self.times:g} times"


class Row(NamedTuple):
    """`ratio` is the peer's time over ours; peaks in bytes."""

    load: str
    peer: str
    ratio: float
    our_peak: int
    their_peak: int
    target: Target | None


class Growth(NamedTuple):
    """`costs` of a unit at x1, x2, x4, x8, in units of the first."""

    load: str
    costs: tuple[float, ...]
    peak: int


class Sharing(NamedTuple):
    """Several workers: how many times as fast as one, whole and with start-up taken off; `machine`: what it gives as
    many runs at once; the peak of the largest of the processes."""

    load: str
    workers: int
    whole: float
    work: float
    machine: float
    peak: int


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.0f}"


def _verdict(met: bool) -> str:
    return "kept" if met else "**missed**"


def _speed(ratio: float) -> str:
    return f"{ratio:.1f} times faster" if ratio >= 1 else f"{1 / ratio:.2f} times its time"


def _row(row: Row) -> str:
    promise = f"{row.target.text()}: {_verdict(row.target.met(row.ratio))}" if row.target else ""
    peaks = f"{_mebibytes(row.our_peak)} / {_mebibytes(row.their_peak)}"
    return f"| `{row.load}` | {row.peer} | {_speed(row.ratio)} | {promise} | {peaks} |"


def _growth(growth: Growth) -> str:
    straight = abs(growth.costs[-1] - 1) <= GROWTH_LIMIT
    costs = " | ".join(f"{cost:.2f}" for cost in growth.costs)
    return f"| `{growth.load}` | {costs} | {_verdict(straight)} | {_mebibytes(growth.peak)} |"


def _sharing(sharing: Sharing) -> str:
    promise = _verdict(sharing.work >= SHARED_LEAST) if sharing.workers == 2 else ""
    ratios = f"{sharing.whole:.2f} | {sharing.work:.2f} | {sharing.machine:.2f}"
    return f"| `{sharing.load}` | {sharing.workers} | {ratios} | {promise} | {_mebibytes(sharing.peak)} |"


def _versions() -> str:
    found = [f"Python {platform.python_version()}, {sensor.build_mode()}"]
    for name in ("tshark", "tcpdump", "zeek"):
        if shutil.which(name):
            done = subprocess.run([name, "--version"], capture_output=True, text=True, check=False)
            found.append((done.stdout or done.stderr).splitlines()[0].strip().rstrip("."))
    return "; ".join(found)


def render_report(rows: list[Row], growths: list[Growth], rounds: int, sharings: Sequence[Sharing] = ()) -> str:
    """The tables of one run of the bench."""
    lines = [
        f"{platform.machine()}, {os.cpu_count()} cores, one worker; median of {rounds} rounds in turn. {_versions()}.",
        "",
        "| load | against | ocspwatch | promised | peak MiB, ours / theirs |",
        "|---|---|---|---|---|",
        *map(_row, rows),
    ]
    if growths:
        lines += [
            "",
            "Cost of a unit as the load grows, start-up and what is learnt once taken off (1.00: straight):",
            "",
            "| load x1 | x1 | x2 | x4 | x8 | within 10 % | peak MiB |",
            "|---|---|---|---|---|---|---|",
            *map(_growth, growths),
        ]
    if sharings:
        lines += [
            "",
            "Several workers, times as fast as one; beside it how much faster this machine runs as many single runs at",
            "once than one behind the other, which is the most there is to be had:",
            "",
            "| load | workers | whole run | start-up taken off | the machine | 1.7 of two | peak MiB of a process |",
            "|---|---|---|---|---|---|---|",
            *map(_sharing, sharings),
        ]
    peak = max([row.our_peak for row in rows] + [growth.peak for growth in growths], default=0)
    lines += ["", f"Greatest peak {_mebibytes(peak)} MiB; promised under 250: {_verdict(peak < PEAK_LIMIT)}."]
    return "\n".join(lines)


def replace_figures(path: Path, report: str, marks: tuple[str, str] = MARKS) -> None:
    """Put the report between two marks of the README."""
    begin, end = marks
    text = path.read_text()
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{begin}\n\n{report}\n\n{end}{after}")
