"""sensor.ct.importing: a feed's writer decides what is in it, and so of what form it is; not who believes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.ct.exporting import HEADING
from sensor.ct.importing import NO_ROOT
from sensor.ct.lookup import Found
from sensor.ct.sources import Form
from sensor.ct.sources.files import NOT_A_FEEDS_WORD
from sensor.settings import CtSettings
from tests.ct.pki import Ca, make_root, pem
from tests.ct.sources.test_crtsh import identity_row, rows_of
from tests.ct.stores import StoreBench
from tests.ct.test_exporting import claimed, exported
from tests.ct.test_importing_feeds import is_trusted, names_of, refused


@pytest.fixture
def export(root: Ca, tmp_path: Path) -> bytes:
    """A planted name under a CA that is known, a CA that is not, one that waits, and words."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    other = StoreBench(CtSettings(path=str(folder / "ct.sqlite")), folder)
    evil, words = make_root("Evil"), make_root("Words")
    other.load(root.der, root.issue("planted.example", serial=0x77), evil.der, words.der)
    other.load(rows_of(identity_row(words, 0x5000, "words.example")))
    claimed(other, make_root("Other"), make_root("Other").der)
    return b"\n".join(exported(other.path)) + b"\n"


def test_an_export_that_is_named_is_believed_and_said_to_be_one(bench: StoreBench, root: Ca, export: bytes) -> None:
    (path,) = bench.put(export, suffix=".jsonl")
    report = bench.load_paths([path])
    assert report.forms_told() == [f"as an export, believed as the cache it came from: {path}"]
    assert names_of(bench, root, 0x77) == ("planted.example",)


@pytest.mark.parametrize("how", ["by option", "in a folder"])
def test_an_export_of_a_feed_is_not(bench: StoreBench, root: Ca, export: bytes, how: str) -> None:
    bench.load(root.der)
    folder = bench.folder / "feeds"
    folder.mkdir()
    (folder / "certstream.jsonl").write_bytes(export)
    by_option = how == "by option"
    report = bench.load_paths([] if by_option else [str(folder)], feeds=[str(folder)] if by_option else [])
    assert list(report.forms) == [Form.export_from_feed]
    assert report.new == 0
    assert refused(report).keys() == {NO_ROOT, NOT_A_FEEDS_WORD}
    assert names_of(bench, root, 0x77) is None
    assert not is_trusted(bench, make_root("Evil"))


@pytest.mark.parametrize("name", ["certstream.jsonl", "x509.2026-01-01.JSON.1", "a.ndjson.gz"])
@pytest.mark.parametrize("encode", [pem, bytes])
def test_certificates_in_what_should_be_a_feed(bench: StoreBench, root: Ca, name: str, encode: type[bytes]) -> None:
    evil = make_root("Evil")
    path = bench.folder / name
    path.write_bytes((b"\n" if encode is pem else b"") + encode(evil.der))
    report = bench.load_paths([str(path)])
    assert list(report.forms) == [Form.from_feed] and refused(report) == {NO_ROOT: 1}
    assert not is_trusted(bench, evil)
    bench.load(root.der)
    path.write_bytes(encode(root.issue("a.example", serial=5)))
    assert bench.load_paths([str(path)]).new == 1
    assert names_of(bench, root, 5) == ("a.example",)


def test_feeds_come_after_the_operators_own(bench: StoreBench, root: Ca, sub: Ca) -> None:
    feed, own = bench.put(pem(sub.der) + pem(sub.issue("a.example", serial=5)), root.pem)
    report = bench.load_paths([own], feeds=[feed])
    assert report.refused == {} and report.new == 3
    assert is_trusted(bench, sub) and names_of(bench, sub, 5) == ("a.example",)
    assert report.forms_told() == [
        f"as certificates, whose CAs are trusted: {own}",
        f"as certificates of a feed: {feed}",
    ]


def test_crtshs_words_in_a_feed(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der)
    (feed,) = bench.put(rows_of(identity_row(root, 0x5000, "planted.example")))
    assert refused(bench.load_paths([], feeds=[feed])) == {NOT_A_FEEDS_WORD: 1}
    (answer,) = bench.ask(root.cert_id(0x5000))
    assert not isinstance(answer, Found)
    bench.load_paths([feed])
    assert names_of(bench, root, 0x5000) == ("planted.example",)


def test_many_files_of_a_form_are_counted(bench: StoreBench, root: Ca) -> None:
    paths = bench.put(*(root.issue(f"{n}.example", serial=n + 1) for n in range(5)))
    told = f"as certificates, whose CAs are trusted: {', '.join(paths[:3])} and 2 more"
    assert bench.load_paths(paths).forms_told() == [told]
    assert bench.load(HEADING + b"\n").forms == {}
