"""Damaged captures through the command: it ends with 0 or 3, with whole log lines, and invents nothing."""

from __future__ import annotations

import gc
import json
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sensor.cli.main import main
from tests.end_to_end.conftest import PCAPS

HEADER = 24
"""Octets of the file header of a pcap file, which stays whole here: without it there is no capture."""
CAPTURES = (
    "ocsp/certids-70.pcap",
    "ocsp/java-pkix-get.pcap",
    "ocsp/error-statuses.pcap",
    "http/chunked-octets.pcap",
    "http/pipelined.pcap",
    "http/gzip-twice.pcap",
    "tcp/out-of-order.pcap",
    "tcp/port-reuse.pcap",
    "ip/fragments-ipv6.pcap",
    "tunnel/nested-12.pcap",
)

Records = list[bytes]


def records_of(data: bytes) -> Records:
    """The records of a little-endian pcap file, each with its header."""
    found, at = [], HEADER
    while at < len(data):
        end = at + 16 + struct.unpack_from("<I", data, at + 8)[0]
        found.append(data[at:end])
        at = end
    return found


def cut(records: Records, dice: random.Random) -> Records:
    data = b"".join(records)
    return [data[: dice.randrange(len(data))]]


def flip_anywhere(records: Records, dice: random.Random) -> Records:
    data = bytearray(b"".join(records))
    for _ in range(1 + len(data) // 500):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return [bytes(data)]


def flip_in_frames(records: Records, dice: random.Random) -> Records:
    made = []
    for record in records:
        data = bytearray(record)
        for _ in range(dice.randrange(4)):
            data[dice.randrange(16, len(data))] = dice.randrange(256)
        made.append(bytes(data))
    return made


def zeros_in_frames(records: Records, dice: random.Random) -> Records:
    made = []
    for record in records:
        first = dice.randrange(16, len(record))
        last = dice.randrange(first, len(record))
        made.append(record[:first] + bytes(last - first) + record[last:] if dice.random() < 0.3 else record)
    return made


def drop(records: Records, dice: random.Random) -> Records:
    return [record for record in records if dice.random() > 0.2]


def duplicate(records: Records, dice: random.Random) -> Records:
    return [record for record in records for _ in range(dice.choice((1, 1, 1, 2, 3)))]


def swap(records: Records, dice: random.Random) -> Records:
    made = list(records)
    for at in range(len(made) - 1):
        if dice.random() < 0.3:
            made[at], made[at + 1] = made[at + 1], made[at]
    return made


def shuffle(records: Records, dice: random.Random) -> Records:
    return dice.sample(records, len(records))


def shorten(records: Records, dice: random.Random) -> Records:
    """As with a small snaplen: fewer octets than were on the wire."""
    made = []
    for record in records:
        kept = dice.randrange(len(record) - 16 + 1)
        made.append(record[:8] + struct.pack("<I", kept) + record[12 : 16 + kept])
    return made


def noise(records: Records, dice: random.Random) -> Records:
    """Random octets between the records."""
    return [record + (dice.randbytes(dice.randrange(40)) if dice.random() < 0.2 else b"") for record in records]


BREAKS_THE_FILE = {cut, flip_anywhere, noise}
DAMAGES = (cut, flip_anywhere, flip_in_frames, zeros_in_frames, drop, duplicate, swap, shuffle, shorten, noise)


@pytest.fixture(autouse=True)
def _collector() -> Iterator[None]:
    """The command sets the collector for a process of its own."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", CAPTURES)
def test_damaged_captures(
    name: str,
    damage: Callable[[Records, random.Random], Records],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    whole = (PCAPS / name).read_bytes()
    assert whole[:4] == b"\xd4\xc3\xb2\xa1"
    dice = random.Random(f"{name} {damage.__name__}")
    harmed = whole[:HEADER] + b"".join(damage(records_of(whole), dice))
    assert harmed != whole
    path = tmp_path / "harmed.pcap"
    path.write_bytes(harmed)
    code = main(["replay", str(path), "-o", str(tmp_path / "logs"), "--hash-bodies", "all"])
    said = capfd.readouterr()
    assert code in ({0, 3} if damage in BREAKS_THE_FILE else {0}), said.err
    assert said.err == ""
    assert "harmed.pcap" in said.out
    for log in (tmp_path / "logs").glob("*.log"):
        for line in log.read_bytes().splitlines():
            row = json.loads(line)
            assert row["ts"] >= 0
            if log.name == "files.log" and "sha256" in row:
                assert row["missing_bytes"] == 0
