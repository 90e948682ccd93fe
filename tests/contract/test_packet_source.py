"""What every PacketSource promises, of every implementation and of the fake in memory.

A new source joins by a builder in SOURCES: given frames as (nanoseconds, bytes), a source that has just these.
"""

from __future__ import annotations

import gzip
import os
import socket
import struct
import threading
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

import pytest

from sensor.capture.inputs import open_inputs
from sensor.capture.live import ring
from sensor.capture.source import FrameBatch, PacketSource
from sensor.settings import CaptureSettings
from sensor.weird import Weird
from tests.capture.live.ring_memory import Taken, encode_block

NS = 1_000_000_000
ETHERNET = 1
Sent = tuple[int, bytes]


class FakeSource:
    """Frames from memory, so many to a batch; `damaged` says that some more could not be read."""

    def __init__(self, sent: Sequence[Sent], *, batch: int = 3, damaged: bool = False) -> None:
        self.weirds: list[Weird] = []
        self.complete = True
        self._sent = list(sent)
        self._batch = batch
        self._damaged = damaged
        self._closed = False

    def batches(self) -> Iterator[FrameBatch]:
        for at in range(0, len(self._sent), self._batch):
            if self._closed:
                return
            part = self._sent[at : at + self._batch]
            offsets = [sum(len(data) for _, data in part[:n]) for n in range(len(part))]
            lengths = [len(data) for _, data in part]
            yield FrameBatch(
                b"".join(data for _, data in part),
                array("q", [ts for ts, _ in part]),
                array("Q", offsets),
                array("I", lengths),
                array("I", lengths),
                array("H", [ETHERNET] * len(part)),
                number=at,
            )
        if self._damaged:
            self.complete = False
            self.weirds.append(Weird(self._sent[-1][0] if self._sent else 0, "pcap_truncated", None, None, "CAPTURE"))

    def close(self) -> None:
        self._closed = True


def pcap(sent: Sequence[Sent]) -> bytes:
    header = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, ETHERNET)
    return header + b"".join(struct.pack("<IIII", *divmod(ts, NS), len(data), len(data)) + data for ts, data in sent)


def pcapng(sent: Sequence[Sent]) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        length = len(body) + -len(body) % 4 + 12
        return struct.pack("<II", kind, length) + body + bytes(-len(body) % 4) + struct.pack("<I", length)

    content = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    content += block(1, struct.pack("<HHI", ETHERNET, 0, 0) + struct.pack("<HHB3xI", 9, 1, 9, 0))
    for ts, data in sent:
        content += block(6, struct.pack("<IIIII", 0, ts >> 32, ts & 0xFFFFFFFF, len(data), len(data)) + data)
    return content


