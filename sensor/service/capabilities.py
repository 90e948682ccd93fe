"""Capabilities given up, all of them: capabilities(7)."""

from __future__ import annotations

import ctypes
import errno

from sensor.service import kernel

_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, linux/capability.h
_NAMES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def drop_bounding_set() -> bool:
    """Empties the set of what a program executed later may get; to be done while there is CAP_SETPCAP. False if this
    process may not, which leaves it without meaning as soon as no_new_privs is set."""
    number = 0
    while True:
        try:
            if kernel.prctl(kernel.PR_CAPBSET_READ, number):
                kernel.prctl(kernel.PR_CAPBSET_DROP, number)
        except OSError as error:
            return error.errno == errno.EINVAL and number > 0  # past the last capability this kernel has
        number += 1


def drop_all() -> None:
    """Empties the ambient, effective, permitted and inheritable sets. Raises OSError."""
    kernel.prctl(kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL)
    kernel.capset(_Header(_VERSION_3, 0), (ctypes.c_uint32 * 6)())


def held() -> dict[str, int]:
    """The five sets of this thread as bits, by their names in proc_pid_status(5)."""
    status = kernel.status()
    return {name: int(status[name], 16) for name in _NAMES if name in status}
