"""sensor.logs.script: what one shard leaves open, and where, in the order in which it came."""

from __future__ import annotations

from array import array

from sensor.logs.script import Script
from sensor.weird import FlowId, Weird

SINGLE = None  # the answer itself, of which nothing is written down
EVENT, COPY, TIMES, NOTICE, AUDIT, WEIRD, NOTES = range(1, 8)


def rows(script: Script) -> list[int]:
    return list(array("q", bytes(script.take()[0])))


def cut(script: Script, key: int, number: int, *sizes: int) -> None:
    """As LogWriter.cut: says of each log how long it is now."""
    for log, size in enumerate(sizes):
        script.copy(log, size)
    script.cut(key, number)


def test_what_needs_nothing_is_copied_and_nothing_is_no_event() -> None:
    script = Script(3)
    cut(script, 4, 0, 0, 0, 0)
    cut(script, 8, 7, 100, 0, 20)
    cut(script, 12, 0, 100, 0, 20)
    cut(script, 16, 0, 100, 5, 20)
    assert (script.last_key, script.last_number) == (16, 0)
    assert rows(script) == [EVENT, 8, 7, COPY, 0, 100, COPY, 2, 20, EVENT, 16, 0, COPY, 1, 5]
    cut(script, 20, 0, 1, 0, 0)
    assert rows(script) == [EVENT, 20, 0, COPY, 0, 1]


def test_holes_stand_between_what_is_copied() -> None:
    script = Script(1)
    script.times(0, 90, 92, -5)
    script.notice(0, 130, 200, 77, 1_700_000_000_000_000_000)
    script.audit(0, 210, 220, 1 << 70, (9, 253_402_300_799 * 10**9, 0, 8))
    cut(script, 1, 2, 230)
    numbers, (weirds, notes, asked, fired) = script.take()
    want = [EVENT, 1, 2, COPY, 0, 90, TIMES, 0, 2, -5, COPY, 0, 38, NOTICE, 0, 70, 77, 1_700_000_000_000_000_000]
    assert list(array("q", bytes(numbers))) == [*want, COPY, 0, 10, AUDIT, 0, 10, COPY, 0, 10]
    assert (weirds, notes, fired) == ([], [], [])
    assert asked == [(1 << 70, 9, 253_402_300_799 * 10**9, 0, 8)], "wider than 64 bits"


def test_weirds_and_notes_go_along() -> None:
    script = Script(2)
    script.weird(1, 30, Weird(5, "odd", FlowId("C", "a", 1, "b", 2), None, "TCP"))
    script.weird(1, 30, Weird(6, "odder", None, "why", None))
    script.notes.append((0, 80))
    cut(script, 1, 0, 0, 40)
    script.notes += [(1, "x"), (1, "y")]
    cut(script, 2, 0, 0, 40)
    numbers, (weirds, notes, _, _) = script.take()
    want = [EVENT, 1, 0, COPY, 1, 30, WEIRD, 1, WEIRD, 1, COPY, 1, 10, NOTES, 1, EVENT, 2, 0, NOTES, 2]
    assert list(array("q", bytes(numbers))) == want
    assert weirds == [(5, "odd", ("C", "a", 1, "b", 2, 6), None, "TCP"), (6, "odder", None, "why", None)]
    assert notes == [(0, 80), (1, "x"), (1, "y")]
    assert script.notes == []


def test_there_is_room_for_any_number() -> None:
    script = Script(1)
    for number in range(20_000):
        script.times(0, number, number + 1, number)
        cut(script, number, 0, number + 1)
    made = rows(script)
    assert len(made) == 20_000 * 7
    assert made[-7:] == [EVENT, 19_999, 0, TIMES, 0, 1, 19_999]


def test_what_was_said_goes_by_numbers_where_they_fit() -> None:
    script = Script(1)
    assert script.said(0, 2, 9, 5, (SINGLE, -7, 10**18, 0, 9))
    assert not script.said(0, 12, 13, 5, (SINGLE, -7, 253_402_300_799 * 10**9, 0, 9))
    assert not script.said(0, 12, 13, 1 << 63, (SINGLE, -7, 0, 0, 9))
    cut(script, 1, 0, 20)
    assert rows(script) == [EVENT, 1, 0, COPY, 0, 2, 11, 0, 7, 5, -7, 10**18, 0, 9, COPY, 0, 3, COPY, 0, 8]
