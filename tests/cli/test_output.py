"""What `replay` and `live` share: where events go."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from sensor.cli.output import add_output_options, open_sink, output_settings, tell_mistake
from sensor.logs.sinks.folder import FolderSink
from sensor.logs.sinks.json_lines import JsonLinesSink
from sensor.settings import Settings


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


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell_mistake(ValueError("x: no such thing")) == 2
    assert capsys.readouterr().err == "ocspwatch: x: no such thing\n"
