"""sensor.flow.copies: the latest copy of every octet, within limits."""

from __future__ import annotations

from sensor.flow.copies import Copies, delivered_last, patched, size_of, with_copy
from sensor.flow.state import Segment
from tests.flow.talk import CLOSE, HANDSHAKE, play


def test_the_latest_copy_counts() -> None:
    assert patched(10, b"abcdef", [(8, b"123"), (12, b"45"), (12, b"6"), (15, b"789"), (99, b"far")]) == b"3b65e7"


def test_what_is_not_kept_any_more_is_forgotten() -> None:
    known = [(1, b"long ago"), (45, b"across it")]
    assert with_copy(known, 70, b"now", 50) == ([(45, b"across it"), (70, b"now")], False)
    assert with_copy(known, 100, b"next", 100) == ([(100, b"next")], False)


def test_copies_are_in_order_and_apart() -> None:
    """Of an octet that came more than twice the latest copy counts."""
    known = [(10, b"aaaa"), (20, b"bbbb")]
    for rel, other, made in (
        (14, b"!", [(10, b"aaaa!"), (20, b"bbbb")]),
        (19, b"!", [(10, b"aaaa"), (19, b"!bbbb")]),
        (12, b"!", [(10, b"aa!a"), (20, b"bbbb")]),
        (10, b"!!!!", [(10, b"!!!!"), (20, b"bbbb")]),
        (13, b"!" * 8, [(10, b"aaa" + b"!" * 8 + b"bbb")]),
        (1, b"!" * 30, [(1, b"!" * 30)]),
        (30, b"!", [*known, (30, b"!")]),
        (1, b"!", [(1, b"!"), *known]),
    ):
        assert with_copy(known, rel, other, 1) == (made, False), (rel, other)


def test_copies_are_bounded() -> None:
    copies: Copies = []
    cut = []
    for number in range(200):
        copies, is_cut = with_copy(copies, 1 + 2 * number, b"x", 1)
        cut.append(is_cut)
    assert len(copies) == 64 and copies[-1][0] == 399 and cut == [False] * 64 + [True] * 136
    copies = []
    for number in range(20):
        copies, is_cut = with_copy(copies, 1 + 30_000 * number, bytes(20_000), 1)
    assert size_of(copies) == 60_000 and is_cut
    assert with_copy(copies, 900_000, bytes(100_000), 1) == ([(900_000, bytes(100_000))], True), "one is always kept"


def test_what_was_delivered_last_is_as_it_was_cut() -> None:
    assert delivered_last(None, 1, []) == []
    recent: list[Segment] = [(1, 3, b"ab"), (5, 7, b"ef"), (7, 10, b"ghi")]
    assert delivered_last(recent, 10, [(6, b"FG")]) == [b"eF", b"Ghi"]
    assert delivered_last(recent, 10, [(1, b"AB"), (5, b"E"), (9, b"I"), (10, b"J")]) == [b"Ef", b"ghI"]
    assert delivered_last(recent, 11, []) == []


def test_t13_a_keep_alive_is_not_compared() -> None:
    heard = play(HANDSHAKE + "c> A =100\ns> A\nc> A @100 !1 forged\ns> A\nc> A =5\n" + CLOSE)
    assert heard.weirds == []
