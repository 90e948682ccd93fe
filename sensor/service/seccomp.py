"""A seccomp filter: system calls that a sensor has no use for once its sockets are open, and an intruder would.

It refuses by name and lets the rest pass. A list of what is allowed would have to be that of the Python interpreter,
of SQLite and of the C library in the version of the day, and a sensor that dies of an update is no safer. What
is left open, files above all, is Landlock's part.

Refused (EPERM): new sockets and connections; sending to an address or with attached rights; executing programs;
looking into or tracing processes; new namespaces; io_uring, which would go round this filter; BPF, performance
counters, userfaultfd, keyrings; typing into the terminal. seccomp(2), bpf(2) in its classic form, linux/audit.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from sensor.service import kernel

_CALLS: dict[str, dict[str, int]] = {
    "x86_64": {
        "socket": 41,
        "connect": 42,
        "sendto": 44,
        "sendmsg": 46,
        "sendmmsg": 307,
        "clone": 56,
        "clone3": 435,
        "execve": 59,
        "execveat": 322,
        "ptrace": 101,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "pidfd_getfd": 438,
        "unshare": 272,
        "setns": 308,
        "io_uring_setup": 425,
        "io_uring_enter": 426,
        "io_uring_register": 427,
        "bpf": 321,
        "perf_event_open": 298,
        "userfaultfd": 323,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "ioctl": 16,
    },
    "aarch64": {
        "socket": 198,
        "connect": 203,
        "sendto": 206,
        "sendmsg": 211,
        "sendmmsg": 269,
        "clone": 220,
        "clone3": 435,
        "execve": 221,
        "execveat": 281,
        "ptrace": 117,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "pidfd_getfd": 438,
        "unshare": 97,
        "setns": 268,
        "io_uring_setup": 425,
        "io_uring_enter": 426,
        "io_uring_register": 427,
        "bpf": 280,
        "perf_event_open": 241,
        "userfaultfd": 282,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "ioctl": 29,
    },
}  # fmt: skip  (as tables, not as columns of one number)
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000  # x86_64's second numbering begins here

_CONNECTING = ("socket", "connect", "sendto", "sendmsg", "sendmmsg")
_CONDITIONAL = ("sendto", "clone", "clone3", "ioctl")
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # put characters into the terminal's input

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_supported() -> bool:
    """Whether the numbers of this machine's system calls are known here."""
    return os.uname().machine in _CALLS and struct.calcsize("P") == 8


def install(*, connects: bool = False) -> None:
    """Filters this thread and what it starts later; `connects`: new sockets and connections are its work. no_new_privs
    must be set. Raises OSError."""
    code = b"".join(struct.pack("<HBBI", *instruction) for instruction in program(os.uname().machine, connects))
    fprog = _Program(len(code) // 8, code)
    kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.addressof(fprog))


def program(machine: str, connects: bool = False) -> list[Instruction]:
    """The filter for `machine`, one of those supported."""
    calls = {name: number for name, number in _CALLS[machine].items() if not (connects and name in _CONNECTING)}
    found: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, _AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, _KILL),  # another architecture's numbers: int 0x80
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, 0, 1, _X32),
        _refuse(errno.EPERM),
    ]
    for name, number in calls.items():
        if name not in _CONDITIONAL:
            found += _where(number, [_refuse(errno.EPERM)])
    # The C library takes clone where it finds no clone3, whose flags lie in memory and cannot be seen.
    found += _where(calls["clone3"], [_refuse(errno.ENOSYS)])
    found += _where(calls["clone"], [_argument(0), (_JUMP_BITS, 0, 1, _NEW_NAMESPACES), _refuse(errno.EPERM)])
    if not connects:
        found += _where(calls["sendto"], [*_unless_zero(_argument(4)), *_unless_zero(_argument(4, high=True))])
    found += _where(
        calls["ioctl"],
        [
            _argument(1),
            (_JUMP_EQUAL, 1, 0, _TIOCSTI),
            (_JUMP_EQUAL, 0, 1, _TIOCLINUX),
            _refuse(errno.EPERM),
        ],
    )
    return [*found, (_RETURN, 0, 0, _ALLOW)]


def _where(number: int, body: list[Instruction]) -> list[Instruction]:
    """`body` for the call `number`; what it lets through is allowed."""
    body = [*body, (_RETURN, 0, 0, _ALLOW)]
    return [(_JUMP_EQUAL, 0, len(body), number), *body]


def _unless_zero(load: Instruction) -> list[Instruction]:
    return [load, (_JUMP_EQUAL, 1, 0, 0), _refuse(errno.EPERM)]


def _argument(position: int, high: bool = False) -> Instruction:
    """Loads one half of an argument; both machines are little-endian."""
    return _LOAD, 0, 0, _ARGUMENTS + 8 * position + 4 * high


def _refuse(number: int) -> Instruction:
    return _RETURN, 0, 0, _REFUSE | number
