"""The PacketSource for interfaces: blocks of a TPACKET_V3 ring become batches, and nothing in them is copied."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sensor.capture.live import bpf
from sensor.capture.live.blocks import scan_block
from sensor.capture.live.fanout import worker_program
from sensor.capture.live.interfaces import InterfaceLosses, index_of
from sensor.capture.live.kernel_filter import of_interfaces, wanted_frames
from sensor.capture.live.packet_socket import PacketSocket, share
from sensor.capture.live.source import IDLE_S, LATE_NS, CaptureStats
from sensor.capture.reader import Columns
from sensor.capture.source import CaptureError, FrameBatch, Timestamp
from sensor.settings import CaptureSettings
from sensor.weird import Weird

RETIRE_MS: Final = 100
"""How often the kernel looks after the block that it fills: the second time it hands it over, full or not.

So long a block lasts at least; for as many times that as there are blocks the consumer may be busy elsewhere, however
little comes: for 12.8 s with the default ring.
"""
RETIRED_S: Final = 3 * RETIRE_MS / 1000
"""After this long without packets there is none left in a block that is not handed over."""
BLOCK_BYTES: Final = 1 << 20
"""A frame lies in one block: the largest that offloads put together (512 KiB) fits; and under load so much is
processed at a time, little enough to stay in the processor's cache."""
_STATUS, _FRAMES, _FIRST, _LENGTH = 2, 3, 4, 5  # of struct tpacket_block_desc, in 32-bit words
_TO_KERNEL, _TO_USER = 0, 1
_SMALLEST: Final = 96  # bytes of the ring that the shortest frame takes

# ARPHRD_ numbers (linux/if_arp.h) of link headers that flow/decode.py knows; all others get a cooked one.
LINK_OF: Final = array(
    "H",
    [
        *(1, 1),  # Ethernet
        *(772, 1),  # loopback: an Ethernet header of zeros
        *(519, 101),  # raw IP
        *(768, 101),  # IP in IP
        *(769, 101),  # IPv6 in IPv6
        *(776, 101),  # IPv6 in IP
        *(65534, 101),  # none: tun, WireGuard
        *(801, 105),  # IEEE 802.11
        *(803, 127),  # IEEE 802.11 with radiotap
    ],
)


