"""sensor.flow.tracker: finds each frame's flow, ends flows in packet time, keeps its tables within their limits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.flow.conn import Connection
from sensor.flow.decode import Packet
from sensor.settings import FlowSettings
from sensor.weird import FlowId
from tests.flow import frames as wire
from tests.flow.frames import START, Frame, S, batch, ethernet, ip4, tcp
from tests.flow.talk import CLOSE, HANDSHAKE, MS, Ends, Heard, conserved, frames_of, listen, parse, play, stream

TALK = HANDSHAKE + "c> A =100\ns> A =200\nc> A\n" + CLOSE
OTHER = Ends(client="10.99.0.1", cport=999)


def tick(second: float, start: int = START) -> list[Frame]:
    """A frame of no flow, `second` seconds after `start`: packet time goes on."""
    return [Frame(start + int(second * S), ethernet(bytes(28), 0x0806))]


def lives(script: str, limits: FlowSettings | None = None) -> float:
    """How many seconds of packet time after its last packet a flow is in the table, in steps of half a second."""
    heard = listen(limits).feed(frames_of(parse(script)))
    last = parse(script)[-1].ts
    for half in range(1400):
        if heard.conns:
            return half / 2
        heard.feed(tick(half / 2 + 0.5, last))
    raise AssertionError("it lives for ever")


TIMERS = {
    # a flow in this state is logged so many seconds after its last packet (at most; the clock ticks in seconds)
    "attempt without an answer": ("c> S\n", 5),
    "attempt, only its RST": ("c> S\nc> R\n", 5),
    "rejected": ("c> S\ns> RA\n", 5),
    "closed by both": (TALK, 5),
    "reset": (HANDSHAKE + "c> A =10\ns> RA\n", 5),
    "established": (HANDSHAKE + "c> A =10\ns> A\n", 300),
    "established, nothing said": (HANDSHAKE, 300),
    "half closed": (HANDSHAKE + "c> FA\ns> A\n", 300),
    "midstream, one direction": ("c> A =10 @500\n", 300),
    "only the SYN was acknowledged": ("c> S\ns> A @1\n", 5),
}


@pytest.mark.parametrize("name", TIMERS)
def test_flows_end_in_packet_time(name: str) -> None:
    script, seconds = TIMERS[name]
    assert seconds <= lives(script) <= seconds + 8


def test_timers_are_settings() -> None:
    limits = FlowSettings(attempt_timeout_s=20, close_linger_s=12, idle_timeout_s=30)
    assert 20 <= lives("c> S\n", limits) <= 22
    assert 12 <= lives(TALK, limits) <= 14
    assert 30 <= lives(HANDSHAKE + "c> A =10\n", limits) <= 37


def test_every_packet_keeps_a_flow_alive() -> None:
    script = HANDSHAKE + "c> A =1 +290s\ns> A +5s\n" * 20
    heard = play(script)
    assert heard.conn.duration == 2 * MS + 20 * 295 * S
    assert heard.side("c") == "1-20, END"


def test_how_a_flow_ended_is_told_to_its_reader() -> None:
    ended = {
        "FIN": TALK,
        "RST": HANDSHAKE + "c> A =10\nc> R\n",
        "END": HANDSHAKE + "c> A =10\n",
    }
    for how, script in ended.items():
        assert play(script).side("c").endswith(how)
    idle = listen().feed(frames_of(parse(HANDSHAKE + "c> A =10\n"))).feed(tick(400))
    assert idle.side("c") == "1-10, TIMEOUT"


def test_t15_ports_used_again_after_the_end() -> None:
    second = parse(TALK, Ends(cisn=0x70000000, sisn=0x01000000), START + S)
    heard = listen().feed(frames_of(parse(TALK)) + frames_of(second)).end()
    assert [conn.conn_state for conn in heard.conns] == ["SF", "SF"]
    assert [reader.octets(True) for reader in heard.readers] == [stream(1, 100)] * 2
    assert heard.weirds == ["premature_connection_reuse"]
    assert len({conn.flow.uid for conn in heard.conns}) == 2
    assert heard.readers[0].flow == heard.conns[0].flow


def test_t15_ports_used_again_without_an_end() -> None:
    second = parse(TALK, Ends(cisn=0x70000000, sisn=0x01000000), START + S)
    heard = listen().feed(frames_of(parse(HANDSHAKE + "c> A =100\n")) + frames_of(second)).end()
    assert [conn.conn_state for conn in heard.conns] == ["S1", "SF"]
    assert heard.readers[0].told[-1] == "s TIMEOUT"
    assert heard.weirds == ["active_connection_reuse"]


def test_t9_attempts_with_other_numbers_are_other_attempts() -> None:
    heard = listen()
    for number in range(4):
        heard.feed(frames_of(parse("c> S", Ends(cisn=1000 * number), START + number * MS)))
    heard.end()
    assert [conn.history for conn in heard.conns] == ["S"] * 4
    assert heard.weirds == ["SYN_seq_jump"] * 3


def test_t15_a_repeated_syn_is_no_new_connection() -> None:
    assert play("c> S\nc> S @0\ns> SA\ns> SA @0\nc> A\nc> A =10\ns> A\n").conn.history == "ShADa"


def test_t17_tuples_that_are_alike() -> None:
    """The same XOR of addresses and of ports, swapped ports, swapped addresses, another family: all apart."""
    ends = [
        Ends("10.0.0.1", "10.0.0.2", 40000, 80),
        Ends("10.0.0.5", "10.0.0.6", 40000, 80),
        Ends("10.0.0.2", "10.0.0.1", 40000, 80),
        Ends("10.0.0.1", "10.0.0.2", 40001, 81),
        Ends("::a00:1", "::a00:2", 40000, 80),
        Ends("10.0.0.1", "10.0.0.2", 40080, 80),
    ]
    scripts = [parse(HANDSHAKE + f"c> A ={10 + i}\n" + CLOSE, end) for i, end in enumerate(ends)]
    mixed = [end.frame(script[step]) for step in range(8) for end, script in zip(ends, scripts, strict=True)]
    heard = listen(FlowSettings(http_ports=(80, 81, 40000))).feed(mixed).end()
    assert sorted(reader.at[True] - 1 for reader in heard.readers) == [10 + i for i in range(len(ends))]
    assert {conn.conn_state for conn in heard.conns} == {"SF"}
    assert len({conn.flow.uid for conn in heard.conns}) == len(ends)
    assert {(conn.flow.orig_h, conn.flow.orig_p) for conn in heard.conns} == {(end.client, end.cport) for end in ends}


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


def test_both_directions_have_one_key() -> None:
    tracker = listen(FlowSettings(use_vlan=True)).tracker
    one, other = Packet(4, 8), Packet(4, 8)
    one.family = other.family = 6
    one.src_hi, one.src_lo, one.sport, one.dst_hi, one.dst_lo, one.dport = 1, 2, 3, 4, 5, 6
    other.src_hi, other.src_lo, other.sport, other.dst_hi, other.dst_lo, other.dport = 4, 5, 6, 1, 2, 3
    assert tracker.key_of(one) == tracker.key_of(other)
    other.vlan = 7
    assert tracker.key_of(one) != tracker.key_of(other)


def test_l1_tags_are_no_part_of_a_flow_unless_asked_for() -> None:
    client, server = Ends(vlan=7), Ends(vlan=8)
    frames = [(client if segment.from_client else server).frame(segment) for segment in parse(TALK)]
    heard = listen().feed(frames).end()
    assert (heard.conn.conn_state, heard.conn.vlan) == ("SF", 7)
    apart = listen(FlowSettings(use_vlan=True)).feed(frames).end()
    assert sorted(conn.vlan or 0 for conn in apart.conns) == [7, 8]
    same = listen(FlowSettings(use_vlan=True)).feed(frames_of(parse(TALK), client)).end()
    assert same.conn.conn_state == "SF"


def test_l5_every_frame_twice() -> None:
    """Both ports of a link mirrored, the copy at once or a little later, with another TTL and other MACs."""
    frames = frames_of(parse(TALK))
    plain = listen().feed(frames).end()
    for delay in (0, 2 * MS):
        copies = []
        for frame in frames:
            copy = bytearray(frame.data)
            copy[0:12] = copy[0:12][::-1]
            copy[22] -= 1
            copies.append(Frame(frame.ts + delay + 9000, bytes(copy)))
        doubled = sorted(frames + copies, key=lambda frame: frame.ts)
        heard = listen().feed(doubled).end()
        assert heard.told == plain.told
        assert len(heard.conns) == 1
        assert heard.conn.flow == plain.conn.flow
        assert heard.tracker.reassembler.duplicate_bytes == 300
        assert set(heard.weirds) <= {"premature_connection_reuse"}


def test_l7_checksums_are_not_looked_at() -> None:
    """Offload leaves them to the card; a wrong one changes nothing."""
    frames = [
        Frame(f.ts, f.data[:24] + b"\xde\xad" + f.data[26:50] + b"\xbe\xef" + f.data[52:])
        for f in frames_of(parse(TALK))
    ]
    assert listen().feed(frames).end().told == play(TALK).told


def seats(count: int, script: str = HANDSHAKE, first: int = 1000) -> list[Frame]:
    """The same script from `count` ports, one conversation after the other, a millisecond apart."""
    frames = []
    for i in range(count):
        ends = Ends(cport=first + i)
        frames += frames_of(parse(script, ends, START + i * 10 * MS), ends)
    return frames


LIMITS = FlowSettings(max_flows=100, max_half_open=40)


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


def test_d1_half_open_flows_are_bounded_and_established_ones_stay() -> None:
    heard = listen(LIMITS).feed(seats(50, HANDSHAKE + "c> A =10\n"))
    flood = seats(1000, "c> S\n", 5000)
    for frame in flood:
        heard.feed([Frame(START + S, frame.data)])
        assert len(heard.tracker.flows) <= 90
        assert len(heard.tracker.opening) <= 40
    assert {conn.conn_state for conn in heard.conns} == {"S0"}
    assert not [conn for conn in heard.conns if conn.flow.orig_p < 5000]
    heard.end()
    assert len(heard.conns) == 1050


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


def behind_the_clock(*scripts: tuple[str, Ends]) -> Heard:
    """A frame of another flow 400 s after START; then conversations with times from START on, as if it were another
    machine's clock: each of their packets is older than any timer."""
    heard = listen().feed(frames_of(parse("c> S", OTHER, START + 400 * S), OTHER))
    for number, (script, ends) in enumerate(scripts):
        heard.feed(frames_of(parse(script, ends, START + number * S), ends))
    return heard.end()


