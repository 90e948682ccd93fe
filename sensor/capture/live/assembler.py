"""Puts classic BPF programs together: jumps go to labels, and may be as long as they need to be."""

from __future__ import annotations

from typing import Final, NamedTuple

from sensor.capture.live.bpf import Instruction

# linux/bpf_common.h: class, size and mode, or class, operation and source, in one number.
LD_LEN: Final = 0x80
LDW: Final = 0x20  # a word, half word or byte at k
LDH: Final = 0x28
LDB: Final = 0x30
LDW_X: Final = 0x40  # ... at X + k
LDH_X: Final = 0x48
LDB_X: Final = 0x50
LD: Final = 0x00  # k itself
LD_M: Final = 0x60
LDX: Final = 0x01
LDX_M: Final = 0x61
ST: Final = 0x02
STX: Final = 0x03
ADD: Final = 0x04
ADD_X: Final = 0x0C
SUB: Final = 0x14
SUB_X: Final = 0x1C
MUL: Final = 0x24
AND: Final = 0x54
LSH: Final = 0x64
RSH: Final = 0x74
TAX: Final = 0x07
TXA: Final = 0x87
RET: Final = 0x06
RET_A: Final = 0x16
_JA: Final = 0x05
_JEQ: Final = 0x15
_JGE: Final = 0x35
_JSET: Final = 0x45
_FURTHEST: Final = 255  # instructions that a conditional jump can pass over

# Offsets that stand for what the kernel knows of the packet (linux/filter.h, SKF_AD_OFF).
AD_PROTOCOL: Final = 0xFFFFF000
AD_PKTTYPE: Final = 0xFFFFF000 + 4
AD_HATYPE: Final = 0xFFFFF000 + 28


class _Line(NamedTuple):
    code: int
    k: int = 0
    target: str | None = None
    label: str | None = None


class Assembler:
    """Instructions in order; a jump goes forward to a `label` that comes later, as the kernel demands."""

    def __init__(self) -> None:
        self._lines: list[_Line] = []

    def emit(self, code: int, k: int = 0) -> None:
        self._lines.append(_Line(code, k))

    def label(self, name: str) -> None:
        self._lines.append(_Line(0, label=name))

    def go(self, target: str) -> None:
        self._lines.append(_Line(_JA, target=target))

    def if_equal(self, value: int, target: str) -> None:
        """Go there if A is `value`, else on."""
        self._lines.append(_Line(_JEQ, value, target))

    def if_least(self, value: int, target: str) -> None:
        """Go there if A is `value` or more, else on."""
        self._lines.append(_Line(_JGE, value, target))

    def if_any_bit(self, mask: int, target: str) -> None:
        """Go there if A has one of these bits, else on."""
        self._lines.append(_Line(_JSET, mask, target))

    def if_missing(self, octets: int, target: str) -> None:
        """Go there if the packet ends before `octets` behind X, else on; A is lost. A load from where it has ended
        would drop it."""
        self.emit(LD_LEN)
        self.emit(SUB_X)
        self.emit(SUB, octets)
        self.if_least(0x80000000, target)  # less than nothing is left

    def move_on(self, octets: int) -> None:
        """X by so many; A is lost."""
        self.emit(TXA)
        self.emit(ADD, octets)
        self.emit(TAX)

    def assemble(self) -> list[Instruction]:
        """The program. Raises KeyError for a label that is not there, ValueError for one that lies behind."""
        far: set[int] = set()  # conditional jumps, by line, that take a second instruction
        while True:
            places = self._places(far)
            labels = {line.label: place for line, place in zip(self._lines, places, strict=True) if line.label}
            wider = {
                number
                for number, line in enumerate(self._lines)
                if line.target is not None and line.code != _JA and labels[line.target] - places[number] > _FURTHEST
            }
            if wider <= far:
                break
            far |= wider
        program: list[Instruction] = []
        for number, line in enumerate(self._lines):
            if line.label:
                continue
            if line.target is None:
                program.append((line.code, 0, 0, line.k))
                continue
            distance = labels[line.target] - len(program) - 1
            if distance < 0:
                raise ValueError(line.target)
            if line.code == _JA:
                program.append((_JA, 0, 0, distance))
            elif number in far:
                program += [(line.code, 0, 1, line.k), (_JA, 0, 0, distance - 1)]
            else:
                program.append((line.code, distance, 0, line.k))
        return program

    def _places(self, far: set[int]) -> list[int]:
        """The index of each line's instruction; of a label's, that of what follows."""
        places, at = [], 0
        for number, line in enumerate(self._lines):
            places.append(at)
            if not line.label:
                at += 2 if number in far else 1
        return places
