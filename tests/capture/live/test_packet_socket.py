"""The socket under the ring, on the real kernel: who may open it, what it counts, what it makes of an interface."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.capture.live import bpf, packet_socket
from sensor.capture.live.packet_socket import PacketSocket, RingUnavailableError
from sensor.capture.source import CaptureError
from tests.conftest import Cable

NEEDS = pytest.mark.needs("root", "namespaces", "ip")
BLOCK = 1 << 18


def promiscuity(name: str) -> str:
    shown = subprocess.run(["ip", "-d", "link", "show", name], check=True, capture_output=True, text=True).stdout
    return shown.partition("promiscuity ")[2].split()[0]


@NEEDS
def test_nothing_comes_in_before_it_is_admitted(wire: Cable) -> None:
    packets = PacketSocket(BLOCK, 4, 10)
    wire.send(b"\2" * 60)
    packets.bind(socket.if_nametoindex("w1"))
    wire.send(b"\2" * 60)
    assert packets.take_statistics()[0] == 0
    packets.admit(bpf.EVERYTHING)
    wire.send(b"\2" * 60)
    assert packets.take_statistics() == (1, 0, 0)
    assert packets.take_statistics() == (0, 0, 0)
    packets.close()
    packets.close()


@NEEDS
def test_all_interfaces(wire: Cable) -> None:
    packets = PacketSocket(BLOCK, 4, 10)
    packets.bind(0)
    packets.admit(bpf.EVERYTHING)
    wire.send(b"\2" * 60)
    assert packets.take_statistics()[0] == 2  # out of w0, into w1
    packets.close()


@NEEDS
def test_an_interface_is_promiscuous_as_long_as_the_socket_is_open(wire: Cable) -> None:
    packets = PacketSocket(BLOCK, 4, 10)
    assert promiscuity("w1") == "0"
    packets.make_promiscuous(socket.if_nametoindex("w1"))
    assert promiscuity("w1") == "1"
    packets.close()
    assert promiscuity("w1") == "0"


@NEEDS
def test_an_error_of_the_interface_is_told_once(wire: Cable) -> None:
    packets = PacketSocket(BLOCK, 4, 10)
    packets.bind(socket.if_nametoindex("w1"))
    assert packets.take_error() == 0
    subprocess.run(["ip", "link", "set", "w1", "down"], check=True)
    assert os.strerror(packets.take_error()) == "Network is down"
    assert packets.take_error() == 0
    packets.close()


@NEEDS
def test_an_interface_that_is_not_there_cannot_be_bound(network: None) -> None:
    packets = PacketSocket(BLOCK, 4, 10)
    with pytest.raises(OSError, match="No such device"):
        packets.bind(4711)
    packets.close()


@NEEDS
def test_a_ring_for_which_there_is_no_memory_is_the_callers_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Played: the real one would take the machine's memory from the other tests first."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(PacketSocket, "_make_ring", refuse)
    with pytest.raises(CaptureError, match=r"no memory for a ring of 1 MiB \(capture.ring_bytes\)"):
        PacketSocket(BLOCK, 4, 10)


def test_without_the_right_to_capture_it_says_what_it_takes(repository: Path) -> None:
    code = (
        "import os\n"
        "from sensor.capture.live.packet_socket import PacketSocket\n"
        "os.geteuid() or os.setresuid(65534, 65534, 65534)\n"
        "PacketSocket(1 << 18, 4, 10)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        capture_output=True,
        text=True,
        cwd=repository,
    )
    assert "CaptureError: this user may not capture: the capability CAP_NET_RAW is missing" in done.stderr


def test_a_system_without_such_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Played: the tests run on Linux."""
    monkeypatch.setattr(packet_socket.sys, "platform", "darwin")
    with pytest.raises(RingUnavailableError, match="no AF_PACKET"):
        PacketSocket(BLOCK, 4, 10)


@NEEDS
def test_a_kernel_without_version_3_of_the_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_socket, "_TPACKET_V3", 9)
    with pytest.raises(RingUnavailableError, match="Invalid argument"):
        PacketSocket(BLOCK, 4, 10)
