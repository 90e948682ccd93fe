"""Measures how much `ocspwatch live` loses of a flood, beside tcpdump and beside scapy's socket, and writes it down.

    python tests/bench/live.py [--quick] [--print]

In a network namespace of its own (needs root, iproute2, tcpreplay, tcpdump) the loads are played into one end of a veth
pair, at rising rates for some seconds, then once as fast as tcpreplay can, at last as fast as that for some seconds,
and taken off its other end by one program at a time: ocspwatch doing its whole job (all logs to disk), the same on
scapy's socket, and `tcpdump -w /dev/null` with its defaults. What counts is what each did not look at. Sender and
receiver share the machine's cores.

What was looked at must also be in the logs: their lines are counted beside what the sensor says that it dropped, and
where no packet was lost its leaks must be those of `replay` on the same load, as often as that was played.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from mkload import FORM, make_load  # noqa: E402  (it lies beside this file, which is no package)
from table import LIVE_MARKS, replace_figures  # noqa: E402  (as above)

CLONE_NEWNET = 0x40000000  # linux/sched.h
COMMAND = (sys.executable, "-c", "from sensor.cli.main import start; start()")
METHODS = ("ring", "rules", "tcpdump", "scapy")
"""`rules`: the ring, and the shipped rules applied to what is logged."""
TOP = 0
"""In place of a rate: as fast as it goes, the load again and again."""
ONCE = -1
"""The same, the load once: what a receiver is behind with at the end may still wait in its buffer."""


class Load(NamedTuple):
    """`rates` in packets a second, ONCE or TOP, in the rising order of a measurement."""

    kind: str
    count: int
    packets: int
    rates: tuple[int, ...]


LOADS = (
    Load("dense", 20000, 200_000, (100_000, 150_000, ONCE, TOP)),
    Load("mixed", 5000, 550_000, (100_000, ONCE, TOP)),
)
QUICK = (Load("dense", 500, 5_000, (ONCE, TOP)),)


class Flood(NamedTuple):
    """Packets sent and how many a second, packets the receiver got, and those the kernel says that it dropped; lines
    in its logs, lines that it says it dropped, and leaks of `replay` that are in none of them."""

    sent: int
    pace: float
    got: int
    dropped: int
    lines: int = 0
    lines_dropped: int = 0
    leaks_missing: int = 0

    @property
    def lost(self) -> int:
        """Packets that the receiver did not look at, for whatever reason."""
        return max(self.dropped, self.sent - self.got)

    @property
    def unsaid(self) -> int:
        """Leaks that are missing although no packet and, by the counters, no line was lost."""
        return 0 if self.lost or self.lines_dropped else self.leaks_missing


Row = tuple[Load, int, Mapping[str, Flood]]
"""A load, a rate, and what became of it by method."""


def enter_network() -> None:
    """From here on this process is in a namespace of its own, with a cable from w0 to w1."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        sys.exit(f"bench: no network namespace: {os.strerror(ctypes.get_errno())}")
    for words in (
        "link add w0 type veth peer w1",
        "link set w0 addrgenmode none arp off up",
        "link set w1 addrgenmode none arp off up",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    time.sleep(0.5)  # until the link is up


def play(capture: Path, packets: int, rate: int, seconds: float) -> tuple[int, float]:
    """Into w0, for about so long (ONCE: once), the whole load each time; packets sent, and how many a second."""
    words = ["tcpreplay", "-K", "-i", "w0", "--unique-ip"]
    words += ["--pps", str(rate)] if rate > 0 else ["--topspeed"]
    words += ["--loop", str(1 if rate == ONCE else max(1, round((rate or 300_000) * seconds / packets)))]
    done = subprocess.run([*words, str(capture)], check=True, capture_output=True, text=True)
    actual = re.search(r"Actual: (\d+) packets .* in ([\d.]+) seconds", done.stdout)
    assert actual is not None, done.stdout
    return int(actual[1]), int(actual[1]) / max(float(actual[2]), 1e-6)


def leaks_of(logs: Path) -> Counter[tuple[str, ...]]:
    """What was given away, how often; without the addresses, which tcpreplay changes each time it plays a load."""
    fields = ("serial_number", "grade", "site", "evidence", "software")
    with (logs / "leak.log").open() as lines:
        return Counter(tuple(str(row.get(field)) for field in fields) for row in map(json.loads, lines))


def replayed(capture: Path) -> Counter[tuple[str, ...]]:
    """The leaks that `replay` finds in a load."""
    with tempfile.TemporaryDirectory(dir=capture.parent) as scratch:
        words = ["replay", str(capture), "-q", "-o", "logs", "--ct", "ct.sqlite"]
        subprocess.run([*COMMAND, *words], cwd=scratch, check=True, capture_output=True)
        return leaks_of(Path(scratch, "logs"))


def flood(
    method: str, capture: Path, packets: int, rate: int, seconds: float, leaks: Counter[tuple[str, ...]] | None = None
) -> Flood:
    """One measurement. `leaks` are those of the load, once."""
    if method == "tcpdump":
        return _flood_tcpdump(capture, packets, rate, seconds)
    scratch = Path(tempfile.mkdtemp(dir=capture.parent))
    words = ["--set", f"capture.method={'scapy' if method == 'scapy' else 'ring'}", "live", "--allow-root", "-i", "w1"]
    words += ["-o", "logs", "--ct", "ct.sqlite", *(["--rules", "shipped"] if method == "rules" else [])]
    try:
        process = subprocess.Popen(
            [*COMMAND, *words], cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        for line in process.stderr:
            if "listening to" in line:
                break
        sent, pace = play(capture, packets, rate, seconds)
        await_idle(process.pid)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
        return _account(scratch / "logs", sent, pace, packets, leaks)
    finally:
        shutil.rmtree(scratch)


def await_idle(pid: int) -> None:
    """Until the process has caught up: what waits in the ring is not lost. A busy one does so for 20 s at most."""
    before, deadline = -1.0, time.monotonic() + 20
    while time.monotonic() < deadline:
        words = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()  # proc(5): utime, stime
        now = float(words[11]) + float(words[12])
        if now - before < 0.1 * os.sysconf("SC_CLK_TCK"):
            return
        before = now
        time.sleep(1.0)


def _account(logs: Path, sent: int, pace: float, packets: int, leaks: Counter[tuple[str, ...]] | None) -> Flood:
    """What the logs of a run say, and what is in them."""
    stats, own = (
        [json.loads(line) for line in (logs / name).read_text().splitlines()]
        for name in ("stats.log", "ocspwatch_stats.log")
    )
    missing = 0
    if leaks is not None:
        expected = Counter({leak: count * (sent // packets) for leak, count in leaks.items()})
        missing = (expected - leaks_of(logs)).total()
    return Flood(
        sent,
        pace,
        sum(row["pkts_proc"] for row in stats),
        sum(row["pkts_dropped"] for row in stats),
        sum(path.read_bytes().count(b"\n") for path in logs.glob("*.log")),
        sum(row["log_lines_dropped"] for row in own),
        missing,
    )


def _flood_tcpdump(capture: Path, packets: int, rate: int, seconds: float) -> Flood:
    words = ["tcpdump", "-i", "w1", "-w", "/dev/null"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    process.stderr.readline()  # listening on ...
    sent, pace = play(capture, packets, rate, seconds)
    time.sleep(2.5)  # its blocks are handed to it after up to two seconds
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    got, dropped = (int(re.search(rf"(\d+) packets? {what}", told)[1]) for what in ("captured", "dropped"))
    return Flood(sent, pace, got, dropped)


def measure(loads: Sequence[Load], cache: Path, seconds: float) -> list[Row]:
    """Each load at each rate with each method."""
    rows = []
    for load in loads:
        capture = cache / f"{load.kind}-{load.count}.form{FORM}.pcap"
        if not capture.exists():
            make_load(load.kind, load.count, capture, capture.with_suffix(".pem"))
        leaks = replayed(capture)
        for rate in load.rates:
            found = {method: flood(method, capture, load.packets, rate, seconds, leaks) for method in METHODS}
            print(load.kind, _pace(rate), found, file=sys.stderr)
            rows.append((load, rate, found))
    return rows


def is_kept(rows: Sequence[Row], method: str = "ring") -> bool:
    """Up to the rate at which tcpdump begins to lose, `method` loses no more than it, load by load; and what is missing
    is told."""
    if any(found[method].unsaid for _, _, found in rows):
        return False
    for kind in {load.kind for load, _, _ in rows}:
        for load, _, found in rows:
            if load.kind == kind:
                if found[method].lost > found["tcpdump"].lost:
                    return False
                if found["tcpdump"].lost:
                    break
    return True


def render(rows: Sequence[Row], busy: float) -> str:
    """The tables of one run, before which the load average was `busy`."""
    lines = [
        f"{os.cpu_count()} cores, which sender and receiver share; one worker; load average {busy:.1f} before. "
        "What part of the packets was lost; at top speed also how many a second each was sent:",
        "",
        "| load | packets a second | ocspwatch | with --rules shipped | tcpdump -w /dev/null | on scapy's socket |",
        "|---|---|---|---|---|---|",
    ]
    for load, rate, found in rows:
        cells = " | ".join(
            _share(found[method]) + ("" if rate > 0 else f" of {found[method].pace:,.0f}") for method in METHODS
        )
        lines.append(f"| `{load.kind} {load.count}` | {_pace(rate)} | {cells} |")
    verdict, with_rules = ("kept" if is_kept(rows, method) else "**missed**" for method in ("ring", "rules"))
    lines += [
        "",
        "Promised: no more lost than tcpdump loses, up to the rate at which it begins to: "
        f"{verdict} (with the shipped rules: {with_rules}).",
        "",
        "What ocspwatch logged of what it took off the ring. Leaks are missing where they are in `replay` of the same",
        "load and not in the log, be it for packets or for lines that were dropped:",
        "",
        "| load | packets a second | packets lost | lines written | lines dropped | leaks missing | not told |",
        "|---|---|---|---|---|---|---|",
    ]
    for load, rate, found in rows:
        for method in ("ring", "rules"):
            flood = found[method]
            lines.append(
                f"| `{load.kind} {load.count}`{', rules' if method == 'rules' else ''} "
                f"| {_pace(rate)} | {flood.lost:,} | {flood.lines:,} "
                f"| {flood.lines_dropped:,} | {flood.leaks_missing:,} | {flood.unsaid:,} |"
            )
    return "\n".join(lines)


def _pace(rate: int) -> str:
    return {ONCE: "top speed, once", TOP: "top speed, sustained"}.get(rate, f"{rate:,}")


def _share(found: Flood) -> str:
    lost = found.lost / found.sent
    return "0" if not found.lost else f"{100 * lost:.1f} %" if lost >= 0.0005 else "under 0.05 %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small load; printed only")
    parser.add_argument("--print", action="store_true", help="leave README.md as it is")
    parser.add_argument("--seconds", type=float, default=3.0, help="for which each rate is kept up")
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(HERE.parents[1])
    cache = Path(os.environ.get("OCSPWATCH_BENCH_CACHE") or Path(tempfile.gettempdir(), "ocspwatch-bench"))
    cache.mkdir(parents=True, exist_ok=True)
    busy = os.getloadavg()[0]
    enter_network()
    rows = measure(QUICK if arguments.quick else LOADS, cache, 0.1 if arguments.quick else arguments.seconds)
    report = render(rows, busy)
    print(report)
    if not (arguments.quick or arguments.print):
        replace_figures(HERE / "README.md", report, LIVE_MARKS)


if __name__ == "__main__":
    main()