def test_cf8_the_clock_runs_back_and_no_message_is_torn() -> None:
    """conn.log has a connection for each packet, as Zeek's does; the reader has one, and every octet once."""
    script = HANDSHAKE + "c> A =50\nc> A =50\ns> A =100\nc> A\ns> A =100\nc> A\n"
    heard = behind_the_clock((script, Ends()))
    assert heard.told == "s midway, c midway, c 1-100, s 1-200, c END, s END"
    conns = [conn for conn in heard.conns if conn.flow.orig_p == 49152]
    assert len(conns) == 9
    assert heard.readers[0].flow.uid in {conn.flow.uid for conn in conns}
    assert heard.tracker.clock_backwards == 9


def test_cf8_holes_are_still_holes_after_the_clock_ran_back() -> None:
    script = (
        HANDSHAKE
        + "c> A =50\nc> A @101 =50\nc> A @51 =50\ns> A =100 ^151\nc> A =50\nc> A =50 lost\ns> A =100\nc> A =10\n"
    )
    heard = behind_the_clock((script, Ends()))
    (reader,) = heard.readers
    assert reader.gaps[True] == [(201, 50)]
    assert reader.octets(True) == stream(1, 200) + stream(251, 10)
    assert reader.octets(False) == stream(1, 200, False)


