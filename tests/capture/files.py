"""Captures built byte by byte for these tests, and what the source makes of them, as plain values."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sensor.capture.inputs import open_inputs
from sensor.capture.reader import FileRead
from sensor.capture.source import FrameBatch
from sensor.capture.timeline import TimeLine
from sensor.settings import CaptureSettings
from sensor.weird import Weird

ETHERNET = 1
START_S = 1_700_000_000
NS = 1_000_000_000


class Frame(NamedTuple):
    """What a frame is, wherever it lies. `ts` nanoseconds."""

    ts: int
    data: bytes
    wirelen: int
    link: int = ETHERNET


def frame(number: int, size: int = 60, *, ts: int | None = None, link: int = ETHERNET) -> Frame:
    """The frame with this number: its bytes tell which it is, its time is on a whole microsecond."""
    data = struct.pack(">I", number) * (size // 4 + 1)
    return Frame(START_S * NS + number * 1_000_000 if ts is None else ts, data[:size], size, link)


def frames(count: int, size: int = 60) -> list[Frame]:
    return [frame(number, size) for number in range(count)]


# Classic pcap.


def pcap_header(
    *,
    order: str = "<",
    magic: int = 0xA1B2C3D4,
    snaplen: int = 262144,
    link: int = ETHERNET,
    version: tuple[int, int] = (2, 4),
) -> bytes:
    return struct.pack(order + "IHHiIII", magic, *version, 0, 0, snaplen, link)


def pcap_record(one: Frame, *, order: str = "<", magic: int = 0xA1B2C3D4, caplen: int | None = None) -> bytes:
    """`caplen` is what the header claims, if that is not the truth."""
    seconds, fraction = divmod(one.ts, NS)
    if magic != 0xA1B23C4D:
        fraction //= 1000
    claimed = len(one.data) if caplen is None else caplen
    more = struct.pack(order + "IHBx", 2, 0x0800, 0) if magic == 0xA1B2CD34 else b""
    return struct.pack(order + "IIII", seconds, fraction, claimed, one.wirelen) + more + one.data


def pcap(all_frames: Iterable[Frame], *, order: str = "<", magic: int = 0xA1B2C3D4, snaplen: int = 262144) -> bytes:
    records = b"".join(pcap_record(one, order=order, magic=magic) for one in all_frames)
    return pcap_header(order=order, magic=magic, snaplen=snaplen) + records


# pcapng.


def block(kind: int, body: bytes, *, order: str = "<", length: int | None = None, trailer: int | None = None) -> bytes:
    """`length` and `trailer` are what the block claims, if that is not the truth."""
    padded = body + bytes(-len(body) % 4)
    true = len(padded) + 12
    length = true if length is None else length
    return (
        struct.pack(order + "II", kind, length)
        + padded
        + struct.pack(order + "I", length if trailer is None else trailer)
    )


def option(code: int, value: bytes, *, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(*, order: str = "<", section_length: int = -1) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, section_length), order=order)


def interface(
    *,
    order: str = "<",
    link: int = ETHERNET,
    snaplen: int = 0,
    tsresol: int | None = None,
    tsoffset: int | None = None,
    options: bytes = b"",
) -> bytes:
    if tsresol is not None:
        options += option(9, bytes([tsresol]), order=order)
    if tsoffset is not None:
        options += option(14, struct.pack(order + "q", tsoffset), order=order)
    if options:
        options += option(0, b"", order=order)
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options, order=order)


def enhanced(
    ticks: int, data: bytes, *, order: str = "<", number: int = 0, wirelen: int | None = None, options: bytes = b""
) -> bytes:
    """An Enhanced Packet Block on interface `number`."""
    wirelen = len(data) if wirelen is None else wirelen
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), wirelen)
    return block(6, head + data + bytes(-len(data) % 4) + options, order=order)


def obsolete(ticks: int, data: bytes, *, order: str = "<", number: int = 0) -> bytes:
    """A Packet Block."""
    head = struct.pack(order + "HHIIII", number, 7, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(2, head + data, order=order)


def simple(data: bytes, *, order: str = "<", wirelen: int | None = None) -> bytes:
    return block(3, struct.pack(order + "I", len(data) if wirelen is None else wirelen) + data, order=order)


def pcapng(all_frames: Iterable[Frame], *, order: str = "<") -> bytes:
    """One section, one interface, nanoseconds."""
    packets = b"".join(enhanced(one.ts, one.data, order=order, wirelen=one.wirelen) for one in all_frames)
    return section(order=order) + interface(order=order, tsresol=9) + packets


# Reading.


class Reading(NamedTuple):
    """All that came of reading some captures."""

    frames: list[Frame]
    weirds: list[Weird]
    files: list[FileRead]
    complete: bool
    batches: list[int]

    @property
    def names(self) -> list[str]:
        return [weird.name for weird in self.weirds]


def drain(source: TimeLine) -> Reading:
    """Everything `source` has to give; checks what a batch promises on the way."""
    found: list[Frame] = []
    sizes = []
    for batch in source.batches():
        if batch.first < batch.stop:
            assert batch.number == len(found)
        sizes.append(batch.stop - batch.first)
        found += taken(batch)
    assert source.frames == len(found) == sum(one.frames for one in source.files)
    return Reading(found, source.weirds, source.files, source.complete, sizes)


def open_paths(*paths: Path | str, follow: bool = False) -> TimeLine:
    return open_inputs([str(path) for path in paths], CaptureSettings(), follow=follow)


def taken(batch: FrameBatch) -> list[Frame]:
    """The frames of a batch; checks that they lie in its buffer."""
    found = []
    for i in range(batch.first, batch.stop):
        offset, caplen = batch.offset[i], batch.caplen[i]
        assert offset + caplen <= len(batch.buffer)
        found.append(Frame(batch.ts[i], bytes(batch.buffer[offset : offset + caplen]), batch.wirelen[i], batch.link[i]))
    return found


def take(batches: Iterator[FrameBatch], count: int, within: float = 5.0) -> list[Frame]:
    """At least `count` frames, which must come before that many seconds have passed."""
    found: list[Frame] = []
    until = time.monotonic() + within
    while len(found) < count:
        found += taken(next(batches))
        assert time.monotonic() < until, f"only {len(found)} of {count} frames"
    return found


def quiet(batches: Iterator[FrameBatch]) -> bool:
    """Whether nothing comes for a while."""
    batch = next(batches)
    return batch.first == batch.stop


def read(paths: Path | Sequence[Path], **knobs: int) -> Reading:
    """`knobs`: fields of CaptureSettings."""
    named = [paths] if isinstance(paths, Path) else paths
    return drain(open_inputs([str(path) for path in named], CaptureSettings(**knobs)))


def read_bytes(tmp_path: Path, content: bytes, **knobs: int) -> Reading:
    path = tmp_path / "capture"
    path.write_bytes(content)
    return read(path, **knobs)


def open_files() -> int:
    """How many descriptors this process has open; a constant too many, the one that lists them."""
    return sum(1 for _ in Path("/dev/fd").iterdir())
