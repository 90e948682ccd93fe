"""Blocks of the ring: what is read out of them, what is put back into them, and that nothing in them is trusted."""

from __future__ import annotations

import random
import struct
from array import array

import pytest
from ring_memory import Taken, encode_block

from sensor.capture.live.blocks import COOKED, scan_block
from sensor.capture.live.ring import LINK_OF
from sensor.capture.reader import Columns

SIZE = 4096
MACS = bytes(range(12))
IPV4 = b"\x08\x00"
PAYLOAD = bytes(range(100, 160))
FRAME = MACS + IPV4 + PAYLOAD
TS = 1_795_364_872_599_222_333


class Read:
    """A block and what comes of walking it: `frames` are (time, link, bytes, length on the wire)."""

    def __init__(self, memory: bytes, *, room: int = 32, base: int = 0) -> None:
        self.memory = bytearray(bytes(base) + memory)
        self.columns = Columns(room)
        self.base = base
        with memoryview(self.memory) as view:
            first = struct.unpack_from("@I", memory, 16)[0]
            left = struct.unpack_from("@I", memory, 12)[0]
            self.count, self.at, self.left, self.misplaced = self.walk(view, base + first, left)

    def walk(self, view: memoryview, at: int, left: int) -> tuple[int, int, int, int]:
        columns = self.columns
        return scan_block(
            view,
            view.cast("I"),
            view.cast("H"),
            self.base,
            len(self.memory),
            at,
            left,
            LINK_OF,
            columns.ts,
            columns.offset,
            columns.caplen,
            columns.wirelen,
            columns.link,
        )  # fmt: skip  (the columns side by side)

    @property
    def frames(self) -> list[tuple[int, int, bytes, int]]:
        columns = self.columns
        return [
            (
                columns.ts[i],
                columns.link[i],
                bytes(self.memory[columns.offset[i] : columns.offset[i] + columns.caplen[i]]),
                columns.wirelen[i],
            )
            for i in range(self.count)
        ]


@pytest.mark.parametrize("base", [0, SIZE])
def test_frames_with_their_times_and_lengths(base: int) -> None:
    sent = [Taken(TS, FRAME), Taken(TS + 10**10 + 7, FRAME[:33]), Taken(0xFFFFFFFF * 10**9 + 999_999_999, FRAME * 3)]
    read = Read(encode_block(sent, SIZE), base=base)
    assert read.frames == [(one.ts, 1, one.data, len(one.data)) for one in sent]
    assert (read.left, read.misplaced) == (0, 0)


def test_a_frame_of_which_only_the_front_was_taken() -> None:
    read = Read(encode_block([Taken(TS, FRAME, wirelen=65549)], SIZE))
    assert read.frames == [(TS, 1, FRAME, 65549)]


def test_a_block_without_frames() -> None:
    assert Read(encode_block([], SIZE)).frames == []


def test_more_frames_than_the_columns_hold_go_on_where_it_stopped() -> None:
    sent = [Taken(TS + n, FRAME + bytes([n])) for n in range(7)]
    read = Read(encode_block(sent, SIZE), room=3)
    found = read.frames
    while read.left:
        read.count, read.at, read.left, read.misplaced = read.walk(memoryview(read.memory), read.at, read.left)
        found += read.frames
    assert [frame[2] for frame in found] == [one.data for one in sent]


@pytest.mark.parametrize(
    ("tag", "restored"),
    [
        ((0x8100, 5), "81000005"),
        ((0x8100, 0xEFFE), "8100effe"),
        ((0x88A8, 2), "88a80002"),
        ((0x8100, 0), "81000000"),
        ((0, 7), "81000007"),
    ],
    ids=["802.1Q", "with priority", "802.1ad", "priority tag", "kernel without TPID"],
)
def test_a_tag_that_was_taken_off_is_put_back(tag: tuple[int, int], restored: str) -> None:
    after = Taken(TS + 1, FRAME)
    read = Read(encode_block([Taken(TS, FRAME, tag=tag), after], SIZE))
    assert read.frames[0] == (TS, 1, MACS + bytes.fromhex(restored) + IPV4 + PAYLOAD, len(FRAME) + 4)
    assert read.frames[1] == (TS + 1, 1, FRAME, len(FRAME))


def test_a_tag_goes_before_one_that_is_in_the_frame() -> None:
    inner = MACS + bytes.fromhex("8100 0064") + IPV4 + PAYLOAD
    read = Read(encode_block([Taken(TS, inner, tag=(0x88A8, 200))], SIZE))
    assert read.frames[0][2] == MACS + bytes.fromhex("88a8 00c8 8100 0064") + IPV4 + PAYLOAD


