"""sensor.flow.reassembly: bytes in order, first copy wins, gaps told and never filled, every byte counted once."""

from __future__ import annotations

import itertools

import pytest

from sensor.settings import FlowSettings
from tests.flow.frames import S
from tests.flow.talk import (
    CLOSE,
    HANDSHAKE,
    MS,
    TALK,
    Ends,
    Heard,
    frames_of,
    joined,
    listen,
    moved,
    parse,
    play,
    stream,
)

QUICK = FlowSettings(reorder_wait_s=0.1)


def totals(heard: Heard) -> tuple[int, int, int, int]:
    """Delivered, duplicate, discarded, gap."""
    counts = heard.tracker.reassembler
    return counts.delivered_bytes, counts.duplicate_bytes, counts.discards.total, counts.gap_bytes


def test_t1_in_order() -> None:
    heard = play(TALK)
    assert heard.told == "c 1-100, s 1-200, c FIN, s FIN"
    assert totals(heard) == (300, 0, 0, 0)
    assert heard.weirds == []


def test_t1_one_octet_segments() -> None:
    heard = play(HANDSHAKE + "c> A =1\n" * 300 + "s> A =1\n" * 300 + CLOSE)
    assert heard.told == "c 1-300, s 1-300, c FIN, s FIN"
    assert totals(heard) == (600, 0, 0, 0)


def test_t1_every_order_of_five_segments() -> None:
    script = HANDSHAKE + "c> A =10\nc> A =20\nc> A =30\nc> A =40\nc> A =50\ns> A\n" + CLOSE
    segments = parse(script)
    for order in itertools.permutations(range(3, 8)):
        heard = play(moved(segments, [0, 1, 2, *order, *range(8, len(segments))]))
        assert heard.told == "c 1-150, c FIN, s FIN", order
        assert totals(heard) == (150, 0, 0, 0)


def test_t1_every_segment_twice_or_thrice() -> None:
    segments = parse(TALK)
    for times in (2, 3):
        heard = play(moved(segments, [i for i in range(len(segments)) for _ in range(times)]))
        assert heard.told == "c 1-100, s 1-200, c FIN, s FIN"
        assert totals(heard) == (300, 300 * (times - 1), 0, 0)
        assert heard.weirds == []


def test_t2_wrap_inside_a_message_and_above_a_hole() -> None:
    ends = Ends(cisn=0xFFFFFFC0, sisn=0xFFFFFFFF)
    segments = parse(HANDSHAKE + "c> A =50\nc> A =50\nc> A =50\ns> A =9\n" + CLOSE, ends)
    for order in itertools.permutations(range(3, 6)):
        heard = play(moved(segments, [0, 1, 2, *order, *range(6, len(segments))]), ends=ends)
        assert heard.told == "c 1-150, s 1-9, c FIN, s FIN"


