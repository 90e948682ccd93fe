"""sensor.capture.pcapng: sections, interfaces and clocks of every kind; of a damaged file all that can be read."""

from __future__ import annotations

import io
import random
import re
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import dpkt
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapNgReader

from tests.capture.files import (
    NS,
    START_S,
    Frame,
    Reading,
    block,
    enhanced,
    frame,
    frames,
    interface,
    obsolete,
    option,
    pcapng,
    read_bytes,
    section,
    simple,
)

INT64_MAX = 2**63 - 1
PACKET = 32 + 60
HEAD = len(section() + interface(tsresol=9))
reusing_tmp_path = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def skipped_bytes(reading: Reading) -> int:
    said = sum(int(match) for weird in reading.weirds for match in re.findall(r"(\d+) bytes skipped", weird.addl or ""))
    assert said == sum(one.skipped for one in reading.files)
    return said


def micros(one: Frame) -> int:
    return one.ts // 1000


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_a_plain_file(tmp_path: Path, order: str) -> None:
    sent = [frame(n, 40 + n, ts=START_S * NS + n) for n in range(100)]
    reading = read_bytes(tmp_path, pcapng(sent, order=order))
    assert reading.frames == sent
    assert (reading.complete, reading.weirds, reading.files[0].format) == (True, [], "pcapng")


@reusing_tmp_path
@given(
    st.lists(st.tuples(st.integers(0, 2**62), st.binary(max_size=120), st.integers(0, 99)), max_size=30),
    st.sampled_from("<>"),
    st.integers(200, 3000),
)
def test_dpkt_and_scapy_read_the_same(
    tmp_path: Path, rows: list[tuple[int, bytes, int]], order: str, window: int
) -> None:
    sent = [Frame(ts, data, len(data) + more) for ts, data, more in rows]
    content = pcapng(sent, order=order)
    reading = read_bytes(tmp_path, content, window_bytes=window, max_record_bytes=4096)
    assert reading.frames == sent
    by_scapy = [
        ((meta.tshigh << 32) + meta.tslow, data, meta.wirelen) for data, meta in RawPcapNgReader(io.BytesIO(content))
    ]
    assert [one[:3] for one in reading.frames] == by_scapy
    assert [one.data for one in reading.frames] == [data for _, data in dpkt.pcapng.Reader(io.BytesIO(content))]


def test_sections_of_both_byte_orders_with_their_own_interfaces(tmp_path: Path) -> None:
    content = (
        section(order=">")
        + interface(order=">", link=101)
        + interface(order=">", link=113, tsresol=9)
        + enhanced(5, b"first", order=">", number=1)
        + enhanced(6, b"second", order=">", number=0)
        + section(order="<")
        + interface(order="<", link=1, tsresol=3)
        + enhanced(7, b"third", number=0)
        + interface(order="<", link=276)
        + enhanced(8, b"fourth", number=1)
        + section(order=">", section_length=12345)
        + interface(order=">", link=12)
        + enhanced(9, b"fifth", order=">")
    )
    reading = read_bytes(tmp_path, content)
    assert reading.frames == [
        Frame(5, b"first", 5, 113),
        Frame(6000, b"second", 6, 101),
        Frame(7_000_000, b"third", 5, 1),
        Frame(8000, b"fourth", 6, 276),
        Frame(9000, b"fifth", 5, 12),
    ]
    assert reading.complete


@reusing_tmp_path
@given(
    st.integers(0, 255),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-(2**34), 2**34)),
    st.integers(0, 2**64 - 1),
)
@example(0x80 | 34, None, 0xFFFFFFFFFFFFFFFF)
@example(0x80 | 32, 0, (START_S << 32) + 0xFFFFFFFF)
@example(10, None, START_S * 10**10 + 9_999_999_999)
@example(0, -5, 4)
def test_every_clock_is_exact(tmp_path: Path, tsresol: int, tsoffset: int | None, ticks: int) -> None:
    unit = Fraction(1, 2 ** (tsresol & 127)) if tsresol & 128 else Fraction(1, 10**tsresol)
    exact = (ticks * unit * NS).__floor__() + (tsoffset or 0) * NS
    content = section() + interface(tsresol=tsresol, tsoffset=tsoffset) + enhanced(ticks, b"x")
    reading = read_bytes(tmp_path, content)
    if -INT64_MAX <= exact <= INT64_MAX:
        assert reading.frames == [Frame(exact, b"x", 1)]
        assert reading.complete
    else:
        assert reading.frames == [Frame(INT64_MAX if exact > 0 else -INT64_MAX, b"x", 1)]
        assert reading.names == ["capture_bad_timestamp"]


