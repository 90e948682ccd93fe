"""sensor.flow.older: what goes on behind a SYN with another number; in HTTP, tests/hostile/test_tcp_insertion.py."""

from __future__ import annotations

import pytest

from sensor.flow.ledger import PER_READING
from sensor.settings import FlowSettings
from tests.flow.talk import CLOSE, HANDSHAKE, Ends, frames_of, listen, parse, play, stream, tick


@pytest.mark.parametrize("syn", ["c> S @90000 forged", "c> S @3000000000 forged", "s> S @90000 forged"])
def test_the_numbers_that_were_go_on(syn: str) -> None:
    heard = play(f"{HANDSHAKE}c> A =100\n{syn}\nc> A =50\ns> A =200\nc> A\n{CLOSE}")
    assert heard.told == "c 1-100, c reopened, s reopened, c 101-150, s 1-200, c FIN, s FIN"
    assert [conn.history[0] for conn in heard.conns] == ["S", "S"]


def test_each_numbering_has_its_reader() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> A @90001 =10 forged\nc> A =50\n")
    assert [reader.octets(True)[:1] != b"" for reader in heard.readers] == [True, True]
    assert len(heard.readers[0].octets(True)) == 150
    assert len(heard.readers[1].octets(True)) == 10


def test_a_true_syn_is_believed() -> None:
    """Nothing comes by the old numbers: nothing is doubtful."""
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000\ns> SA @70000 ^90001\nc> A @90001 ^70001 =30\n")
    assert [reader.octets(True)[:0] for reader in heard.readers] == [b"", b""]
    assert "reopened" not in " ".join(entry for reader in heard.readers for entry in reader.told)


def test_an_older_fin_is_heard() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> FA =5\ns> A\n")
    assert heard.side("c") == "1-100, reopened, 101-105, FIN"


def test_far_before_what_was_read() -> None:
    """Octets before the connection's first are nobody's, and counted."""
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @900000000 forged\nc> A @-500 =20 forged\nc> A =5\n")
    assert heard.tracker.reassembler.discards.total == 20


@pytest.mark.parametrize("count", [50, 100])
def test_octets_that_come_again_by_the_old_numbers_doubt_nothing(count: int) -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> A @1 ={count} forged\n")
    assert heard.tracker.reassembler.duplicate_bytes == count
    assert "reopened" not in heard.told


def test_an_older_fin_behind_a_hole_waits_for_it() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> FA @151 forged\nc> A @101 =50 forged\n")
    assert heard.side("c") == "1-100, reopened, 101-150, FIN"


def test_what_is_acknowledged_by_the_old_numbers_is_missing_there() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\nc> S @90000 forged\nc> A =50 lost\ns> A =10\nc> A =5\n")
    assert heard.side("c") == "1-100, reopened, gap 50, 151-155, TIMEOUT"


def test_a_side_that_had_not_spoken_is_numbered_by_its_first_segment() -> None:
    heard = play("c> S\nc> A =100\nc> S @90000 forged\ns> A =50\n")
    assert "1-50" in heard.side("s")


FIRST = ["s> F", "s> FA", "s> SF", "s> R", "s> A =50", "s> FA =50"]


@pytest.mark.parametrize("number", [1_000_000_000, 3_000_000_000, 700])
@pytest.mark.parametrize("forged", FIRST)
def test_the_syn_numbers_whom_a_stranger_had_begun(forged: str, number: int) -> None:
    """Whatever came in its name: the octets behind its SYN are its first ones, and none is a repetition."""
    flags, _, sized = forged.removeprefix("s> ").partition(" ")
    heard = play(f"c> S\ns> {flags} @{number} {sized} forged\ns> SA @0\nc> A =100\ns> A =200\nc> A\n{CLOSE}")
    reader = heard.readers[-1]
    assert (reader.octets(True), reader.octets(False)) == (stream(1, 100), stream(1, 200, False))
    totals = heard.tracker.reassembler
    assert (totals.duplicate_bytes, totals.discards.total, totals.gap_bytes) == (0, 0, 0)


