"""sensor.service.notify: a service manager of our own listens, by path and by abstract name, or has gone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sensor.service.notify import ServiceManager


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_what_is_said(tmp_path: Path, kind: str) -> None:
    address = str(tmp_path / "notify") if kind == "path" else f"@ocspwatch-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1))
        listener.settimeout(10)
        manager = ServiceManager({"NOTIFY_SOCKET": address})
        manager.ready("2 interfaces\nREADY=0" + "x" * 500)
        manager.alive()
        manager.status("busy")
        manager.stopping()
        first, *rest = [listener.recv(4096).decode() for _ in range(4)]
        assert first.startswith(f"READY=1\nMAINPID={os.getpid()}\nSTATUS=2 interfaces READY=0xxx")
        assert first.count("\n") == 2 and len(first) < 300
        assert rest == ["WATCHDOG=1", "STATUS=busy", "STOPPING=1"]
        manager.close()
        manager.close()
        manager.alive()


def test_nobody_listens(tmp_path: Path) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "nothing")}, {"NOTIFY_SOCKET": "vsock:1:2"}):
        manager = ServiceManager(environment)
        manager.ready("")
        manager.alive()
        manager.close()


def test_one_that_does_not_read_or_goes_away_is_not_waited_for(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(address)
    manager = ServiceManager({"NOTIFY_SOCKET": address})
    for _ in range(5000):
        manager.alive()
    listener.close()
    manager.alive()
    manager.close()


@pytest.mark.parametrize(
    ("environment", "every"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_how_often_the_watchdog_wants_to_hear(environment: dict[str, str], every: float | None) -> None:
    assert ServiceManager(environment).watchdog_s == every
