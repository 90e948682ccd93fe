"""Counting who disclosed what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensor.privacy.leak import LeakCounter


def test_each_key_is_counted_on_its_own() -> None:
    counter = LeakCounter(10)
    assert [counter.see(k) for k in [("a", 1), ("b", 1), ("a", 1), ("a", 2), ("a", 1)]] == [1, 1, 2, 1, 3]
    assert counter.forgotten == 0


def test_the_longest_unseen_is_forgotten_first() -> None:
    counter = LeakCounter(2)
    counter.see(("a",))
    counter.see(("b",))
    counter.see(("a",))  # now b is the longest unseen
    counter.see(("c",))
    assert (counter.see(("a",)), counter.forgotten, len(counter)) == (3, 1, 2)
    assert counter.see(("b",)) == 1


@given(st.lists(st.integers(0, 20)), st.integers(1, 8))
def test_it_counts_as_a_list_in_order_of_use_does(keys: list[int], limit: int) -> None:
    counter = LeakCounter(limit)
    order: list[int] = []
    times: dict[int, int] = {}
    for key in keys:
        times[key] = times[key] + 1 if key in order else 1
        if key in order:
            order.remove(key)
        order.append(key)
        order = order[-limit:]
        assert counter.see((key,)) == times[key]
        assert len(counter) == len(order)
