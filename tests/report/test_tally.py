"""Counting within limits."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sensor.report.tally import Sample, Tally


def test_exact_below_the_limit() -> None:
    tally = Tally(4)
    for key in "abacabad":
        tally.add(key)
    assert tally.top(2) == [("a", 4), ("b", 2)]
    assert (tally.total, tally.other) == (8, 0)


def test_equal_counts_keep_their_order() -> None:
    tally = Tally(4)
    for key in "cab":
        tally.add(key)
    assert [k for k, _ in tally.top(3)] == ["c", "a", "b"]


def test_a_late_heavy_key_shows_through_a_flood() -> None:
    tally = Tally(8)
    for n in range(1000):
        tally.add(("flood", n))
    for n in range(1000, 2000):
        tally.add(("flood", n))
        if n % 3 == 0:
            tally.add("heavy")
    key, times = tally.top(1)[0]
    assert key == "heavy"
    assert 300 < times <= 334
    assert len(tally.counts) <= 16


@given(st.lists(st.integers(0, 30)), st.integers(1, 6))
def test_nothing_is_lost_from_the_total(keys: list[int], limit: int) -> None:
    tally = Tally(limit)
    truth = Counter(keys)
    for key in keys:
        tally.add(key)
    assert tally.total == len(keys)
    assert tally.other + sum(tally.counts.values()) == len(keys)
    assert len(tally.counts) <= 2 * limit
    assert all(times <= truth[key] for key, times in tally.counts.items())


def test_median() -> None:
    sample = Sample()
    assert sample.median() is None
    for value in (5, 1, 9):
        sample.add(value)
    assert sample.median() == 5
    sample.add(7)
    assert sample.median() == 5


def test_median_of_many_is_close_and_bounded() -> None:
    sample = Sample(64)
    for value in range(100_000):
        sample.add(value)
    assert len(sample._values) < 64
    assert abs(sample.median() - 50_000) < 4000


def test_the_first_value_counts() -> None:
    sample = Sample(4)
    sample.add(3)
    assert sample.median() == 3


def test_two_tallies_are_one() -> None:
    one, two, both = Tally(4), Tally(4), Tally(4)
    for place, key in enumerate("abacabadzz"):
        (one, two)[place % 2].add(key)
        both.add(key)
    one.merge(two.counts.items(), two.other)
    assert (one.counts, one.total, one.other) == (both.counts, both.total, both.other)
    one.merge([], 7)
    assert (one.total, one.other) == (17, 7)


def test_what_a_tally_left_out_stays_in_the_total() -> None:
    one, two = Tally(4), Tally(4)
    for n in range(100):
        two.add(n)
    one.merge(two.counts.items(), two.other)
    assert one.total == 100
    assert one.other + sum(one.counts.values()) == 100


@given(st.lists(st.integers(0, 1000), max_size=300), st.lists(st.integers(0, 1000), max_size=3000))
def test_two_samples_are_one_whichever_comes_first(few: list[int], many: list[int]) -> None:
    """Exact while it is small; else each value stands for as many."""
    for first, second in ((few, many), (many, few)):
        one, two = Sample(512), Sample(512)
        for value in first:
            one.add(value)
        for value in second:
            two.add(value)
        one.merge(*two.state())
        kept, stride = one.state()
        assert len(kept) < 512
        assert stride & (stride - 1) == 0
        if len(few) + len(many) < 512:
            everything = sorted(few + many)
            assert one.median() == (everything[(len(everything) - 1) // 2] if everything else None)
        else:
            assert set(kept) <= {*few, *many}
            assert abs(len(kept) * stride - len(few) - len(many)) <= 4 * stride
