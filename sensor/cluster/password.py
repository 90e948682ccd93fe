"""The cluster's password: out of a file that nobody else may read, or the environment; never off the command line."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Final

from sensor.settings import ClusterSettings

VARIABLE: Final = "OCSPWATCH_CLUSTER_PASSWORD"
_MAX_BYTES: Final = 4096


class PasswordError(Exception):
    """There is none that can be used: one line, without it."""


def load_password(settings: ClusterSettings, environment: Mapping[str, str] = os.environ) -> str | None:
    """The first line of the file, or the variable; None without either. Raises PasswordError."""
    path = settings.password_file
    if not path:
        return environment.get(VARIABLE) or None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise PasswordError(f"{path}: not a file")
            if status.st_mode & 0o077:
                raise PasswordError(f"{path}: others may read or change it (chmod 600)")
            if status.st_uid not in {os.geteuid(), 0}:
                raise PasswordError(f"{path}: it belongs to somebody else")
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise PasswordError(f"{path}: {error.strerror}") from None
    try:
        text = data.decode().split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise PasswordError(f"{path}: not UTF-8") from None
    if len(data) > _MAX_BYTES or not text:
        raise PasswordError(f"{path}: no password in its first line")
    return text
