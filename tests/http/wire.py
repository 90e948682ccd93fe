"""A flow without packets: says what both ends said, keeps the StreamReader contract, and collects what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import groupby, pairwise

from sensor.flow.copies import Conflict
from sensor.flow.stream import FIN, IGNORE
from sensor.http.reader import HttpReader
from sensor.http.transaction import HttpRequest, HttpResponse, HttpTransaction
from sensor.settings import HttpSettings
from sensor.weird import FlowId, Weird

FLOW = FlowId("CHhAvVGS1DHFjwGM9", "10.0.0.1", 49152, "192.0.2.5", 80)
SECOND = 1_000_000_000
DEFAULTS = HttpSettings()


class Lost(int):
    """So many bytes that the capture does not have."""


class End(int):
    """A direction ends so: FIN, RESET, TIMEOUT or END_OF_INPUT."""


Step = tuple[str, bytes | Lost | End]


def ask(said: bytes | Lost | End) -> Step:
    return (">", said)


def answer(said: bytes | Lost | End) -> Step:
    return ("<", said)


def conflict(position: int, pieces: list[bytes], *copies: tuple[int, bytes]) -> Conflict:
    """The last of `copies` came, and is in `pieces`, which end at `position`."""
    at, octets = copies[-1]
    return Conflict(position, pieces, sorted(copies), at, at + len(octets))


class Wire:
    """Hands bytes to a reader as the packet path does: what it wants skipped is only counted."""

    def __init__(self, reader: HttpReader) -> None:
        self.reader = reader
        self.wants = {True: 0, False: 0}
        self.last = {True: 0, False: 0}
        self.skipped = 0

    def say(self, is_orig: bool, data: bytes, ts: int) -> None:
        want = self.wants[is_orig]
        self.last[is_orig] = ts
        if want == IGNORE:
            return
        if want > len(data):
            self.wants[is_orig] = want - len(data)
            self.skipped += len(data)
            return
        self.skipped += want
        self.wants[is_orig] = self._checked(self.reader.data(is_orig, data[want:], ts))

    def lose(self, is_orig: bool, count: int, ts: int) -> None:
        if self.wants[is_orig] != IGNORE:
            self.wants[is_orig] = self._checked(self.reader.gap(is_orig, count, ts, self.wants[is_orig]))

    def end(self, is_orig: bool, how: int, ts: int) -> None:
        self.reader.closed(is_orig, how, ts, self.last[is_orig], max(0, self.wants[is_orig]))

    @staticmethod
    def _checked(want: int) -> int:
        assert want == IGNORE or want >= 0
        return want


class Heard:
    """What came out of a conversation."""

    def __init__(self, out: list[object], reader: HttpReader, wire: Wire) -> None:
        self.out = out
        self.service = reader.service
        self.skipped = wire.skipped
        self.wants = wire.wants

    @property
    def transactions(self) -> list[HttpTransaction]:
        return [item for item in self.out if isinstance(item, HttpTransaction)]

    @property
    def weirds(self) -> list[str]:
        return [item.name for item in self.out if isinstance(item, Weird)]

    @property
    def only(self) -> HttpTransaction:
        (transaction,) = self.transactions
        return transaction

    @property
    def request(self) -> HttpRequest:
        request = self.only.request
        assert request is not None
        return request

    @property
    def response(self) -> HttpResponse:
        response = self.only.response
        assert response is not None
        return response

    @property
    def targets(self) -> list[bytes | None]:
        return [item.request.target if item.request else None for item in self.transactions]

    @property
    def statuses(self) -> list[int | None]:
        return [item.response.status_code if item.response else None for item in self.transactions]


def hear(
    *steps: Step,
    mode: str = "whole",
    settings: HttpSettings = DEFAULTS,
    probation: bool = False,
    close: bool = True,
    cuts: Iterable[int] = (),
) -> Heard:
    """Say `steps` one second apart, then close both directions unless `close` is False.

    `mode`: "whole", a call for each step; "bytewise", one for each byte; "merged", what one end says before the other
    says anything is one call; "cut", steps are cut at `cuts`, counted from the start of each.
    """
    out: list[object] = []
    reader = HttpReader(FLOW, out, settings, probation=probation)
    wire = Wire(reader)
    ts = SECOND
    ended: set[bool] = set()
    if mode == "merged":
        steps = tuple(_merged(steps))
    for direction, said in steps:
        is_orig = direction == ">"
        if isinstance(said, Lost):
            wire.lose(is_orig, said, ts)
        elif isinstance(said, End):
            wire.end(is_orig, said, ts)
            ended.add(is_orig)
        elif mode == "bytewise":
            for i in range(len(said)):
                wire.say(is_orig, said[i : i + 1], ts)
        elif mode == "cut":
            edges = sorted({0, len(said), *(cut for cut in cuts if 0 < cut < len(said))})
            for first, last in pairwise(edges):
                wire.say(is_orig, said[first:last], ts)
        else:
            wire.say(is_orig, said, ts)
        ts += SECOND
    if close:
        for is_orig in (True, False):
            if is_orig not in ended:
                wire.end(is_orig, FIN, ts)
    return Heard(out, reader, wire)


def grows_linearly(run: Callable[[int], object], size: int) -> bool:
    """Whether twice the size takes less than 2.5 times the time; a busy machine gets several chances to show it."""
    for _ in range(6):
        seconds = {size: float("inf"), 2 * size: float("inf")}
        for count in (size, 2 * size) * 3:  # in turn: a machine is busy for a while, and then not
            start = time.process_time()
            run(count)
            seconds[count] = min(seconds[count], time.process_time() - start)
        if seconds[2 * size] < 2.5 * seconds[size] + 0.0005:
            return True
    return False


def _merged(steps: Iterable[Step]) -> Iterable[Step]:
    for (direction, plain), group in groupby(steps, key=lambda step: (step[0], isinstance(step[1], bytes))):
        if plain:
            yield direction, b"".join(said for _, said in group if isinstance(said, bytes))
        else:
            yield from group


def get(target: bytes = b"/", *fields: bytes) -> bytes:
    return b"\r\n".join([b"GET %b HTTP/1.1" % target, b"Host: a.example", *fields, b"", b""])


def post(target: bytes, body: bytes, *fields: bytes) -> bytes:
    lines = [b"POST %b HTTP/1.1" % target, b"Host: a.example", b"Content-Length: %d" % len(body), *fields, b"", b""]
    return b"\r\n".join(lines) + body


def reply(body: bytes = b"", *fields: bytes, status: bytes = b"200 OK") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *fields, b"", b""]) + body


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailer + b"\r\n"
