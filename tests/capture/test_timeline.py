"""sensor.capture.timeline: several captures are one, in time, without holding them all open."""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.capture.inputs import open_inputs
from sensor.capture.timeline import ALL_WINDOWS_BYTES, MIN_WINDOW_BYTES
from sensor.settings import CaptureSettings
from tests.capture.files import NS, START_S, Frame, drain, frame, open_files, pcap, pcap_header, pcapng, read


def at(second: float, name: str) -> Frame:
    """A frame that tells where it is from."""
    data = name.encode()
    return Frame(START_S * NS + round(second * 1000) * 1_000_000, data, len(data))


def write(tmp_path: Path, captures: Sequence[Sequence[Frame]]) -> list[Path]:
    paths = []
    for number, content in enumerate(captures):
        path = tmp_path / f"{number}"
        path.write_bytes(pcap(content) if number % 2 else pcapng(content))
        paths.append(path)
    return paths


def test_rotated_files_in_any_order(tmp_path: Path) -> None:
    first, second, third = [[at(10 * n + i, f"{n}/{i}") for i in range(5)] for n in range(3)]
    reading = read(write(tmp_path, [third, first, second]))
    assert reading.frames == first + second + third
    assert [Path(one.name).name for one in reading.files] == ["1", "2", "0"]
    assert reading.complete


def test_captures_that_overlap_are_merged(tmp_path: Path) -> None:
    up = [at(n, f"up {n}") for n in range(0, 20, 2)]
    down = [at(n, f"down {n}") for n in range(5, 30, 2)]
    reading = read(write(tmp_path, [down, up]))
    assert reading.frames == sorted(up + down)


def test_frames_at_the_same_time_keep_the_order_of_the_inputs(tmp_path: Path) -> None:
    captures = [[at(1, f"{n}a"), at(2, f"{n}b"), at(2, f"{n}c"), at(3, f"{n}d")] for n in range(4)]
    reading = read(write(tmp_path, captures))
    assert [one.data.decode() for one in reading.frames] == [
        *("0a", "1a", "2a", "3a"),
        *("0b", "0c", "1b", "1c", "2b", "2c", "3b", "3c"),
        *("0d", "1d", "2d", "3d"),
    ]


def test_a_long_run_is_one_batch(tmp_path: Path) -> None:
    """Columns are not copied, so a batch is a run of one capture; runs must not be cut needlessly."""
    long = [at(n, "long") for n in range(1000)]
    short = [at(500.5, "short")]
    assert read(write(tmp_path, [long, short])).batches == [501, 1, 499]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    st.lists(st.lists(st.integers(0, 12), max_size=12), min_size=1, max_size=5),
    st.booleans(),
    st.sampled_from([256, 1024, 1 << 16]),
)
def test_the_merge_of_captures_whose_clocks_may_go_back(
    tmp_path: Path, captures: list[list[int]], rising: bool, window: int
) -> None:
    content = [
        [at(second, f"{number}/{i}") for i, second in enumerate(sorted(seconds) if rising else seconds)]
        for number, seconds in enumerate(captures)
    ]
    reading = read(write(tmp_path, content), window_bytes=window, max_record_bytes=256)
    # Each capture keeps its own order; where all rise it is the merge of sorted sequences.
    for number, own in enumerate(content):
        assert [one for one in reading.frames if one.data.startswith(b"%d/" % number)] == own
    keyed = [[(one.ts, number, i, one) for i, one in enumerate(own)] for number, own in enumerate(content)]
    if rising:
        assert reading.frames == [entry[-1] for entry in heapq.merge(*keyed)]
    assert len(reading.files) == len(captures)


def test_files_are_open_only_in_their_turn(tmp_path: Path) -> None:
    paths = write(tmp_path, [[at(10 * n + i, "x") for i in range(3)] for n in range(50)])
    before = open_files()
    source = open_inputs([str(path) for path in paths], CaptureSettings())
    most = 0
    for batch in source.batches():
        assert batch.stop > batch.first
        most = max(most, open_files())
    assert most <= before + 2
    assert open_files() == before
    assert source.frames == 150


