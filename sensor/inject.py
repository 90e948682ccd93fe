"""Faults on purpose, at one packet of a replay, for tests: does only what it is about suffer, and is that counted?

Everything is wrapped from outside before the first packet: without a fault none of this is imported, and nothing is
asked on the packet path. What a packet is about is its flow: time passes, and room is made, before it is struck, and
reader and log lines are asked whose they are.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from sensor.capture.source import FrameBatch, PacketSource, Timestamp
from sensor.ct.lookup import Answer, CrlUse, CtLookup, Issuer, KnownIssuer, Unavailable
from sensor.flow.decode import Packet
from sensor.flow.state import render_address
from sensor.flow.stream import StreamReader
from sensor.logs.records import STREAMS
from sensor.logs.sinks.sink import EventSink
from sensor.logs.writer import LogWriter
from sensor.ocsp.model import CertId
from sensor.pipeline import Pipeline
from sensor.settings import FlowSettings, InjectSettings
from sensor.weird import FlowId, Weird

if TYPE_CHECKING:
    from sensor.flow.copies import Conflict

MEMORY_CAP: Final = "memory_cap"
PARSER_ERROR: Final = "parser_error"
QUEUE_FULL: Final = "queue_full"
STORE_LOCKED: Final = "store_locked"
CLOCK_JUMP: Final = "clock_jump"
_TCP: Final = 0  # as in decode.py
_FRAGMENT: Final = 1
_BAD_TCP: Final = 11
_OF_A_FLOW_UNNAMED: Final = frozenset({"ocsp", "x509"})  # by file, or by fingerprint
_OF_NO_FLOW: Final = (
    frozenset(
        stream
        for stream, record in STREAMS.items()
        if "id.orig_h" not in [field.encode_name for field in msgspec.structs.fields(record)]
    )
    - _OF_A_FLOW_UNNAMED
)
_DAY_NS: Final = 86_400_000_000_000
_LOCKED: Final = "locked by another process (injected)"


class InjectedError(Exception):
    """What a parser raises by order."""


class Injection:
    """What is wrapped shares it; `active` are the faults of the packet in hand. Packets count from 1."""

    def __init__(self, settings: InjectSettings, flow: FlowSettings) -> None:
        self._packet = Packet(flow.max_tunnel_depth, flow.max_ip6_extensions)
        self._about: frozenset[tuple[str, int]] = frozenset()
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
        reassembler.make_reader = lambda flow, probation: _Reader(self, flow, make(flow, probation))

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

    def is_about(self, flow: FlowId) -> bool:
        """Whether the packet in hand is one of this flow; of a fragment without ports, whether it may be."""
        ends = frozenset(((flow.orig_h, flow.orig_p), (flow.resp_h, flow.resp_p)))
        return self._about in (ends, frozenset((host, 0) for host, _ in ends))

    def is_of_another(self, stream: str, line: bytes) -> bool:
        """Whether a log line is of a flow that the packet in hand is not about, or of the sensor itself."""
        row = msgspec.json.decode(line, type=dict[str, object])
        if "id.orig_h" not in row:
            return row.get("_path", stream) in _OF_NO_FLOW
        ends = frozenset((row[f"id.{end}_h"], row[f"id.{end}_p"]) for end in ("orig", "resp"))
        return self._about not in (ends, frozenset((host, 0) for host, _ in ends))

    def _prepare(self, batch: FrameBatch) -> None:
        """Whom does the packet in hand concern? What the time and the room that it takes cost others happens before."""
        packet, at = self._packet, batch.first
        buffer = memoryview(batch.buffer)
        code = packet.decode(buffer, batch.offset[at], batch.caplen[at], batch.wirelen[at], batch.link[at])
        self._about = frozenset()
        if code in (_TCP, _FRAGMENT, _BAD_TCP):
            ports = (0, 0) if code == _FRAGMENT else (packet.sport, packet.dport)
            src = render_address(packet.family, packet.src_hi, packet.src_lo)
            dst = render_address(packet.family, packet.dst_hi, packet.dst_lo)
            self._about = frozenset(((src, ports[0]), (dst, ports[1])))
        pipeline = self._pipeline
        if pipeline is None:
            return
        tracker, ts = pipeline.tracker, batch.ts[at]
        if ts > tracker.now:
            tracker.advance(ts)
        if code == _TCP and tracker.flows.find(tracker.key_of(packet)) is None:
            tracker.evict(ts)
        none = array("Q")
        columns = (array("q"), none, array("I"), array("I"), array("H"))
        pipeline.feed(FrameBatch(b"", *columns, quiet_until=Timestamp(ts)))  # it is drained

    def _strike(self, batch: FrameBatch, place: int) -> Iterator[FrameBatch]:
        faults = self._due.pop(place)
        self._prepare(batch)
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
    def __init__(self, injection: Injection, flow: FlowId, inner: StreamReader) -> None:
        self._injection = injection
        self._flow = flow
        self._inner = inner

    @property
    def service(self) -> str | None:
        return self._inner.service

    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:
        if PARSER_ERROR in self._injection.active and self._injection.is_about(self._flow):
            raise InjectedError
        return self._inner.data(is_orig, chunk, ts)

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int:
        return self._inner.gap(is_orig, length, ts, unskipped)

    def second(self, is_orig: bool, conflict: Conflict, wants: dict[bool, int], ts: int) -> StreamReader:
        both = self._inner.second(is_orig, conflict, wants, ts)
        return self if both is self._inner else _Reader(self._injection, self._flow, both)

    def unfinished(self, is_orig: bool) -> bool:
        return self._inner.unfinished(is_orig)

    def in_message(self) -> bool:
        return self._inner.in_message()

    @property
    def valued(self) -> bool:
        return self._inner.valued

    def kept(self) -> tuple[int, int]:
        return self._inner.kept()

    def asked(self) -> list[object]:
        return self._inner.asked()

    def take_over(self, asked: list[object]) -> None:
        self._inner.take_over(asked)

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
        if QUEUE_FULL not in self._injection.active:
            self._inner.write(stream, lines)
            return
        each = lines.splitlines(keepends=True)
        others = [line for line in each if self._injection.is_of_another(stream, line)]
        self._injection.lines_dropped += len(each) - len(others)
        if others:
            self._inner.write(stream, b"".join(others))

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

    def limits(self) -> dict[str, int]:
        return self._inner.limits()

    def close(self) -> None:
        self._inner.close()
