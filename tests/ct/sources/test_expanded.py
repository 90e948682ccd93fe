"""sensor.ct.sources.expanded: what is rotated, and what CT logs keep, is compressed; and so are bombs."""

from __future__ import annotations

import gzip
import io
import lzma
from pathlib import Path

import pytest
import zstandard

from sensor.ct.sources import DerItem, Form, Refusal
from sensor.ct.sources.expanded import expanded
from sensor.ct.sources.files import Input, Skipped, read_input
from sensor.settings import CtSettings
from tests.ct.pki import make_root, pem

ROOT = make_root("Root One")
TEXT = pem(ROOT.der) * 3


@pytest.mark.parametrize("packed", [gzip.compress(TEXT), zstandard.compress(TEXT), lzma.compress(TEXT)])
def test_compressed_files_are_read_as_what_they_were(tmp_path: Path, packed: bytes) -> None:
    path = tmp_path / "roots"
    path.write_bytes(packed)
    for asked in (True, False):
        items = list(read_input(Input(str(path), asked), CtSettings()))
        assert [item.der for item in items if isinstance(item, DerItem)] == [ROOT.der] * 3
        assert items[0] is Form.certificates and len(items) == 1 + 3


def test_damage_is_told_and_what_was_before_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "roots.gz"
    path.write_bytes(gzip.compress(TEXT)[:-4])
    items = list(read_input(Input(str(path), True), CtSettings()))
    assert [type(item) for item in items[1:]] == [DerItem] * 3 + [Refusal]
    assert items[-1] == Refusal("gzip: the compressed bytes end early")


def test_what_is_inside_and_nothing_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "notes.gz"
    path.write_bytes(gzip.compress(b"notes")[:-1])
    (item,) = read_input(Input(str(path), False), CtSettings())
    assert isinstance(item, Skipped)
    told = list(read_input(Input(str(path), True), CtSettings()))
    assert told[0] == Refusal("no certificate, and nothing else that is known here")


def test_a_bomb_ends_at_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b'{"entries": [' + bytes(300 << 20)))  # beyond 64 MiB, 1000 to 1
    items = list(read_input(Input(str(path), True), CtSettings(max_document_bytes=1 << 20)))
    assert items[:2] == [Form.json, Refusal("too long")]
    assert len(items) <= 3


def test_what_is_not_compressed() -> None:
    for head in (b"", b"\x1f", b"\x1f\x8b\x07....", b"-----BEGIN ", b"\xfd7zXX\0"):
        assert expanded(io.BytesIO(head), head) is None
