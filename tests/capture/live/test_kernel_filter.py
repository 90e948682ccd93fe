"""What a capture socket lets in, all put together."""

from __future__ import annotations

import socket

import pytest
from machine import Kernel, run

from sensor.capture.live.kernel_filter import kernel_filter
from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings
from tests.conftest import Cable
from tests.flow.frames import ethernet, ip4, tcp, udp

WEB, TLS = (ethernet(ip4("10.0.0.1", "10.0.0.2", tcp(999, port, payload=bytes(9)))) for port in (80, 443))
DNS = ethernet(ip4("10.0.0.1", "10.0.0.2", udp(999, 53, bytes(30)), 17))


def passing(program: list[tuple[int, int, int, int]], kernel: Kernel) -> str:
    frames = {"web": WEB, "tls": TLS, "dns": DNS}
    return " ".join(name for name, data in frames.items() if run(program, data, kernel))


def test_of_the_named_interfaces_what_is_needed() -> None:
    program = kernel_filter(["w1", "w2"], [3, 7], CaptureSettings())
    assert passing(program, Kernel(ifindex=3)) == passing(program, Kernel(ifindex=7)) == "web tls"
    assert passing(program, Kernel(ifindex=4)) == ""


def test_of_all_interfaces_what_is_needed_and_what_loops_back_once() -> None:
    program = kernel_filter(["any"], [0], CaptureSettings(tcp_ports=(80,)))
    assert passing(program, Kernel(ifindex=99)) == "web"
    assert (passing(program, Kernel(772, pkttype=0)), passing(program, Kernel(772, pkttype=4))) == ("web", "")


@pytest.mark.needs("root", "namespaces", "ip")
def test_of_that_what_the_operator_wants(wire: Cable) -> None:
    number = socket.if_nametoindex("w1")
    program = kernel_filter(["w1"], [number], CaptureSettings(filter="port 443 or port 53"))
    assert passing(program, Kernel(ifindex=number)) == "tls"


def test_an_expression_needs_to_know_the_interfaces() -> None:
    with pytest.raises(CaptureError, match="does not go with -i any"):
        kernel_filter(["any"], [0], CaptureSettings(filter="tcp"))
