"""What goes wrong with the interfaces of a running `live`: down and up again, gone, made anew."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.bench.soak import rewritten
from tests.cli.running import NEEDS, Live, rows
from tests.cli.test_faults import CLIENT, QUICK, TRANSACTION, lines, until
from tests.conftest import Cable

pytestmark = NEEDS


def _link(*words: str) -> None:
    subprocess.run(["ip", "link", *words], check=True)


def test_an_interface_that_goes_down_and_up_is_ridden_out(wire: Cable, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    live = Live(tmp_path, "-i", "w1", "-o", str(logs), before=QUICK)
    for turn in range(2):
        for number in (turn * 2, turn * 2 + 1):
            for frame in TRANSACTION:
                wire.socket.send(rewritten(frame, CLIENT, 256, 1024 + number))
        until(lambda turn=turn: lines(logs / "conn.log") == 2 + turn * 2)
        _link("set", "w1", "down")
        time.sleep(0.2)
        _link("set", "w1", "up")
        until(lambda: _is_running(wire))
    code, _, _ = live.stop()
    assert code == 0


@pytest.mark.parametrize("others", [(), ("-i", "w8")], ids=["alone", "beside-another"])
def test_an_interface_that_is_made_anew_is_listened_to_again(
    wire: Cable, tmp_path: Path, others: tuple[str, ...]
) -> None:
    """More than once, by one that has no capability left."""
    log = tmp_path / "logs" / "conn.log"
    _link("add", "w8", "type", "veth", "peer", "w9")
    live = Live(tmp_path, "-i", "w1", *others, "-o", str(log.parent), before=QUICK)
    number = 0

    def is_heard() -> bool:
        nonlocal number
        for frame in TRANSACTION:
            wire.socket.send(rewritten(frame, CLIENT, 256, 1024 + number))
        number += 1
        time.sleep(0.3)
        return log.exists() and any(int(str(row["id.orig_p"])) >= 1024 + first for row in rows(log))

    for _ in range(3):
        first = number
        until(is_heard)
        _link("del", "w1")
        time.sleep(1.2)
        wire = Cable("w0", "w1")
    first = number
    until(is_heard)
    code, _, err = live.stop()
    assert code == 0 and "Traceback" not in err
    assert err.count("w1 is gone") == err.count("w1 is there again, but another interface") == 3
    assert err.count("listening to w1") == 3


def test_one_of_several_workers_interface_made_anew_ends_the_run(wire: Cable, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    live = Live(tmp_path, "-i", "w1", "--workers", "2", "-o", str(logs), before=QUICK)
    for frame in TRANSACTION:
        wire.socket.send(frame)
    until(lambda: lines(logs / "conn.log") == 1)
    _link("del", "w1")
    time.sleep(1.2)
    assert live.process.poll() is None  # it waits: another leg of the tap may be there still
    again = Cable("w0", "w1")
    assert live.process.wait(10) == 1
    err = live.process.stderr.read()
    assert "w1 is gone" in err and "w1 is there again, but another interface" in err
    second = Live(tmp_path, "-i", "w1", "-o", str(logs), before=QUICK)
    for frame in TRANSACTION:
        again.socket.send(rewritten(frame, CLIENT, 300, 4000))
    until(lambda: lines(logs / "conn.log") == 2)
    assert second.stop()[0] == 0
    again.close()


def _is_running(wire: Cable) -> bool:
    """Whether the far end takes packets again."""
    before = _arrived("w1")
    try:
        wire.socket.send(b"\xff" * 12 + b"\x88\xb5" + bytes(46))  # an experimental EtherType (IEEE 802)
    except OSError:
        return False
    time.sleep(0.02)
    return _arrived("w1") > before


def _arrived(interface: str) -> int:
    """Packets that it received; /sys shows another namespace than this thread is in."""
    lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
    (line,) = [line for line in lines if line.lstrip().startswith(f"{interface}:")]
    return int(line.partition(":")[2].split()[1])
