"""sensor.ct.contents: every row once where it counts, whatever it lies in."""

from __future__ import annotations

from pathlib import Path

from sensor.ct.contents import IMPORTED, WAITING, stored_rows
from sensor.ct.partitions import Partitions
from sensor.ct.rows import decode_row
from tests.ct.test_bulk import Bench, row, serial


def test_files_then_what_waits_then_what_was_imported(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ct.sqlite")
    bench.put(*(row(n, days=30 * n) for n in range(4)))
    bench.rows.flush(everything=True)
    bench.put(row(0, dns=("n0.example", "more.example"), days=0), row(9), first=0)
    bench.connection.execute("INSERT INTO certificate VALUES (8, x'05', x'00', NULL)")
    found = list(stored_rows(bench.connection, Partitions(bench.connection)))
    assert [each.place for each in found][-3:] == [WAITING, WAITING, IMPORTED]
    assert all(each.place.endswith(".run") for each in found[:-3]) and len(found) == 7
    last = {(each.issuer, each.serial): each for each in found}
    assert decode_row(last[1, serial(0)].row).dns == ("n0.example", "more.example")
    assert last[8, b"\x05"].month is None and last[8, b"\x05"].row == b"\0"
    assert last[1, serial(3)].month == last[1, serial(2)].month or last[1, serial(3)].month is not None
    bench.close()
