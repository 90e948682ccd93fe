"""sensor.flow.reassembly within its limits: when a hole is given up, what is held, and what is not."""

from __future__ import annotations

import itertools

from sensor.settings import FlowSettings
from tests.flow.talk import (
    HANDSHAKE,
    Ends,
    Heard,
    frames_of,
    listen,
    parse,
)


def hole(after: str, limits: FlowSettings) -> Heard:
    """1-10, a hole of ten, then `after`; nothing is acknowledged, and the flow goes on."""
    return listen(limits).feed(frames_of(parse("c> S\nc> A =10\nc> A =10 lost\n" + after)))


def test_d3_a_hole_is_given_up_when_too_much_waits_above_it() -> None:
    limits = FlowSettings(hole_wait_bytes=1000)
    assert hole("c> A =500\nc> A =500\n", limits).told == "c 1-10"
    heard = hole("c> A =500\nc> A =501\n", limits)
    assert heard.told == "c 1-10, c gap 10, c 21-1021"
    assert heard.weirds[-1] == "above_hole_data_without_any_acks"


def test_d3_a_hole_is_given_up_when_too_many_segments_wait_above_it() -> None:
    limits = FlowSettings(max_ooo_segments=5)
    assert hole("c> A =1\n" * 5, limits).told == "c 1-10"
    heard = hole("c> A =1\n" * 6, limits)
    assert heard.told == "c 1-10, c gap 10, c 21-26"
    assert heard.weirds[-1] == "excessive_out_of_order_segments"


def test_d3_a_hole_is_given_up_when_it_is_old() -> None:
    limits = FlowSettings(hole_wait_s=2)
    assert hole("c> A =5\nc> A =5 +2s\n", limits).told == "c 1-10"
    assert hole("c> A =5\nc> A =5 +2.001s\n", limits).told == "c 1-10, c gap 10, c 21-30"


def test_d3_a_hole_is_given_up_when_the_flow_ends() -> None:
    assert hole("c> A =5\n", FlowSettings()).end().side("c") == "1-10, gap 10, 21-25, END"
    assert hole("c> A =5\nc> RA\n", FlowSettings()).end().side("c") == "1-10, gap 10, 21-25, RST"
    assert hole("c> FA =5\n", FlowSettings()).end().side("c") == "1-10, gap 10, 21-25, FIN"


def test_d3_the_knob_of_bytes_above_a_hole_holds_whichever_is_smaller() -> None:
    limits = FlowSettings(max_ooo_bytes=100, hole_wait_bytes=10**9)
    assert hole("c> A =101\n", limits).told == "c 1-10, c gap 10, c 21-121"


def test_d3_many_holes_do_not_add_up() -> None:
    """Hundreds of small holes, then large segments: every one of them gives up as many holes as it must."""
    script = "c> S\n" + "".join(f"c> A @{10 + 2 * i} =1\n" for i in range(500))
    script += "".join(f"c> A @{2000 + 60001 * i} =60000\n" for i in range(14))
    heard = listen()
    for segment in parse(script):
        heard.feed(frames_of([segment]))
        (flow,) = heard.tracker.flows.values()
        assert flow.orig.held_bytes <= 65536
        assert len(flow.orig.held or ()) <= 512
    heard.end()


def test_d3_all_flows_together_are_bounded() -> None:
    limits = FlowSettings(max_reassembly_bytes=10_000)
    heard = listen(limits)
    for port in range(40_000, 40_050):
        ends = Ends(cport=port)
        for segment in parse("c> S\nc> A @11 =900\nc> A @1000 =100\n", ends):
            heard.feed([ends.frame(segment)])
            assert heard.tracker.reassembler.total_held <= 10_000
    held = sum(len(chunk or b"") for flow in heard.tracker.flows.values() for _, _, chunk in flow.orig.held or ())
    assert held == heard.tracker.reassembler.total_held > 0
    heard.end()


def test_d3_what_nobody_reads_is_not_kept() -> None:
    """Only ranges, joined where they touch: TLS with a loss costs no memory."""
    ends = Ends(sport=443)
    hello = r'"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"'
    other = r'"\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03"'
    script = HANDSHAKE + f"c> A {hello}\ns> A {other}\n" + "s> A =1000 lost\n" + "s> A =1000\n" * 30
    heard = listen().feed(frames_of(parse(script, ends), ends))
    (flow,) = heard.tracker.flows.values()
    assert heard.readers == []
    assert len(flow.resp.held or ()) == 1
    assert heard.tracker.reassembler.total_held == 0
    assert heard.tracker.held_bytes() == 30_000
    heard.end()
    assert heard.conn.service == "ssl"
    assert heard.tracker.reassembler.gap_bytes == 1000


def test_d3_ranges_that_nobody_reads_are_joined_in_any_order() -> None:
    ends = Ends(sport=443)
    hello = r'"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"'
    other = r'"\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03"'
    start = parse(HANDSHAKE + f"c> A {hello}\ns> A {other}\n", ends)
    parts = parse(
        "".join(f"s> A @{101 + 10 * i} =10\n" for i in range(6)) + "s> A @106 =40\ns> A @12 =89", ends, 10**18
    )
    for order in itertools.permutations(range(6)):
        heard = listen().feed(frames_of(start, ends)).feed(frames_of([parts[i] for i in order], ends))
        (flow,) = heard.tracker.flows.values()
        assert flow.resp.held == [(101, 161, None)]
        heard.feed(frames_of(parts[6:], ends)).end()
        assert heard.tracker.reassembler.gap_bytes == 0
        counts = heard.tracker.reassembler
        assert (counts.delivered_bytes, counts.duplicate_bytes, counts.discards.total) == (11 + 11 + 89 + 60, 40, 0)
