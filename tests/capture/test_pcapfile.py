"""sensor.capture.pcapfile: every variant exactly, and of a damaged file all that can be read."""

from __future__ import annotations

import io
import random
import re
import struct
from pathlib import Path

import dpkt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.utils import RawPcapReader

from tests.capture.files import (
    NS,
    START_S,
    Frame,
    Reading,
    frame,
    frames,
    pcap,
    pcap_header,
    pcap_record,
    read_bytes,
)

MAGICS = {"microseconds": 0xA1B2C3D4, "nanoseconds": 0xA1B23C4D, "modified": 0xA1B2CD34}
RECORD = 16 + 60
reusing_tmp_path = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def skipped_bytes(reading: Reading) -> int:
    """What the weirds together say was skipped; it must be what the file's record says."""
    said = sum(int(match) for weird in reading.weirds for match in re.findall(r"(\d+) bytes skipped", weird.addl or ""))
    assert said == sum(one.skipped for one in reading.files)
    return said


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("variant", MAGICS)
def test_every_variant_is_read_exactly(tmp_path: Path, order: str, variant: str) -> None:
    magic = MAGICS[variant]
    step = 1 if variant == "nanoseconds" else 1000
    sent = [frame(n, 40 + 7 * n, ts=START_S * NS + (999_999_999 - n) // step * step) for n in range(50)]
    reading = read_bytes(tmp_path, pcap(sent, order=order, magic=magic))
    assert reading.frames == sent
    assert reading.complete
    assert not reading.weirds
    assert reading.files[0].format == "pcap"
    assert (reading.files[0].first_ts, reading.files[0].last_ts) == (sent[0].ts, sent[-1].ts)


@reusing_tmp_path
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1), st.integers(0, 999_999), st.binary(min_size=1, max_size=200), st.integers(0, 99)
        ),
        max_size=30,
    ),
    st.sampled_from("<>"),
    st.integers(300, 5000),
)
def test_dpkt_and_scapy_read_the_same(
    tmp_path: Path, rows: list[tuple[int, int, bytes, int]], order: str, window: int
) -> None:
    sent = [Frame(s * NS + us * 1000, data, len(data) + more) for s, us, data, more in rows]
    content = pcap(sent, order=order)
    reading = read_bytes(tmp_path, content, window_bytes=window, max_record_bytes=4096)
    by_scapy = [
        (meta.sec * NS + meta.usec * 1000, data, meta.wirelen) for data, meta in RawPcapReader(io.BytesIO(content))
    ]
    assert [one[:3] for one in reading.frames] == by_scapy
    by_dpkt = [data for _, data in dpkt.pcap.Reader(io.BytesIO(content))]
    assert [one.data for one in reading.frames] == by_dpkt


def test_the_link_type_is_the_low_half_of_its_field(tmp_path: Path) -> None:
    # The upper bits say whether frames end with a check sequence (draft-ietf-opsawg-pcap section 4).
    reading = read_bytes(tmp_path, pcap_header(link=0x34000071) + pcap_record(frame(1)))
    assert reading.frames == [frame(1, link=0x71)]


@pytest.mark.parametrize("version", [(2, 2), (543, 0)])
def test_old_files_have_the_lengths_the_other_way_round(tmp_path: Path, version: tuple[int, int]) -> None:
    sent = [Frame(START_S * NS, bytes([n]) * 60, 70 + n) for n in range(5)]
    records = b"".join(struct.pack("<IIII", START_S, 0, one.wirelen, 60) + one.data for one in sent)
    assert read_bytes(tmp_path, pcap_header(version=version) + records).frames == sent


def test_a_header_alone_is_a_capture_without_frames(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, pcap_header())
    assert (reading.frames, reading.weirds, reading.complete) == ([], [], True)
    assert reading.files[0].first_ts is None


@pytest.mark.parametrize("seconds", [0, 1, 2**31, 2**32 - 1])
def test_times_are_passed_through(tmp_path: Path, seconds: int) -> None:
    sent = [frame(1), frame(2, ts=seconds * NS), frame(3)]
    assert read_bytes(tmp_path, pcap(sent)).frames == sent


def test_a_fraction_beyond_a_second_is_added_as_it_is(tmp_path: Path) -> None:
    record = struct.pack("<IIII", 5, 4_000_000_000, 4, 4) + b"abcd"
    assert read_bytes(tmp_path, pcap_header() + record).frames == [Frame(5 * NS + 4_000_000_000_000, b"abcd", 4)]


