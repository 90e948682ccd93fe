"""Many literals looked for in one pass over a text: the automaton of Aho and Corasick (CACM 18, 1975), on octets.

Compiled where a compiler is found (literals.pxd): then an octet takes about a nanosecond, however many there are.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Final

ANYWHERE: Final = 0
AT_START: Final = 1
AT_END: Final = 2
_ANYWHERE: Final = 0  # the same two for C, where they have types and are not seen from outside
_AT_START: Final = 1

_MOST: Final = 32  # octets of a literal that are looked for: its part makes the rest likely enough


class Literals:
    """`literals`: octets of UTF-8 (so never all 256), where they must stand, and a number, perhaps more than once."""

    def __init__(self, literals: Sequence[tuple[bytes, int, int]]) -> None:
        children: list[dict[int, int]] = [{}]
        outputs: list[list[tuple[int, int, int]]] = [[]]
        for octets, place, number in literals:
            part = octets[-_MOST:] if place == AT_END else octets[:_MOST]
            state = 0
            for octet in part:
                following = children[state].get(octet)
                if following is None:
                    following = children[state][octet] = len(children)
                    children.append({})
                    outputs.append([])
                state = following
            outputs[state].append((len(part), place, number))
        used = sorted({octet for each in children for octet in each})
        self._classes = bytearray(256)
        for column, octet in enumerate(used, 1):
            self._classes[octet] = column  # 0 is every other octet
        self._width = len(used) + 1
        self._table = array("i", bytes(4 * len(children) * self._width))
        self._outputs = outputs
        self._finds = bytearray(len(children))
        self._build(children)

    def _build(self, children: list[dict[int, int]]) -> None:
        """Breadth first: where a state has no child, it goes where the longest suffix that is a state goes."""
        classes, width, table = self._classes, self._width, self._table
        fails = [0] * len(children)
        queue = [0]
        for state in queue:
            fail = fails[state]
            base = state * width
            if state:
                table[base : base + width] = table[fail * width : (fail + 1) * width]
                self._outputs[state] = self._outputs[state] + self._outputs[fail]
            for octet, child in children[state].items():
                column = classes[octet]
                fails[child] = table[fail * width + column] if state else 0
                table[base + column] = child
                queue.append(child)
        for state, found in enumerate(self._outputs):
            self._finds[state] = bool(found)

    def find(self, octets: bytes) -> list[int]:
        """The numbers of what is found where it must stand, in no order, perhaps more than once."""
        classes, table, finds = self._classes, self._table, self._finds
        width = self._width
        size = len(octets)
        state = 0
        found: list[int] = []
        for at in range(size):
            state = table[state * width + classes[octets[at]]]
            if finds[state]:
                for length, place, number in self._outputs[state]:
                    if place == _ANYWHERE or (at + 1 == (length if place == _AT_START else size)):
                        found.append(number)
        return found
