"""Interfaces by name, and what they count."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sensor.capture.live import interfaces
from sensor.capture.live.interfaces import InterfaceLosses, index_of
from sensor.capture.source import CaptureError


def test_an_interface_has_a_number() -> None:
    assert index_of("lo") == socket.if_nametoindex("lo")


@pytest.mark.parametrize("name", ["nosuch0", "", "a name that is far too long", "../lo"])
def test_an_interface_that_does_not_exist_is_the_callers_mistake(name: str) -> None:
    with pytest.raises(CaptureError, match="no such interface"):
        index_of(name)


def test_losses_are_those_since_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In files that stand in for sysfs: no interface loses packets at will."""
    folder = tmp_path / "eth7" / "statistics"
    folder.mkdir(parents=True)
    (folder / "rx_missed_errors").write_text("1000\n")
    (folder / "rx_fifo_errors").write_text("5\n")
    monkeypatch.setattr(interfaces, "_SYS", str(tmp_path))
    losses = InterfaceLosses(["eth7", "absent0"])
    assert losses.since_start() == 0
    (folder / "rx_missed_errors").write_text("1007\n")
    (folder / "rx_fifo_errors").write_text("6\n")
    assert losses.since_start() == 8
    (folder / "rx_missed_errors").write_text("0\n")  # the driver was loaded anew
    assert losses.since_start() == 0
    losses.close()
    losses.close()


def test_the_real_files_are_read_and_closed() -> None:
    def opened() -> list[str]:
        return [str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]

    losses = InterfaceLosses(["lo"])
    assert [name for name in opened() if name.endswith(("/lo/statistics/rx_missed_errors", "/rx_fifo_errors"))]
    assert losses.since_start() >= 0
    losses.close()
    assert not [name for name in opened() if "/statistics/" in name]