@pytest.mark.parametrize("window", [1000, 1024, 4096, 5000])
def test_frames_across_windows_are_whole(tmp_path: Path, window: int) -> None:
    sent = [frame(n, size) for n, size in enumerate([1, 900, 984, 985, 3000, 64, 2, 4096, 1, 70] * 20, 1)]
    reading = read_bytes(tmp_path, pcap(sent), window_bytes=window, max_record_bytes=5000)
    assert reading.frames == sent


def test_a_batch_is_bounded(tmp_path: Path) -> None:
    reading = read_bytes(tmp_path, pcap(frames(30_000, 1)))
    assert len(reading.frames) == 30_000
    assert max(reading.batches) <= 8192


# Cut.


@pytest.mark.parametrize("magic", MAGICS.values(), ids=MAGICS)
def test_cut_at_every_offset(tmp_path: Path, magic: int) -> None:
    sent = frames(6, 33)
    content = pcap(sent, magic=magic)
    record = (len(content) - 24) // 6
    for cut in range(4, len(content)):
        reading = read_bytes(tmp_path, content[:cut])
        whole, rest = divmod(max(cut - 24, 0), record)
        if cut < 24:
            rest = cut
        assert reading.frames == sent[:whole], cut
        assert reading.complete == (rest == 0), cut
        assert reading.names == (["pcap_truncated"] if rest else []), cut
        assert skipped_bytes(reading) == rest, cut
        if rest:
            assert f"byte {cut - rest}:" in (reading.weirds[0].addl or ""), cut


def test_a_cut_frame_that_holds_a_capture_is_not_read_as_one(tmp_path: Path) -> None:
    """Somebody downloads a pcap file over the network, and the capture of that is cut."""
    inner = b"".join(pcap_record(frame(n, 30, ts=START_S * NS)) for n in range(20))
    carrier = Frame(START_S * NS, bytes(50) + inner, 50 + len(inner))
    content = pcap([frame(0), carrier])
    reading = read_bytes(tmp_path, content[:-17])
    assert reading.frames == [frame(0)]
    assert reading.names == ["pcap_truncated"]


# Damaged.


@pytest.mark.parametrize("claimed", [262_145, 300_000, 2**31, 2**32 - 1])
@pytest.mark.parametrize("position", [0, 1, 50, 98])
def test_an_impossible_length_costs_one_frame(tmp_path: Path, claimed: int, position: int) -> None:
    sent = frames(100)
    records = [pcap_record(one, caplen=claimed if n == position else None) for n, one in enumerate(sent)]
    reading = read_bytes(tmp_path, pcap_header() + b"".join(records))
    assert reading.frames == sent[:position] + sent[position + 1 :]
    assert reading.names == ["pcap_bad_record"]
    assert f"byte {24 + RECORD * position}:" in (reading.weirds[0].addl or "")
    assert skipped_bytes(reading) == RECORD
    assert not reading.complete


def test_an_impossible_length_in_the_last_record(tmp_path: Path) -> None:
    sent = frames(10)
    content = pcap(sent[:9]) + pcap_record(sent[9], caplen=300_000)
    reading = read_bytes(tmp_path, content)
    assert reading.frames == sent[:9]
    assert reading.names == ["pcap_bad_record"]
    assert skipped_bytes(reading) == RECORD


@pytest.mark.parametrize("claimed", [61, 100, 5000, 200_000])
def test_a_possible_but_wrong_length_costs_no_more(tmp_path: Path, claimed: int) -> None:
    """The rest of the file must not become one packet: neither when it would fit in it nor when it would not."""
    sent = frames(100)
    records = [pcap_record(one, caplen=claimed if n == 40 else None) for n, one in enumerate(sent)]
    reading = read_bytes(tmp_path, pcap_header() + b"".join(records))
    assert reading.frames == sent[:40] + sent[41:]
    assert reading.names == ["pcap_bad_record"]
    assert skipped_bytes(reading) == RECORD


