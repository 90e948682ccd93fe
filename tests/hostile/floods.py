"""Floods, with a hundred OCSP exchanges hidden in each: all must be told, and resident memory must stay flat.

    python -m tests.hostile.floods [--frames N]        # the sizes of the README's table, all logs written

Frames are made as they are needed. Each flood runs in a process of its own, so that its peak is its own.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sensor.capture.source import FrameBatch
from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.folder import FolderSink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import Settings
from tests.flow import frames as wire
from tests.flow.frames import START, Frame, batch
from tests.flow.talk import Ends
from tests.hostile.witness import exchange

HIDDEN = 100
BATCH = 4096
_MACS = wire.MACS + b"\x08\0"
_SERVER = wire.address("198.51.100.40")


def _segment(number: int, port: int, seq: int, flags: int, payload: bytes = b"", ack: int = 0) -> bytes:
    """From client `number` of 2**24 in 10/8."""
    head = struct.pack("!BBHHHBBHI", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0, 0x0A000000 | (number & 0xFFFFFF))
    return _MACS + head + _SERVER + struct.pack("!HHIIBBHHH", port, 80, seq, ack, 0x50, flags, 1024, 0, 0) + payload


def syn_flood(count: int) -> Iterator[bytes]:
    for number in range(count):
        yield _segment(number, 1024 + number % 60_000, number * 7919 & 0xFFFFFFFF, wire.SYN)


def one_octet_flows(count: int) -> Iterator[bytes]:
    """Joined midway: a segment with an octet, and nothing more."""
    for number in range(count):
        yield _segment(number, 1024 + number % 60_000, number * 7919 & 0xFFFFFFFF, wire.ACK | wire.PSH, b"G", 1)


def out_of_order(count: int) -> Iterator[bytes]:
    """5,000 clients whose every segment lies above a hole that nobody fills."""
    for number in range(count):
        place = number // 5000
        yield _segment(number % 5000, 2000, 1000 + place * 300, wire.ACK, bytes(200), 1)


def slowloris(count: int) -> Iterator[bytes]:
    """50,000 clients, an octet of a request each in turn."""
    text = b"POST / HTTP/1.1\r\nHost: slow\r\nContent-Type: application/ocsp-request\r\nContent-Length: 999\r\n\r\n"
    for number in range(count):
        place = number // 50_000
        yield _segment(number % 50_000, 3000, 1 + place, wire.ACK, text[place % len(text) :][:1], 1)


def fragments(count: int) -> Iterator[bytes]:
    for number in range(count):
        src = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        yield wire.ethernet(wire.ip4(src, "198.51.100.40", bytes(600), ident=number & 0xFFFF, offset=800, more=True))


def weirds(count: int) -> Iterator[bytes]:
    """Each frame another connection's oddity."""
    for number in range(count):
        yield _segment(number, 4000 + number % 50_000, 1, wire.SYN | wire.FIN | wire.URG, b"x")


def large_heads(count: int) -> Iterator[bytes]:
    """65,000 clients whose heads do not end, and nobody acknowledges."""
    first = b"POST / HTTP/1.1\r\nHost: fat\r\nA: " + b"y" * 1364 + b"\r\n"
    further = b"X: " + b"y" * 1395 + b"\r\n"
    for number in range(count):
        place = number // 65_000
        text = further if place else first
        yield _segment(number % 65_000, 3000, 1 + place * 1400, wire.ACK, text, 1)


def large_bodies(count: int) -> Iterator[bytes]:
    """65,000 clients whose OCSP requests do not end."""
    head = b"POST / HTTP/1.1\r\nHost: fat\r\nContent-Type: application/ocsp-request\r\nContent-Length: 65000\r\n\r\n"
    for number in range(count):
        place = number // 65_000
        text = bytes(1400) if place else (head + b"0" * 1400)[:1400]
        yield _segment(number % 65_000, 3000, 1 + place * 1400, wire.ACK, text, 1)


def pipelines(count: int) -> Iterator[bytes]:
    """100,000 clients, seven requests in each segment, that nobody answers."""
    text = b"GET / HTTP/1.1\r\n\r\n" * 7
    for number in range(count):
        place = number // 100_000
        yield _segment(number % 100_000, 7000, 1 + place * len(text), wire.ACK | wire.PSH, text, 1)


def decompressors(count: int) -> Iterator[bytes]:
    """To each client the beginning of a reply in zstd: a frame whose window is 8 MiB, and a block of 60 KiB in four
    octets (RFC 8878 sections 3.1.1.1 and 3.1.1.2.2)."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Encoding: zstd\r\n"
    head += b"Content-Length: 60000\r\n\r\n\x28\xb5\x2f\xfd\0\x68" + (60 << 13 | 2).to_bytes(3, "little") + b"0"
    for number in range(count):
        yield _answer(number, head)


def _answer(number: int, payload: bytes) -> bytes:
    """As `_segment`, from the server to the client."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0) + _SERVER
    head += struct.pack("!I", 0x0A000000 | (number & 0xFFFFFF))
    port = 1024 + number % 60_000
    return _MACS + head + struct.pack("!HHIIBBHHH", 80, port, 1, 1, 0x50, wire.ACK, 1024, 0, 0) + payload


def forged_syns(count: int) -> Iterator[bytes]:
    """50 connections: again and again a SYN with another number, and of each the beginning of a request."""
    for number in range(count):
        turn = number // 100
        seq = (turn * 50_000_021 + 7) & 0xFFFFFFFF
        if number % 100 < 50:
            yield _segment(number % 50, 4000, seq, wire.SYN)
        else:
            yield _segment(number % 50, 4000, seq + 1, wire.ACK, b"POST /%d HTTP/1.1\r\nHost: a\r\n" % turn, 1)


