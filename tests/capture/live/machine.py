"""A machine for classic BPF as linux/filter.h describes it, to run a program on a frame without a kernel."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.capture.live.bpf import Instruction

AD = 0xFFFFF000


class Kernel:
    """What the kernel knows of a packet besides its bytes."""

    def __init__(self, hatype: int = 1, pkttype: int = 0, ifindex: int = 2, protocol: int = 0) -> None:
        self.known = {AD: protocol, AD + 4: pkttype, AD + 8: ifindex, AD + 28: hatype}


def run(program: Sequence[Instruction], packet: bytes, kernel: Kernel | None = None) -> int:
    """What the program returns: 0 as well where it looks behind the packet's end, as in the kernel."""
    known = (kernel or Kernel()).known
    a = x = at = 0
    memory: dict[int, int] = {}
    while True:
        code, yes, no, k = program[at]
        at += 1
        match code:
            case 0x06:
                return k
            case 0x16:
                return a
            case 0x80:
                a = len(packet)
            case 0x20 | 0x28 | 0x30 if k in known:
                a = known[k]
            case 0x20 | 0x28 | 0x30 | 0x40 | 0x48 | 0x50:
                place = (k + (x if code & 0x40 else 0)) & 0xFFFFFFFF
                size = {0x00: 4, 0x08: 2, 0x10: 1}[code & 0x18]
                if place + size > len(packet):
                    return 0
                a = int.from_bytes(packet[place : place + size], "big")
            case 0xB1:  # the length of an IPv4 header
                if k >= len(packet):
                    return 0
                x = (packet[k] & 0x0F) * 4
            case 0x60:
                a = memory[k]
            case 0x61:
                x = memory[k]
            case 0x01:
                x = k
            case 0x00:
                a = k
            case 0x02:
                memory[k] = a
            case 0x03:
                memory[k] = x
            case 0x04:
                a = (a + k) & 0xFFFFFFFF
            case 0x0C:
                a = (a + x) & 0xFFFFFFFF
            case 0x14:
                a = (a - k) & 0xFFFFFFFF
            case 0x1C:
                a = (a - x) & 0xFFFFFFFF
            case 0x24:
                a = (a * k) & 0xFFFFFFFF
            case 0x54:
                a &= k
            case 0x64:
                a = (a << k) & 0xFFFFFFFF
            case 0x74:
                a >>= k
            case 0x07:
                x = a
            case 0x87:
                a = x
            case 0x05:
                at += k
            case 0x15:
                at += yes if a == k else no
            case 0x25:
                at += yes if a > k else no
            case 0x35:
                at += yes if a >= k else no
            case 0x45:
                at += yes if a & k else no
            case _:
                raise AssertionError(f"code {code:#x}")
