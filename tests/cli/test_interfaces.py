"""`ocspwatch interfaces`: a table for people, JSON lines for programs, and whether this user may."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.cli.main import main

CODE = "import sys; from sensor.cli.main import main; sys.exit(main())"


def without_net_raw(repository: Path, *words: str) -> str:
    """Standard output of the command as root without this one capability, as in a container."""
    taken = ["setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    command = [*taken, sys.executable, "-c", CODE, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=repository).stdout


def test_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["interfaces"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["interface", "state", "kind", "mtu", "packets", "seen"]
    assert lines[1].split()[:4] == ["lo", "up", "loopback", "65536"]


@pytest.mark.needs("root")
def test_one_json_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["interfaces", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found[0] | {"packets": 0} == {
        "name": "lo",
        "state": "up",
        "kind": "loopback",
        "mtu": 65536,
        "packets": 0,
        "may_capture": True,
        "method": "ring",
    }  # fmt: skip  (one record)


@pytest.mark.needs("root", "setpriv")
def test_a_user_who_may_not_is_told_what_it_takes(repository: Path) -> None:
    told = without_net_raw(repository, "interfaces")
    assert "may not capture: the capability CAP_NET_RAW is missing." in told
    assert "--cap-add NET_RAW" in told
    line = json.loads(without_net_raw(repository, "interfaces", "--json").splitlines()[0])
    assert (line["may_capture"], "method" in line) == (False, False)
    assert "CAP_NET_RAW" in line["why_not"]


@pytest.mark.needs("root", "setpriv")
def test_the_right_alone_is_enough(repository: Path) -> None:
    taken = ["setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw"]
    command = [*taken, sys.executable, "-c", CODE, "interfaces", "--json"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, cwd=repository).stdout
    assert json.loads(shown.splitlines()[0])["may_capture"] is True
