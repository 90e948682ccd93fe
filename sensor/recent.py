"""A bounded memory of 64-bit numbers, in the order in which they were last used, with another number beside each.

Whatever is remembered of traffic over minutes and hours is kept here by its hash: 24 octets an entry and 8 to 16 for
the index, where an OrderedDict of integers takes 190. Forgetting the oldest costs the same however many there are; of a
plain dict the first key is found by walking over all that were removed before it. Compiled where a compiler is found
(recent.pxd).
"""

from __future__ import annotations

from array import array

_FIRST_ROOM = 256
_MOST = 1 << 30  # places are 32 bits wide
_NONE = -1
_SPREAD = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio: Knuth, The Art of Computer Programming 3, 6.4
_MASK = 0xFFFFFFFFFFFFFFFF


class Recent:
    """At most `limit` numbers; one more, and the one longest unused is forgotten.

    An entry's place stays the same until it is forgotten. The index is open addressing with linear probing; no more
    than half of it is in use, and what stands behind a removed entry moves up (Knuth 6.4, algorithm R), so that there
    are no graves to walk over.
    """

    def __init__(self, limit: int) -> None:
        self._limit = min(limit, _MOST)
        self._used = 0
        self._oldest = _NONE
        self._newest = _NONE
        self._room = 0
        self._shift = 64
        self._last = 0
        self._numbers = array("q")
        self._values = array("q")
        self._before = array("i")
        self._after = array("i")
        self._index = array("i")  # places + 1; 0 where there is nothing
        self._grow()

    def __len__(self) -> int:
        return self._used

    def find(self, number: int) -> int:
        """The place of `number`; -1 if it is not here."""
        at = self._home(number)
        while True:
            place = self._index[at] - 1
            if place < 0 or self._numbers[place] == number:
                return place
            at = (at + 1) & self._last

    def value(self, place: int) -> int:
        return self._values[place]

    def put(self, place: int, value: int) -> None:
        """Sets the value at `place`, which is used last thereby."""
        self._values[place] = value
        if place != self._newest:
            self._unlink(place)
            self._link(place)

    def add(self, number: int, value: int) -> bool:
        """Adds `number`, which must not be here. Whether another was forgotten for it."""
        is_full = self._used >= self._limit
        if is_full:
            place = self._oldest
            self._unlink(place)
            self._remove(self._numbers[place])
        else:
            if self._used >= self._room:
                self._grow()
            place = self._used
            self._used += 1
        self._numbers[place] = number
        self._values[place] = value
        self._link(place)
        self._enter(place)
        return is_full

    def _home(self, number: int) -> int:
        spread = ((number & _MASK) * _SPREAD) & _MASK
        return spread >> self._shift

    def _link(self, place: int) -> None:
        """The entry becomes the newest."""
        self._before[place] = self._newest
        self._after[place] = _NONE
        if self._newest == _NONE:
            self._oldest = place
        else:
            self._after[self._newest] = place
        self._newest = place

    def _unlink(self, place: int) -> None:
        before, after = self._before[place], self._after[place]
        if before == _NONE:
            self._oldest = after
        else:
            self._after[before] = after
        if after == _NONE:
            self._newest = before
        else:
            self._before[after] = before

    def _enter(self, place: int) -> None:
        at = self._home(self._numbers[place])
        while self._index[at]:
            at = (at + 1) & self._last
        self._index[at] = place + 1

    def _remove(self, number: int) -> None:
        """Takes a number that is here out of the index."""
        free = self._home(number)
        while self._numbers[self._index[free] - 1] != number:
            free = (free + 1) & self._last
        at = free
        while True:
            at = (at + 1) & self._last
            entry = self._index[at]
            if not entry:
                break
            way = (at - self._home(self._numbers[entry - 1])) & self._last
            if way >= ((at - free) & self._last):
                self._index[free] = entry
                free = at
        self._index[free] = 0

    def _grow(self) -> None:
        """Room for twice as many, and no more than there may be."""
        room = min(max(2 * self._room, _FIRST_ROOM), self._limit)
        used = self._used
        numbers, values = array("q", bytes(8 * room)), array("q", bytes(8 * room))
        before, after = array("i", bytes(4 * room)), array("i", bytes(4 * room))
        for place in range(used):
            numbers[place] = self._numbers[place]
            values[place] = self._values[place]
            before[place] = self._before[place]
            after[place] = self._after[place]
        self._numbers, self._values, self._before, self._after = numbers, values, before, after
        self._room = room
        bits = (2 * room - 1).bit_length()
        self._shift = 64 - bits
        self._last = (1 << bits) - 1
        self._index = array("i", bytes(4 << bits))
        for place in range(used):
            self._enter(place)
