"""sensor.ct.months."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sensor.ct.months import end_of, month_of, parse_month, render_month


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type]  # year, month, day, ...


@pytest.mark.parametrize(
    ("moment", "written"),
    [
        (at(2027, 3, 1), "2027-03"),
        (at(2027, 3, 31, 23, 59, 59), "2027-03"),
        (at(2024, 2, 29), "2024-02"),
        (at(1970, 1, 1), "1970-01"),
        (at(9999, 12, 31, 23, 59, 59), "9999-12"),
    ],
)
def test_there_and_back(moment: int, written: str) -> None:
    month = month_of(moment)
    assert month is not None
    assert render_month(month) == written
    assert parse_month(written) == month


@pytest.mark.parametrize("moment", [-1, at(9999, 12, 31) + 86400, 1 << 62, -(1 << 62)])
def test_moments_that_have_none(moment: int) -> None:
    assert month_of(moment) is None


@pytest.mark.parametrize("text", ["", "2027", "2027-3", "2027-00", "2027-13", "0000-01", "2027-03\n", "٢027-03"])
def test_what_is_no_month(text: str) -> None:
    assert parse_month(text) is None


def test_the_end_is_the_first_moment_of_the_next() -> None:
    for first, following in ((at(2026, 12, 5), at(2027, 1, 1)), (at(2027, 1, 1), at(2027, 2, 1))):
        month = month_of(first)
        assert month is not None
        assert end_of(month) == following
        assert month_of(end_of(month) - 1) == month
