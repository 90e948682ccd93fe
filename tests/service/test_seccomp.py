"""sensor.service.seccomp: the filter run over all system calls by a small machine of our own, and by the kernel."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from sensor.service import seccomp
from tests.service.confined import run

EPERM, ENOSYS = 0x50001, 0x50026
ALLOW, KILL = 0x7FFF0000, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def judge(machine: str, number: int, *args: int, arch: int | None = None, connects: bool = False) -> int:
    """What the filter returns for a call: classic BPF over struct seccomp_data."""
    arch = ARCHITECTURES[machine] if arch is None else arch
    data = struct.pack("<IIQ6Q", number, arch, 0, *args, *[0] * (6 - len(args)))
    program, at, value = seccomp.program(machine, connects), 0, 0
    while True:
        code, yes, no, operand = program[at]
        at += 1
        if code == 0x20:
            value = struct.unpack_from("<I", data, operand)[0]
        elif code == 0x06:
            return operand
        else:
            is_true = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            at += yes if is_true else no


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_of_all_calls_these_are_refused_and_no_others(machine: str) -> None:
    calls = seccomp._CALLS[machine]
    conditional = {calls[name] for name in ("sendto", "clone", "clone3", "ioctl")}
    refused = {number for number in range(500) if judge(machine, number) == EPERM}
    assert refused == set(calls.values()) - conditional
    assert all(judge(machine, number) == ALLOW for number in range(500) if number not in calls.values())
    assert judge(machine, calls["clone3"]) == ENOSYS
    assert judge(machine, calls["socket"], arch=0x40000003) == KILL  # int 0x80
    if machine == "x86_64":
        assert judge(machine, calls["socket"] | 0x40000000) == EPERM


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_who_connects_may_do_that_and_nothing_more(machine: str) -> None:
    calls = seccomp._CALLS[machine]
    strict, open_ = seccomp.program(machine), seccomp.program(machine, connects=True)
    assert len(open_) < len(strict)
    may = {"socket", "connect", "sendto", "sendmsg", "sendmmsg"}
    for name, number in calls.items():
        args = (3, 0, 5, 0, 0x1000, 16) if name == "sendto" else (0x7E020000, 0x5412)
        assert judge(machine, number, *args) != ALLOW
        assert (judge(machine, number, *args, connects=True) == ALLOW) is (name in may), name


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize(
    ("name", "args", "result"),
    [
        ("sendto", (3, 0x7F0000000000, 5, 0, 0, 0), ALLOW),  # send(2) on a connected socket
        ("sendto", (3, 0, 5, 0, 0x1000, 16), EPERM),
        ("sendto", (3, 0, 5, 0, 0x7F00_0000_0000, 16), EPERM),
        ("clone", (0x3D0F00,), ALLOW),  # pthread_create
        ("clone", (0x01200011,), ALLOW),  # fork
        ("clone", (0x10000011,), EPERM),  # a user name space
        ("clone", (0x40000000,), EPERM),
        ("ioctl", (0, 0x5413), ALLOW),  # the terminal's size
        ("ioctl", (0, 0x5412), EPERM),
        ("ioctl", (0, 0x541C), EPERM),
    ],
)
def test_some_are_refused_by_their_arguments(machine: str, name: str, args: tuple[int, ...], result: int) -> None:
    assert judge(machine, seccomp._CALLS[machine][name], *args) == result


@pytest.mark.needs("root")
@pytest.mark.skipif(os.uname().machine not in ARCHITECTURES, reason="a machine whose system calls are not known")
def test_the_numbers_are_those_of_this_machine(open_place: Path) -> None:
    """Each call with arguments that are wrong: EPERM comes from the filter, anything else from the call itself."""
    code = """
from sensor.service import seccomp
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
import threading
pair = socket.socketpair()
seccomp.install()
found["socket"] = attempt(lambda: socket.socket())[0]
found["program"] = attempt(lambda: os.execv("/bin/true", ["true"]))[0]
found["connected"] = attempt(lambda: pair[0].send(b"x"))[0]
found["addressed"] = attempt(lambda: pair[0].sendto(b"x", "/nowhere"))[0]
thread = threading.Thread(target=lambda: found.update(thread="done")); thread.start(); thread.join()
found["namespace"] = attempt(lambda: kernel.syscall(272 if os.uname().machine == "x86_64" else 97, 0x10000000))[0]
pid = os.fork()
if not pid:
    os._exit(7)
found["fork"] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""
    assert run(code, open_place) == {
        "socket": "EPERM",
        "program": "EPERM",
        "connected": "done",
        "addressed": "EPERM",
        "thread": "done",
        "namespace": "EPERM",
        "fork": 7,
    }  # fmt: skip  (as a table)
