"""sensor.ct.verifying: a sound store has no problems, and each kind of damage is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.ct.partitions import folder_of
from sensor.ct.schema import open_to_read
from sensor.ct.verifying import Verification
from tests.ct.pki import Ca
from tests.ct.stores import StoreBench
from tests.ct.test_partitions import change, only_file
from tests.ct.test_pruning import synced


@pytest.fixture
def store(bench: StoreBench, root: Ca, sub: Ca) -> Path:
    bench.load(root.der, root.issue("imported.example", serial=0xA1))
    synced(bench.path, sub, *range(1, 30))
    return bench.path


def problems(path: Path) -> tuple[int, list[str]]:
    connection = open_to_read(path, 100)
    assert connection is not None
    verification = Verification(path, connection)
    found = list(verification.problems())
    connection.close()
    return verification.rows, found


def test_a_sound_store(store: Path) -> None:
    assert problems(store) == (31, [])


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE certificate SET row = x'00'", "a row that cannot be read"),
        ("DELETE FROM issuer WHERE kind = 0", "an issuer that is not there"),
        ("DELETE FROM source", "a source that is not there"),
        ("DELETE FROM url_set", "URLs that is not there"),
        ("UPDATE url_set SET urls = x'00'", "URLs that cannot be read"),
        ("UPDATE issuer SET certificate = x'00'", "a certificate that cannot be read"),
        ("UPDATE issuer SET key_id = x'00'", "not the key of its certificate"),
        ("UPDATE run_issuer SET rows = 7", "other rows than the cache says"),
        ("INSERT INTO recent SELECT issuer, x'0909', 24000, row FROM certificate LIMIT 1", "and lies under 2000-01"),
        ("INSERT INTO run VALUES ('2027-03.00000099.run', 24326, 1)", "is missing"),
    ],
)
def test_damage_to_the_tables(store: Path, statement: str, told: str) -> None:
    change(store, statement)
    _, found = problems(store)
    assert any(told in line for line in found), found


@pytest.mark.parametrize("at", [100, 300, -100, -3])
def test_damage_to_a_file(store: Path, at: int) -> None:
    file = only_file(store)
    octets = bytearray(file.read_bytes())
    octets[at] ^= 0x10
    file.write_bytes(octets)
    _, found = problems(store)
    assert any("changed since it was made" in line for line in found), found


def test_a_file_of_another_month(store: Path) -> None:
    file = only_file(store)
    other = file.with_name("2031-01." + file.name.partition(".")[2])
    file.rename(other)
    change(store, "UPDATE run SET name = ?, month = ?", other.name, 2031 * 12)
    _, found = problems(store)
    assert any("of another month" in line for line in found), found
    assert folder_of(store).exists()