def erf(sent: Sequence[Sent]) -> bytes:
    content = b""
    for ts, data in sent:
        seconds, rest = divmod(ts, NS)
        fraction = ((rest << 32) + NS // 2) // NS  # as the cards do; scapy rounds it back
        content += struct.pack("<II", fraction, seconds)
        content += struct.pack(">BBHHHxx", 2, 4, 18 + len(data), 0, len(data)) + data
    return content


Build = Callable[[Path, Sequence[Sent], bool], PacketSource]


def fake(_: Path, sent: Sequence[Sent], damaged: bool) -> PacketSource:
    return FakeSource(sent, damaged=damaged)


def of_file(encode: Callable[[Sequence[Sent]], bytes], pack: Callable[[bytes], bytes] = bytes) -> Build:
    def build(folder: Path, sent: Sequence[Sent], damaged: bool) -> PacketSource:
        path = folder / "capture"
        path.write_bytes(pack(encode(sent) + (b"\x01" * 9 if damaged else b"")))
        return open_inputs([str(path)], CaptureSettings(window_bytes=4096))

    return build


def of_three_files(folder: Path, sent: Sequence[Sent], damaged: bool) -> PacketSource:
    """Dealt out, so that the time line has to put them together again."""
    for number in range(3):
        own = sent[number::3]
        (folder / f"{number}").write_bytes(pcap(own) + (b"\x01" * 9 if damaged and number == 0 else b""))
    return open_inputs([str(folder)], CaptureSettings())


def of_a_pipe(folder: Path, sent: Sequence[Sent], damaged: bool) -> PacketSource:
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    content = pcap(sent) + (b"\x01" * 9 if damaged else b"")
    threading.Thread(target=fifo.write_bytes, args=(content,), daemon=True).start()
    return open_inputs([str(fifo)], CaptureSettings())


class PlayedKernel:
    """In place of a PacketSocket: a ring in which everything has come already. The real one has its own times."""

    sent: Sequence[Sent] = ()
    damaged = False

    def __init__(self, block_bytes: int, block_count: int, _: int) -> None:
        self.block_bytes, self.block_count = block_bytes, block_count
        self.sock, self._other = socket.socketpair()
        parts = [self.sent[at : at + 400] for at in range(0, len(self.sent), 400)]
        blocks = [bytearray(encode_block([Taken(*one) for one in part], block_bytes)) for part in parts]
        if self.damaged:  # one frame more than there are
            struct.pack_into("@I", blocks[-1], 12, len(parts[-1]) + 1)
        assert len(blocks) < block_count
        self.ring = bytearray(b"".join(blocks).ljust(block_bytes * block_count, b"\0"))

    def bind(self, _: int) -> None:
        """Nothing to do, as below."""

    make_promiscuous = admit = bind

    def take_statistics(self) -> tuple[int, int, int]:
        return 0, 0, 0

    def close(self) -> None:
        self.sock.close()
        self._other.close()


def of_a_ring(_: Path, sent: Sequence[Sent], damaged: bool) -> PacketSource:
    kernel = type("Played", (PlayedKernel,), {"sent": sent, "damaged": damaged})
    with mock.patch.object(ring, "PacketSocket", kernel):
        source = ring.RingSource(["lo"], CaptureSettings(ring_bytes=1 << 22))
    source.stop()  # once all is read, it ends
    return source


SOURCES: dict[str, Build] = {
    "fake": fake,
    "pcap": of_file(pcap),
    "pcapng": of_file(pcapng),
    "erf": of_file(erf),
    "pcap in gzip": of_file(pcap, gzip.compress),
    "three files": of_three_files,
    "pipe": of_a_pipe,
    "ring": of_a_ring,
}
EACH = pytest.mark.parametrize("build", SOURCES.values(), ids=SOURCES)


def sent(count: int) -> list[Sent]:
    return [(1_700_000_000 * NS + 1_000_003 * n, struct.pack(">I", n) * (15 + n % 300)) for n in range(count)]


def taken(batch: FrameBatch) -> list[Sent]:
    return [
        (batch.ts[i], bytes(batch.buffer[batch.offset[i] : batch.offset[i] + batch.caplen[i]]))
        for i in range(batch.first, batch.stop)
    ]


@EACH
@pytest.mark.parametrize("count", [2, 7, 1000])
def test_all_frames_in_capture_order_with_their_own_times(build: Build, tmp_path: Path, count: int) -> None:
    source = build(tmp_path, sent(count), False)
    assert [one for batch in source.batches() for one in taken(batch)] == sent(count)
    assert (source.complete, source.weirds) == (True, [])
    source.close()


@EACH
def test_what_a_batch_promises(build: Build, tmp_path: Path) -> None:
    source = build(tmp_path, sent(500), False)
    count = 0
    for batch in source.batches():
        columns = (batch.ts, batch.offset, batch.caplen, batch.wirelen, batch.link)
        assert [column.typecode for column in columns] == ["q", "Q", "I", "I", "H"]
        assert 0 <= batch.first <= batch.stop <= min(len(column) for column in columns)
        with memoryview(batch.buffer) as view:
            assert view.contiguous
            assert (view.ndim, view.itemsize) == (1, 1)
            for i in range(batch.first, batch.stop):
                assert batch.offset[i] + batch.caplen[i] <= len(view)
                assert batch.caplen[i] <= batch.wirelen[i]
                assert batch.link[i] == ETHERNET
        if batch.first < batch.stop:
            assert batch.number == count
        count += batch.stop - batch.first
    assert count == 500
    source.close()


@EACH
def test_damage_is_a_weird_and_never_raised(build: Build, tmp_path: Path) -> None:
    source = build(tmp_path, sent(50), True)
    assert [one for batch in source.batches() for one in taken(batch)] == sent(50)
    assert not source.complete
    assert [weird.flow for weird in source.weirds] == [None]
    assert [weird.source for weird in source.weirds] == ["CAPTURE"]
    source.close()


@EACH
def test_closing_is_idempotent_and_ends_the_iteration(build: Build, tmp_path: Path) -> None:
    source = build(tmp_path, sent(50), False)
    batches = source.batches()
    next(batches)
    source.close()
    source.close()
    assert list(batches) == []


@EACH
def test_closing_before_the_first_batch(build: Build, tmp_path: Path) -> None:
    source = build(tmp_path, sent(50), False)
    source.close()
    assert list(source.batches()) == []
