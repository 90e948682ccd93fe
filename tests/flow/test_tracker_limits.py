"""sensor.flow.tracker within its limits: who goes first when the table is full, and nothing that piles up."""

from __future__ import annotations

import pytest

from sensor.flow.conn import Connection
from sensor.flow.decode import Packet
from sensor.flow.state import Flow
from sensor.settings import FlowSettings
from tests.flow.frames import START, Frame, S, batch
from tests.flow.talk import (
    HANDSHAKE,
    MS,
    TALK,
    Ends,
    Heard,
    conserved,
    frames_of,
    listen,
    parse,
    seats,
    stream,
    tick,
)

OTHER = Ends(client="10.99.0.1", cport=999)


def test_d9_nobody_chooses_who_shares_a_slot() -> None:
    """Addresses, halves and ports that add up to the same: every tuple its own key, in another order each time."""

    def keys(seed: int) -> list[int]:
        tracker = listen().tracker
        tracker.seed = seed
        found = []
        for i in range(200):
            for packet in shapes(i):
                found.append(tracker.key_of(packet))
        return found

    def shapes(i: int) -> list[Packet]:
        made = []
        for src_hi, src_lo, sport in (
            (0x20010DB8 << 32, 5 + (i << 40), 5000 - i),  # the port's place, if it were added at bit 40
            (7 + i, (5 - i * 0x9E3779B97F4A7C15) & (2**64 - 1), 5000),  # the upper half's, if it were multiplied
            (0, 0x0A000000 + i, 5000 - i),
            (i + 1, 0x0A000000, 5000 ^ i),
        ):
            packet = Packet(4, 8)
            packet.family, packet.src_hi, packet.src_lo, packet.sport = 6, src_hi, src_lo, sport
            packet.dst_hi, packet.dst_lo, packet.dport = 1, 2, 80
            made.append(packet)
        return made

    first = keys(1)
    assert len(set(first)) == len(first)
    assert not set(first) & set(keys(2))


LIMITS = FlowSettings(max_flows=100, max_half_open=40)


def reached(heard: Heard) -> dict[str, int]:
    return {limit: times for limit, times in heard.tracker.limits().items() if times}


def test_d2_a_full_table_lets_the_oldest_go() -> None:
    heard = listen(LIMITS)
    for frame in seats(250, HANDSHAKE + "c> A =10\n"):
        heard.feed([frame])
        assert len(heard.tracker.flows) <= 100
    assert heard.tracker.evicted == 150
    assert [conn.flow.orig_p for conn in heard.conns] == list(range(1000, 1150))
    assert {conn.conn_state for conn in heard.conns} == {"S1"}
    assert [reader.octets(True) for reader in heard.readers] == [stream(1, 10)] * 250
    heard.end()


def test_d2_the_newcomer_is_never_the_one_to_go() -> None:
    """A table full of established flows, then a SYN: also the SYN's flow is whole afterwards."""
    heard = listen(FlowSettings(max_flows=3)).feed(seats(4)).end()
    assert [(conn.flow.orig_p, conn.history) for conn in heard.conns] == [(1000 + i, "ShA") for i in range(4)]
    assert heard.tracker.evicted == 1
    alone = listen(FlowSettings(max_flows=1)).feed(seats(5, TALK)).end()
    assert [conn.conn_state for conn in alone.conns] == ["SF"] * 5
    assert len(alone.readers) == 5


def test_d2_closed_flows_go_first_then_half_open_ones_then_the_oldest() -> None:
    limits = FlowSettings(max_flows=6)
    frames = seats(2, HANDSHAKE, 1000) + seats(2, "c> S\n", 2000) + seats(2, TALK, 3000)
    frames = [Frame(START + i * MS, frame.data) for i, frame in enumerate(frames)]
    heard = listen(limits).feed(frames)
    gone = []
    for i in range(6):
        ends = Ends(cport=4000 + i)
        heard.feed([Frame(START + (100 + i) * MS, ends.frame(parse("c> S", ends)[0]).data)])
        heard.feed([Frame(START + (100 + i) * MS, ends.frame(segment).data) for segment in parse(HANDSHAKE, ends)[1:]])
        gone = [conn.flow.orig_p for conn in heard.conns]
    assert gone == [3000, 3001, 2000, 2001, 1000, 1001]
    assert heard.tracker.evicted == 6
    assert reached(heard) == {"flow.max_flows:closed": 2, "flow.max_flows:half_open": 2, "flow.max_flows:oldest": 2}


def test_d1_half_open_flows_are_bounded_and_established_ones_stay() -> None:
    heard = listen(LIMITS).feed(seats(50, HANDSHAKE + "c> A =10\n"))
    flood = seats(1000, "c> S\n", 5000)
    for frame in flood:
        heard.feed([Frame(START + S, frame.data)])
        assert len(heard.tracker.flows) <= 90
        assert heard.tracker.half_open() <= 40
    assert {conn.conn_state for conn in heard.conns} == {"S0"}
    assert not [conn for conn in heard.conns if conn.flow.orig_p < 5000]
    heard.end()
    assert len(heard.conns) == 1050
    assert reached(heard) == {"flow.max_half_open": 960}


