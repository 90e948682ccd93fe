"""sensor.kept: a dictionary by identity, of which all is forgotten when it is full."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensor.kept import Kept


class _Equal:
    """Equal to all others, so that only identity tells them apart."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Equal)

    def __hash__(self) -> int:
        return 0


THINGS = [_Equal() for _ in range(3000)]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers()), max_size=200))
def test_it_is_a_dictionary_by_identity(used: list[tuple[int, int]]) -> None:
    kept, model = Kept(), dict[int, int]()
    for place, value in used:
        assert kept.get(THINGS[place]) == model.get(place)
        kept.put(THINGS[place], value)
        model[place] = value
        assert len(kept) == len(model)
    assert [kept.get(THINGS[place]) for place in range(31)] == [model.get(place) for place in range(31)]


def test_one_more_than_there_is_room_for_and_all_are_forgotten() -> None:
    kept = Kept()
    for number, thing in enumerate(THINGS[:1024]):
        kept.put(thing, number)
    assert len(kept) == 1024
    assert [kept.get(thing) for thing in THINGS[:1024]] == list(range(1024))
    kept.put(THINGS[5], "other")  # which is here
    assert len(kept) == 1024
    kept.put(THINGS[1024], "new")
    assert len(kept) == 1
    assert kept.get(THINGS[1024]) == "new"
    assert not any(kept.get(thing) for thing in THINGS[:1024])


def test_what_is_kept_lives_as_long() -> None:
    """Else another object might come to lie where it lay, and be taken for it."""
    kept = Kept()
    for number in range(500):
        kept.put(object(), number)
    found = [kept.get(object()) for _ in range(500)]
    assert found == [None] * 500
    kept.clear()
    assert len(kept) == 0
