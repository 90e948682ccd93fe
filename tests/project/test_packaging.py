"""packaging/: each file is read by the program that it is for, and says what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.cli.main import build_parser
from sensor.settings import Settings
from sensor.settings_file import load_settings

PACKAGING = Path(__file__).resolve().parents[2] / "packaging"
UNIT = PACKAGING / "systemd" / "ocspwatch.service"


def directives(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.needs("systemd-analyze")
def test_systemd_understands_the_unit_and_finds_little_exposed(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/ocspwatch", sys.executable))  # it looks whether that is there
    done = subprocess.run(["systemd-analyze", "verify", unit], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        check=False,
        capture_output=True,
        text=True,
    )
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", judged.stdout)
    assert exposure and float(exposure[1]) <= 2.0, judged.stdout


def test_the_unit_starts_the_sensor_as_it_can_be_started() -> None:
    found = directives(UNIT)
    (command,) = found["ExecStart"]
    options = re.search(r'^OCSPWATCH_OPTIONS="(.*)"$', (PACKAGING / "systemd" / "ocspwatch.default").read_text(), re.M)
    words = command.replace("$OCSPWATCH_OPTIONS", options[1]).split()
    args = build_parser().parse_args(words[1:])
    assert (args.verb, args.interface, args.output) == ("live", ["eth1"], "/var/log/ocspwatch")
    assert found["Type"] == ["notify"] and found["NotifyAccess"] == ["main"] and int(found["WatchdogSec"][0]) >= 10
    assert found["AmbientCapabilities"] == found["CapabilityBoundingSet"] == ["CAP_NET_RAW"]
    assert found["KillMode"] == ["mixed"]  # the log process is ended by its master, not beside it
    assert int(found["TimeoutStopSec"][0]) > 5
    assert "capset" in found["SystemCallFilter"]
    allowed = found["SystemCallFilter"][0].split()
    assert {"seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} <= set(allowed)


def test_the_settings_are_settings_and_lie_where_the_unit_may_write() -> None:
    settings = load_settings(PACKAGING / "ocspwatch.yaml")
    assert settings.ct.path == "/var/lib/ocspwatch/ct.sqlite"
    assert settings.service == Settings().service
    found = directives(UNIT)
    assert found["LogsDirectory"] == found["StateDirectory"] == ["ocspwatch"]
    assert found["User"] == [settings.service.user]


@pytest.mark.needs("root", "systemd-sysusers", "systemd-tmpfiles")
def test_user_and_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    files = PACKAGING / "systemd"
    for command in (
        ["systemd-sysusers", f"--root={tmp_path}", files / "ocspwatch.sysusers.conf"],
        ["systemd-tmpfiles", f"--root={tmp_path}", "--create", files / "ocspwatch.tmpfiles.conf"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    users = {line.split(":")[0]: line.split(":") for line in (tmp_path / "etc" / "passwd").read_text().splitlines()}
    uid = int(users["ocspwatch"][2])
    assert uid and users["ocspwatch"][6] == "/usr/sbin/nologin"
    for name in ("var/log/ocspwatch", "var/lib/ocspwatch"):
        status = (tmp_path / name).stat()
        assert (status.st_uid, status.st_mode & 0o777) == (uid, 0o750)


@pytest.mark.needs("root", "logrotate")
def test_logrotate_rotates_and_says_hup(tmp_path: Path) -> None:
    """The real one, with our paths; the signal goes to a file instead of to systemd."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "conn.log").write_text("1\n")
    (logs / "leak.log").write_text("2\n")
    (logs / "empty.log").write_text("")
    text = (PACKAGING / "logrotate" / "ocspwatch").read_text()
    text = text.replace("/var/log/ocspwatch", str(logs)).replace("su ocspwatch ocspwatch", "su root root")
    text = re.sub(
        r"systemctl kill --signal=HUP --kill-whom=main ocspwatch.service", f"echo hup >> {tmp_path}/said", text
    )
    config = tmp_path / "config"
    config.write_text(text)
    config.chmod(0o600)
    subprocess.run(["logrotate", "--force", "--state", tmp_path / "state", config], check=True, capture_output=True)
    assert sorted(path.name for path in logs.iterdir()) == ["conn.log.1", "empty.log", "leak.log.1"]
    assert (tmp_path / "said").read_text() == "hup\n"


def test_the_image_is_built_from_files_that_are_there_and_is_never_root() -> None:
    """There is no Docker daemon where this runs: instructions are read, and what they rely on is tried elsewhere
    (tests/cli/test_rights.py has the interpreter with one capability from its file)."""
    root = PACKAGING.parent
    text = (PACKAGING / "docker" / "Dockerfile").read_text().replace("\\\n", " ")
    instructions = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    kept = (PACKAGING / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    for name, words in instructions:
        if name == "COPY" and "--from" not in words:
            for source in words.split()[:-1]:
                assert (root / source).exists(), source
                assert f"!{source}" in kept, source
    last = [words for name, words in instructions if name == "USER"][-1]
    assert last == "ocspwatch"
    run = " ".join(words for name, words in instructions if name == "RUN")
    assert "setcap cap_net_raw=ep" in run
    assert "'(compiled,'" in run  # an image that lost its compiler would be slow and not say so
    entry = [words for name, words in instructions if name == "ENTRYPOINT"][-1]
    assert '"/etc/ocspwatch/ocspwatch.yaml"' in entry


def test_there_is_nothing_else() -> None:
    found = {str(path.relative_to(PACKAGING)) for path in PACKAGING.rglob("*") if path.is_file()}
    named = {"systemd/ocspwatch.service", "systemd/ocspwatch.default", "systemd/ocspwatch.sysusers.conf"}
    named |= {"systemd/ocspwatch.tmpfiles.conf", "docker/Dockerfile", "docker/Dockerfile.dockerignore"}
    assert found == named | {"logrotate/ocspwatch", "ocspwatch.yaml"}
