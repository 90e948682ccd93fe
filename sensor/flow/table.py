"""Where the flows are: by their keys, and in queues, oldest first. Of a flow nothing is known here, but if it is over.

A dict would make an object of a key each time it is asked, and a deque's methods are called by their names. Compiled
where a compiler is found (table.pxd).
"""

from __future__ import annotations

from array import array
from typing import Final

from sensor.flow.state import Flow

_FIRST_ROOM: Final = 256
_MANY: Final = 1024
_PLACE_BITS: Final = 28  # more flows than any memory holds
_PLACE: Final = 0xFFFFFFF
_MARK: Final = 0xFFFFFFFFF  # the lowest bits of a key, beside them


class FlowTable:
    """Flows by `Flow.key`, 64 bits that are mixed so well that the lowest of them do for an index, and never all 0.

    Open addressing with linear probing; no more than half of it is in use, and what stands behind a removed flow moves
    up (Knuth, The Art of Computer Programming 3, 6.4, algorithm R), so that there are no graves to walk over. A word of
    the index is the key's lowest bits and, in `_PLACE_BITS`, where the flow stands among all, plus one; 0 is nothing.
    It is all that is read at random: flows stand in the order in which they came, and each other look is a miss of the
    cache.
    """

    def __init__(self) -> None:
        self._used = 0
        self._make_room(_FIRST_ROOM)

    def __len__(self) -> int:
        return self._used

    def size(self) -> int:
        """The same; compiled, without Python's way to it."""
        return self._used

    def find(self, key: int) -> Flow | None:
        mark = key & _MARK
        at = key & self._last
        while True:
            word = self._words[at]
            if not word:
                return None
            if word >> _PLACE_BITS == mark:
                flow = self._flows[(word & _PLACE) - 1]
                if flow is not None and flow.key == key:
                    return flow
            at = (at + 1) & self._last

    def add(self, flow: Flow) -> None:
        """A flow whose key is not here. Raises ValueError if it is 0."""
        if not flow.key:
            raise ValueError("a flow without a key")
        if 2 * self._used > self._last:
            flows = self.values()
            self._make_room(2 * (self._last + 1))
            for known in flows:
                self._enter(known)
        self._enter(flow)
        self._used += 1

    def remove(self, flow: Flow) -> None:
        """Whatever is here by this flow's key; nothing if there is nothing."""
        key, last = flow.key, self._last
        mark = key & _MARK
        free = key & last
        while True:
            word = self._words[free]
            if not word:
                return
            if word >> _PLACE_BITS == mark:
                known = self._flows[(word & _PLACE) - 1]
                if known is not None and known.key == key:
                    break
            free = (free + 1) & last
        self._used -= 1
        place = (word & _PLACE) - 1
        self._flows[place] = None
        self._places[self._free] = place
        self._free += 1
        at = free
        while True:
            at = (at + 1) & last
            word = self._words[at]
            if not word:
                break
            way = (at - (word >> _PLACE_BITS)) & last  # from where its key says
            if way >= ((at - free) & last):
                self._words[free] = word
                free = at
        self._words[free] = 0

    def values(self) -> list[Flow]:
        """All of them, in no order."""
        return [flow for flow in self._flows if flow is not None]

    def _enter(self, flow: Flow) -> None:
        if self._free:
            self._free -= 1
            place = self._places[self._free]
        else:
            place = self._taken
            self._taken += 1
        self._flows[place] = flow
        at = flow.key & self._last
        while self._words[at]:
            at = (at + 1) & self._last
        self._words[at] = (flow.key & _MARK) << _PLACE_BITS | (place + 1)

    def _make_room(self, room: int) -> None:
        """An empty index of so many words, and places for half as many flows and one."""
        self._last = room - 1
        self._words = array("Q", bytes(8 * room))
        self._taken = self._free = 0  # places that were ever taken, and how many of them are free again
        self._places = array("I", bytes(4 * (room // 2 + 1)))  # these; those that came free last are taken first
        self._flows: list[Flow | None] = [None] * (room // 2 + 1)


class FlowQueue:
    """Flows in the order in which they were put here. What is over stays until it is at the front, or swept out."""

    def __init__(self) -> None:
        self._flows: list[Flow | None] = []
        self._first = 0  # before it there are none any more

    def __len__(self) -> int:
        return len(self._flows) - self._first

    def append(self, flow: Flow) -> None:
        self._flows.append(flow)

    def popleft(self) -> Flow:
        """The oldest; there must be one. Raises IndexError otherwise."""
        flow = self._flows[self._first]
        if flow is None:
            raise IndexError("no flow waits")
        self._flows[self._first] = None
        self._first += 1
        if self._first >= _MANY and 2 * self._first >= len(self._flows):
            del self._flows[: self._first]
            self._first = 0
        return flow

    def tidy(self) -> None:
        """Forget what is over at the front."""
        while self._first < len(self._flows):
            flow = self._flows[self._first]
            if flow is None or not flow.over:
                return
            self.popleft()

    def values(self) -> list[Flow]:
        """All of them, in their order."""
        return [flow for flow in self._flows if flow is not None]

    def keep(self, flows: list[Flow]) -> None:
        """From now on these are all."""
        self._flows[:] = flows
        self._first = 0
