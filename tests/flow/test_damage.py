"""Damaged, doubled, shuffled frames of several flows under tiny limits: every promise still holds.

The promises are asserted by `Recorder`, `Heard` and `conserved` (tests/flow/talk.py).
"""

from __future__ import annotations

import random

import pytest

from sensor.flow.stream import IGNORE, UNTIL_CLOSE
from sensor.settings import FlowSettings
from tests.flow.frames import Frame, S
from tests.flow.talk import CLOSE, HANDSHAKE, TALK, Ends, Heard, Recorder, frames_of, listen, parse
from tests.flow.wraps import WRAPS

GET = 'c> A "GET / HTTP/1.1\\r\\nHost: a.example\\r\\n\\r\\n"\n'
REPLY = 's> A "HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\n"\ns> A "12345"\nc> A\n'
SCRIPTS = (
    TALK,
    HANDSHAKE + (GET + REPLY) * 2 + CLOSE,
    "c> A @500 =20\n" + GET + REPLY + CLOSE,
    GET + "s> FA\ns> A @1 =50\ns> FA\nc> A\n",
    "s> SA\n" + REPLY + GET + "s> R\n",
    "c> S =30\ns> SA\nc> A\n" + "c> A =40\ns> A\n" * 4,
    "c> S\ns> S\nc> SA @0 ^1\ns> SA @0 ^1\n" + GET + REPLY,
)
WAYS = ("ethernet", "ethernet", "ethernet", "sll", "vlan", "gre", "vxlan", "ipip", "raw 101")


def limits(dice: random.Random) -> FlowSettings:
    return FlowSettings(
        max_flows=dice.choice([1, 2, 5, 100]),
        max_half_open=dice.choice([1, 2, 50]),
        hole_wait_bytes=dice.choice([1, 100, 5000]),
        max_ooo_segments=dice.choice([1, 5, 100]),
        max_reassembly_bytes=dice.choice([1, 1000, 10**6]),
        reorder_wait_s=dice.choice([0.0, 0.001, 1.0]),
        max_fragment_datagrams=dice.choice([1, 5, 100]),
        max_fragment_bytes=dice.choice([10, 1000, 10**6]),
        attempt_timeout_s=dice.choice([0.001, 5]),
        idle_timeout_s=dice.choice([0.01, 300]),
        close_linger_s=dice.choice([0.001, 5]),
        use_vlan=dice.random() < 0.3,
    )


def conversation(dice: random.Random) -> list[Frame]:
    """One of SCRIPTS from one of a few ports, so that ports are used again, in one of WAYS."""
    ends = Ends(
        cport=dice.choice([1000, 1001, 1002]),
        sport=dice.choice([80, 80, 2560]),
        cisn=dice.choice([0, 0x11223344, 0xFFFFFFF0]),
        sisn=dice.choice([0, 0x55667788, 0xFFFFFFFF]),
    )
    wrap = WRAPS[dice.choice(WAYS)]
    return [
        Frame(ts, wrap.make(data[14:]), wrap.link)
        for ts, data, _, _ in frames_of(parse(dice.choice(SCRIPTS), ends), ends)
    ]


def damaged(frame: Frame, dice: random.Random) -> Frame:
    data, ts, link, wirelen = bytearray(frame.data), frame.ts, frame.link, None
    if dice.random() < 0.3:
        for _ in range(dice.choice([1, 1, 2, 8])):
            data[dice.randrange(len(data))] = dice.randrange(256)
    if dice.random() < 0.05:
        del data[dice.randrange(len(data)) :]
    if dice.random() < 0.05:
        ts += dice.choice([S, -S, 400 * S, -400 * S, 10_000 * S, -10_000 * S])
    if dice.random() < 0.02:
        link = dice.randrange(300)
    if dice.random() < 0.1:
        wirelen = len(data) + dice.randrange(2000)
    return Frame(ts, bytes(data), link, wirelen)


def play_damaged(seed: int) -> Heard:
    dice = random.Random(seed)

    def demand(_: Recorder, __: bool, ___: int) -> int:
        return dice.choice([0, 0, 0, 0, 3, 100, UNTIL_CLOSE, IGNORE])

    frames = [frame for _ in range(dice.randrange(1, 6)) for frame in conversation(dice)]
    if dice.random() < 0.5:
        dice.shuffle(frames)
    frames = [
        damaged(frame, dice) for frame in frames if dice.random() > 0.1 for _ in range(1 + (dice.random() < 0.05))
    ]
    return listen(limits(dice), demand).feed(frames, dice.choice([1, 7, 1000])).end()


@pytest.mark.parametrize("part", range(20))
def test_every_promise_holds(part: int) -> None:
    readers = flows = 0
    for seed in range(part * 150, part * 150 + 150):
        heard = play_damaged(seed)
        readers += len(heard.readers)
        flows += heard.tracker.flows_seen
    assert readers > 50, "it is not all noise"
    assert flows > readers
