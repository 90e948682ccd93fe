"""sensor.ct.store_lookup: the memory cache, and a file that comes, changes, breaks and goes while it is open.

What holds for every CtLookup is in tests/contract.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from sensor.ct.lookup import Found, NotFound, Unavailable
from sensor.ct.reader import StoreReader
from sensor.ct.schema import LOCKED, StoreError
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.ocsp.model import CertId
from sensor.settings import CtSettings
from tests.ct.pki import Ca, decoded, make_root
from tests.ct.stores import StoreBench


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def kinds(lookup: StoreLookup, *ids: CertId) -> list[type]:
    return [type(answer) for answer in lookup.lookup(ids)]


def test_no_store_answers_and_makes_nothing(settings: CtSettings, tmp_path: Path, root: Ca) -> None:
    lookup = StoreLookup(settings)
    assert lookup.lookup([root.cert_id(1)] * 2) == [NotFound()] * 2
    lookup.close()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_appears_changes_and_goes(bench: StoreBench, root: Ca, clock: Clock) -> None:
    lookup = StoreLookup(bench.settings, clock)
    leaf = root.cert_id(0x70)
    assert kinds(lookup, root.cert_id(1), leaf) == [NotFound, NotFound]
    bench.load(root.der)
    assert kinds(lookup, root.cert_id(1)) == [NotFound]  # still the remembered answer
    clock.now += 1.1
    assert kinds(lookup, root.cert_id(1), leaf) == [Found, NotFound]
    bench.load(root.issue("a.example", serial=0x70))
    clock.now += 1.1
    assert kinds(lookup, root.cert_id(1), leaf) == [Found, Found]
    for path in bench.path.parent.iterdir():
        path.unlink()
    clock.now += 1.1
    assert kinds(lookup, root.cert_id(1), leaf) == [NotFound, NotFound]
    lookup.close()


def test_nothing_is_forgotten_while_nothing_changes(bench: StoreBench, root: Ca, clock: Clock) -> None:
    bench.load(root.der)
    lookup = StoreLookup(bench.settings, clock)
    first = lookup.lookup([root.cert_id(1), root.cert_id(2)])
    for _ in range(3):
        clock.now += 1.1
        again = lookup.lookup([root.cert_id(1), root.cert_id(2)])
        assert again[0] is first[0]
        assert again[1] is first[1]
    lookup.close()


def test_a_store_put_in_the_place_of_another(bench: StoreBench, root: Ca, clock: Clock) -> None:
    bench.load(root.der)
    other = make_root("Other")
    second = StoreBench(CtSettings(path=str(bench.path.with_name("new.sqlite"))), bench.folder)
    second.load(other.der)
    lookup = StoreLookup(bench.settings, clock)
    assert kinds(lookup, root.cert_id(1), other.cert_id(1)) == [Found, NotFound]
    second.path.replace(bench.path)
    clock.now += 1.1
    assert kinds(lookup, root.cert_id(1), other.cert_id(1)) == [NotFound, Found]
    lookup.close()


def test_damage_while_open_is_unavailable_and_passes(bench: StoreBench, root: Ca, clock: Clock) -> None:
    bench.load(root.der, root.issue("a.example", serial=0x70))
    whole = bench.path.read_bytes()
    lookup = StoreLookup(bench.settings, clock)
    connection = sqlite3.connect(bench.path)
    connection.execute("UPDATE certificate SET row = x'FF'")
    connection.commit()
    connection.close()
    (answer,) = lookup.lookup([root.cert_id(0x70)])
    assert isinstance(answer, Unavailable)
    assert "damaged" in answer.reason

    shutil.copy(__file__, bench.path)  # now it is no store at all
    clock.now += 1.1
    assert lookup.lookup([root.cert_id(0x70)]) == [Unavailable("not a store")]

    bench.path.write_bytes(whole)
    for suffix in ("-wal", "-shm"):
        bench.path.with_name(bench.path.name + suffix).unlink(missing_ok=True)
    assert lookup.lookup([root.cert_id(0x70)]) == [Unavailable("not a store")]  # not asked again yet
    clock.now += 1.1
    assert kinds(lookup, root.cert_id(0x70)) == [Found]
    lookup.close()


def test_what_is_remembered_is_answered_during_trouble(bench: StoreBench, root: Ca, clock: Clock) -> None:
    bench.load(root.der)
    lookup = StoreLookup(bench.settings, clock)
    assert kinds(lookup, root.cert_id(1)) == [Found]
    connection = sqlite3.connect(bench.path)
    connection.execute("DELETE FROM source")
    connection.execute("UPDATE issuer_hash SET issuer = 'x'")
    connection.commit()
    connection.close()
    other_hash = root.cert_id(1, "sha512")
    assert kinds(lookup, other_hash, root.cert_id(1), other_hash) == [Unavailable, Found, Unavailable]
    lookup.close()


def test_a_locked_store_costs_its_timeout_once(bench: StoreBench, root: Ca, clock: Clock) -> None:
    bench.load(root.der)
    holder = sqlite3.connect(bench.path, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    lookup = StoreLookup(CtSettings(path=str(bench.path), busy_timeout_ms=200), clock)
    for _ in range(1000):
        assert lookup.lookup([root.cert_id(1)]) == [Unavailable(LOCKED)]
    assert 0.15 < time.monotonic() - started < 0.8
    holder.close()
    clock.now += 1.1
    assert kinds(lookup, root.cert_id(1)) == [Found]
    lookup.close()


def test_an_import_that_goes_on_is_seen_batch_by_batch(bench: StoreBench, root: Ca, clock: Clock) -> None:
    """The file itself does not change before the import folds its WAL into it."""
    store = Store(bench.path, 250)
    with store.batch():
        store.add(decoded(root.der), "x", 1)
    lookup = StoreLookup(bench.settings, clock)
    assert kinds(lookup, root.cert_id(1), root.cert_id(0x70)) == [Found, NotFound]
    before = bench.path.read_bytes()
    with store.batch():
        store.add(decoded(root.issue("a.example", serial=0x70)), "x", 1)
    assert kinds(lookup, root.cert_id(0x70)) == [NotFound]
    clock.now += 1.1
    assert kinds(lookup, root.cert_id(0x70)) == [Found]
    assert bench.path.read_bytes() == before
    lookup.close()
    store.close()


def test_trouble_that_leaves_no_trace_in_the_file_passes_too(
    bench: StoreBench, root: Ca, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.load(root.der)
    lookup = StoreLookup(bench.settings, clock)

    def fail(*_arguments: object) -> None:
        raise sqlite3.OperationalError("a bad moment")

    with monkeypatch.context() as once:
        once.setattr(StoreReader, "find", fail)
        assert kinds(lookup, root.cert_id(1)) == [Unavailable]
    assert kinds(lookup, root.cert_id(1)) == [Unavailable]  # not asked again yet
    clock.now += 1.1
    assert kinds(lookup, root.cert_id(1)) == [Found]
    lookup.close()


def test_looking_up_while_an_import_writes(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der)
    lookup = StoreLookup(bench.settings)
    writer = sqlite3.connect(bench.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM certificate")
    assert kinds(lookup, root.cert_id(1)) == [Found]
    writer.execute("ROLLBACK")
    writer.close()
    lookup.close()


def test_a_store_that_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ct.sqlite"
    path.write_text("not a store")
    with pytest.raises(StoreError, match="not a store"):
        StoreLookup(CtSettings(path=str(path)))


def test_the_memory_cache_is_bounded_and_forgets_the_longest_unused(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der, *(root.issue(f"{n}.example", serial=n) for n in range(10, 20)))
    lookup = StoreLookup(CtSettings(path=str(bench.path), memory_entries=4))
    asked = [root.cert_id(n) for n in range(10, 20)]
    first = lookup.lookup(asked[:4])
    assert lookup.lookup(asked[:1])[0] is first[0]  # used again, so 11 is now the longest unused
    lookup.lookup(asked[4:5])
    assert lookup.lookup(asked[:1])[0] is first[0]
    again = lookup.lookup(asked[1:2])[0]
    assert again == first[1]
    assert again is not first[1]
    assert lookup.limits()["ct.memory_entries"] == 2
    lookup.lookup(asked)
    assert len(lookup._cache) == 4
    lookup.close()


def test_answers_with_many_names_weigh_more(bench: StoreBench, root: Ca) -> None:
    big = [root.issue(*(f"{n}.{serial}.example" for n in range(200)), serial=serial) for serial in (100, 101, 102)]
    bench.load(root.der, *big, *(root.issue("a.example", serial=n) for n in range(10, 20)))
    lookup = StoreLookup(CtSettings(path=str(bench.path), memory_entries=30))
    lookup.lookup([root.cert_id(n) for n in range(10, 20)])
    assert len(lookup._cache) == 10
    lookup.lookup([root.cert_id(100), root.cert_id(101)])
    assert len(lookup._cache) == 6  # 13 + 13 + 4
    assert lookup._weight <= 30
    lookup.close()


def test_an_answer_too_big_to_remember_is_given_all_the_same(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der, root.issue(*(f"{n}.example" for n in range(200)), serial=100))
    lookup = StoreLookup(CtSettings(path=str(bench.path), memory_entries=3))
    assert kinds(lookup, root.cert_id(100), root.cert_id(100)) == [Found, Found]
    assert (len(lookup._cache), lookup._weight) == (0, 0)
    lookup.close()


def test_an_issuer_learnt_from_traffic_corrects_what_was_remembered(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der)
    lookup = StoreLookup(bench.settings)
    new = root.intermediate("New")
    known = lookup.lookup([root.cert_id(1)])[0]
    assert lookup.lookup([new.cert_id(5)]) == [NotFound()]
    issuer = lookup.issuer_from_traffic(new.der)
    assert lookup.lookup([new.cert_id(5)]) == [NotFound(issuer)]
    assert lookup.lookup([root.cert_id(1)])[0] is known
    assert lookup._weight == len(lookup._cache) == 2
    lookup.close()


def test_what_traffic_teaches_is_never_written(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der)
    before = bench.path.read_bytes()
    lookup = StoreLookup(bench.settings)
    assert lookup.issuer_from_traffic(root.intermediate("New").der) is not None
    lookup.close()
    assert bench.path.read_bytes() == before


def test_without_a_store_nobody_can_vouch(settings: CtSettings, root: Ca, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("sensor.ct.traffic.decode_certificate")  # not even looked at
    assert StoreLookup(settings).issuer_from_traffic(root.der) is None


def test_traffic_during_trouble(bench: StoreBench, root: Ca, clock: Clock) -> None:
    bench.load(root.der)
    lookup = StoreLookup(bench.settings, clock)
    new = root.intermediate("New")
    connection = sqlite3.connect(bench.path)
    connection.execute("DROP TABLE issuer")
    connection.commit()
    connection.close()
    assert lookup.issuer_from_traffic(new.der) is None
    assert kinds(lookup, root.cert_id(2)) == [Unavailable]
    lookup.close()


def test_a_warm_look_up_costs_less_than_ten_microseconds(bench: StoreBench, root: Ca) -> None:
    bench.load(root.der, *(root.issue(f"{n}.example", serial=1000 + n) for n in range(50)))
    lookup = StoreLookup(bench.settings)
    asked = [root.cert_id(1000 + n) for n in range(50)]
    lookup.lookup(asked)
    best = min(_seconds(lookup, asked) for _ in range(20)) / len(asked)
    assert best < 10e-6
    lookup.close()


def _seconds(lookup: StoreLookup, asked: list[CertId]) -> float:
    started = time.perf_counter()
    for cert_id in asked:
        lookup.lookup((cert_id,))
    return time.perf_counter() - started