def test_cf8_a_demand_outlives_the_clock() -> None:
    def demand(_: object, is_orig: bool, passed: int) -> int:
        return 100 if is_orig and passed == 50 else 0

    heard = listen(demand=demand).feed(frames_of(parse("c> S", OTHER, START + 400 * S), OTHER))
    heard.feed(frames_of(parse(HANDSHAKE + "c> A =50\nc> A =70\nc> A =70\n"))).end()
    assert heard.side("c") == "midway, 1-50, skipped 100, 151-190, END"


def test_cf8_a_new_connection_inherits_nothing() -> None:
    """The same ports again with numbers of their own: two conversations, nothing invented."""
    heard = behind_the_clock((TALK, Ends()), (TALK, Ends(cisn=0x70000000, sisn=0x99990000)))
    said = [(reader.octets(True), reader.octets(False), reader.gaps) for reader in heard.readers]
    assert said == [(stream(1, 100), stream(1, 200, False), {True: [], False: []})] * 2


def test_cf8_a_side_that_was_never_seen_is_not_renumbered() -> None:
    """Nothing of the server is seen but what the client acknowledges; then its octets, from their beginning."""
    heard = behind_the_clock(("c> S\nc> . =50\ns> SA @0\ns> A @1 =100\nc> A =50\ns> A =100\n", Ends()))
    (reader,) = heard.readers
    assert reader.octets(True) == stream(1, 100)
    assert reader.octets(False) == stream(1, 200, False)
    assert reader.gaps == {True: [], False: []}


