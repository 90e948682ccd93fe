"""Files and folders into rules; and everything that is wrong with them, at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.rules.document import Mistakes
from sensor.rules.loader import load_rules, read_rules, rule_files
from sensor.rules.mistakes import RulesError
from sensor.settings import RuleSettings
from tests.rules.writing import UUID, fires, read, rule


def test_folders_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.yaml").write_text(rule("host: x", number=1))
    (tmp_path / "a.yml").write_text(rule("host: x", number=2))
    (tmp_path / "c.txt").write_text("no rule")
    found = load_rules([tmp_path, tmp_path / "a.yml"], RuleSettings())
    assert [each.head.title for each in found.rules] == ["Rule 2", "Rule 1"]


def test_all_mistakes_are_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(rule("hots: x"))
    (tmp_path / "b.yml").write_text(rule("host|x: x", number=2, more="level: none"))
    with pytest.raises(RulesError) as error:
        load_rules([tmp_path, tmp_path / "nowhere"], RuleSettings())
    assert [line.removeprefix(f"{tmp_path}/").split(":")[0] for line in error.value.lines] == [
        "nowhere",
        "a.yml",
        "b.yml",
        "b.yml",
    ]  # fmt: skip  (one row)


def test_a_mistake_costs_its_rule_only(tmp_path: Path) -> None:
    found, mistakes = read(tmp_path, rule("hots: x"), rule("host: x", number=2))
    assert [each.head.title for each in found.rules] == ["Rule 2"] and len(mistakes) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "rules.yml:1: expected a map: title, logsource, detection"),
        (rule("host: x").replace("zeek", "windows"), "rules.yml:4: expected product: zeek"),
        (rule("host: x", service="htpp"), "rules.yml:5: no service htpp, did you mean http?"),
        (
            rule("host: x").replace("service: http", "category: proxy"),
            "expected a service: events here have no category",
        ),
        (rule("host: x").replace("    service: http\n", ""), "expected a service (conn, http"),
        (rule("host: x").replace("logsource", "source"), "rules.yml:1: expected logsource"),
        (rule("host: x").replace("detection", "detect"), "rules.yml:1: expected detection: a map"),
        (rule("host: x").replace("    condition: selection\n", ""), "rules.yml:7: expected condition"),
        (rule("host: x", condition="selectoin"), "condition: no search identifier selectoin, did you mean selection?"),
        (rule("host: x", condition="selection | count() > 5"), "aggregations behind a pipe were withdrawn from Sigma"),
        (rule("selection:\n    host: x\n\ntimeframe: 5m"), "timeframe was withdrawn from Sigma"),
        ("action: global\n" + rule("host: x"), "collections (action:) were withdrawn from Sigma: write whole rules"),
        ("title: x\nfilter:\n    rules: [a]\n", "Sigma filters are not supported"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, told: str) -> None:
    found, mistakes = read(tmp_path, text)
    assert not found.rules and len(mistakes) == 1 and told in mistakes[0]


def test_ids_and_names_are_taken_once(tmp_path: Path) -> None:
    found, mistakes = read(tmp_path, rule("host: x"), rule("host: y"), rule("host: z", number=3))
    assert len(found.rules) == 2
    assert mistakes == [f"rules.yml:11: {UUID.format(1)} is taken by {tmp_path}/rules.yml:1"]


def test_limits(tmp_path: Path) -> None:
    text = "---\n".join(rule("host: x", number=number) for number in range(4))
    path = tmp_path / "a.yml"
    path.write_text(text)
    mistakes = Mistakes()
    read_rules([path], RuleSettings(max_rules=3), mistakes)
    assert mistakes.lines == [f"{path}:1: more than 3 rules (rules.max_rules)"]
    mistakes = Mistakes()
    read_rules([path], RuleSettings(max_file_bytes=10), mistakes)
    assert mistakes.lines == [f"{path}:1: larger than 10 bytes (rules.max_file_bytes)"]


def test_a_condition_may_be_a_list(tmp_path: Path) -> None:
    found, mistakes = read(
        tmp_path, rule("host: x").replace("condition: selection", "condition: [selection, not selection]")
    )
    assert len(found.rules) == 1 and not mistakes


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    mistakes = Mistakes()
    assert rule_files([tmp_path], mistakes) == []
    assert mistakes.lines == [f"{tmp_path}:1: expected rules, there is no *.yml in it"]


def test_what_is_no_file_in_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "gone.yml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "folder.yml" / "good.yml").write_text(rule("host: x"))
    mistakes = Mistakes()
    assert rule_files([tmp_path], mistakes) == [tmp_path / "folder.yml" / "good.yml"]
    assert mistakes.lines == [f"{tmp_path}/gone.yml:1: expected a file"]


EVERYTHING_WRONG = """
titel: x
id: 12
level: hihg
logsource: {product: windows, service: htpp}
detection:
    selection:
        host|contians: x
        host: &a x
        host: y
        uri: []
    other: {uri|re: '('}
    timeframe: 5m
    condition: [selection and oter, other]
