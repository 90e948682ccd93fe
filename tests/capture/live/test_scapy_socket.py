"""The fallback, on the one system that the tests run on: the same frames, one by one."""

from __future__ import annotations

import subprocess
import threading
import time

import pytest

from sensor.capture.live import opening
from sensor.capture.live.opening import find_method, open_live
from sensor.capture.live.packet_socket import RingUnavailableError
from sensor.capture.live.scapy_socket import ScapySource
from sensor.capture.source import CaptureError, FrameBatch
from sensor.settings import CaptureSettings
from tests.conftest import Cable
from tests.flow.frames import MACS, ethernet, ip4, tcp, udp

pytestmark = pytest.mark.needs("root", "namespaces", "ip")
SCAPY = CaptureSettings(method="scapy")


def frame(number: int) -> bytes:
    return ethernet(ip4("10.0.0.1", "10.0.0.2", tcp(999, 80, number, payload=bytes(number % 1400))))


def taken(batch: FrameBatch) -> list[tuple[int, int, bytes]]:
    return [
        (batch.ts[i], batch.link[i], bytes(batch.buffer[batch.offset[i] : batch.offset[i] + batch.caplen[i]]))
        for i in range(batch.first, batch.stop)
    ]


def listen(*names: str, settings: CaptureSettings = SCAPY) -> ScapySource:
    source = open_live(names, settings)
    assert isinstance(source, ScapySource)
    return source


def read(source: ScapySource, count: int, seconds: float = 10) -> list[tuple[int, int, bytes]]:
    found: list[tuple[int, int, bytes]] = []
    deadline = time.monotonic() + seconds
    for batch in source.batches():
        assert batch.first == batch.stop or batch.number == len(found)
        found += taken(batch)
        if len(found) >= count or time.monotonic() > deadline:
            source.stop()
    return found


def test_the_same_frames_with_times_and_tags(wire: Cable) -> None:
    """More than one batch; scapy puts the tag back that the kernel takes off."""
    source = listen("w1")
    tagged = MACS + bytes.fromhex("81006064") + frame(1)[12:]
    sent = [frame(n) for n in range(600)] + [tagged]
    before = time.time_ns()
    wire.send(*sent)
    after = time.time_ns()
    found = read(source, 601)
    assert [data for _, _, data in found] == sent
    assert {link for _, link, _ in found} == {1}
    times = [ts for ts, _, _ in found]
    assert times == sorted(times)
    assert before - 1000 <= times[0] <= times[-1] <= after + 1000  # scapy's times are floats
    assert (source.first_ts, source.last_ts) == (times[0], times[-1])
    assert source.stats() == (601, 0, 0, 0)


def test_it_says_that_it_is_slower(wire: Cable) -> None:
    source = listen("w1")
    assert source.name == "w1 (by scapy's socket, which is slower)"
    source.close()
    source.close()
    assert list(source.batches()) == []


def test_several_interfaces_in_order_and_only_what_is_needed(wire: Cable) -> None:
    other = Cable("x0", "x1")
    source = listen("w1", "x1")
    for number in range(20):
        (wire, other)[number % 2].send(frame(number), ethernet(ip4("10.0.0.1", "10.0.0.2", udp(1, 53, bytes(30)), 17)))
    other.close()
    assert [data for _, _, data in read(source, 20)] == [frame(n) for n in range(20)]


def test_the_operators_filter(wire: Cable) -> None:
    source = listen("w1", settings=CaptureSettings(method="scapy", filter="greater 1000"))
    wire.send(*[frame(n) for n in range(900, 1000)])
    assert [data for _, _, data in read(source, 100, seconds=0)] == [frame(n) for n in range(946, 1000)]


def test_loss_is_counted(wire: Cable) -> None:
    source = listen("w1", settings=CaptureSettings(method="scapy", ring_bytes=1 << 22))
    wire.send(*[frame(1399)] * 3000)
    found = read(source, 3000, seconds=0)
    stats = source.stats()
    assert stats.dropped > 0
    assert stats.received == len(found) == 3000 - stats.dropped


def test_time_moves_on_and_stopping_is_at_once(wire: Cable) -> None:
    source = listen("w1")
    batches = source.batches()
    first, second = next(batches), next(batches)
    assert first.quiet_until < second.quiet_until < time.time_ns()
    threading.Timer(0.1, source.stop).start()
    assert list(batches) == []


def test_the_interface_goes_down_and_comes_back(wire: Cable) -> None:
    source = listen("w1")
    batches = source.batches()
    subprocess.run(["ip", "link", "set", "w1", "down"], check=True)
    assert taken(next(batches)) == []
    subprocess.run(["ip", "link", "set", "w1", "up"], check=True)
    found: list[tuple[int, int, bytes]] = []
    while not found:
        wire.socket.send(frame(2))
        found = taken(next(batches))
    assert found[0][2] == frame(2)
    source.close()


def test_what_cannot_be(wire: Cable) -> None:
    with pytest.raises(CaptureError, match="name the interfaces"):
        listen("any")
    with pytest.raises(CaptureError, match="nosuch0: no such interface"):
        listen("nosuch0")


def test_it_is_the_fallback_unless_the_ring_is_asked_for(wire: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without the ring is played: here it has one."""

    def unavailable(*_: object) -> None:
        raise RingUnavailableError("no TPACKET_V3")

    monkeypatch.setattr(opening, "RingSource", unavailable)
    monkeypatch.setattr(opening, "PacketSocket", unavailable)
    assert find_method() == "scapy"
    listen("w1", settings=CaptureSettings()).close()
    with pytest.raises(CaptureError, match="this system has no TPACKET_V3 ring"):
        open_live(["w1"], CaptureSettings(method="ring"))
