"""Captures of others damaged in twenty ways each, through the command: no traceback, no hang, no end but 0 and 3.

    python -m tests.fuzz.damage [--every K] [--largest BYTES] [--folder ../shared/corpus/captures]

Each capture has a process of its own with a limit on memory and on time, so that one that breaks costs only itself.
The header of a file stays whole (without it there is no capture), and one that cannot be read as it is, is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sensor.cli.main import main as command
from tests.fuzz.target import REPOSITORY

MOST_SECONDS = 10
MEMORY = 1 << 30
ENDINGS = (".pcap", ".pcapng", ".cap", ".gz")
Dice = random.Random
Records = list[bytes]


@dataclass(frozen=True)
class Capture:
    """`head` is kept as it is; `records` are a file's records or blocks, each with its header of `before` octets and
    `behind` octets after its content. Of what we cannot take apart, all is one record."""

    head: bytes
    records: Records
    before: int = 0
    behind: int = 0

    @classmethod
    def of(cls, data: bytes) -> Capture:
        magic = data[:4]
        if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"):
            order = "<" if magic[0] in b"\xd4\x4d" else ">"
            records = _cut(data, 24, lambda at: 16 + struct.unpack_from(order + "I", data, at + 8)[0])
            return cls(data[:24], list(records), 16)
        if magic == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
            first = struct.unpack_from(order + "I", data, 4)[0]
            blocks = _cut(data, first, lambda at: struct.unpack_from(order + "I", data, at + 4)[0])
            return cls(data[:first], list(blocks), 28, 4)
        return cls(data[:10], [data[10:]])


def _cut(data: bytes, at: int, size: Callable[[int], int]) -> Iterator[bytes]:
    while at < len(data):
        end = at + max(size(at), 12) if at + 16 <= len(data) else len(data)
        yield data[at:end]
        at = end


def _flips(share: float) -> Callable[[Capture, Dice], Records]:
    def flip(capture: Capture, dice: Dice) -> Records:
        data = bytearray(b"".join(capture.records))
        for _ in range(1 + int(len(data) * share)):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        return [bytes(data)]

    return flip


def _flips_in_frames(share: float) -> Callable[[Capture, Dice], Records]:
    def flip(capture: Capture, dice: Dice) -> Records:
        made = []
        for record in capture.records:
            data, room = bytearray(record), len(record) - capture.before - capture.behind
            for _ in range(int(room * share + dice.random()) if room > 0 else 0):
                data[capture.before + dice.randrange(room)] ^= 1 << dice.randrange(8)
            made.append(bytes(data))
        return made

    return flip


def _cut_off(first: float, last: float) -> Callable[[Capture, Dice], Records]:
    def cut(capture: Capture, dice: Dice) -> Records:
        data = b"".join(capture.records)
        return [data[: int(len(data) * dice.uniform(first, last))]]

    return cut


def _keep(share: float) -> Callable[[Capture, Dice], Records]:
    return lambda capture, dice: [record for record in capture.records if dice.random() < share]


def _zeros(capture: Capture, dice: Dice) -> Records:
    made = []
    for record in capture.records:
        first = dice.randrange(min(capture.before, len(record) - 1), len(record))
        last = dice.randrange(first, len(record))
        made.append(record[:first] + bytes(last - first) + record[last:] if dice.random() < 0.3 else record)
    return made


def _swapped(capture: Capture, dice: Dice) -> Records:
    made = list(capture.records)
    for at in range(len(made) - 1):
        if dice.random() < 0.3:
            made[at], made[at + 1] = made[at + 1], made[at]
    return made


def _hole(capture: Capture, dice: Dice) -> Records:
    data = b"".join(capture.records)
    at = dice.randrange(len(data))
    return [data[:at] + data[at + dice.randrange(1, 5000) :]]


def _noise(capture: Capture, dice: Dice) -> Records:
    return [each + (dice.randbytes(dice.randrange(40)) if dice.random() < 0.2 else b"") for each in capture.records]


def _shorter(capture: Capture, dice: Dice) -> Records:
    """Octets of a frame left out, its header being what it was: what follows is read at the wrong place."""
    return [each if dice.random() < 0.9 else each[: dice.randrange(1, len(each))] for each in capture.records]


WAYS: dict[str, Callable[[Capture, Dice], Records]] = {
    "cut anywhere": _cut_off(0, 1),
    "cut early": _cut_off(0, 0.1),
    "cut at the end": _cut_off(0.95, 1),
    "0.1 % flipped": _flips(0.001),
    "1 % flipped": _flips(0.01),
    "5 % flipped": _flips(0.05),
    "0.1 % flipped in frames": _flips_in_frames(0.001),
    "1 % flipped in frames": _flips_in_frames(0.01),
    "5 % flipped in frames": _flips_in_frames(0.05),
    "zeros in frames": _zeros,
    "1 in 20 dropped": _keep(0.95),
    "1 in 4 dropped": _keep(0.75),
    "3 in 4 dropped": _keep(0.25),
    "some twice": lambda capture, dice: [each for each in capture.records for _ in range(dice.choice((1, 1, 2, 3)))],
    "all twice": lambda capture, _: [each for each in capture.records for _copy in range(2)],
    "neighbours swapped": _swapped,
    "shuffled": lambda capture, dice: dice.sample(capture.records, len(capture.records)),
    "backwards": lambda capture, _: capture.records[::-1],
    "a stretch missing": _hole,
    "noise between, frames shortened": lambda capture, dice: _shorter(
        Capture(capture.head, _noise(capture, dice), capture.before, capture.behind), dice
    ),
}


@dataclass
class Account:
    """What became of all of it. `broken` are lines about what must not be."""

    captures: int = 0
    unreadable: int = 0
    runs: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    largest_mb: int = 0
    broken: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        codes = ", ".join(f"{count:,} with {code}" for code, count in sorted(self.codes.items()))
        return (
            f"{self.captures:,} captures ({self.unreadable} more are unreadable as they are), {self.runs:,} runs: "
            f"{codes}; "
            f"the slowest took {self.slowest:.1f} s of processor time, the largest {self.largest_mb} MB; "
            f"{len(self.broken)} broke a promise"
        )


def captures_in(folder: Path, largest: int) -> list[Path]:
    """All captures of at most so many octets, the small ones first."""
    found = [path for path in folder.rglob("*") if path.suffix in ENDINGS and path.is_file()]
    sized = sorted((path.stat().st_size, path) for path in found)
    return [path for size, path in sized if 40 < size <= largest]


def _replay(path: Path, out: Path) -> tuple[int, str]:
    """Exit code and what was said on standard error."""
    said = out / "said"
    with said.open("w+") as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            code = command(["replay", str(path), "-o", str(out / "logs"), "--hash-bodies", "all"])
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
    return code, said.read_text(errors="replace")


def _in_child(path: Path, name: str, tell: Callable[[object], None]) -> None:
    """All of one capture; tells [way or None, exit code, seconds, what was said]."""
    os.environ["XDG_DATA_HOME"] = os.environ["XDG_CONFIG_HOME"] = "/nonexistent"
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with tempfile.TemporaryDirectory(prefix="damage-") as folder:
        out = Path(folder)
        harmed = out / "harmed.pcap"
        whole = Capture.of(path.read_bytes())
        for way in (None, *WAYS):
            records = whole.records
            if way is not None:
                records = WAYS[way](whole, random.Random(f"{name} {way}"))
            harmed.write_bytes(whole.head + b"".join(records))
            signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
            signal.setitimer(signal.ITIMER_REAL, 12 * MOST_SECONDS)
            begun = time.process_time()
            code, said = _replay(harmed, out)
            tell([way, code, time.process_time() - begun, said[-2000:]])
            if way is None and code not in (0, 3):
                return


def damage(path: Path, name: str, account: Account) -> None:
    """One capture in all ways, in a process of its own."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        code = 1
        try:
            with os.fdopen(theirs, "w") as pipe:
                _in_child(path, name, lambda what: print(json.dumps(what), file=pipe, flush=True))
            code = 0
        finally:
            os._exit(code)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        told = [json.loads(line) for line in pipe]
    _, status, used = os.wait4(child, 0)
    account.captures += 1
    if told and told[0][1] not in (0, 3):
        account.captures, account.unreadable = account.captures - 1, account.unreadable + 1
    for way, code, seconds, said in told:
        account.slowest = max(account.slowest, seconds)
        if way is None:
            continue
        account.runs += 1
        account.codes[code] += 1
        if code not in (0, 3) or "Traceback" in said:
            account.broken.append(f"{name}, {way}: exit code {code}: {said[-300:]}")
    if status:
        last = told[-1][0] if told else "nothing"
        account.broken.append(f"{name}: ended by {status} behind {last}")
    account.largest_mb = max(account.largest_mb, used.ru_maxrss >> 10)


def damage_all(paths: Iterable[Path], folder: Path, until: float = float("inf")) -> Account:
    """All of them, until a time of the monotonic clock."""
    account = Account()
    for path in paths:
        if time.monotonic() > until:
            break
        damage(path, str(path.relative_to(folder)), account)
    return account


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--largest", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--folder", type=Path, default=REPOSITORY.parent / "shared" / "corpus" / "captures")
    given = parser.parse_args()
    paths = captures_in(given.folder, given.largest)[given.first :: given.every]
    account = damage_all(paths, given.folder, time.monotonic() + given.seconds)
    print(*account.broken, account, sep="\n")
    return bool(account.broken)


if __name__ == "__main__":
    sys.exit(main())
