"""sensor.cli.config: prints a settings file that says everything, and reads back to the same."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import msgspec
import pytest

from sensor.cli import config
from sensor.settings import Settings
from sensor.settings_file import load_settings, override


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config")
    config.add_parser(parser.add_subparsers())
    return parser.parse_args(words)


def printed(capsys: pytest.CaptureFixture[str], settings: Settings, *words: str) -> str:
    args = parse(*words)
    assert args.run(args, settings) == 0
    return capsys.readouterr().out


def test_the_defaults_read_back_to_the_defaults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = override(Settings(), {"flow.max_flows": 5})
    text = printed(capsys, changed, "config", "--defaults")
    path = tmp_path / "s.yaml"
    path.write_text(text)
    path.chmod(0o600)
    assert load_settings(path) == Settings()


def test_every_key_is_there_with_its_documentation_above(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, Settings(), "config", "--defaults").splitlines()
    for section, branch in msgspec.to_builtins(Settings()).items():
        start = lines.index(f"{section}:")
        for name in branch:
            place = next(n for n in range(start, len(lines)) if re.match(rf"  {name}:", lines[n]))
            assert lines[place - 1].startswith("  # "), name
    assert all(len(line) <= 120 for line in lines)


def test_what_is_in_force_and_where_it_comes_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text('flow:\n  max_flows: 5\n  local_nets: ["10.0.0.0/8"]\nct:\n  path: "a: \\"b\\" #c"\n')
    path.chmod(0o600)
    settings = override(load_settings(path), {"logs.timestamps": "millis"})
    text = printed(capsys, settings, "--config", str(path), "config")
    assert f"  # Set in {path}:2; default 131072.\n  max_flows: 5\n" in text
    assert '  # Set in the command line; default "epoch".\n  timestamps: "millis"\n' in text
    assert text.count("# Set in ") == 4
    again = tmp_path / "again.yaml"
    again.write_text(text)
    again.chmod(0o600)
    assert load_settings(again) == settings
