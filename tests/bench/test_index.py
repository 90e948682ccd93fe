"""The bench of the bulk index in small: all that was written is found, by others while one writes, too."""

from __future__ import annotations

from pathlib import Path

from sensor.ct.partitions import folder_of
from tests.bench import index

ROWS = 3000


def test_a_small_index(tmp_path: Path) -> None:
    path = tmp_path / "ct.sqlite"
    assert index.load(path, 0, ROWS, flush_rows=500) > 0
    assert list(folder_of(path).glob("*.run"))
    assert index.look_up(path, list(range(ROWS))).found == ROWS - ROWS // 4
    assert index.look_up(path, list(range(ROWS, ROWS + 100))).found == 0
    _, wrong = index.look_up_together(path, ROWS, 2, 200, more=True)
    assert wrong == 0
