"""sensor.report.board: the newest, and who and what most, within limits."""

from __future__ import annotations

import pytest

from sensor.privacy.leak import Grade, Leak
from sensor.report.board import MAX_LATEST, Board
from tests.logs.observations import FLOW, LEAK, changed


def leak(site: str | None, client: str = "10.0.0.1", ts: int = 0) -> Leak:
    made: Leak = changed(LEAK, site=site, sites_total=1, ts=ts, flow=changed(FLOW, orig_h=client))
    return made


def test_it_counts_as_a_summary_does() -> None:
    board = Board()
    board.feed([leak("a.example"), leak("a.example", "10.0.0.2"), leak("b.example", "10.0.0.2")])
    assert (board.leaks, len(board.clients_total), len(board.sites_total)) == (3, 2, 2)
    assert board.clients.top(9) == [("10.0.0.2", 2), ("10.0.0.1", 1)]
    assert board.sites.top(9) == [("a.example", 2), ("b.example", 1)]


def test_only_the_newest_are_kept() -> None:
    board = Board()
    for ts in range(3 * MAX_LATEST):
        board.leak(leak("a.example", ts=ts))
    assert [each.ts for each in board.latest(9999)] == list(range(3 * MAX_LATEST - 1, 2 * MAX_LATEST - 1, -1))
    assert [each.ts for each in board.latest(2)] == [3 * MAX_LATEST - 1, 3 * MAX_LATEST - 2]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"site": "a.example", "sites_total": 1}, "a.example"),
        ({"site": "a.example", "sites_total": 40, "grade": Grade.many}, "a.example, one of 40 sites"),
        ({"site": None, "names": ("Some CA",), "grade": Grade.ca}, "Some CA"),
        ({"site": None, "names": (), "grade": Grade.unlisted, "serial_number": "0A"}, "serial 0A"),
    ],
)
def test_what_it_is_about(fields: dict[str, object], said: str) -> None:
    board = Board()
    board.leak(changed(LEAK, **fields))
    assert [each.about for each in board.latest(1)] == [said]
