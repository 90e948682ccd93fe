"""sensor.capture.index: compiled and as Python, the same for every input; a search stays linear."""

from __future__ import annotations

import importlib.util
import random
import struct
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sensor.capture.index as imported
from sensor.capture.pcapng import _Interfaces
from sensor.capture.reader import Columns
from tests.capture.files import frame, frames, pcap_record, pcapng


def _as_python() -> ModuleType:
    source = Path(imported.__file__).parent / "index.py"
    spec = importlib.util.spec_from_file_location("index_as_python", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PYTHON = _as_python()
BOTH = pytest.mark.parametrize("index", [PYTHON, imported], ids=["python", "as imported"])
HEAD, TIMES = 16, 1000


def scan_pcap(
    index: ModuleType, data: bytes, *, room: int = 8, start: int = 0, big: bool = False, trusted: int = 1 << 40
) -> tuple[object, ...]:
    columns = Columns(room)
    result = index.scan_pcap(
        memoryview(data), start, len(data), big, HEAD, TIMES, 8, 12, 65535, trusted, 1,
        columns.ts, columns.offset, columns.caplen, columns.wirelen, columns.link, 0,
    )  # fmt: skip
    return (result, *(getattr(columns, name).tolist()[: result[0]] for name in Columns.__slots__))


def find_pcap(
    index: ModuleType,
    data: bytes,
    *,
    start: int = 0,
    at_end: bool = True,
    to_the_end: bool = False,
    big: bool = False,
    times: tuple[int, int] = (0, 2**32 - 1),
    fewest: int = 1,
) -> tuple[int, int]:
    found: tuple[int, int] = index.find_pcap(
        memoryview(data), start, len(data), at_end, to_the_end, big, HEAD, 10**6, 8, 12, 65535, *times, fewest
    )  # fmt: skip
    return found


def scan_pcapng(
    index: ModuleType, data: bytes, clocks: list[tuple[int, int]], *, room: int = 8, big: bool = False
) -> tuple[object, ...]:
    columns, interfaces = Columns(room), _Interfaces()
    for tsresol, offset in clocks:
        interfaces.add(1, 0, tsresol, offset)
    result = index.scan_pcapng(
        memoryview(data), 0, len(data), big, 65535, 100_000, len(clocks),
        interfaces.link, interfaces.way, interfaces.factor, interfaces.offset, interfaces.limit,
        columns.ts, columns.offset, columns.caplen, columns.wirelen, columns.link, 0,
    )  # fmt: skip
    return (result, *(getattr(columns, name).tolist()[: result[0]] for name in Columns.__slots__))


# Bytes in which something is found: records and blocks, whole and broken, among others.
small = st.integers(0, 70)
number = st.one_of(small, st.sampled_from([2**31, 2**32 - 1, 65535, 65536, 1_700_000_000]), st.integers(0, 2**32 - 1))
record = st.builds(lambda *n: struct.pack("<IIII", *n[:4]) + bytes(n[4]), number, small, small, small, small)
epb = st.builds(
    lambda iface, high, low, caplen, wire, room, wrong: (
        struct.pack("<IIIIIII", 6, 32 + 4 * room + wrong, iface, high, low, caplen, wire)
        + bytes(4 * room)
        + struct.pack("<I", 32 + 4 * room)
    ),
    st.integers(0, 3), number, number, small, number, st.integers(0, 18), st.sampled_from([0, 0, 0, 4, 1, 2**31]),
)  # fmt: skip
section = st.sampled_from([struct.pack(o + "IIIIQI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, 28) for o in "<>"])
bytes_of = st.lists(st.one_of(record, record, epb, epb, section, st.binary(max_size=40)), max_size=12).map(b"".join)


@settings(deadline=None, max_examples=400)
@given(bytes_of, st.data())
def test_compiled_and_as_python_alike(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, len(data)))
    big, at_end, to_the_end = (draw.draw(st.booleans()) for _ in range(3))
    room = draw.draw(st.integers(1, 8))
    clocks = draw.draw(st.lists(st.tuples(st.integers(0, 255), st.integers(-(2**63), 2**63 - 1)), max_size=3))
    for call in (
        lambda index: scan_pcap(index, data, room=room, start=start, big=big, trusted=start),
        lambda index: find_pcap(index, data, start=start, at_end=at_end, to_the_end=to_the_end, big=big),
        lambda index: scan_pcapng(index, data, clocks, room=room, big=big),
        lambda index: index.find_pcapng(memoryview(data), start, len(data), at_end, to_the_end, big, 4096),
    ):
        assert call(PYTHON) == call(imported)


@BOTH
def test_columns_are_filled_in_turn(index: ModuleType) -> None:
    data = b"".join(pcap_record(one) for one in frames(3, 20))
    result, caplen, link, offset, ts, wirelen = scan_pcap(index, data)
    assert result == (3, len(data), index.MORE)
    assert (caplen, wirelen, link) == ([20] * 3, [20] * 3, [1] * 3)
    assert offset == [16, 52, 88]
    assert ts == [one.ts for one in frames(3)]
    assert scan_pcap(index, data, room=2)[0] == (2, 72, index.FULL)
    assert scan_pcap(index, data[:-1])[0] == (2, 72, index.MORE)


@BOTH
def test_an_odd_record_is_left_to_the_caller_unless_trusted(index: ModuleType) -> None:
    data = pcap_record(frame(1)) + pcap_record(frame(2)._replace(wirelen=3)) + pcap_record(frame(3))
    assert scan_pcap(index, data)[0] == (1, 76, index.ODD)
    assert scan_pcap(index, data, trusted=76)[0] == (3, 228, index.MORE)


@BOTH
def test_a_run_of_records_is_found_not_one_alone(index: ModuleType) -> None:
    noise = random.Random(1).randbytes(500)
    records = b"".join(pcap_record(one) for one in frames(3, 20))
    times = (1_699_999_000, 1_700_001_000)
    assert find_pcap(index, noise + records + noise, at_end=False, times=times) == (500, index.FOUND)
    one = pcap_record(frame(1)._replace(data=b"\xee" * 20, wirelen=20))
    assert find_pcap(index, noise + one + noise, at_end=False, times=times)[1] == index.MORE
    # What may yet become a run is kept for when there are more bytes.
    assert find_pcap(index, noise + one, at_end=False, times=times) == (500, index.MORE)
    assert find_pcap(index, noise + one, times=times) == (500, index.FOUND)
    assert find_pcap(index, noise + one, times=times, fewest=2)[1] == index.MORE
    assert find_pcap(index, noise + one, times=(0, 1_600_000_000))[1] == index.MORE


@BOTH
@pytest.mark.parametrize(
    ("fraction", "captured", "wire", "believed"),
    [
        (999_999, 20, 65_535, True),
        (1_000_000, 20, 20, False),
        (0, 20, 19, False),
        (0, 20, 65_536, False),
        (0, 0, 20, False),
        (0, 65_536, 65_536, False),
    ],
)
def test_what_a_search_believes(index: ModuleType, fraction: int, captured: int, wire: int, believed: bool) -> None:
    header = struct.pack("<IIII", 1_700_000_000, fraction, captured, wire)
    content = b"\xee" * 50 + (header + b"\xee" * captured) * 3 + b"\xee" * 50
    verdict = find_pcap(index, content, at_end=False, times=(1_699_999_999, 1_700_000_001))
    assert (verdict == (50, index.FOUND)) == believed


@BOTH
def test_a_run_whose_times_are_days_apart_is_none(index: ModuleType) -> None:
    day = 86_400 * 10**9
    near = b"".join(pcap_record(frame(n, 20, ts=n * day)) for n in (2, 3, 2, 1))
    far = b"".join(pcap_record(frame(n, 20, ts=n * day)) for n in (2, 4, 2, 0))
    assert find_pcap(index, near, at_end=False) == (0, index.FOUND)
    assert find_pcap(index, far, at_end=False)[1] == index.MORE


@BOTH
@pytest.mark.parametrize("to_the_end", [False, True])
def test_a_search_through_hostile_bytes_is_linear(index: ModuleType, to_the_end: bool) -> None:
    """Records of one byte, then one that breaks the run: each is the start of a long walk that leads nowhere."""
    records = struct.pack("<IIII", 1, 1, 1, 1) + b"x"
    blocks = struct.pack("<III", 4, 12, 12)

    def seconds(search: Callable[[bytes], object], content: bytes) -> float:
        before = time.perf_counter()
        search(content)
        return time.perf_counter() - before

    # Small enough for Python: what is quadratic takes minutes for these, what is linear less than a second.
    content = records * 8000 + b"\xff" * 20
    assert seconds(lambda data: find_pcap(index, data, to_the_end=to_the_end, times=(1, 1)), content) < 10
    content = blocks * 8000 + b"\xff" * 20
    search = index.find_pcapng
    assert seconds(lambda data: search(memoryview(data), 1, len(data), True, to_the_end, False, 4096), content) < 10


@BOTH
def test_a_run_ends_where_another_capture_has_its_turn(index: ModuleType) -> None:
    ts = array("q", [1, 2, 2, 3, 2, 9])
    assert index.run_stop(ts, 0, 6, 2, False) == 1
    assert index.run_stop(ts, 0, 6, 2, True) == 3
    assert index.run_stop(ts, 0, 6, 10, False) == 6
    assert index.run_stop(ts, 3, 5, -5, False) == 3


@BOTH
def test_blocks_are_found_in_either_byte_order(index: ModuleType) -> None:
    noise = random.Random(2).randbytes(333)
    for order in "<>":
        content = noise + pcapng(frames(2), order=order)
        assert index.find_pcapng(memoryview(content), 0, len(content), True, False, False, 4096) == (333, index.FOUND)
