"""sensor.flow.delivery: who reads a flow, what it asked to skip, who it takes for the one who asks."""

from __future__ import annotations

import pytest

from sensor.flow.stream import IGNORE, UNTIL_CLOSE
from sensor.settings import FlowSettings
from tests.flow.talk import CLOSE, HANDSHAKE, Ends, Heard, Recorder, frames_of, listen, parse, play, stream

ODD = Ends(sport=2560)
HELLO = r'"\x16\x03\x01\x00\x06\x01\x00\x00\x02\x03\x03"'
SERVER_HELLO = r'"\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03"'
GET = '"GET / HTTP/1.1\\r\\n\\r\\n"'
REPLY = '"HTTP/1.1 200 OK\\r\\n\\r\\n"'
ASKED, ANSWERED = b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"


def said(reader: Recorder) -> tuple[bytes, bytes]:
    return reader.octets(True), reader.octets(False)


def test_port_80_is_always_read_whatever_it_says() -> None:
    heard = play(HANDSHAKE + "c> A =5\n")
    assert (heard.told, heard.readers[0].probation) == ("c 1-5, c END, s END", False)


def test_other_ports_by_the_settings() -> None:
    limits = FlowSettings(http_ports=(2560, 8080))
    assert play(HANDSHAKE + "c> A =5\n", limits, ODD).told == "c 1-5, c END, s END"
    assert play(HANDSHAKE + "c> A =5\n", limits).readers == []


def test_nobody_reads_what_looks_like_nothing() -> None:
    heard = play(HANDSHAKE + f"c> A =50\ns> A =50\nc> A {GET}\ns> A {REPLY}\n", ends=ODD)
    assert heard.readers == []
    assert heard.conn.service is None
    assert heard.tracker.reassembler.delivered_bytes == 100 + len(ASKED) + len(ANSWERED)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_h4_other_ports_by_their_first_octets(size: int) -> None:
    """However they are cut: nothing of the first octets is lost while it is not decided."""
    segments = [f"c> A {ascii(ASKED[i : i + size].decode())!s}".replace("'", '"') for i in range(0, len(ASKED), size)]
    heard = play(HANDSHAKE + "\n".join(segments) + f"\ns> A {REPLY}\n" + CLOSE, ends=ODD)
    (reader,) = heard.readers
    assert reader.probation
    assert said(reader) == (ASKED, ANSWERED)
    assert reader.gaps == {True: [], False: []}
    assert reader.flow == heard.conn.flow


def test_the_reply_decides_where_the_question_did_not() -> None:
    """What the client said before is not known to the reader, but that it was something."""
    heard = play(HANDSHAKE + f"c> A =50\ns> A {REPLY}\nc> A {GET}\n" + CLOSE, ends=ODD)
    assert heard.side("c") == f"gap 50, {ASKED.decode()!a}, FIN"
    assert said(heard.readers[0])[1] == ANSWERED


def test_what_was_undecided_is_handed_on_when_the_other_side_decides() -> None:
    heard = play(HANDSHAKE + f'c> A "PO"\ns> A {REPLY}\n' + CLOSE, ends=ODD)
    assert said(heard.readers[0]) == (b"PO", ANSWERED)
    assert heard.told.startswith("c 'PO'")


def test_what_was_undecided_is_handed_on_though_its_direction_is_over() -> None:
    heard = play(HANDSHAKE + f'c> A "PO"\nc> FA\ns> A {REPLY}\ns> FA\nc> A', ends=ODD)
    assert said(heard.readers[0]) == (b"PO", ANSWERED)
    assert heard.told.startswith("c 'PO', c FIN, s ")


def test_empty_lines_do_not_pile_up() -> None:
    heard = listen().feed(frames_of(parse(HANDSHAKE + 'c> A "\\r\\n\\r\\n"\n' * 500, ODD), ODD))
    (flow,) = heard.tracker.flows.values()
    assert len(flow.orig.prefix or b"") <= 64
    heard.end()


def test_tls_is_named_when_both_sides_said_hello() -> None:
    ends = Ends(sport=8443)
    assert play(HANDSHAKE + f"c> A {HELLO}\ns> A {SERVER_HELLO}\n", ends=ends).conn.service == "ssl"
    assert play(HANDSHAKE + f"c> A {HELLO}\n", ends=ends).conn.service is None
    assert play(HANDSHAKE + f"c> A {HELLO}\ns> A =20\n", ends=ends).conn.service is None


def test_the_reader_names_the_service_when_it_is_sure() -> None:
    heard = listen(service="http").feed(frames_of(parse(HANDSHAKE + "c> A =5\n"))).end()
    assert heard.conn.service == "http"


