"""sensor.flow.stream: the promises of the contract, kept to a reader under whatever is thrown at a flow.

`Recorder` asserts them at every call (tests/flow/talk.py); here are the conversations that once broke them, and
random ones.
"""

from __future__ import annotations

import random
from typing import get_type_hints

import pytest

from sensor.flow import stream as contract
from sensor.flow.stream import END_OF_INPUT, FIN, IGNORE, RESET, TIMEOUT, UNTIL_CLOSE, StreamReader
from sensor.settings import FlowSettings
from tests.flow.talk import HANDSHAKE, Recorder, frames_of, listen, parse, play, stream


def test_recorder_is_a_stream_reader() -> None:
    for name in ("data", "gap", "closed"):
        promised = get_type_hints(getattr(StreamReader, name))
        assert get_type_hints(getattr(Recorder, name)) == promised
    assert len({FIN, RESET, TIMEOUT, END_OF_INPUT}) == 4
    assert IGNORE < 0 < UNTIL_CLOSE
    assert contract.__doc__


@pytest.mark.parametrize(
    "script",
    [
        "c> A =10\nc> FA\nc> A @11 =10\nc> A @11 =30\n",
        "c> A =10\nc> FA @5\nc> A =10\nc> FA\n",
        "c> A =10\nc> FA\nc> FA @11\nc> RA\nc> FA @200\n",
        "c> FA =10\nc> A @5 =100\n",
        "c> FA\nc> FA\ns> FA\ns> FA\nc> R\ns> R\nc> A =10\n",
        "s> A ^500\nc> A =10\nc> FA\nc> A =10 @1\n",
        "c> A =10 lost\ns> FA\nc> A @1 =10\nc> FA\ns> A =10\n",
        "c> RA\ns> A =10\nc> FA\ns> A =20\n",
    ],
)
def test_nothing_is_told_after_the_end(script: str) -> None:
    heard = play(HANDSHAKE + script)
    for reader in heard.readers:
        assert set(reader.ended) == {True, False}


@pytest.mark.parametrize("seed", range(40))
def test_random_segments_random_demands(seed: int) -> None:
    """Flags, places and sizes at random, and a reader that wants something else each time."""
    dice = random.Random(seed)

    def demand(_: Recorder, __: bool, ___: int) -> int:
        return dice.choice([0, 0, 0, 0, 1, 7, 100, 1000, UNTIL_CLOSE] + [IGNORE] * (dice.random() < 0.05))

    heard = listen(FlowSettings(hole_wait_bytes=500, max_ooo_segments=6), demand)
    script = HANDSHAKE if dice.random() < 0.7 else ""
    for _ in range(120):
        flags = dice.choice(["A"] * 20 + ["FA", "RA", "SA", "S", "PA", "."])
        place = dice.choice(["", "", f"@{dice.randrange(1, 400)}"])
        what = dice.choice(["=", "=", "=", "!"]) + str(dice.choice([0, 1, 10, 50, 300]))
        ack = dice.choice(["", "", f"^{dice.randrange(1, 500)}"])
        wait = dice.choice(["", "", "", "+0.3s", "+-0.2s"])
        lost = dice.choice(["", "", "", "", "lost"])
        script += f"{dice.choice('cs')}> {flags} {place} {what} {ack} {wait} {lost}\n"
    for segment in parse(script):
        heard.feed(frames_of([segment]))
    heard.end()
    assert heard.tracker.reassembler.payload_bytes == sum(segment.captured for segment in parse(script))


def test_octets_are_those_of_their_place_behind_any_skip() -> None:
    for demand_of in (1, 2, 9, 99, 100, 101):

        def demand(_: Recorder, __: bool, passed: int, step: int = demand_of) -> int:
            return step if passed % 3 else 0

        heard = listen(demand=demand).feed(frames_of(parse(HANDSHAKE + "c> A =100\n" * 20 + "c> FA\n"))).end()
        for place, chunk in heard.readers[0].heard[True]:
            assert chunk == stream(place, len(chunk))
