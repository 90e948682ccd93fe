"""sensor.ct.probing: a row is found in whichever file has it, the first counts, and damage is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.ct.probing import Probes
from sensor.ct.rows import RowError
from sensor.ct.run_file import Entry, RunFile, serial_hash
from tests.ct.test_run_file import ID, entries, ident, written


@pytest.fixture(params=[1, 7, 8, 9, 16, 21])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[tuple[RunFile, list[Entry]]]]:
    """Files of unlike size, one of them empty; none has another's rows."""
    made = [(number, entries(0 if number == 3 else 1 + 7 * number, seed=number)) for number in range(request.param)]
    opened = [(written(tmp_path / str(number), rows), rows) for number, rows in made]
    yield opened
    for run, _ in opened:
        run.close()


def test_every_row_of_every_file(runs: list[tuple[RunFile, list[Entry]]]) -> None:
    probes = Probes([run.probe for run, _ in runs])
    assert len(probes) == len(runs)
    known = {}
    for _, rows in reversed(runs):  # short serials may be in several
        known.update({(hashed, name): row for hashed, name, row in rows})
    assert {key: probes.find(*key) for key in known} == known
    strangers = [(hashed, name) for hashed, name, _ in entries(300, seed=99) if (hashed, name) not in known]
    assert len(strangers) > 100
    assert [probes.find(*key) for key in strangers] == [None] * len(strangers)


def test_none() -> None:
    assert Probes().find(1 << 63, b"\1\0\0\0\1\7") is None


@pytest.mark.parametrize(("first", "second"), [(0, 1), (2, 8), (7, 8), (8, 20)])
def test_the_first_that_has_it_counts(tmp_path: Path, first: int, second: int) -> None:
    hashed, name = serial_hash(ID, b"\5"), ident(1, b"\5")
    others = [each for each in entries(30, seed=5) if each[1] != name]
    files = []
    for number in range(21):
        own = {first: [(hashed, name, b"newer")], second: [(hashed, name, b"older")]}.get(number, [])
        files.append(written(tmp_path / str(number), sorted([*others, *own])))
    assert Probes([run.probe for run in files]).find(hashed, name) == b"newer"
    assert Probes([run.probe for run in reversed(files)]).find(hashed, name) == b"older"
    assert Probes([run.probe for run in files]).find(hashed, ident(2, b"\5")) is None, "another issuer's"
    for run in files:
        run.close()


@pytest.mark.parametrize("damaged", [0, 6, 8])
@pytest.mark.parametrize("where", ["fan-out", "count", "end"])
def test_damage_in_one_of_several(tmp_path: Path, damaged: int, where: str) -> None:
    """A look-up that comes to it fails; no octets from elsewhere are taken for a row."""
    hashed, name = serial_hash(ID, b"\5"), ident(1, b"\5")
    files = []
    for number in range(9):
        path = tmp_path / str(number)
        run = written(path, [(hashed, name if number == damaged else ident(2, b"\5"), b"row")])
        at = run.head.fan_out + (hashed >> (64 - run.head.bits)) * 8
        begin = int.from_bytes(path.read_bytes()[at : at + 8], "little")
        run.close()
        if number == damaged:
            octets = bytearray(path.read_bytes())
            place, value = {
                "fan-out": (at, (1 << 60).to_bytes(8, "little")),
                "count": (begin, b"\xff\xff\0\0"),
                "end": (begin + 12, b"\xff\xff\0\0"),
            }[where]
            octets[place : place + len(value)] = value
            path.write_bytes(octets)
        files.append(RunFile(path, ID, 2027 * 12 + 2))
    with pytest.raises(RowError, match=r"a partition with a (bucket|record)"):
        Probes([run.probe for run in files]).find(hashed, name)
    for run in files:
        run.close()


def test_a_closed_file_can_be_closed_again(tmp_path: Path) -> None:
    """An open view of its octets would forbid that."""
    run = written(tmp_path / "run", rows := entries(20))
    assert run.find(*rows[0][:2]) == rows[0][2]
    run.close()
    run.close()
    with pytest.raises((IndexError, ValueError)):
        run.find(*rows[0][:2])