def test_a_closed_side_that_had_its_syn_keeps_its_numbers() -> None:
    """As in Zeek's: a SYN/ACK behind the end of a connection says nothing about it."""
    heard = play(f"{HANDSHAKE}c> A =100\ns> A =200\nc> A\n{CLOSE}\ns> SA @3000000000 forged\n")
    assert (heard.conn.orig_bytes, heard.conn.resp_bytes) == (100, 200)
    assert heard.tracker.reassembler.older_flows == 0


@pytest.mark.parametrize("second", ["s> SA @90000", "s> SA @3000000000", "c> S @90000", "c> SA @90000"])
@pytest.mark.parametrize("first", ["s> A @1000000000 =50", "s> SA @1000000000", "c> A @1000000000 =50"])
def test_each_of_many_numberings_goes_on(first: str, second: str) -> None:
    """Those of the SYN that is neither the first nor the last, too: it was forgotten when the last came."""
    heard = play(f"c> S\n{first} forged\ns> SA @0\nc> A\n{second} forged\nc> A =100\ns> A =200\nc> A\n{CLOSE}")
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert (stream(1, 100), stream(1, 200, False)) in told
    totals = heard.tracker.reassembler
    assert (totals.duplicate_bytes, totals.gap_bytes) == (0, 0)
    assert totals.discards.total == totals.discards.out_of_window == (50 if first.startswith("c> A") else 0)


def test_octets_that_came_once_are_no_repetition() -> None:
    """Two forged SYN/ACKs, the second with the number of the true octets that come next."""
    heard = play(f"{HANDSHAKE}s> SA @90000 forged\nc> A =100\ns> A =200\ns> SA @201 forged\ns> A =30\n{CLOSE}")
    assert heard.tracker.reassembler.duplicate_bytes == 0
    assert heard.tracker.reassembler.delivered_bytes == 330


def test_in_a_flow_that_nobody_reads_too() -> None:
    heard = play(
        f"{HANDSHAKE}c> A =100\nc> A =100 lost\nc> A =100\nc> S @90000\nc> A @90001 =300 forged\n",
        ends=Ends(sport=9999),
    )
    totals = heard.tracker.reassembler
    assert (totals.duplicate_bytes, totals.delivered_bytes) == (0, 500)


@pytest.mark.parametrize("far", [3_000_000_000, 1_000_000_000, 2_000_000, 90_000])
def test_what_is_acknowledged_by_the_old_numbers_is_not_missing_by_the_new(far: int) -> None:
    """conn.log has it as missed, once, for Zeek's has; it is no loss, and none of the sensor's."""
    script = "c> A =100\ns> A =200\nc> A =10\ns> A =20\nc> A =10\ns> A =20\nc> A\n"
    heard = play(f"{HANDSHAKE}s> SA @-{far} forged\n{script}{CLOSE}")
    totals = heard.tracker.reassembler
    assert (totals.gap_bytes, totals.gaps, totals.ack_gaps) == (0, 0, 0)
    assert totals.delivered_bytes == 360
    assert heard.conn.missed_bytes <= far


def test_t12_numbers_by_which_something_was_read_are_never_given_up() -> None:
    """As many as may be: of the strangers' one goes, and if all were read, the SYN is not followed."""
    few = FlowSettings(max_older_flows=1)
    more = "".join(f"s> SA @{1000000 * n} forged\n" for n in range(1, 6))
    script = f"c> S\ns> F @500000000 forged\ns> SA @0\nc> A\n{more}c> A =100\n{more}s> A =200\n{more}c> A =30\n{CLOSE}"
    heard = play(script, settings=few)
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert told == [(stream(1, 130), stream(1, 200, False))]
    assert heard.tracker.limits()["flow.max_older_flows"] == heard.weirds.count("excessive_SYN_numbers") > 0


def test_t12_without_room_a_syn_is_not_followed() -> None:
    heard = play(
        f"{HANDSHAKE}c> A =100\ns> SA @90000 forged\ns> A =200\nc> A\n{CLOSE}", settings=FlowSettings(max_older_flows=0)
    )
    assert heard.told == "c 1-100, s 1-200, c FIN, s FIN"
    assert heard.weirds.count("excessive_SYN_numbers") == 1


