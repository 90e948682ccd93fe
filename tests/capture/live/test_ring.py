"""The ring on the real kernel: frames sent into one end of a cable come out of the other as batches."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import threading
import time

import pytest

from sensor.capture.live import ring
from sensor.capture.live.opening import open_live
from sensor.capture.live.ring import RingSource
from sensor.capture.source import FrameBatch
from sensor.settings import CaptureSettings
from tests.conftest import Cable
from tests.flow.frames import ethernet, ip4, tcp

pytestmark = pytest.mark.needs("root", "namespaces", "ip")
SMALL = CaptureSettings(ring_bytes=1 << 25)
MACS = bytes.fromhex("020000000001 020000000002")


def frame(number: int, length: int = 100) -> bytes:
    """TCP, as far as the kernel's filter looks, with a number in it."""
    return (
        MACS + b"\x08\x00" + b"\x45" + bytes(8) + b"\x06" + bytes(10) + struct.pack(">I", number) + bytes(length - 38)
    )


def taken(batch: FrameBatch) -> list[bytes]:
    return [
        bytes(batch.buffer[batch.offset[i] : batch.offset[i] + batch.caplen[i]]) for i in range(batch.first, batch.stop)
    ]


def read(source: RingSource, count: int, seconds: float = 10) -> list[bytes]:
    """The next frames, until there are `count`; then the source is stopped and what is left is read, too."""
    found: list[bytes] = []
    stopped = False
    deadline = time.monotonic() + seconds
    for batch in source.batches():
        found += taken(batch)
        if not stopped and (len(found) >= count or time.monotonic() > deadline):
            stopped = True
            source.stop()
    return found


def listen(*names: str, settings: CaptureSettings = SMALL) -> RingSource:
    source = open_live(names, settings)
    assert isinstance(source, RingSource)
    return source


def test_frames_come_whole_in_order_and_with_the_time(wire: Cable) -> None:
    source = listen("w1")
    before = time.time_ns()
    sent = [frame(n, 60 + n % 1400) for n in range(3000)]
    wire.send(*sent)
    after = time.time_ns()
    found, times, links = [], [], set()
    deadline = time.monotonic() + 10
    for batch in source.batches():
        assert batch.first == batch.stop or batch.number == len(found)
        found += taken(batch)
        times += batch.ts[batch.first : batch.stop]
        links |= set(batch.link[batch.first : batch.stop])
        if len(found) >= 3000 or time.monotonic() > deadline:
            source.stop()
    assert found == sent
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= after
    assert (source.first_ts, source.last_ts) == (times[0], times[-1])
    assert links == {1}
    assert source.stats() == (3000, 0, 0, 0)


def test_stopping_loses_nothing_that_came_before(wire: Cable) -> None:
    """What the kernel has in the block that it is still filling is read, too; what comes later is not let in."""
    source = listen("w1")
    batches = source.batches()
    wire.send(*[frame(number) for number in range(50)])
    source.stop()
    wire.send(frame(51))
    assert [one for batch in batches for one in taken(batch)] == [frame(n) for n in range(50)]
    assert source.stats()[:2] == (50, 0)


def test_stopping_while_it_waits_loses_nothing_either(wire: Cable) -> None:
    source = listen("w1")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(one for batch in source.batches() for one in taken(batch)))
    reader.start()
    time.sleep(0.1)
    wire.send(frame(1))
    source.stop()
    reader.join(10)
    assert found == [frame(1)]


def test_a_waiting_source_is_stopped_at_once(wire: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "IDLE_S", 60.0)
    source = listen("w1")
    threading.Timer(0.2, source.stop).start()
    started = time.monotonic()
    assert list(source.batches()) == []
    assert time.monotonic() - started < 5


def test_time_moves_on_while_nothing_comes(wire: Cable) -> None:
    source = listen("w1")
    batches = source.batches()
    before = time.time_ns()
    first, second = next(batches), next(batches)
    assert (first.stop - first.first, second.stop - second.first) == (0, 0)
    assert before - ring.LATE_NS < first.quiet_until < second.quiet_until < time.time_ns() - ring.LATE_NS + 1
    wire.send(frame(1))
    assert taken(next(batches)) == [frame(1)]
    source.close()
    assert list(batches) == []


def test_an_overrun_ring_counts_what_it_lost(wire: Cable) -> None:
    source = listen("w1", settings=CaptureSettings(ring_bytes=1 << 22))
    wire.send(*[frame(number, 1500) for number in range(6000)])
    assert source.stats().dropped > 0  # which the kernel forgets once it has told it
    found = read(source, 6000, seconds=0)
    stats = source.stats()
    assert stats.dropped > 0
    assert stats.received == len(found) > 2000
    assert stats.received + stats.dropped == 6000
    assert stats.freezes == 1
    assert found == [frame(n, 1500) for n in range(len(found))]  # the first ones, without a hole