ocspwatch: {note: Wrong, msgs: x, suppress_for: 5x}
---
title: And a second
id: 929a690e-bef0-4204-a928-000000000002
logsource: {product: zeek, category: proxy}
detection: {selection: {hots|gt: many}, condition: selection |}
"""


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found, mistakes = read(tmp_path, EVERYTHING_WRONG)
    assert not found.rules
    assert sorted((int(line.split(":")[1]), line.split(": ", 1)[1]) for line in mistakes) == [
        (2, "expected title"),
        (3, "expected a UUID, not 12"),
        (4, "expected one of informational, low, medium, high, critical, not hihg"),
        (5, "expected product: zeek"),
        (5, "no service htpp, did you mean http?"),
        (8, "host|contians: no modifier contians, did you mean contains?"),
        (9, "anchors and aliases are not allowed, write the values out"),
        (10, "host stands in line 9 already"),
        (11, "uri: expected values in the list, not nothing (null is for a field that is absent)"),
        (12, "uri|re: no regular expression: missing ): ("),
        (13, "timeframe was withdrawn from Sigma: expected a correlation"),
        (14, "condition: no search identifier oter, did you mean other?"),
        (15, "note: expected Group::Name, not Wrong"),
        (
            15,
            "ocspwatch has no msgs: expected one of note, msg, sub, identifier, suppress_for, replaces_built_in, "
            "matches, ignores",
        ),
        (15, "suppress_for: expected a number and s, m, h or d, at most a year, not 5x"),
        (19, "expected a service: events here have no category"),
        (
            20,
            "condition: aggregations behind a pipe were withdrawn from Sigma (version 2): expected a correlation rule",
        ),
        (20, "hots|gt: expected a number, not many"),
    ]


def test_what_is_odd_and_no_mistake_is_noted(tmp_path: Path) -> None:
    """Sigma lets a rule have selections that nothing uses, and keys of anybody's."""
    path = tmp_path / "rules.yml"
    path.write_text(
        rule("selection:\n    host: x\n\nother:\n    host: y\n\n_quiet:\n    host: z", more="levle: high\nx: y\n")
    )
    mistakes = Mistakes()
    found = read_rules([path], RuleSettings(), mistakes)
    assert len(found.rules) == 1 and not mistakes.lines
    assert mistakes.notes == [
        f"{path}:16: note: levle is no key of Sigma's, did you mean level?",
        f"{path}:10: note: other is not in the condition",
    ]


def test_windash_stands_before_or_behind_a_place(tmp_path: Path) -> None:
    """SigmaHQ writes both."""
    for words in (
        "contains|windash",
        "windash|contains",
        "endswith|windash",
        "startswith|windash",
        "contains|windash|all",
    ):
        text = rule(f"uri|{words}: [' -enc ', ' /x']")
        found, mistakes = read(tmp_path, text)
        assert len(found.rules) == 1 and not mistakes, words
    assert fires(tmp_path, "uri|contains|windash: ' -enc '", {"uri": "a /enc b"})
    assert not fires(tmp_path, "uri|contains|windash: ' -enc '", {"uri": "a +enc b"})
    assert fires(tmp_path, "uri|startswith|windash: '-a -b -c -d -e'", {"uri": "/a /b \u2013c -d -e f"})


REFUSED = {
    "zeek_dce_rpc_domain_user_enumeration.yml": [
        "timeframe was withdrawn",
        "aggregations behind a pipe were withdrawn",
    ],
    "zeek_http_exfiltration_compressed_files.yml": ["mime_types", "filetype", "http.bodyMagic", "http.method"],
}
"""Of SigmaHQ's: a condition with a pipe (its own status is `unsupported`), and fields that no Zeek has in http.log."""


@pytest.mark.needs("shared/corpus/sigma")
def test_sigmahqs_rules_load(shared: Path) -> None:
    files = sorted((shared / "corpus" / "sigma").glob("*.yml"))
    assert len(files) == 26
    for file in files:
        mistakes = Mistakes()
        found = read_rules([file], RuleSettings(), mistakes)
        wanted = REFUSED.get(file.name, [])
        assert len(mistakes.lines) == len(wanted) and len(found.rules) == (not wanted)
        assert all(word in line for word, line in zip(wanted, mistakes.lines, strict=True))


_KEYS = ["title", "id", "name", "level", "logsource", "detection", "correlation", "ocspwatch", "action", "status"]
_WORDS = [
    "zeek",
    "http",
    "leak",
    "dns",
    "selection",
    "1 of them",
    "a*b?",
    "\\",
    "5",
    "~",
    "host",
    "uri|re",
    "status_code|gt",
    "host|contains|all",
    "|all",
    "ts|hour",
    "event_count",
    "1h",
    UUID.format(1),
    "{host}",
    "not",
    "[",
    "(a",
    "x",
]  # fmt: skip  (a heap of words)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Something like a rule: parts of one, and values that belong elsewhere."""
    word = st.sampled_from(_WORDS)

    def value(depth: int) -> str:
        kind = draw(st.integers(0, 3 if depth < 3 else 0))
        if kind == 1:
            return "[" + ", ".join(value(depth + 1) for _ in range(draw(st.integers(0, 3)))) + "]"
        if kind == 2:
            keys = draw(
                st.lists(st.sampled_from([*_WORDS, *_KEYS, "condition", "product", "service", "type", "rules"]))
            )
            return "{" + ", ".join(f"'{key}': {value(depth + 1)}" for key in dict.fromkeys(keys)) + "}"
        return f"'{draw(word)}'" if draw(st.booleans()) else draw(st.sampled_from(["5", "~", "true", "0123", "1.5"]))

    text = rule("host: x") if draw(st.booleans()) else ""
    lines = text.splitlines()
    if lines and draw(st.booleans()):
        del lines[draw(st.integers(0, len(lines) - 1))]
    for key in draw(st.lists(st.sampled_from(_KEYS), unique=True, max_size=5)):
        lines = [line for line in lines if not line.startswith(key)] + [f"{key}: {value(0)}"]
    return "\n".join(lines) + "\n"


@given(st.lists(documents(), min_size=1, max_size=3))
def test_nothing_is_raised_whatever_a_file_says(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    folder = tmp_path_factory.getbasetemp()
    _, mistakes = read(folder, *texts)
    assert all(line.startswith("rules.yml:") and "\n" not in line for line in mistakes)
