"""sensor.flow.lost: what comes after it was given up; in HTTP, rows T5 and T19 of tests/hostile."""

from __future__ import annotations

import pytest

from sensor.flow.lost import Lost, _find, _last_of
from sensor.flow.state import Endpoint
from sensor.settings import FlowSettings
from tests.flow.talk import HANDSHAKE, MS, Heard, joined, play


def run(who: str, place: int, count: int = 4, size: int = 1400) -> str:
    """Segments one behind the other that the receiver drops: too many for a stray one."""
    return "".join(f"{who}> A @{place + size * number} ={size} forged\n" for number in range(count))


def transcripts(heard: Heard) -> list[str]:
    return [joined(reader.told) for reader in heard.readers]


FAR = run("c", 900_000_000)
NEAR = run("c", 500_000, 48)
ACK = "s> A ^900 forged\nc> A +12s\n"


@pytest.mark.parametrize("forged", [FAR, NEAR, ACK, FAR + NEAR], ids=["far", "near", "acknowledged", "both"])
def test_what_was_given_up_is_read(forged: str) -> None:
    """Before the first octet, from an end whose beginning is known: another reader reads all that there is."""
    heard = play(f"{HANDSHAKE}{forged}c> A @1 =100\ns> A =200\nc> A @101 =50\n")
    assert [told for told in transcripts(heard) if told.startswith("c reopened, c 1-100, s 1-200, c 101-150")]
    assert heard.tracker.reassembler.duplicate_bytes == 0


def test_in_the_middle_of_what_somebody_reads() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\n{FAR}c> A @101 =50\ns> A =200\nc> A @151 =20\n")
    assert "c 101-150, s 1-200, c 151-170" in transcripts(heard)[-1]
    assert heard.conn.history == "ShADTd"


def test_a_repetition_is_one_all_the_same() -> None:
    heard = play(f"{HANDSHAKE}c> A =100\n{FAR}c> A @1 =100 forged\nc> A @101 =50\nc> A @101 =50 forged\n")
    assert heard.tracker.reassembler.duplicate_bytes == 150
    assert heard.tracker.reassembler.delivered_bytes == 150 + 1400, "three are discarded before they are believed"


@pytest.mark.parametrize("jumps", [3, 5, 9, 50, 70])
def test_however_far_they_lead(jumps: int) -> None:
    """More than 2**31 octets, and round all numbers there are."""
    forged = "".join(run("c", 100_000_000 * number) for number in range(1, jumps + 1))
    heard = play(f"{HANDSHAKE}{forged}c> A @1 =100\nc> A @101 =50\n")
    assert [told for told in transcripts(heard) if "c 1-150" in told]
    assert len(heard.readers) <= 6


def test_again_and_again_is_bounded() -> None:
    """Each time what comes by the true numbers is read, and no more than a few flows are read beside each other."""
    forged = "".join(f"{run('c', 500_000 + 2000 * each, 48)}c> A @{1 + 10 * each} =10\n" for each in range(12))
    heard = play(f"{HANDSHAKE}{forged}")
    said = " ".join(transcripts(heard))
    flow = heard.tracker.flows_seen
    assert flow == 1
    assert sum(reader.octets(True).count(b"") for reader in heard.readers)
    for each in range(12):
        assert [1 for reader in heard.readers if (1 + 10 * each, 10) in spans(reader.heard[True])], (each, said)


def spans(heard: list[tuple[int, bytes]]) -> list[tuple[int, int]]:
    return [(place, len(octets)) for place, octets in heard]


def test_gaps_are_counted_once() -> None:
    """What is missing of what was given up is no second gap when it is given up again."""
    settings = FlowSettings(hole_wait_s=0.1)
    heard = play(f"{HANDSHAKE}{FAR}c> A @1 =100\nc> A @201 =10\nc> A +1s @211 =10\n", settings)
    assert heard.tracker.reassembler.gap_bytes == 900_004_200 - 1


def test_limits_hold_for_what_is_behind() -> None:
    settings = FlowSettings(hole_wait_bytes=2000)
    heard = play(f"{HANDSHAKE}{FAR}c> A @1 =100\n{run('c', 300, 10)}", settings)
    assert heard.tracker.reassembler.most_held <= 2000 + 1400
    assert MS


def test_what_was_given_up_twice_is_counted_once() -> None:
    """An older flow in which acknowledged octets are missing goes back behind them: they are missing once."""
    heard = play("""
        c> A @325 ^249
        s> A @247 ^145
        c> A @360 ^492
        s> A @674 ^362
        s> SA @0 ^1
        c> S @0
        c> A @360 ^567 =1
        s> SA @0 ^1
        c> A @325 ^249
        s> A @421 ^360 =1
        c> A @325 ^249
        s> A @247 ^325 =2
    """)
    assert heard.tracker.reassembler.payload_bytes == 4


def test_ranges_are_found_by_their_32_bits() -> None:
    """Who is led far ahead has counted them round; and a segment may begin before the range."""
    end = Endpoint(True)
    end.lost = [Lost(101, 201, None), Lost((1 << 32) + 500, (1 << 32) + 600, [(490, 500, b"0123456789")])]
    first, far = end.lost
    assert _find(end, 150, 10) == (first, 150)
    assert _find(end, 550, 10) == (far, (1 << 32) + 550)
    assert _find(end, 495, 10) == (far, (1 << 32) + 495)
    assert _find(end, 300, 10) == (None, 300)
    far.shift(1000)
    assert (far.first, far.last, far.torn) == ((1 << 32) + 1500, (1 << 32) + 1600, [(1490, 1500, b"0123456789")])
    assert far.size() == 10


def test_of_a_torn_message_so_much_is_kept() -> None:
    """The last segments that follow each other, 8 KiB at the most."""
    pieces = [(1 + 3000 * number, 3001 + 3000 * number, bytes(3000)) for number in range(5)]
    assert _last_of([*pieces]) == pieces[3:]
    assert _last_of([(1, 2, b"a"), (5, 6, b"b"), (6, 8, b"cd")]) == [(5, 6, b"b"), (6, 8, b"cd")]
