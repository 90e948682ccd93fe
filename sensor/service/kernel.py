"""The C library's doors to the kernel that Python has none for: prctl, capset and system calls by number."""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_GET_NO_NEW_PRIVS = 39
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

_LIBC = ctypes.CDLL(None, use_errno=True)
if sys.platform == "linux":
    _LIBC.syscall.restype = ctypes.c_long
    _LIBC.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4


def prctl(option: int, *args: int) -> int:
    """Result of prctl(2). Raises OSError."""
    return _checked(_LIBC.prctl(option, *args, *[0] * (4 - len(args))), "prctl")


def syscall(number: int, *args: object) -> int:
    """Result of the system call `number`; integers must be ctypes ones where they are longer than an int. Raises
    OSError."""
    return _checked(_LIBC.syscall(ctypes.c_long(number), *args), f"system call {number}")


def capset(header: ctypes.Structure, data: ctypes.Array[ctypes.c_uint32]) -> None:
    """capset(2). Raises OSError."""
    _checked(_LIBC.capset(ctypes.byref(header), ctypes.byref(data)), "capset")


def status() -> dict[str, str]:
    """The fields of this process's status file (proc_pid_status(5)); empty where there is no procfs."""
    try:
        with open("/proc/thread-self/status", encoding="utf-8", errors="replace") as file:  # noqa: PTH123  (it is ours)
            return {key: value.strip() for key, _, value in (line.partition(":") for line in file)}
    except OSError:
        return {}


def _checked(result: int, name: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return int(result)
