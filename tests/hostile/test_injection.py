"""Row D11: a fault at one packet costs what that packet is about, is counted, and everything else is as without it."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.cli.main import main
from sensor.inject import QUEUE_FULL, Injection
from sensor.logs.records import STREAMS
from sensor.settings import FlowSettings, InjectSettings
from tests.flow.frames import START, Frame
from tests.flow.talk import HANDSHAKE, MS, Ends, frames_of, parse
from tests.hostile.rows import REPOSITORY, Guard, Row
from tests.hostile.test_tcp import lit
from tests.hostile.witness import answering, asking, conversation

INJECT = "sensor/inject.py"
ROWS = {
    "D11": Row(
        "faults by order at packet N: no memory, a parser that raises, a full queue, a locked store, a clock",
        ("inject.faults",),
        ("internal_errors", "gap_bytes", "lookups_unavailable", "clock_jump"),
        guards=(
            Guard(INJECT, "raise InjectedError", "pass"),
            Guard(INJECT, "reassembler.max_total = reassembler.max_total, -1", "_ = reassembler.max_total, -1"),
            Guard(INJECT, "if self._injection.is_of_another(stream, line)]", "]"),
            Guard(INJECT, "batch.ts[batch.first] += _DAY_NS", "pass"),
            Guard(INJECT, "tracker.advance(ts)", "pass"),
            Guard(INJECT, "tracker.evict(ts)", "pass"),
            Guard("sensor/flow/delivery.py", "if since < self.leapt_to <= ts:", "if False:"),
            Guard("sensor/flow/late.py", "        flow.late, old.late = self, None\n", ""),
            Guard("sensor/flow/late.py", "                piece.first += by\n", "                pass\n"),
            Guard("sensor/flow/tcp.py", "rel < 0 and not (end.inherited and rel > end.next_rel - _NEAR)", "rel < 0"),
            Guard(INJECT, "[Unavailable(_LOCKED) for _ in ids] if self._is_locked else", "[] if not ids else"),
        ),
        note="`--inject WHAT@N`, or `inject.faults`: for tests, of `replay` by one process. Where the clock ran back, "
        "conn.log has a new line, as Zeek's, and what begins behind it is named by that line (`uid`, and the `fuid` "
        "made of it, in http, files, ocsp_exchange, leak and notice); what the connection carries is read as if it "
        "had not, in order or not",
    ),
}
OFFICE = REPOSITORY / "pcaps" / "office" / "morning.pcapng"
Logs = dict[str, list[dict[str, object]]]


@pytest.fixture(autouse=True)
def _no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def replay(out: Path, *more: str, capture: Path = OFFICE, sets: tuple[str, ...] = ()) -> Logs:
    words = ["--set", "health.in_replay=true", *sets, "replay", str(capture), "-q", "-o", str(out), *more]
    assert main(words) in {0, 3}
    return {path.stem: [json.loads(line) for line in path.read_text().splitlines()] for path in out.glob("*.log")}


def of_others(logs: Logs, uid: object) -> Logs:
    """What is said of other connections than this one."""
    own = {"stats", "capture_loss", "ocspwatch_stats", "weird_stats"}
    mine = {row["fuid"] for row in logs["files"] if row["uid"] == uid}
    left = {
        log: [row for row in rows if row.get("uid") != uid and row.get("id") not in mine]
        for log, rows in logs.items()
        if log not in own
    }
    return {log: rows for log, rows in left.items() if rows}


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


def test_d11_a_full_queue_costs_no_line_of_the_sensor_itself() -> None:
    injection = Injection(InjectSettings((f"{QUEUE_FULL}@1",)), FlowSettings())
    spared = {stream for stream in STREAMS if injection.is_of_another(stream, b'{"ts":1.0}\n')}
    assert spared == {"stats", "capture_loss", "ocspwatch_stats", "ocspwatch_limits", "weird_stats"}


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


def test_d11_a_clock_that_leaps_costs_no_exchange_that_is_out_of_order(tmp_path: Path) -> None:
    """Acknowledgments before what they acknowledge, and segments that changed places; of three connections at once."""
    flows = []
    for number in (1, 2, 3):
        ends = Ends(f"10.20.0.{number}", f"198.51.100.{number}", 50000 + number)
        whole = conversation(("c", asking(number)), ("s", answering(number)), ends=ends, segment=60)
        pairs = zip(whole[3:-3:2], whole[4:-3:2], strict=False)
        flows.append([*whole[:3], *(frame for pair in pairs for frame in reversed(pair)), *whole[-3:]])
    mixed = [frame for three in zip(*flows, strict=True) for frame in three]
    capture = tmp_path / "mixed.pcap"
    write_pcap(capture, [frame._replace(ts=START + number * MS) for number, frame in enumerate(mixed)])
    for packet in range(10, len(mixed) - 8):
        hurt = replay(tmp_path / str(packet), "--inject", f"clock_jump@{packet}", capture=capture)
        told = [(row["serial_number"], row["evidence"], row["cert_status"]) for row in hurt["ocsp_exchange"]]
        assert sorted(told, key=str) == [(f"{number:02X}", "both", "good") for number in (1, 2, 3)], packet
        assert not [row for row in hurt["ocsp_exchange"] if "ambiguous" in row], packet


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


def write_pcap(path: Path, frames: list[Frame]) -> None:
    records = [struct.pack("<4I", *divmod(each.ts, 10**9), *[len(each.data)] * 2) + each.data for each in frames]
    path.write_bytes(struct.pack("<IHHIIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1) + b"".join(records))


A = Ends()
B = Ends("10.20.0.77", "198.51.100.77", 50001)
ASKED, ANSWERED = lit(asking(0x0BADCAFE)), lit(answering(0x0BADCAFE))
A_TALKS = f"{HANDSHAKE}c> A {ASKED}\ns> A {ANSWERED}\nc> FA\ns> FA\nc> A\n"
OTHERS = {
    # B's request lies above a hole, and B's time is over when A's first packet comes.
    "times out": (f"{HANDSHAKE}c> A =300 lost\nc> A {ASKED}\n", 400_000),
    # B's octets were acknowledged before they are seen, and what is missing is waited for when A's packet comes.
    "waits": (f"{HANDSHAKE}c> A {ASKED}\ns> A ^2000 forged\ns> A {ANSWERED}\n", 400),
    "waits long": (f"{HANDSHAKE}s> A ^{len(asking(0x0BADCAFE)) + 1} forged\nc> A +0.9s @1 {ASKED}\n", 500),
}


@pytest.mark.parametrize("others", OTHERS)
@pytest.mark.parametrize("what", ["memory_cap", "parser_error", "queue_full", "store_locked"])
@pytest.mark.parametrize("limit", [(), ("--set", "flow.max_flows=1")])
def test_d11_another_flow_that_is_due_at_that_packet_is_not_touched(
    what: str, others: str, limit: tuple[str, ...], tmp_path: Path
) -> None:
    """Its time is over, it waits, or it has to make room: all of that is as without the fault, at each packet of A."""
    script, later_ms = OTHERS[others]
    mine = frames_of(parse(script, B), B)
    his = frames_of(parse(A_TALKS, start=START + later_ms * MS), A)
    frames = sorted(mine + his, key=lambda frame: frame.ts)
    capture = tmp_path / "both.pcap"
    write_pcap(capture, frames)
    clear = replay(tmp_path / "clear", capture=capture, sets=limit)
    (uid,) = {row["uid"] for row in clear["conn"] if row["id.orig_h"] == A.client}
    assert [row for row in clear["conn"] if row["id.orig_h"] == B.client]
    hurt = 0
    for number in [frames.index(frame) + 1 for frame in his]:
        logs = replay(tmp_path / str(number), "--inject", f"{what}@{number}", capture=capture, sets=limit)
        assert of_others(logs, uid) == of_others(clear, uid), f"{what}@{number}"
        hurt += logs != clear
    assert hurt or what == "memory_cap"


def test_d11_a_bug_is_told_by_summary_and_weird(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capture = tmp_path / "a.pcap"
    write_pcap(capture, frames_of(parse(A_TALKS), A))
    assert main(["replay", str(capture), "-o", str(tmp_path / "logs"), "--inject", "parser_error@4"]) == 3
    assert "Everything was readable" not in (said := capsys.readouterr().out)
    assert "internal_error" in said
    (weird,) = map(json.loads, (tmp_path / "logs" / "weird.log").read_text().splitlines())
    assert (weird["name"], weird["addl"], weird["id.orig_h"]) == ("internal_error", "InjectedError", A.client)
