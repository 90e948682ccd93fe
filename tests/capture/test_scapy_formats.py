"""sensor.capture.scapy_formats: ERF as scapy writes it, and what scapy alone would get wrong."""

from __future__ import annotations

import gzip
import io
import struct
import sys
from pathlib import Path

import pytest
from scapy.layers.l2 import Ether
from scapy.utils import EDecimal, ERFEthernetWriter

from sensor.capture.scapy_formats import is_erf
from sensor.capture.source import CaptureError
from tests.capture.files import NS, START_S, Frame, pcap, read_bytes


class Kept(io.BytesIO):
    """scapy closes what it wrote to."""

    def close(self) -> None:
        pass


def record(
    number: int, data: bytes, *, kind: int = 2, extension: bytes = b"", wirelen: int | None = None, pad: int = 0
) -> bytes:
    body = extension + b"\0\0" + data + bytes(pad)
    wirelen = len(data) if wirelen is None else wirelen
    # Half a second in the fraction's 32 bits, and `number` of its units.
    return (
        struct.pack("<II", 1 << 31, START_S + number)
        + struct.pack(">BBHHH", kind, 4, 16 + len(body), 0, wirelen)
        + body
    )


def sent(number: int, data: bytes, wirelen: int | None = None) -> Frame:
    return Frame((START_S + number) * NS + NS // 2, data, len(data) if wirelen is None else wirelen)


ONE, TWO, THREE = b"\x02" * 12 + b"\x08\0one", b"\x04" * 12 + b"\x86\xddtwo!", b"\x06" * 12 + b"\x88\xb5three!!"
THREE_RECORDS = record(1, ONE) + record(2, TWO) + record(3, THREE)
THREE_FRAMES = [sent(1, ONE), sent(2, TWO), sent(3, THREE)]


def test_what_scapy_wrote_is_read(tmp_path: Path) -> None:
    """It writes the length of the record where that of the frame on the wire belongs."""
    written = Kept()
    writer = ERFEthernetWriter(written)
    for n, data in enumerate([ONE, TWO, THREE]):
        packet = Ether(data)
        packet.time = EDecimal(START_S + n)
        writer.write_packet(packet)
    writer.flush()
    reading = read_bytes(tmp_path, written.getvalue())
    assert reading.frames == [
        Frame((START_S + n) * NS, data, len(data) + 18) for n, data in enumerate([ONE, TWO, THREE])
    ]
    assert reading.complete
    assert reading.files[0].format == "erf"


def test_times_lengths_and_padding(tmp_path: Path) -> None:
    content = record(1, ONE, pad=7) + record(2, TWO, wirelen=1500) + record(3, THREE, kind=11)
    reading = read_bytes(tmp_path, content)
    assert reading.frames == [sent(1, ONE), sent(2, TWO, 1500), sent(3, THREE)]
    assert reading.complete


def test_an_extension_header_is_stepped_over(tmp_path: Path) -> None:
    content = record(1, ONE) + record(2, TWO, kind=0x82, extension=b"\x03" + bytes(7)) + record(3, THREE)
    reading = read_bytes(tmp_path, content)
    assert reading.frames == THREE_FRAMES
    assert reading.complete


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param(record(9, b"raw IP of type 22", kind=22), id="a type scapy takes for Ethernet"),
        pytest.param(record(9, b"aal5", kind=4), id="a type scapy refuses"),
        pytest.param(record(9, b"two", kind=0x82, extension=b"\x83" + bytes(15)), id="two extension headers"),
        pytest.param(struct.pack("<IIBBHxxH", 0, START_S, 2, 4, 17 << 8, 0) + b"x", id="no room for a frame"),
    ],
)
def test_records_scapy_does_not_know_are_counted_not_misread(tmp_path: Path, strange: bytes) -> None:
    reading = read_bytes(tmp_path, record(1, ONE) + record(2, TWO) + strange + strange + record(3, THREE))
    assert reading.frames == THREE_FRAMES
    assert reading.names == ["erf_unknown_record"]
    assert reading.files[0].skipped == 2 * len(strange)
    assert not reading.complete


def test_padding_records_are_nothing(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, record(1, ONE) + record(2, TWO) + record(9, bytes(40), kind=48) + record(3, THREE))
    assert reading.frames == THREE_FRAMES
    assert reading.complete


def test_cut_at_every_offset(tmp_path: Path) -> None:
    size = len(record(1, ONE))
    known = size + len(record(2, TWO))
    for cut in range(known, len(THREE_RECORDS)):
        reading = read_bytes(tmp_path, THREE_RECORDS[:cut])
        assert reading.frames == THREE_FRAMES[:2]
        assert reading.names == (["pcap_truncated"] if cut > known else [])
        assert reading.complete == (cut == known)


def test_a_record_without_length_ends_the_reading(tmp_path: Path) -> None:
    """There is nothing in an ERF file to find the next record by."""
    reading = read_bytes(tmp_path, record(1, ONE) + record(2, TWO) + bytes(16) + record(3, THREE))
    assert reading.frames == THREE_FRAMES[:2]
    assert reading.names == ["erf_bad_record"]
    assert reading.files[0].skipped == 16 + len(record(3, THREE))


def test_more_records_than_a_batch_or_a_window_holds(tmp_path: Path) -> None:
    content = b"".join(record(n, bytes([n % 256]) * 700) for n in range(600))
    reading = read_bytes(tmp_path, content, window_bytes=1 << 16)
    assert reading.frames == [sent(n, bytes([n % 256]) * 700) for n in range(600)]


def test_compressed(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, gzip.compress(THREE_RECORDS))
    assert reading.frames == THREE_FRAMES
    assert reading.files[0].format == "erf, gzip"


def test_one_record_alone_is_believed_if_it_is_the_whole_file(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, record(1, ONE)).frames == [sent(1, ONE)]
    for content in (record(1, ONE)[:-1], record(1, ONE) + b"x"):
        with pytest.raises(CaptureError, match="is no capture"):
            read_bytes(tmp_path, content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n".join(b"a text of some lines" for _ in range(100)), id="text"),
        pytest.param(bytes(1000), id="zeros"),
        pytest.param(b"\2" * 1000, id="twos"),
        pytest.param(record(1, ONE, wirelen=0) * 3, id="nothing on the wire"),
        pytest.param(record(1, ONE) + record(1 << 20, TWO), id="times far apart"),
        pytest.param(record(1, ONE, pad=200) * 3, id="records much longer than their frames"),
        pytest.param(record(1, ONE, kind=48) * 3, id="other types"),
    ],
)
def test_what_is_not_erf(content: bytes) -> None:
    assert not is_erf(content, whole=True)


def test_scapy_is_not_imported_for_other_captures(tmp_path: Path, repository: Path) -> None:
    import subprocess

    path = tmp_path / "plain"
    path.write_bytes(pcap([sent(1, ONE)]))
    code = (
        "import sys; from sensor.capture.inputs import open_inputs; from sensor.settings import CaptureSettings; "
        f"list(open_inputs([{str(path)!r}], CaptureSettings()).batches()); print('scapy' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repository)
    assert told.stdout == "False\n"
