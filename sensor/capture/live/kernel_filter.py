"""The whole filter of a capture socket: of its interfaces, what the operator wants, and what the sensor needs."""

from __future__ import annotations

from sensor.capture.live import bpf
from sensor.capture.live.expression import compile_expression
from sensor.capture.live.needed import needed_program
from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings


def kernel_filter(interfaces: list[str], numbers: list[int], settings: CaptureSettings) -> list[bpf.Instruction]:
    """`numbers` are the interfaces' indexes, 0 that of ANY. Raises CaptureError: the operator's mistakes."""
    return of_interfaces(numbers, wanted_frames(interfaces, numbers, settings))


def wanted_frames(interfaces: list[str], numbers: list[int], settings: CaptureSettings) -> list[bpf.Instruction]:
    """What is wanted of these interfaces, without regard to what else comes. Raises CaptureError, as above."""
    needed = needed_program(settings.tcp_ports)
    if settings.filter:
        if numbers == [0]:
            raise CaptureError("--filter does not go with -i any, whose interfaces are of many kinds")
        needed = bpf.both(compile_expression(settings.filter, interfaces), needed)
    return needed


def of_interfaces(numbers: list[int], wanted: list[bpf.Instruction]) -> list[bpf.Instruction]:
    """`wanted`, of the interfaces with these indexes only, and each frame once."""
    return bpf.both(bpf.only_from(numbers) if numbers != [0] else bpf.ONCE, wanted)
