"""sensor.ct.exporting: out, and back through `ct import`, gives the same answers and the same export."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from sensor.ct.exporting import HEADING, export_lines
from sensor.ct.lookup import Found
from sensor.ct.schema import StoreError, open_to_read
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
