"""Faults on purpose, at one packet of a replay, for tests: does only what it is about suffer, and is that counted?

Everything is wrapped from outside before the first packet: without a fault none of this is imported, and nothing is
asked on the packet path.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final

from sensor.capture.source import FrameBatch, PacketSource
from sensor.ct.lookup import Answer, CrlUse, CtLookup, Issuer, KnownIssuer, Unavailable
from sensor.flow.stream import StreamReader
from sensor.logs.sinks.sink import EventSink
from sensor.logs.writer import LogWriter
from sensor.ocsp.model import CertId
from sensor.pipeline import Pipeline
from sensor.settings import InjectSettings
from sensor.weird import Weird

MEMORY_CAP: Final = "memory_cap"
PARSER_ERROR: Final = "parser_error"
QUEUE_FULL: Final = "queue_full"
STORE_LOCKED: Final = "store_locked"
CLOCK_JUMP: Final = "clock_jump"
_DAY_NS: Final = 86_400_000_000_000
_LOCKED: Final = "locked by another process (injected)"


class InjectedError(Exception):
    """What a parser raises by order."""


class Injection:
    """What is wrapped shares it; `active` are the faults of the packet in hand. Packets count from 1."""

    def __init__(self, settings: InjectSettings) -> None:
        self._due: dict[int, set[str]] = {}
        for fault in settings.faults:
            what, _, number = fault.partition("@")
            self._due.setdefault(int(number), set()).add(what)
        self.active: frozenset[str] | set[str] = frozenset()
        self.lines_dropped = 0
        self.struck: list[str] = []
        """Faults that their packet has met."""
        self._pipeline: Pipeline | None = None
        self._writer: LogWriter | None = None

    @property
    def never(self) -> list[str]:
        """Faults whose packets have not come."""
        return [f"{what}@{number}" for number, faults in sorted(self._due.items()) for what in sorted(faults)]

    def attach(self, pipeline: Pipeline, writer: LogWriter | None) -> None:
        """To be called before the first packet."""
        self._pipeline, self._writer = pipeline, writer
        reassembler = pipeline.tracker.reassembler
        make = reassembler.make_reader
        reassembler.make_reader = lambda flow, probation: _Reader(self, make(flow, probation))

    def source(self, inner: PacketSource) -> PacketSource:
        return _Source(self, inner)

    def sink(self, inner: EventSink) -> EventSink:
        return _Sink(self, inner)

    def lookup(self, inner: CtLookup) -> CtLookup:
        return _Lookup(self, inner)

    def split(self, batch: FrameBatch) -> Iterator[FrameBatch]:
        """The batch, or its parts: a packet that a fault is for stands alone."""
        first, stop, number, ts = batch.first, batch.stop, batch.number, batch.ts
        for place in sorted(place for place in self._due if number < place <= number + stop - first):
            at = first + place - 1 - number
            if at > batch.first:
                batch.stop = at
                yield batch
            batch.first, batch.stop, batch.number = at, at + 1, place - 1
            yield from self._strike(batch, place)
            batch.first, batch.stop, batch.number, batch.ts = at + 1, stop, place, ts
        if batch.first < stop or first == stop:
            yield batch
        batch.first, batch.stop, batch.number = first, stop, number

    def _strike(self, batch: FrameBatch, place: int) -> Iterator[FrameBatch]:
        faults = self._due.pop(place)
        if CLOCK_JUMP in faults:
            batch.ts = array("q", batch.ts)
            batch.ts[batch.first] += _DAY_NS
        reassembler = None if self._pipeline is None else self._pipeline.tracker.reassembler
        most = 0
        if reassembler is not None and MEMORY_CAP in faults:
            most, reassembler.max_total = reassembler.max_total, -1
        if self._writer is not None and QUEUE_FULL in faults:
            self._writer.flush()
        self.active = faults
        yield batch
        if self._writer is not None and QUEUE_FULL in faults:
            self._writer.flush()
        self.active = frozenset()
        if reassembler is not None and MEMORY_CAP in faults:
            reassembler.max_total = most
        self.struck += [f"{what}@{place}" for what in sorted(faults)]


class _Source:
    def __init__(self, injection: Injection, inner: PacketSource) -> None:
        self._injection = injection
        self._inner = inner
        self.weirds: list[Weird] = inner.weirds
        self.complete = True

    def batches(self) -> Iterator[FrameBatch]:
        for batch in self._inner.batches():
            yield from self._injection.split(batch)
        self.complete = self._inner.complete

    def close(self) -> None:
        self._inner.close()


class _Reader:
    def __init__(self, injection: Injection, inner: StreamReader) -> None:
        self._injection = injection
        self._inner = inner

    @property
    def service(self) -> str | None:
        return self._inner.service

    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:
        if PARSER_ERROR in self._injection.active:
            raise InjectedError
        return self._inner.data(is_orig, chunk, ts)

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int:
        return self._inner.gap(is_orig, length, ts, unskipped)

    def second(
        self,
        is_orig: bool,
        position: int,
        pieces: list[bytes],
        other: tuple[int, bytes],
        wants: dict[bool, int],
        ts: int,
    ) -> StreamReader:
        both = self._inner.second(is_orig, position, pieces, other, wants, ts)
        return self if both is self._inner else _Reader(self._injection, both)

    def unfinished(self, is_orig: bool) -> bool:
        return self._inner.unfinished(is_orig)

    def kept(self) -> tuple[int, int]:
        return self._inner.kept()

    def reopened(self, is_orig: bool, ts: int) -> None:
        self._inner.reopened(is_orig, ts)

    def closed(self, is_orig: bool, how: int, ts: int, last_data_ts: int, unskipped: int) -> None:
        self._inner.closed(is_orig, how, ts, last_data_ts, unskipped)


class _Sink:
    def __init__(self, injection: Injection, inner: EventSink) -> None:
        self.merged = inner.merged
        self._injection = injection
        self._inner = inner

    def write(self, stream: str, lines: bytes) -> None:
        if QUEUE_FULL in self._injection.active:
            self._injection.lines_dropped += lines.count(b"\n")
        else:
            self._inner.write(stream, lines)

    def close(self) -> None:
        self._inner.close()


class _Lookup:
    def __init__(self, injection: Injection, inner: CtLookup) -> None:
        self._injection = injection
        self._inner = inner

    @property
    def _is_locked(self) -> bool:
        return STORE_LOCKED in self._injection.active

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
        return [Unavailable(_LOCKED) for _ in ids] if self._is_locked else self._inner.lookup(ids)

    def issuer_from_traffic(self, der: bytes) -> Issuer | None:
        return None if self._is_locked else self._inner.issuer_from_traffic(der)

    def issuer_certificate(self, issuer: Issuer) -> bytes | None:
        return None if self._is_locked else self._inner.issuer_certificate(issuer)

    def with_crl(self, url: str) -> CrlUse | Unavailable:
        return Unavailable(_LOCKED) if self._is_locked else self._inner.with_crl(url)

    def issuers_named(self, name: str) -> Sequence[KnownIssuer] | Unavailable:
        return Unavailable(_LOCKED) if self._is_locked else self._inner.issuers_named(name)

    def close(self) -> None:
        self._inner.close()