def test_captures_that_overlap_share_the_memory_for_windows(tmp_path: Path) -> None:
    paths = write(tmp_path, [[at(n, "x" * 100) for n in range(100)] for _ in range(200)])
    source = open_inputs([str(path) for path in paths], CaptureSettings())
    most = 0
    for _ in source.batches():
        most = max(most, sum(track.window_bytes for track in source.open_tracks()))
    assert source.frames == 20_000
    assert source.bytes_read == source.bytes_total == sum(path.stat().st_size for path in paths)
    # 200 windows of half a MiB would be 100 MiB.
    assert 200 * MIN_WINDOW_BYTES < most < 3 * ALL_WINDOWS_BYTES


def test_captures_without_frames_come_first(tmp_path: Path) -> None:
    reading = read(write(tmp_path, [[at(1, "x")], [], [at(0, "y")], []]))
    assert reading.frames == [at(0, "y"), at(1, "x")]
    assert [(Path(one.name).name, one.frames) for one in reading.files] == [("1", 0), ("3", 0), ("2", 1), ("0", 1)]


def test_one_damaged_capture_among_others(tmp_path: Path) -> None:
    good = [at(n, "good") for n in range(5)]
    bad = [at(n + 0.5, "bad") for n in range(5)]
    (tmp_path / "good").write_bytes(pcap(good))
    (tmp_path / "bad").write_bytes(pcap(bad)[:-1])
    reading = read([tmp_path / "good", tmp_path / "bad"])
    assert reading.frames == sorted(good + bad[:4])
    assert reading.names == ["pcap_truncated"]
    assert {Path(one.name).name: one.complete for one in reading.files} == {"good": True, "bad": False}
    assert not reading.complete


def test_damage_is_told_once_though_a_file_is_looked_at_twice(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(pcap_header() + b"\xff" * 20 + pcap([at(5, "late")])[24:])
    (tmp_path / "good").write_bytes(pcap([at(1, "early")]))
    reading = read([tmp_path / "bad", tmp_path / "good"])
    assert reading.names == ["pcap_bad_record"]
    assert len(reading.files) == 2


def test_a_file_that_is_gone_when_its_turn_comes(tmp_path: Path) -> None:
    first, second = write(tmp_path, [[at(1, "x")], [at(2, "y")]])
    source = open_inputs([str(first), str(second)], CaptureSettings())
    second.unlink()
    reading = drain(source)
    assert reading.frames == [at(1, "x")]
    assert reading.names == ["input_unreadable"]
    assert [one.complete for one in reading.files] == [True, False]
    assert not reading.complete


def test_a_file_that_is_no_capture_any_more_when_its_turn_comes(tmp_path: Path) -> None:
    first, second = write(tmp_path, [[at(1, "x")], [at(2, "y")]])
    source = open_inputs([str(first), str(second)], CaptureSettings())
    second.write_bytes(b"something else")
    reading = drain(source)
    assert reading.frames == [at(1, "x")]
    assert reading.names == ["input_unreadable"]
    assert not reading.complete


def test_progress(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(pcap([frame(n, 1000) for n in range(3000)]))
    packed.write_bytes(gzip.compress(pcap([frame(n, 1000) for n in range(3000, 6000)])))
    source = open_inputs([str(plain), str(packed)], CaptureSettings())
    total = plain.stat().st_size + packed.stat().st_size
    assert source.bytes_total == total
    seen = []
    for _ in source.batches():
        seen.append((source.bytes_read, source.frames))
    assert seen == sorted(seen)
    assert seen[0][0] < total / 2
    assert (source.bytes_read, source.frames) == (total, 6000)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_closing_early(tmp_path: Path, after: int) -> None:
    paths = write(tmp_path, [[at(n, "up") for n in range(0, 20, 2)], [at(n, "down") for n in range(1, 20, 2)]])
    before = open_files()
    source = open_inputs([str(path) for path in paths], CaptureSettings())
    batches = source.batches()
    for _ in range(after):
        next(batches)
    source.close()
    assert list(batches) == []
    assert open_files() == before
    assert len(source.files) == (min(after, 2) if after else 0)
    source.close()
