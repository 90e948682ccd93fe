"""sensor.capture.reader: the account of a capture, and the columns its batches share."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sensor.capture.reader import Columns, FileRead
from tests.capture.files import NS, START_S, frame, frames, pcap, pcap_header, pcap_record, read_bytes


def test_the_account_of_a_whole_file(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, pcap(frames(3)))
    assert reading.files == [
        FileRead(str(tmp_path / "capture"), "pcap", 3, START_S * NS, START_S * NS + 2_000_000, complete=True, skipped=0)
    ]
    with pytest.raises(AttributeError):
        reading.files[0].frames = 4  # type: ignore[misc]
    assert msgspec.structs.asdict(reading.files[0])["complete"] is True


def test_the_account_of_a_damaged_file(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, pcap(frames(3)) + b"12345")
    assert reading.files[0] == FileRead(
        str(tmp_path / "capture"), "pcap", 3, START_S * NS, START_S * NS + 2_000_000, complete=False, skipped=5
    )


def test_a_weird_names_file_layer_and_time(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, pcap(frames(3)) + b"12345")
    weird = reading.weirds[0]
    assert weird.ts == START_S * NS + 2_000_000
    assert weird.source == "CAPTURE"
    assert weird.flow is None
    assert weird.addl == f"{tmp_path / 'capture'}: byte {24 + 3 * 76}: the file ends within a record; 5 bytes skipped"


def test_a_weird_before_the_first_frame_has_no_time(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, pcap_header() + pcap_record(frame(1))[:-1])
    assert [weird.ts for weird in reading.weirds] == [0]


def test_columns_are_as_wide_as_the_contract_says() -> None:
    columns = Columns(3)
    assert [getattr(columns, name).typecode for name in ("ts", "offset", "caplen", "wirelen", "link")] == list("qQIIH")
    columns.put(2, -5, 2**40, 2**32 - 1, 7, 65535)
    assert (columns.ts[2], columns.offset[2], columns.caplen[2], columns.wirelen[2], columns.link[2]) == (
        -5,
        2**40,
        2**32 - 1,
        7,
        65535,
    )