def test_t12_one_of_which_nothing_was_read_makes_room() -> None:
    """Strangers answered twice, and the second one's octets were read: the true SYN/ACK is followed all the same."""
    forged = "s> F @500000000 forged\ns> SA @1000000000 forged\ns> A @1000000001 =50 forged\n"
    script = f"c> S\n{forged}s> SA @0\nc> A\nc> A =100\ns> A =200\nc> A\n{CLOSE}"
    heard = play(script, settings=FlowSettings(max_older_flows=1))
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert (stream(1, 100), stream(1, 200, False)) in told
    assert heard.tracker.limits()["flow.max_older_flows"] == 1


def test_who_had_no_syn_keeps_no_numbers_though_they_were_acknowledged() -> None:
    """Two strangers, one in either name: the second acknowledges what the first has said."""
    forged = "s> FA @1000000000 =50 forged\nc> A ^1000000052 forged\n"
    heard = play(f"c> S\n{forged}s> SA @0\nc> A =100\ns> A =200\nc> A\n{CLOSE}")
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert (stream(1, 100), stream(1, 200, False)) in told


@pytest.mark.parametrize("ack", [2, 51, 500, 500_000])
@pytest.mark.parametrize("forged", ["s> FA @1000000000 ^{0}", "s> SA @1000000000 ^{0}", "s> A @3000000000 ^{0} =50"])
def test_t12_what_a_stranger_acknowledged_before_it_was_sent(forged: str, ack: int) -> None:
    """He answers before the server does, and nothing is lost of what the client says then, nor a repetition."""
    heard = play(f"c> S\n{forged.format(ack)} forged\ns> SA @0\nc> A\nc> A @1 =100\ns> A =200\nc> A\n{CLOSE}")
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert (stream(1, 100), stream(1, 200, False)) in told
    totals = heard.tracker.reassembler
    assert (totals.duplicate_bytes, totals.discards.total) == (0, 0)


def test_t12_a_rst_before_the_syn_numbers_nobody_behind_it() -> None:
    """A RST, then the true SYN/ACK, then a stranger's: the true numbers go on beside his."""
    heard = play(
        f"c> S\ns> RA @1000000000 forged\ns> SA @0\ns> SA @3000000000 forged\nc> A\nc> A =100\ns> A =200\n{CLOSE}"
    )
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert (stream(1, 100), stream(1, 200, False)) in told


def test_octets_behind_a_rst_are_of_its_numbers() -> None:
    """The true SYN/ACK begins anew: its first octets are no repetition of those that came behind a forged RST."""
    forged = "s> R @1000000000 forged\ns> A @1000000000 =50 forged\n"
    heard = play(f"c> S\n{forged}s> SA @0\nc> A\nc> A =100\ns> A =200\n{CLOSE}")
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert (stream(1, 100), stream(1, 200, False)) in told
    assert heard.tracker.reassembler.duplicate_bytes == 0


ASKED_AGAIN = [
    f"{first}{second} forged\n"
    for first in (
        "s> A @1000000000 =50 forged\n",
        "s> S @1000000000 forged\n",
        "c> A ^1000000000 forged\n",
        "s> RA forged\n",
    )
    for second in ("c> S @900000000", "c> SA @3000000000 ^7")
]


@pytest.mark.parametrize("forged", ASKED_AGAIN)
def test_t12_a_syn_ack_says_what_it_answers(forged: str) -> None:
    """A stranger has numbered the server, and has asked again in the client's name: the true numbers go together."""
    heard = play(f"c> S\n{forged}s> SA @0 ^1\nc> A @1 ^1\nc> A =100\ns> A =200\nc> A\n{CLOSE}")
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert (stream(1, 100), stream(1, 200, False)) in told
    assert heard.tracker.reassembler.duplicate_bytes == 0


def test_what_is_answered_has_the_roles_of_its_handshake() -> None:
    """A stranger asks in the server's name: it is the client who asks all the same."""
    forged = 's> A @1 ^1 "GET / HTTP/1.1" forged\n'
    heard = play(f"c> S\n{ASKED_AGAIN[0]}s> SA @0 ^1\nc> A @1 ^1\n{forged}c> A =100\ns> A =200\nc> A\n{CLOSE}")
    assert stream(1, 100) in [reader.octets(True) for reader in heard.readers]


