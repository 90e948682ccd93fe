"""sensor.report.screen: golden screens in several sizes, and nothing hostile gets through."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.health.counters import Levels, Running, Totals
from sensor.health.metrics import Report
from sensor.privacy.leak import Grade
from sensor.report.board import Board
from sensor.report.layout import line_width, paint
from sensor.report.screen import Moment, Pace, Rates, render_line, render_screen
from tests.logs.observations import FLOW, LEAK, changed

S = 10**9
NOW = 1_713_186_227
TOTALS = Totals(frames=1_234_567, wire_bytes=880_000_000, acks=10_000, ack_gaps=250, leaks=4)
WELL = Report(
    totals=Totals(frames=1_234_567, wire_bytes=880_000_000, acks=10_000, leaks=4),
    levels=Levels(flows=1_203, flows_half_open=12),
    running=Running(link_frames=1_234_567, lag_ns=1_000_000),
    started_at=NOW - 6000,
)
ILL = Report(
    totals=Totals(frames=1_234_567, wire_bytes=880_000_000, acks=10_000, ack_gaps=250, internal_errors=1),
    levels=Levels(flows=131_072, flows_half_open=32_768, emergency=True, leaks_waiting=7),
    running=Running(
        link_frames=2_000_000,
        dropped_frames=765_433,
        interface_dropped_frames=9,
        lag_ns=12 * S,
        log_lines_dropped=42,
    ),
    started_at=NOW - 3,
)


def board(*told: tuple[str, Grade, str | None, int]) -> Board:
    made = Board()
    for number, (client, grade, site, sites) in enumerate(told):
        made.leak(
            changed(
                LEAK,
                ts=(NOW - 60 + number) * S,
                flow=changed(FLOW, orig_h=client),
                grade=grade,
                site=site,
                sites_total=sites,
                names=("Larkfield TLS CA",),
                software="Chromium",
            )
        )
    return made


BOARD = board(
    ("10.20.0.23", Grade.exact, "clinic-northside.example", 1),
    ("10.20.0.23", Grade.ca, None, 0),
    ("2001:db8:20::27", Grade.many, "swiftcache.example", 40),
    ("10.20.0.23", Grade.exact, "clinic-northside.example", 1),
)


def screen(columns: int, rows: int, report: Report = WELL, board: Board = BOARD, **fields: Any) -> str:
    moment = Moment("w1 (ring)", NOW, report, Rates(12_345, 98_200_000, 0), board, **fields)
    return "\n".join(paint(line, False) for line in render_screen(moment, columns, rows))


EIGHTY = """\
ocspwatch  w1 (ring) ───────────────────────────── up 1 h 40 min · 13:03:47 UTC
  12,345 packets/s  98.2 Mbit/s   1,234,567 packets, 880 MB
  0 dropped, 0.00%   0.00% of acknowledgments unseen
  1,203 connections, 12 half-open

Latest disclosures ───────────────────────────── 4 so far · 2 clients · 2 sites
  13:02:50  10.20.0.23       exact     clinic-northside.example        Chromium
  13:02:49  2001:db8:20::27  many      swiftcache.example, one of 40 sites
  13:02:48  10.20.0.23       ca        Larkfield TLS CA                Chromium
  13:02:47  10.20.0.23       exact     clinic-northside.example        Chromium








Top clients ─────────────────────────    Top sites ───────────────────────────
  10.20.0.23                        3      clinic-northside.example          2
  2001:db8:20::27                   1      swiftcache.example                1"""


def test_a_terminal_of_eighty_columns() -> None:
    assert screen(80, 24) == EIGHTY


def test_trouble_is_said() -> None:
    text = screen(120, 24, ILL, note="ocspwatch: the disk is full")
    for said in (
        "765,433 dropped, 38.27%",
        "2.50% of acknowledgments unseen",
        "9 lost by the interface",
        "12 s behind",
        "emergency mode",
        "7 disclosures waiting for the look-up cache",
        "42 log lines lost",
        "1 internal error",
    ):
        assert said in text
    assert text.endswith("ocspwatch: the disk is full")


def test_nothing_yet() -> None:
    assert "none yet" in screen(80, 24, board=Board())


def test_a_narrow_one_drops_whole_parts() -> None:
    lines = screen(44, 14).split("\n")
    assert lines[1] == "  12,345 packets/s  98.2 Mbit/s"
    assert lines[2] == "  0 dropped, 0.00%"
    assert "exact" in lines[6]
    assert "13:02" not in "\n".join(lines[2:])
    assert "exact" not in "\n".join(screen(38, 14).split("\n")[2:])


def test_every_size_is_kept_to() -> None:
    """One cell is left free behind every line, for what clears it."""
    for columns in (*range(1, 20), *range(20, 90, 5), 130, 300):
        for rows in (*range(1, 16), 24, 60):
            for report in (WELL, ILL):
                moment = Moment("w1 (ring)", NOW, report, Rates(), BOARD, "note")
                lines = render_screen(moment, columns, rows)
                assert len(lines) <= rows
                assert all(line_width(line) <= max(1, columns - 1) for line in lines), (columns, rows)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60), st.integers(1, 120), st.integers(1, 40))
def test_nothing_hostile_gets_through(site: str, software: str, note: str, columns: int, rows: int) -> None:
    made = Board()
    made.leak(changed(LEAK, site=site, sites_total=1, software=software, flow=changed(FLOW, orig_h=software)))
    lines = render_screen(Moment(note, NOW, WELL, Rates(), made, note), columns, rows)
    for line in lines:
        text = paint(line, False)
        assert all(char == " " or char.isprintable() for char in text)
        assert line_width(line) <= max(1, columns - 1)


@pytest.mark.parametrize("hostile", ["\x1b]0;owned\x07", "\x1b[2J", "a\nb", "\u202eevil", "\x9b31m"])
def test_escape_sequences_are_text(hostile: str) -> None:
    made = Board()
    made.leak(changed(LEAK, site=hostile, sites_total=1))
    text = screen(100, 30, board=made, note=hostile)
    assert hostile not in text
    assert "\\" in text


def test_rates_are_over_the_last_few_moments() -> None:
    pace = Pace()
    reports = [
        Report(totals=Totals(frames=n * 100, wire_bytes=n * 1000), levels=Levels(), running=Running()) for n in range(9)
    ]
    assert pace.add(0, reports[0]) == Rates()
    assert pace.add(1, reports[1]) == Rates(100, 8000, 0)
    assert pace.add(2, reports[1]) == Rates(50, 4000, 0)
    for n in range(3, 9):
        rates = pace.add(n, reports[n])
    assert rates == Rates(100, 8000, 0)
    assert pace.add(8, reports[8]).packets > 0, "the same moment again"


def test_the_line() -> None:
    assert render_line(WELL, Rates(12_345, 98_200_000, 0)) == (
        "12,345 packets/s, 98.2 Mbit/s, 0 dropped, 0.00% of acknowledgments unseen, 1,203 connections, 4 disclosures"
    )
    assert render_line(ILL, Rates()).endswith(", emergency mode")