# Who asks is the originator, to the reader; conn.log keeps Zeek's view. (Capture order, who is orig in conn.log.)
ROLES = {
    "the usual": (HANDSHAKE + f"c> A {GET}\ns> A {REPLY}\n", True),
    "joined at the reply": (f"s> A @500 {REPLY}\nc> A @900 {GET}\ns> A {REPLY}\n", False),
    "joined at the reply's handshake": (f"s> SA\ns> A {REPLY}\nc> A {GET}\n", True),
    "only replies": (f"s> A @500 {REPLY}\ns> A {REPLY}\n", False),
    "only questions": (f"c> A @500 {GET}\nc> A {GET}\n", True),
    "a callback": (f"s> S\nc> SA\ns> A\nc> A {GET}\ns> A {REPLY}\n", False),
}


@pytest.mark.parametrize("name", ROLES)
@pytest.mark.parametrize("port", [80, 2560, 8888])
def test_t6_t7_t9_who_asks_is_the_originator(name: str, port: int) -> None:
    script, _ = ROLES[name]
    ends = Ends(sport=port)
    heard = play(script, ends=ends)
    (reader,) = heard.readers
    assert set(said(reader)[0].split(b"\r\n\r\n")) <= {ASKED[:-4], b""}
    assert set(said(reader)[1].split(b"\r\n\r\n")) <= {ANSWERED[:-4], b""}
    assert any(said(reader))
    assert (reader.flow.orig_h, reader.flow.orig_p) == (ends.client, ends.cport)
    assert (reader.flow.resp_h, reader.flow.resp_p) == (ends.server, port)
    assert reader.flow.uid == heard.conns[-1].flow.uid


def test_conn_log_keeps_who_sent_the_first_packet() -> None:
    script, usual = ROLES["joined at the reply"]
    heard = play(script, ends=ODD)
    assert not usual
    assert heard.conn.flow.orig_p == 2560
    assert heard.readers[0].flow.orig_p == 49152


def after(amount: int, then: int) -> Heard:
    """The reader wants `then` once `amount` octets of the client have passed."""

    def demand(_: Recorder, is_orig: bool, passed: int) -> int:
        return then if is_orig and passed == amount else 0

    return listen(demand=demand)


def test_skipped_octets_are_counted_not_told() -> None:
    heard = after(10, 100)
    heard.feed(frames_of(parse(HANDSHAKE + "c> A =10\nc> A =60\nc> A =60\nc> A =5\n" + CLOSE))).end()
    assert heard.side("c") == "1-10, skipped 100, 111-135, FIN"
    assert heard.tracker.reassembler.delivered_bytes == 135


def test_a_skip_ends_with_a_call_though_nothing_is_behind_it() -> None:
    heard = after(10, 60)
    heard.feed(frames_of(parse(HANDSHAKE + "c> A =10\nc> A =60\n")))
    assert heard.told == "c 1-10, c skipped 60"
    assert len(heard.readers[0].times) == 2, "so that the reader learns the time of the last octet"


def test_a_skip_within_one_segment_is_the_readers_own_affair() -> None:
    """A demand counts from behind what it was just told."""
    heard = after(10, 5)
    heard.feed(frames_of(parse(HANDSHAKE + "c> A =10\nc> A =20\n")))
    assert heard.told == "c 1-10, c skipped 5, c 16-30"


def test_ignore_is_for_ever_and_for_one_direction() -> None:
    heard = after(10, IGNORE)
    heard.feed(
        frames_of(parse(HANDSHAKE + "c> A =10\nc> A =60\ns> A =20\nc> A =5 lost\ns> A\nc> A =5\n" + CLOSE))
    ).end()
    assert heard.told == "c 1-10, s 1-20, c FIN, s FIN"


def test_a_gap_ends_a_skip_and_says_what_was_left_of_it() -> None:
    heard = after(10, 100)
    heard.feed(frames_of(parse(HANDSHAKE + "c> A =10\nc> A =60\nc> A =60 lost\nc> A =5\ns> A\n" + CLOSE))).end()
    assert heard.side("c") == "1-10, skipped 60, gap 60, 131-135, FIN"
    assert heard.readers[0].gaps[True] == [(71, 60)]


def test_until_close_is_a_skip_that_never_ends() -> None:
    heard = after(10, UNTIL_CLOSE)
    heard.feed(frames_of(parse(HANDSHAKE + "c> A =10\n" + "c> A =1000\n" * 50 + CLOSE))).end()
    assert heard.side("c") == "1-10, skipped 50000, FIN"
    assert heard.readers[0].ended[True] == 0


def test_closing_says_what_was_left_of_a_skip() -> None:
    heard = after(10, 100)
    heard.feed(frames_of(parse(HANDSHAKE + "c> A =10\nc> A =60\n" + CLOSE))).end()
    assert heard.side("c") == "1-10, skipped 60, FIN"


def test_a_demand_answers_a_gap_too() -> None:
    def demand(reader: Recorder, is_orig: bool, passed: int) -> int:
        return 20 if is_orig and reader.gaps[True] and passed == 30 else 0

    heard = listen(demand=demand)
    heard.feed(frames_of(parse(HANDSHAKE + "c> A =10\nc> A =20 lost\nc> A =30\ns> A\n" + CLOSE))).end()
    assert heard.side("c") == "1-10, gap 20, skipped 20, 51-60, FIN"


