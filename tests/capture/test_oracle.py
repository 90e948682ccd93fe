"""Our reading of the corpus against tshark's, frame by frame: number, time, both lengths, link type."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.settings import CaptureSettings
from tests.capture.files import NS, read

CORPUS = "corpus/captures"
PLAIN = b"\xd4\xc3\xb2\xa1"
EVERY = 100
"""Of plain little-endian pcap files, which most are, one in so many is compared; of all others each."""

# LINKTYPE_ number (ours) -> Wireshark's own number for it (wiretap/wtap.h), for all of the corpus that tshark knows.
LINKTYPES = (0, 1, 8, 9, 10, 50, 100, 101, 104, 105, 107, 113, 127, 129, 149, 192, 195, 226, 228, 229, 239, 242, 271)
ENCAPSULATIONS = (15, 1, 3, 4, 6, 4, 10, 7, 28, 20, 26, 25, 23, 9, 47, 97, 104, 124, 129, 130, 141, 180, 185)
WIRESHARK = dict(zip(LINKTYPES, ENCAPSULATIONS, strict=True))

Row = tuple[int, int, int, int]


def told_by_tshark(path: Path) -> list[Row]:
    fields = ("frame.time_epoch", "frame.cap_len", "frame.len", "frame.encap_type")
    asked = [part for field in fields for part in ("-e", field)]
    without = [part for protocol in ("eth", "ip", "ipv6", "sll") for part in ("--disable-protocol", protocol)]
    lines = subprocess.run(
        ["tshark", "-n", "-r", path, *without, "-T", "fields", *asked], capture_output=True, text=True, check=False
    ).stdout
    rows = []
    for line in lines.splitlines():
        when, caplen, wirelen, encapsulation = line.split("\t")
        seconds, _, fraction = when.partition(".")
        # A fraction beyond a second comes with ten digits and more.
        rows.append((int(seconds) * NS + int(fraction), int(caplen), int(wirelen), int(encapsulation)))
    return rows


@pytest.mark.needs("tshark", f"shared/{CORPUS}")
def test_tshark_reads_the_same(shared: Path) -> None:
    compared = 0
    differences = []
    paths = sorted(path for path in (shared / CORPUS).rglob("*") if path.is_file())
    for number, path in enumerate(paths):
        with path.open("rb") as file:
            magic = file.read(4)
        if magic == PLAIN and number % EVERY:
            continue
        compared += 1
        reading = read(path)
        ours = [(one.ts, len(one.data), one.wirelen, WIRESHARK[one.link]) for one in reading.frames]
        if ours != told_by_tshark(path) or not reading.complete:
            differences.append(str(path))
    assert compared > 60
    assert not differences


@pytest.mark.needs(f"shared/{CORPUS}")
def test_the_whole_corpus_as_one_time_line(shared: Path) -> None:
    """1,221 captures of twenty years: nothing raises, one of them is damaged, every frame comes in its file's order."""
    source = open_inputs([str(shared / CORPUS)], CaptureSettings())
    count = sum(batch.stop - batch.first for batch in source.batches())
    assert count == source.frames == sum(one.frames for one in source.files) > 200_000
    assert source.bytes_read == source.bytes_total
    assert [Path(one.name).name for one in source.files if not one.complete] == ["fuzz.pcap"]
    assert [weird.name for weird in source.weirds] == ["pcap_bad_record"]
    assert source.skipped == []
