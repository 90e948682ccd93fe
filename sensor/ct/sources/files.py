"""Paths to items: walks folders, and tells by its content, never by its name, what a file is."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from sensor.ct.exporting import HEADING
from sensor.ct.sources import Item, Readable, Refusal
from sensor.ct.sources.der import looks_like_certificate, looks_like_pkcs7, read_blob
from sensor.ct.sources.expanded import expanded
from sensor.ct.sources.exported import read_exported
from sensor.ct.sources.json_text import looks_like_json, looks_like_ours, read_json
from sensor.ct.sources.log_entries import looks_like_tile, read_tile
from sensor.ct.sources.pem import read_pem
from sensor.ct.sources.zeek import looks_like_x509_log, read_x509_log
from sensor.settings import CtSettings

STDIN = "-"
_HEAD_BYTES = 65536
_NOTHING = "no certificate, and nothing else that is known here"
_NO_CERTIFICATES = "CCADB report without certificates: take one with PEM"


class Input(msgspec.Struct, frozen=True):
    """A file to be imported. `asked`: named by the caller himself, not found in a folder; its size if it has one."""

    path: str
    asked: bool
    size: int = 0


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """A file in a folder that is nothing of ours."""

    path: str


def find_inputs(paths: list[str]) -> Iterator[Input | Skipped]:
    """Files in the order given, those of a folder by name; links to folders are not followed, links to files are.

    A path that is not there is left to `read_input`, which says so.
    """
    for path in paths:
        if path != STDIN and Path(path).is_dir():
            yield from _within(path)
        else:
            yield Input(path, asked=True, size=_size(path))


def _within(folder: str) -> Iterator[Input | Skipped]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(parent) / name
            try:
                status = path.stat()
            except OSError:
                yield Skipped(str(path))  # a dangling link
                continue
            if stat.S_ISREG(status.st_mode):
                yield Input(str(path), asked=False, size=status.st_size)
            else:
                yield Skipped(str(path))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def read_input(source: Input, settings: CtSettings) -> Iterator[Item | Skipped]:
    """Every item of one file; a file asked for by name in which there is nothing is itself a Refusal."""
    try:
        with _opened(source.path) as file:
            yield from _read_any(source, _Rewound(file), settings)
    except OSError as error:
        yield Refusal(error.strerror or "cannot be read")


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == STDIN:
        yield sys.stdin.buffer
    else:
        with Path(path).open("rb") as file:
            yield file


class _Rewound:
    """A file whose first bytes were looked at, read from its beginning: pipes cannot go back."""

    def __init__(self, file: Readable) -> None:
        parts: list[bytes] = []
        room = _HEAD_BYTES
        while room and (part := file.read(room)):
            parts.append(part)
            room -= len(part)
        self.head = b"".join(parts)
        self._left = self.head
        self._file = file

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, none at the end."""
        part, self._left = self._left[:size], self._left[size:]
        return part or self._file.read(size)

    def read_all(self, limit: int) -> bytes | None:
        """Everything; None if that is more than `limit`."""
        parts: list[bytes] = []
        room = limit
        while part := self.read(room + 1):
            parts.append(part)
            room -= len(part)
            if room < 0:
                return None
        return b"".join(parts)


def _read_any(source: Input, stream: _Rewound, settings: CtSettings) -> Iterator[Item | Skipped]:
    """As it is, or, gzip, zstd or xz, as it was: logs are rotated so, and CT logs store their tiles so."""
    inside = expanded(stream, stream.head)
    if inside is None:
        yield from _read(source, stream, settings)
        return
    inner = _Rewound(inside)
    items = _read(source, inner, settings)
    skipped = False
    for item in items:
        skipped = isinstance(item, Skipped)
        yield item
    if inside.damage and not skipped:
        yield Refusal(inside.damage)


def _read(source: Input, stream: _Rewound, settings: CtSettings) -> Iterator[Item | Skipped]:
    items = _items(source, stream, settings)
    if items is None:
        head = stream.head
        yield Refusal(_NOTHING if head else "empty") if source.asked else Skipped(source.path)
        return
    nothing = Refusal(_NOTHING) if source.asked else Skipped(source.path)
    yield next(items, nothing)
    yield from items


def _items(source: Input, stream: _Rewound, settings: CtSettings) -> Iterator[Item] | None:
    """What is in it, by what it begins with; None if that is nothing of ours."""
    head = stream.head
    if head.startswith(HEADING):
        return read_exported(stream, settings.max_document_bytes, settings.max_names)
    if looks_like_json(head) and (source.asked or looks_like_ours(head)):
        return read_json(stream, settings.max_document_bytes, settings.max_names)
    if looks_like_x509_log(head):
        return read_x509_log(stream, settings.max_document_bytes)
    if b"-----BEGIN " in head:
        return read_pem(stream, settings.max_certificate_bytes)
    if looks_like_tile(head):
        return _whole(stream, settings, read_tile)
    if looks_like_certificate(head) or looks_like_pkcs7(head):
        return _whole(stream, settings, read_blob)
    if _is_ccadb(head):
        return iter((Refusal(_NO_CERTIFICATES, "line 1"),))
    return None


def _whole(stream: _Rewound, settings: CtSettings, read: Callable[[bytes], Iterator[Item]]) -> Iterator[Item]:
    data = stream.read_all(settings.max_document_bytes)
    if data is None:
        yield Refusal("too long")
    else:
        yield from read(data)


def _is_ccadb(head: bytes) -> bool:
    """A report of the Common CA Database, by its heading; one that has certificates has them in PEM."""
    heading = head.partition(b"\n")[0]
    return b'"SHA-256 Fingerprint"' in heading and heading.count(b'","') >= 2
