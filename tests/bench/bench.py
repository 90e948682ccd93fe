"""Measures ocspwatch beside other programs on synthetic loads, and writes what comes out into README.md.

    python tests/bench/bench.py [--quick] [--rounds N] [--load KIND ...] [--no-growth] [--print]

Ours does the whole job (all logs to disk, a look-up cache that knows the certificates, one process); each peer does the
job it is known for. They run in turn, round after round, so that a slow minute of the machine hits all of them; the
median of each counts. The loads are made once and kept in a cache folder (OCSPWATCH_BENCH_CACHE, by default
in the system's temporary folder). Needs some 12 GB there for the growth part; it deletes those loads after use. All of
it takes eight minutes on two quiet cores, a third of that for the peers.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

from hundred import write_rules  # noqa: E402  (it lies beside this file, which is no package)
from mkload import FORM, SITES, make_load  # noqa: E402  (it lies beside this file, which is no package)
from table import Growth, Row, Sharing, Target, render_report, replace_figures  # noqa: E402  (as above)

from sensor.ct.schema import VERSION  # noqa: E402  (the checkout that this file is in)

SCAPY_CODE = """
import sys
from scapy.all import PcapReader, TCP
with PcapReader(sys.argv[1]) as packets:
    for packet in packets:
        packet.haslayer(TCP)
