"""docs/limits.md is what the code says: every limit is in it, and what it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from sensor.audit.findings import Finding
from sensor.health.counters import Levels, Running, Totals
from sensor.health.metrics import Report, render_metrics
from sensor.logs.records import STREAMS
from tests.hostile.limits import DOCUMENT, LIMITS, LOG, NO_LIMITS, constants, reasons, render, settings
from tests.hostile.rows import REPOSITORY

PLAIN = ("exit code", "summary:")
"""What a word may begin with that names nothing in a log."""


@cache
def literals() -> frozenset[str]:
    """Every string in the source."""
    found: set[str] = set()
    for path in (REPOSITORY / "sensor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


@cache
def names() -> frozenset[str]:
    """Weirds, fields, notices, findings and metrics."""
    fields = {name for record in STREAMS.values() for name in record.__struct_encode_fields__}
    page = render_metrics(Report(totals=Totals(), levels=Levels(), running=Running())).decode()
    return frozenset(
        {*literals(), *fields, *(finding.value for finding in Finding), *re.findall(r"# HELP (\w+)", page)}
    )


def test_the_document_is_as_it_is_generated() -> None:
    assert DOCUMENT.read_text() == render(), "python -m tests.hostile.limits"


def test_every_setting_that_is_a_number_is_a_limit_or_has_a_reason() -> None:
    keys = {key for key, _ in settings()}
    explained = {key for key in keys if any(re.fullmatch(pattern, key) for pattern in NO_LIMITS)}
    assert keys - explained == set(LIMITS)
    assert all(any(re.fullmatch(pattern, key) for key in keys) for pattern in NO_LIMITS)


@pytest.mark.parametrize("key", LIMITS)
def test_what_counts_and_tells_is_there(key: str) -> None:
    limit = LIMITS[key]
    assert limit.counted
    assert limit.told
    for word in (*limit.counted, *limit.told):
        assert word in names() or word.startswith(PLAIN), word
    if LOG in limit.counted:
        branch, name = key.split(".")
        counted = {word.partition(":")[0] for word in literals()}
        assert key in counted or (name in counted and f"{branch}." in counted), key


def test_every_constant_that_bounds_something_has_a_reason() -> None:
    missing, gone = set(constants()) - set(reasons()), set(reasons()) - set(constants())
    assert not missing | gone, f"CONSTANTS in limits.py: put in {missing}, take out {gone}"
    assert all(20 < len(reason) < 120 for reason in reasons().values())


def test_no_cache_is_without_a_bound() -> None:
    for path in (REPOSITORY / "sensor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "lru_cache":
                size = next((each.value for each in node.keywords if each.arg == "maxsize"), *node.args[:1])
                assert not (isinstance(size, ast.Constant) and size.value is None), f"{path}:{node.lineno}"
