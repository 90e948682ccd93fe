"""Whom the sensor runs as: the account by its name or numbers, and becoming it for good."""

from __future__ import annotations

import grp
import os
import pwd
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

import msgspec

_NUMBERS = re.compile(r"([0-9]{1,10})(?::([0-9]{1,10}))?")


class PrivilegeError(Exception):
    """Rights could not be given up as they must: one line that says which, and what to do."""


class Account(msgspec.Struct, frozen=True):
    uid: int
    gid: int
    name: str


def find_account(user: str) -> Account:
    """A user's name, `UID` or `UID:GID` (nobody need have them). Raises PrivilegeError; root is refused."""
    numbers = _NUMBERS.fullmatch(user)
    try:
        if numbers is not None:
            uid = int(numbers[1])
            gid = int(numbers[2]) if numbers[2] else _group_of(uid)
            account = Account(uid, gid, user)
        else:
            entry = pwd.getpwnam(user)
            account = Account(entry.pw_uid, entry.pw_gid, user)
    except (KeyError, OverflowError):
        raise PrivilegeError(
            f"there is no user {user} to run as: make one (README, As a service), name another (service.user), "
            "or say --allow-root"
        ) from None
    if account.uid == 0 or account.gid == 0:
        raise PrivilegeError(f"service.user {user} is root: say --allow-root if you mean that")
    return account


def sudo_caller(environment: Mapping[str, str] = os.environ) -> Account | None:
    """Who called sudo(8), if somebody did who is not root."""
    numbers = f"{environment.get('SUDO_UID', '')}:{environment.get('SUDO_GID', '')}"
    if not _NUMBERS.fullmatch(numbers):
        return None
    try:
        return find_account(numbers)
    except PrivilegeError:
        return None


def _group_of(uid: int) -> int:
    """A user's own group; one of the same number where nobody has that uid."""
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid


def is_root() -> bool:
    """Whether this process is root or could become it again."""
    return 0 in os.getresuid()


def become(account: Account) -> None:
    """Real, effective and saved ids, no further groups. Needs root; there is no way back. Raises PrivilegeError."""
    try:
        os.setgroups([])
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    except OSError as error:
        raise PrivilegeError(f"cannot become {account.name}: {error.strerror}") from None


def move_home(account: Account, environment: MutableMapping[str, str] = os.environ) -> None:
    """HOME becomes the account's; folders below the former one, named in XDG variables, are no longer meant.

    A user without a home gets Debian's name for none.
    """
    former = Path(environment.get("HOME", "/root"))
    for name in [name for name in environment if name.startswith("XDG_")]:
        if Path(environment[name]).is_relative_to(former):
            del environment[name]
    try:
        environment["HOME"] = pwd.getpwuid(account.uid).pw_dir
    except KeyError:
        environment["HOME"] = "/nonexistent"


def describe_self() -> str:
    """Name and numbers of whom this process runs as."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = "a user without a name"
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return f"{user} (uid {uid}, group {group})"
