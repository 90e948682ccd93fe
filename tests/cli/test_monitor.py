"""sensor.cli.monitor: a running sensor says what went through it and what was lost; the kernel's and the sender's
counts agree with it, packet for packet."""

from __future__ import annotations

import http.client
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.store import Store
from sensor.settings import CtSettings
from tests.cli.running import GOOD, NEEDS, REPOSITORY, Live, frames, rows
from tests.conftest import Cable

OFFICE = REPOSITORY / "pcaps" / "office"
HOLE = REPOSITORY / "pcaps" / "tcp" / "gap-in-reply.pcap"


def config(folder: Path, text: str) -> Path:
    path = folder / "ocspwatch.yaml"
    path.write_text(text)
    return path


def total(folder: Path, log: str, field: str) -> int:
    return sum(int(str(row.get(field, 0))) for row in rows(folder / "logs" / f"{log}.log"))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.02)


def pcapng_frames(capture: Path, folder: Path) -> list[bytes]:
    """By tcpdump, which makes a microsecond pcap of it."""
    made = folder / "frames.pcap"
    subprocess.run(["tcpdump", "-r", str(capture), "-w", str(made)], capture_output=True, check=True)
    return frames(made)


@NEEDS
def test_sent_is_processed_in_every_interval_and_together(wire: Cable, tmp_path: Path) -> None:
    """Three seconds, three lines and one at the end; of all frames sent none is in no line."""
    named = config(tmp_path, "health: {interval_s: 1}\n")
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), config=named)
    stats = tmp_path / "logs" / "stats.log"
    sent = 0
    for lines in (1, 2, 3):
        wire.send(*frames(GOOD))
        sent += len(frames(GOOD))
        wait_for(lambda lines=lines: stats.exists() and len(rows(stats)) >= lines, "a line each second")  # type: ignore[misc]
    code, _, err = live.stop()
    assert code == 0
    assert all("packets/s" in line for line in err.splitlines()), err
    assert len(rows(stats)) >= 4
    assert total(tmp_path, "stats", "pkts_proc") == sent
    assert total(tmp_path, "stats", "pkts_link") == sent
    assert total(tmp_path, "stats", "pkts_dropped") == 0
    assert total(tmp_path, "ocspwatch_stats", "leaks") == len(rows(tmp_path / "logs" / "leak.log")) == 3
    assert total(tmp_path, "capture_loss", "gaps") == 0
    assert total(tmp_path, "capture_loss", "acks") > 0
    for row in rows(stats):
        assert 10 < float(str(row["mem"])) < 2000
        assert 0 <= float(str(row["pkt_lag"])) < 5
        assert abs(float(str(row["ts"])) - time.time()) < 60


@NEEDS
def test_what_a_stopped_sensor_loses_is_told(wire: Cable, tmp_path: Path) -> None:
    """SIGSTOP: the ring runs full. Sent = processed + dropped; notice, weird, summary and exit code say so."""
    named = config(tmp_path, "health: {interval_s: 1}\n")
    small = ("--set", "capture.ring_bytes=4194304")
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), config=named, before=small)
    frame = frames(GOOD)[0] + bytes(1400)
    live.process.send_signal(signal.SIGSTOP)
    wire.send(*[frame] * 6000)  # 9 MB into a ring of 4 MiB
    live.process.send_signal(signal.SIGCONT)
    wait_for(
        lambda: (tmp_path / "logs" / "stats.log").exists() and total(tmp_path, "stats", "pkts_dropped") > 0, "drops"
    )
    code, out, _ = live.stop()
    dropped, processed = total(tmp_path, "stats", "pkts_dropped"), total(tmp_path, "stats", "pkts_proc")
    assert dropped > 1000
    assert processed + dropped == total(tmp_path, "stats", "pkts_link") == 6000
    assert code == 3
    assert f"{dropped} packets dropped, the sensor being too slow" in " ".join(out.split())
    notes = {str(row["note"]): row for row in rows(tmp_path / "logs" / "notice.log")}
    assert f"the kernel dropped {dropped} of" in str(notes["PacketFilter::Dropped_Packets"]["msg"])
    assert notes["Sensor::Emergency_Mode"]
    weird = [row for row in rows(tmp_path / "logs" / "weird.log") if row["name"] == "emergency_mode"]
    assert weird[0]["addl"] == "entered: packets are lost"


