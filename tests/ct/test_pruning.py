"""sensor.ct.pruning: what has expired goes, from wherever it lies; what has not stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from sensor.ct.lookup import Found, NotFound, Unavailable
from sensor.ct.partitions import folder_of
from sensor.ct.pruning import prune
from sensor.ct.schema import LOCKED, StoreError, open_to_read
from sensor.ct.stats import count_store
from sensor.ct.store_lookup import StoreLookup
from sensor.ct.store_sink import StoreSink
from sensor.ct.verifying import Verification
from tests.ct.logs import logged, logged_issuer
from tests.ct.pki import Ca
from tests.ct.stores import StoreBench
from tests.ct.test_store_sink import AT, LOG

ENDS = 1767225600 + 90 * 86400  # tests.ct.pki: 2026-04-01


def synced(path: Path, ca: Ca, *serials: int) -> None:
    sink = StoreSink(path, 250, flush_rows=1)
    sink.add_issuers([logged_issuer(ca)])
    sink.add([logged(ca, ca.issue(f"n{serial}.example", serial=serial)) for serial in serials], "log", 1)
    sink.commit(LOG, AT)
    sink.close()


def test_imported_ones_one_by_one_and_synced_ones_by_month(bench: StoreBench, root: Ca, sub: Ca) -> None:
    bench.load(root.der, sub.der, root.issue("imported.example", serial=0xA1))
    synced(bench.path, sub, 1, 2, 3)
    ids = [root.cert_id(0xA1), *(sub.cert_id(n) for n in (1, 2, 3))]
    report = prune(bench.path, ENDS - 86400)
    assert (report.months, report.in_months, report.singly) == (0, 0, 0)
    assert all(isinstance(answer, Found) for answer in bench.ask(*ids))
    report = prune(bench.path, ENDS + 86400)
    assert report.singly == 3 and report.months == 0, "two CAs' with it; the month of the others is not over"
    assert [type(answer) for answer in bench.ask(*ids)] == [NotFound, Found, Found, Found]
    report = prune(bench.path, ENDS + 40 * 86400)
    assert (report.months, report.in_months) == (1, 3)
    assert list(folder_of(bench.path).glob("*.run")) == []
    answers = bench.ask(*ids)
    assert all(isinstance(answer, NotFound) and answer.issuer is not None for answer in answers), "issuers stay"


def test_those_who_waited_and_whom_they_waited_for(bench: StoreBench, sub: Ca) -> None:
    bench.load(sub.issue("waits.example", serial=5))
    assert prune(bench.path, ENDS + 86400).singly == 1
    connection = open_to_read(bench.path, 10)
    assert connection is not None
    with closing(connection):
        assert count_store(bench.path, connection).missing == ()
        assert connection.execute("SELECT count(*) FROM pending").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM issuer_hash").fetchone() == (0,)


def test_more_than_a_page(bench: StoreBench, sub: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensor.ct.pruning._PAGE", 2)
    bench.load(sub.der, *(sub.issue(f"{n}.example", serial=n + 1) for n in range(7)))
    assert prune(bench.path, ENDS + 86400).singly == 8


def test_not_while_somebody_syncs(bench: StoreBench) -> None:
    sink = StoreSink(bench.path, 250)
    with pytest.raises(StoreError, match=LOCKED):
        prune(bench.path, 0)
    sink.close()


def test_a_damaged_row_stops_it(bench: StoreBench, sub: Ca) -> None:
    bench.load(sub.der, sub.issue("a.example", serial=1))
    from tests.ct.test_partitions import change

    change(bench.path, "UPDATE certificate SET row = x'00'")
    with pytest.raises(StoreError, match="damaged: a row that cannot be read"):
        prune(bench.path, ENDS + 86400)


def crl(number: int) -> tuple[tuple[x509.ExtensionType, bool], ...]:
    url = x509.UniformResourceIdentifier(f"http://crl.example/{number}.crl")
    return ((x509.CRLDistributionPoints([x509.DistributionPoint([url], None, None, None)]), False),)


def test_addresses_that_nothing_names_any_more(
    bench: StoreBench, root: Ca, sub: Ca, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of each CRL, synced and imported; beside them one that outlives them, and names the first of either."""
    monkeypatch.setattr("sensor.ct.pruning._PAGE", 7)
    for first, wait in ((0, 1 << 30), (40, 1)):  # what waits, and what is in a file
        sink = StoreSink(bench.path, 250, wait)
        sink.add_issuers([logged_issuer(sub)])
        ders = [sub.issue(f"s{n}.example", serial=0x100 + n, extra=crl(n)) for n in range(first, first + 40)]
        each = [logged(sub, der) for der in ders]
        later = msgspec.structs.replace(each[0], serial=bytes([5, first]), not_after=each[0].not_after + 99 * 86400)
        sink.add([*each, later], "log", 1)
        sink.commit(LOG, AT)
        sink.close()
    bench.load(root.der, *(root.issue(f"i{n}.example", serial=0x100 + n, extra=crl(100 + n)) for n in range(40)))
    prune(bench.path, ENDS - 86400)
    assert url_sets(bench.path) == {*range(80), *range(100, 140)}, "imported ones are still named"
    prune(bench.path, ENDS + 40 * 86400)
    assert url_sets(bench.path) == {0, 40, 139}, "those of the later ones, and the last"
    lookup = StoreLookup(bench.settings)
    for number in (0, 40):
        use = lookup.with_crl(f"http://crl.example/{number}.crl")
        assert not isinstance(use, Unavailable)
        assert [each.certificate.dns_names for each in use.certificates] == [(f"s{number}.example",)]
    lookup.close()
    connection = open_to_read(bench.path, 10)
    assert connection is not None
    with closing(connection):
        assert list(Verification(bench.path, connection).problems()) == []


def url_sets(path: Path) -> set[int]:
    """The numbers in the addresses of the CRLs that are known."""
    with closing(sqlite3.connect(path)) as connection:
        urls = [url for (url,) in connection.execute("SELECT url FROM crl_url")]
        (sets,) = connection.execute("SELECT count(*) FROM url_set").fetchone()
    assert len(urls) <= sets <= len(urls) + 1, "and the set of none"
    return {int(url.removeprefix("http://crl.example/").removesuffix(".crl")) for url in urls}


def test_the_file_gets_smaller(bench: StoreBench, sub: Ca) -> None:
    sink = StoreSink(bench.path, 250, 1 << 30)
    sink.add_issuers([logged_issuer(sub)])
    der = sub.issue("a.example", serial=1)
    one = logged(sub, der)
    many = [
        msgspec.structs.replace(one, serial=n.to_bytes(4, "big"), crl_urls=(f"http://crl.example/{n}/{'x' * 99}",))
        for n in range(1 << 24, (1 << 24) + 2000)
    ]
    sink.add(many, "log", 1)
    sink.commit(LOG, AT)
    sink.close()
    before = bench.path.stat().st_size
    assert prune(bench.path, ENDS + 40 * 86400).in_months == 2000
    assert bench.path.stat().st_size < before // 8
    assert not bench.path.with_name(bench.path.name + "-wal").exists()