class RingSource:
    """Listens to one or more interfaces; see LiveSource. `frames` counts the frames handed out."""

    def __init__(self, interfaces: list[str], settings: CaptureSettings, worker: int | None = None) -> None:
        """Raises CaptureError (no such interface, not allowed), RingUnavailableError (not on this system).

        `worker` is its number, from 1, if this is to be one of several that share the packets: see `share_out`.
        """
        self.weirds: list[Weird] = []
        self.complete = True
        self.frames = 0
        self.first_ts: int | None = None
        self.last_ts: int | None = None
        self.name = f"{' and '.join(interfaces)} (ring{'' if worker is None else f', worker {worker}'})"
        self._socket = PacketSocket(BLOCK_BYTES, settings.ring_bytes // BLOCK_BYTES, RETIRE_MS)
        self._bytes = memoryview(self._socket.ring)
        self._words = self._bytes.cast("I")
        self._halves = self._bytes.cast("H")
        self._columns = Columns(BLOCK_BYTES // _SMALLEST + 1)
        self._counts = [0, 0, 0]
        self._block = 0
        self._barrier = threading.Lock()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._losses: InterfaceLosses | None = None
        self._stopping = self._closed = False
        self._worker = worker
        self._interfaces = interfaces
        self._promiscuous = settings.promiscuous
        self._wanted: list[bpf.Instruction] = []
        self._filter: list[bpf.Instruction] = []
        with contextlib.ExitStack() as undone:
            undone.callback(self.close)
            self._listen(interfaces, settings)
            if worker is None:
                self._socket.admit(self._filter)
            undone.pop_all()

    def _listen(self, interfaces: list[str], settings: CaptureSettings) -> None:
        numbers = [index_of(name) for name in interfaces]
        self._losses = InterfaceLosses(interfaces if self._worker in {None, 1} else [])  # told once
        for name, number in zip(interfaces, numbers, strict=True):
            self._attach(name, number)
        if len(numbers) > 1:  # one ring for all, so that their frames come in the order of time
            self._socket.bind(0)
        self._wanted = wanted_frames(interfaces, numbers, settings)
        self._filter = of_interfaces(numbers, self._wanted)

    def _attach(self, name: str, number: int) -> None:
        try:
            if self._promiscuous and number:
                self._socket.make_promiscuous(number)
            if len(self._interfaces) == 1:
                self._socket.bind(number)
        except OSError as error:
            raise CaptureError(f"{name}: {error.strerror}") from None

    def listen_again(self, numbers: Mapping[str, int]) -> bool:
        """See LiveSource. Takes no right but to have this socket: packet(7) asks for one when it is made only."""
        if self._worker is not None:
            return False  # who shares packets cannot be bound anew
        if self._stopping or self._closed:
            return True
        self._filter = of_interfaces([number for number in numbers.values() if number], self._wanted)
        self._socket.admit(self._filter)
        for name, number in numbers.items():
            if number:
                self._attach(name, number)
        return True

    @staticmethod
    def share_out(workers: Sequence[RingSource]) -> None:
        """From now on each packet goes to one of these, all of a flow to the same. Raises CaptureError."""
        try:
            share([worker._socket for worker in workers], worker_program())
            for worker in workers:
                worker._socket.admit(worker._filter)
        except OSError as error:
            raise CaptureError(f"this system cannot share packets among workers: {error.strerror}") from None

    def batches(self) -> Iterator[FrameBatch]:
        try:
            idle_since = time.monotonic()
            while not self._closed:
                last = self._stopping
                base = self._next_block(RETIRED_S if last else IDLE_S / 2)
                if base < 0:
                    if last:
                        break
                    if time.monotonic() - idle_since >= IDLE_S:
                        idle_since = time.monotonic()
                        yield self._nothing()
                    continue
                for batch in self._walk(base):
                    yield batch
                    if self._closed:
                        return
                self._give_back(base)
                idle_since = time.monotonic()
        finally:
            self.close()

    def _next_block(self, seconds: float) -> int:
        """Where the next block that the kernel is done with begins in the ring; -1 if none comes so soon, or `stop`."""
        if self._worker is not None:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
                self.stop()
        base = self._block * self._socket.block_bytes
        status = (base >> 2) + _STATUS
        if not self._words[status] & _TO_USER:
            self._wait(seconds)
            if not self._words[status] & _TO_USER:
                return -1
        # What is read of the block must be read after its status. A lock taken is what Python has for a barrier.
        with self._barrier:
            return base

    def _wait(self, seconds: float) -> None:
        poll = select.poll()
        poll.register(self._socket.sock, select.POLLIN | select.POLLERR)
        if not self._stopping:
            poll.register(self._wake, select.POLLIN)
        for descriptor, event in poll.poll(seconds * 1000):
            if descriptor != self._wake and event & select.POLLERR:
                self._socket.take_error()  # the interface went down; the kernel goes on by itself when it is up again
                time.sleep(0.05)

    def _walk(self, base: int) -> Iterator[FrameBatch]:
        """The block's frames, in as many batches as the columns make of them."""
        columns, words = self._columns, self._words
        word = base >> 2
        end = base + self._socket.block_bytes
        at, left = base + words[word + _FIRST], words[word + _FRAMES]
        while left > 0:
            count, at, left, misplaced = scan_block(
                self._bytes,
                self._words,
                self._halves,
                base,
                end,
                at,
                left,
                LINK_OF,
                columns.ts,
                columns.offset,
                columns.caplen,
                columns.wirelen,
                columns.link,
            )  # fmt: skip  (the columns side by side)
            if misplaced:
                self._report(misplaced)
            if count:
                if self.first_ts is None:
                    self.first_ts = columns.ts[0]
                self.last_ts = columns.ts[count - 1]
                number = self.frames
                self.frames += count
                yield FrameBatch(
                    self._bytes,
                    columns.ts,
                    columns.offset,
                    columns.caplen,
                    columns.wirelen,
                    columns.link,
                    0,
                    count,
                    number,
                )  # fmt: skip  (the columns side by side)

    def _give_back(self, base: int) -> None:
        with self._barrier:
            self._words[(base >> 2) + _STATUS] = _TO_KERNEL
        self._block = (self._block + 1) % self._socket.block_count

    def _nothing(self) -> FrameBatch:
        columns = self._columns
        return FrameBatch(
            b"",
            columns.ts,
            columns.offset,
            columns.caplen,
            columns.wirelen,
            columns.link,
            0,
            0,
            self.frames,
            Timestamp(time.time_ns() - LATE_NS),
        )  # fmt: skip  (the columns side by side)

    def _report(self, frames: int) -> None:
        self.complete = False
        self.weirds.append(Weird(time.time_ns(), "ring_block_damaged", None, f"{frames} frames lost", "CAPTURE"))

    def stats(self) -> CaptureStats:
        if not self._closed:
            for place, count in enumerate(self._socket.take_statistics()):
                self._counts[place] += count
        seen, dropped, freezes = self._counts
        return CaptureStats(
            seen - dropped, dropped, freezes, self._losses.since_start() if self._losses is not None else 0
        )

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def stop(self) -> None:
        if not self._closed:
            self._socket.admit(bpf.NOTHING)
            self._stopping = True
            os.eventfd_write(self._wake, 1)

    def ask_to_stop(self) -> None:
        """`stop`, of a worker that another process iterates."""
        os.eventfd_write(self._wake, 1)

    def leave(self) -> None:
        """Another process iterates this one: let go of all here but what `ask_to_stop` needs."""
        if not self._closed:
            self._let_go()
            self._socket.leave()

    def close(self) -> None:
        if not self._closed:
            self.stats()
            self._let_go()
            self._socket.close()
            os.close(self._wake)

    def _let_go(self) -> None:
        self._closed = True
        if self._losses is not None:
            self._losses.close()
        for view in (self._words, self._halves, self._bytes):
            with contextlib.suppress(BufferError):  # somebody looks at a batch still
                view.release()