"""
AT_ONCE_CODE = """
import subprocess, sys
count, argv = int(sys.argv[1]), sys.argv[2:]
place = argv.index("-o") + 1
runs = [subprocess.Popen([*argv[:place], f"logs{number}", *argv[place + 1:]]) for number in range(count)]
sys.exit(max(run.wait() for run in runs))
"""
GROWTH_RUNS = {0: 8, 1: 8, 2: 4, 4: 3, 8: 3}
"""How often each size is run, 0 being what is taken off: what disturbs a run weighs the less the longer it takes."""
LONG_ROUNDS = 3
SCAPY_TRANSACTIONS = 500
"""Scapy takes some 180 us a packet: it gets a slice, and is compared by the packet."""


class Peer(NamedTuple):
    """`{}` in `argv` stands for the capture. `target` is what the project promises against it, None if nothing."""

    name: str
    argv: tuple[str, ...]
    target: Target | None = None


class Load(NamedTuple):
    kind: str
    count: int
    quick: int
    growth: int  # the size that is doubled three times
    known: int  # the size in which each certificate was asked about once: what that costs does not grow; 0: too rare
    peers: tuple[Peer, ...]


OCSP_BY_TSHARK = Peer(
    "tshark -Y ocsp -T json", ("tshark", "-r", "{}", "-Y", "ocsp", "-T", "json"), Target("faster", 12)
)
FLOWS_BY_TSHARK = Peer("tshark -z conv,tcp", ("tshark", "-r", "{}", "-q", "-z", "conv,tcp"), Target("faster", 5))
BY_TCPDUMP = Peer("tcpdump 'tcp port 80'", ("tcpdump", "-r", "{}", "-w", "/dev/null", "tcp port 80"))
ZEEK = Peer("zeek", ("zeek", "-C", "-r", "{}", "LogAscii::use_json=T"))
LOADS = (
    Load("dense", 20000, 2000, 20000, SITES, (OCSP_BY_TSHARK, ZEEK)),
    Load("mixed", 5000, 500, 1250, SITES, (BY_TCPDUMP._replace(target=Target("within", 3)), ZEEK)),
    Load("bulk", 2048, 256, 512, 0, (BY_TCPDUMP._replace(target=Target("within", 2)), ZEEK)),
    Load("churn", 300000, 20000, 100000, 0, (FLOWS_BY_TSHARK, ZEEK)),
)


class Run(NamedTuple):
    """Wall-clock seconds (the median, and the least) and the peak of resident memory in bytes of a process."""

    seconds: float
    least: float
    peak: int


class Bench:
    """Loads in a cache folder, and runs over them in scratch folders on the same disk."""

    def __init__(self, cache: Path, rounds: int) -> None:
        self.cache = cache
        self.rounds = rounds
        cache.mkdir(parents=True, exist_ok=True)

    def load(self, kind: str, count: int) -> Path:
        """The capture, made if it is not there, and read once so that all find it in memory."""
        path = self.cache / f"{kind}-{count}.form{FORM}.pcap"
        certificates, store = path.with_suffix(".pem"), _store(path)
        if not (path.exists() and certificates.exists()):
            print(f"making {path.name}", file=sys.stderr)
            store.unlink(missing_ok=True)
            make_load(kind, count, path, certificates)
            with path.open("rb") as file:
                os.fsync(file.fileno())  # so that it is not on its way to the disk while something is measured
        if not store.exists():
            _ours("ct", "import", "--ct", str(store), str(certificates))
        with path.open("rb", buffering=0) as file:
            while file.read(1 << 22):
                pass
        return path

    def forget(self, path: Path) -> None:
        for made in self.cache.glob(f"{path.stem}.*"):
            made.unlink()

    def run(self, argv: Sequence[str]) -> Run:
        """One process from start to end, its output thrown away, in a folder that is removed afterwards."""
        scratch = Path(tempfile.mkdtemp(dir=self.cache))
        try:
            start = time.perf_counter()
            process = subprocess.Popen(argv, cwd=scratch, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            shutil.rmtree(scratch)
        if process.returncode:
            sys.exit(f"bench: exit status {process.returncode} of {' '.join(argv)}")
        return Run(seconds, seconds, usage.ru_maxrss * 1024)

    def medians(self, commands: Mapping[str, Sequence[str]], times: Mapping[str, int] | None = None) -> dict[str, Run]:
        """All commands in turn, `rounds` times, or each as often as `times` says; the median time and the greatest
        peak of each."""
        runs: dict[str, list[Run]] = {name: [] for name in commands}
        wanted = times or dict.fromkeys(commands, self.rounds)
        for number in range(max(wanted.values())):
            for name, argv in commands.items():
                if number < wanted[name]:
                    runs[name].append(self.run(argv))
                    print(f"  {number + 1}/{wanted[name]} {name}: {runs[name][-1].seconds:.2f} s", file=sys.stderr)
        return {
            name: Run(
                statistics.median(run.seconds for run in done),
                min(run.least for run in done),
                max(run.peak for run in done),
            )
            for name, done in runs.items()
        }

    def compare(self, load: Load, count: int) -> list[Row]:
        capture = self.load(load.kind, count)
        peers = [peer for peer in load.peers if shutil.which(peer.argv[0])]
        commands = {"ocspwatch": _replay(capture)}
        commands |= {peer.name: [str(capture) if word == "{}" else word for word in peer.argv] for peer in peers}
        print(capture.name, file=sys.stderr)
        medians = self.medians(commands)
        ours = medians.pop("ocspwatch")
        return [
            Row(
                f"{load.kind} {count}",
                peer.name,
                theirs.seconds / ours.seconds,
                ours.peak,
                theirs.peak,
                peer.target if count == load.count else None,  # what is promised is promised of the full load
            )
            for peer, theirs in zip(peers, medians.values(), strict=True)
        ]

    def compare_with_scapy(self) -> list[Row]:
        """On a slice, and without the start of either: by what a packet more costs."""
        small, large = self.load("dense", 1), self.load("dense", SCAPY_TRANSACTIONS)
        commands: dict[str, Sequence[str]] = {}
        for capture in (small, large):
            commands[f"ocspwatch {capture.stem}"] = _replay(capture)
            commands[f"scapy {capture.stem}"] = [sys.executable, "-c", SCAPY_CODE, str(capture)]
        print("scapy", file=sys.stderr)
        medians = self.medians(commands)
        ours = medians[f"ocspwatch {large.stem}"].seconds - medians[f"ocspwatch {small.stem}"].seconds
        theirs = medians[f"scapy {large.stem}"].seconds - medians[f"scapy {small.stem}"].seconds
        peaks = (medians[f"ocspwatch {large.stem}"].peak, medians[f"scapy {large.stem}"].peak)
        return [
            Row(f"dense {SCAPY_TRANSACTIONS}", "scapy: dissect each packet", theirs / max(ours, 1e-3), *peaks, None)
        ]

    def cost_of_rules(self, count: int) -> list[Row]:
        """The same with a hundred rules and without, the start of either taken off."""
        rules = self.cache / "hundred.yml"
        number = write_rules(rules)
        small, large = self.load("dense", 1), self.load("dense", count)
        commands: dict[str, Sequence[str]] = {}
        for capture in (small, large):
            commands[f"{capture.stem}, without rules"] = _replay(capture)
            commands[f"{capture.stem}, with rules"] = [*_replay(capture), "--rules", str(rules)]
        print("rules", file=sys.stderr)
        runs = self.medians(commands)
        bare, ruled = (
            runs[f"{large.stem}, {how} rules"].seconds - runs[f"{small.stem}, {how} rules"].seconds
            for how in ("without", "with")
        )
        peaks = (runs[f"{large.stem}, with rules"].peak, runs[f"{large.stem}, without rules"].peak)
        target = Target("within", 1.15) if count == LOADS[0].count else None
        return [Row(f"dense {count}, {number} rules", "itself without rules", bare / max(ruled, 1e-3), *peaks, target)]

    def growth(self, load: Load, base: int) -> Growth:
        """What a unit costs at x1, x2, x4 and x8, against x1. Taken off is what does not grow: start-up, and to learn
        of each of the load's certificates once; the least of the rounds counts, since what disturbs a run only adds to
        it and these are differences."""
        captures = {factor: self.load(load.kind, base * factor) for factor in (1, 2, 4, 8)}
        first = self.load(load.kind, load.known) if load.known else self.load("dense", 1)
        commands: dict[str, Sequence[str]] = {"x0": _replay(first)}
        commands |= {f"x{factor}": _replay(capture) for factor, capture in captures.items()}
        print(f"{load.kind}, growing", file=sys.stderr)
        medians = self.medians(commands, {f"x{factor}": runs for factor, runs in GROWTH_RUNS.items()})
        start = medians.pop("x0").least
        costs = [(medians[f"x{factor}"].least - start) / (base * factor - load.known) for factor in captures]
        for factor, capture in captures.items():
            if base * factor != load.count:
                self.forget(capture)
        peak = max(run.peak for run in medians.values())
        return Growth(f"{load.kind} {base}", tuple(cost / costs[0] for cost in costs), peak)

    def sharing(self, load: Load, count: int, workers: int) -> Sharing:
        """One worker's time over that of several; and as a measure of the machine, how much sooner as many runs of one
        worker each are over at once than one behind the other. The least of the rounds counts, as for `growth`."""
        small, large = self.load(load.kind, 1), self.load(load.kind, count)
        several = ["--workers", str(workers)]
        commands: dict[str, Sequence[str]] = {
            "start": _replay(small),
            "start, several": [*_replay(small), *several],
            "one": _replay(large),
            "several": [*_replay(large), *several],
            "at once": [sys.executable, "-c", AT_ONCE_CODE, str(workers), *_replay(large)],
        }
        print(f"{load.kind}, {workers} workers", file=sys.stderr)
        rounds = self.rounds if count <= load.count else min(self.rounds, LONG_ROUNDS)
        runs = self.medians(commands, dict.fromkeys(commands, rounds))
        one, shared = runs["one"].least, runs["several"].least
        work = (one - runs["start"].least) / (shared - runs["start, several"].least)
        machine = workers * one / runs["at once"].least
        return Sharing(f"{load.kind} {count}", workers, one / shared, work, machine, runs["several"].peak)


def _ours(*words: str) -> None:
    subprocess.run([*_COMMAND, *words], check=True, stdout=subprocess.DEVNULL)


def _store(capture: Path) -> Path:
    """One of another form is of no use, and left alone."""
    return capture.with_suffix(f".v{VERSION}.sqlite")


def _replay(capture: Path) -> list[str]:
    return [*_COMMAND, "replay", str(capture), "-o", "logs", "--ct", str(_store(capture)), "--quiet"]


_COMMAND = (sys.executable, "-c", "from sensor.cli.main import start; start()")
"""As the installed command does, from the checkout that this file is in."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small loads, where start-up weighs; printed only")
    parser.add_argument("--rounds", type=int, help="default 5, with --quick 3")
    parser.add_argument("--load", action="append", choices=[load.kind for load in LOADS])
    parser.add_argument("--no-growth", action="store_true")
    parser.add_argument("--print", action="store_true", help="leave README.md as it is")
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = str(HERE.parents[1])
    compileall.compile_dir(HERE.parents[1] / "sensor", quiet=2)  # as an installation does
    cache = os.environ.get("OCSPWATCH_BENCH_CACHE") or Path(tempfile.gettempdir(), "ocspwatch-bench")
    bench = Bench(Path(cache), arguments.rounds or (3 if arguments.quick else 5))
    loads = [load for load in LOADS if not arguments.load or load.kind in arguments.load]
    rows = [row for load in loads for row in bench.compare(load, load.quick if arguments.quick else load.count)]
    if not arguments.load:
        rows += bench.compare_with_scapy()
        rows += bench.cost_of_rules(LOADS[0].quick if arguments.quick else LOADS[0].count)
    sharings = []
    if not arguments.load or "dense" in arguments.load:
        dense = LOADS[0]
        counts = [dense.quick] if arguments.quick else [dense.count, 8 * dense.count]
        sharings = [bench.sharing(dense, count, 2) for count in counts]
    growths = []
    if not (arguments.quick or arguments.no_growth):
        growths = [bench.growth(load, load.growth) for load in loads]
    report = render_report(rows, growths, bench.rounds, sharings)
    print(report)
    if not (arguments.quick or arguments.print or arguments.load):
        replace_figures(HERE / "README.md", report)


if __name__ == "__main__":
    main()