# T3. The thirteen ways in which a new segment can lie against an old one (Novak and Sturges 2007), as
# (first octet, count) of the second copy; the first is 101-200.
SHAPES = {
    "before": (51, 50),
    "meets": (51, 50),
    "overlaps its left": (51, 100),
    "ends with it, begins before": (51, 150),
    "covers it": (51, 200),
    "begins with it, ends before": (101, 50),
    "the same": (101, 100),
    "begins with it, ends behind": (101, 150),
    "inside": (121, 50),
    "ends with it, begins behind": (151, 50),
    "overlaps its right": (151, 100),
    "met by": (201, 50),
    "behind": (251, 50),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("where", ["above a hole", "delivered, not acknowledged"])
def test_t3_first_copy_wins(name: str, where: str) -> None:
    """The second copy says otherwise: only what it adds is taken, and the difference is told."""
    first, count = SHAPES[name]
    begin = "" if where == "above a hole" else "c> A @1 =100\n"
    heard = play(HANDSHAKE + f"{begin}c> A @101 =100\nc> A @{first} !{count}\nc> A @1 =400\ns> A\n" + CLOSE)
    (reader,) = heard.readers
    octets = bytearray(stream(1, 400))
    taken = set(range(first, first + count)) - set(range(101, 201))
    if begin:
        taken -= set(range(1, 101))
    for place in taken:
        octets[place - 1] ^= 0x55
    assert reader.octets(True) == bytes(octets)
    overlaps = bool(set(range(first, first + count)) & set(range(101 if not begin else 1, 201)))
    # The last segment has all octets as they should be: it differs from what was taken of the second copy.
    assert ("rexmit_inconsistency" in heard.weirds) == (overlaps or bool(taken))
    assert heard.tracker.reassembler.gap_bytes == 0


def test_t3_same_octets_are_no_inconsistency() -> None:
    for first, count in SHAPES.values():
        heard = play(HANDSHAKE + f"c> A @101 =100\nc> A @{first} ={count}\nc> A @1 =400\ns> A\n" + CLOSE)
        assert heard.told == "c 1-400, c FIN, s FIN"
        assert heard.weirds == []


def test_t3_after_the_ack_it_is_compared_as_before() -> None:
    heard = play(HANDSHAKE + "c> A =100\ns> A\nc> A @1 !100\ns> A\n" + CLOSE)
    assert heard.told == "c 1-100, c FIN, s FIN"
    assert heard.weirds == ["rexmit_inconsistency"]
    assert totals(heard) == (100, 100, 0, 0)


def test_t3_before_the_ack_it_is_told_once_a_segment() -> None:
    heard = play(HANDSHAKE + "c> A =100\nc> A @1 !100\nc> A @51 !10\ns> A\n" + CLOSE)
    assert heard.weirds == ["rexmit_inconsistency"] * 2


def test_t3_late_octets_fill_only_what_is_missing() -> None:
    heard = play(HANDSHAKE + "c> A =50\nc> A =50 lost\nc> A =50\ns> A\nc> A @1 !150\n" + CLOSE, QUICK)
    (reader,) = heard.readers
    assert reader.octets(True) == stream(1, 50) + bytes(o ^ 0x55 for o in stream(51, 50)) + stream(101, 50)
    assert "rexmit_inconsistency" in heard.weirds
    assert totals(heard) == (150, 100, 0, 0)


@pytest.mark.parametrize("lost", range(5))
def test_t4_a_lost_segment_is_a_gap_at_its_place(lost: int) -> None:
    lines = [f"c> A ={10 * (i + 1)}" + (" lost" if i == lost else "") for i in range(5)]
    heard = play(HANDSHAKE + "\n".join(lines) + "\ns> A\n" + CLOSE)
    first = 1 + sum(10 * (i + 1) for i in range(lost))
    last = first + 10 * (lost + 1)
    parts = [f"1-{first - 1}"] * (first > 1) + [f"gap {last - first}"] + [f"{last}-150"] * (last < 151) + ["FIN"]
    assert heard.side("c") == ", ".join(parts)
    assert heard.tracker.reassembler.gap_bytes == last - first == heard.conn.missed_bytes


def test_t5_an_ack_for_what_was_never_seen() -> None:
    """Told as soon as the sender goes on and a little time is over, and counted for conn.log at once."""
    script = HANDSHAKE + "c> A =100 lost\ns> A\nc> A =10\nc> A =10 +0.2s\n"
    heard = listen(QUICK).feed(frames_of(parse(script)))
    assert heard.told == "c gap 100, c 101-120"
    before = listen(QUICK).feed(frames_of(parse(script)[:-1]))
    assert before.readers == [] or before.told == ""
    assert before.end().conn.missed_bytes == 100


def test_t5_told_in_the_order_in_which_it_happened() -> None:
    """A reply is lost; the next question and its reply come within the time that a late segment has."""
    script = HANDSHAKE + "c> A =10\ns> A =50 lost\nc> A =20\ns> A =30\nc> A\n" + CLOSE
    assert play(script).told == "c 1-10, s gap 50, c 11-30, s 51-80, c FIN, s FIN"
    script = HANDSHAKE + "c> A =10 lost\ns> A =50\nc> A =20\ns> A =30\nc> A\n" + CLOSE
    assert play(script).told == "c gap 10, s 1-50, c 11-30, s 51-80, c FIN, s FIN"


def test_t6_one_direction_only() -> None:
    """No ACKs are seen: what comes in order is told at once, a hole is told when the flow ends."""
    only = [segment for segment in parse(TALK) if segment.from_client]
    assert play(only).side("c") == "1-100, FIN"
    only = [segment for segment in parse(TALK) if not segment.from_client]
    assert play(only).side("s") == "1-200, FIN"
    lossy = parse(HANDSHAKE + "c> A =100\nc> A =50 lost\nc> A =30\nc> FA")
    assert play([segment for segment in lossy if segment.from_client]).side("c") == "1-100, gap 50, 151-180, FIN"


def test_t7_midstream() -> None:
    heard = play("c> A @5001 =10\ns> A @9001 =20\nc> A =30\n")
    assert heard.readers[0].octets(True) == stream(5001, 10) + stream(5011, 30)
    assert heard.side("s").startswith("midway, ")
    assert totals(heard) == (60, 0, 0, 0)
    assert heard.conn.missed_bytes == 0


def test_t7_midstream_in_the_middle_of_disorder() -> None:
    """What lies before the first segment seen cannot be placed, and is not invented."""
    heard = play("c> A @5101 =100\nc> A @5001 =100\nc> A @5201 =100\ns> A")
    assert heard.readers[0].octets(True) == stream(5101, 200)
    assert totals(heard) == (200, 0, 100, 0)


def test_t10_reset_out_of_the_window_ends_nothing() -> None:
    heard = play(HANDSHAKE + "c> A =10\ns> R @900000 forged\ns> R @400 forged\ns> A =20\nc> A =10\ns> A =20\n")
    assert heard.told == "c 1-10, c reopened, s reopened, s 1-20, c 11-20, s 21-40, c RST, s RST"


def test_t10_data_behind_a_reset_is_told() -> None:
    heard = play(HANDSHAKE + "c> A =10\ns> R\ns> A =20\ns> A =20\n")
    assert heard.side("s") == "reopened, 1-40, RST"
    assert "data_after_reset" in heard.weirds


def test_t10_data_in_a_reset_is_not_of_the_stream() -> None:
    heard = play(HANDSHAKE + "c> A =10\ns> RA =20\n")
    assert heard.side("s") == "RST"
    assert (heard.conn.orig_bytes, heard.conn.resp_bytes) == (10, 0)
    assert totals(heard) == (10, 0, 20, 0)


def test_t11_fin_then_data() -> None:
    """Delivered up to the FIN; what comes behind it, at its place or beyond, says that it was not taken."""
    heard = play(HANDSHAKE + "c> A =10\nc> FA\nc> A @11 =10\nc> A @12 =10\nc> A @500 =10\ns> A =5\n" + "s> FA\nc> A\n")
    assert heard.told == "c 1-10, c FIN, c reopened, c 11-21, c gap 478, c 500-509, s 1-5, s FIN, c FIN"
    assert totals(heard)[0] == 36
    assert totals(heard)[1] == 9
    assert heard.weirds.count("data_after_FIN") == 1


def test_t11_fin_before_its_data() -> None:
    segments = parse(HANDSHAKE + "c> A =10\nc> A =10\nc> FA\ns> A\n")
    for order in itertools.permutations(range(3, 6)):
        heard = play(moved(segments, [0, 1, 2, *order, 6]))
        assert heard.side("c") == "1-20, FIN"


def test_t11_fin_further_back_ends_nothing() -> None:
    heard = play(HANDSHAKE + "c> A =100\ns> A\nc> FA @50\nc> A @101 =100\ns> A =10\n")
    assert heard.side("c") == "1-200, FIN"


def test_t11_nothing_is_missed_behind_the_end() -> None:
    """A flow joined at a FIN; what is acknowledged and comes behind it is nobody's, also while the other side waits."""
    heard = play("c> A @1 ^1\ns> FA @486\ns> FA @1371 ^193\nc> A @192 ^1286\ns> A @486 =200\n")
    assert heard.readers == []
    assert heard.tracker.reassembler.delivered_bytes == 0


def test_t11_half_close() -> None:
    heard = play(HANDSHAKE + "c> A =10\nc> FA\n" + "s> A =50 +1s\nc> A\n" * 10 + "s> FA\nc> A\n")
    assert heard.told == "c 1-10, c FIN, s 1-500, s FIN"


def test_t11_fin_is_acknowledged_before_it_is_seen() -> None:
    segments = parse(HANDSHAKE + "c> A =10\ns> A =50\nc> A\nc> FA\ns> A\ns> FA\nc> A\n")
    heard = play(moved(segments, [0, 1, 2, 3, 4, 5, 7, 6, 8, 9]))
    assert heard.told == "c 1-10, s 1-50, c FIN, s FIN"
    assert heard.tracker.reassembler.gap_bytes == 0


def test_t11_only_fin_and_syn_were_captured() -> None:
    """A capture filtered to them (Zeek: detect_filtered_trace): no octet is missed for conn.log."""
    heard = play(HANDSHAKE + "c> A =100 lost\ns> A =200 lost\nc> FA\ns> FA\nc> A\n")
    assert heard.conn.missed_bytes == 0
    assert (heard.conn.orig_bytes, heard.conn.resp_bytes, heard.conn.conn_state) == (100, 200, "SF")
    assert heard.readers == []


def test_t11_what_was_seen_is_told_though_the_beginning_is_lost() -> None:
    heard = play(HANDSHAKE + "c> A =100 lost\nc> FA =50\ns> A =10\ns> FA\nc> A\n")
    assert heard.side("c") == "gap 100, 101-150, FIN"
    assert heard.side("s") == "1-10, FIN"


def test_t13_keep_alives_and_window_probes() -> None:
    heard = play(
        HANDSHAKE
        + "c> A =100\ns> A\nc> A @100 =1\ns> A\nc> A @100 !1\ns> A w=0\nc> A =1\ns> A w=0\nc> A =99\ns> A\n"
        + CLOSE
    )
    assert heard.told == "c 1-200, c FIN, s FIN"
    assert heard.weirds == []
    assert totals(heard) == (200, 2, 0, 0)


def test_t13_a_keep_alive_opens_a_flow_in_its_middle() -> None:
    """Its octet is acknowledged and not missing."""
    for script in ("c> A @500 =1\ns> A ^501\nc> A @500 =1\ns> A ^501\n", "c> A @499\ns> A ^500\nc> A @499\n"):
        heard = play(script)
        assert heard.conn.missed_bytes == 0
        assert heard.tracker.reassembler.gap_bytes == 0


def test_t13_a_keep_alive_may_carry_any_octet() -> None:
    """It is not compared where the peer has said nothing (Zeek: "n > 1" and data of the other side), and not at once:
    no host probes so soon, and a forged octet comes right before the true ones."""
    assert play(HANDSHAKE + "c> A =100\nc> A @100 !1 +1s\n").weirds == []
    assert play(HANDSHAKE + "c> A =100\nc> A @100 !1\n").weirds == ["rexmit_inconsistency"]
    assert play(HANDSHAKE + "c> A !1 forged\nc> A =100\n").weirds == ["rexmit_inconsistency"]
    assert play(HANDSHAKE + "s> A =5\nc> A =100\nc> A @100 !1\n").weirds == ["rexmit_inconsistency"]


def test_t18_what_is_acknowledged_before_it_is_seen() -> None:
    """A mirror port delivers the reply before the question, whole or in part."""
    script = HANDSHAKE + "c> A =50\nc> A =50\ns> A =200\nc> A\n" + CLOSE
    segments = parse(script)
    for order in itertools.permutations(range(3, 6)):
        heard = play(moved(segments, [0, 1, 2, *order, *range(6, len(segments))]))
        # Octets are told as soon as nothing before them is missing; the question always before the reply to it,
        # but where the reply came first of all and the question is a surprise.
        assert heard.side("c") == "1-100, FIN", order
        assert heard.side("s") == "1-200, FIN", order
        assert heard.tracker.reassembler.gap_bytes == 0


def test_t18_question_and_reply_are_told_in_their_order() -> None:
    segments = parse(TALK)
    heard = play(moved(segments, [0, 1, 2, 4, 3, *range(5, len(segments))]))
    assert heard.told == "c 1-100, s 1-200, c FIN, s FIN"
    times = heard.readers[0].times
    assert times[0] == times[1], "a question is not later than the reply to it"


def test_t18_too_late() -> None:
    lost = play(HANDSHAKE + "s> A ^101 =200\ns> A =10 +0.3s\nc> A @1 =100 +0.1s\nc> A =50\n" + CLOSE, QUICK)
    told = [joined(reader.told) for reader in lost.readers]
    assert told[0].startswith("c gap 100, s 1-210, c reopened, s reopened")
    assert told[1].startswith("s gap 210, c reopened, c 1-150")
    assert totals(lost) == (360, 0, 0, 100), "read after all, and no repetition"


def test_t12_made_up_acks_make_nobody_deaf() -> None:
    """One far ahead of everything, and one within the window, before the question comes."""
    for ack in (2**31 - 5, 900_000_000, 2**20 + 50_000, 30_000):
        heard = play(HANDSHAKE + f"s> A ^{ack}\nc> A =100\ns> A =200\nc> A\n" + CLOSE)
        assert heard.side("c").startswith("1-100"), ack
        assert heard.side("s") == "1-200, FIN", ack


def test_t12_a_made_up_ack_far_ahead_is_forgotten() -> None:
    """However long the question takes."""
    heard = play(HANDSHAKE + "s> A ^900000000\nc> A =100 +60s\ns> A =200\nc> A\n" + CLOSE)
    assert heard.told == "c 1-100, s 1-200, c FIN, s FIN"


def test_t12_a_loss_larger_than_any_window() -> None:
    """Four ACKs that agree are believed."""
    heard = play(
        HANDSHAKE + "c> A =10\ns> A ^3000001\n" + "s> A ^3000001\n" * 3 + "c> A @3000001 =100\ns> A ^3000101\n"
    )
    assert heard.side("c") == "1-10, gap 2999990, 3000001-3000100, END"


def test_t19_far_ahead_is_not_kept() -> None:
    heard = play(HANDSHAKE + "c> A =10\nc> A @1073741824 =100 forged\nc> A =10\ns> A ^21\n" + "c> FA @21\n")
    assert heard.told == "c 1-20, c FIN, s END"
    assert heard.weirds == ["segment_out_of_window"]
    assert totals(heard) == (20, 0, 100, 0)


def test_t19_four_in_a_row_are_believed() -> None:
    far = "c> A @2000001 =100\nc> A =100\nc> A =100\nc> A =100\nc> A =100\n"
    heard = play(HANDSHAKE + "c> A =10\n" + far)
    assert heard.side("c") == "1-10, gap 2000290, 2000301-2000500, END"
    assert totals(heard) == (210, 0, 300, 2000290)


def test_t19_far_apart_ones_are_not() -> None:
    apart = "".join(f"c> A @{2000001 + 1000 * i} =100\n" for i in range(20))
    heard = play(HANDSHAKE + "c> A =10\n" + apart + "c> A @11 =10\n")
    assert heard.side("c") == "1-20, END"


def test_cf7_payload_that_was_cut_off_is_a_gap() -> None:
    """A snap length: what the headers promise and the capture lacks."""
    heard = play(HANDSHAKE + "c> A =100 cut=60\ns> A\nc> A =100 cut=0\ns> A\nc> A =10\ns> A\n" + CLOSE)
    assert heard.side("c") == "1-60, gap 140, 201-210, FIN"
    assert heard.weirds == ["truncated_tcp_payload"] * 2
    assert totals(heard) == (70, 0, 0, 140)


def test_what_was_cut_off_may_still_come() -> None:
    heard = play(HANDSHAKE + "c> A =100 cut=60\nc> A =100 @1\ns> A\n" + CLOSE)
    assert heard.side("c") == "1-100, FIN"
    assert totals(heard) == (100, 60, 0, 0)


def test_gaps_and_octets_have_the_time_of_the_segment_that_told() -> None:
    heard = play(HANDSHAKE + "c> A =10\nc> A =10 lost\nc> A =10\ns> A\n" + CLOSE)
    ticks = [(ts - parse(TALK)[0].ts) // MS for ts in heard.readers[0].times]
    assert ticks[0] == 3
    assert all(one <= other for one, other in itertools.pairwise(ticks))
    assert heard.readers[0].last_data[True] <= heard.conn.ts + S


@pytest.mark.parametrize(("filled", "discarded"), [(80, 100), (55, 75)])
def test_what_was_held_where_a_fin_came_is_nobodys(filled: int, discarded: int) -> None:
    """Nobody reads the flow. Behind its FIN come as many octets as reach over some that waited, or into them."""
    ends = Ends(sport=22)
    script = f"c> A =10\ns> A =10\nc> A @61 =20 forged\nc> FA @11 forged\nc> A @11 ={filled} forged\n"
    heard = play(HANDSHAKE + script, ends=ends)
    assert heard.tracker.reassembler.discards.total == discarded
    assert heard.readers == []
