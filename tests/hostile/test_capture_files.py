"""Rows CF1 to CF13 but for those of a live interface: capture files that are cut, damaged, foreign, too large."""

from __future__ import annotations

import gzip
import os
import random
import struct
import threading
import time
from pathlib import Path

import pytest

from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings, Settings
from tests.capture import files
from tests.flow.frames import START, Frame, S
from tests.hostile.rows import Guard, Row
from tests.hostile.witness import Watched, answering, asking, conversation, exchange, watch, watch_files
from tests.http.wire import reply

ROWS = {
    "CF1": Row(
        "empty, three octets, a header only, no capture at all",
        guards=(
            Guard(
                "sensor/capture/recognise.py",
                'raise CaptureError(f"{name}: {UNKNOWN}")',
                'return UnreadableReader(stream, name, self._settings, weirds, ("odd", ""))',
            ),
            Guard(
                "sensor/capture/recognise.py",
                'raise CaptureError(f"{name}: is empty")',
                'return UnreadableReader(stream, name, self._settings, weirds, ("odd", ""))',
            ),
        ),
    ),
    "CF2": Row(
        "cut in the middle of a record",
        counters=("pcap_truncated",),
        guards=(Guard("sensor/capture/reader.py", 'damage = "pcap_truncated"', "damage = None"),),
    ),
    "CF3": Row(
        "a record that claims more than there can be",
        ("capture.max_record_bytes", "capture.max_resync_bytes"),
        ("pcap_bad_record",),
        (
            Guard("sensor/capture/pcapfile.py", "if captured > self.settings.max_record_bytes:", "if False:"),
            Guard("sensor/capture/reader.py", "elif lost > self.settings.max_resync_bytes:", "elif False:"),
        ),
    ),
    "CF4": Row(
        "big-endian, nanoseconds, both",
        guards=(Guard("sensor/capture/pcapfile.py", 'for order in "<>":', 'for order in "<":'),),
    ),
    "CF5": Row(
        "pcapng: sections of both byte orders, interfaces, simple and unknown blocks, garbage",
        counters=("pcapng_bad_block",),
        guards=(Guard("sensor/capture/pcapng.py", 'damage_name = "pcapng_bad_block"', 'damage_name = "odd"'),),
    ),
    "CF6": Row(
        "compressed: cut, a bomb, one in the other",
        ("capture.max_expanded_bytes", "capture.max_expansion_ratio"),
        ("input_bomb", "input_nested", "pcap_truncated"),
        (
            Guard(
                "sensor/capture/compressed.py", "if self._expanded > self._settings.max_expanded_bytes:", "if False:"
            ),
            Guard(
                "sensor/capture/compressed.py",
                "return self._expanded > max(RATIO",
                "return self._expanded < 0 < max(RATIO",
            ),
        ),
        tests=("capture/test_compressed.py::test_a_bomb_is_stopped_by_its_ratio",),
    ),
    "CF7": Row(
        "cut by the snap length",
        counters=("truncated_tcp_payload",),
        guards=(Guard("sensor/flow/reassembly.py", "            length = captured\n", "            captured = 0\n"),),
    ),
    "CF8": Row(
        "a clock that runs back, jumps, is zero or in 2107",
        counters=("clock_jump",),
        guards=(Guard("sensor/flow/tracker.py", "ts = max(ts, 0)", "self.now = ts"),),
    ),
    "CF9": Row(
        "a link type nobody knows",
        counters=("unknown_linktype",),
        guards=(Guard("sensor/flow/decode.py", '("unknown_linktype", "unknown_linktype")', '("odd", "odd")'),),
    ),
    "CF12": Row(
        "super-packets of an offloading card",
        guards=(Guard("sensor/flow/decode.py", "if total == 0:", "if total < 0:"),),
    ),
    "CF13": Row(
        "a pipe, a slow writer",
        guards=(
            Guard(
                "sensor/capture/stream.py",
                "not self._poll.poll(0):\n            return None",
                "not self._poll.poll(0):\n            return 0",
            ),
        ),
    ),
}
GOOD = exchange(0x0BADCAFE)
TOLD = [("0BADCAFE", "good")]


def told(seen: Watched) -> list[tuple[object, object]]:
    return [(row.get("serial_number"), row.get("cert_status")) for row in seen.exchanges]


