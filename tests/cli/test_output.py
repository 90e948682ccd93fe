"""What `replay` and `live` share: where events go."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from sensor.cli.output import add_output_options, open_sink, output_settings, rules_in_force, tell_mistake
from sensor.logs.sinks.folder import FolderSink
from sensor.logs.sinks.json_lines import JsonLinesSink
from sensor.settings import RuleSettings, Settings
from tests.rules.writing import rule


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_output_options(parser)
    return parser.parse_args(words)


def test_the_sink_is_what_was_asked_for(tmp_path: Path) -> None:
    assert open_sink(parsed(), Settings()) is None
    assert isinstance(open_sink(parsed("--json"), Settings()), JsonLinesSink)
    sink = open_sink(parsed("-o", str(tmp_path / "logs")), Settings())
    assert isinstance(sink, FolderSink)
    sink.close()
    assert (tmp_path / "logs").is_dir()


def test_a_folder_or_standard_output() -> None:
    with pytest.raises(SystemExit):
        parsed("--json", "-o", "logs")


def test_options_come_on_top_of_settings() -> None:
    assert output_settings(parsed(), Settings()) == Settings()
    words = ["--ct", "x.sqlite", "--timestamps", "millis", "--stream", "--community-id", "--hash-bodies", "all"]
    settings = output_settings(parsed(*words), Settings())
    assert settings.ct.path == "x.sqlite"
    assert (settings.logs.timestamps, settings.logs.stream, settings.logs.community_id) == ("millis", True, True)
    assert settings.http.hash_bodies == "all"


def test_a_file_without_a_rule_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, commented = tmp_path / "a.yml", tmp_path / "b.yml"
    empty.write_bytes(b"")
    commented.write_text("# title: x\n---\n# all of it\n---\n")
    for words in (["--rules", str(empty), "--rules", str(commented)], ["--rules", str(tmp_path)]):
        rules = rules_in_force(parsed("--json", *words), Settings(rules=RuleSettings(shipped=False)))
        assert rules is not None and not rules.rules
        said = [f"ocspwatch: {path}: there is no rule in it" for path in (empty, commented)]
        assert capsys.readouterr().err.splitlines() == said


def test_rules_that_are_there_are_no_news(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yml").write_text("---\n" + rule("uri: /x"))
    rules = rules_in_force(parsed("--json", "--rules", str(tmp_path)), Settings(rules=RuleSettings(shipped=False)))
    assert rules is not None and len(rules.rules) == 1 and not rules.empty
    assert capsys.readouterr().err == ""


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_mistake(ValueError("x: no such thing")) == 2
    assert capsys.readouterr().err == "ocspwatch: x: no such thing\n"