def test_two_interfaces_are_one_source_in_order(wire: Cable) -> None:
    other = Cable("x0", "x1")
    source = listen("w1", "x1")
    for number in range(400):
        (wire, other)[number % 2].send(frame(number))
    other.close()
    assert read(source, 400) == [frame(n) for n in range(400)]


def test_the_tag_that_the_kernel_takes_off_is_there_again(wire: Cable) -> None:
    """Linux itself takes the outer tag off before packet sockets see the frame (skb_vlan_untag)."""
    plain = frame(1)
    tagged = MACS + bytes.fromhex("81006064") + plain[12:]
    both = MACS + bytes.fromhex("88a800c8 81000064") + plain[12:]
    source = listen("w1")
    wire.send(*[tagged, plain, both])
    assert read(source, 3) == [tagged, plain, both]


def test_super_packets_of_offloads(wire: Cable) -> None:
    """A segment of 60 KB, as the stack hands it to a veth, is one frame."""
    for name in ("w0", "w1"):
        subprocess.run(["ip", "link", "set", name, "mtu", "65535"], check=True)
    source = listen("w1")
    sent = [frame(n, 65000) for n in range(20)]
    wire.send(*sent)
    assert read(source, 20) == sent


def test_the_interface_goes_down_and_comes_back(wire: Cable) -> None:
    source = listen("w1")
    batches = source.batches()
    wire.send(frame(1))
    assert taken(next(batches)) == [frame(1)]
    subprocess.run(["ip", "link", "set", "w1", "down"], check=True)
    assert taken(next(batches)) == []
    subprocess.run(["ip", "link", "set", "w1", "up"], check=True)
    found: list[bytes] = []
    while not found:
        wire.socket.send(frame(2))  # more than once: a link takes a moment to come up
        found = taken(next(batches))
    assert found[0] == frame(2)
    source.close()


@pytest.mark.parametrize("name", ["lo", "any"])
def test_loopback_is_ethernet_and_each_packet_comes_once(network: None, name: str) -> None:
    source = listen(name)
    with socket.socket() as sock, pytest.raises(ConnectionRefusedError):
        sock.connect(("127.0.0.1", 9))
    links: list[int] = []
    for batch in source.batches():
        links += batch.link[batch.first : batch.stop]
        if links:
            source.stop()
    assert links == [1, 1]  # SYN, RST


def test_what_the_sensor_does_not_need_stays_outside(wire: Cable) -> None:
    web, tls, arp = (
        ethernet(ip4("10.0.0.1", "10.0.0.2", tcp(999, 80, payload=bytes(9)))),
        ethernet(ip4("10.0.0.1", "10.0.0.2", tcp(999, 443, payload=bytes(9)))),
        ethernet(bytes(46), 0x0806),
    )
    tagged = MACS + bytes.fromhex("81000007") + web[12:]
    for settings, expected in (
        ({}, [web, tls, tagged]),
        ({"tcp_ports": (80,)}, [web, tagged]),
        ({"filter": "src port 999 and not port 80"}, [tls]),
        ({"filter": "vlan 7"}, [tagged]),
        ({"tcp_ports": (443,), "filter": "port 80"}, []),
    ):
        source = listen("w1", settings=CaptureSettings(ring_bytes=1 << 25, **settings))
        wire.send(web, tls, arp, tagged)
        assert read(source, 3, seconds=0) == expected


def test_a_tun_device_brings_ip_and_any_is_all_of_them(wire: Cable) -> None:
    """What has no link header is raw IP; each frame has the link type of the interface that it is of."""
    for words in ("tuntap add tun7 mode tun", "link set tun7 up", "addr add 192.0.2.1/24 dev tun7"):
        subprocess.run(["ip", *words.split()], check=True)
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, 0x400454CA, struct.pack("@16sH22x", b"tun7", 0x1001))  # TUNSETIFF; IFF_TUN | IFF_NO_PI
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20, 7, 0, 64, 6, 0, b"\xc0\0\2\5", b"\xc0\0\2\1")
    source = listen("any")
    os.write(tun, header)
    wire.send(frame(5))
    found: list[tuple[int, bytes]] = []
    for batch in source.batches():
        found += zip(batch.link[batch.first : batch.stop], taken(batch), strict=True)
        if any(data == frame(5) for _, data in found):
            source.stop()
    os.close(tun)
    assert (101, header) in found
    assert found.count((1, frame(5))) == 2  # out of w0, into w1


def test_closing_while_somebody_looks_at_a_batch(wire: Cable) -> None:
    source = listen("w1")
    wire.send(frame(1))
    batches = source.batches()
    batch = next(batches)
    view = memoryview(batch.buffer)
    source.close()
    source.close()
    assert view[batch.offset[0] : batch.offset[0] + batch.caplen[0]] == frame(1)
