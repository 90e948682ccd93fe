"""sensor.ct.exporting: out, and back through `ct import`, gives the same answers and the same export."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensor.ct.exporting import HEADING, export_lines
from sensor.ct.lookup import Found
from sensor.ct.reader import StoreReader
from sensor.ct.schema import TEXT, StoreError, open_to_read
from sensor.ct.store import Store
from sensor.pki.certificates import decode_certificate
from sensor.settings import CtSettings
from tests.ct.pki import Ca, make_root
from tests.ct.sources.test_crtsh import identity_row, rows_of
from tests.ct.stores import StoreBench
from tests.ct.test_partitions import change
from tests.ct.test_pruning import synced

POINT = x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.example/7.crl")], None, None, None)
CRL = ((x509.CRLDistributionPoints([POINT]), False),)


def exported(path: Path) -> list[bytes]:
    connection = open_to_read(path, 100)
    assert connection is not None
    lines = list(export_lines(path, connection))
    connection.close()
    return lines


def sorted_facts(lines: list[bytes]) -> list[bytes]:
    """Numbers of issuers are a store's own."""
    found = [msgspec.json.decode(line) for line in lines]
    return sorted(
        msgspec.json.encode({k: v for k, v in each.items() if k != "issuer"}, order="sorted") for each in found
    )


@pytest.fixture
def full(bench: StoreBench, root: Ca, sub: Ca) -> StoreBench:
    """Imported, synced, waiting for an issuer, and in crt.sh's words."""
    worded, absent = make_root("Worded"), make_root("Absent")
    bench.load(root.der, root.issue("imported.example", serial=0xA1), label="mine")
    synced(bench.path, sub, 1, 2, 3)
    bench.load(absent.issue("waits.example", serial=8))
    bench.load(worded.der, rows_of(identity_row(worded, 0x5000, "c.example")))
    return bench


def test_there_and_back(full: StoreBench, root: Ca, sub: Ca, tmp_path: Path) -> None:
    lines = exported(full.path)
    assert lines[0] == HEADING and len(lines) > 9
    other = StoreBench(CtSettings(path=str(tmp_path / "other" / "ct.sqlite")), full.folder)
    report = other.load(b"\n".join(lines) + b"\n")
    assert report.refused == {}
    assert sorted_facts(exported(other.path)) == sorted_facts(lines)
    ids = [root.cert_id(0xA1), *(sub.cert_id(n, "sha256") for n in (1, 2, 3))]
    before, after = full.ask(*ids), other.ask(*ids)
    for one, two in zip(before, after, strict=True):
        assert isinstance(one, Found) and isinstance(two, Found)
        assert (one.certificate, one.source, one.learned_at) == (two.certificate, two.source, two.learned_at)
    assert other.load(b"\n".join(lines)).new == 0


def test_beside_a_sync_it_is_of_the_moment_it_began(full: StoreBench, sub: Ca) -> None:
    before = exported(full.path)
    connection = open_to_read(full.path, 100)
    assert connection is not None
    lines = export_lines(full.path, connection)
    begun = [next(lines), next(lines)]
    synced(full.path, sub, 3, 4, 5)
    full.load(sub.issue("later.example", serial=0xB1, extra=CRL), label="another source, and other URLs")
    assert [*begun, *lines] == before
    connection.close()
    assert len(exported(full.path)) == len(before) + 3


def test_lines_that_were_changed(full: StoreBench, tmp_path: Path) -> None:
    lines = exported(full.path)
    damaged = [
        b"{", b"[]", b"null", b"\xff", b'{"issuer":1}', b'{"waiting":"AAAA","source":"x","learned_at":1}', b"[" * 5000,
        lines[-1].replace(b'"serial_number":"', b'"serial_number":"-'),
    ]  # fmt: skip
    other = StoreBench(CtSettings(path=str(tmp_path / "other" / "ct.sqlite")), full.folder)
    report = other.load(b"\n".join([*lines, *damaged]))
    assert report.refused_total == len(damaged)
    assert sorted_facts(exported(other.path)) == sorted_facts(lines)


