"""sensor.flow.tracker: finds each frame's flow, ends flows in packet time, keeps its tables within their limits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.flow.decode import Packet
from sensor.settings import FlowSettings
from sensor.weird import FlowId
from tests.flow import frames as wire
from tests.flow.frames import START, Frame, S, batch, ethernet, ip4, tcp
from tests.flow.talk import (
    CLOSE,
    HANDSHAKE,
    MS,
    TALK,
    Ends,
    conserved,
    frames_of,
    listen,
    parse,
    play,
    seats,
    stream,
    tick,
)

OTHER = Ends(client="10.99.0.1", cport=999)


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


def test_finish_some_at_a_time() -> None:
    frames = seats(20, HANDSHAKE + "c> A =10\n")
    heard = listen().feed(frames)
    left = []
    while heard.tracker.finish(6):
        left.append(len(heard.conns))
    assert left == [6, 12, 18]
    assert heard.conns == listen().feed(frames).end().conns
    assert not heard.tracker.finish(6)
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
from tests.flow.talk import TALK, listen, seats
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


def test_ports_used_again_where_an_end_never_came() -> None:
    """The server's FIN stands behind octets that were lost: the flow lingers, and after a while there is no hurry."""
    script = HANDSHAKE + "c> FA\ns> A\ns> A =50 lost\ns> FA\nc> S @90000 {} forged\n"
    assert play(script.format("")).weirds == ["premature_connection_reuse"]
    assert play(script.format("+10s")).weirds == []
