"""Every row of the matrix has a test here or a reason why not; README.md says so; the guards named are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from sensor.audit.findings import Finding
from sensor.logs.records import STREAMS
from sensor.settings import Settings
from tests.hostile.properties import PROPERTIES
from tests.hostile.readme import README, render
from tests.hostile.rows import REPOSITORY, NotHere, Row, cases_of_rows, rows

OPEN: set[str] = set()
"""Of which nothing is said yet."""


@pytest.mark.needs("shared/reference/hostile-input.md")
def test_every_row_of_the_reference_is_spoken_of(shared: Path) -> None:
    text = (shared / "reference" / "hostile-input.md").read_text()
    wanted = set(re.findall(r"^\| ((?:CF|[LITHOCJDSP])[0-9]+) \|", text, re.MULTILINE))
    assert len(wanted) > 100
    assert wanted - set(rows()) <= OPEN
    assert set(rows()) <= wanted


def test_every_row_has_a_test_that_bears_its_name_or_names_those_it_has() -> None:
    own = cases_of_rows()
    for row, said in rows().items():
        here = [test for test in own.get(row, []) if test.startswith("tests/hostile/")]
        if isinstance(said, NotHere):
            assert not own.get(row), row
        else:
            assert here or said.tests, row
    assert set(own) <= set(rows()) | OPEN, "tests named after rows that are not there"


def test_the_tests_that_rows_name_are_there() -> None:
    for row, said in rows().items():
        for test in said.tests if isinstance(said, Row) else ():
            path, *_, name = test.split("::")
            assert f"def {name}(" in (REPOSITORY / "tests" / path).read_text(), f"{row}: {test}"


def test_the_tests_of_properties_are_there() -> None:
    for name, (_, tests) in PROPERTIES.items():
        assert tests, name
        for test in tests:
            path, _, function = test.partition("::")
            assert f"def {function}(" in (REPOSITORY / "tests" / path).read_text(), f"{name}: {test}"


def test_every_limit_is_a_settings_key() -> None:
    for row, said in rows().items():
        for key in said.limits if isinstance(said, Row) else ():
            branch, _, name = key.partition(".")
            assert hasattr(getattr(Settings(), branch), name), f"{row}: {key}"


def test_every_counter_is_one() -> None:
    """A weird that is raised, a kind of notice, or a field of a log; behind a colon, a value that it can have."""
    written = set()
    for path in (REPOSITORY / "sensor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = None  # a docstring tells, and counts nothing
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                written.add(node.value)
    fields = {name for record in STREAMS.values() for name in record.__struct_encode_fields__}
    for row, said in rows().items():
        for counter in said.counters if isinstance(said, Row) else ():
            name, colon, value = counter.partition(": ")
            assert name in fields or (name in written and not colon), f"{row}: {counter}"
            assert not colon or value in written | set(Finding.__members__), f"{row}: {counter}"


def test_every_guard_can_be_taken_out() -> None:
    for row, said in rows().items():
        assert isinstance(said, NotHere) or said.guards, f"{row}: nothing is taken out to see its tests red"
        for guard in said.guards if isinstance(said, Row) else ():
            text = (REPOSITORY / guard.path).read_text()
            assert text.count(guard.there) == 1, f"{row}: {guard.path}: {guard.there!r}"
            assert guard.there != guard.instead, row


def test_the_readme_is_up_to_date() -> None:
    assert README.read_text() == render(), "python -m tests.hostile.readme"
