"""sensor.crtsh.rounds: nothing at once, nothing in order, nothing lost."""

from __future__ import annotations

import random

from sensor.crtsh.rounds import Rounds


def test_nothing_comes_before_its_delay_and_all_of_it_comes() -> None:
    rounds: Rounds[int] = Rounds(5, 60, random.Random(1))
    asked: list[tuple[int, float]] = []
    now = 0.0
    for step in range(4000):
        now = step * 0.5
        if step < 2000 and step % 3 == 0:
            rounds.add(step, now)
        while (item := rounds.next(now)) is not None:
            asked.append((item, now - item * 0.5))
    assert len(rounds) == 0
    assert sorted(item for item, _ in asked) == list(range(0, 2000, 3))
    assert min(delay for _, delay in asked) >= 5
    assert max(delay for _, delay in asked) <= 5 + 60 + 1
    assert [item for item, _ in asked] != sorted(item for item, _ in asked)


def test_due_in_says_how_long_to_wait() -> None:
    rounds: Rounds[str] = Rounds(5, 60, random.Random(2))
    assert rounds.due_in(0) is None and rounds.next(0) is None
    rounds.add("a", 100)
    left = rounds.due_in(100)
    assert left is not None and 5 <= left <= 60
    assert rounds.next(100 + left - 0.001) is None
    assert rounds.next(100 + left) == "a"
    assert rounds.due_in(200) is None


def test_what_comes_during_a_round_waits_for_the_next() -> None:
    rounds: Rounds[int] = Rounds(5, 6, random.Random(3))
    for number in range(5):
        rounds.add(number, 0)
    assert rounds.next(10) is not None
    rounds.add(99, 10)
    assert rounds.due_in(10) == 0
    first = {rounds.next(10) for _ in range(5)}
    assert 99 not in first and None in first
    assert rounds.next(17) == 99


def test_a_round_leaves_out_what_has_just_come() -> None:
    rounds: Rounds[str] = Rounds(5, 60, random.Random(4))
    rounds.add("early", 0)
    due = rounds.due_in(0)
    assert due is not None
    rounds.add("late", due - 0.1)
    assert [rounds.next(due), rounds.next(due)] == ["early", None]
    again = rounds.due_in(due)
    assert again is not None and 5 <= again <= 60
    assert rounds.next(due + again) == "late"


def test_in_a_hurry_all_comes_at_once_in_random_order() -> None:
    rounds: Rounds[int] = Rounds(5, 60, random.Random(5))
    for number in range(50):
        rounds.add(number, 0)
    assert rounds.next(0) is None
    rounds.hurry()
    assert rounds.due_in(0) == 0
    order = [rounds.next(0) for _ in range(50)]
    assert order != list(range(50)) and sorted(o for o in order if o is not None) == list(range(50))


def test_the_order_of_a_round_says_nothing() -> None:
    """Of any two of it either comes first about as often."""
    earlier = 0
    for seed in range(200):
        rounds: Rounds[int] = Rounds(5, 60, random.Random(seed))
        for number in range(3):
            rounds.add(number, number / 10)
        order = [rounds.next(100) for _ in range(3)]
        earlier += order.index(0) < order.index(1)
        assert sorted(each for each in order if each is not None) == [0, 1, 2]
    assert 60 < earlier < 140


def test_everything_can_be_taken_back() -> None:
    rounds: Rounds[int] = Rounds(5, 5, random.Random(6))
    for number in range(4):
        rounds.add(number, 0)
    assert rounds.next(5) is not None
    rounds.add(9, 5)
    assert len(rounds.take_all()) == 4
    assert len(rounds) == 0 and rounds.due_in(5) is None and rounds.next(100) is None
