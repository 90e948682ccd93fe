"""Title, id, level, and our own group."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.rules.heading import parse_span
from sensor.rules.rule import Level
from tests.rules.writing import UUID, read, rule, rules

OWN = """
level: high
status: test
tags: [attack.t1040]
ocspwatch:
    note: OCSP::Some_Thing
    msg: '{id.orig_h} did {uri}'
    identifier: [host]
    suppress_for: 10m
    matches: [a.pcap]
    ignores: [b.pcap, c.pcap]
"""


def test_all_of_it(tmp_path: Path) -> None:
    head = rules(tmp_path, rule("host: x", more=OWN)).rules[0].head
    assert (head.level, head.status, head.tags, head.line) == (Level.high, "test", ("attack.t1040",), 1)
    assert head.notice.note == "OCSP::Some_Thing" and head.notice.identifier == ("host",)
    assert head.notice.suppress_for_us == 600_000_000
    assert head.notice.msg.parts == ("", "id.orig_h", " did ", "uri", "")
    assert head.notice.sub is not None and head.notice.sub.parts == ("Rule 1",)
    assert (head.matches, head.ignores) == (("a.pcap",), ("b.pcap", "c.pcap"))


def test_where_it_comes_from_as_sigma_has_it(tmp_path: Path) -> None:
    more = f"""
date: 2021/01/02
modified: 2024-02-29
author: '1'
references: [https://x.example]
falsepositives:
related:
    - id: {UUID.format(2)}
      type: derived
"""
    assert rules(tmp_path, rule("host: x", more=more)).rules


def test_defaults(tmp_path: Path) -> None:
    head = rules(tmp_path, rule("host: x")).rules[0].head
    assert head.notice.note == "Sigma::Rule_1" and head.notice.identifier == ("id.orig_h", "id.resp_h")
    assert head.notice.suppress_for_us is None and head.notice.sub is None and head.level is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (rule("host: x").replace("title: Rule 1", "name: x"), "rules.yml:1: expected title"),
        (rule("host: x").replace(UUID.format(1), "17"), "rules.yml:2: expected a UUID, not 17"),
        (rule("host: x").replace("id: ", "idea: "), "rules.yml:1: expected an id, a UUID, or at least a name"),
        (
            rule("host: x", more="level: bad"),
            "rules.yml:10: expected one of informational, low",
        ),
        (rule("host: x", more="status: new"), "rules.yml:10: expected one of stable"),
        (
            rule("host: x", more="date: 2026-13-45"),
            "rules.yml:10: date: expected a date, year-month-day, not 2026-13-45",
        ),
        (rule("host: x", more="date: 2026-02-30"), "rules.yml:10: date: expected a date"),
        (rule("host: x", more="modified: yesterday"), "rules.yml:10: modified: expected a date"),
        (rule("host: x", more="author: [me]"), "rules.yml:10: author: expected text"),
        (rule("host: x", more="references: https://x.example"), "rules.yml:10: references: expected a list of texts"),
        (rule("host: x", more="falsepositives: none"), "rules.yml:10: falsepositives: expected a list of texts"),
        (
            rule("host: x", more="tags: [t1040]"),
            "rules.yml:10: tags: expected a namespace, a dot and a name, not t1040",
        ),
        (
            rule("host: x", more="related: [{id: x, type: derived}]"),
            "rules.yml:10: related: expected a list of maps with a UUID as id",
        ),
        (
            rule("host: x", more=f"related:\n  - id: {UUID.format(2)}\n    type: other"),
            "rules.yml:11: related: expected type, one of correlation, derived",
        ),
        (rule("host: x", more="ocspwatch: 1"), "rules.yml:10: ocspwatch: expected a map"),
        (rule("host: x", more="ocspwatch: {messages: 1}"), "ocspwatch has no messages: expected one of note, msg"),
        (rule("host: x", more="ocspwatch: {note: x}"), "note: expected Group::Name, not x"),
        (rule("host: x", more="ocspwatch: {msg: '{hots}'}"), "msg: no field hots, did you mean host?"),
        (rule("host: x", more="ocspwatch: {identifier: [hots]}"), "identifier: no field hots"),
        (rule("host: x", more="ocspwatch: {suppress_for: 1w}"), "expected a number and s, m, h or d, at most a year"),
        (rule("host: x", more="ocspwatch: {matches: a.pcap}"), "matches: expected a list of texts"),
        (rule("host: x", more="ocspwatch: {msg: null}"), "msg: expected text"),
        (rule("host: x").replace("title: Rule 1", "title: " + "x" * 257), "a title of at most 256 characters"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, told: str) -> None:
    found, mistakes = read(tmp_path, text)
    assert not found.rules and len(mistakes) == 1 and told in mistakes[0]


def test_spans() -> None:
    assert [parse_span(text) for text in ("0s", "90s", "5m", "1h", "2d")] == [
        0,
        90_000_000,
        300_000_000,
        3600_000_000,
        172800_000_000,
    ]  # fmt: skip  (one row)
    for text in ("", "5", "1w", "1.5h", "400d", "-1s", "1H"):
        with pytest.raises(ValueError, match="expected"):
            parse_span(text)


def test_only_a_rule_over_leaks_speaks_for_the_built_in_notice(tmp_path: Path) -> None:
    (only,) = rules(tmp_path, rule("grade: exact", "leak", more="ocspwatch: {replaces_built_in: true}")).rules
    assert only.head.notice.replaces_built_in
    for service, said in (("http", "true"), ("leak", "perhaps")):
        detection = "host: x" if service == "http" else "grade: exact"
        _, mistakes = read(tmp_path, rule(detection, service, more=f"ocspwatch: {{replaces_built_in: {said}}}"))
        assert mistakes == ["rules.yml:10: replaces_built_in: expected true or false, in a rule over leak"]
