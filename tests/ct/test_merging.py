"""sensor.ct.merging: each certificate once, the newest row of it and its place, in order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.ct.merging import merge_entries

IDENTS = st.dictionaries(st.tuples(st.integers(0, 3), st.binary(min_size=1, max_size=2)), st.binary(max_size=2))


@given(st.lists(IDENTS, max_size=4))
@settings(max_examples=60, deadline=None)
def test_as_dicts_say(places: list[dict[tuple[int, bytes], bytes]]) -> None:
    found = list(merge_entries([[(*key, row) for key, row in sorted(place.items())] for place in places]))
    told = []
    for key in sorted({key for place in places for key in place}):
        newest = next(index for index, place in enumerate(places) if key in place)
        told.append((newest, (*key, places[newest][key])))
    assert found == told
