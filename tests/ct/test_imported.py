"""sensor.ct.imported: what is synced and imported is one certificate, with the names of both, in whatever order."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from sensor.ct.lookup import Found, Unavailable
from sensor.ct.schema import open_to_read
from sensor.ct.stats import count_store
from sensor.ct.store_lookup import StoreLookup
from sensor.ct.store_sink import StoreSink
from sensor.ct.verifying import Verification
from tests.ct.logs import logged, logged_issuer
from tests.ct.pki import Ca
from tests.ct.stores import StoreBench
from tests.ct.test_exporting import CRL, exported
from tests.ct.test_store_sink import AT, LOG

SERIAL = 0x7000


def synced(path: Path, sub: Ca, name: str, flush_rows: int) -> int:
    """How many were new."""
    sink = StoreSink(path, 250, flush_rows)
    sink.add_issuers([logged_issuer(sub)])
    sink.add([logged(sub, sub.issue(name, serial=SERIAL, extra=CRL), precertificate=False)], "log", 1)
    try:
        return sink.commit(LOG, AT)
    finally:
        sink.close()


def total(path: Path) -> int:
    connection = open_to_read(path, 10)
    assert connection is not None
    with closing(connection):
        assert list(Verification(path, connection).problems()) == []
        return count_store(path, connection).certificates


@pytest.mark.parametrize("flush_rows", [1 << 30, 1])
@pytest.mark.parametrize("order", list(permutations(("synced", "imported", "synced again"))))
def test_whatever_comes_first(bench: StoreBench, root: Ca, sub: Ca, order: tuple[str, ...], flush_rows: int) -> None:
    bench.load(root.der, sub.der)
    steps = {
        "synced": lambda: synced(bench.path, sub, "a.example", flush_rows),
        "imported": lambda: bench.load(sub.issue("b.example", serial=SERIAL, extra=CRL)).new,
        "synced again": lambda: synced(bench.path, sub, "c.example", flush_rows),
    }
    assert [steps[step]() for step in order] == [1, 0, 0]
    (answer,) = bench.ask(sub.cert_id(SERIAL))
    assert isinstance(answer, Found)
    assert sorted(answer.certificate.dns_names) == ["a.example", "b.example", "c.example"]
    assert total(bench.path) == 3, "with two CAs'"
    assert sum(b'"facts"' in line for line in exported(bench.path)) == 3
    lookup = StoreLookup(bench.settings)
    use = lookup.with_crl("http://crl.example/7.crl")
    lookup.close()
    assert not isinstance(use, Unavailable) and len(use.certificates) == 1


def test_one_that_waited_for_its_issuer(bench: StoreBench, root: Ca, sub: Ca) -> None:
    """It is under another issuer until then, and is moved to where it was synced."""
    bench.load(sub.issue("b.example", serial=SERIAL))
    synced(bench.path, sub, "a.example", 1)  # with the CA, so that it is moved before
    (answer,) = bench.ask(sub.cert_id(SERIAL))
    assert isinstance(answer, Found)
    assert sorted(answer.certificate.dns_names) == ["a.example", "b.example"]
    assert total(bench.path) == 1


def test_a_name_that_is_learnt_later_is_not_counted_again(bench: StoreBench, sub: Ca) -> None:
    """Waiting rows of which files have an older one, files of the same, and what they are merged into."""
    one = logged(sub, sub.issue("a.example", serial=1), precertificate=False)
    many = [msgspec.structs.replace(one, serial=bytes([3, n]), dns_names=(f"{n}.example",)) for n in range(60)]
    again = [msgspec.structs.replace(each, dns_names=(*each.dns_names, "new.example")) for each in many]
    for rows, wait in ((many, 1), (again[:9], 1), (again[9:12], 1 << 30), (again[:40], 1), (again, 1 << 30)):
        sink = StoreSink(bench.path, 250, wait)
        sink.add_issuers([logged_issuer(sub)])
        sink.add(rows, "log", 1)
        assert sink.commit(LOG, AT) == (60 if rows is many else 0)
        sink.close()
        assert total(bench.path) == 60
    assert sum(b"new.example" in line for line in exported(bench.path)) == 60
    with closing(sqlite3.connect(bench.path)) as connection:
        assert connection.execute("SELECT sum(rows) FROM run_issuer").fetchone() == (60,)