def test_cf8_the_clock_leaps_and_no_message_is_torn() -> None:
    years = 10 * 365 * 86_400
    script = HANDSHAKE + "c> A =50\n"
    heard = listen().feed(frames_of(parse(script)))
    rest = parse(script + "c> A =50\ns> A =100\nc> A\n" + CLOSE, None, START + years * S)[4:]
    heard.feed(frames_of(rest)).end()
    assert heard.told == "c 1-100, s 1-100, c FIN, s FIN"
    assert heard.weirds == ["clock_jump"]
    assert [conn.conn_state for conn in heard.conns] == ["S1", "SF"]
    assert all((conn.duration or 0) < S for conn in heard.conns)


def test_cf8_after_a_leap_silent_flows_end() -> None:
    heard = listen().feed(frames_of(parse(HANDSHAKE + "c> A =50\n")))
    heard.feed(tick(86_400)).feed(tick(86_400 + 299))
    assert heard.conns == []
    heard.feed(tick(86_400 + 310))
    assert heard.side("c") == "1-50, TIMEOUT"


def test_cf8_zero_and_negative_times() -> None:
    frames = [
        Frame(ts, frame.data)
        for ts, frame in zip((-5, -S, 0, 0, 1, -1, 2, 2, 3, 4), frames_of(parse(TALK)), strict=True)
    ]
    heard = listen().feed(frames).end()
    assert heard.told == "c 1-100, s 1-200, c FIN, s FIN"
    assert heard.conn.ts == 0
    assert (heard.conn.duration or 0) >= 0


def test_cf8_the_year_2107_and_beyond() -> None:
    frames = frames_of(parse(TALK, None, 2**62))
    assert listen().feed(frames).end().told == "c 1-100, s 1-200, c FIN, s FIN"


def test_i6_l4_oddities_below_tcp_are_told_and_counted() -> None:
    nested = ethernet(ip4("10.0.0.1", "10.0.0.2", ip4("10.0.0.3", "10.0.0.4", tcp(1, 2), 4), 4))
    frames = [
        Frame(START, nested),
        Frame(START, b"short"),
        Frame(START, bytes(60), 147),
        Frame(START, ethernet(ip4("10.0.0.1", "10.0.0.2", b"", header=16))),
        Frame(START, ethernet(bytes(28), 0x0806)),
        Frame(START, b""),
    ]
    heard = listen(FlowSettings(max_tunnel_depth=1)).feed(frames).end()
    assert heard.weirds == [
        "exceeded_tunnel_max_depth",
        "truncated_link_header",
        "unknown_linktype",
        "invalid_IP_header_size",
        "truncated_link_header",
    ]
    assert [item.addl for item in heard.out if getattr(item, "name", "") == "unknown_linktype"] == ["147"]
    assert heard.tracker.outcomes() == {
        "arp": 1,
        "unknown_linktype": 1,
        "truncated_link_header": 2,
        "bad_ip_header": 1,
        "tunnel_depth": 1,
    }
    assert (heard.tracker.frames, heard.tracker.wire_bytes) == (6, sum(len(frame.data) for frame in frames))


def test_i6_a_segment_with_a_bad_header_only_counts_its_flow() -> None:
    bad = Frame(START, ethernet(ip4("10.20.0.31", "198.51.100.40", tcp(49152, 80, 1, 1, 0x12, b"x" * 30, header=16))))
    heard = listen().feed([bad, *frames_of(parse(TALK))]).end()
    assert heard.weirds.count("bad_TCP_header_len") == 1
    assert heard.side("c").endswith("1-100, FIN")
    assert [conn.orig_pkts for conn in heard.conns] == [0, 6]
    assert heard.tracker.reassembler.payload_bytes == 300


def test_finish_ends_all_flows_once_in_the_order_in_which_they_began() -> None:
    heard = listen().feed(seats(20, HANDSHAKE + "c> A =10\n")).end()
    assert [conn.flow.orig_p for conn in heard.conns] == list(range(1000, 1020))
    heard.tracker.finish()
    assert len(heard.conns) == 20


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_batches_may_be_cut_anywhere(size: int) -> None:
    frames = seats(8, TALK)
    whole, cut = listen().feed(frames).end(), listen().feed(frames, size).end()
    assert cut.out == whole.out
    assert [reader.told for reader in cut.readers] == [reader.told for reader in whole.readers]


