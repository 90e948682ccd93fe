"""sensor.flow.tcp: endpoint states, history, sizes and conn_state as Zeek has them (reference: zeek-logs.md 2.5)."""

from __future__ import annotations

import itertools

import pytest

from sensor.flow.state import CLOSED, ESTABLISHED, INACTIVE, PARTIAL, RESET, SYN_ACK_SENT, SYN_SENT, Flow
from sensor.flow.stream import FIN
from sensor.flow.tcp import conn_state
from tests.flow.talk import CLOSE, HANDSHAKE, MS, Ends, play, stream

STATES = (INACTIVE, SYN_SENT, SYN_ACK_SENT, PARTIAL, ESTABLISHED, CLOSED, RESET)
TABLE = """
    inactive syn_sent syn_ack partial established closed reset   of the responder; rows of the originator
    OTH      OTH      OTH     OTH     OTH         SHR    RSTRH
    S0       OTH      OTH     OTH     OTH         S3     REJ
    OTH      OTH      OTH     OTH     OTH         S3     REJ
    OTH      OTH      OTH     OTH     OTH         SHR    RSTRH
    OTH      OTH      OTH     OTH     S1          S3     RSTR
    SH       S2       S2      SH      S2          SF     RSTR
    OTH      RSTO     RSTO    OTH     RSTO        RSTO   REJ
"""


def test_conn_state_of_every_pair_of_states() -> None:
    rows = [line.split()[:7] for line in TABLE.strip().splitlines()[1:]]
    for (i, orig), (j, resp) in itertools.product(enumerate(STATES), enumerate(STATES)):
        flow = Flow(0, 0)
        flow.orig.state, flow.resp.state = orig, resp
        assert conn_state(flow) == rows[i][j], (orig, resp)


def test_reset_by_both_with_data_is_no_rejection() -> None:
    flow = Flow(0, 0)
    flow.orig.state = flow.resp.state = RESET
    flow.resp.last_rel = 2
    assert conn_state(flow) == "RSTR"


@pytest.mark.parametrize(
    ("history", "state"),
    [
        ("SR", "RSTOS0"),
        ("^SR", "RSTOS0"),
        ("STR", "RSTOS0"),
        ("S", "OTH"),
        ("SaR", "RSTOS0"),  # only the originator's letters and the handshake count
        ("SHR", "OTH"),
        ("SAR", "OTH"),
        ("SDR", "RSTOS0"),
        ("SFR", "OTH"),
        ("R", "OTH"),
        ("hR", "OTH"),
    ],
)
def test_conn_state_of_a_scan(history: str, state: str) -> None:
    flow = Flow(0, 0)
    flow.orig.state = RESET
    flow.history = history
    assert conn_state(flow) == state


