"""Where the captures are that rules name, and which are not there."""

from __future__ import annotations

from pathlib import Path

from sensor.rules.captures import capture_path, missing_captures
from sensor.rules.document import Mistakes
from sensor.rules.loader import read_rules
from sensor.rules.shipped import shipped_folder
from sensor.settings import RuleSettings
from tests.rules.writing import rule, rules

NAMED = "ocspwatch:\n    matches:\n        - a.pcap\n        - ../b.pcap\n    ignores: [c.pcap]\n"


def told(folder: Path, *documents: str) -> list[str]:
    mistakes = Mistakes()
    missing_captures(rules(folder, *documents), mistakes)
    assert not mistakes.lines
    return [line.removeprefix(f"{folder}/").removeprefix(f"{folder}") for line in mistakes.notes]


def test_each_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(b"")
    (tmp_path / "c.pcap").mkdir()
    assert told(tmp_path, rule("host: x", more=NAMED)) == [
        "rules.yml:13: note: there is no capture ../b.pcap",
        "rules.yml:14: note: there is no capture c.pcap",
    ]


def test_where_there_are_none_at_all_it_is_told_once(tmp_path: Path) -> None:
    both = (rule("host: x", more=NAMED), rule("host: y", number=2, more=NAMED))
    assert told(tmp_path, *both) == [":1: note: none of the 6 captures that its rules name is there"]
    assert not told(tmp_path, rule("host: x"))


def test_paths_are_relative_to_the_rule(tmp_path: Path) -> None:
    (only,) = rules(tmp_path, rule("host: x", more=NAMED)).rules
    assert capture_path(only.head, "../b.pcap") == tmp_path.parent / "b.pcap"
    assert capture_path(only.head, "/x/y.pcap") == Path("/x/y.pcap")


def test_what_is_shipped_names_none_that_is_missing_and_nothing_odd() -> None:
    folder = shipped_folder()
    assert folder is not None
    mistakes = Mistakes()
    missing_captures(read_rules([folder], RuleSettings(), mistakes), mistakes)
    assert not mistakes.lines and not mistakes.notes