def test_an_issuer_must_come_before_its_certificates(full: StoreBench, tmp_path: Path) -> None:
    lines = [line for line in exported(full.path) if b'"name_hashes"' not in line]
    other = StoreBench(CtSettings(path=str(tmp_path / "other" / "ct.sqlite")), full.folder)
    report = other.load(b"\n".join(lines))
    assert "of an issuer that is not there before it" in report.refused


def test_damage_is_told(full: StoreBench) -> None:
    change(full.path, "UPDATE certificate SET row = x'00'")
    with pytest.raises(StoreError, match="damaged"):
        exported(full.path)


LYING = make_root("Lying")
STEPS: dict[str, Callable[[StoreBench, Ca, Ca], object]] = {
    "root": lambda bench, root, _: bench.load(root.der),
    "another label": lambda bench, root, _: bench.load(root.issue("a.example", serial=0xA1), label="mine"),
    "synced": lambda bench, _, sub: synced(bench.path, sub, 1, 2, 3),
    "a CA whose root is missing": lambda bench, _root, _sub: bench.load(make_root("Gone").intermediate("Below").der),
    "waits": lambda bench, _root, _sub: bench.load(make_root("Absent").issue("b.example", serial=8)),
    "a CA of crt.sh's": lambda bench, _root, _sub: claimed(bench, LYING, LYING.der),
    "under it": lambda bench, _root, _sub: claimed(bench, LYING, LYING.issue("c.example", serial=9)),
    "words": lambda bench, _, sub: bench.load(rows_of(identity_row(sub, 0x5000, "d.example"))),
}


def claimed(bench: StoreBench, ca: Ca, der: bytes) -> None:
    """What crt.sh answers for a serial, whose CA nobody here knows (sensor.crtsh.resolver)."""
    store = Store(bench.path, 250)
    with store.batch():
        store.add_claimed(decode_certificate(der, 250), decode_certificate(ca.der, 0).key_octets, "crt.sh", 77)
    store.close()


def everything(path: Path) -> set[tuple[object, ...]]:
    """Who is trusted, by which hashes who is asked for, and what is believed of whom, by whose word, since when."""
    with closing(sqlite3.connect(path)) as connection:
        issuers = connection.execute("SELECT kind, name, key_id, certificate, number FROM issuer").fetchall()
        found: set[tuple[object, ...]] = set()
        for *issuer, number in issuers:
            of = tuple(issuer)
            if issuer[0] != TEXT:
                found.add(of)
            hashes = "SELECT algorithm, name_hash, key_hash FROM issuer_hash WHERE issuer = ?"
            found |= {(*of, *row) for row in connection.execute(hashes, (number,))}
            waiting = "SELECT serial, der FROM pending WHERE issuer = ?"
            found |= {(*of, *row) for row in connection.execute(waiting, (number,))}
    reading = open_to_read(path, 100)
    assert reading is not None
    with closing(reading):
        reader = StoreReader(reading)
        for serial in (*range(1, 10), 0xA1, 0x5000):
            octets = serial.to_bytes((serial.bit_length() + 7) // 8, "big")
            for stored, each in reader.find_serial(octets):
                found.add((stored.kind, stored.issuer.name, each.certificate, each.source, each.learned_at))
        reader.close()
    return found


@given(st.lists(st.sampled_from(sorted(STEPS)), unique=True, min_size=1))
@settings(max_examples=12, deadline=None)
@example(["a CA of crt.sh's", "under it"])
@example(list(STEPS))
def test_who_is_trusted_and_by_whose_word_survives(steps: list[str]) -> None:
    root = make_root("Root")
    sub = root.intermediate("Sub")
    with tempfile.TemporaryDirectory() as name:
        one = StoreBench(CtSettings(path=f"{name}/one.sqlite"), Path(name))
        two = StoreBench(CtSettings(path=f"{name}/two.sqlite"), Path(name))
        for step in steps:
            STEPS[step](one, root, sub)
        assert two.load(b"\n".join(exported(one.path))).refused == {}
        assert everything(two.path) == everything(one.path)
