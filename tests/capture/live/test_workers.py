"""Sources that share the packets, as the workers of a sensor have them, here in one process."""

from __future__ import annotations

import os
import threading

import pytest

from sensor.capture.live import opening
from sensor.capture.live.opening import open_workers
from sensor.capture.live.packet_socket import RingUnavailableError
from sensor.capture.live.ring import RingSource
from sensor.capture.source import CaptureError
from sensor.settings import CaptureSettings
from tests.conftest import Cable
from tests.flow.frames import ethernet, ip4, tcp

pytestmark = pytest.mark.needs("root", "namespaces", "ip")
THREE = CaptureSettings(workers=3, ring_bytes=1 << 23)


def flow(client: int) -> list[bytes]:
    one, other = f"10.0.0.{client}", "192.0.2.80"
    return [
        ethernet(ip4(one, other, tcp(49152, 80, payload=b"there"))),
        ethernet(ip4(other, one, tcp(80, 49152, payload=b"back"))),
    ]


def all_of(source: RingSource) -> list[bytes]:
    return [
        bytes(batch.buffer[batch.offset[i] : batch.offset[i] + batch.caplen[i]])
        for batch in source.batches()
        for i in range(batch.first, batch.stop)
    ]


def test_each_flow_is_whole_at_one_of_them(wire: Cable) -> None:
    workers = open_workers(["w1", "w1"], THREE)
    assert [worker.name for worker in workers] == [f"w1 (ring, worker {n})" for n in (1, 2, 3)]
    flows = [flow(client) for client in range(1, 100)]
    wire.send(*[frame for frames in flows for frame in frames])
    for worker in workers:
        worker.stop()
    found = [all_of(worker) for worker in workers]
    assert sum(map(len, found)) == 198
    assert min(map(len, found)) > 20
    for frames in flows:
        assert [sum(frame in share for frame in frames) for share in found].count(0) == 2
    assert [worker.stats().received for worker in workers] == [len(share) for share in found]


def test_several_interfaces_are_shared_out_too(wire: Cable) -> None:
    workers = open_workers(["w1", "w0"], THREE)
    wire.send(*flow(7))  # out of w0, into w1
    for worker in workers:
        worker.stop()
    assert sorted(len(all_of(worker)) for worker in workers) == [0, 0, 4]


def test_a_worker_is_asked_to_stop_by_another_process(wire: Cable) -> None:
    (one, two, three) = workers = open_workers(["w1"], THREE)
    ended = threading.Thread(target=lambda: all_of(one))
    ended.start()
    if not (pid := os.fork()):
        for worker in workers:
            worker.leave()
        one.ask_to_stop()
        os._exit(0)
    os.waitpid(pid, 0)
    ended.join(5)
    assert not ended.is_alive()
    wire.send(*[frame for client in range(1, 30) for frame in flow(client)])
    for worker in (two, three):
        worker.stop()
    assert len(all_of(two)) + len(all_of(three)) > 0  # that the other process has left them costs them nothing


def test_it_takes_the_ring(wire: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object) -> None:
        raise RingUnavailableError("no TPACKET_V3")

    monkeypatch.setattr(opening, "RingSource", unavailable)
    with pytest.raises(CaptureError, match="--workers takes a TPACKET_V3 ring: no TPACKET_V3"):
        open_workers(["w1"], THREE)


def test_what_was_opened_is_closed_when_it_fails(wire: Cable) -> None:
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208  (names are enough)
    with pytest.raises(CaptureError, match="nosuch0"):
        open_workers(["w1", "nosuch0"], THREE)
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208  (as above)
