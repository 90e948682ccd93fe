"""sensor.health.shared: what is put in one process is got in another; what is no report is none."""

from __future__ import annotations

import os
import random
import struct
import zlib

import msgspec

from sensor.health.metrics import Report, render_workers
from sensor.health.shared import MAX_BYTES, Shared
from tests.health.test_metrics import REPORT


def test_another_process_gets_the_last_one_whole() -> None:
    shared = Shared(Report)
    assert shared.get() is None
    reports = [msgspec.structs.replace(REPORT, weirds={f"weird_{n}": k for n in range(k % 50)}) for k in range(2000)]
    pid = os.fork()
    if not pid:
        for report in reports:
            shared.put(report)
        os._exit(0)
    seen = 0
    ended = 0
    while not ended:
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if (found := shared.get()) is not None:  # not while it is written, three times in a row
            seen += 1
            assert found in (REPORT, reports[max(found.weirds.values(), default=0)]) or not found.weirds
    assert seen
    assert shared.get() == reports[-1]


def test_what_a_worker_in_wrong_hands_writes_is_no_report_and_no_error() -> None:
    shared = Shared(Report)
    rng = random.Random(7)
    good = msgspec.msgpack.encode(REPORT)
    for data in [
        b"",
        b"\xc0",
        b"\xff" * 99,
        msgspec.msgpack.encode({"totals": 5}),
        *(rng.randbytes(n) for n in range(200)),
    ]:
        shared._memory[8 : 8 + len(data)] = data
        struct.pack_into("<II", shared._memory, 0, len(data), zlib.crc32(data))
        assert shared.get() is None
    for _ in range(300):
        broken = bytearray(good)
        broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        shared._memory[8 : 8 + len(broken)] = bytes(broken)
        struct.pack_into("<II", shared._memory, 0, len(broken), zlib.crc32(broken))
        found = shared.get()
        render_workers([found])
        assert found is None or isinstance(found, Report)
    struct.pack_into("<II", shared._memory, 0, 0xFFFFFFFF, 0)
    assert shared.get() is None


def test_one_that_is_too_large_is_refused_and_the_last_one_stays() -> None:
    shared = Shared(Report)
    shared.put(REPORT)
    shared.put(msgspec.structs.replace(REPORT, version="x" * MAX_BYTES))
    assert shared.refused == 1
    assert shared.get() == REPORT
