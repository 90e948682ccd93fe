"""The key of pseudonyms: a file with 64 hexadecimal digits that nobody but its owner may read.

What is said of a file names it and never quotes it.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final

from sensor.privacy.crypto_pan import KEY_BYTES

NEW: Final = "new:"
"""In front of a path: the key is made there."""
_KEY = re.compile(rf"\s*([0-9a-fA-F]{{{2 * KEY_BYTES}}})\s*")
_MAX_BYTES = 4096


class KeyFileError(Exception):
    """One line: which file, and why it is not taken."""


def load_key(named: str) -> bytes:
    """The 32 octets in a file; `new:PATH` makes the file first. Raises KeyFileError."""
    path = named.removeprefix(NEW)
    if named.startswith(NEW):
        _make(path)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise KeyFileError(f"{path}: not a file")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_mode & 0o077:
            raise KeyFileError(f"{path}: others may read or change it: chmod 600 it, and better make a new key")
        if status.st_uid not in {os.geteuid(), 0}:
            raise KeyFileError(f"{path}: it belongs to somebody else")
        try:
            found = _KEY.fullmatch(file.read(_MAX_BYTES).decode("latin-1"))
        except OSError as error:
            raise KeyFileError(f"{path}: {error.strerror}") from None
    if found is None:
        raise KeyFileError(
            f"{path}: {2 * KEY_BYTES} hexadecimal digits expected, as --pseudonymize {NEW}PATH makes them"
        )
    return bytes.fromhex(found[1])


def _make(path: str) -> None:
    """A new file with a new key; one that is there already is left alone. Raises KeyFileError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path}: is there already: name it without {NEW} to use it") from None
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)  # whatever the umask
        file.write(f"{os.urandom(KEY_BYTES).hex()}\n")
        file.flush()
        os.fsync(descriptor)
    if Path(path).stat().st_mode & 0o077:  # a file system that knows no rights
        raise KeyFileError(f"{path}: this file system cannot keep it from others")