def older_flows(count: int) -> Iterator[bytes]:
    """60,000 connections with five beginnings each, so that four of them are older ones, all read."""
    for number in range(count):
        turn = number // 60_000
        seq = (turn // 2 * 50_000_021 + 7) & 0xFFFFFFFF
        if turn % 2 == 0:
            yield _segment(number % 60_000, 4000, seq, wire.SYN)
        else:
            yield _segment(number % 60_000, 4000, seq + 1, wire.ACK, b"POST /%d HTTP/1.1\r\nHost: a\r\n" % turn, 1)


def forged_fins(count: int) -> Iterator[bytes]:
    """5,000 connections: octets of a request, a FIN behind them, and more octets behind that."""
    text = b"POST / HTTP/1.1\r\nHost: fin\r\n\r\n"
    for number in range(count):
        turn = number // 5000
        place, flags = 1 + turn // 2 * 8, wire.ACK
        if turn % 2:
            yield _segment(number % 5000, 5000, place + 8, flags | wire.FIN, b"", 1)
        else:
            yield _segment(number % 5000, 5000, place, flags, (text * 2)[turn // 2 * 8 % len(text) :][:8], 1)


def second_readings(count: int) -> Iterator[bytes]:
    """50,000 connections: what was sent comes again as something else, and the request never ends."""
    for number in range(count):
        turn = number // 50_000
        place = 1 + turn // 2 * 40
        text = b"POST /%030d" % turn if place == 1 else b"X: %035d\r\n" % turn
        yield _segment(number % 50_000, 6000, place, wire.ACK, text.ljust(40, b"."), 1)


FLOODS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "SYN flood": syn_flood,
    "flows of one octet": one_octet_flows,
    "out of order": out_of_order,
    "slowloris": slowloris,
    "fragments": fragments,
    "weirds": weirds,
    "large heads": large_heads,
    "large bodies": large_bodies,
    "unanswered requests": pipelines,
    "decompressors": decompressors,
    "forged SYNs, few connections": forged_syns,
    "forged SYNs, many connections": older_flows,
    "forged FINs": forged_fins,
    "second readings": second_readings,
}


def hidden_in(flood: Iterator[bytes], count: int, gap_ns: int) -> Iterator[Frame]:
    """The frames of `flood`, `gap_ns` apart, those of HIDDEN exchanges among them, each over some 300 of them."""
    dice = random.Random(7)
    waiting: dict[int, list[bytes]] = {}
    for number in range(HIDDEN):
        at = count * (number + 1) // (HIDDEN + 2)
        for frame in exchange(number + 1, Ends("10.250.0.9", "203.0.113.80", 20_000 + number)):
            at += dice.randrange(1, 60)
            waiting.setdefault(at, []).append(frame.data)
    now = START
    for place, data in enumerate(flood):
        for own in waiting.pop(place, ()):
            yield Frame(now, own)
        now += gap_ns
        yield Frame(now, data)
    for place in sorted(waiting):
        for own in waiting[place]:
            yield Frame(now, own)


def columns(frames: Iterator[Frame]) -> Iterator[FrameBatch]:
    """In batches of BATCH frames."""
    kept: list[Frame] = []
    number = 0
    for frame in frames:
        kept.append(frame)
        if len(kept) == BATCH:
            yield batch(kept, number, b"")
            number += BATCH
            kept.clear()
    if kept:
        yield batch(kept, number, b"")


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def drown(name: str, count: int, folder: Path, settings: Settings | None = None) -> tuple[list[float], Pipeline]:
    """Runs a flood of `count` frames with logs in `folder`: resident MiB at each twentieth of it, and the pipeline."""
    settings = settings or Settings()
    writer = LogWriter(settings.logs, settings.flow.local_nets, FolderSink(folder))
    pipeline = Pipeline(settings, MemoryLookup(), writer, None)
    levels: list[float] = []
    done = 0
    for one in columns(hidden_in(FLOODS[name](count), count, 20_000)):
        pipeline.feed(one)
        done += one.stop - one.first
        if done * 20 // count > len(levels):
            levels.append(resident_mib())
    pipeline.finish()
    writer.close()
    return levels, pipeline


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--only", choices=FLOODS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only is None:
        print(
            "| flood | frames a second | resident MiB at each quarter | MiB per 100,000 frames | peak | told of 100 |"
        )
        print("|---|---|---|---|---|---|", flush=True)
        argv = [sys.executable, "-m", "tests.hostile.floods", "--frames", str(asked.frames), "--only"]
        return max(subprocess.run([*argv, name], check=False).returncode for name in FLOODS)
    with tempfile.TemporaryDirectory(prefix="ocspwatch-floods-") as place:
        began = time.perf_counter()
        levels, pipeline = drown(asked.only, asked.frames, Path(place))
        rate = pipeline.tracker.frames / (time.perf_counter() - began)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        told = sum(b'"both"' in line for line in (Path(place) / "ocsp_exchange.log").open("rb"))
    quarters = [levels[len(levels) * place // 4 - 1] for place in (1, 2, 3, 4)]
    shown = ", ".join(f"{level:.0f}" for level in quarters)
    slope = (quarters[3] - quarters[1]) / asked.frames * 2e5  # over the second half
    print(f"| {asked.only} | {rate:,.0f} | {shown} | {slope:+.1f} | {peak:.0f} | {told} |", flush=True)
    return 0 if told == HIDDEN else 1


if __name__ == "__main__":
    sys.exit(main())
