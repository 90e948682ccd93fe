"""sensor.recent: the same as an ordered dictionary in less room; forgetting the oldest costs the same however many."""

from __future__ import annotations

import time
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.recent import Recent

SMALL = st.integers(-40, 40)
ANY = st.integers(-(1 << 63), (1 << 63) - 1)


def _use(recent: Recent, model: OrderedDict[int, int], limit: int, number: int, value: int) -> None:
    place = recent.find(number)
    if number in model:
        assert recent.value(place) == model[number]
        recent.put(place, value)
        model[number] = value
        model.move_to_end(number)
        return
    assert place == -1
    assert recent.add(number, value) is (len(model) == limit)
    model[number] = value
    if len(model) > limit:
        model.popitem(last=False)


@given(st.lists(st.tuples(SMALL | ANY, ANY), max_size=300), st.integers(1, 40))
def test_it_is_an_ordered_dictionary(used: list[tuple[int, int]], limit: int) -> None:
    recent, model = Recent(limit), OrderedDict[int, int]()
    for number, value in used:
        _use(recent, model, limit, number, value)
        assert len(recent) == len(model)
    for number, value in model.items():
        assert recent.value(recent.find(number)) == value
    assert all(recent.find(number) == -1 for number, _ in used if number not in model)


def _with_one_home(count: int) -> list[int]:
    """Numbers that an index of 512 wants in one place, the last but one, so that they run over its end."""
    inverse = pow(0x9E3779B97F4A7C15, -1, 1 << 64)
    numbers = [((510 << 55) + n) * inverse % (1 << 64) for n in range(count)]
    return [number - (1 << 64) if number >> 63 else number for number in numbers]


def test_numbers_that_want_one_place_get_others() -> None:
    numbers = _with_one_home(600)
    recent, model = Recent(256), OrderedDict[int, int]()
    for turn in range(3):
        for place, number in enumerate(numbers[turn:]):
            _use(recent, model, 256, number, place)
            _use(recent, model, 256, place, turn)
    assert {number: recent.value(recent.find(number)) for number in model} == model


def test_it_grows_to_its_limit_and_no_further() -> None:
    recent = Recent(1000)
    forgotten = [recent.add(number, -number) for number in range(1500)]
    assert forgotten == [False] * 1000 + [True] * 500
    assert len(recent) == 1000
    assert [recent.find(number) < 0 for number in range(1500)] == [True] * 500 + [False] * 1000
    assert recent.value(recent.find(1499)) == -1499


def _seconds_of_forgetting(limit: int) -> float:
    recent = Recent(limit)
    for number in range(limit):
        recent.add(number, 0)
    start = time.process_time()
    for number in range(limit, limit + 20000):
        recent.add(number, 0)
    return time.process_time() - start


@pytest.mark.parametrize("limit", [65536])
def test_what_forgetting_costs_does_not_grow_with_the_memory(limit: int) -> None:
    small = min(_seconds_of_forgetting(256) for _ in range(3))
    assert min(_seconds_of_forgetting(limit) for _ in range(3)) < 10 * small + 0.02
