"""Paths to items: walks folders, and tells by its content, not by its name, what a file is. A name takes trust only."""

from __future__ import annotations

import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from sensor.ct.exporting import HEADING
from sensor.ct.sources import ClaimedItem, DerItem, Form, GivenItem, Item, Origin, Readable, Refusal
from sensor.ct.sources.der import looks_like_certificate, looks_like_pkcs7, read_blob
from sensor.ct.sources.expanded import expanded
from sensor.ct.sources.exported import read_exported
from sensor.ct.sources.json_text import looks_like_json, looks_like_ours, read_json
from sensor.ct.sources.log_entries import looks_like_tile, read_tile
from sensor.ct.sources.pem import read_pem
from sensor.ct.sources.zeek import looks_like_x509_log, read_x509_log
from sensor.settings import CtSettings

STDIN = "-"
NOT_A_FEEDS_WORD = "said of a certificate by what is taken for a feed, without the certificate itself"
_JSON_NAMES = frozenset((".json", ".jsonl", ".ndjson"))
_HEAD_BYTES = 65536
_NOTHING = "no certificate, and nothing else that is known here"
_NO_CERTIFICATES = "CCADB report without certificates: take one with PEM"


class Input(msgspec.Struct, frozen=True):
    """A file to be imported. `asked`: named by the caller himself, not found in a folder; its size if it has one.
    `feed`: somebody else's account, by the caller's word."""

    path: str
    asked: bool
    size: int = 0
    feed: bool = False


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """A file in a folder that is nothing of ours."""

    path: str


def find_inputs(paths: Iterable[str], feed: bool = False) -> Iterator[Input | Skipped]:
    """Files in the order given, those of a folder by name; links to folders are not followed, links to files are.

    A path that is not there is left to `read_input`, which says so. `feed`: see `Input`.
    """
    for path in paths:
        if path != STDIN and Path(path).is_dir():
            yield from _within(path, feed)
        else:
            yield Input(path, asked=True, size=_size(path), feed=feed)


def _within(folder: str, feed: bool) -> Iterator[Input | Skipped]:
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
                yield Input(str(path), asked=False, size=status.st_size, feed=feed)
            else:
                yield Skipped(str(path))


def _size(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def read_input(source: Input, settings: CtSettings) -> Iterator[Item | Skipped | Form]:
    """The form in which it is read, then every item of one file; a file asked for by name in which there is nothing is
    itself a Refusal."""
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


def _read_any(source: Input, stream: _Rewound, settings: CtSettings) -> Iterator[Item | Skipped | Form]:
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


def _read(source: Input, stream: _Rewound, settings: CtSettings) -> Iterator[Item | Skipped | Form]:
    known = _items(source, stream, settings)
    if known is None:
        head = stream.head
        yield Refusal(_NOTHING if head else "empty") if source.asked else Skipped(source.path)
        return
    form, items = known
    first = next(items, None)
    if first is None:
        yield Refusal(_NOTHING) if source.asked else Skipped(source.path)
        return
    feed = source.feed
    if form is Form.certificates and (feed or _is_named_json(source.path)):
        form, feed = Form.from_feed, True
    elif form is Form.export and (feed or not source.asked):
        form, feed = Form.export_from_feed, True
    yield form
    yield from map(_from_feed, itertools.chain((first,), items)) if feed else itertools.chain((first,), items)


def _items(source: Input, stream: _Rewound, settings: CtSettings) -> tuple[Form, Iterator[Item]] | None:
    """What is in it, by what it begins with; None if that is nothing of ours."""
    head = stream.head
    if head.startswith(HEADING):
        return Form.export, read_exported(stream, settings.max_document_bytes, settings.max_names)
    if looks_like_json(head) and (source.asked or looks_like_ours(head)):
        return Form.json, read_json(stream, settings.max_document_bytes, settings.max_names)
    if looks_like_x509_log(head):
        return Form.x509_log, read_x509_log(stream, settings.max_document_bytes)
    if b"-----BEGIN " in head:
        return Form.certificates, read_pem(stream, settings.max_certificate_bytes)
    if looks_like_tile(head):
        return Form.tile, _whole(stream, settings, read_tile)
    if looks_like_certificate(head) or looks_like_pkcs7(head):
        return Form.certificates, _whole(stream, settings, read_blob)
    if _is_ccadb(head):
        return Form.report, iter((Refusal(_NO_CERTIFICATES, "line 1"),))
    return None


def _is_named_json(path: str) -> bool:
    """certstream.jsonl.gz, x509.json.1: what is in it should be no CA's certificate, and who wrote it can have put
    one there."""
    return not _JSON_NAMES.isdisjoint(suffix.lower() for suffix in Path(path).suffixes)


def _from_feed(item: Item) -> Item:
    """The same as somebody else's word: certificates alone count, as those of a feed."""
    if isinstance(item, DerItem):
        return msgspec.structs.replace(item, origin=Origin.feed) if item.origin is Origin.file else item
    if isinstance(item, ClaimedItem):
        return DerItem(item.der, item.place, item.source, item.learned_at, Origin.feed)
    if isinstance(item, GivenItem) and item.facts is None:
        return DerItem(item.issuer.der, item.place, item.source, item.learned_at, Origin.feed)
    return item if isinstance(item, Refusal) else Refusal(NOT_A_FEEDS_WORD, item.place)


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