@NEEDS
def test_loss_elsewhere_is_seen_in_the_acknowledgments(wire: Cable, tmp_path: Path) -> None:
    """A switch that drops: the kernel knows nothing of it. As many gaps as replay finds in the same frames."""
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"))
    wire.send(*frames(HOLE))
    assert live.stop()[0] == 0
    (row,) = rows(tmp_path / "logs" / "capture_loss.log")
    assert int(str(row["gaps"])) > 0
    assert row["percent_lost"] == 100 * int(str(row["gaps"])) / int(str(row["acks"]))
    assert total(tmp_path, "stats", "pkts_dropped") == 0


@NEEDS
def test_the_page_for_prometheus_agrees_with_the_logs(wire: Cable, tmp_path: Path) -> None:
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), "--metrics", "127.0.0.1:9475")
    wire.send(*frames(GOOD))
    sent = len(frames(GOOD))
    wait_for(lambda: metrics().get("ocspwatch_packets_total") == sent, "the page is kept fresh")
    page = metrics()
    assert live.stop()[0] == 0
    logs = tmp_path / "logs"
    assert page["ocspwatch_kernel_packets_total"] == sent
    assert page["ocspwatch_kernel_drops_total"] == 0
    assert page['ocspwatch_leaks_total{grade="unlisted"}'] == len(rows(logs / "leak.log")) == 1
    assert page["ocspwatch_http_transactions_total"] == len(rows(logs / "http.log"))
    assert page['ocspwatch_lookups_total{answer="not_found"}'] == 1
    assert page['ocspwatch_stage_seconds_total{stage="packets"}'] > 0
    assert page["process_resident_memory_bytes"] > 1e7


def metrics() -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", 9475, timeout=5)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def by_ocsp(logs: Path) -> list[dict[str, object]]:
    """Leaks; what a CRL gives away is not asked about again."""
    path = logs / "leak.log"
    return [row for row in rows(path) if row["channel"] == "ocsp"] if path.exists() else []


@pytest.mark.parametrize("address", ["0.0.0.0:9475", "nonsense"])
def test_a_page_for_everybody_is_refused(tmp_path: Path, address: str) -> None:
    live = Live(tmp_path, "-i", "lo", "--metrics", address)
    assert live.process.wait(10) == 2
    assert live.said.startswith(f"ocspwatch: {address}: ")


@NEEDS
@pytest.mark.needs("tcpdump")
def test_a_locked_cache_delays_names_and_not_packets(wire: Cable, tmp_path: Path) -> None:
    """Another process has the SQLite file to itself for a while; then the leaks come, with their sites and times."""
    path = tmp_path / "ct.sqlite"
    store = Store(path, 250)
    import_paths(store, [str(OFFICE / "certs")], CtSettings(), 1, ImportReport())
    store.close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    live = Live(tmp_path, "-i", "w1", "-o", str(tmp_path / "logs"), "--ct", str(path))
    sent = pcapng_frames(OFFICE / "morning.pcapng", tmp_path)
    began = time.time()
    wire.send(*sent)
    logs = tmp_path / "logs"
    wait_for(lambda: (logs / "ocsp_exchange.log").exists() and len(rows(logs / "ocsp_exchange.log")) > 20, "exchanges")
    ended = time.time()
    assert not by_ocsp(logs), "nothing is said of whom they are before the cache can be asked"
    holder.close()
    wait_for(lambda: len(by_ocsp(logs)) > 20, "late leaks")
    assert live.stop()[0] == 0
    leaks = by_ocsp(logs)
    assert {"exact", "unlisted"} <= {str(leak["grade"]) for leak in leaks}
    assert all(began - 1 <= float(str(leak["ts"])) <= ended for leak in leaks), (
        "their own times, not those of the answers"
    )
    (own,) = rows(logs / "ocspwatch_stats.log")
    assert int(str(own["lookups_late"])) >= 5
    assert int(str(own["leaks_waiting"])) == 0
    assert total(tmp_path, "stats", "pkts_dropped") == 0
    assert total(tmp_path, "stats", "pkts_proc") == total(tmp_path, "stats", "pkts_link") > 1500  # the filter's choice
    assert json.dumps(leaks).count("debt-advice.example")
