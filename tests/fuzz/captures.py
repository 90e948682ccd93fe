"""Targets: capture files of every kind, and frames of every link type."""

from __future__ import annotations

import gzip
import lzma
import tempfile
from collections.abc import Iterator
from pathlib import Path

import zstandard

from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings, FlowSettings, Settings
from tests.flow.frames import START, Frame
from tests.flow.talk import Ends, frames_of, parse
from tests.flow.wraps import WRAPS
from tests.fuzz.target import Target, frames_in, packed, small_captures
from tests.hostile.witness import exchange, watch, watch_files
from tests.invariance.replay import read
from tests.invariance.rewrite import fragmented, wrapped, wraps_for

_FOLDER = tempfile.TemporaryDirectory(prefix="fuzz-")
_CAPTURE = Path(_FOLDER.name, "input")
_SETTINGS = Settings(capture=CaptureSettings(max_expanded_bytes=1 << 22, max_resync_bytes=1 << 16))
_NARROW = Settings(capture=CaptureSettings(max_expanded_bytes=1 << 22, max_resync_bytes=1 << 16, window_bytes=1 << 16))
_PACKERS = (bytes, gzip.compress, zstandard.compress, lzma.compress)
LINKS = (1, 0, 12, 101, 113, 276, 108, 228, 229, 105, 9, 50, 104, 107, 127, 147, 192, 253)


def capture(data: bytes) -> None:
    """The first octet says how the rest is compressed: as it is, gzip, zstd, xz."""
    if not data:
        return
    _CAPTURE.write_bytes(_PACKERS[data[0] % 4](data[1:]))
    try:
        seen, source = watch_files(_CAPTURE, settings=_SETTINGS)
    except CaptureError as error:
        assert str(error), "a capture is refused without a word"
        return
    again, other = watch_files(_CAPTURE, settings=_NARROW)
    assert other.frames == source.frames, "another window gives other frames"
    assert again.logs == seen.logs, "another window gives other logs"


def _captures() -> Iterator[bytes]:
    for number, path in enumerate(small_captures(3000)):
        yield b"\0" + path.read_bytes()
        if number % 8 < 3:
            yield bytes((1 + number % 3,)) + path.read_bytes()


_LIMITS = Settings(
    flow=FlowSettings(max_flows=16, max_half_open=8, max_fragment_datagrams=4, max_reassembly_bytes=1 << 16)
)


def frames(data: bytes) -> None:
    """Frames beside a stranger's OCSP exchange, which must be told; then the same within small limits, without it."""
    given = [
        Frame(START + n * 1_000_000, octets, LINKS[kind % len(LINKS)])
        for n, (kind, octets) in enumerate(frames_in(data))
    ]
    whole = watch(given)
    single = watch(given, size=1)
    assert whole.logs == single.logs, "batches make a difference"
    watch(given, _LIMITS, witness=False)


def _frames() -> Iterator[bytes]:
    talk = exchange(7)
    yield b"".join(packed(0, frame.data) for frame in talk)
    for name in wraps_for(talk[:4]):
        made = wrapped(talk[:4], WRAPS[name])
        if made[0].link in LINKS:
            yield b"".join(packed(LINKS.index(frame.link), frame.data) for frame in made)
    yield b"".join(packed(0, frame.data) for frame in fragmented(talk, 64, backwards=True))
    six = frames_of(parse('c> S\ns> SA\nc> A "GET / HTTP/1.1"\n'), Ends("2001:db8::1", "2001:db8::2"))
    yield b"".join(packed(0, frame.data) for frame in fragmented(six, 64, backwards=False))
    for path in small_captures(1500):
        try:
            yield b"".join(packed(LINKS.index(frame.link), frame.data) for frame in read(path))
        except (CaptureError, ValueError):
            continue


TARGETS = (
    Target(
        "capture",
        capture,
        _captures,
        "only CaptureError comes out; frames and octets are conserved; the window's size changes nothing",
        (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a", b"\x4d\x3c\x2b\x1a", b"\xff\xff\xff\xff"),
        mutations=150,
    ),
    Target(
        "frames",
        frames,
        _frames,
        "a stranger's exchange beside them is told; conservation; batches change nothing; tables within limits",
        (
            b"\x08\0",
            b"\x86\xdd",
            b"\x81\0",
            b"\x88\xa8",
            b"\x88\x47",
            b"\x88\x64",
            b"\x12\xb5",
            b"\x17\xc1",
            b"\x08\x68",
        ),
        mutations=120,
    ),
)
