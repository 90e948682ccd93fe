"""sensor.flow.tracker keeping one shard of the flows: the shards' outputs, put in order, are those of one tracker."""

from __future__ import annotations

import heapq
import random
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.capture.source import FrameBatch
from sensor.flow.conn import Connection
from sensor.flow.decode import BAD_TCP_HEADER, TCP, Packet
from sensor.flow.stream import IGNORE, StreamReader
from sensor.flow.tracker import FlowTracker, Mark
from sensor.settings import CaptureSettings, FlowSettings
from sensor.weird import FlowId, Weird
from tests.flow.frames import START, Frame, S, batches, ethernet, ip4
from tests.flow.talk import HANDSHAKE, MS, TALK, Ends, Untouched, listen, parse, seats

PCAPS = Path(__file__).parents[2] / "pcaps"
CAPTURES = sorted(p for folder in ("tcp", "ip", "tunnel", "office") for p in (PCAPS / folder).rglob("*.pcap*"))
Moment = tuple[int, int]


class Teller(Untouched):
    """Puts what it is told into the tracker's output, as a reader does with what it makes of it."""

    def __init__(self, flow: FlowId, out: list[object]) -> None:
        self.service = None
        self.flow = flow
        self.out = out

    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:
        self.out.append(f"{self.flow.uid} {is_orig} {ts} {chunk!r}")
        return IGNORE if b"\r\n\r\n" in chunk and not is_orig else 0

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int:
        self.out.append(f"{self.flow.uid} {is_orig} {ts} gap {length} {unskipped}")
        return 0

    def second(self, *_: object) -> StreamReader:
        return self

    def unfinished(self, is_orig: bool) -> bool:  # noqa: ARG002  (it does not care)
        return False

    def reopened(self, is_orig: bool, ts: int) -> None:
        self.out.append(f"{self.flow.uid} {is_orig} {ts} reopened")

    def closed(self, is_orig: bool, how: int, ts: int, last_data_ts: int, unskipped: int) -> None:
        self.out.append(f"{self.flow.uid} {is_orig} {ts} closed {how} {last_data_ts} {unskipped}")


def played(feed: Callable[[FlowTracker], None], shard: int = 0, shards: int = 1) -> FlowTracker:
    out: list[object] = []
    tracker = FlowTracker(FlowSettings(), lambda flow, _: Teller(flow, out), out)
    if shards > 1:
        tracker.take_shard(shard, shards, 0xC0FFEE)
    feed(tracker)
    tracker.finish()
    return tracker


def groups(out: list[object]) -> list[tuple[Moment, list[object]]]:
    """What stands before each mark."""
    made: list[tuple[Moment, list[object]]] = []
    items: list[object] = []
    for item in out:
        if type(item) is Mark:
            made.append(((item.key, item.number), items))
            items = []
        else:
            items.append(item)
    assert not items, "something came out behind the last mark"
    return made


def in_order(trackers: list[FlowTracker]) -> list[object]:
    shards = [groups(tracker.out) for tracker in trackers]
    for shard in shards:
        marks = [mark for mark, _ in shard]
        assert marks == sorted(set(marks)), "marks must ascend"
    merged = list(heapq.merge(*shards, key=lambda group: group[0]))
    marks = [mark for mark, _ in merged]
    assert len(set(marks)) == len(marks), "two shards had something to say at one moment"
    return [item for _, items in merged for item in items]


def alike(feed: Callable[[FlowTracker], None]) -> None:
    alone = played(feed)
    assert not [item for item in alone.out if type(item) is Mark]
    for shards in (2, 3, 5):
        trackers = [played(feed, shard, shards) for shard in range(shards)]
        assert in_order(trackers) == alone.out
        assert sum(tracker.flows_seen for tracker in trackers) == alone.flows_seen
        totals = [tracker.reassembler.payload_bytes for tracker in trackers]
        assert sum(totals) == alone.reassembler.payload_bytes
        for tracker in trackers:
            assert (tracker.frames, tracker.wire_bytes) == (alone.frames, alone.wire_bytes)
        counts = [sum(column) for column in zip(*[tracker.counts for tracker in trackers], strict=True)]
        assert counts == list(alone.counts)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_recorded(path: Path) -> None:
    def feed(tracker: FlowTracker) -> None:
        with_source = open_inputs([str(path)], CaptureSettings())
        for batch in with_source.batches():
            tracker.feed(batch)

    alike(feed)


def turned(datagram: bytes) -> bytes:
    """From the other side."""
    return datagram[:12] + datagram[16:20] + datagram[12:16] + datagram[20:]


def share_of(tracker: FlowTracker, packet: Packet) -> int:
    ends = (packet.src_hi, packet.src_lo, packet.sport), (packet.dst_hi, packet.dst_lo, packet.dport)
    share = tracker.share(*ends[0], *ends[1])
    assert share == tracker.share(*ends[1], *ends[0]), "one flow, both ways"
    return share


def test_shares_are_even_and_hang_on_the_seed() -> None:
    shares = []
    for seed in (7, 8):
        tracker = FlowTracker(FlowSettings(), lambda flow, _: Teller(flow, []), [])
        tracker.take_shard(0, 3, seed)
        shares.append([tracker.share(0, 0x0A000001 + i % 7, 1024 + i, 0, 0xC0000201, 80) for i in range(3000)])
        assert all(900 < shares[-1].count(share) < 1100 for share in range(3))
        six = [tracker.share(0x20010DB8 << 32, i, 1024, 0x20010DB8 << 32, 1 << 40, 80) for i in range(3000)]
        assert all(900 < six.count(share) < 1100 for share in range(3))
    assert 1500 < sum(one != other for one, other in zip(*shares, strict=True)) < 2500