def recorded(frames: list[Frame] = GOOD) -> list[files.Frame]:
    return [files.Frame(one.ts, one.data, one.wirelen or len(one.data), one.link) for one in frames]


def read(tmp_path: Path, content: bytes, settings: Settings | None = None, name: str = "capture") -> Watched:
    (tmp_path / name).write_bytes(content)
    return watch_files(tmp_path / name, settings=settings)[0]


@pytest.mark.parametrize("content", [b"", b"\xd4\xc3\xb2", b"not a capture, for sure", bytes(5000)], ids=ascii)
def test_cf1_what_is_no_capture_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="capture"):
        read(tmp_path, content)


def test_cf1_a_header_alone_is_a_capture_of_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, files.pcap_header()).accounts.frames == 0


def test_cf2_cut_at_every_octet(tmp_path: Path) -> None:
    """All whole records count; that it was cut is told unless it was cut between two."""
    records = [files.pcap_record(one) for one in recorded()]
    whole = files.pcap_header() + b"".join(records)
    borders = [24]
    for record in records:
        borders.append(borders[-1] + len(record))
    for stop in range(24, len(whole), 7):
        seen = read(tmp_path, whole[:stop])
        assert seen.accounts.frames == sum(border <= stop for border in borders[1:])
        assert ("pcap_truncated" in seen.weirds) is (stop not in borders)


@pytest.mark.parametrize("caplen", [300_000, 2**31, 2**32 - 1])
def test_cf3_a_record_too_long_costs_itself(caplen: int, tmp_path: Path) -> None:
    """The next believable record is looked for, and what was skipped is told."""
    bad = struct.pack("<IIII", 1_790_841_600, 0, caplen, caplen) + b"\xff" * 64
    good = b"".join(map(files.pcap_record, recorded()))
    seen = read(tmp_path, files.pcap_header() + bad + good)
    assert told(seen) == TOLD
    assert "pcap_bad_record" in seen.weirds


def test_cf3_nothing_is_looked_for_without_end(tmp_path: Path) -> None:
    settings = Settings(capture=CaptureSettings(max_resync_bytes=1000))
    bad = struct.pack("<IIII", 1_790_841_600, 0, 2**31, 2**31) + b"\xff" * 5000
    seen = read(tmp_path, files.pcap_header() + bad + b"".join(map(files.pcap_record, recorded())), settings)
    assert told(seen) == []
    assert "pcap_bad_record" in seen.weirds


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_cf4_byte_orders_and_resolutions(order: str, magic: int, tmp_path: Path) -> None:
    seen = read(tmp_path, files.pcap(recorded(), order=order, magic=magic))
    assert told(seen) == TOLD
    assert seen.exchanges[0]["ts"] == pytest.approx(GOOD[3].ts / S, abs=1e-6)