CASES: dict[str, tuple[str, str, str, int, int, int]] = {
    # what happens: script, conn_state, history, octets of the originator and of the responder, octets missed
    "the usual": (HANDSHAKE + "c> A =100\ns> A =200\nc> A\n" + CLOSE, "SF", "ShADdFaf", 100, 200, 0),
    "attempt without an answer": ("c> S\nc> S @0 +1s", "S0", "S", 0, 0, 0),
    "rejected": ("c> S\ns> RA", "REJ", "Sr", 0, 0, 0),
    "attempt, then reset by the same": ("c> S\nc> R", "RSTOS0", "SR", 0, 0, 0),
    "attempt, then closed by the same": ("c> S\nc> F", "SH", "SF", 0, 0, 0),
    "SYN scan": ("c> S\ns> SA\nc> R", "RSTO", "ShR", 0, 0, 0),
    "SYN-ACK and then a reset by the responder": ("c> S\ns> SA\ns> R", "RSTR", "Shr", 0, 0, 0),
    "not closed": (HANDSHAKE + "c> A =10\ns> A", "S1", "ShADa", 10, 0, 0),
    "closed by the originator only": (HANDSHAKE + "c> FA\ns> A", "S2", "ShAFa", 0, 0, 0),
    "closed by the responder only": (HANDSHAKE + "s> FA\nc> A", "S3", "ShAf", 0, 0, 0),
    "reset by the originator": (HANDSHAKE + "c> A =10\nc> RA", "RSTO", "ShADR", 10, 0, 0),
    "reset by the responder": (HANDSHAKE + "c> A =10\ns> RA", "RSTR", "ShADr", 10, 0, 0),
    "reset after both have closed": (HANDSHAKE + CLOSE + "c> R", "SF", "ShAFafR", 0, 0, 0),
    "reset after the other has closed": (HANDSHAKE + "s> FA\nc> R", "RSTO", "ShAfR", 0, 0, 0),
    "the handshake's ACK is lost": ("c> S\ns> SA\nc> A lost\nc> A =5\ns> A", "S1", "ShDa", 5, 0, 0),
    "FIN with data": (HANDSHAKE + "c> FA =100\ns> FA\nc> A", "SF", "ShAFf", 100, 0, 0),
    "half closed, and the reply after it": (
        HANDSHAKE + "c> FA =50\ns> A =200\nc> A\ns> FA\nc> A",
        "SF",
        "ShAFdf",
        50,
        200,
        0,
    ),
    "midstream": ("c> A =10 @501\ns> A =20 @901\nc> A", "OTH", "DdA", 10, 20, 0),
    "midstream, then closed": ("c> A =10 @501\ns> A =20 @901\nc> FA\ns> FA\nc> A", "SF", "DdFfA", 10, 20, 0),
    "only the replies": ("s> SA\ns> A =10\ns> FA", "SHR", "^hdf", 0, 10, 0),
    "SYN-ACK first, then the client": ("s> SA\nc> A\nc> A =10\ns> A", "S1", "^hADa", 10, 0, 0),
    "lost and acknowledged": (HANDSHAKE + "c> A =100 lost\ns> A\nc> A =10\n" + CLOSE, "SF", "ShAaGDFf", 110, 0, 100),
    "two losses of the responder": (
        HANDSHAKE + "s> A =10 lost\nc> A\ns> A =10\nc> A\ns> A =10 lost\nc> A\n",
        "S1",
        "ShAgd",
        0,
        30,
        20,
    ),
    "retransmitted": (HANDSHAKE + "c> A =10\nc> A =10 @1\nc> A =10 @1\ns> A", "S1", "ShADTa", 10, 0, 0),
    "zero windows": (HANDSHAKE + "c> A =10\ns> A w=0\ns> A w=0\ns> A", "S1", "ShADaw", 10, 0, 0),
    "keep-alive": (HANDSHAKE + "c> A =10\ns> A\nc> A =1 @10\ns> A", "S1", "ShADaT", 10, 0, 0),
    "SYN with data": ("c> S =10\ns> SA\nc> A\ns> A", "S1", "SThAa", 10, 0, 0),
    "FIN and RST in one": (HANDSHAKE + "c> FR", "RSTO", "ShAI", 0, 0, 0),
    "SYN and FIN in one": ("c> SF", "SH", "Q", 0, 0, 0),
    "no flags at all": ("c> .\nc> . =5 @1", "OTH", "D", 5, 0, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_conversations(name: str) -> None:
    script, state, history, orig, resp, missed = CASES[name]
    conn = play(script).conn
    assert (conn.conn_state, conn.history) == (state, history)
    assert (conn.orig_bytes or 0, conn.resp_bytes or 0, conn.missed_bytes) == (orig, resp, missed)


def test_letters_are_counted_in_powers_of_ten() -> None:
    """T, W and G at the 1st, the 10th, the 100th time."""
    again = "c> A =10 @1\n"
    for count, letters in ((1, "T"), (9, "T"), (10, "TT"), (99, "TT"), (100, "TTT")):
        assert play(HANDSHAKE + "c> A =10\n" + again * count).conn.history == "ShAD" + letters
        closed = "s> A w=0\n" * count
        assert play(HANDSHAKE + closed).conn.history.count("w") == len(letters)
        lost = "c> A =10 lost\ns> A\n" * count
        assert play(HANDSHAKE + lost).conn.history.count("G") == len(letters)


def test_syn_fin_and_rst_are_written_again_at_another_place() -> None:
    assert play(HANDSHAKE + "c> FA =10\nc> FA @1 =10\ns> A").conn.history == "ShAFTa"
    assert play(HANDSHAKE + "c> R @1\nc> R @1\nc> R @7").conn.history == "ShARR"
    assert play("c> S\nc> S @0\ns> SA\ns> SA @0\nc> A").conn.history == "ShA"


def test_packets_and_ip_octets_are_counted_by_the_headers() -> None:
    """Also retransmissions; padding is not of the datagram."""
    conn = play(HANDSHAKE + "c> A =100\nc> A =100 @1\ns> A =1000 cut=10\n").conn
    assert (conn.orig_pkts, conn.orig_ip_bytes) == (4, 40 + 40 + 140 + 140)
    assert (conn.resp_pkts, conn.resp_ip_bytes) == (2, 40 + 1040)


def test_duration_is_from_first_to_last_packet_and_absent_for_one_moment() -> None:
    conn = play(HANDSHAKE + "c> A =10 +2.5s\n").conn
    assert conn.duration == 2 * MS + 2_500_000_000
    alone = play("c> S").conn
    assert (alone.duration, alone.orig_bytes, alone.resp_bytes) == (None, None, None)


def test_t2_sizes_across_the_wrap() -> None:
    for isn in (0xFFFFFF00, 0xFFFFFFFF, 0xFFFFFFFE, 0, 0x7FFFFFFF, 0x80000000):
        ends = Ends(cisn=isn, sisn=isn ^ 0x80)
        heard = play(HANDSHAKE + "c> A =300\ns> A =500\nc> A\n" + CLOSE, ends=ends)
        assert (heard.conn.orig_bytes, heard.conn.resp_bytes, heard.conn.conn_state) == (300, 500, "SF")
        assert heard.conn.history == "ShADdFaf"
        assert heard.told == "c 1-300, s 1-500, c FIN, s FIN"


WEIRDS: dict[str, tuple[str, list[str]]] = {
    "SYN with data": ("c> S =10", ["SYN_with_data"]),
    "SYN and RST": ("c> SR", ["TCP_christmas"]),
    "SYN and URG": ("c> SU", ["baroque_SYN"]),
    "data before the handshake": ("c> S\nc> A =10", ["possible_split_routing", "data_before_established"]),
    "the other SYN is not acknowledged": ("c> S\ns> SA ^500\nc> A", ["bad_SYN_ack"]),
    "one direction": ("c> S\nc> A\nc> A", ["possible_split_routing", "possible_split_routing"]),
    "FIN of an attempt": ("c> S\nc> F", ["inappropriate_FIN"]),
    "data behind a RST": (HANDSHAKE + "c> R\nc> A =10", ["data_after_reset"]),
    "SYN behind the end": (HANDSHAKE + CLOSE + "c> S @0", ["premature_connection_reuse"]),
    "before the beginning": (HANDSHAKE + "c> A =10\nc> A =1 @-50", ["TCP_seq_underflow_or_misorder"]),
    "acknowledges what was before": (HANDSHAKE + "c> A =10\ns> A ^-50", ["TCP_ack_underflow_or_misorder"]),
    "nothing": (HANDSHAKE + "c> A =10\ns> A =20\nc> A\n" + CLOSE, []),
}


@pytest.mark.parametrize("name", WEIRDS)
def test_oddities_have_zeeks_names(name: str) -> None:
    script, names = WEIRDS[name]
    assert play(script).weirds == names


def test_t9_simultaneous_open_is_one_flow() -> None:
    script = "c> S\ns> S\nc> SA @0 ^1\ns> SA @0 ^1\nc> A =100\ns> A =200\nc> A\n" + CLOSE
    heard = play(script)
    assert (heard.conn.conn_state, heard.conn.flow.orig_p, heard.conn.flow.resp_p) == ("SF", 49152, 80)
    assert heard.weirds == ["simultaneous_open"]
    assert heard.told == "c 1-100, s 1-200, c FIN, s FIN"


def test_t9_split_handshake_is_one_flow() -> None:
    script = "c> S\ns> A @1 ^1\ns> S @0\nc> SA @0 ^1\ns> A\nc> A =100\ns> A =200\nc> A\n" + CLOSE
    heard = play(script)
    assert (heard.conn.flow.orig_p, heard.conn.flow.resp_p, heard.conn.conn_state) == (49152, 80, "SF")
    assert (heard.side("c"), heard.side("s")) == ("midway, 1-100, FIN", "midway, 1-200, FIN")


def test_t8_fast_open_taken_and_refused() -> None:
    taken = play("c> S =100\ns> SA ^101\nc> A\ns> A =50\n" + CLOSE)
    assert taken.told == "c 1-100, s 1-50, c FIN, s FIN"
    refused = play("c> S =100\ns> SA ^1\nc> A @1\nc> A =100 @1\ns> A =50\n" + CLOSE)
    assert refused.told == taken.told
    assert refused.tracker.reassembler.duplicate_bytes == 100
    beyond = play("c> S =100\ns> SA =50 ^101\nc> A\n" + CLOSE)  # the reply is in the SYN-ACK
    assert beyond.told == "c 1-100, s 1-50, c FIN, s FIN"


def test_t16_any_port_asks_port_80() -> None:
    for port in (1, 53, 80, 135, 443, 8080, 65535):
        heard = play(HANDSHAKE + "c> A =100\ns> A =50\n" + CLOSE, ends=Ends(cport=port))
        assert heard.told == "c 1-100, s 1-50, c FIN, s FIN"
        assert (heard.conn.flow.orig_p, heard.conn.flow.resp_p) == (port, 80)


def test_t17_a_port_with_itself() -> None:
    """80 to 80, and one address at both ends."""
    for ends in (Ends(cport=80), Ends(client="10.0.0.1", server="10.0.0.1", cport=81)):
        heard = play(HANDSHAKE + "c> A =100\ns> A =50\n" + CLOSE, ends=ends)
        assert heard.told == "c 1-100, s 1-50, c FIN, s FIN"
        assert heard.conn.conn_state == "SF"


ROUND = {
    "octets": "{0}> A @1500000000 =50 forged\n{0}> A @3200000000 =50 forged\n",
    "FINs": "{0}> FA @1500000000 forged\n{0}> FA @3200000000 forged\n",
    "a FIN, and nothing": "{0}> FA @1500000000 forged\n{0}> A @3200000000 forged\n",
    "twice round": "".join(f"{{0}}> A @{at} forged\n" for at in (1500000000, 3000000000, 205032704, 1705032704)),
}


@pytest.mark.parametrize("who", "cs")
@pytest.mark.parametrize("forged", ROUND)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_t12_segments_that_go_once_round(forged: str, who: str, place: int) -> None:
    """Each is less than 2**31 ahead of the furthest one so far: the true ones lie behind then, and not 2**32 ahead."""
    lines = ["c> A =100\ns> A =200\n", "c> A =10\ns> A =20\n", "c> A\n"]
    heard = play(HANDSHAKE + "".join(lines[:place]) + ROUND[forged].format(who) + "".join(lines[place:]) + CLOSE)
    (reader,) = heard.readers
    assert (reader.octets(True), reader.octets(False)) == (stream(1, 110), stream(1, 220, False))
    assert reader.ended == {True: FIN, False: FIN}
    assert (heard.tracker.reassembler.duplicate_bytes, heard.tracker.reassembler.gap_bytes) == (0, 0)


@pytest.mark.parametrize("who", "cs")
def test_t12_acknowledgments_that_go_once_round(who: str) -> None:
    """Four true ones behind two forged ones are near, and nothing is missing."""
    forged = f"{who}> A ^1500000000 forged\n{who}> A ^3200000000 forged\n"
    heard = play(f"{HANDSHAKE}{forged}" + "c> A =100 +1s\ns> A =200 +1s\n" * 5 + f"c> A\n{CLOSE}")
    assert (heard.side("c"), heard.side("s")) == ("1-500, FIN", "1-1000, FIN")
    assert heard.tracker.reassembler.gap_bytes == 0


@pytest.mark.parametrize(
    "forged",
    [
        "c> A @2000000000 =50 forged\ns> A ^1000000000 forged\n",
        "c> FA @1000000000 forged\ns> A ^2000000000 forged\n",
        "c> FA @1000000000 =50 forged\ns> A ^2000000000 forged\n",
        "c> FA @150 forged\ns> A ^2000000000 forged\n",
    ],
)
def test_t12_an_acknowledgment_of_what_is_not_near_what_was_seen(forged: str) -> None:
    """It is not believed because something still further ahead was seen."""
    heard = play(HANDSHAKE + forged + "c> A =100 +1s\ns> A =200 +1s\n" * 2 + CLOSE)
    assert (heard.side("c"), heard.side("s")) == ("1-200, FIN", "1-400, FIN")
    assert heard.tracker.reassembler.gap_bytes == 0


def test_an_acknowledgment_near_what_was_seen_far_ahead() -> None:
    """More was lost than fits into any window: one segment behind it and its acknowledgment are enough."""
    heard = play(f"{HANDSHAKE}c> A =10\nc> A =2000000 lost\nc> A =100\ns> A\nc> A =50\n{CLOSE}")
    assert heard.side("c") == "1-10, gap 2000100, 2000111-2000160, FIN"


def test_what_is_lost_behind_segments_that_go_once_round() -> None:
    """Four segments in order are believed, and the gap before them is no 2**32 octets long."""
    heard = play(HANDSHAKE + ROUND["octets"].format("c") + "c> A =2000000 lost\n" + "c> A =100\n" * 5 + CLOSE)
    assert heard.side("c") == "gap 2000300, 2000301-2000500, FIN"


def test_t14_urgent_octets_stay() -> None:
    heard = play(HANDSHAKE + "c> A =10\nc> AU =10\nc> A =10\ns> A\n" + CLOSE)
    assert heard.side("c") == "1-30, FIN"
    assert heard.weirds == ["TCP_urgent_data"]


def test_t14_what_is_urgent_may_come_later_and_a_scan_has_none() -> None:
    """The pointer may lie beyond the segment (RFC 9293 section 3.8.5); FIN, PSH and URG without data are a probe."""
    assert play(HANDSHAKE + "c> AU\nc> A =10\n" + CLOSE).weirds == ["TCP_urgent_data"]
    assert "TCP_urgent_data" not in play("c> FPU\ns> RA\n").weirds
    assert "TCP_urgent_data" not in play("c> SU =10\n").weirds
