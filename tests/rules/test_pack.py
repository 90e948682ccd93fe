"""The rules that come with the program: each fires where it says, and says what people need to judge it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sensor.cli.rule_trial import Trial
from sensor.rules.listing import read_shipped
from sensor.rules.rule import EventRule, Rule, RuleSet
from sensor.settings import Settings

RULES = Path(__file__).resolve().parents[2] / "rules"
FILES = sorted(RULES.glob("*.yml"))
PACK: RuleSet = read_shipped(RULES)
BY_FILE = {rule.head.file.name: rule for rule in PACK.rules}
FACTS = {"zeek_leak_exact_site.yml", "zeek_http_not_found.yml", "zeek_ocsp_answered.yml", "zeek_ocsp_nonce_seen.yml"}
"""Rules that state an ordinary fact: genuine OCSP, or an ordinary page, is one of them."""


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    made = Trial(PACK, Settings())
    yield made
    made.close()


def test_there_is_one_rule_a_file() -> None:
    assert len(FILES) > 100
    assert sorted(BY_FILE) == [path.name for path in FILES]
    assert len({rule.head.id for rule in PACK.rules}) == len(FILES)
    notes = [rule.head.notice.note for rule in PACK.rules]
    assert sorted(set(notes)) == sorted(notes), "two rules raise notices of one name"
    titles = [rule.head.title for rule in PACK.rules]
    assert sorted(set(titles)) == sorted(titles)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rule_fires_where_it_says_and_nowhere_else(path: Path, trial: Trial) -> None:
    outcomes = list(trial.outcomes(BY_FILE[path.name]))
    assert [(name, did) for name, _, did in outcomes] == [(name, should) for name, should, _ in outcomes]
    assert any(should for _, should, _ in outcomes)
    assert sum(not should for _, should, _ in outcomes) >= 2


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rule_says_what_people_need_to_judge_it(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    assert re.fullmatch(r"zeek_[a-z0-9_]{5,60}\.yml|zeek_log4shell_chain\.yml", path.name)
    assert uuid.UUID(document["id"]).version == 5
    assert document["status"] == "test"
    assert document["author"] == "ocspwatch"
    assert 40 < len(document["description"]) < 600
    assert 8 <= len(document["title"]) <= 80
    assert document["references"]
    assert all(re.fullmatch(r"https://[^\s]+", each) for each in document["references"])
    assert document["falsepositives"]
    assert all(re.fullmatch(r"(?:attack|cve)\.[a-z0-9.-]+", tag) for tag in document.get("tags", []))
    own = document["ocspwatch"]
    assert re.fullmatch(r"(?:OCSP|PKI|HTTP|Conn)::[A-Za-z0-9_]+", own["note"])
    assert {"note", "msg", "matches", "ignores"} <= set(own)
    if path.name not in FACTS:
        assert {"../pcaps/imitation/genuine.pcap", "../pcaps/clear/ordinary.pcap"} <= set(own["ignores"])
    if "logsource" in document:
        assert document["logsource"] == {"product": "zeek", "service": BY_FILE[path.name].service}  # type: ignore[union-attr]  # a rule with a logsource is about events


def test_only_what_others_count_is_quiet() -> None:
    quiet = {rule.head.file.name: rule for rule in PACK.rules if rule.head.id in PACK.quiet}
    assert all(rule.head.level is not None and rule.head.level.value == "informational" for rule in quiet.values())
    assert len(quiet) == 10


def test_every_rule_is_awake() -> None:
    assert not [rule.head.title for rule in PACK.rules if isinstance(rule, EventRule) and rule.asleep]


def _fired(trial: Trial, capture: str) -> set[str]:
    ids = trial.fired((RULES.parent / "pcaps" / capture).resolve())
    return {rule.head.file.stem for rule in PACK.rules if rule.head.id in ids}


def test_genuine_ocsp_raises_nothing_but_facts(trial: Trial) -> None:
    found = _fired(trial, "imitation/genuine.pcap")
    assert found <= {"zeek_leak_exact_site", "zeek_ocsp_answered", "zeek_ocsp_nonce_seen"}


def test_ordinary_pages_raise_nothing_but_facts(trial: Trial) -> None:
    assert _fired(trial, "clear/ordinary.pcap") == {"zeek_http_not_found"}


def test_levels_are_used() -> None:
    def level(rule: Rule) -> str:
        assert rule.head.level is not None
        return rule.head.level.value

    assert {level(rule) for rule in PACK.rules} == {"informational", "low", "medium", "high", "critical"}
