"""sensor.crtsh.remembered: what became of a question, for as long as it is believed, over restarts."""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path

import pytest

from sensor.crtsh.remembered import Asked, Outcome, Remembered
from sensor.ct.schema import StoreError
from sensor.settings import OnlineSettings

SETTINGS = OnlineSettings(found_ttl_s=50, negative_ttl_s=1000, failure_ttl_s=100, max_remembered=100)


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


def opened(path: Path, clock: Clock) -> Remembered:
    return Remembered(path, SETTINGS, clock, random.Random(1))


def test_each_outcome_is_believed_for_its_time_over_restarts(tmp_path: Path) -> None:
    path, clock = tmp_path / "ct.sqlite.asked", Clock()
    began = clock.now
    memory = opened(path, clock)
    assert memory.get("AB") is None
    memory.put("A", Outcome.found)
    memory.put("B", Outcome.not_found)
    memory.put("C", Outcome.failed, "status 502" + "x" * 500)
    memory.close()
    memory = opened(path, clock)
    assert memory.get("A") == Asked(Outcome.found, began, "")
    assert memory.get("B") == Asked(Outcome.not_found, began, "")
    failed = memory.get("C")
    assert failed is not None and failed.reason.startswith("status 502") and len(failed.reason) == 200
    for seconds, left in ((49, "ABC"), (51, "BC"), (99, "BC"), (151, "B"), (999, "B"), (1001, "")):
        clock.now = began + seconds
        assert "".join(each for each in "ABC" if memory.get(each)) == left, seconds
    memory.close()


def test_failures_do_not_come_back_all_at_once(tmp_path: Path) -> None:
    clock = Clock()
    memory = opened(tmp_path / "asked", clock)
    for number in range(60):
        memory.put(str(number), Outcome.failed)
    clock.now += 125
    left = sum(memory.get(str(number)) is not None for number in range(60))
    assert 10 < left < 50
    memory.close()


def test_a_clock_set_back_believes_nothing_of_the_future(tmp_path: Path) -> None:
    clock = Clock()
    memory = opened(tmp_path / "asked", clock)
    memory.put("A", Outcome.not_found)
    clock.now -= 10
    assert memory.get("A") is None
    memory.close()


def test_the_oldest_are_forgotten_beyond_the_limit(tmp_path: Path) -> None:
    clock = Clock()
    memory = opened(tmp_path / "asked", clock)
    for number in range(500):
        clock.now += 0.001
        memory.put(str(number), Outcome.not_found)
    known = [number for number in range(500) if memory.get(str(number))]
    assert 100 <= len(known) < 100 + 64
    assert known[-1] == 499 and known == list(range(known[0], 500))
    memory.close()


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "asked"
    opened(path, Clock()).close()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"garbage" * 400, b"SQLite format 3\0" + b"x" * 4000])
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "asked"
    path.write_bytes(content)
    with pytest.raises(StoreError):
        opened(path, Clock())
    assert path.read_bytes() == content


def test_other_tables_and_triggers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "asked"
    opened(path, Clock()).close()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TRIGGER t AFTER INSERT ON asked BEGIN DELETE FROM asked; END")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="delete it"):
        opened(path, Clock())


def test_links_and_files_that_all_may_write_are_refused(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "asked"
    opened(target, Clock()).close()
    link.symlink_to(target)
    with pytest.raises(StoreError):
        opened(link, Clock())
    target.chmod(0o666)
    with pytest.raises(StoreError, match="everyone may write"):
        opened(target, Clock())


def test_a_damaged_row_is_said(tmp_path: Path) -> None:
    path, clock = tmp_path / "asked", Clock()
    memory = opened(path, clock)
    memory.put("A", Outcome.found)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE asked SET outcome = 77")
    connection.commit()
    connection.close()
    with pytest.raises(StoreError, match="damaged"):
        memory.get("A")
    memory.close()


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    os.mkdir(tmp_path / "asked")  # noqa: PTH102 (as an operator would)
    with pytest.raises(StoreError):
        opened(tmp_path / "asked", Clock())


def test_p3_what_is_no_longer_believed_goes_when_the_file_is_opened(tmp_path: Path) -> None:
    path, clock = tmp_path / "ct.sqlite.asked", Clock()
    memory = opened(path, clock)
    memory.put("0A0B0C0D0E0F-first", Outcome.found)
    clock.now += 30
    memory.put("0A0B0C0D0E0F-second", Outcome.found)
    memory.close()
    clock.now += 30
    opened(path, clock).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT question FROM asked").fetchall() == [("0A0B0C0D0E0F-second",)]
    connection.close()
    assert b"0A0B0C0D0E0F-first" not in path.read_bytes()
