"""sensor.ct.partitions: which files count, and what is said when they are not as the store says."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from sensor.ct.lookup import Found, NotFound, Unavailable
from sensor.ct.partitions import Partitions, folder_of, month_in_name
from sensor.ct.rows import RowError
from sensor.ct.schema import StoreError
from sensor.ct.store_lookup import StoreLookup
from sensor.ct.store_sink import StoreSink
from sensor.settings import CtSettings
from tests.ct.logs import logged, logged_issuer
from tests.ct.pki import Ca
from tests.ct.test_store_sink import AT, LOG


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ct.sqlite"


def sync(path: Path, ca: Ca, *serials: int) -> None:
    sink = StoreSink(path, 250, flush_rows=1)
    sink.add_issuers([logged_issuer(ca)])
    sink.add([logged(ca, ca.issue(f"n{serial}.example", serial=serial)) for serial in serials], "log", 1)
    sink.commit(LOG, AT)
    sink.close()


def change(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement, values)
    connection.close()


def only_file(path: Path) -> Path:
    (found,) = folder_of(path).glob("*.run")
    return found


def refused(path: Path) -> str:
    with pytest.raises(StoreError) as caught:
        StoreLookup(CtSettings(str(path)))
    assert "\n" not in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize("name", ["2027-03.00000001.run", "2027-12.1234567890123456789.run"])
def test_names_of_files(name: str) -> None:
    assert month_in_name(name) is not None


@pytest.mark.parametrize(
    "name", ["2027-13.00000001.run", "2027-03.1.run", "../2027-03.00000001.run", "2027-03.00000001.run\n", "lock", ""]
)
def test_names_of_others(name: str) -> None:
    assert month_in_name(name) is None


def test_several_look_while_one_writes(path: Path, sub: Ca) -> None:
    """Each batch becomes a file, and files are merged away, while two look-ups stay open."""
    sync(path, sub, 1)
    now = [0.0]
    lookups = [StoreLookup(CtSettings(str(path)), clock=lambda: now[0]) for _ in range(2)]
    for serial in range(2, 12):
        now[0] += 2
        assert all(isinstance(each.lookup([sub.cert_id(serial)])[0], NotFound) for each in lookups)
        sync(path, sub, serial)
        now[0] += 2
        for each in lookups:
            answers = each.lookup([sub.cert_id(known) for known in range(1, serial + 1)])
            assert all(isinstance(answer, Found) for answer in answers), answers
    for each in lookups:
        each.close()


def test_no_false_not_found_within_the_second_before_a_change_is_noticed(path: Path, sub: Ca) -> None:
    """Rows leave the table for a file between two look-ups whose caches know nothing of it: the clock stands still."""
    sink = StoreSink(path, 250, flush_rows=3)
    sink.add_issuers([logged_issuer(sub)])
    sink.add([logged(sub, sub.issue("a.example", serial=n)) for n in (1, 2)], "log", 1)
    sink.commit(LOG, AT)
    lookup = StoreLookup(CtSettings(str(path)), clock=lambda: 0.0)
    assert isinstance(lookup.lookup([sub.cert_id(1)])[0], Found)
    sink.add([logged(sub, sub.issue("a.example", serial=3))], "log", 1)
    sink.commit(LOG, AT)
    sink.close()
    assert len(list(folder_of(path).glob("*.run"))) == 1
    assert isinstance(lookup.lookup([sub.cert_id(2)])[0], Found)
    lookup.close()


def test_a_file_that_is_missing(path: Path, sub: Ca) -> None:
    sync(path, sub, 1)
    only_file(path).unlink()
    assert "is missing" in refused(path)


def test_a_file_that_vanishes_while_it_runs(path: Path, sub: Ca) -> None:
    """What is mapped stays; the next who opens it says so, and comes back when it is there again."""
    sync(path, sub, 1)
    now = [0.0]
    lookup = StoreLookup(CtSettings(str(path)), clock=lambda: now[0])
    aside = path.with_name("aside")
    place = only_file(path)
    place.rename(aside)
    assert isinstance(lookup.lookup([sub.cert_id(1)])[0], Found)
    change(path, "UPDATE bulk SET generation = generation + 1")
    place.mkdir()
    now[0] += 2
    # The file it has open is the one that is named: only a file it does not know yet is opened.
    assert isinstance(lookup.lookup([sub.cert_id(1)])[0], Found)
    lookup.close()
    place.rmdir()
    with pytest.raises(StoreError, match="is missing"):
        StoreLookup(CtSettings(str(path)))
    aside.rename(place)
    lookup = StoreLookup(CtSettings(str(path)))
    assert isinstance(lookup.lookup([sub.cert_id(1)])[0], Found)
    lookup.close()


def test_another_stores_file_is_refused(path: Path, sub: Ca, tmp_path: Path) -> None:
    """Its issuers are numbers of that store: a name from it would be another's."""
    sync(path, sub, 1)
    other = tmp_path / "other.sqlite"
    sync(other, sub, 1)
    only_file(path).write_bytes(only_file(other).read_bytes())
    assert "belongs to another cache" in refused(path)