def test_a_demand_in_answer_to_what_was_before_the_reader() -> None:
    """Attached in the middle, it may want nothing, or skip, at once."""
    for then, told in ((IGNORE, "gap 50, FIN"), (7, f"gap 50, skipped 7, {ASKED[7:].decode()!a}, FIN")):
        heard = after(50, then)
        segments = parse(HANDSHAKE + f"c> A =50\ns> A {REPLY}\nc> A {GET}\n" + CLOSE, ODD)
        assert heard.feed(frames_of(segments, ODD)).end().side("c") == told


def test_no_more_is_kept_for_comparison_than_the_limit() -> None:
    """64 segments and 64 KiB a direction, however large the segments; where that is much in all flows together, until
    they are acknowledged."""
    for size, count in ((60_000, 40), (10, 200), (1460, 200)):
        heard = listen().feed(frames_of(parse("c> S\n" + f"c> . ={size}\n" * count)))
        (flow,) = heard.tracker.flows.values()
        recent = flow.orig.recent or []
        assert len(recent) <= 64
        assert sum(len(chunk or b"") for _, _, chunk in recent) == flow.orig.recent_bytes <= 65536
        heard.end()
    script = HANDSHAKE + "c> A =10\nc> A =10\ns> A ^11\n"
    heard = listen().feed(frames_of(parse(script)))
    (flow,) = heard.tracker.flows.values()
    assert flow.orig.recent == [(1, 11, stream(1, 10)), (11, 21, stream(11, 10))]
    assert heard.tracker.reassembler.total_recent == 20
    heard.end()
    assert heard.tracker.reassembler.total_recent == 0
    heard = listen(FlowSettings(max_reassembly_bytes=40)).feed(frames_of(parse(script)))
    (flow,) = heard.tracker.flows.values()
    assert flow.orig.recent == [(11, 21, stream(11, 10))]
    assert flow.orig.recent_bytes == 10


WAITING = FlowSettings(reorder_wait_s=0.1, hole_wait_s=5, hole_wait_bytes=1000, max_ooo_segments=8)
LOST = HANDSHAKE + "c> A =100 lost\ns> A =10\n"


def test_t18_waits_a_little_when_something_waits() -> None:
    assert listen(WAITING).feed(frames_of(parse(LOST + "s> A =10 +0.1s\n"))).readers == []
    heard = listen(WAITING).feed(frames_of(parse(LOST + "s> A =10 +0.101s\n")))
    assert heard.told == "c gap 100, s 1-20"


def test_t18_waits_long_when_nothing_waits() -> None:
    script = HANDSHAKE + "c> A =10\ns> A\nc> A =90 lost\ns> A\n"
    heard = listen(WAITING).feed(frames_of(parse(script + "s> A +4.9s\n")))
    assert heard.told == "c 1-10"
    heard = listen(WAITING).feed(frames_of(parse(script + "s> A +5.1s\n")))
    assert heard.told == "c 1-10, c gap 90"


def test_t18_what_waits_is_bounded() -> None:
    def waits(more: str) -> bool:
        return listen(WAITING).feed(frames_of(parse(LOST + more))).readers == []

    assert waits("s> A =990\n")
    assert not waits("s> A =991\n")
    assert waits("s> A =1\n" * 6)
    assert not waits("s> A =1\n" * 7)
    heard = listen(FlowSettings(max_reassembly_bytes=50)).feed(frames_of(parse(LOST + "s> A =41\n")))
    assert heard.told == "c gap 100, s 1-51"
    assert heard.weirds == ["excessive_reassembly_bytes"]


def test_t18_the_clock_alone_ends_the_waiting() -> None:
    """Another flow's frames move packet time on; nothing more comes in this one."""
    other = Ends(cport=7, server="198.51.100.41")
    heard = listen(WAITING).feed(frames_of(parse(LOST)))
    for second in range(1, 9):
        heard.feed(frames_of(parse("c> A @9", other, parse(LOST)[-1].ts + second * 10**9), other))
    assert [reader.told for reader in heard.readers if reader.flow.orig_p == 49152] == [["c gap 100", "s 1-10"]]


def test_t18_the_end_of_a_direction_waits_in_its_turn() -> None:
    """The server closes before the question is seen."""
    heard = play(HANDSHAKE + "c> A =100 lost\ns> A =10\ns> FA\nc> A =100 @1\n" + "c> FA\ns> A\n")
    assert heard.told == "c 1-100, s 1-10, s FIN, c FIN"


def test_t18_a_reset_does_not_wait() -> None:
    assert play(LOST + "s> RA\n").told == "c gap 100, s 1-10, c RST, s RST"


def test_nobody_waits_for_what_nobody_reads() -> None:
    script = HANDSHAKE + f"c> A {HELLO}\ns> A {SERVER_HELLO}\nc> A =100 lost\ns> A =10\n"
    heard = listen().feed(frames_of(parse(script, Ends(sport=443)), Ends(sport=443)))
    (flow,) = heard.tracker.flows.values()
    assert flow.late is None
    assert heard.tracker.reassembler.gap_bytes == 100
