"""One time by which all of a stop is over, shared by its stages: what one of them took, the next ones do not have."""

from __future__ import annotations

import math
import time
from typing import Final

LEAST_S: Final = 0.05
"""What a stage gets when the time is over: enough to see that everything is done already."""


class Deadline:
    """So many seconds from `begin` on."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._until: float | None = None

    def begin(self) -> None:
        """The first one counts. May be called from a signal handler."""
        if self._until is None:
            self._until = time.monotonic() + self._within_s

    def left(self, at_most: float = math.inf) -> float:
        """Seconds that a stage which wants `at_most` may take; before `begin`, all of them."""
        if self._until is None:
            return min(at_most, self._within_s)
        return max(LEAST_S, min(at_most, self._until - time.monotonic()))