def test_a_planted_file_that_is_not_named_is_ignored(path: Path, sub: Ca) -> None:
    sync(path, sub, 1)
    (folder_of(path) / "2027-01.00000777.run").write_bytes(b"planted")
    lookup = StoreLookup(CtSettings(str(path)))
    assert isinstance(lookup.lookup([sub.cert_id(1)])[0], Found)
    lookup.close()


@pytest.mark.parametrize("name", ["../../2027-03.00000001.run", "/etc/passwd", "2027-03", ""])
def test_a_planted_name_leads_nowhere(path: Path, sub: Ca, name: str) -> None:
    sync(path, sub, 1)
    change(path, "INSERT INTO run VALUES (?, 24326, 1)", name)
    assert refused(path) == "damaged: a partition whose name is not of its month"


def test_too_many_names(path: Path, sub: Ca) -> None:
    sync(path, sub, 1)
    change(
        path,
        "INSERT INTO run WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) "
        "SELECT '2027-03.' || printf('%09d', n) || '.run', 24326, 1 FROM n",
    )
    assert refused(path) == "damaged: what says which partitions there are cannot be right"


@pytest.mark.parametrize(
    "statement", ["DELETE FROM bulk", "UPDATE bulk SET id = 7", "UPDATE bulk SET generation = 'x'"]
)
def test_a_damaged_manifest(path: Path, sub: Ca, statement: str) -> None:
    sync(path, sub, 1)
    change(path, statement)
    assert refused(path) == "damaged: what says which partitions there are cannot be right"


def test_a_folder_that_everyone_may_write_to(path: Path, sub: Ca) -> None:
    sync(path, sub, 1)
    folder_of(path).chmod(0o777)
    assert "everyone may write to it" in refused(path)


def test_damage_that_a_running_look_up_meets(path: Path, sub: Ca) -> None:
    """Unavailable, and only for whom it concerns: the next check opens it again."""
    sync(path, sub, *range(1, 40))
    file = only_file(path)
    octets = bytearray(file.read_bytes())
    octets[-400:] = b"\xff" * 400  # the fan-out
    lookup = StoreLookup(CtSettings(str(path)), clock=lambda: 0.0)
    file.chmod(0o600)
    with file.open("r+b") as stream:
        stream.write(octets)
    (answer,) = lookup.lookup([sub.cert_id(7)])
    assert answer == Unavailable("damaged: a partition with a bucket outside it") or isinstance(
        answer, Found | NotFound
    )
    lookup.close()


def test_closing_twice(path: Path, sub: Ca) -> None:
    sync(path, sub, 1)
    connection = sqlite3.connect(path)
    partitions = Partitions(connection)
    partitions.load()
    assert len(partitions.runs) == 1
    partitions.close()
    partitions.close()
    change(path, "DELETE FROM bulk")
    with pytest.raises(RowError):
        partitions.load()
    connection.close()
