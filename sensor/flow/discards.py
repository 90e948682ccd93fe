"""Payload that was seen and given to nobody, by why: a closed set, so that every octet is accounted for."""

from __future__ import annotations


class Discards:
    """`behind_fin`: behind a FIN that ended its direction; `out_of_window`: too far ahead of what was expected;
    `too_late`: held, and passed over when a gap was given up; `with_reset`: in a segment with RST; `before_start`: of
    numbers before the first one of its direction. `cut` is no payload that was seen: octets of segments beyond what
    was captured of them.
    """

    def __init__(self) -> None:
        self.behind_fin = 0
        self.out_of_window = 0
        self.too_late = 0
        self.with_reset = 0
        self.before_start = 0
        self.cut = 0

    @property
    def total(self) -> int:
        """Of all reasons."""
        return sum(self.by_why().values())

    def by_why(self) -> dict[str, int]:
        """All reasons, in the order of the logs."""
        return {
            "behind_fin": self.behind_fin,
            "out_of_window": self.out_of_window,
            "too_late": self.too_late,
            "with_reset": self.with_reset,
            "before_start": self.before_start,
        }