def test_the_shortest_room_the_kernel_leaves_is_enough_for_a_tag() -> None:
    read = Read(encode_block([Taken(TS, FRAME, tag=(0x8100, 5))], SIZE, reserve=0))
    assert read.frames[0][2] == MACS + bytes.fromhex("81000005") + IPV4 + PAYLOAD


@pytest.mark.parametrize("length", range(14))
def test_what_is_shorter_than_an_ethernet_header_gets_no_tag(length: int) -> None:
    read = Read(encode_block([Taken(TS, FRAME[:length], tag=(0x8100, 5)), Taken(TS, FRAME)], SIZE))
    assert [frame[2] for frame in read.frames] == [FRAME[:length], FRAME]


@pytest.mark.parametrize(("hatype", "link"), [(772, 1), (519, 101), (768, 101), (776, 101), (65534, 101), (803, 127)])
def test_link_types(hatype: int, link: int) -> None:
    mac_len = 14 if link == 1 else 0
    read = Read(encode_block([Taken(TS, FRAME, hatype=hatype, mac_len=mac_len)], SIZE))
    assert read.frames == [(TS, link, FRAME, len(FRAME))]


@pytest.mark.parametrize("mac_len", [0, 2, 4, 14, 24, 60])
@pytest.mark.parametrize("tag", [None, (0x88A8, 9)])
def test_an_unknown_link_header_is_replaced(mac_len: int, tag: tuple[int, int] | None) -> None:
    data = bytes(mac_len) + PAYLOAD
    sent = Taken(TS, data, hatype=512, mac_len=mac_len, protocol=0x86DD, tag=tag, wirelen=9000, pkttype=4)
    read = Read(encode_block([sent], SIZE))
    rest = bytes(8) + b"\x04" + bytes(9)
    cooked = b"\x86\xdd" + rest + PAYLOAD if tag is None else bytes.fromhex("88a8") + rest + b"\0\x09\x86\xdd" + PAYLOAD
    assert read.frames == [(TS, COOKED, cooked, 9000 - mac_len + 20 + (4 if tag else 0))]


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, 3), (0, 0x7FFFFFF0), (12, 0xFFFFFFFF), (12, SIZE), (24, 0), (24, 67), (24, 0xFFFF)],
    ids=["crooked", "far away", "huge", "longer than the block", "no start", "in its header", "start far away"],
)
def test_what_does_not_fit_ends_the_walk_and_is_counted(place: int, value: int) -> None:
    memory = bytearray(encode_block([Taken(TS + n, FRAME) for n in range(4)], SIZE))
    struct.pack_into("@I" if place < 24 else "@H", memory, 48 + place, value)
    read = Read(bytes(memory))
    good = 1 if place == 0 else 0
    assert (read.count, read.left, read.misplaced) == (good, 0, 4 - good)


def test_a_frame_that_says_that_it_is_its_own_successor_is_not_read_for_ever() -> None:
    memory = bytearray(encode_block([Taken(TS, FRAME)], SIZE))
    struct.pack_into("@I", memory, 48, 0)
    struct.pack_into("@I", memory, 12, 0xFFFFFFFF)
    read = Read(bytes(memory), room=50)
    assert read.count == 50  # the columns are full: the caller counts what is left down


def test_no_memory_outside_of_the_block_is_touched() -> None:
    """Damaged at random: whatever comes out lies in the block, and what lies around it is as it was."""
    rng = random.Random(7)
    good = encode_block([Taken(TS + n, FRAME, tag=(0x8100, n), hatype=rng.choice([1, 512])) for n in range(9)], SIZE)
    for _ in range(2000):
        memory = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            memory[rng.randrange(48, 1600)] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        around = bytearray(b"\xaa" * SIZE + bytes(memory) + b"\xbb" * SIZE)
        columns = Columns(16)
        with memoryview(around) as view:
            count, at, left, misplaced = scan_block(
                view,
                view.cast("I"),
                view.cast("H"),
                SIZE,
                2 * SIZE,
                SIZE + 48,
                9,
                LINK_OF,
                columns.ts,
                columns.offset,
                columns.caplen,
                columns.wirelen,
                columns.link,
            )  # fmt: skip  (the columns side by side)
        assert count + left + misplaced == 9
        for i in range(count):
            assert columns.offset[i] >= SIZE + 48 + 68
            assert columns.offset[i] + columns.caplen[i] <= 2 * SIZE
        assert around[:SIZE] == b"\xaa" * SIZE
        assert around[2 * SIZE :] == b"\xbb" * SIZE
        assert at >= SIZE


def test_the_link_table_is_in_pairs() -> None:
    assert isinstance(LINK_OF, array)
    assert len(LINK_OF) % 2 == 0
