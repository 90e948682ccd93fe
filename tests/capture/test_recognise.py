"""sensor.capture.recognise: by content, from as few bytes as it takes, whenever they come."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import pytest

from sensor.capture.recognise import Opening
from sensor.capture.source import CaptureError
from sensor.capture.stream import RawBytes
from sensor.settings import CaptureSettings
from sensor.weird import Weird
from tests.capture.files import frames, pcap, pcap_header, pcapng, section

KNOBS = CaptureSettings()


def format_of(tmp_path: Path, content: bytes, name: str = "capture") -> str:
    path = tmp_path / name
    path.write_bytes(content)
    weirds: list[Weird] = []
    raw = RawBytes(os.open(path, os.O_RDONLY))
    try:
        reader = Opening(raw, str(path), KNOBS).reader(weirds, 1 << 16)
    finally:
        raw.close()
    assert reader is not None
    return reader.format


@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34])
@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap(tmp_path: Path, magic: int, order: str) -> None:
    assert format_of(tmp_path, pcap_header(order=order, magic=magic), "picture.jpeg") == "pcap"


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng(tmp_path: Path, order: str) -> None:
    assert format_of(tmp_path, section(order=order), "capture.pcap.gz") == "pcapng"


def test_compressed(tmp_path: Path) -> None:
    assert format_of(tmp_path, gzip.compress(pcap([])), "capture.pcap") == "pcap, gzip"


@pytest.mark.parametrize("size", range(4, 24))
def test_the_first_four_bytes_are_enough(tmp_path: Path, size: int) -> None:
    assert format_of(tmp_path, pcap(frames(1))[:size]) == "pcap"
    assert format_of(tmp_path, pcapng(frames(1))[:size]) == "pcapng"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"abc", "is no capture"),
        (b"\xd4\xc3\xb2", "is no capture"),
        (b"hello, this is a text\n" * 100, "is no capture"),
        (bytes(5000), "is no capture"),
        (struct.pack("<III", 0x0A0D0D0A, 28, 0x1A2B3C4E) + bytes(100), "is no capture"),
        (b"\x0a\x0d\x0d\x0b" * 10, "is no capture"),
    ],
)
def test_no_capture(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(CaptureError) as error:
        format_of(tmp_path, content)
    assert str(error.value).startswith(f"{tmp_path / 'capture'}: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [pcap(frames(1)), pcapng(frames(1)), gzip.compress(pcap(frames(1)), mtime=0)])
def test_a_pipe_that_comes_byte_by_byte(content: bytes) -> None:
    out, into = os.pipe()
    raw = RawBytes(out)
    opening = Opening(raw, "pipe", KNOBS)
    reader = None
    sent = 0
    while reader is None:
        os.write(into, content[sent : sent + 1])
        sent += 1
        reader = opening.reader([], 1 << 16)
    assert sent <= (12 if content[:1] != b"\x1f" else len(content))
    os.write(into, content[sent:])
    os.close(into)
    batch = reader.read()
    assert batch is not None
    assert batch.stop == 1
    raw.close()


def test_a_pipe_of_no_capture_is_known_when_it_ends() -> None:
    out, into = os.pipe()
    raw = RawBytes(out)
    opening = Opening(raw, "pipe", KNOBS)
    os.write(into, b"hello, this is a text")
    assert opening.reader([], 1 << 16) is None
    os.close(into)
    with pytest.raises(CaptureError, match="is no capture"):
        opening.reader([], 1 << 16)
    raw.close()


def test_what_cannot_be_read_is_the_callers_mistake(tmp_path: Path) -> None:
    raw = RawBytes(os.open(tmp_path, os.O_RDONLY))
    raw.regular = True  # a folder lets itself be opened, and refuses to be read
    with pytest.raises(CaptureError, match="directory"):
        Opening(raw, str(tmp_path), KNOBS).reader([], 1 << 16)
    raw.close()
