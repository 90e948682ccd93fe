"""Programs from labels: near and far jumps, and what the kernel says of the result."""

from __future__ import annotations

import socket

import pytest
from machine import run

from sensor.capture.live import bpf
from sensor.capture.live.assembler import ADD, LDB, RET, Assembler


def which(count: int, filler: int = 0) -> list[bpf.Instruction]:
    """Returns the number of the first byte plus one, if it is less than `count`; between the answers is filler."""
    asm = Assembler()
    asm.emit(LDB, 0)
    for number in range(count):
        asm.if_equal(number, f"is {number}")
    asm.emit(RET, 0)
    for number in range(count):
        for _ in range(filler):
            asm.emit(ADD, 1)
        asm.label(f"is {number}")
        asm.emit(RET, number + 1)
    return asm.assemble()


@pytest.mark.parametrize(("count", "filler"), [(1, 0), (9, 0), (200, 0), (9, 100), (200, 7), (255, 12)])
def test_jumps_reach_their_labels_however_far(count: int, filler: int) -> None:
    program = which(count, filler)
    assert [run(program, bytes([byte])) for byte in range(256)] == [
        byte + 1 if byte < count else 0 for byte in range(256)
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        bpf.attach(sock, program)  # the kernel checks each jump


def test_a_jump_back_is_refused() -> None:
    asm = Assembler()
    asm.label("again")
    asm.go("again")
    with pytest.raises(ValueError, match="again"):
        asm.assemble()


def test_a_label_that_is_not_there_is_refused() -> None:
    asm = Assembler()
    asm.if_equal(1, "nowhere")
    with pytest.raises(KeyError):
        asm.assemble()


def test_comparisons() -> None:
    asm = Assembler()
    asm.emit(LDB, 0)
    asm.if_least(200, "large")
    asm.if_any_bit(0x41, "bit")
    asm.emit(RET, 1)
    asm.label("large")
    asm.emit(RET, 2)
    asm.label("bit")
    asm.emit(RET, 3)
    program = asm.assemble()
    assert [run(program, bytes([byte])) for byte in (0, 2, 199, 200, 255, 0x40, 1)] == [1, 1, 3, 2, 2, 3, 3]