@pytest.mark.parametrize(
    ("tsresol", "ticks"),
    [(6, 1_700_000_000_123_456), (9, 1_700_000_000_123_456_789), (0xA0, 7_301_444_403_200_123_456)],
)
def test_the_clock_of_every_frame_not_only_the_first(tmp_path: Path, tsresol: int, ticks: int) -> None:
    packets = b"".join(enhanced(ticks + n, b"x") for n in range(1000))
    reading = read_bytes(tmp_path, section() + interface(tsresol=tsresol, tsoffset=-3) + packets)
    units = 2**32 if tsresol == 0xA0 else 10**tsresol
    assert [one.ts for one in reading.frames] == [(ticks + n) * NS // units - 3 * NS for n in range(1000)]


def test_packets_in_every_kind_of_block(tmp_path: Path) -> None:
    content = (
        section()
        + interface(link=1, snaplen=7)
        + interface(link=113)
        + simple(b"no time")
        + obsolete(10, b"obsolete", number=1)
        + simple(b"1234567", wirelen=1500)  # padded to 8
        + enhanced(20, b"enhanced", options=option(2, b"\1\0\0\0") + option(0, b""))
        + simple(b"x")
    )
    reading = read_bytes(tmp_path, content)
    assert reading.frames == [
        Frame(0, b"no time", 7, 1),
        Frame(10_000, b"obsolete", 8, 113),
        Frame(10_000, b"1234567", 1500, 1),
        Frame(20_000, b"enhanced", 8, 1),
        Frame(20_000, b"x", 1, 1),
    ]
    assert reading.complete


@pytest.mark.parametrize("kind", [4, 5, 9, 10, 0xBAD, 0x40000BAD, 0x80000001, 0x204, 77])
@pytest.mark.parametrize("size", [0, 1, 4, 5000, 900_000])
def test_blocks_without_packets_are_passed_over(tmp_path: Path, kind: int, size: int) -> None:
    other = block(kind, b"\x06\0\0\0" * (size // 4) + b"\x06" * (size % 4))
    packets = [enhanced(micros(one), one.data) for one in frames(4)]
    content = (
        section() + other + interface() + packets[0] + other + packets[1] + packets[2] + other + packets[3] + other
    )
    reading = read_bytes(tmp_path, content)
    assert reading.frames == frames(4)
    assert reading.complete


def test_frames_across_windows_are_whole(tmp_path: Path) -> None:
    sent = [frame(n, size) for n, size in enumerate([1, 900, 984, 985, 3000, 64, 2, 4096, 1, 70] * 20, 1)]
    reading = read_bytes(tmp_path, pcapng(sent), window_bytes=1000, max_record_bytes=5000)
    assert reading.frames == sent


def test_more_captured_than_on_the_wire(tmp_path: Path) -> None:
    content = section() + interface(snaplen=1) + enhanced(1, b"12345678", wirelen=3)
    assert read_bytes(tmp_path, content).frames == [Frame(1000, b"12345678", 3)]


# Cut.


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
def test_cut_at_every_offset(tmp_path: Path, order: str) -> None:
    sent = frames(5, 33)
    content = pcapng(sent, order=order)
    ends = {0, len(section()), HEAD} | {HEAD + (32 + 36) * n for n in range(6)}
    for cut in range(4, len(content)):
        reading = read_bytes(tmp_path, content[:cut])
        rest = cut - max(end for end in ends if end <= cut)
        assert reading.frames == sent[: max(0, (cut - HEAD) // 68)], cut
        assert reading.complete == (rest == 0), cut
        assert reading.names == (["pcap_truncated"] if rest else []), cut
        assert skipped_bytes(reading) == rest, cut
        if rest:
            assert f"byte {cut - rest}:" in (reading.weirds[0].addl or ""), cut


# Damaged.


def damaged(position: int, bad: bytes, count: int = 100) -> bytes:
    """A file whose packet `position` is replaced by `bad`."""
    packets = [enhanced(one.ts, one.data) for one in frames(count)]
    packets[position] = bad
    return section() + interface(tsresol=9) + b"".join(packets)


def body(number: int = 0, *, caplen: int = 60) -> bytes:
    return struct.pack("<IIIII", number, 0, 1, caplen, caplen) + bytes(60)


@pytest.mark.parametrize("position", [0, 40, 98])
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(block(6, body(caplen=300_000)), id="caplen impossible"),
        pytest.param(block(6, body(caplen=61)), id="caplen beyond the block"),
        pytest.param(block(6, body(caplen=2**32 - 1)), id="caplen huge"),
        pytest.param(enhanced(1, bytes(262_145)), id="longer than any record"),
        pytest.param(block(6, body(number=1)), id="no such interface"),
        pytest.param(block(6, body(number=2**32 - 1)), id="no such interface, huge"),
        pytest.param(block(6, body()[:12]), id="too short for its header"),
        pytest.param(block(2, body()[:8]), id="obsolete, too short"),
        pytest.param(block(3, b""), id="simple, too short"),
    ],
)
def test_a_bad_block_of_sane_length_costs_itself(tmp_path: Path, position: int, bad: bytes) -> None:
    reading = read_bytes(tmp_path, damaged(position, bad))
    assert reading.frames == [one for n, one in enumerate(frames(100)) if n != position]
    assert reading.names == ["pcapng_bad_block"]
    assert f"byte {HEAD + PACKET * position}:" in (reading.weirds[0].addl or "")
    assert skipped_bytes(reading) == len(bad)
    assert not reading.complete


@pytest.mark.parametrize("position", [0, 40, 98])
@pytest.mark.parametrize("length", [0, 1, 11, 12, 31, 88, 96, 500, 262_144, 400_000, 2**24 + 4, 2**32 - 4, 2**32 - 1])
@pytest.mark.parametrize("kind", [6, 77])
def test_a_bad_length_costs_its_block(tmp_path: Path, position: int, length: int, kind: int) -> None:
    reading = read_bytes(tmp_path, damaged(position, block(kind, body(), length=length, trailer=PACKET)))
    assert reading.frames == [one for n, one in enumerate(frames(100)) if n != position]
    assert set(reading.names) == {"pcapng_bad_block"}
    assert skipped_bytes(reading) == PACKET


def test_a_wrong_length_at_the_end_of_a_block_only(tmp_path: Path) -> None:
    one = frame(40)
    bad = block(6, struct.pack("<IIIII", 0, one.ts >> 32, one.ts & 0xFFFFFFFF, 60, 60) + one.data, trailer=88)
    reading = read_bytes(tmp_path, damaged(40, bad))
    assert reading.frames == frames(100)
    assert reading.names == ["pcapng_bad_block"]
    assert skipped_bytes(reading) == 0


def test_a_length_without_the_padding(tmp_path: Path) -> None:
    """Some writers do not count it."""
    one = frame(0, 61)
    head = struct.pack("<IIIII", 0, one.ts >> 32, one.ts & 0xFFFFFFFF, 61, 61)
    reading = read_bytes(tmp_path, damaged(0, block(6, head + one.data, length=32 + 61)))
    assert reading.frames == [one, *frames(100)[1:]]
    assert reading.complete


@pytest.mark.parametrize("size", [1, 3, 4, 12, 1000, 70_000])
def test_foreign_bytes_between_blocks_are_stepped_over(tmp_path: Path, size: int) -> None:
    foreign = random.Random(size).randbytes(size)
    reading = read_bytes(tmp_path, damaged(50, enhanced(frame(50).ts, frame(50).data) + foreign))
    assert reading.frames == frames(100)
    assert reading.names == ["pcapng_bad_block"]
    assert skipped_bytes(reading) == size


def test_a_section_behind_the_damage_is_found_in_its_own_order(tmp_path: Path) -> None:
    content = pcapng(frames(3), order="<") + b"\xff" * 99 + pcapng(frames(3), order=">")
    reading = read_bytes(tmp_path, content)
    assert reading.frames == frames(3) * 2
    assert skipped_bytes(reading) == 99


def test_a_section_header_without_its_magic(tmp_path: Path) -> None:
    content = pcapng(frames(3)) + block(0x0A0D0D0A, bytes(16)) + pcapng(frames(3))
    reading = read_bytes(tmp_path, content)
    assert reading.frames == frames(3) * 2
    assert reading.names == ["pcapng_bad_block"]


def test_packets_without_an_interface(tmp_path: Path) -> None:
    content = section() + enhanced(1, b"lost") + simple(b"lost") + interface() + enhanced(2, b"found")
    reading = read_bytes(tmp_path, content)
    assert reading.frames == [Frame(2000, b"found", 5)]
    assert reading.names == ["pcapng_bad_block"] * 2


def test_an_unreadable_interface_keeps_its_number(tmp_path: Path) -> None:
    content = (
        section()
        + block(1, b"\1\0\0\0")
        + interface(link=113)
        + enhanced(1, b"lost", number=0)
        + enhanced(2, b"found", number=1)
    )
    reading = read_bytes(tmp_path, content)
    assert reading.frames == [Frame(2000, b"found", 5, 113)]
    assert reading.names == ["pcapng_bad_block"] * 2


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(b"\x09\0\xff\xff", id="longer than the block"),
        pytest.param(struct.pack("<HH", 14, 8) + b"1234", id="cut"),
    ],
)
def test_garbage_for_options(tmp_path: Path, options: bytes) -> None:
    content = section() + block(1, struct.pack("<HHI", 1, 0, 0) + options) + enhanced(3, b"found")
    reading = read_bytes(tmp_path, content)
    assert reading.frames == [Frame(3000, b"found", 5)]
    assert reading.names == ["pcapng_bad_block"]


def test_options_of_the_wrong_size_are_no_options(tmp_path: Path) -> None:
    options = option(9, b"\x09\x09") + option(14, b"\1\0\0\0") + option(9, b"")
    reading = read_bytes(tmp_path, section() + interface(options=options) + enhanced(3, b"found"))
    assert reading.frames == [Frame(3000, b"found", 5)]
    assert reading.complete


def test_interfaces_without_end(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, section() + interface() * 66_000 + enhanced(1, b"x", number=65_535))
    assert reading.frames == [Frame(1000, b"x", 1)]
    assert len(reading.weirds) == 64


# Whatever comes.


@reusing_tmp_path
@given(st.binary(max_size=600), st.sampled_from("<>"))
def test_a_random_tail_takes_nothing_from_what_is_before_it(tmp_path: Path, tail: bytes, order: str) -> None:
    sent = frames(5)
    reading = read_bytes(tmp_path, pcapng(sent, order=order) + tail, window_bytes=512, max_record_bytes=1024)
    assert reading.frames[:5] == sent
    assert set(reading.names) <= {"pcapng_bad_block", "pcap_truncated"}
    assert reading.complete == (not tail)


@reusing_tmp_path
@given(st.data())
def test_bytes_changed_anywhere_never_raise(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(pcapng(frames(12, 24)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(12, len(content) - 1))] = data.draw(st.integers(0, 255))
    reading = read_bytes(tmp_path, bytes(content), window_bytes=256, max_record_bytes=2048)
    assert len(reading.frames) <= 12
    assert len(reading.frames) >= 12 - 4 or not reading.complete
    assert skipped_bytes(reading) <= len(content)


@pytest.mark.needs("tshark")
def test_tshark_reads_the_same(tmp_path: Path) -> None:
    content = (
        section(order=">")
        + interface(order=">", tsresol=9, tsoffset=1000)
        + enhanced(START_S * NS + 1, b"a" * 60, order=">")
        + block(4, b"\0\0\0\0", order=">")
        + section()
        + interface(tsresol=0x80 | 20)
        + interface(tsresol=10)
        + enhanced((START_S << 20) + 77, b"b" * 60, wirelen=1500)
        + obsolete(START_S * 10**10 + 5, b"c" * 61, number=1)
        + enhanced(START_S * 10**10 + 1_999_999, b"d" * 62, number=1)
    )
    path = tmp_path / "written.pcapng"
    path.write_bytes(content)
    fields = ["frame.time_epoch", "frame.cap_len", "frame.len"]
    told = subprocess.run(
        ["tshark", "-r", path, "-T", "fields", *(part for field in fields for part in ("-e", field))],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    reading = read_bytes(tmp_path, content)
    assert [
        f"{one.ts // NS}.{one.ts % NS:09}\t{len(one.data)}\t{one.wirelen}" for one in reading.frames
    ] == told.splitlines()
