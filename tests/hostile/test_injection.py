"""Row D11: a fault at one packet costs what that packet is about, is counted, and everything else is as without it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.cli.main import main
from tests.hostile.rows import REPOSITORY, Guard, Row

INJECT = "sensor/inject.py"
ROWS = {
    "D11": Row(
        "faults by order at packet N: no memory, a parser that raises, a full queue, a locked store, a clock",
        ("inject.faults",),
        ("internal_errors", "gap_bytes", "lookups_unavailable", "clock_jump"),
        guards=(
            Guard(INJECT, "raise InjectedError", "pass"),
            Guard(INJECT, "reassembler.max_total = reassembler.max_total, -1", "_ = reassembler.max_total, -1"),
            Guard(INJECT, 'self._injection.lines_dropped += lines.count(b"\\n")', "self._inner.write(stream, lines)"),
            Guard(INJECT, "batch.ts[batch.first] += _DAY_NS", "pass"),
            Guard(INJECT, "[Unavailable(_LOCKED) for _ in ids] if self._is_locked else", "[] if not ids else"),
        ),
        note="`--inject WHAT@N`, or `inject.faults`: for tests, of `replay` by one process. Where the clock ran back, "
        "conn.log has a new line, as Zeek's; what the connection carries is read as if it had not",
    ),
}
OFFICE = REPOSITORY / "pcaps" / "office" / "morning.pcapng"
Logs = dict[str, list[dict[str, object]]]


@pytest.fixture(autouse=True)
def _no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def replay(out: Path, *more: str, capture: Path = OFFICE) -> Logs:
    words = ["--set", "health.in_replay=true", "replay", str(capture), "-q", "-o", str(out), *more]
    assert main(words) in {0, 3}
    return {path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in out.glob("*.log")}


def of_others(logs: Logs, uid: object) -> Logs:
    """What is said of other connections than this one."""
    own = {"stats", "capture_loss", "ocspwatch_stats"}
    mine = {row["fuid"] for row in logs["files"] if row["uid"] == uid}
    return {
        log: [row for row in rows if row.get("uid") != uid and row.get("id") not in mine]
        for log, rows in logs.items()
        if log not in own
    }


def total(logs: Logs, field: str) -> int:
    return sum(int(str(row[field])) for row in logs["ocspwatch_stats"])


def strike(out: Path, clear: Logs, what: str, packet: int, is_hurt: Callable[[Logs], bool]) -> tuple[Logs, int]:
    """The logs with this fault at the first packet, from this one on, at which it has something to meet."""
    for each in range(packet, packet + 20):
        hurt = replay(out / str(each), "--inject", f"{what}@{each}")
        if is_hurt(hurt):
            return hurt, each
        assert of_others(hurt, None) == of_others(clear, None), f"{what}@{each} met nothing, and changed something"
    raise AssertionError(f"{what}: nothing to meet from packet {packet} on")


def first_leak(logs: Logs, frames: dict[float, int], grade: str = "") -> tuple[object, int]:
    """The uid of the first connection that disclosed something by OCSP, which no other did (else the other's line would
    count one less, and be the one that is noticed), and the packet of that request."""
    serials = [row.get("serial_number") for row in logs["ocsp_exchange"]]
    told = [row for row in logs["leak"] if row["channel"] == "ocsp" and grade in {"", row["grade"]}]
    told = [row for row in told if serials.count(row["serial_number"]) == 1]
    leak = min(told, key=lambda row: float(str(row["ts"])))
    return leak["uid"], frames[round(float(str(leak["ts"])), 6)]


@pytest.fixture(scope="module")
def frames() -> dict[float, int]:
    """Packets of the capture by their time, counted from 1."""
    from sensor.capture.inputs import open_inputs
    from sensor.settings import Settings

    found: dict[float, int] = {}
    source = open_inputs([str(OFFICE)], Settings().capture)
    for batch in source.batches():
        for place in range(batch.first, batch.stop):
            found.setdefault(round(batch.ts[place] / 1e9, 6), batch.number + place - batch.first + 1)
    source.close()
    return found


def test_d11_a_parser_that_raises_costs_its_flow(
    tmp_path: Path, frames: dict[float, int], capsys: pytest.CaptureFixture[str]
) -> None:
    clear = replay(tmp_path / "a")
    uid, packet = first_leak(clear, frames)
    assert total(clear, "internal_errors") == 0
    hurt, _ = strike(tmp_path, clear, "parser_error", packet, lambda logs: total(logs, "internal_errors") == 1)
    assert of_others(hurt, uid) == of_others(clear, uid)
    assert not [row for row in hurt["ocsp_exchange"] if row["uid"] == uid]
    assert [row["uid"] for row in hurt["conn"]].count(uid) == 1
    assert "InjectedError" in capsys.readouterr().err


def test_d11_a_locked_store_costs_the_answer(tmp_path: Path, frames: dict[float, int]) -> None:
    assert main(["ct", "import", str(OFFICE.parent / "certs")]) == 0
    clear = replay(tmp_path / "a")
    uid, packet = first_leak(clear, frames, "exact")
    assert total(clear, "lookups_unavailable") == 0
    hurt, _ = strike(tmp_path, clear, "store_locked", packet, lambda logs: total(logs, "lookups_unavailable") > 0)
    assert total(hurt, "lookups_unavailable") == 1
    assert of_others(hurt, uid) == of_others(clear, uid)
    assert [row["grade"] for row in hurt["leak"] if row["uid"] == uid] == ["unlisted"]


def test_d11_a_full_queue_costs_the_lines_of_that_packet(
    tmp_path: Path, frames: dict[float, int], capsys: pytest.CaptureFixture[str]
) -> None:
    clear = replay(tmp_path / "a")
    uid, packet = first_leak(clear, frames)
    size = len(clear["ocsp_exchange"])
    hurt, at = strike(tmp_path, clear, "queue_full", packet, lambda logs: len(logs["ocsp_exchange"]) < size)
    lost = {log: [row for row in rows if row not in hurt.get(log, [])] for log, rows in clear.items()}
    assert {log for log, rows in lost.items() if rows} >= {"http", "ocsp_exchange", "leak"}
    assert {row.get("uid", uid) for rows in lost.values() for row in rows} == {uid}
    count = sum(map(len, clear.values())) - sum(map(len, hurt.values()))
    assert f"injected: queue_full@{at}; {count} log lines dropped" in capsys.readouterr().err


def test_d11_a_clock_that_leaps_is_told_and_costs_no_line(tmp_path: Path, frames: dict[float, int]) -> None:
    clear = replay(tmp_path / "a")
    _, packet = first_leak(clear, frames)
    hurt = replay(tmp_path / "b", "--inject", f"clock_jump@{packet}")
    assert [row["name"] for row in hurt["weird"]].count("clock_jump") == 1
    assert "clock_jump" not in {row["name"] for row in clear.get("weird", [])}
    said = ("id.orig_h", "id.orig_p", "method", "host", "uri", "serial_number", "cert_status", "grade", "status_code")
    for log in ("http", "ocsp_exchange", "leak"):
        carried = [[tuple(row.get(name) for name in said) for row in logs[log]] for logs in (clear, hurt)]
        assert carried[0] == carried[1], log
    assert len(hurt["conn"]) >= len(clear["conn"])


def test_d11_no_memory_for_what_is_out_of_order(tmp_path: Path) -> None:
    """What is missing then is not waited for."""
    capture = REPOSITORY / "pcaps" / "tcp" / "out-of-order.pcap"
    clear = replay(tmp_path / "a", capture=capture)
    hit = []
    for packet in range(1, 40):
        hurt = replay(tmp_path / str(packet), "--inject", f"memory_cap@{packet}", capture=capture)
        if total(hurt, "gap_bytes") > total(clear, "gap_bytes"):
            hit.append(packet)
            assert len(hurt["conn"]) == len(clear["conn"])
    assert hit


@pytest.mark.parametrize("fault", ["memory_cap@0", "parser_error", "nonsense@5", "parser_error@x", "queue_full@-1"])
def test_d11_what_is_no_fault_is_a_mistake(fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(OFFICE), "-q", "--inject", fault]) == 2
    assert "inject.faults" in capsys.readouterr().err


def test_d11_packets_that_never_come_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replay(tmp_path / "a", "--inject", "parser_error@999999999")
    assert "not reached: parser_error@999999999" in capsys.readouterr().err


def test_d11_nothing_is_wrapped_without_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sensor.inject", raising=False)
    replay(tmp_path / "a")
    assert "sensor.inject" not in sys.modules
