"""sensor.flow.tracker in time: timers in packet time, clocks that run back or leap."""

from __future__ import annotations

import pytest

from sensor.settings import FlowSettings
from tests.flow.frames import START, Frame, S
from tests.flow.talk import (
    CLOSE,
    HANDSHAKE,
    MS,
    TALK,
    Ends,
    Heard,
    frames_of,
    listen,
    parse,
    play,
    stream,
    tick,
)

OTHER = Ends(client="10.99.0.1", cport=999)


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
    "attempt, closed by itself": ("c> S\nc> F\n", 5),
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


def test_time_passes_without_packets_where_the_source_says_so() -> None:
    heard = listen().feed(frames_of(parse(TALK)))
    last = parse(TALK)[-1].ts
    heard.tracker.advance(last + 4 * S)
    assert not heard.conns
    heard.tracker.advance(last - 90 * S)  # the past changes nothing
    assert (len(heard.conns), heard.tracker.now) == (0, last + 4 * S)
    heard.tracker.advance(last + 7 * S)
    heard.feed([])
    assert len(heard.conns) == 1


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


def test_cf8_what_the_first_octets_said_outlives_the_clock() -> None:
    """A direction that began with something else is not looked at again."""
    odd = Ends(sport=2560)
    script = HANDSHAKE + 'c> A =50\nc> A "GET / HTTP/1.1\\r\\n\\r\\n"\n'
    assert behind_the_clock((script, odd)).readers == []
    assert listen().feed(frames_of(parse(script, odd), odd)).end().readers == []


def test_cf8_a_new_connection_inherits_nothing() -> None:
    """The same ports again with numbers of their own, near or far: two conversations, nothing invented."""
    first = Ends()
    for far in (5000, 0x60000000):
        again = Ends(cisn=first.cisn + far, sisn=first.sisn + far)
        heard = behind_the_clock((TALK, first), (TALK, again))
        said = [(reader.octets(True), reader.octets(False), reader.gaps) for reader in heard.readers]
        assert said == [(stream(1, 100), stream(1, 200, False), {True: [], False: []})] * 2
    joined = behind_the_clock((HANDSHAKE + "c> A =100\n", first), ("c> A =50\ns> A =50\n", Ends(cisn=0x70000000)))
    assert [(reader.octets(True), reader.gaps[True]) for reader in joined.readers] == [
        (stream(1, 100), []),
        (stream(1, 50), []),
    ]


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


DAY = 86_400
MIXED_UP = """
    c> A =60 @61\nc> A =60 @1\nc> A =40 @121\ns> A ^161\ns> A @61 =60 ^161\ns> A @1 =60 ^161\nc> A ^161
    s> A @121 =40 ^161\ns> A ^201 forged\nc> A @161 =40\nc> A @201 =10\n
"""


def test_cf8_a_leap_at_any_packet_ends_nothing_that_waits() -> None:
    """Above a hole, or for octets that were acknowledged and come late: of this flow and of one beside it."""
    beside = Ends("10.20.0.77", "198.51.100.77", 50001)
    pairs = zip(*(frames_of(parse(HANDSHAKE + MIXED_UP, ends), ends) for ends in (Ends(), beside)), strict=True)
    frames = [frame for pair in pairs for frame in pair]
    for place in range(2, len(frames)):
        late = [frame._replace(ts=frame.ts + DAY * S * (number == place)) for number, frame in enumerate(frames)]
        heard = listen().feed(late).end()
        for reader in heard.readers:
            said = (reader.octets(True), reader.octets(False), reader.gaps)
            assert said == (stream(1, 210), stream(1, 160, False), {True: [], False: []}), place
        assert len(heard.readers) == 2
        assert heard.weirds == ["clock_jump"]


WAITS = {
    "above a hole": "c> A =50 lost\nc> A =50\n",
    "acknowledged": "c> A =50\ns> A ^101 forged\nc> A @101 =50\n",
}


@pytest.mark.parametrize("what", WAITS)
def test_cf8_what_waits_has_its_time_behind_a_leap(what: str) -> None:
    """As much as it had left; then it is given up."""
    script = HANDSHAKE + WAITS[what]
    settings = FlowSettings(hole_wait_s=20, reorder_wait_s=20)
    for behind, gaps in ((15, 0), (30, 1)):
        heard = listen(settings).feed(frames_of(parse(script)))
        assert heard.feed(tick(DAY)).feed(tick(DAY + behind)).weirds == ["clock_jump"]
        heard.feed(frames_of(parse(script + "c> A =10\n", None, START + (DAY + behind) * S))[-1:])
        assert heard.tracker.reassembler.gaps == gaps, behind


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


def test_cf8_a_clock_that_is_set_right_is_followed_when_it_is_told() -> None:
    """Else each packet that is years behind would be a connection of its own."""
    last = parse(TALK)[-1].ts
    heard = listen().feed(tick(10 * 365 * 24 * 3600.0, last))
    heard.tracker.finish()
    heard.tracker.begin_anew()
    heard.feed([*frames_of(parse(TALK)), *tick(20.0, last)])
    (conn,) = heard.conns
    assert (conn.conn_state, heard.tracker.now) == ("SF", last + 20 * S)
