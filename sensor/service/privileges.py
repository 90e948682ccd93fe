"""Everything a sensor may do but no longer needs is given up, in two steps, before the first packet is looked at.

`drop_user` once the sockets are open; `seal` once the logs and the look-up cache are. Neither can be undone. What this
kernel cannot do is told and not passed over; what it should have done and did not is an error.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sensor.service import capabilities, kernel, landlock, seccomp
from sensor.service.account import (
    Account,
    PrivilegeError,
    become,
    describe_self,
    find_account,
    is_root,
    move_home,
    sudo_caller,
)
from sensor.settings import ServiceSettings


class Sealed(msgspec.Struct, frozen=True):
    """What was given up, and what could not be; phrases for one line each."""

    given_up: tuple[str, ...]
    not_possible: tuple[str, ...]


def check_user(settings: ServiceSettings) -> None:
    """Whether `drop_user` will work; to be asked before anything is opened. Raises PrivilegeError."""
    _account(settings)


def _account(settings: ServiceSettings) -> Account | None:
    """Whom to become, None if nobody else. Raises PrivilegeError."""
    if not is_root() or settings.allow_root:
        return None
    try:
        return find_account(settings.user)
    except PrivilegeError:
        caller = sudo_caller()
        if caller is None or settings.user != ServiceSettings().user:
            raise
        return caller


def drop_user(settings: ServiceSettings, folders: Sequence[Path] = ()) -> bool:
    """Root becomes the user of the settings, unless that is not wanted; others stay who they are. All capabilities go.
    HOME is that user's afterwards.

    `folders` that do not exist yet are made, for that user. True if the capability bounding set could be emptied, too.
    Raises PrivilegeError.
    """
    account = _account(settings)
    for folder in folders:
        _make_folder(folder, None if account is None else (account.uid, account.gid))
    bounded = capabilities.drop_bounding_set()
    if account is not None:
        become(account)
        move_home(account)
    try:
        capabilities.drop_all()
    except OSError as error:
        raise PrivilegeError(f"capabilities cannot be given up: {error.strerror}") from None
    return bounded


def _make_folder(folder: Path, owner: tuple[int, int] | None) -> None:
    """Raises PrivilegeError."""
    try:
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=0o750)
            if owner is not None:
                os.chown(path, *owner, follow_symlinks=False)
    except OSError as error:
        raise PrivilegeError(f"{error.filename or folder}: {error.strerror}") from None


def seal(
    settings: ServiceSettings,
    bounded: bool,
    writable: Sequence[Path] = (),
    readable: Sequence[Path] = (),
    *,
    connects: bool = False,
) -> Sealed:
    """The rest: no_new_privs, Landlock, seccomp, memory, no core dumps. The `writable` folders, and what the
    interpreter reads its libraries from, are all that can be opened from now on. Who `connects` keeps that right.

    Must be called while there is one thread: some of it is of the calling thread only. Raises PrivilegeError.
    """
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208  (it is a list of threads, not of paths)
        raise PrivilegeError("rights were to be given up, but other threads run already")
    done = [f"runs as {describe_self()}", "without capabilities"]
    lacks = [] if bounded else ["an empty capability bounding set (takes CAP_SETPCAP)"]
    try:
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        done.append("no_new_privs")
        _limit(settings, done)
        if settings.landlock:
            _landlock(writable, readable, connects, done, lacks)
        else:
            lacks.append("Landlock (service.landlock is off)")
        _seccomp(settings, connects, done, lacks)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    except OSError as error:
        raise PrivilegeError(f"{error.filename or 'rights'}: {error.strerror}") from None
    _verify(settings, bounded)
    return Sealed(tuple(done), tuple(lacks))


def _limit(settings: ServiceSettings, done: list[str]) -> None:
    """RLIMIT_DATA counts what this process may write to and shares with nobody, so neither the packet ring nor address
    space that is merely set aside, which RLIMIT_AS would: stacks and arenas of threads are. Raises OSError."""
    octets = settings.max_memory_bytes
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        octets = min(octets, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (octets, octets))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    done.append(f"at most {octets >> 20} MiB of memory")
    done.append("no core dumps")


def _landlock(
    writable: Sequence[Path], readable: Sequence[Path], connects: bool, done: list[str], lacks: list[str]
) -> None:
    """Raises OSError."""
    there = [path for path in writable if os.access(path, os.F_OK)]  # what is not there now is out of reach for good
    found = landlock.restrict([*_libraries(), *readable], there, connects=connects)
    lacks += found.lacks
    if found.abi:
        more = f" and {' and '.join(map(str, readable))}" if readable else ""
        below = f"only below {' and '.join(map(str, there))}" if there else "nowhere"
        done.append(f"Landlock ABI {found.abi}: reads only libraries and its own status{more}")
        done.append(f"writes {below}")
        done += found.forbids


def _seccomp(settings: ServiceSettings, connects: bool, done: list[str], lacks: list[str]) -> None:
    if not settings.seccomp:
        lacks.append("a seccomp filter (service.seccomp is off)")
    elif not seccomp.is_supported():
        lacks.append(f"a seccomp filter (system calls of {os.uname().machine} are not known here)")
    else:
        try:
            seccomp.install(connects=connects)
        except OSError as error:
            lacks.append(f"a seccomp filter ({error.strerror})")
        else:
            sockets = "" if connects else "new sockets, connections, "
            done.append(f"seccomp: no {sockets}programs or namespaces, no tracing")


def _libraries() -> list[Path]:
    """Where modules and shared libraries lie, and a few files that the C library looks at when it likes."""
    named = {entry for entry in sys.path if entry}
    named |= {"/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", f"{sys.base_prefix}/lib"}
    named |= {"/etc/localtime", "/etc/ld.so.cache", "/usr/share/zoneinfo", "/dev/null", "/dev/urandom"}
    named |= {f"/proc/{os.getpid()}", "/sys/class/net", "/sys/devices"}
    return [Path(name) for name in sorted(named)]


def _verify(settings: ServiceSettings, bounded: bool) -> None:
    """Raises PrivilegeError if it is not so."""
    if is_root() and not settings.allow_root:
        raise PrivilegeError("still root")
    held = capabilities.held()
    left = [name for name, bits in held.items() if bits and (bounded or name != "CapBnd")]
    if left:
        raise PrivilegeError(f"capabilities are left: {', '.join(left)}")
    if kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) != 1:
        raise PrivilegeError("no_new_privs is not set")