def test_a_batch_may_begin_and_stop_within_its_columns() -> None:
    frames = frames_of(parse(TALK))
    whole = batch(frames)
    heard = listen()
    for first, stop in ((0, 4), (4, 4), (4, 9), (9, 10)):
        part = batch(frames)
        part.first, part.stop, part.number = first, stop, first
        heard.tracker.feed(part)
    heard.end()
    assert heard.told == play(TALK).told
    assert heard.out == listen().feed(frames).end().out
    assert whole.stop == 10


def test_an_empty_batch() -> None:
    heard = listen().feed([]).end()
    assert heard.out == []
    empty = wire.FrameBatch(b"", *(batch([]).ts, batch([]).offset, batch([]).caplen, batch([]).wirelen, batch([]).link))
    heard = listen()
    heard.tracker.feed(empty)
    assert heard.tracker.frames == 0


def test_buffers_of_any_kind() -> None:
    frames = frames_of(parse(TALK))
    for kind in (bytes, bytearray, memoryview):
        made = batch(frames)
        made.buffer = kind(made.buffer)
        heard = listen()
        heard.tracker.feed(made)
        assert heard.end().told == "c 1-100, s 1-200, c FIN, s FIN"


def test_a_bug_in_a_reader_costs_one_flow() -> None:
    """D11: the flow boundary."""
    told: list[tuple[FlowId, str]] = []

    def demand(reader: object, is_orig: bool, passed: int) -> int:
        if getattr(reader, "flow").orig_p == 1002 and passed >= 10:  # noqa: B009  (any reader has one)
            raise LookupError("a bug")
        return 0

    heard = listen(demand=demand)
    heard.tracker.on_error = lambda flow, error: told.append((flow, repr(error)))
    for frame in seats(4, HANDSHAKE + "c> A =10\ns> A =20\nc> A =10\n" + CLOSE):
        heard.feed([frame])
    heard.tracker.finish()
    conserved(heard.tracker)
    assert [(flow.orig_p, error) for flow, error in told] == [(1002, "LookupError('a bug')")]
    assert heard.tracker.internal_errors == 1
    whole = [reader.octets(True) + reader.octets(False) for reader in heard.readers if reader.flow.orig_p != 1002]
    assert whole == [stream(1, 20) + stream(1, 20, False)] * 3
    assert [conn.conn_state for conn in heard.conns] == ["SF"] * 4
    loud = listen(demand=demand)
    with pytest.raises(LookupError):
        loud.feed(seats(4, HANDSHAKE + "c> A =10\n"))


def test_determinism_whatever_the_seeds(repository: Path) -> None:
    """Neither Python's hash seed nor the tracker's own is seen in what comes out."""
    code = """
import sys; sys.path.insert(0, ".")
from tests.flow.test_tracker import TALK, seats
from tests.flow.talk import listen
heard = listen().feed(seats(50, TALK)).end()
print(repr(heard.out), [reader.told for reader in heard.readers])
"""
    told = set()
    for seed in ("0", "1", "77"):
        env = os.environ | {"PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=repository, env=env
        )
        told.add(run.stdout)
    assert len(told) == 1
    assert "SF" in told.pop()


def test_uids_do_not_depend_on_what_else_is_there() -> None:
    """T17: but for the number of the first frame, which is the flow's place in the capture."""
    alone = listen().feed(frames_of(parse(TALK))).end().conn.flow
    again = listen().feed(frames_of(parse(TALK))).end().conn.flow
    behind = listen().feed(tick(0) + frames_of(parse(TALK))).end().conn.flow
    assert alone == again
    assert alone.uid != behind.uid
    assert behind.orig_h == alone.orig_h


def test_one_flow_is_not_confused_by_packets_of_the_one_before() -> None:
    """The last flow is looked at first: also when it has just ended, or was taken out of the table."""
    frames = seats(30, TALK)
    by_time = [frames[i * 10 + step] for step in range(10) for i in range(30)]
    heard = listen(FlowSettings(max_flows=30)).feed([Frame(START + i, f.data) for i, f in enumerate(by_time)]).end()
    assert {conn.history for conn in heard.conns} == {"ShADdFaf"}
    limits = FlowSettings(max_flows=1)
    two = [frame for pair in zip(seats(1, TALK), seats(1, TALK, 2000), strict=True) for frame in pair]
    heard = listen(limits).feed([Frame(START + i, f.data) for i, f in enumerate(two)]).end()
    assert len(heard.conns) == heard.tracker.flows_seen
