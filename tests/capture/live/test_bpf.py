"""Programs on real sockets: what they let in."""

from __future__ import annotations

import socket

import pytest

from sensor.capture.live import bpf
from tests.conftest import Cable

NEEDS = pytest.mark.needs("root", "namespaces", "ip")


def received(sock: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(sock.recv(65536, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return found


def test_encoding() -> None:
    assert bpf.encode_program([(0x15, 1, 2, 0x01020304)]) in (
        bytes.fromhex("1500010204030201"),
        bytes.fromhex("0015010201020304"),
    )


@NEEDS
def test_a_program_decides_from_the_moment_it_is_there(wire: Cable) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
        sock.bind(("w1", 3))
        for program, expected in ((bpf.EVERYTHING, 1), (bpf.NOTHING, 0), (bpf.EVERYTHING, 1)):
            bpf.attach(sock, program)
            received(sock)
            wire.send(b"\2" * 60)
            assert len(received(sock)) == expected


@NEEDS
def test_only_from_some_interfaces(wire: Cable) -> None:
    w0, w1 = (socket.if_nametoindex(name) for name in ("w0", "w1"))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
        for indexes, expected in (([w1], 1), ([w0], 1), ([w0, w1], 2), ([9999, w1, w0], 2), ([9999], 0), ([], 0)):
            bpf.attach(sock, bpf.only_from(indexes))
            received(sock)
            wire.send(b"\2" * 60)  # goes out of w0 and comes in at w1
            assert len(received(sock)) == expected, indexes


def test_a_program_that_the_kernel_does_not_take_is_an_error() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(OSError, match="Invalid"):
        bpf.attach(sock, [(0x15, 9, 9, 0)])
