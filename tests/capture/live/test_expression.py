"""Operators' filters: what libpcap makes of them, on real interfaces."""

from __future__ import annotations

import subprocess

import pytest
from machine import run

from sensor.capture.live import bpf, expression
from sensor.capture.live.expression import compile_expression
from sensor.capture.source import CaptureError
from tests.conftest import Cable
from tests.flow import frames as craft

pytestmark = pytest.mark.needs("root", "namespaces", "ip", "tcpdump")
WEB = craft.ethernet(craft.ip4("10.0.0.1", "10.0.0.2", craft.tcp(999, 80)))
TLS = craft.ethernet(craft.ip4("10.0.0.1", "10.0.0.2", craft.tcp(999, 443)))


def test_the_program_is_tcpdumps(wire: Cable) -> None:
    for text in ("tcp port 80", "host 10.0.0.1 and not port 22", "vlan 5 and tcp", "ip6 or (ip and greater 100)"):
        lines = subprocess.run(
            ["tcpdump", "-i", "w1", "-ddd", text], check=True, capture_output=True, text=True
        ).stdout.splitlines()[1:]
        program = compile_expression(text, ["w1"])
        # The last word is the snap length: tcpdump's is 262144, ours whatever libpcap has by default.
        assert [one[:3] for one in program] == [tuple(map(int, line.split()[:3])) for line in lines]


def test_it_judges(wire: Cable) -> None:
    program = compile_expression("tcp port 80", ["w1"])
    assert (run(program, WEB) > 0, run(program, TLS)) == (True, 0)


def test_both_must_let_a_frame_in(wire: Cable) -> None:
    web = compile_expression("tcp port 80", ["w1"])
    one = compile_expression("src host 10.0.0.1 or src host 192.0.2.1", ["w1"])
    other = craft.ethernet(craft.ip4("10.0.0.3", "10.0.0.2", craft.tcp(999, 80)))
    for program in (bpf.both(web, one), bpf.both(one, web), bpf.both(one, bpf.both(bpf.EVERYTHING, web))):
        assert run(program, WEB) > 0
        assert (run(program, TLS), run(program, other)) == (0, 0)
    assert run(bpf.both(web, bpf.NOTHING), WEB) == 0


def test_the_snap_length_of_the_second_counts() -> None:
    assert run(bpf.both([(6, 0, 0, 96)], bpf.EVERYTHING), WEB) == 0xFFFFFFFF


def test_programs_too_long_together_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 4096"):
        bpf.both([(0x04, 0, 0, 1)] * 4000, [*[(0x04, 0, 0, 1)] * 96, *bpf.EVERYTHING])


def test_a_mistake_in_the_expression_is_told_in_libpcaps_words(wire: Cable) -> None:
    with pytest.raises(CaptureError, match=r"--filter 'tcp prot 80': .*syntax error"):
        compile_expression("tcp prot 80", ["w1"])
    with pytest.raises(CaptureError, match="a NUL in it"):
        compile_expression("tcp\0", ["w1"])


def test_interfaces_of_different_kinds_do_not_go_together(wire: Cable) -> None:
    for words in ("tuntap add tun7 mode tun", "link set tun7 up"):
        subprocess.run(["ip", *words.split()], check=True)
    assert compile_expression("tcp port 80", ["w1", "w0"]) == compile_expression("tcp port 80", ["w0"])
    with pytest.raises(CaptureError, match="w1 and tun7 are of different kinds"):
        compile_expression("tcp port 80", ["w1", "tun7"])


def test_without_libpcap_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expression, "_NAMES", ("libnosuch.so.9",))
    with pytest.raises(CaptureError, match=r"--filter needs libpcap \(Debian's package libpcap0.8\)"):
        compile_expression("tcp", ["lo"])


def test_an_interface_that_is_not_there() -> None:
    with pytest.raises(CaptureError, match="nosuch0"):
        compile_expression("tcp", ["nosuch0"])