def test_cf5_two_sections_two_links_and_garbage_between(tmp_path: Path) -> None:
    half = recorded()[:5]
    rest = recorded()[5:]
    raw = [one._replace(data=one.data[14:]) for one in rest]
    content = files.section() + files.interface(tsresol=9)
    content += b"".join(files.enhanced(one.ts, one.data) for one in half)
    content += files.block(0x0BAD, b"nobody knows this block") + files.block(0x80000BAD, b"")
    content += (
        files.section(order=">") + files.interface(order=">", link=0) + files.interface(order=">", link=101, tsresol=6)
    )
    content += b"".join(files.enhanced(one.ts // 1000, one.data, order=">", number=1) for one in raw)
    seen = read(tmp_path, content)
    assert told(seen) == TOLD


def test_cf5_a_bad_block_is_told(tmp_path: Path) -> None:
    content = bytearray(files.pcapng(recorded()))
    damaged = files.section() + files.interface(tsresol=9) + files.enhanced(1, b"x" * 60, number=9) + content[28 + 32 :]
    seen = read(tmp_path, bytes(damaged))
    assert told(seen) == TOLD
    assert "pcapng_bad_block" in seen.weirds


def test_cf5_any_octet_flipped(tmp_path: Path) -> None:
    """Whatever a flipped octet makes of it: an end, no exception, and what frames there are are accounted for."""
    content = files.pcapng(recorded())
    dice = random.Random(5)
    read_somehow = 0
    for _ in range(150):
        harmed = bytearray(content)
        harmed[dice.randrange(28, len(harmed))] ^= 1 << dice.randrange(8)
        read_somehow += told(read(tmp_path, bytes(harmed))) == TOLD
    assert read_somehow > 20


def test_cf6_compressed_and_cut(tmp_path: Path) -> None:
    packed = gzip.compress(files.pcap(recorded()), mtime=0)
    assert told(read(tmp_path, packed)) == TOLD
    seen = read(tmp_path, packed[:-20])
    assert "pcap_truncated" in seen.weirds
    assert seen.accounts.frames > 0


def test_cf6_a_bomb_is_stopped(tmp_path: Path) -> None:
    settings = Settings(capture=CaptureSettings(max_expanded_bytes=1 << 20))
    bomb = gzip.compress(files.pcap(recorded()) + files.pcap_record(files.frame(1)) * 100_000, mtime=0)
    seen = read(tmp_path, bomb, settings)
    assert told(seen) == TOLD
    assert "input_bomb" in seen.weirds
    assert seen.accounts.wire_bytes <= 1 << 20


def test_cf6_one_in_the_other_is_refused(tmp_path: Path) -> None:
    seen = read(tmp_path, gzip.compress(gzip.compress(files.pcap(recorded()), mtime=0), mtime=0))
    assert seen.weirds == ("input_nested",)
    assert seen.accounts.frames == 0


@pytest.mark.parametrize("snaplen", [14, 20, 34, 40, 54, 60, 68, 96, 128, 200, 256, 300])
def test_cf7_cut_by_the_snap_length(snaplen: int) -> None:
    """Nothing is read behind what was captured: no serial, or the true one, and what is missing is a gap."""
    seen = watch([Frame(one.ts, one.data[:snaplen], 1, len(one.data)) for one in GOOD])
    assert {serial for serial, _ in told(seen)} <= {"0BADCAFE", None}
    if 60 <= snaplen <= 200:
        assert seen.accounts.gap_bytes > 0
        assert "truncated_tcp_payload" in seen.weirds


CLOCKS = {
    "back": -3600 * S,
    "ten years on": 10 * 365 * 86400 * S,
    "zero": -START,
    "2107": (2**32 + 2**28) * S - START,
}


@pytest.mark.parametrize("jump", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("at", [2, 5, 8])
def test_cf8_a_clock_that_jumps(jump: int, at: int) -> None:
    """In the middle of an exchange: both messages are read; no line has a time before 1970."""
    frames = [*GOOD[:at], *(one._replace(ts=max(one.ts + jump, 0)) for one in GOOD[at:])]
    seen = watch(frames, witness=jump > 0)
    assert TOLD[0] in told(seen)
    assert all(float(str(row["ts"])) >= 0 for rows in seen.logs.values() for row in rows)
    assert ("clock_jump" in seen.weirds) is (jump > 0)
    assert (seen.pipeline.tracker.clock_backwards > 0) is (jump < 0)


def test_cf9_a_link_type_nobody_knows() -> None:
    seen = watch([one._replace(link=147) for one in GOOD])
    assert told(seen) == []
    assert seen.accounts.outcomes["unknown_linktype"] == len(GOOD)


def test_cf12_super_packets() -> None:
    """60 KB in one frame; and one whose IPv4 total length is 0 because it does not fit (BIG TCP, TSO)."""
    big = reply(b"x" * 59_000)
    talk = (("c", b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"), ("s", big), ("c", asking(1)), ("s", answering(1)))
    frames = conversation(*talk, segment=60_000)
    assert max(len(one.data) for one in frames) > 59_000
    assert told(watch(frames)) == [("01", "good")]
    zero = [
        one._replace(data=one.data[:16] + b"\0\0" + one.data[18:]) if len(one.data) > 59_000 else one for one in frames
    ]
    assert told(watch(zero)) == [("01", "good")]


def test_cf13_a_pipe_and_a_slow_writer(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    content = files.pcap(recorded())

    def write() -> None:
        with fifo.open("wb", buffering=0) as pipe:
            for at in range(0, len(content), 400):
                time.sleep(0.005)
                pipe.write(content[at : at + 400])

    writer = threading.Thread(target=write)
    writer.start()
    seen, source = watch_files(fifo)
    writer.join()
    assert told(seen) == TOLD
    assert source.complete