def test_d1_what_is_over_does_not_pile_up() -> None:
    """One flow that never ends, and very many that do; ports used again at once; a SYN flood within a second."""
    heard = listen(FlowSettings(max_flows=200, max_half_open=100))
    tracker = heard.tracker
    keeper = frames_of(parse(HANDSHAKE, OTHER), OTHER)
    heard.feed(keeper)

    def queued() -> int:
        return sum(map(len, (tracker.oldest, tracker.opening, tracker.closing))) + sum(map(len, tracker.wheel.values()))

    highest = 0
    syn = Ends().frame(parse("c> S")[0]).data
    reset = Ends().frame(parse("c> S\ns> RA")[1]).data
    for i in range(30_000):
        data = bytearray(syn if i % 3 else reset)
        data[34:36] = (i % 60_000).to_bytes(2, "big") if i < 20_000 else b"\x30\x39"  # source port
        data[38:42] = (i * 7919 + 1).to_bytes(4, "big")  # sequence number
        tracker.feed(batch([Frame(START + i * S // 10_000, bytes(data))], i))
        highest = max(highest, queued())
        heard.out.clear()
    assert highest < 5 * (4096 + 3 * 200)
    conserved(tracker)
    heard.end = lambda: heard  # type: ignore[method-assign]  # its output was thrown away on the way
    tracker.finish()
    assert any(isinstance(item, Connection) and item.flow.orig_p == OTHER.cport for item in heard.out)


def test_d9_two_flows_with_one_key_are_two_flows() -> None:
    """A stranger sits in the slot, and in the one behind it."""
    segments = parse(TALK)
    heard = listen()
    packet = Packet(4, 8)
    frame = Ends().frame(segments[0])
    packet.decode(frame.data, 0, len(frame.data), len(frame.data), 1)
    key = heard.tracker.key_of(packet)
    strangers = [Flow(-2, START), Flow(-1, START)]
    for place, stranger in enumerate(strangers):
        stranger.key = (key + place) & (2**64 - 1)
        stranger.last_ts = START + 10**12
        heard.tracker.flows.add(stranger)
        heard.tracker.oldest.append(stranger)
        heard.tracker.flows_seen += 1
    heard.feed(frames_of(segments))
    assert not [stranger for stranger in strangers if stranger.over], "whose ports nobody used again"
    heard.end()
    assert heard.told == "c 1-100, s 1-200, c FIN, s FIN"
    assert [conn.conn_state for conn in heard.conns] == ["OTH", "OTH", "SF"]


def test_d9_two_flows_with_one_key_when_ports_are_used_again() -> None:
    """The flow that ends stood behind a stranger; the one on its ports does, too."""
    first, again = parse(TALK), parse(TALK, Ends(cisn=7_000_000, sisn=9_000_000))
    heard = listen()
    packet = Packet(4, 8)
    frame = Ends().frame(first[0])
    packet.decode(frame.data, 0, len(frame.data), len(frame.data), 1)
    stranger = Flow(-1, START)
    stranger.key = heard.tracker.key_of(packet)
    stranger.last_ts = START + 10**12
    heard.tracker.flows.add(stranger)
    heard.tracker.oldest.append(stranger)
    heard.tracker.flows_seen += 1
    later = [frame._replace(ts=frame.ts + 10**9) for frame in frames_of(again)]
    heard.feed([*frames_of(first), *later])
    assert not stranger.over
    heard.end()
    assert sorted(conn.conn_state for conn in heard.conns) == ["OTH", "SF", "SF"]


def test_d1_established_flows_at_the_head_of_the_queue_cost_no_half_open_one() -> None:
    """What is half-open is counted: more flows were begun than may be half-open, and few still are."""
    heard = listen(FlowSettings(max_flows=1000, max_half_open=40))
    heard.feed(seats(10, "c> S\n")).feed(seats(200, HANDSHAKE, 2000)).feed(seats(10, "c> S\n", 5000))
    assert heard.tracker.half_open() == 20
    assert heard.tracker.evicted == 0
    heard.end()
    assert heard.tracker.half_open() == 0


FORGED = "".join(f"c> S @{90000 * n} forged\n" for n in range(1, 9))


def test_t12_flows_read_beside_the_newest_are_few_and_take_their_room_in_the_table() -> None:
    heard = listen(FlowSettings(max_flows=20, max_older_flows=3))
    for frame in seats(15, f"{HANDSHAKE}c> A =10\n{FORGED}"):
        heard.feed([frame])
        assert heard.tracker.size() <= 20
    assert heard.tracker.reassembler.older_flows > 0
    found = reached(heard)
    assert found["flow.max_older_flows"] > 0
    assert sum(times for limit, times in found.items() if limit.startswith("flow.max_flows:")) > 0
    heard.end()
    assert (heard.tracker.size(), heard.tracker.reassembler.older_flows) == (0, 0)


def test_t12_no_older_flows_if_none_are_wanted() -> None:
    heard = listen(FlowSettings(max_older_flows=0)).feed(seats(3, f"{HANDSHAKE}c> A =10\n{FORGED}")).end()
    assert heard.tracker.reassembler.older_flows == 0
    assert reached(heard)["flow.max_older_flows"] > 0


@pytest.mark.parametrize(
    ("settings", "limit", "told"),
    [
        (FlowSettings(max_ooo_segments=2), "flow.max_ooo_segments", {"excessive_out_of_order_segments"}),
        (FlowSettings(max_ooo_bytes=100), "flow.max_ooo_bytes", {"above_hole_data_without_any_acks"}),
        (FlowSettings(hole_wait_bytes=100), "flow.hole_wait_bytes", {"above_hole_data_without_any_acks"}),
        (FlowSettings(max_reassembly_bytes=100), "flow.max_reassembly_bytes", {"excessive_reassembly_bytes"}),
        (FlowSettings(hole_wait_s=0.0005), "flow.hole_wait_s", set()),
    ],
)
def test_d3_a_hole_given_up_says_for_what(settings: FlowSettings, limit: str, told: set[str]) -> None:
    script = "".join(f"c> A @{start} =60\n" for start in range(50, 1000, 100))
    heard = listen(settings).feed(frames_of(parse(f"{HANDSHAKE}{script}"))).end()
    assert set(reached(heard)) == {limit}
    assert set(heard.weirds) == told
    heard = listen().feed(frames_of(parse(f"{HANDSHAKE}{script}"))).end()
    assert (reached(heard), heard.weirds) == ({}, [])


def ended_early(heard: Heard, count: int, first: int = 1000) -> Heard:
    """So many flows that a RST has ended, each in a message."""
    heard.feed(seats(count, f"{HANDSHAKE}c> A =10\ns> R\n", first))
    for reader in heard.readers:
        reader.waits = True
    return heard


def test_t11_what_waits_for_its_next_segment_takes_its_room_in_the_table_and_goes_first() -> None:
    heard = ended_early(listen(FlowSettings(max_flows=20)), 15)
    heard.feed(tick(9))
    assert (len(heard.tracker.flows), heard.tracker.size(), len(heard.conns)) == (0, 15, 15)
    for frame in seats(20, f"{HANDSHAKE}c> A =10\n", 2000):
        heard.feed([Frame(frame.ts + 10_000 * MS, frame.data)])
        assert heard.tracker.size() <= 20
    assert reached(heard) == {"flow.max_flows:unfinished": 15}
    assert (heard.tracker.evicted, len(heard.tracker.unfinished)) == (0, 0)
    assert all(reader.ended for reader in heard.readers[:15])
    heard.end()
    assert (heard.tracker.size(), heard.tracker.ledger.charged) == (0, 0)


def test_t11_it_waits_so_long_and_no_longer() -> None:
    heard = ended_early(listen(FlowSettings(unfinished_wait_s=20)), 3)
    heard.feed(tick(24))
    assert (heard.tracker.size(), [reader.ended for reader in heard.readers]) == (3, [{}] * 3)
    heard.feed(tick(27))
    assert heard.tracker.size() == 0
    assert all(reader.ended for reader in heard.readers)
    assert len(heard.conns) == 3
    never = ended_early(listen(FlowSettings(unfinished_wait_s=0)), 3).feed(tick(9))
    assert never.tracker.size() == 0
    between = listen().feed(seats(3, f"{HANDSHAKE}c> A =10\ns> R\n")).feed(tick(9))
    assert between.tracker.size() == 0


def test_t11_at_the_end_each_is_told_once() -> None:
    heard = ended_early(listen(), 3).feed(tick(9)).end()
    assert (len(heard.conns), heard.tracker.size()) == (3, 0)
    assert all(len(reader.ended) == 2 for reader in heard.readers)


def test_t11_what_a_reader_makes_of_going_on_costs_that_flow_alone() -> None:
    heard = ended_early(listen(), 2)
    failed: list[str] = []
    heard.tracker.on_error = lambda _, error: failed.append(type(error).__name__)
    heard.feed(tick(9))
    vars(heard.readers[0])["reopened"] = None  # it cannot be called
    for frame in seats(2, f"{HANDSHAKE}c> A =10\nc> A =5\n")[4::5]:
        heard.feed([Frame(START + 10_000 * MS, frame.data)])
    assert failed == ["TypeError"]
    assert heard.readers[1].octets(True) == stream(1, 15)


def test_all_flows_are_let_go_where_there_is_no_memory() -> None:
    """Told or not: nothing is left, and nothing more is said."""
    heard = listen().feed(frames_of(parse(HANDSHAKE + "c> A =100\nc> S @90000 forged\nc> A @101 =5\n")))
    (flow,) = heard.tracker.flows.values()
    assert len(flow.chain()) == 2
    heard.tracker.abandon()
    assert (heard.tracker.flows.values(), heard.out) == ([], [])
    assert flow.reader is None
