"""Queries for other systems: by pySigma, with the fields' own names."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.rules.convert import TARGETS, Converter, ConvertError
from sensor.rules.document import Mistakes
from sensor.rules.listing import read_shipped
from sensor.rules.loader import read_rules
from sensor.settings import RuleSettings
from tests.rules.test_correlations import BASE, GOOD, LEAK, correlation
from tests.rules.writing import rule, rules

pytest.importorskip("sigma.backends.sqlite", reason="needs pySigma's backends (the extra convert)")


def converted(folder: Path, target: str, *documents: str) -> list[str]:
    """What each rule becomes that no other refers to."""
    found = rules(folder, *documents)
    meant = [each for each in found.rules if each.head.id not in found.quiet]
    return [query for each in meant for query in Converter(found, target).convert(each)]


def test_names_are_the_logs_own(tmp_path: Path) -> None:
    text = rule("c-useragent|contains: evil\nid.resp_p: 80")
    assert converted(tmp_path, "splunk", text) == [r'source="*http.log" user_agent="*evil*" id.resp_p=80']
    assert converted(tmp_path, "elasticsearch", text) == [r"_path:http AND (user_agent:*evil* AND id.resp_p:80)"]
    (query,) = converted(tmp_path, "sqlite", text)
    assert "FROM http WHERE" in query and "user_agent LIKE '%evil%'" in query and "`id.resp_p`=80" in query


def test_lists_are_looked_into(tmp_path: Path) -> None:
    (query,) = converted(tmp_path, "sqlite", rule("resp_mime_types|endswith: png"))
    assert "EXISTS (SELECT 1 FROM json_each(COALESCE(resp_mime_types, '[]')) WHERE value LIKE '%png'" in query


def test_values_with_several_forms_in_a_list(tmp_path: Path) -> None:
    """Of which pySigma makes a condition of its own."""
    for text in ("resp_mime_types|windash|contains: -x", "resp_mime_types|base64offset|contains: abc"):
        (query,) = converted(tmp_path, "sqlite", rule(text))
        assert query.count("json_each") == 1 and query.count("value LIKE") > 2


def test_networks_that_text_cannot_say_are_refused(tmp_path: Path) -> None:
    (query,) = converted(tmp_path, "sqlite", rule("host: x\nid.orig_h|cidr: 10.0.0.0/31"))
    assert query.endswith("AND (`id.orig_h` GLOB '10.0.0.0' OR `id.orig_h` GLOB '10.0.0.1')")
    with pytest.raises(ConvertError, match="sqlite cannot do it: 2001:db8::/48 has zeros"):
        converted(tmp_path, "sqlite", rule("id.orig_h|cidr: 2001:db8::/48"))


def test_correlations(tmp_path: Path) -> None:
    for target in TARGETS:
        (query,) = converted(tmp_path, target, BASE, correlation(GOOD))
        assert "3" in query and "id.orig_h" in query
        (query,) = converted(
            tmp_path, target, BASE, LEAK, correlation("type: temporal\nrules: [base, leak]\ntimespan: 1h")
        )
        assert all(word in query for word in ("http", "leak"))


def test_a_correlation_of_a_correlation(tmp_path: Path) -> None:
    upper = correlation("type: event_count\nrules: [c9]\ngroup-by: [id.orig_h]\ntimespan: 1d\ncondition: {gte: 2}", 10)
    lower = correlation(GOOD)
    (query,) = converted(tmp_path, "sqlite", BASE, lower, upper)
    assert "FROM http" in query


def test_rules_of_other_files_are_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "base.yml").write_text(BASE)
    (tmp_path / "upper.yml").write_text(correlation(GOOD))
    (tmp_path / "odd.yml").write_text(rule("selection:\n    - keyword", number=77))
    mistakes = Mistakes()
    found = read_rules([tmp_path / "upper.yml"], RuleSettings(), mistakes)
    assert not mistakes.lines
    (upper,) = found.correlations
    (query,) = Converter(found, "splunk").convert(upper)
    assert 'source="*http.log"' in query and "event_count >= 3" in query


def test_all_that_is_shipped_is_converted() -> None:
    found = read_shipped(Path(__file__).resolve().parents[2] / "rules")
    cannot = {}
    for each in found.rules:
        for target in TARGETS:
            try:
                assert Converter(found, target).convert(each)
            except ConvertError as error:
                cannot[target, each.head.file.name] = str(error)
    assert set(cannot) == {("splunk", "zeek_log4shell_chain.yml"), ("elasticsearch", "zeek_log4shell_chain.yml")}
    assert all("not supported" in each for each in cannot.values())


def test_what_a_target_cannot_do_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConvertError) as error:
        converted(tmp_path, "sqlite", rule("selection:\n    - keyword"))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/rules.yml:1: Rule 1: ")


def test_documents_are_told_apart(tmp_path: Path) -> None:
    """However their lines begin: with comments, markers, or a flow map behind one."""
    flow = "--- {title: Flow, id: 929a690e-bef0-4204-a928-000000000003, logsource: {product: zeek, service: http}, "
    flow += "detection: {s: {host: third}, condition: s}}\n"
    text = "# a comment\n---\n" + rule("host: first") + "--- # and another\n\n" + rule("host: second", number=2) + flow
    assert converted(tmp_path, "splunk", text) == [
        f'source="*http.log" host="{n}"' for n in ("first", "second", "third")
    ]


def test_several_rules_in_one_file(tmp_path: Path) -> None:
    for target in TARGETS:
        assert len(converted(tmp_path, target, rule("host: x"), rule("site: x", "leak", 2))) == 2