def test_a_length_beyond_the_snaplen_must_lead_to_a_record(tmp_path: Path) -> None:
    """Both lengths are damaged alike, so that only the file's own limit makes them odd."""
    sent = frames(100)
    records = [pcap_record(one) for one in sent]
    records[40] = pcap_record(sent[40]._replace(wirelen=6000), caplen=300)
    reading = read_bytes(tmp_path, pcap_header(snaplen=256) + b"".join(records))
    assert reading.frames == sent[:40] + sent[41:]
    assert skipped_bytes(reading) == RECORD


def test_a_wrong_length_that_leads_among_zero_bytes(tmp_path: Path) -> None:
    sent = [frame(n)._replace(data=bytes(60)) for n in range(100)]
    records = [pcap_record(one, caplen=96 if n == 40 else None) for n, one in enumerate(sent)]
    reading = read_bytes(tmp_path, pcap_header() + b"".join(records))
    assert reading.frames == sent[:40] + sent[41:]
    assert skipped_bytes(reading) == RECORD


def test_a_damaged_record_that_holds_an_old_capture(tmp_path: Path) -> None:
    """Its records are believable but for their times, which are not those of this file."""
    sent = frames(10)
    inner = b"".join(pcap_record(frame(n, 1100, ts=1_000_000_000 * NS)) for n in range(20))
    carrier = pcap_record(Frame(sent[5].ts, inner, len(inner)), caplen=400_000)
    records = [pcap_record(one) for one in sent]
    reading = read_bytes(tmp_path, pcap_header() + b"".join([*records[:5], carrier, *records[6:]]))
    assert reading.frames == sent[:5] + sent[6:]
    assert skipped_bytes(reading) == len(carrier)


@pytest.mark.parametrize("size", [1, 15, 16, 1000, 70_000])
def test_foreign_bytes_between_records_are_stepped_over(tmp_path: Path, size: int) -> None:
    sent = frames(100)
    foreign = random.Random(size).randbytes(size - 1) + b"\xff"
    content = pcap(sent[:50]) + foreign + pcap(sent[50:])[24:]
    reading = read_bytes(tmp_path, content, window_bytes=8192, max_record_bytes=4096)
    lost = [one for one in sent if one not in reading.frames]
    # Fewer bytes than a header may take one record with them.
    assert len(lost) <= (1 if size < 16 else 0)
    assert [one for one in reading.frames if one in sent] == reading.frames
    assert reading.names == ["pcap_bad_record"]
    assert skipped_bytes(reading) == size + RECORD * len(lost)


@pytest.mark.parametrize("size", [1, 8, 60, 76, 77, 500])
def test_missing_bytes_cost_the_records_they_were_in(tmp_path: Path, size: int) -> None:
    sent = frames(100)
    content = pcap(sent)
    at = 24 + 50 * RECORD + 30
    reading = read_bytes(tmp_path, content[:at] + content[at + size :])
    assert reading.frames[:50] == sent[:50]
    touched = 50 + (30 + size) // RECORD
    assert reading.frames[-(100 - touched - 2) :] == sent[touched + 2 :]
    assert set(reading.names) <= {"pcap_bad_record"}
    assert reading.complete == (size % RECORD == 0)


@pytest.mark.parametrize("zeros", [16, 100, 5000])
def test_a_tail_of_zero_bytes_is_no_frames(tmp_path: Path, zeros: int) -> None:
    """What a crash leaves in a file that was being written."""
    reading = read_bytes(tmp_path, pcap(frames(5)) + bytes(zeros))
    assert reading.frames == frames(5)
    assert reading.names == ["pcap_bad_record"]
    assert skipped_bytes(reading) == zeros


def test_a_hole_of_zero_bytes_is_stepped_over(tmp_path: Path) -> None:
    sent = frames(100)
    content = bytearray(pcap(sent))
    content[24 + 30 * RECORD : 24 + 70 * RECORD] = bytes(40 * RECORD)
    reading = read_bytes(tmp_path, bytes(content))
    assert reading.frames == sent[:30] + sent[70:]
    assert skipped_bytes(reading) == 40 * RECORD


def test_the_search_is_given_up_at_its_limit(tmp_path: Path) -> None:
    content = pcap(frames(5)) + b"\xff" * 100_000 + pcap(frames(5))[24:]
    reading = read_bytes(tmp_path, content, max_resync_bytes=20_000, window_bytes=4096, max_record_bytes=4096)
    assert reading.frames == frames(5)
    assert reading.names == ["pcap_bad_record"]
    assert "the rest given up" in (reading.weirds[0].addl or "")
    assert 20_000 < skipped_bytes(reading) < 40_000