def test_whose_a_plain_frame_is_its_first_octets_tell_as_decoding_does() -> None:
    """What is in the way of these octets is nobody's until all have decoded it; no octet beyond the frame counts."""
    plain = others = 0
    tracker = FlowTracker(FlowSettings(), lambda flow, _: Teller(flow, []), [])
    tracker.take_shard(0, 5, 7)
    packet = tracker.packet
    for path in CAPTURES:
        for batch in open_inputs([str(path)], CaptureSettings()).batches():
            for i in range(batch.first, batch.stop):
                frame = batch.offset[i], batch.caplen[i]
                owner = tracker.owner(batch.buffer, *frame, batch.link[i])
                if packet.decode(batch.buffer, *frame, batch.wirelen[i], batch.link[i]) in (TCP, BAD_TCP_HEADER):
                    assert owner in (-1, share_of(tracker, packet)), path
                    plain += owner >= 0
                    others += owner < 0
                short = bytes(batch.buffer[batch.offset[i] :][: min(batch.caplen[i], 53)])
                assert tracker.owner(short, 0, len(short), batch.link[i]) == -1
    assert plain > 1000
    assert others > 100


def test_no_octet_behind_the_buffer_is_looked_at() -> None:
    """A source guarantees that there is none; compiled, frames of other shards are passed over by address."""
    frame = bytes.fromhex("ffffffffffffffffffffffff08004500003c000040004006") + bytes(40)
    for shard in (0, 1):
        tracker = FlowTracker(FlowSettings(), lambda flow, _: Teller(flow, []), [])
        tracker.take_shard(shard, 2, 7)
        for offset, caplen in ((1, 64), (0, 65), (1 << 40, 60), ((1 << 64) - 8, 60), (0, (1 << 32) - 1)):
            columns = array("q", [1]), array("Q", [offset]), array("I", [caplen]), array("I", [60]), array("H", [1])
            with pytest.raises((IndexError, OverflowError)):
                tracker.feed(FrameBatch(frame, *columns))


@pytest.mark.parametrize("seed", range(6))
def test_many_flows_at_once(seed: int) -> None:
    """Mixed, torn, reordered, with pauses and leaps of the clock, so that many flows end at one time."""
    dice = random.Random(seed)
    frames: list[Frame] = []
    for number, script in enumerate((TALK, HANDSHAKE, "c> S\n", "s> SA\n", HANDSHAKE + "s> RA\n") * 12):
        ends = Ends(client=f"10.9.{number}.1", cport=2000 + number)
        start = START + dice.randrange(30) * S // 4
        frames += [ends.frame(s) for s in parse(script, ends, start) if dice.random() < 0.97]
    frames.sort(key=lambda frame: frame.ts)
    for _ in range(40):
        i = dice.randrange(len(frames) - 3)
        frames[i], frames[i + 2] = frames[i + 2], frames[i]
    leap = dice.randrange(len(frames))
    pause = (1800, 7200)[seed % 2]  # within what is an ordinary silence, and beyond it
    frames[leap:] = [Frame(f.ts + pause * S, f.data, f.link, f.wirelen) for f in frames[leap:]]

    def feed(tracker: FlowTracker) -> None:
        number = 0
        made: list[FrameBatch] = batches(frames, 17)
        for batch in made:
            batch.number = number
            number += batch.stop - batch.first
            tracker.feed(batch)

    alike(feed)
    assert any(isinstance(item, Connection) for item in played(feed).out)


def test_a_frame_of_which_two_shards_tell() -> None:
    """What a fragment is the first shard tells; what its datagram does to its flow, with that frame, the flow's."""
    frames: list[Frame] = []
    for number in range(8):
        ends = Ends(client=f"10.9.{number}.1", cport=2000 + number)
        for frame in (ends.frame(s) for s in parse(HANDSHAKE + "c> A !100\n" + TALK, ends)):
            payload = frame.data[34:]
            if len(payload) > 24:
                for offset, more in ((24, False), (0, True)):  # the head completes it, and is smaller than any link's
                    part = payload[:24] if more else payload[24:]
                    whole = ip4(ends.client, ends.server, part, ident=7, offset=offset, more=more)
                    frames.append(
                        Frame(frame.ts, ethernet(whole if frame.data[26:30] == whole[12:16] else turned(whole)))
                    )
            else:
                frames.append(frame)
    alone = played(lambda tracker: tracker.feed(next(iter(batches(frames, len(frames))))))
    assert any(isinstance(item, Weird) for item in alone.out)
    alike(lambda tracker: tracker.feed(next(iter(batches(frames, len(frames))))))


def test_flows_that_end_at_one_time_end_in_the_order_in_which_they_began() -> None:
    """The second's time is over first: it is closed, the first was only silent; one look at the clock ends both."""
    first, second = Ends(cport=1001), Ends(cport=1002)
    frames = [first.frame(s) for s in parse("c> A =100\ns> A\n", first)]
    frames += [second.frame(s) for s in parse("c> S\ns> RA\n", second, START + 10 * MS)]
    heard = listen().feed(frames).feed([Frame(START + 3000 * S, b"")])
    assert [conn.flow.orig_p for conn in heard.conns] == [1001, 1002]


def test_the_most_that_there_was_is_known() -> None:
    heard = listen(FlowSettings(max_flows=50, max_half_open=40))
    heard.tracker.take_shard(0, 1, 7)
    heard.feed(seats(20, TALK)).feed(seats(30, "c> S\n", 3000))
    heard.feed([Frame(START + 3000 * S, b"")])
    assert (len(heard.tracker.flows), heard.tracker.half_open()) == (0, 0)
    assert heard.tracker.most_flows == 50
    assert heard.tracker.most_half_open == 30
    assert heard.tracker.evicted == 0