def test_what_is_answered_is_charged() -> None:
    """It is one flow more."""
    frames = frames_of(parse(f"c> S\n{ASKED_AGAIN[0]}s> SA @0 ^1\n"))
    heard = listen().feed(frames[:-1])
    before = heard.tracker.ledger.charged, heard.tracker.reassembler.older_flows
    heard.feed(frames[-1:])
    assert heard.tracker.ledger.charged >= before[0] + PER_READING
    assert heard.tracker.reassembler.older_flows == before[1] + 1


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_what_is_answered_takes_the_room_of_another(most: int) -> None:
    """No more flows than may be, and each that finds no room is counted."""
    script = "c> S\n" + "".join(f"c> S @{n}00000000 forged\ns> SA @{n}00000000 ^1 forged\n" for n in range(2, 8))
    heard = listen(FlowSettings(max_older_flows=most)).feed(frames_of(parse(script)))
    assert heard.tracker.reassembler.older_flows == most
    assert heard.end().tracker.limits()["flow.max_older_flows"] > 0


def test_the_last_syn_is_answered_as_ever() -> None:
    """And one that is answered again, and one behind which something was said: no flow more than there are SYNs."""
    again = "s> SA @0 ^1 forged\n"
    heard = listen().feed(
        frames_of(parse(f"c> S\ns> SA @0 ^1\n{again}c> S @900000000\ns> SA @800000000 ^900000001\n{again}"))
    )
    assert heard.tracker.reassembler.older_flows == 2
    heard.end()
    heard = listen().feed(frames_of(parse(f"c> S\ns> SA @7 ^1\nc> A =100\nc> S @900000000 forged\n{again}")))
    assert heard.tracker.reassembler.older_flows == 1
    heard.end()


LED_ON = "c> A @340000000 ^300000 =50 forged\n"
"""The server is said to have sent 300,000 octets, which nobody has seen: they are waited for."""


@pytest.mark.parametrize("syn", ["c> S @900000000 forged\n", "s> SA @900000000 forged\n"])
@pytest.mark.parametrize("place", range(5))
def test_t12_what_is_waited_for_is_waited_for_behind_a_syn(syn: str, place: int) -> None:
    """By the numbers that were: request and reply are read by one reader, as without the SYN."""
    lines = ["c> A =100\n", "s> A =100\n", "s> A =100\n", "c> A =10\n", "s> A =20\n"]
    heard = play(HANDSHAKE + LED_ON + "".join(lines[:place]) + syn + "".join(lines[place:]) + CLOSE)
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert told == [(stream(1, 110), stream(1, 220, False))]
    totals = heard.tracker.reassembler
    assert (totals.duplicate_bytes, totals.gap_bytes) == (0, 0)


def test_no_longer_than_without_one() -> None:
    script = f"{HANDSHAKE}{LED_ON}c> A =100\ns> SA @900000000 forged\nc> A =10\n"
    heard = listen().feed(frames_of(parse(script)))
    assert [reader.octets(True) for reader in heard.readers] == []
    heard.feed(tick(30))
    assert [reader.octets(True) for reader in heard.readers] == [stream(1, 110)]
    assert heard.tracker.reassembler.total_held == 0
    heard.end()


@pytest.mark.parametrize("most", range(3))
@pytest.mark.parametrize("place", range(3))
def test_what_is_waited_for_where_there_is_no_room(most: int, place: int) -> None:
    """The SYN is not followed, and nothing that waited is lost or told twice."""
    lines = ["c> A =100\n", "s> A =200\n"]
    syns = "".join(f"s> SA @{n}00000000 forged\n" for n in range(1, 5))
    script = HANDSHAKE + LED_ON + "".join(lines[:place]) + syns + "".join(lines[place:]) + CLOSE
    heard = play(script, settings=FlowSettings(max_older_flows=most))
    assert [reader.octets(True) for reader in heard.readers if reader.octets(True)] == [stream(1, 100)]
    assert [reader.octets(False) for reader in heard.readers if reader.octets(False)] == [stream(1, 200, False)]


