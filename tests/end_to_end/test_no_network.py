"""By default nothing leaves this machine: a replay that names sites opens no connection and asks no name server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PCAPS, REPOSITORY, SECONDS, Run, logs_of

FORBID = """
import sys

def refuse(event, args):
    if event.startswith("socket.") and event not in {"socket.gethostname"}:
        print("FORBIDDEN", event, file=sys.stderr)
        raise PermissionError(event)

sys.addaudithook(refuse)
"""


def _replay(ocspwatch: Run, folder: Path, env: dict[str, str]) -> dict[str, bytes]:
    store = folder / "ct.sqlite"
    for words in (
        ("ct", "import", "--ct", store, PCAPS / "office" / "certs"),
        ("replay", PCAPS / "office" / "morning.pcapng", "--ct", store, "-o", folder),
        ("ct", "lookup", "--ct", store, "00"),
        ("config",),
    ):
        done = ocspwatch(*words, env=env)
        assert done.returncode == (1 if "lookup" in words else 0), done.stderr
        assert b"FORBIDDEN" not in done.stderr
    return logs_of(folder)


@pytest.fixture
def forbidden(tmp_path: Path) -> dict[str, str]:
    """An environment whose Python ends with an error at the first use of a socket."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(FORBID)
    return {"PYTHONPATH": f"{folder}:{REPOSITORY}"}


def test_the_ban_works(forbidden: dict[str, str], environment: dict[str, str]) -> None:
    asking = [sys.executable, "-c", "import socket; socket.getaddrinfo('127.0.0.1', 80)"]
    done = subprocess.run(asking, check=False, capture_output=True, env={**environment, **forbidden})
    assert done.returncode != 0
    assert b"FORBIDDEN socket.getaddrinfo" in done.stderr


def test_no_socket_is_used(ocspwatch: Run, forbidden: dict[str, str], tmp_path: Path) -> None:
    banned, free = tmp_path / "banned", tmp_path / "free"
    banned.mkdir()
    free.mkdir()
    logs = _replay(ocspwatch, banned, forbidden)
    assert b"clinic-northside.example" in logs["leak.log"]
    assert logs == _replay(ocspwatch, free, {})


@pytest.mark.needs("namespaces")
def test_all_works_where_there_is_no_network(command: list[str], environment: dict[str, str], tmp_path: Path) -> None:
    capture = str(PCAPS / "office" / "morning.pcapng")
    done = subprocess.run(
        ["unshare", "--net", *command, "replay", capture, "-o", str(tmp_path / "logs")],
        check=False,
        capture_output=True,
        timeout=SECONDS,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert logs_of(tmp_path / "logs")["leak.log"].count(b'"channel":"ocsp"') == 39
