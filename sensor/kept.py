"""What was worked out about a record, found again by the record itself: by what it is, not by what is in it.

Decoders give one record for each distinct message, so most of what is asked about has been asked about before. A
look-up here is some 40 instructions; `id()` and a dict of its numbers take 480. Compiled where a
compiler is found (kept.pxd).
"""

from __future__ import annotations

from typing import Any, Final

_COMPILED = not __file__.endswith(".py")
_ROOM: Final = 2048  # a power of two; half of it is used
_LAST: Final = _ROOM - 1
_MOST: Final = _ROOM // 2
_SPREAD: Final = 0x9E3779B97F4A7C15  # as in recent.py
_SHIFT: Final = 64 - 11
_MASK: Final = 0xFFFFFFFFFFFFFFFF


class Kept:
    """At most 1024 objects, each with another beside it; one more, and all are forgotten.

    Both are held on to while they are here, so that no other object can come to lie where one of them lay: whoever
    keeps large ones here bounds their size.
    """

    def __init__(self) -> None:
        self._keys: list[object] = [None] * _ROOM
        self._values: list[object] = [None] * _ROOM
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def get(self, key: object) -> Any:
        """What is kept beside `key`, None if nothing is."""
        at = self._find(key)
        return self._values[at]

    def put(self, key: object, value: object) -> None:
        """From now on `value`, which is not None, is beside `key`."""
        at = self._find(key)
        if self._keys[at] is None:
            if self._used >= _MOST:
                self.clear()
                at = self._find(key)
            self._used += 1
            self._keys[at] = key
        self._values[at] = value

    def clear(self) -> None:
        if self._used:
            self._keys = [None] * _ROOM
            self._values = [None] * _ROOM
            self._used = 0

    def _find(self, key: object) -> int:
        """Where `key` is, or may be put."""
        if _COMPILED:  # noqa: SIM108  (one expression would have the type of both, an object: 30 times the cost)
            number = place_of(key)  # type: ignore  # noqa: F821  (C's, by way of kept.pxd)
        else:
            number = id(key)
        spread: int = (number * _SPREAD) & _MASK
        at = spread >> _SHIFT
        while self._keys[at] is not None and self._keys[at] is not key:
            at = (at + 1) & _LAST
        return at
