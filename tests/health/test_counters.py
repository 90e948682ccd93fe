"""sensor.health.counters: what came between two moments."""

from __future__ import annotations

from sensor.health.counters import Totals


def test_since_is_the_difference_of_every_field() -> None:
    names = Totals.__struct_fields__
    before = Totals(**dict.fromkeys(names, 3))
    now = Totals(**{name: 3 + place for place, name in enumerate(names)})
    came = now.since(before)
    assert [getattr(came, name) for name in names] == list(range(len(names)))
