"""sensor.flow.copies: the latest copy of every octet, within limits."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sensor.flow.copies import Copies, delivered_last, join_up, latest, patched, size_of, with_copy
from sensor.flow.state import Segment
from tests.flow.talk import CLOSE, HANDSHAKE, play


def test_the_latest_copy_counts() -> None:
    assert patched(10, b"abcdef", [(8, b"123"), (12, b"45"), (12, b"6"), (15, b"789"), (99, b"far")]) == b"3b65e7"


def test_what_is_not_kept_any_more_is_forgotten() -> None:
    known = [(1, b"long ago"), (45, b"across it")]
    assert with_copy(known, 70, b"now", 50) == ([(45, b"across it"), (70, b"now")], False)
    assert with_copy(known, 100, b"next", 100) == ([(100, b"next")], False)


def test_copies_are_in_order_and_apart() -> None:
    """Of an octet that came more than twice the latest copy counts, and one that is contradicted in nothing."""
    known = [(20, b"bbbb"), (10, b"aaaa")]
    for rel, other, made in (
        (14, b"!", [(10, b"aaaa"), (14, b"!"), (20, b"bbbb")]),
        (19, b"!b", [(10, b"aaaa"), (19, b"!b"), (21, b"bbb")]),
        (12, b"a", [(10, b"aa"), (12, b"a"), (13, b"a"), (20, b"bbbb")]),
        (12, b"!", [(12, b"!"), (20, b"bbbb")]),
        (13, b"!" * 8, [(13, b"!" * 8)]),
        (13, b"a" * 7 + b"b", [(10, b"aaa"), (13, b"a" * 7 + b"b"), (21, b"bbb")]),
        (1, b"!" * 30, [(1, b"!" * 30)]),
        (30, b"!", [(10, b"aaaa"), (20, b"bbbb"), (30, b"!")]),
        (1, b"!", [(1, b"!"), (10, b"aaaa"), (20, b"bbbb")]),
    ):
        assert latest([*known, (rel, other)]) == made, (rel, other)
    assert latest(None) == []


def test_who_is_contradicted_by_a_later_one_counts_for_nothing() -> None:
    """Two pieces of the truth, and between them in time a forged one over both; and what covers all of a later one."""
    true = b"0123456789"
    assert latest([(10, true[:6]), (13, b"xxxx"), (16, true[6:])]) == [(10, true[:6]), (16, true[6:])]
    assert latest([(10, true), (13, true[3:5])]) == [(10, true[:3]), (13, true[3:5]), (15, true[5:])]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.booleans()), max_size=12))
def test_what_all_say_is_what_is_said(parts: list[tuple[int, int, bool]]) -> None:
    """Of one text in any pieces all octets are there; of two the last piece's, and no octet twice."""
    texts = (bytes(range(100)), bytes(range(100, 200)))
    pieces = [(at, texts[other][at : at + size]) for at, size, other in parts]
    for said in (pieces, [(at, texts[0][at : at + len(octets)]) for at, octets in pieces]):
        found = latest(said)
        assert all(at + len(octets) <= after for (at, octets), (after, _) in itertools.pairwise(found))
        if said:
            at, octets = said[-1]
            assert patched(at, bytes(len(octets)), found) == octets
    assert {at + i for at, octets in found for i in range(len(octets))} == {
        at + i for at, octets in pieces for i in range(len(octets))
    }


def test_small_pieces_are_joined_where_no_message_begins() -> None:
    recent: list[Segment] = [
        (1, 3, b"ab"),
        (3, 5, b"cd"),
        (6, 8, b"fg"),
        (8, 12, b"GET "),
        (12, 13, b"/"),
        (13, 14, None),
    ]
    assert join_up(recent) == [(1, 5, b"abcd"), (6, 8, b"fg"), (8, 13, b"GET /"), (13, 14, None)]
    large: list[Segment] = [(1 + 1000 * n, 1001 + 1000 * n, bytes(1000)) for n in range(10)]
    assert [last - first for first, last, _ in join_up(large)] == [4000, 4000, 2000]


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