@pytest.mark.parametrize(
    "script",
    [
        f"{LED_ON}c> A =100\ns> SA @900000000 forged\nc> A @1 ^900000001 =100 forged\n",
        "s> A ^300000 forged\ns> A =100\nc> SA @900000000 forged\ns> A @1 ^900000001 =100 forged\n",
    ],
)
def test_what_waits_is_not_what_is_waited_for(script: str) -> None:
    """Octets that have come, and come again by the new numbers, are a repetition."""
    heard = play(HANDSHAKE + script)
    assert heard.tracker.reassembler.duplicate_bytes == 100


def test_whom_nobody_has_answered() -> None:
    """The SYN/ACK is not captured, and a stranger's SYN has a number near by: what is acknowledged says nothing."""
    heard = play("c> S\nc> S @90000 forged\nc> A @1 ^1 =100\n")
    assert stream(1, 100) in [reader.octets(True) for reader in heard.readers]


def test_who_was_led_astray_by_acknowledgments_is_read_on() -> None:
    """Four of them are believed; what the client says then is nearer to its own numbers than to a stranger's."""
    far = "".join(f"c> A ^{1000000000 + n} forged\n" for n in range(4))
    heard = play(f"{HANDSHAKE}{far}c> S @500000000 forged\nc> A @1 ^1 =100\n")
    assert stream(1, 100) in [reader.octets(True) for reader in heard.readers]


@pytest.mark.parametrize("port", [80, 9999])
def test_what_waits_is_never_read_by_other_numbers(port: int) -> None:
    """A stranger's octets wait for the client's, which he has acknowledged, and the SYN/ACK finds no room."""
    forged = "s> A @1000000000 ^300000 =50 forged\n"
    script = f"c> S\n{forged}s> SA @0\nc> A =100\ns> A =200\n{CLOSE}"
    heard = play(script, settings=FlowSettings(max_older_flows=0), ends=Ends(sport=port))
    alone = (b"", stream(1000000000, 50, False), stream(1, 200, False))
    assert all(reader.octets(False) in alone for reader in heard.readers)
    assert heard.tracker.reassembler.total_held == 0


@pytest.mark.parametrize("begun", ["s> SA ^1\n", "s> A @1 ^1\n"])
@pytest.mark.parametrize("at", [100_000_000, 1_500_000_000, 3_000_000_000])
@pytest.mark.parametrize("forged", ["A @{0} =18", "FA @{0}", "R @{0}", "A @{0}"])
def test_t12_whose_numbers_were_acknowledged_before_he_spoke(begun: str, at: int, forged: str) -> None:
    """The SYN was not captured, and a stranger says the first word: the true ones are those that are acknowledged."""
    script = f"{begun}c> {forged.format(at)} forged\nc> A @1 ^1 =100\ns> A @1 ^101 =200\nc> A\n{CLOSE}"
    heard = play(script)
    told = [(reader.octets(True), reader.octets(False)) for reader in heard.readers]
    assert (stream(1, 100), stream(1, 200, False)) in told
    assert heard.tracker.reassembler.discards.total == 0


@pytest.mark.parametrize(
    "script", ["c> A @3000000000 =10\n", "s> A @1 ^1\nc> A @50000000 =10\n", "s> A @1 ^1\nc> A @1 =10\n"]
)
def test_a_first_word_that_may_be_in_flight_is_no_strangers(script: str) -> None:
    heard = listen().feed(frames_of(parse(script)))
    assert heard.tracker.reassembler.older_flows == 0
    heard.end()


def test_t12_without_room_the_first_word_of_a_stranger_is_not_followed() -> None:
    script = "s> A @1 ^1 =50\nc> A @1500000000 =18 forged\nc> A @1 ^51 =100\ns> A =200\nc> A\n"
    heard = play(script, settings=FlowSettings(max_older_flows=0))
    assert [(r.octets(True), r.octets(False)) for r in heard.readers] == [(stream(1, 100), stream(1, 250, False))]
