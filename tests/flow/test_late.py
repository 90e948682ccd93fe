"""sensor.flow.late: what waits for missing bytes, of both directions, in the order in which it would be told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensor.flow.late import Late
from sensor.flow.state import Endpoint, Flow
from tests.flow.talk import stream


def told(late: Late) -> list[tuple[bool, int, int, bytes | None, int, int]]:
    return [(piece.end.is_orig, piece.first, piece.last, piece.chunk, piece.ts, piece.how) for piece in late.pieces]


def ends() -> tuple[Endpoint, Endpoint]:
    flow = Flow(0, 0)
    return flow.orig, flow.resp


def test_order_of_both_directions_is_kept() -> None:
    orig, resp = ends()
    late = Late()
    late.lose(orig, 1, 11, 5)
    late.keep(resp, 1, b"reply", 6)
    late.close(resp, 2, 7)
    assert late.size == 5
    assert late.fill(orig, 1, stream(1, 10), 8) == 10
    assert late.size == 15
    assert told(late) == [
        (True, 1, 11, stream(1, 10), 5, -1),
        (False, 1, 6, b"reply", 6, -1),
        (False, 0, 0, None, 7, 2),
    ]
    assert [piece.is_missing() for piece in late.pieces] == [False] * 3
    taken = [late.take().first for _ in range(3)]
    assert (taken, late.size, late.pieces) == ([1, 1, 0], 0, [])


def test_only_the_right_direction_is_filled() -> None:
    orig, resp = ends()
    late = Late()
    late.lose(orig, 1, 11, 5)
    assert late.fill(resp, 1, stream(1, 10), 6) == 0
    assert late.pieces[0].is_missing()


def test_what_is_there_is_not_overwritten() -> None:
    orig, _ = ends()
    late = Late()
    late.lose(orig, 1, 11, 5)
    late.keep(orig, 11, b"first copy", 6)
    assert late.fill(orig, 1, b"x" * 20, 7) == 10
    assert [piece.chunk for piece in late.pieces] == [b"x" * 10, b"first copy"]
    assert late.fill(orig, 1, b"y" * 20, 8) == 0


def test_a_part_leaves_the_rest_missing() -> None:
    orig, _ = ends()
    late = Late()
    late.lose(orig, 1, 101, 5)
    assert late.fill(orig, 41, stream(41, 20), 6) == 20
    assert [(piece.first, piece.last, piece.is_missing()) for piece in late.pieces] == [
        (1, 41, True),
        (41, 61, False),
        (61, 101, True),
    ]
    assert [piece.ts for piece in late.pieces] == [5, 5, 5], "what is missing is as old as it was"
    assert late.waits_since() == 5


def test_what_is_filled_keeps_its_time_if_that_is_older() -> None:
    """Two interfaces, one read after the other: the clock is right, the order is not."""
    orig, resp = ends()
    late = Late()
    late.lose(orig, 1, 11, 5)
    late.keep(resp, 1, b"reply", 5)
    assert late.fill(orig, 1, stream(1, 10), 3) == 10
    assert [piece.ts for piece in late.pieces] == [3, 5]


def test_where_a_direction_stands() -> None:
    orig, resp = ends()
    late = Late()
    late.lose(orig, 51, 61, 5)
    assert late.reached(orig) == 51
    assert late.reached(resp) is None
    late.close(resp, 0, 6)
    assert late.reached(resp) is None, "an end has no place"
    late.keep(resp, 7, b"x", 7)
    assert late.reached(resp) == 7


def test_nothing_waits_behind_a_loss_alone() -> None:
    orig, resp = ends()
    late = Late()
    late.lose(orig, 1, 2, 5)
    assert late.waits_since() == -1
    late.lose(resp, 1, 2, 6)
    assert late.waits_since() == -1
    late.close(resp, 0, 9)
    assert late.waits_since() == 9


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(1, 40)), max_size=12))
def test_any_parts_in_any_order(parts: list[tuple[int, int]]) -> None:
    """What is placed is what was missing, each octet once and at its place; the range stays whole."""
    orig, _ = ends()
    late = Late()
    late.lose(orig, 1, 101, 0)
    there: set[int] = set()
    for first, count in parts:
        new = set(range(first, min(first + count, 101))) - there
        assert late.fill(orig, first, stream(first, count), 1) == len(new)
        there |= new
    assert late.size == len(there)
    place = 1
    for piece in late.pieces:
        assert piece.first == place
        place = piece.last
        assert piece.is_missing() == (piece.first not in there)
        if piece.chunk is not None:
            assert piece.chunk == stream(piece.first, piece.last - piece.first)
    assert place == 101


def test_losses_that_follow_each_other_are_one() -> None:
    """Thousands of ACKs for a direction that is not captured at all."""
    orig, resp = ends()
    late = Late()
    for i in range(1000):
        late.lose(orig, 1 + i * 10, 11 + i * 10, i)
    assert [(piece.first, piece.last, piece.ts) for piece in late.pieces] == [(1, 10001, 0)]
    late.lose(resp, 1, 11, 5)
    late.lose(orig, 10001, 10011, 6)
    late.keep(orig, 10011, b"x", 7)
    late.lose(orig, 10012, 10013, 8)
    assert len(late.pieces) == 5
