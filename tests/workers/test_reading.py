"""sensor.workers.reading, and all of it together: logs, summary and exit code are those of one worker, to the byte."""

from __future__ import annotations

import gzip
import os
import random
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.logs.sinks.memory import MemorySink
from sensor.settings import CaptureSettings
from sensor.workers import shard
from sensor.workers.reading import SkippingSink
from tests import conservation
from tests.workers.conftest import PCAPS, Result

ENDINGS = (".pcap", ".pcapng", ".gz", ".zst", ".xz", ".erf")
CAPTURES = sorted(p for p in PCAPS.rglob("*") if p.is_file() and p.name.endswith(ENDINGS))
FOLDERS = sorted({p.parent for p in CAPTURES})
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "zeek"
Replay = Callable[..., Result]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_each_folder_as_one_time_line(folder: Path, replay: Replay) -> None:
    alone = replay([folder], 1)
    assert alone[1]["conn.log"]
    for workers in (2, 3, 5):
        assert replay([folder], workers) == alone
    assert replay([folder], 3, "--json", "--stream") == replay([folder], 1, "--json", "--stream")


@pytest.mark.parametrize("folder", ["tcp", "ocsp", "crl"])
def test_chunks_may_end_behind_any_moment(folder: str, replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = replay([PCAPS / folder], 1)
    monkeypatch.setattr(shard, "_CHUNK_BYTES", 1)
    assert replay([PCAPS / folder], 3) == alone


@pytest.mark.parametrize("path", CAPTURES[::6], ids=lambda path: str(path.relative_to(PCAPS)))
def test_captures_alone(path: Path, replay: Replay) -> None:
    assert replay([path], 2, "-q") == replay([path], 1, "-q")


@pytest.mark.needs("shared/corpus/zeek")
def test_what_others_have_recorded(replay: Replay) -> None:
    found = sorted(p for p in CORPUS.rglob("*") if p.name.endswith((".pcap", ".trace", ".pcapng", ".cap")))
    assert len(found) > 20
    some = [p for p in found if p.stat().st_size < 300_000][::8]
    assert replay(some, 3, "-q") == replay(some, 1, "-q")


def frames_of(path: Path) -> list[tuple[int, int, bytes]]:
    """(time, link type, octets) of all frames."""
    made = []
    for batch in open_inputs([str(path)], CaptureSettings()).batches():
        for i in range(batch.first, batch.stop):
            start = batch.offset[i]
            made.append((batch.ts[i], batch.link[i], bytes(batch.buffer[start : start + batch.caplen[i]])))
    return made


def write_pcap(path: Path, frames: list[tuple[int, bytes]]) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        for ts, data in frames:
            file.write(struct.pack("<IIII", ts // 10**9, ts % 10**9, len(data), len(data)) + data)


def shuffled(dice: random.Random, count: int) -> list[tuple[int, bytes]]:
    """Many of our captures at once, each in its own order, some of them twice, with losses and leaps of the clock."""
    queues = []
    for path in dice.sample([p for p in CAPTURES if p.parent.name in ("ocsp", "tcp", "ip", "http")], count):
        queue = [data for _, link, data in frames_of(path) if link == 1 and dice.random() < 0.97]
        queues += [queue, list(queue)] if dice.random() < 0.3 else [queue]
    now, made = 1_750_000_000 * 10**9, []
    while queues := [queue for queue in queues if queue]:
        queue = dice.choice(queues)
        now += dice.choice((1000, 10**6, 10**8)) + (dice.random() < 0.01) * dice.choice((7, 400, 5000)) * 10**9
        made.append((now - (dice.random() < 0.05) * 2 * 10**9, queue.pop(0)))
    return made


SAMPLED = [
    *("logs.weird_repeats=true", "logs.weird_burst=2", "logs.weird_rate=3", "logs.suppress_for_s=5"),
    *("logs.weirds_per_s=2", "logs.max_weirds=5", "logs.max_suppressed=2", "logs.max_known_certificates=1"),
    *("privacy.max_tracked=3", "flow.max_ooo_segments=1", "flow.hole_wait_bytes=100"),
]


@pytest.mark.parametrize("seed", range(2))
def test_captures_shuffled_together(seed: int, replay: Replay, tmp_path: Path) -> None:
    dice = random.Random(seed)
    whole, first, second = tmp_path / "all.pcap", tmp_path / "first.pcap", tmp_path / "second.pcap.gz"
    frames = shuffled(dice, 15)
    write_pcap(whole, frames)
    apart = [dice.random() < 0.5 for _ in frames]
    write_pcap(first, [frame for frame, one in zip(frames, apart, strict=True) if one])
    write_pcap(tmp_path / "second", [frame for frame, one in zip(frames, apart, strict=True) if not one])
    second.write_bytes(gzip.compress((tmp_path / "second").read_bytes()))
    damaged = bytearray(whole.read_bytes())
    at = len(damaged) // 2
    damaged[at : at + 600] = dice.randbytes(600)
    (tmp_path / "damaged.pcap").write_bytes(damaged[:-7])
    for paths in ([whole], [first, second], [tmp_path / "damaged.pcap"]):
        for sets in ([], SAMPLED):
            alone = replay(paths, 1, sets=sets)
            assert alone[0] == (3 if "damaged" in paths[0].name else 0)
            assert (b"limits reached" in alone[2]) == bool(sets)
            for workers in (2, 3, 5):
                assert replay(paths, workers, sets=sets, several=True) == alone
        sets = [*SAMPLED, "logs.max_field_bytes=9"]
        assert replay(paths, 3, sets=sets, logs=False) == replay(paths, 1, sets=sets, logs=False)


@pytest.mark.parametrize("folder", ["office", "crl", "pki", "clear"])
def test_texts_that_are_cut_are_told_of_as_by_one(folder: str, replay: Replay) -> None:
    """Of notices and certificates that are not new a worker writes lines that one process would not have."""
    sets = ["logs.max_field_bytes=26", "logs.weird_repeats=true", "logs.suppress_for_s=100000"]
    for options in ([], ["--json"]):
        alone = replay([PCAPS / folder], 1, *options, sets=sets)
        assert b"log_string_field_truncated" in (alone[2] if options else alone[1]["weird.log"])
        for workers in (2, 3):
            assert replay([PCAPS / folder], workers, *options, sets=sets) == alone


LIMITS = ("flow.max_flows=6", "flow.max_half_open=2", "flow.max_reassembly_bytes=50")


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_over_all_flows_is_kept_as_by_one(limit: str, replay: Replay, tmp_path: Path) -> None:
    """Whatever was written already stays, and is not written twice."""
    whole = tmp_path / "all.pcap"
    write_pcap(whole, shuffled(random.Random(7), 30))
    alone = replay([whole], 1, sets=[limit])
    assert alone != replay([whole], 1), "the limit was not reached"
    assert replay([whole], 3, sets=[limit]) == alone
    assert replay([whole], 2, "--json", sets=[limit]) == replay([whole], 1, "--json", sets=[limit])


def test_the_way_back_to_one_is_told(store: str, tmp_path: Path) -> None:
    whole = tmp_path / "all.pcap"
    write_pcap(whole, shuffled(random.Random(7), 30))
    run = command("--set", "flow.max_flows=6", "replay", str(whole), "--workers", "2", "-q", "--ct", store)
    assert run.returncode == 0
    assert "begins again with one worker: the flow table would be full (flow.max_flows)" in run.stderr


def test_issuers_that_traffic_makes_known_are_known_to_all(replay: Replay, store: str) -> None:
    """From the reply on that shows a CA certificate, other flows' leaks name their issuer."""
    captures = [PCAPS / "pki" / "ca-issuers-then-ocsp.pcap"]
    assert replay(captures, 2) == replay(captures, 1)


CRLS = ["dirmngr-fetch-crl", "gzip-chunked", "openssl-crl-download", "ranges", "shards"]


@pytest.mark.parametrize("name", CRLS)
def test_a_crl_of_a_ca_that_no_other_flow_is_about(name: str, replay: Replay) -> None:
    captures = [PCAPS / "crl" / f"{name}.pcap", PCAPS / "ocsp" / "revocation-reasons.pcap"]
    alone = replay(captures, 1)
    assert alone[1]["crl.log"]
    for workers in (2, 5):
        assert replay(captures, workers, several=True) == alone


def test_a_crl_of_a_ca_that_others_are_asked_about_is_for_one(replay: Replay) -> None:
    """The exchange's line names a CRL that went by in another flow: no worker's line without it is written."""
    alone = replay([PCAPS / "office"], 1)
    assert b'"on_crl":' in alone[1]["ocsp_exchange.log"]
    for workers in (2, 3, 5, 5, 5):
        assert replay([PCAPS / "office"], workers) == alone


def command(*words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    code = "import sys; from sensor.cli.main import main; sys.exit(main())"
    environment = {**os.environ, **conservation.environment()}
    run = subprocess.run(
        [sys.executable, "-c", code, *words], input=stdin, capture_output=True, env=environment, check=False, timeout=60
    )
    return subprocess.CompletedProcess(run.args, run.returncode, run.stdout.decode(), run.stderr.decode())


def test_pipes_are_read_by_one_and_that_is_said(store: str, tmp_path: Path) -> None:
    capture = PCAPS / "tcp" / "out-of-order.pcap"
    words = ("replay", "--json", "--ct", store)
    alone = command(*words, str(capture))
    read = command(*words, "-", "--workers", "2", stdin=capture.read_bytes())
    assert (read.returncode, read.stdout) == (0, alone.stdout)
    assert "one worker: pipes" in read.stderr
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(capture.read_bytes()))
    writer.start()
    read = command(*words, str(fifo), "--workers", "2")
    writer.join()
    assert (read.returncode, read.stdout) == (0, alone.stdout)
    assert "one worker: pipes" in read.stderr


def test_standard_input_from_a_file_is_read_by_one_too(store: str) -> None:
    """Its descriptor has one position: there is no name to open it by again."""
    capture = PCAPS / "tcp" / "out-of-order.pcap"
    code = "import sys; from sensor.cli.main import main; sys.exit(main())"
    with capture.open("rb") as file:
        words = [sys.executable, "-c", code, "replay", "--json", "--ct", store, "--workers", "3", "-"]
        environment = {**os.environ, **conservation.environment()}
        run = subprocess.run(words, stdin=file, capture_output=True, env=environment, check=False, timeout=60)
    assert run.stdout.decode() == command("replay", "--json", "--ct", store, str(capture)).stdout
    assert b"one worker" in run.stderr


def test_lines_that_come_again_are_passed_over() -> None:
    memory = MemorySink()
    sink = SkippingSink(memory)
    sink.write("conn", b"one\ntwo\n")
    sink.write("http", b"three\n")
    sink.begin_again()
    sink.write("conn", b"one\n")
    sink.write("http", b"three\nfour\n")
    sink.write("conn", b"two\n")
    sink.write("conn", b"five\n")
    assert memory.data == {"conn": b"one\ntwo\nfive\n", "http": b"three\nfour\n"}
