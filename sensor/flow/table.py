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


class FlowTable:
    """Flows by `Flow.key`, 64 bits that are mixed so well that the lowest of them do for an index, and never all 0.

    Open addressing with linear probing; no more than half of it is in use, and what stands behind a removed flow moves
    up (Knuth, The Art of Computer Programming 3, 6.4, algorithm R), so that there are no graves to walk over. Where a
    key is 0 there is no flow: of the flows on the way nothing is looked at, as each would be a miss of the cache.
    """

    def __init__(self) -> None:
        self._used = 0
        self._last = _FIRST_ROOM - 1
        self._keys = array("Q", bytes(8 * _FIRST_ROOM))
        self._flows: list[Flow | None] = [None] * _FIRST_ROOM

    def __len__(self) -> int:
        return self._used

    def size(self) -> int:
        """The same; compiled, without Python's way to it."""
        return self._used

    def find(self, key: int) -> Flow | None:
        at = key & self._last
        while True:
            known = self._keys[at]
            if known == key:
                return self._flows[at]
            if not known:
                return None
            at = (at + 1) & self._last

    def add(self, flow: Flow) -> None:
        """A flow whose key is not here. Raises ValueError if it is 0."""
        if not flow.key:
            raise ValueError("a flow without a key")
        if 2 * self._used > self._last:
            self._grow()
        self._used += 1
        self._enter(flow)

    def remove(self, flow: Flow) -> None:
        """Whatever is here by this flow's key; nothing if there is nothing."""
        key, last = flow.key, self._last
        free = key & last
        while True:
            known = self._keys[free]
            if not known:
                return
            if known == key:
                break
            free = (free + 1) & last
        self._used -= 1
        at = free
        while True:
            at = (at + 1) & last
            known = self._keys[at]
            if not known:
                break
            way = (at - known) & last  # from where its key says
            if way >= ((at - free) & last):
                self._flows[free] = self._flows[at]
                self._keys[free] = known
                free = at
        self._flows[free] = None
        self._keys[free] = 0

    def values(self) -> list[Flow]:
        """All of them, in no order."""
        return [flow for flow in self._flows if flow is not None]

    def _enter(self, flow: Flow) -> None:
        at = flow.key & self._last
        while self._keys[at]:
            at = (at + 1) & self._last
        self._flows[at] = flow
        self._keys[at] = flow.key

    def _grow(self) -> None:
        """Room for twice as many."""
        flows = self.values()
        room = 2 * (self._last + 1)
        self._last = room - 1
        self._keys = array("Q", bytes(8 * room))
        self._flows = [None] * room
        for flow in flows:
            self._enter(flow)


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
