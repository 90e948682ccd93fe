"""sensor.pki.serial_index: what is in is found, what is not is not, and all indexes together stay within the budget."""

from __future__ import annotations

import random

import pytest

from sensor.pki.serial_index import SerialBudget, SerialIndex, serial_key


def keys(count: int, seed: int) -> list[int]:
    rnd = random.Random(seed)
    return [serial_key(rnd.randbytes(16)) for _ in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3000, 8192, 8193, 20_000])
def test_membership(count: int) -> None:
    index = SerialIndex(SerialBudget(20_000))
    inside, outside = keys(count, 1), keys(3000, 2)
    for i in range(0, count, 70):
        index.add(inside[i : i + 70])
    index.seal()
    assert len(index) == count
    assert all(key in index for key in inside)
    assert not any(key in index for key in outside)


def test_the_budget_is_shared_and_given_back() -> None:
    budget = SerialBudget(100)
    one, two = SerialIndex(budget), SerialIndex(budget)
    one.add(keys(60, 1))
    two.add(keys(30, 2))
    two.add(keys(30, 3))
    assert (budget.free, budget.refused, two.is_full, one.is_full) == (10, 30, True, False)
    two.add(keys(5, 4))
    assert len(two) == 30  # once it is not whole it grows no more
    del one
    assert budget.free == 70
    assert two.is_full


def test_room_is_made_as_often_as_it_takes() -> None:
    held = [SerialIndex(SerialBudget(0))]
    budget = SerialBudget(100, lambda: bool(held) and held.pop() is not None)
    held[:] = [SerialIndex(budget) for _ in range(3)]
    for i, each in enumerate(held):
        each.add(keys(30, i))
    assert budget.free == 10
    del each
    assert budget.take(65)  # that two of them make room for
    assert (len(held), budget.free, budget.refused) == (1, 5, 0)
    assert not budget.take(36)
    assert (len(held), budget.free, budget.refused) == (0, 35, 36)
