"""sensor.ct.run_file: what is written is found, and what is damaged or another's is refused."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from sensor.ct.rows import RowError
from sensor.ct.run_file import Entry, RunFile, RunWriter, ident_of, parse_ident, serial_hash
from sensor.ct.schema import StoreError

ID = b"\x07" * 16
MONTH = 2027 * 12 + 2


def ident(issuer: int, serial: bytes) -> bytes:
    found = ident_of(issuer, serial)
    assert found is not None
    return found


def entries(count: int, seed: int = 1) -> list[Entry]:
    chance = random.Random(seed)
    made = []
    for number in range(count):
        serial = chance.randbytes(chance.choice([1, 8, 16, 18, 20]))
        made.append((serial_hash(ID, serial), ident(number % 7, serial), chance.randbytes(chance.randrange(90))))
    return sorted({each[:2]: each for each in made}.values())


def written(path: Path, rows: list[Entry], at_most: int | None = None) -> RunFile:
    RunWriter(ID, MONTH, len(rows) if at_most is None else at_most).write(path, rows)
    return RunFile(path, ID, MONTH)


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 300, 5000])
def test_all_are_found_and_nothing_else(tmp_path: Path, count: int) -> None:
    rows = entries(count)
    run = written(tmp_path / "run", rows)
    assert run.head.rows == len(rows)
    assert run.head.fan_out % 8 == 0
    assert list(run.entries()) == rows
    assert all(run.find(hashed, name) == row for hashed, name, row in rows)
    known = {name for _, name, _ in rows}
    strangers = [each for each in entries(300, seed=2) if each[1] not in known]
    assert [run.find(hashed, name) for hashed, name, _ in strangers] == [None] * len(strangers)
    assert run.is_sound()
    run.close()


def test_issuers_with_the_same_serial(tmp_path: Path) -> None:
    hashed = serial_hash(ID, b"\x05")
    rows = [(hashed, ident(issuer, b"\x05"), b"%d" % issuer) for issuer in range(1000)]
    run = written(tmp_path / "run", rows)
    assert [run.find(hashed, name) for _, name, _ in rows] == [row for _, _, row in rows]
    assert run.find(hashed, ident(1000, b"\x05")) is None
    assert list(run.with_hash(hashed)) == [(name, row) for _, name, row in rows]
    assert parse_ident(rows[3][1]) == (3, b"\x05")


def test_a_key_across_two_others_is_not_found_there(tmp_path: Path) -> None:
    first, second = int.from_bytes(b"\0ABCDEFG", "big"), int.from_bytes(b"\0HIJKLMN", "big")
    across = int.from_bytes(b"\0ABCDEFG\0HIJKLMN"[4:12], "big") & (1 << 63) - 1
    run = written(tmp_path / "run", [(first, ident(1, b"a"), b"1"), (second, ident(1, b"b"), b"2")])
    assert run.find(across, ident(1, b"a")) is None
    assert run.find(second, ident(1, b"b")) == b"2"
    twice = int.from_bytes(b"AAAAAAAA", "big") >> 1
    run = written(tmp_path / "other", [(twice, ident(1, b"a"), b"1"), (twice, ident(1, b"b"), b"2")])
    assert run.find(twice, ident(1, b"b")) == b"2"


@pytest.mark.parametrize(("issuer", "serial"), [(-1, b""), (1 << 32, b""), (0, b"a" * 256)])
def test_what_no_file_holds(issuer: int, serial: bytes) -> None:
    assert ident_of(issuer, serial) is None


def test_it_never_writes_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        RunWriter(ID, MONTH, 1).write(path, entries(1))
    assert path.read_bytes() == b"mine"


def test_of_another_store_or_month(tmp_path: Path) -> None:
    path = tmp_path / "run"
    written(path, entries(20)).close()
    with pytest.raises(StoreError, match="belongs to another cache"):
        RunFile(path, b"\x08" * 16, MONTH)
    with pytest.raises(StoreError, match="of another month"):
        RunFile(path, ID, MONTH + 1)


def test_things_that_are_no_such_file(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with pytest.raises(FileNotFoundError):
        RunFile(path, ID, MONTH)
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="cut short"):
        RunFile(path, ID, MONTH)
    path.write_bytes(b"SQLite format 3\0" + bytes(4096))
    with pytest.raises(StoreError, match="not a partition"):
        RunFile(path, ID, MONTH)
    written(tmp_path / "true", entries(20)).close()
    (tmp_path / "link").symlink_to(tmp_path / "true")
    with pytest.raises(StoreError):
        RunFile(tmp_path / "link", ID, MONTH)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(StoreError, match="not a file"):
        RunFile(tmp_path / "fifo", ID, MONTH)
    (tmp_path / "true").chmod(0o666)
    with pytest.raises(StoreError, match="everyone may write"):
        RunFile(tmp_path / "true", ID, MONTH)


def test_one_that_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "run"
    written(path, entries(100)).close()
    whole = path.read_bytes()
    for size in (0, 7, 87, 88, 89, len(whole) // 2, len(whole) - 8, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(StoreError, match="cut short"):
            RunFile(path, ID, MONTH)
    path.write_bytes(whole + b"\0")
    with pytest.raises(StoreError, match="not as it was made"):
        RunFile(path, ID, MONTH)


def test_damage_is_an_error_or_a_row_that_is_not_found(tmp_path: Path) -> None:
    """Any octets changed anywhere: only the declared errors, no row out of its bounds, and `is_sound` sees it."""
    rows = entries(40)
    written(tmp_path / "whole", rows).close()
    whole = (tmp_path / "whole").read_bytes()
    chance = random.Random(3)
    refused = errors = 0
    for number in range(1500):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 1, 4])):
            damaged[chance.randrange(len(whole))] = chance.choice([0, 1, 0x7F, 0xFF])
        if damaged == whole:
            continue
        path = tmp_path / "damaged"
        path.write_bytes(damaged)
        try:
            run = RunFile(path, ID, MONTH)
        except StoreError:
            refused += 1
            continue
        if damaged[88:] != whole[88:]:
            assert not run.is_sound(), number
        for hashed, name, _ in rows:
            try:
                found = run.find(hashed, name)
            except RowError:
                errors += 1
            else:
                assert found is None or len(found) < len(whole)
        try:
            assert sum(1 for _ in run.entries()) <= 40
        except RowError:
            errors += 1
        run.close()
    assert refused > 20 and errors > 100


def test_a_planted_fan_out_stays_inside(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = written(path, rows := entries(40))
    fan_out, size = run.head.fan_out, run.head.size
    run.close()
    whole = path.read_bytes()
    for value in (0, 1, 87, fan_out - 3, fan_out, size, size + 1, 1 << 40, (1 << 64) - 1):
        for at in range(fan_out, size, 8):
            path.write_bytes(whole[:at] + value.to_bytes(8, "little") + whole[at + 8 :])
            run = RunFile(path, ID, MONTH)
            for hashed, name, row in rows:
                try:
                    assert run.find(hashed, name) in (row, None)
                except RowError as error:
                    assert "partition" in str(error)
            run.close()
