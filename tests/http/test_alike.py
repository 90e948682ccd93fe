"""sensor.http.alike: where a second reading begins, and what is told once."""

from __future__ import annotations

import msgspec
import pytest

from sensor.http.alike import beginning, halves_of, in_doubt, piece_at, question_of, size_of, take_back
from sensor.http.reader import HttpReader
from sensor.http.transaction import TCP, Ambiguity, HttpTransaction
from sensor.settings import HttpSettings
from tests.http.wire import FLOW, SECOND, conflict, get, reply

PIECES = [get(b"/first"), get(b"/second")[:4], get(b"/second")[4:], b"rest", get(b"/third")]
STARTS = [1 + sum(map(len, PIECES[:number])) for number in range(len(PIECES) + 1)]


@pytest.mark.parametrize(("piece", "begins"), [(0, 0), (1, 1), (2, 1), (3, 1), (4, 4)])
def test_the_last_message_that_begins_before_it(piece: int, begins: int) -> None:
    assert beginning(conflict(STARTS[-1], PIECES, (STARTS[piece], b"x")), True) == begins


def test_where_none_begins_all_that_is_known_is_read() -> None:
    assert beginning(conflict(STARTS[-1], PIECES, (STARTS[4], b"x")), False) == 0
    assert beginning(conflict(9, [], (9, b"x")), True) == 0
    replies = [reply(b"x"), reply(b"y")]
    size = len(replies[0])
    assert beginning(conflict(1 + 2 * size, replies, (1 + size, b"x")), False) == 1


def test_a_piece_by_its_number() -> None:
    told = conflict(STARTS[-1], PIECES, (1, b"x"))
    assert [piece_at(told, start) for start in STARTS[:-1]] == [0, 1, 2, 3, 4]
    assert piece_at(told, 0) == piece_at(told, STARTS[2] + 1) == -1


def test_a_half_is_taken_back_once() -> None:
    out: list[object] = []
    reader = HttpReader(FLOW, out, HttpSettings(), probation=False)
    reader.data(True, get(b"/a"), SECOND)
    reader.data(False, reply(b"xyz"), SECOND)
    (whole,) = out
    assert isinstance(whole, HttpTransaction)
    alone = msgspec.structs.replace(whole, response=None)
    (half,) = halves_of(alone)
    assert half == question_of(whole.request) and question_of(None) is None
    assert [size_of(each) for each in halves_of(whole)] == [len(b"GET/a"), 0]
    told: list[object] = [whole, alone]
    assert not take_back(told, 2, half) and take_back(told, 0, half) and not take_back(told, 0, half)
    assert [each.repeated for each in told if isinstance(each, HttpTransaction)] == [False, True]
    assert in_doubt(whole, TCP).ambiguous == (Ambiguity.tcp,)
