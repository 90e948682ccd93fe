"""Queries for other systems: by pySigma, with the fields' own names."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.rules.convert import TARGETS, ConvertError, convert_file
from tests.rules.test_correlations import BASE, GOOD, LEAK, correlation
from tests.rules.writing import rule, rules

pytest.importorskip("sigma.backends.sqlite", reason="needs pySigma's backends (the extra convert)")


def converted(folder: Path, target: str, *documents: str) -> list[str]:
    found = rules(folder, *documents)
    return [query for _, query in convert_file(folder / "rules.yml", list(found.rules), target)]


def test_names_are_the_logs_own(tmp_path: Path) -> None:
    text = rule("c-useragent|contains: evil\nid.resp_p: 80")
    assert converted(tmp_path, "splunk", text) == [r'source="*http.log" user_agent="*evil*" id.resp_p=80']
    assert converted(tmp_path, "elasticsearch", text) == [r"_path:http AND (user_agent:*evil* AND id.resp_p:80)"]
    (query,) = converted(tmp_path, "sqlite", text)
    assert "FROM http WHERE" in query and "user_agent LIKE '%evil%'" in query and "`id.resp_p`=80" in query


def test_lists_are_looked_into(tmp_path: Path) -> None:
    (query,) = converted(tmp_path, "sqlite", rule("resp_mime_types|endswith: png"))
    assert "EXISTS (SELECT 1 FROM json_each(COALESCE(resp_mime_types, '[]')) WHERE value LIKE '%png'" in query


def test_correlations(tmp_path: Path) -> None:
    for target in ("splunk", "sqlite"):
        (query,) = converted(tmp_path, target, BASE, correlation(GOOD))
        assert "3" in query and "id.orig_h" in query
    with pytest.raises(ConvertError, match="several logs"):
        converted(tmp_path, "sqlite", BASE, LEAK, correlation("type: temporal\nrules: [base, leak]\ntimespan: 1h"))


def test_what_a_target_cannot_do_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConvertError) as error:
        converted(tmp_path, "sqlite", rule("selection:\n    - keyword"))
    assert "\n" not in str(error.value)


def test_several_rules_in_one_file(tmp_path: Path) -> None:
    for target in TARGETS:
        assert len(converted(tmp_path, target, rule("host: x"), rule("site: x", "leak", 2))) == 2
