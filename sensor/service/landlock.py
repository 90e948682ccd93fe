"""Landlock: this process may from now on read and write below named folders only, and bind or connect no TCP socket.

Numbers and meanings are those of linux/landlock.h and the kernel's userspace-api/landlock document. What an older
kernel lacks is left out and told. The restriction is of the calling thread and of what it starts later.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sensor.service import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on all architectures
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = (1 << n for n in (1, 2, 3, 5, 7, 8))
_TRUNCATE = 1 << 14
_FILE_RIGHTS = _WRITE_FILE | _READ_FILE | _TRUNCATE | 1  # what may be granted on what is no folder
_READ = _READ_FILE | _READ_DIR
_WRITE = _READ | _WRITE_FILE | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _TRUNCATE

_FS_RIGHTS_BY_ABI = (0, 13, 14, 15, 15, 16)  # how many of the rights there are, from version 0 on
_TRUNCATE_FROM_ABI = 3
_NET_FROM_ABI = 4
_DEVICES_FROM_ABI = 5
_SCOPES_FROM_ABI = 6
_NET_RIGHTS = 0b11  # bind and connect TCP
_NET_BIND = 0b01
_SCOPES = 0b11  # abstract UNIX sockets and signals


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class Landlocked(msgspec.Struct, frozen=True):
    """What is in force. `lacks` says what this kernel could not do, `forbids` what it did besides files, in words."""

    abi: int
    lacks: tuple[str, ...]
    forbids: tuple[str, ...] = ()


def abi_version() -> int:
    """What this kernel, and a container's filter before it, offers; 0 if nothing."""
    try:
        return kernel.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_CREATE_RULESET_VERSION))
    except OSError as error:
        # EPERM: there is a filter around us that does not know the call, as in containers of systemd-nspawn.
        if error.errno in (errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            return 0
        raise


def restrict(readable: Sequence[Path], writable: Sequence[Path], *, connects: bool = False) -> Landlocked:
    """Restricts this thread. Paths that are not there are left out: below them nothing can be reached later. TCP
    connections can still be made if it `connects`.

    no_new_privs must be set. Raises OSError.
    """
    abi = abi_version()
    if not abi:
        return Landlocked(0, ("Landlock",))
    rights = (1 << _FS_RIGHTS_BY_ABI[min(abi, len(_FS_RIGHTS_BY_ABI) - 1)]) - 1
    net = (_NET_BIND if connects else _NET_RIGHTS) if abi >= _NET_FROM_ABI else 0
    scopes = _SCOPES if abi >= _SCOPES_FROM_ABI else 0
    attributes = (ctypes.c_uint64 * 3)(rights, net, scopes)
    size = 8 * (1 + (abi >= _NET_FROM_ABI) + (abi >= _SCOPES_FROM_ABI))
    ruleset = kernel.syscall(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), ctypes.c_uint32(0))
    try:
        for path in readable:
            _allow(ruleset, path, _READ & rights)
        for path in writable:
            _allow(ruleset, path, _WRITE & rights)
        kernel.syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)
    forbids = [("no TCP servers" if connects else "no TCP", net), ("no signals to others, no abstract sockets", scopes)]
    return Landlocked(abi, tuple(_lacks(abi)), tuple(text for text, is_on in forbids if is_on))


def _lacks(abi: int) -> list[str]:
    found = []
    if abi < _TRUNCATE_FROM_ABI:
        found.append("Landlock's rule on truncation (6.2)")
    if abi < _NET_FROM_ABI:
        found.append("Landlock's rules on TCP (6.7)")
    if abi < _DEVICES_FROM_ABI:
        found.append("Landlock's rule on what can be asked of devices (6.10)")
    if abi < _SCOPES_FROM_ABI:
        found.append("Landlock's rule on signals to others (6.12)")
    return found


def _allow(ruleset: int, path: Path, access: int) -> None:
    """Raises OSError."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= _FILE_RIGHTS
        rule = _PathBeneath(access, fd)
        kernel.syscall(
            _ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0)
        )
    finally:
        os.close(fd)
