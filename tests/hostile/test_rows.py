"""Every row of the matrix has a test here or a reason why not; README.md says so; the guards named are there."""

from __future__ import annotations

from sensor.settings import Settings
from tests.hostile.readme import README, render
from tests.hostile.rows import REPOSITORY, NotHere, Row, cases_of_rows, rows


def test_every_row_has_a_test_in_this_folder_that_bears_its_name() -> None:
    own = cases_of_rows()
    for row, said in rows().items():
        here = [test for test in own.get(row, []) if test.startswith("tests/hostile/")]
        assert bool(here) is not isinstance(said, NotHere), f"{row}: {here}"


def test_every_limit_is_a_settings_key() -> None:
    for row, said in rows().items():
        for key in said.limits if isinstance(said, Row) else ():
            branch, _, name = key.partition(".")
            assert hasattr(getattr(Settings(), branch), name), f"{row}: {key}"


def test_every_guard_can_be_taken_out() -> None:
    for row, said in rows().items():
        for guard in said.guards if isinstance(said, Row) else ():
            text = (REPOSITORY / guard.path).read_text()
            assert text.count(guard.there) == 1, f"{row}: {guard.path}: {guard.there!r}"
            assert guard.there != guard.instead, row


def test_the_readme_is_up_to_date() -> None:
    assert README.read_text() == render(), "python -m tests.hostile.readme"