def test_damage_everywhere_is_told_so_often_and_counted_always(tmp_path: Path) -> None:
    sent = frames(400)
    records = [pcap_record(one, caplen=400_000 if n % 4 == 0 else None) for n, one in enumerate(sent)]
    reading = read_bytes(tmp_path, pcap_header() + b"".join(records), max_damage_reports=7)
    assert reading.frames == [one for n, one in enumerate(sent) if n % 4]
    assert len(reading.weirds) == 7
    assert reading.files[0].skipped == 100 * RECORD


# Odd, but right.


def test_more_captured_than_on_the_wire(tmp_path: Path) -> None:
    sent = [Frame(START_S * NS + n, bytes([n]) * 60, 40 + n) for n in range(0, 50_000, 1000) for n in [n // 1000]]
    sent = [one._replace(ts=START_S * NS) for one in sent]
    reading = read_bytes(tmp_path, pcap(sent), window_bytes=512, max_record_bytes=512)
    assert reading.frames == sent
    assert reading.complete


@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
@pytest.mark.parametrize("at", [0, 3])
def test_a_record_that_claims_those_behind_it_hides_none(tmp_path: Path, at: int, magic: int) -> None:
    """Its length leads to a record, and its own octets end where another one begins."""
    whole = frames(12)
    swallowed = 4 * len(pcap_record(whole[0], magic=magic))
    records = [
        pcap_record(one, magic=magic, caplen=len(one.data) + swallowed if one is whole[at] else None) for one in whole
    ]
    reading = read_bytes(tmp_path, pcap_header(magic=magic) + b"".join(records))
    assert [one for one in whole if one not in reading.frames] == [whole[at]]
    assert reading.names == ["pcap_bad_record"]
    assert not reading.complete


def test_nothing_on_the_wire(tmp_path: Path) -> None:
    sent = [frame(1), Frame(START_S * NS, b"", 0), frame(2), Frame(START_S * NS, b"abcd", 0), frame(3)]
    reading = read_bytes(tmp_path, pcap(sent))
    assert reading.frames == sent
    assert reading.complete


@pytest.mark.parametrize("snaplen", [0, 1, 59])
def test_a_snaplen_that_is_not_kept_to(tmp_path: Path, snaplen: int) -> None:
    sent = frames(50)
    reading = read_bytes(tmp_path, pcap(sent, snaplen=snaplen))
    assert reading.frames == sent
    assert reading.complete


def test_the_longest_record(tmp_path: Path) -> None:
    sent = [frame(1), frame(2, 262_144), frame(3, 200_000), frame(4)]
    reading = read_bytes(tmp_path, pcap(sent))
    assert reading.frames == sent
    assert reading.complete


def test_captures_joined_by_cat(tmp_path: Path) -> None:
    first = pcap(frames(3))
    second = pcap_header(order=">", magic=0xA1B23C4D, link=101) + pcap_record(
        frame(7, ts=START_S * NS + 1), order=">", magic=0xA1B23C4D
    )
    reading = read_bytes(tmp_path, first + second + first)
    assert reading.frames == [*frames(3), frame(7, ts=START_S * NS + 1, link=101), *frames(3)]
    assert reading.complete


# Whatever comes.


@reusing_tmp_path
@given(st.binary(max_size=600), st.sampled_from("<>"))
def test_a_random_tail_takes_nothing_from_what_is_before_it(tmp_path: Path, tail: bytes, order: str) -> None:
    sent = frames(5)
    reading = read_bytes(tmp_path, pcap(sent, order=order) + tail, window_bytes=512, max_record_bytes=1024)
    assert reading.frames[:5] == sent
    assert set(reading.names) <= {"pcap_bad_record", "pcap_truncated"}
    assert reading.complete == (not reading.weirds)


@reusing_tmp_path
@given(st.data())
def test_bytes_changed_anywhere_leave_every_byte_accounted_for(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(pcap(frames(12, 24)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(24, len(content) - 1))] = data.draw(st.integers(0, 255))
    reading = read_bytes(tmp_path, bytes(content), window_bytes=256, max_record_bytes=2048)
    taken = sum(16 + len(one.data) for one in reading.frames)
    assert 24 + taken + skipped_bytes(reading) == len(content)
