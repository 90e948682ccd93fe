"""Correlation documents into rules: what they refer to, by what they group, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.rules.rule import Bound, CorrelationKind
from sensor.settings import RuleSettings
from tests.rules.writing import UUID, read, rule, rules

BASE = rule("host: x").replace("id:", "name: base\nid:")
LEAK = rule("grade: exact", service="leak", number=2).replace("id:", "name: leak\nid:")


def correlation(body: str, number: int = 9, more: str = "") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"title: Correlation\nid: {UUID.format(number)}\nname: c{number}\ncorrelation:\n{lines}{more}"


GOOD = "type: event_count\nrules: [base]\ngroup-by: [id.orig_h]\ntimespan: 5m\ncondition: {gte: 3}"


def test_all_of_it(tmp_path: Path) -> None:
    found = rules(tmp_path, correlation(GOOD), BASE)
    (only,) = found.correlations
    assert (only.kind, only.rules, only.span_us) == (CorrelationKind.event_count, (UUID.format(1),), 300_000_000)
    assert only.bounds == (Bound("gte", 3),) and only.group_by == {UUID.format(1): ("id.orig_h",)}
    assert only.head.notice.identifier == ("id.orig_h",)
    assert found.quiet == {UUID.format(1)}


def test_generate_lets_the_rules_speak_for_themselves(tmp_path: Path) -> None:
    assert not rules(tmp_path, BASE, correlation(GOOD + "\ngenerate: true")).quiet
    assert not rules(tmp_path, BASE, correlation(GOOD, more="generate: true\n")).quiet


def test_by_id_and_aliases(tmp_path: Path) -> None:
    text = correlation(
        f"type: temporal\nrules: ['{UUID.format(1).upper()}', leak]\ngroup-by: [who, site]\ntimespan: 1h\n"
        "aliases:\n    who: {base: id.orig_h, leak: src_ip}\n    site: {base: host, leak: site}"
    )
    (only,) = rules(tmp_path, BASE, LEAK, text).correlations
    assert only.group_by == {UUID.format(1): ("id.orig_h", "host"), UUID.format(2): ("id.orig_h", "site")}


def test_chains_in_any_order(tmp_path: Path) -> None:
    first = correlation(GOOD, 7)
    second = correlation("type: temporal_ordered\nrules: [c7, leak]\ngroup-by: [id.orig_h]\ntimespan: 1h", 8)
    found = rules(tmp_path, second, first, BASE, LEAK)
    assert [each.head.name for each in found.correlations] == ["c7", "c8"]
    assert found.quiet == {UUID.format(number) for number in (1, 2, 7)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (GOOD.replace("event_count", "events"), "type: expected one of event_count, value_count"),
        (GOOD.replace("base", "bass"), "no rule bass, did you mean base?"),
        (GOOD.replace("[base]", "[base, base]"), "base stands there twice"),
        (GOOD.replace("[base]", "[]"), "rules: expected a list of 1 to 64 ids or names of rules"),
        (GOOD.replace("id.orig_h", "site"), "group-by: http has no field site, which Rule 1 is about"),
        (GOOD.replace("5m", "5"), "timespan: expected a number and s, m, h or d"),
        (GOOD.replace("5m", "0s"), "timespan: expected more than 0"),
        (GOOD.replace("{gte: 3}", "a and b"), "condition: expected a map of gt, gte"),
        (GOOD.replace("gte", "more"), "condition: expected gt, gte, lt, lte, eq, neq with a number, not more"),
        (GOOD.replace("gte: 3", "gte: 3, field: host"), "condition: expected gt"),
        (GOOD.replace("{gte: 3}", "{}"), "condition: expected one of gt"),
        (GOOD.replace("3", "30000"), "condition: expected at most 10000 (rules.max_group_events)"),
        (GOOD.replace("event_count", "value_count"), "condition: expected field, of which the values count"),
        (
            GOOD.replace("event_count", "value_sum").replace("gte: 3", "field: host, gt: 1"),
            "expected a field with a number",
        ),
        (GOOD.replace("event_count", "temporal_ordered"), "condition: temporal_ordered has none"),
        (GOOD + "\nwindow: 5", "correlation has no window: expected one of type"),
        (GOOD + "\naliases: {x: {leak: y}}", "x: leak is none of this correlation's rules"),
        (GOOD.replace("base", "c9"), "refers to itself"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, told: str) -> None:
    found, mistakes = read(tmp_path, BASE, LEAK, correlation(text))
    assert not found.correlations
    assert any(told in line for line in mistakes), mistakes
    assert len(mistakes) <= 2


def test_a_rule_with_a_mistake_is_told_once_more_where_it_is_used(tmp_path: Path) -> None:
    _, mistakes = read(tmp_path, BASE.replace("host", "hots"), correlation(GOOD))
    assert len(mistakes) == 2 and "no rule base" in mistakes[1]


def test_percentile(tmp_path: Path) -> None:
    body = GOOD.replace("event_count", "value_percentile").replace("gte: 3", "field: ts, gt: 5, percentile: 95")
    assert rules(tmp_path, BASE, correlation(body)).correlations[0].percentile == 95
    _, mistakes = read(tmp_path, BASE, correlation(body.replace("95", "101")))
    assert "percentile: expected 0 to 100" in mistakes[0]


def test_limits_come_from_the_settings(tmp_path: Path) -> None:
    _, mistakes = read(tmp_path, BASE, correlation(GOOD), settings=RuleSettings(max_group_events=2))
    assert len(mistakes) == 1
