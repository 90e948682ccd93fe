"""The command line: one line for a mistake, its exit code, and nothing imported that is not needed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sensor.cli.main import main

REPOSITORY = Path(__file__).resolve().parents[2]
CAPTURE = str(REPOSITORY / "pcaps" / "ocsp" / "openssl-post-good.pcap")


def test_version_says_whether_the_packet_path_is_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("ocspwatch 0.")
    assert "compiled" in printed


@pytest.mark.parametrize(
    "words", [[], ["--help"], ["replay", "--help"], ["live", "--help"], ["ct", "--help"], ["config", "--help"]]
)
def test_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == (0 if words else 2)
    output = capsys.readouterr()
    assert "usage: ocspwatch" in output.out + output.err


def test_all_verbs_are_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    printed = capsys.readouterr().out
    for verb in ("replay", "live", "interfaces", "ct", "config"):
        assert f"\n    {verb} " in printed


def test_an_unknown_verb_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["reply", CAPTURE])
    assert left.value.code == 2
    assert "reply" in capsys.readouterr().err


def test_a_bad_settings_file_is_named_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ocspwatch.yaml"
    path.write_text("flow:\n  max_flow: 9\n")
    path.chmod(0o600)
    assert main(["--config", str(path), "replay", CAPTURE]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"ocspwatch: {path}:2: ")
    assert "max_flow" in lines[0]


@pytest.mark.parametrize(
    ("word", "complaint"),
    [
        ("flow.max_flows", "KEY=VALUE"),
        ("flow.max_flow=9", "max_flow"),
        ("flow.max_flows=many", "max_flows"),
        ("x=[", "x=["),
    ],
)
def test_a_bad_setting_on_the_command_line(word: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", word, "replay", CAPTURE]) == 2
    assert complaint in capsys.readouterr().err


def test_the_command_line_overrides_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ocspwatch.yaml"
    path.write_text("flow:\n  max_flows: 9\nlogs:\n  timestamps: millis\n")
    path.chmod(0o600)
    assert main(["--config", str(path), "--set", "flow.max_flows=7", "config"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"\n  timestamps: ['\"]?millis", printed)
    assert "\n  max_flows: 7\n" in printed


def test_short_runs_import_little() -> None:
    """What is slow to import stays out of a replay that does not need it."""
    code = (
        "import sys; from sensor.cli.main import main; main(['replay', sys.argv[1], '-q']); "
        "print(sorted({'scapy', 'rich', 'yaml', 'publicsuffixlist', 'cryptography.x509'} & set(sys.modules)))"
    )
    environment = {"PYTHONPATH": str(REPOSITORY), "XDG_CONFIG_HOME": "/nonexistent", "XDG_DATA_HOME": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", code, CAPTURE], check=True, capture_output=True, text=True, env=environment
    )
    assert done.stdout == "[]\n"


def _command(*words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-m", "sensor.cli.main", *words]
    return subprocess.run(command, check=False, text=True, cwd=REPOSITORY, env=buffered, **how)


def test_the_command_ends_with_its_code_and_all_that_it_printed() -> None:
    done = _command("--version", capture_output=True)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 1, "")
    done = _command("--set", "x=[", "replay", CAPTURE, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_an_output_that_takes_nothing_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        done = _command("--version", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr == "ocspwatch: standard output: No space left on device\n"


def test_a_reader_that_has_gone_ends_it_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = _command("--version", stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
