"""sensor.flow.emergency: when it begins, what is shorter in it, when it ends, and who is spared."""

from __future__ import annotations

from sensor.flow.conn import Connection
from sensor.settings import FlowSettings
from sensor.weird import Weird
from tests.flow.frames import START, Frame, S
from tests.flow.talk import HANDSHAKE, TALK, Ends, Heard, listen, parse, seats

LIMITS = FlowSettings(max_flows=100, max_half_open=40)
TLS = HANDSHAKE + 'c> A "\\x16\\x03\\x01\\x00\\x05hello"\ns> A "\\x16\\x03\\x03\\x00\\x05hello"\n'
GET = 'c> A "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"\n'
TICK = Ends(client="10.99.0.1", cport=999)


def told(heard: Heard) -> list[tuple[int, str | None]]:
    """Seconds since the start and what was said."""
    return [
        ((weird.ts - START) // S, weird.addl)
        for weird in heard.out
        if isinstance(weird, Weird) and weird.name == "emergency_mode"
    ]


def at(seconds: float, frames: list[Frame]) -> list[Frame]:
    return [Frame(START + int(seconds * S) + i, frame.data) for i, frame in enumerate(frames)]


def tick(heard: Heard, first: int, last: int) -> None:
    """A packet of no other flow in each second, so that packet time goes on."""
    for second in range(first, last):
        heard.feed(at(second, [TICK.frame(parse("c> A =1", TICK)[0])]))


def conns(heard: Heard) -> list[Connection]:
    return [item for item in heard.out if isinstance(item, Connection)]


def test_it_begins_when_a_flow_has_to_go_and_is_told_once() -> None:
    heard = listen(LIMITS).feed(at(0, seats(100, HANDSHAKE)))
    assert not heard.tracker.emergency.is_on
    heard.feed(at(1, seats(50, HANDSHAKE, 5000)))
    assert heard.tracker.emergency.is_on
    assert (heard.tracker.evicted, heard.tracker.emergency.times) == (50, 1)
    assert told(heard) == [(1, "entered: the flow table is full")]


def test_established_flows_are_no_half_open_ones() -> None:
    """More flows than max_half_open were opened, none of them is half-open any more."""
    heard = listen(LIMITS).feed(at(0, seats(90, HANDSHAKE)))
    assert (heard.tracker.evicted, told(heard)) == (0, [])


def test_attempts_and_closed_flows_are_given_up_sooner() -> None:
    ordinary, emergency = listen(LIMITS), listen(LIMITS)
    emergency.tracker.emergency.overload(START, True)
    for heard in (ordinary, emergency):
        heard.feed(at(0, seats(5, "c> S\n", 1000) + seats(5, TALK, 2000)))
        tick(heard, 1, 4)
    assert len(ordinary.tracker.flows) == 11
    assert len(emergency.tracker.flows) == 1
    assert sorted(conn.conn_state for conn in conns(emergency)) == ["S0"] * 5 + ["SF"] * 5


def test_idle_flows_are_given_up_sooner_but_not_those_read_as_http() -> None:
    heard = listen(LIMITS)
    heard.tracker.emergency.overload(START, True)
    heard.feed(at(0, seats(3, TLS, 1000, 443) + seats(3, HANDSHAKE + GET, 2000)))
    tick(heard, 1, 19)
    assert len(heard.tracker.flows) == 7
    tick(heard, 19, 60)
    assert sorted(conn.flow.orig_p for conn in conns(heard)) == [1000, 1001, 1002]
    assert len(heard.tracker.flows) == 4


def test_it_ends_when_it_is_calm_and_the_timeouts_are_the_old_ones() -> None:
    heard = listen(LIMITS).feed(at(0, seats(120, HANDSHAKE)))
    machine = heard.tracker.machine
    assert (machine.attempt_ns, machine.linger_ns) == (S, S)
    tick(heard, 1, 60)  # the table empties after 20 s and a look
    (began, first), (ended, last) = told(heard)
    assert (began, first, last) == (0, "entered: the flow table is full", "left")
    assert 20 <= ended <= 30
    assert (machine.attempt_ns, machine.linger_ns, machine.unread_idle_ns) == (5 * S, 5 * S, 0)
    assert not heard.tracker.emergency.is_on


def test_it_does_not_end_before_the_hold_is_over_nor_while_packets_are_lost() -> None:
    heard = listen(LIMITS)
    heard.tracker.emergency.overload(START, True)
    tick(heard, 1, 40)
    assert told(heard) == [(0, "entered: packets are lost")]
    heard.tracker.emergency.overload(START + 40 * S, False)
    tick(heard, 40, 45)
    assert [said for _, said in told(heard)] == ["entered: packets are lost", "left"]
    heard.tracker.emergency.overload(START + 45 * S, True)
    heard.tracker.emergency.overload(START + 46 * S, False)
    tick(heard, 46, 54)
    assert heard.tracker.emergency.is_on
    tick(heard, 54, 57)
    assert not heard.tracker.emergency.is_on
    assert heard.tracker.emergency.times == 2


def test_it_does_not_end_while_the_table_is_nearly_full() -> None:
    """Flows that are read as HTTP stay: 80 of 100."""
    heard = listen(LIMITS, service="http").feed(at(0, seats(80, HANDSHAKE + GET) + seats(30, TLS, 5000, 443)))
    tick(heard, 1, 60)
    assert len(heard.tracker.flows) == 81
    assert heard.tracker.emergency.is_on


def test_the_clock_set_back_does_not_keep_it_forever() -> None:
    heard = listen(LIMITS)
    heard.tracker.emergency.overload(START + 10**6 * S, True)
    heard.tracker.emergency.overload(START, False)
    tick(heard, 1, 15)
    assert not heard.tracker.emergency.is_on


def test_flows_read_as_http_go_last() -> None:
    """The oldest are HTTP; the others go before them, the newest of them, too; then HTTP goes, oldest first."""
    heard = listen(LIMITS, service="http").feed(at(0, seats(30, HANDSHAKE + GET, 1000) + seats(70, TLS, 2000, 443)))
    heard.feed(at(0.5, seats(60, TLS, 5000, 443)))
    assert [conn.flow.orig_p for conn in conns(heard)] == list(range(2000, 2060))
    heard.feed(at(0.6, seats(90, HANDSHAKE + GET, 6000)))
    gone = [conn.flow.orig_p for conn in conns(heard)]
    assert gone[60:] == [*range(2060, 2070), *range(5000, 5060), *range(1000, 1020)]
    assert len(heard.tracker.flows) == 100
    heard.end()
    ended = [conn.flow.orig_p for conn in conns(heard)][len(gone) :]
    assert ended == [*range(1020, 1030), *range(6000, 6090)], "at the end, as they were opened"


def test_an_octet_to_the_port_is_not_http() -> None:
    """Those of which no whole head was read go as all others do."""
    heard = listen(LIMITS).feed(at(0, seats(30, HANDSHAKE + GET, 1000)))
    for reader in heard.readers:
        reader.service = "http"
    heard.feed(at(0.4, seats(150, HANDSHAKE + 'c> A "G"\n', 2000)))
    assert [conn.flow.orig_p for conn in conns(heard)] == list(range(2000, 2080))


def test_what_is_spared_does_not_pile_up() -> None:
    heard = listen(LIMITS)
    for turn in range(12):
        heard.feed(at(turn, seats(150, HANDSHAKE + GET, 1000 + 150 * turn)))
        queued = sum(map(len, (heard.tracker.spared, heard.tracker.oldest, heard.tracker.opening)))
        assert len(heard.tracker.flows) <= 100
        assert queued <= 500
    heard.end()
    assert len(conns(heard)) == 150 * 12


def test_spared_flows_are_forgotten_when_they_are_over() -> None:
    heard = listen(LIMITS, service="http").feed(at(0, seats(150, HANDSHAKE + GET)))
    assert len(heard.tracker.spared) > 50
    tick(heard, 400, 410)
    assert len(heard.tracker.flows) == 1
    assert len(heard.tracker.spared) == 0
