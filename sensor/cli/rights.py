"""What `live` gives up before it looks at a packet, and the order that this takes: folders, imports, rights."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from sensor.ct.schema import default_path
from sensor.logs.sinks.log_process import LogProcess
from sensor.logs.sinks.queued import Place
from sensor.logs.sinks.rotating import RotatingFolder
from sensor.logs.sinks.sink import SinkError
from sensor.service.account import PrivilegeError
from sensor.service.privileges import Sealed, drop_user, seal
from sensor.settings import Settings

Opened = TypeVar("Opened")
_MAX_SEALED_BYTES = 1 << 16

_IMPORTED_LATE = (
    # what is otherwise imported where it is first needed: for these packets, that report, a traceback
    "brotli",
    "calendar",
    "cryptography.exceptions",
    "cryptography.hazmat.backends.openssl.backend",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.asymmetric.ed448",
    "cryptography.hazmat.primitives.asymmetric.padding",
    "cryptography.hazmat.primitives.asymmetric.rsa",
    "cryptography.hazmat.primitives.asymmetric.utils",
    "cryptography.hazmat.primitives.hashes",
    "cryptography.hazmat.primitives.serialization",
    "cryptography.x509",
    "cryptography.x509.verification",
    "email.utils",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.punycode",
    "encodings.unicode_escape",
    "hmac",
    "linecache",
    "locale",
    "publicsuffixlist",
    "quopri",
    "sensor.flow.late",
    "sensor.report.render",
    "sensor.report.summary",
    "sqlite3",
    "stringprep",
    "traceback",
    "zstandard",
)


def start_log_process(folder: Path, settings: Settings, clients: int = 1) -> tuple[LogProcess, Sealed]:
    """The process that writes logs to `folder`, with no other rights than that, and what it has given up. Raises
    SinkError."""
    folder = folder.absolute()
    import_everything()
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    with os.fdopen(ours, "rb") as told, os.fdopen(theirs, "wb") as tell:
        process = LogProcess(lambda: _confined_folder(folder, settings, tell), clients)
        tell.close()
        return process, msgspec.json.decode(told.read(_MAX_SEALED_BYTES), type=Sealed)


def _confined_folder(folder: Path, settings: Settings, tell: BinaryIO) -> Place:
    """In the process that writes the logs. It may also find the folder when it is made anew, unless it could write to
    all around it: Landlock's rules are of folders that are there, and of all below them."""
    try:
        bounded = drop_user(settings.service, [folder])
        parent = folder.parent
        is_closed = parent != parent.parent and not os.access(parent, os.W_OK)
        sealed = seal(settings.service, bounded, [folder, parent] if is_closed else [folder])
    except PrivilegeError as error:
        raise SinkError(str(error)) from None
    tell.write(msgspec.json.encode(sealed))
    tell.close()
    return RotatingFolder(folder, settings.logs)


def describe_rights(parser: Sealed, log_process: Sealed | None, folder: Path | None, may: Sequence[str]) -> list[str]:
    """Lines for the operator: what each process gave up and may still do, and what this kernel could not. `may` is
    what the parser can do by what it holds open."""
    lines = [f"parser: {'; '.join(parser.given_up)}; may still {', '.join(may)}"]
    lacks = list(parser.not_possible)
    if log_process is not None and folder is not None:
        own = [phrase for phrase in log_process.given_up if phrase not in parser.given_up]
        parent = folder.absolute().parent
        if any(phrase.endswith(f" and {parent}") for phrase in own):
            own.append(f"{parent} is for {folder.name} to be found when it is made anew")
        lines.append(f"log process: {'; '.join(['the same', *own])}")
        lacks += [lack for lack in log_process.not_possible if lack not in lacks]
    return lines + [f"not possible here: {lack}" for lack in lacks]


def give_up_rights(settings: Settings, prepare: Callable[[], Opened]) -> tuple[Sealed, Opened]:
    """In the process that parses packets, once its sockets are open. `prepare` opens what is needed later, with the
    rights of the user this becomes. Raises PrivilegeError, and what `prepare` raises."""
    import_everything()
    bounded = drop_user(settings.service)
    cache = _cache_folder(settings)
    opened = prepare()
    return seal(settings.service, bounded, [cache]), opened


def import_everything() -> None:
    """Later nothing need be found and read that may be out of reach then."""
    for name in _IMPORTED_LATE:
        import_module(name)


def _cache_folder(settings: Settings) -> Path:
    """Where the look-up cache is or may appear; made if that can be."""
    path = Path(settings.ct.path) if settings.ct.path else default_path()
    folder = path.resolve().parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return folder  # then there is none, now or later
    return folder
