"""sensor.workers.merge: any number of shards of any events is put into one order; limits, ends, and early ends."""

from __future__ import annotations

import os
import random
import threading

import pytest

from sensor.audit.history import History
from sensor.logs.script import Script
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.privacy.leak import LeakCounter
from sensor.settings import FlowSettings, LogSettings
from sensor.workers.chunk import GIVE_UP, LAST, PART, ChunkReader, Peaks, write_chunk
from sensor.workers.merge import InputChanged, Merger, NotForSeveral, WorkerGone
from sensor.workers.playback import END, Playback

ACCOUNT = {
    "frames": 9,
    "wire_bytes": 900,
    "outcomes": {"tcp": 9},
    "internal_errors": 1,
    "lookups_failed": 2,
    "limits": {"flow.max_ooo_segments": 3},
    "discarded": {"too_late": 2},
    "complete": True,
    "files": [("x.pcap", "pcap", 9, 1, 2, True, 0)],
}
Moment = tuple[int, int]


def playback(sink: MemorySink) -> tuple[Playback, LogWriter]:
    writer = LogWriter(LogSettings(), (), sink)
    return Playback(writer, LeakCounter(9), LeakCounter(9), History(9), None, None, None), writer


def merged(pipes: list[int], sink: MemorySink | None = None, limits: FlowSettings | None = None) -> object:
    play, writer = playback(sink or MemorySink(merged=True))
    try:
        return Merger([ChunkReader(fd, 1) for fd in pipes], play, limits or FlowSettings()).run()
    finally:
        writer.flush()


@pytest.mark.parametrize("seed", range(5))
def test_any_events_of_any_shards(seed: int) -> None:
    dice = random.Random(seed)
    count = dice.choice((1, 2, 3, 7))
    moments = sorted({(dice.randrange(1000), dice.randrange(3)) for _ in range(800)})
    shards: list[list[Moment]] = [[] for _ in range(count)]
    for moment in moments:
        dice.choice(shards).append(moment)

    def work(fd: int, own: list[Moment], dice: random.Random) -> None:
        upto, size, script, lines = (0, 0), 0, Script(1), []
        while own or not dice.random() < 0.3:
            for _ in range(dice.choice((0, 1, 1, 5, 40))):
                if own:
                    upto = own.pop(0)
                    lines.append(b"%d.%d\n" % upto)
                    size += len(lines[-1])
                    script.copy(0, size)
                    script.cut(*upto)
            write_chunk(fd, PART, upto, Peaks(), 0, 0, script.take(), [b"".join(lines)])
            size, lines = 0, []
        write_chunk(fd, LAST, (END - 1, 0), Peaks(), 0, 0, account=ACCOUNT, lines=[b""])
        os.close(fd)

    pipes = [os.pipe() for _ in shards]
    threads = [
        threading.Thread(target=work, args=(write, shard, random.Random(seed + number)))
        for number, ((_, write), shard) in enumerate(zip(pipes, shards, strict=True))
    ]
    for thread in threads:
        thread.start()
    sink = MemorySink(merged=True)
    account = merged([read for read, _ in pipes], sink)
    for thread in threads:
        thread.join()
    assert sink.data[""] == b"".join(b"%d.%d\n" % moment for moment in moments)
    assert account.limits == {"flow.max_ooo_segments": 3 * count}  # type: ignore[attr-defined]
    assert account.discarded == {"too_late": 2 * count}  # type: ignore[attr-defined]
    assert (account.internal_errors, account.lookups_failed) == (count, 2 * count)  # type: ignore[attr-defined]


def pipe(*chunks: tuple[int, Peaks, dict[str, object]], shard: int = 0) -> int:
    read, write = os.pipe()
    for number, (kind, peaks, account) in enumerate(chunks):
        script = Script(1)
        script.copy(0, 2)
        script.cut(10 * number, shard)
        upto = (END - 1, 0) if kind == LAST else (10 * number + 5, 0)
        write_chunk(write, kind, upto, peaks, 0, 0, script.take(), [b"%d\n" % number], account)
    os.close(write)
    return read


GOOD = (LAST, Peaks(), ACCOUNT)


def test_a_limit_is_that_of_all_together_and_nothing_is_written_beyond_it() -> None:
    limits = FlowSettings(max_flows=10, max_half_open=10, max_reassembly_bytes=10)
    few = (PART, Peaks(4, 4, 5), {})
    sink = MemorySink(merged=True)
    merged([pipe(few, few, GOOD), pipe(few, few, GOOD, shard=1)], sink, limits)
    assert sink.data[""] == b"0\n0\n1\n1\n2\n2\n"
    for many in (Peaks(6, 0, 0), Peaks(0, 6, 0), Peaks(0, 0, 6)):
        sink = MemorySink(merged=True)
        with pytest.raises(NotForSeveral, match=r"flow\.max_"):
            merged([pipe(few, (PART, many, {}), GOOD), pipe(few, few, GOOD, shard=1)], sink, limits)
        assert sink.data[""] == b"0\n0\n"


def test_a_worker_gives_up() -> None:
    with pytest.raises(NotForSeveral, match="because"):
        merged([pipe((GIVE_UP, Peaks(), {"why": "because"})), pipe(GOOD)])


def test_a_worker_is_gone() -> None:
    with pytest.raises(WorkerGone) as gone:
        merged([pipe(GOOD), pipe((PART, Peaks(), {}))])
    assert gone.value.number == 1


def test_workers_that_read_different_things_are_found_out() -> None:
    for change in ({"frames": 8}, {"wire_bytes": 1}, {"files": []}):
        with pytest.raises(InputChanged, match="changed"):
            merged([pipe(GOOD), pipe((LAST, Peaks(), ACCOUNT | change))])
