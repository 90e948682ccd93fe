"""`ocspwatch live` as it is started and stopped: what it writes, says, and returns."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.cli.running import GOOD, NEEDS, Live, frames, rows
from tests.conftest import Cable


@NEEDS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_from_the_wire_to_the_logs(wire: Cable, tmp_path: Path, number: int) -> None:
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"))
    assert live.said == "ocspwatch: listening to w1 (ring)\n"
    wire.send(*frames(GOOD))
    code, out, err = live.stop(number)
    assert (code, err) == (0, "")
    assert "Who disclosed what" in out
    (leak,) = rows(tmp_path / "logs" / "leak.log")
    (conn,) = rows(tmp_path / "logs" / "conn.log")
    assert leak["uid"] == conn["uid"]
    assert abs(float(str(conn["ts"])) - time.time()) < 60


@NEEDS
def test_events_on_standard_output_come_while_it_runs(wire: Cable, tmp_path: Path) -> None:
    """Within a tick of the connection's end, though no later packet comes."""
    live = Live(tmp_path, "-i", "w1", "--json")
    wire.send(*frames(GOOD))
    assert live.process.stdout is not None
    paths = set()
    while "leak" not in paths:
        paths.add(json.loads(live.process.stdout.readline())["_path"])
    assert live.stop()[0] == 0


@NEEDS
def test_connections_time_out_while_nothing_comes(wire: Cable, tmp_path: Path) -> None:
    """Packet time goes on with the clock: a closed connection is logged when its time is over, not at the end."""
    settings = tmp_path / "settings.yaml"
    settings.write_text("flow:\n  close_linger_s: 0.1\n")
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), config=settings)
    wire.send(*frames(GOOD))
    deadline = time.monotonic() + 20
    while not (tmp_path / "logs" / "conn.log").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert live.stop()[0] == 0
    assert len(rows(tmp_path / "logs" / "conn.log")) == 1


def test_an_interface_that_does_not_exist(tmp_path: Path) -> None:
    live = Live(tmp_path, "-i", "nosuch0", "-q")
    assert live.process.wait(5) == 2
    assert live.said == "ocspwatch: nosuch0: no such interface (ocspwatch interfaces lists them)\n"


def test_an_interface_has_to_be_named(tmp_path: Path) -> None:
    live = Live(tmp_path)
    assert live.process.wait(5) == 2
    assert live.rights[0].startswith("usage: ocspwatch live")
