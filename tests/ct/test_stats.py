"""sensor.ct.stats: what a store holds."""

from __future__ import annotations

import msgspec

from sensor.ct.partitions import folder_of
from sensor.ct.schema import open_to_read
from sensor.ct.stats import IssuerCount, StoreStats, count_store
from sensor.ct.store_sink import StoreSink
from tests.ct.logs import logged, logged_issuer
from tests.ct.pki import Ca, make_root
from tests.ct.sources.test_crtsh import identity_row, rows_of
from tests.ct.stores import StoreBench
from tests.ct.test_store_sink import AT, LOG


def stats_of(bench: StoreBench) -> StoreStats:
    connection = open_to_read(bench.path, 100)
    assert connection is not None
    stats = count_store(bench.path, connection)
    connection.close()
    return stats


def test_a_store_counted(bench: StoreBench, root: Ca, sub: Ca) -> None:
    worded, unknown = make_root("Worded"), make_root("Unknown")
    bench.load(root.der, *(root.issue(f"{n}.example") for n in range(3)), label="mine")
    bench.load(sub.issue("a.example"), sub.issue("b.example"))
    bench.load(
        worded.der, rows_of(identity_row(worded, 0x5000, "c.example"), identity_row(unknown, 0x5001, "d.example"))
    )
    stats = stats_of(bench)
    assert stats.path == str(bench.path)
    assert stats.bytes >= bench.path.stat().st_size > 0
    assert (stats.certificates, stats.issuers, stats.waiting) == (9, 2, 3)
    assert stats.by_issuer == (
        IssuerCount(root.subject.rfc4514_string(), 4),
        IssuerCount(worded.subject.rfc4514_string(), 2),
    )
    assert stats.missing == (
        IssuerCount(sub.subject.rfc4514_string(), 2),
        IssuerCount(unknown.subject.rfc4514_string(), 1),
    )
    assert stats.sources == ("crt.sh", "file", "mine")
    assert msgspec.json.decode(msgspec.json.encode(stats), type=StoreStats) == stats


def test_nobody_is_missing_once_the_issuers_are_there(bench: StoreBench, root: Ca, sub: Ca) -> None:
    bench.load(sub.issue("a.example"), sub.der)
    assert [issuer.name for issuer in stats_of(bench).missing] == [root.subject.rfc4514_string()]
    bench.load(root.der)
    stats = stats_of(bench)
    assert (stats.missing, stats.waiting, stats.certificates) == ((), 0, 3)


def test_words_of_two_numbers_are_missing_something(bench: StoreBench) -> None:
    ca = make_root("Worded")
    bench.load(ca.der, rows_of(identity_row(ca, 8, "a.example"), identity_row(ca, 9, "b.example", issuer_ca_id=43)))
    stats = stats_of(bench)
    assert stats.missing == (IssuerCount(ca.subject.rfc4514_string(), 2),)


def test_what_is_in_files(bench: StoreBench, sub: Ca) -> None:
    sink = StoreSink(bench.path, 250, flush_rows=1)
    sink.add_issuers([logged_issuer(sub)])
    for number in range(3):
        sink.add([logged(sub, sub.issue(f"{number}.example", serial=number + 1))], "log", 1)
        sink.commit(LOG, AT)
    sink.close()
    sink = StoreSink(bench.path, 250, flush_rows=100)
    sink.add_issuers([logged_issuer(sub)])
    sink.add([logged(sub, sub.issue("w.example", serial=9))], "log", 1)
    sink.commit(LOG, AT)
    sink.close()
    stats = stats_of(bench)
    assert (stats.certificates, stats.recent, stats.issuers) == (4, 1, 1)
    assert stats.by_issuer == (IssuerCount(sub.subject.rfc4514_string(), 4),)
    files = list(folder_of(bench.path).glob("*.run"))
    (month,) = stats.months
    assert month.certificates == 3 and month.files == len(files)
    assert month.bytes == sum(each.stat().st_size for each in files) <= stats.bytes - bench.path.stat().st_size
    assert all(each.name.startswith(month.month) for each in files)
