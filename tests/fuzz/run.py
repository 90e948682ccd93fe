"""Fuzzes all targets in turn, and keeps the account of it in README.md.

    python -m tests.fuzz.run [--seconds 120] [--corpus FOLDER] [TARGET ...]

What a target learns stays in the corpus folder, so that the next run goes on there. A find is written to
regressions/ as TARGET-digest, where `pytest tests/fuzz` runs it from then on, and ends with code 1.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tests.fuzz.target import REPOSITORY, Target
from tests.fuzz.targets import TARGETS

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
REGRESSIONS = HERE / "regressions"
_EDGES = re.compile(r"cov: (\d+)")
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_ROW = re.compile(r"\| `(\w+)` \|.*\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| (\d+) \|")
_TEXT = """# Fuzzing

Each target takes any octets and raises where a promise is broken that holds for every input. `make fuzz` gives each of
them FUZZ seconds (120) under [atheris](https://github.com/google/atheris), coverage-guided, on the uncompiled source;
the seeds are made from `pcaps/` and the builders of our tests. `pytest tests/fuzz` runs seeds, regressions and some
thousands of seeded mutations in seconds, compiled and uncompiled, without atheris.

A find lies in `regressions/` as the input that broke the promise, and stays there when it is mended, be it that the
promise was too large: behind a hole in a head a message may be found where a piece begins.

The table is written by `make fuzz`, and counts all of its runs that were committed. Edges are those of the code that
atheris could see, which is all of `sensor/` that the target uses.

| target | what holds | seconds | executions | edges | finds |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Figures:
    seconds: int = 0
    executions: int = 0
    edges: int = 0
    finds: int = 0


def read_figures() -> dict[str, Figures]:
    """What README.md says so far."""
    text = README.read_text() if README.exists() else ""
    return {
        row[1]: Figures(*(int(row[place].replace(",", "")) for place in range(2, 6))) for row in _ROW.finditer(text)
    }


def render(figures: dict[str, Figures]) -> str:
    """README.md."""
    rows = []
    for name, target in TARGETS.items():
        one = figures.get(name, Figures())
        rows.append(
            f"| `{name}` | {target.holds} | {one.seconds:,} | {one.executions:,} | {one.edges:,} | {one.finds} |\n"
        )
    seconds = sum(one.seconds for one in figures.values())
    executions = sum(one.executions for one in figures.values())
    finds = sum(one.finds for one in figures.values())
    total = f"\nTogether {seconds / 3600:.1f} hours, {executions:,} executions, {finds} finds.\n"
    return _TEXT + "".join(rows) + total


def prepare(target: Target, corpus: Path) -> None:
    """Seeds, regressions and words where libFuzzer looks for them."""
    folder = corpus / target.name
    folder.mkdir(parents=True, exist_ok=True)
    inputs = [*target.seeds(), *(path.read_bytes() for path in regressions(target.name))]
    for data in inputs:
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    words = "".join('"' + "".join(f"\\x{octet:02x}" for octet in word) + '"\n' for word in target.words)
    (corpus / f"{target.name}.dict").write_text(words)


def regressions(name: str) -> list[Path]:
    """The finds of a target."""
    return sorted(REGRESSIONS.glob(f"{name}-*"))


def fuzz(target: Target, corpus: Path, seconds: int) -> tuple[Figures, str]:
    """One run of a target, and what it said at its end."""
    prepare(target, corpus)
    found = corpus / "found" / target.name
    found.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "tests.fuzz.one", target.name, f"-max_total_time={seconds}", "-timeout=10"]
    argv += [f"-max_len={target.max_size}", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1"]
    argv += [f"-artifact_prefix={found}/", str(corpus / target.name)]
    if target.words:
        argv.append(f"-dict={corpus / target.name}.dict")
    env = os.environ | {"OCSPWATCH_PURE": "1", "PYTHONPATH": str(REPOSITORY)}
    begun = time.monotonic()
    run = subprocess.run(
        argv, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, errors="replace"
    )
    took = round(time.monotonic() - begun)
    edges = [int(text) for text in _EDGES.findall(run.stdout)]
    executed = _EXECUTED.findall(run.stdout)
    finds = 0
    for path in sorted(found.glob("*")):
        if path.name.startswith("slow-unit"):
            continue  # libFuzzer's remark about a busy machine; `timeout-` is a find
        data = path.read_bytes()
        kept = REGRESSIONS / f"{target.name}-{hashlib.sha256(data).hexdigest()[:12]}"
        finds += not kept.exists()
        kept.write_bytes(data)
        path.unlink()
    if run.returncode != 0 and not finds and not executed:
        raise RuntimeError(f"{target.name} did not run:\n{run.stdout[-3000:]}")
    return Figures(took, int(executed[-1]) if executed else 0, max(edges, default=0), finds), run.stdout[-2500:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--corpus", type=Path, default=REPOSITORY / "build" / "fuzz")
    parser.add_argument("targets", nargs="*", choices=[[], *TARGETS])
    given = parser.parse_args()
    REGRESSIONS.mkdir(exist_ok=True)
    code = 0
    for name in given.targets or TARGETS:
        new, said = fuzz(TARGETS[name], given.corpus, given.seconds)
        figures = read_figures()
        old = figures.get(name, Figures())
        figures[name] = replace(
            old,
            seconds=old.seconds + new.seconds,
            executions=old.executions + new.executions,
            edges=max(old.edges, new.edges),
            finds=old.finds + new.finds,
        )
        README.write_text(render(figures))
        print(
            f"{name}: {new.seconds} s, {new.executions:,} executions, {new.edges:,} edges, {new.finds} finds",
            flush=True,
        )
        if new.finds:
            print(said, flush=True)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
