"""FlowTracker.retire: flows that are over for conn.log, in the middle of a message; in HTTP, tests/hostile, row T11."""

from __future__ import annotations

import pytest

from sensor.settings import FlowSettings
from tests.flow.frames import START, Frame, S
from tests.flow.talk import HANDSHAKE, MS, Ends, Heard, frames_of, listen, parse, seats, tick

RESET = "s> R @1 ^1 forged\n"
TORN = f"{HANDSHAKE}c> A =100\n{RESET}"


def waiting(script: str, settings: FlowSettings | None = None) -> Heard:
    """What was heard of it, by a reader that is always in the middle of a message."""
    heard = listen(settings)
    for frame in frames_of(parse(script)):
        heard.feed([frame])
        for reader in heard.readers:
            reader.waits = True
    return heard


@pytest.mark.parametrize("pause", [1, 6, 30, 64])
def test_what_fits_is_read_on_and_is_doubtful(pause: int) -> None:
    heard = waiting(f"{TORN}c> A +{pause}s =50\ns> A =30\n").end()
    assert heard.told == "c 1-100, c reopened, s reopened, c 101-150, s 1-30, c RST, s RST".replace(
        "RST", "RST" if pause < 5 else "END"
    )
    assert [conn.conn_state for conn in heard.conns] == (["RSTR"] if pause < 5 else ["RSTR", "OTH"])


def test_conn_log_has_it_when_it_had_it_before() -> None:
    heard = waiting(TORN).feed(tick(7))
    assert [conn.conn_state for conn in heard.conns] == ["RSTR"]
    assert heard.told == "c 1-100"
    heard.feed(tick(70))
    assert heard.told == "c 1-100, c RST, s RST"
    assert heard.tracker.size() == 0


@pytest.mark.parametrize("settings", [FlowSettings(unfinished_wait_s=0), FlowSettings(unfinished_wait_s=3)])
def test_it_waits_so_long(settings: FlowSettings) -> None:
    heard = waiting(f"{TORN}c> A +12s =50\n", settings).end()
    assert len(heard.readers[0].octets(True)) == 100


def test_where_nothing_is_open_nothing_waits() -> None:
    heard = listen().feed(frames_of(parse(TORN))).feed(tick(7))
    assert heard.told == "c 1-100, c RST, s RST"
    assert heard.tracker.size() == 0


@pytest.mark.parametrize("other", ["c> S @90000000 forged", "c> A @90000000 =20 forged"])
def test_other_numbers_do_not_take_its_place(other: str) -> None:
    heard = waiting(f"{TORN}{other} +7s\nc> A +1s =50\n".replace(" forged +7s", " +7s forged")).end()
    assert len(heard.readers[0].octets(True)) == 150


def test_a_full_table_ends_these_first() -> None:
    settings = FlowSettings(max_flows=20)
    heard = listen(settings)
    for frame in seats(10, TORN):
        heard.feed([frame])
        for reader in heard.readers:
            reader.waits = True
    heard.feed(tick(9))
    assert (heard.tracker.size(), len(heard.tracker.flows)) == (10, 0)
    later = [Frame(frame.ts + 10 * S, frame.data) for frame in seats(15, HANDSHAKE, 5000)]
    heard.feed(later)
    assert heard.tracker.size() == 20
    assert {limit: n for limit, n in heard.tracker.limits().items() if n} == {"flow.max_flows:unfinished": 5}
    assert heard.tracker.evicted == heard.tracker.emergency.times == 0
    heard.end()


def test_a_clock_that_leaps_ends_none() -> None:
    heard = waiting(TORN).feed(tick(7))
    heard.feed(tick(90_000))
    assert heard.told == "c 1-100"
    heard.feed([Frame(START + 90_001 * S, Ends().frame(parse(f"{TORN}c> A =50\n")[-1]).data)])
    heard.feed([Frame(START + 90_001 * S + MS, Ends().frame(parse("c> R @151")[0]).data)])
    assert heard.told == "c 1-100, c reopened, s reopened, c 101-150"
    heard.end()
