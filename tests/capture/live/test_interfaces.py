"""Interfaces by name, and what they count."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from sensor.capture.live import interfaces
from sensor.capture.live.interfaces import Interface, InterfaceLosses, index_of, list_interfaces
from sensor.capture.source import CaptureError
from tests.conftest import Cable


def test_an_interface_has_a_number() -> None:
    assert index_of("lo") == socket.if_nametoindex("lo")


def test_all_of_them_have_none() -> None:
    assert index_of("any") == 0


@pytest.mark.needs("root", "namespaces", "ip")
def test_what_each_is(wire: Cable) -> None:
    """A cable whose other end is down has no carrier; a tun device has no link header."""
    for words in (
        "link add down0 type veth peer lame0",
        "link set lame0 up mtu 9000 address 02:00:00:00:00:77",
        "tuntap add tun7 mode tun",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    before = {one.name: one.packets for one in list_interfaces()}
    wire.send(b"\2" * 60)
    found = {one.name: one for one in list_interfaces()}
    assert next(iter(found)) == "lo"
    assert set(found) == {"lo", "w0", "w1", "down0", "lame0", "tun7"}
    assert found["lo"] == Interface("lo", "up", "loopback", 65536, None, 0)
    assert found["lame0"] == Interface("lame0", "no carrier", "Ethernet", 9000, "02:00:00:00:00:77", 0)
    assert (found["down0"].state, found["w1"].state) == ("down", "up")
    assert found["w1"].packets == before["w1"] + 1
    assert (found["tun7"].kind, found["tun7"].mac) == ("IP", None)


def test_an_interface_that_goes_away_meanwhile_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (99, "gone0")])
    assert [one.name for one in list_interfaces()] == ["lo"]


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
    assert losses.since_start() == 8
    (folder / "rx_missed_errors").write_text("3\n")
    assert losses.since_start() == 11
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
