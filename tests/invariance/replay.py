"""Captures as lists of frames that can be lost, doubled, swapped and cut; and what the whole pipeline makes of them."""

from __future__ import annotations

import functools
import ipaddress
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from sensor.capture.inputs import open_inputs
from sensor.ct.memory import MemoryLookup
from sensor.flow.decode import TCP, Packet
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Accounts, Pipeline
from sensor.settings import Settings
from tests.conservation import unbalanced_at_end
from tests.flow.frames import Frame, batches

REPOSITORY = Path(__file__).resolve().parents[2]
PCAPS = REPOSITORY / "pcaps"
CORPUS = REPOSITORY.parent / "shared" / "corpus"
SETTINGS = Settings()


@dataclass(frozen=True)
class Exchange:
    """What must not change: who asked whom about what, and what was answered. `group` names its transaction."""

    client: str
    server: str
    port: int
    serial: str | None
    host: str | None
    method: str | None
    http_status: int | None
    response_status: str | None
    cert_status: str | None
    evidence: str | None
    group: tuple[str, int] = ("", 0)

    def what(self) -> Exchange:
        return replace(self, group=("", 0))


@dataclass(frozen=True)
class Seen:
    """`logs` is what each log got, as written."""

    exchanges: tuple[Exchange, ...]
    weirds: tuple[str, ...]
    accounts: Accounts
    logs: dict[str, bytes]

    def told(self) -> list[Exchange]:
        """The exchanges in an order that does not depend on when they were complete."""
        return sorted((exchange.what() for exchange in self.exchanges), key=repr)


def read(capture: Path) -> list[Frame]:
    """All frames of a capture file."""
    source = open_inputs([str(capture)], SETTINGS.capture)
    frames = []
    for batch in source.batches():
        view = memoryview(batch.buffer)
        for i in range(batch.first, batch.stop):
            start, size = batch.offset[i], batch.caplen[i]
            wirelen = None if batch.wirelen[i] == size else batch.wirelen[i]
            frames.append(Frame(batch.ts[i], bytes(view[start : start + size]), batch.link[i], wirelen))
    source.close()
    return frames


def replay(frames: Sequence[Frame], size: int = 0, settings: Settings = SETTINGS) -> Seen:
    """The whole pipeline, as the command puts it together, over `frames`."""
    sink = MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    pipeline = Pipeline(settings, MemoryLookup(), writer, None)
    for batch in batches(frames, size):
        pipeline.feed(batch)
    pipeline.finish()
    writer.close()
    accounts = pipeline.accounts()
    assert not unbalanced_at_end(pipeline.tracker)
    assert accounts.frames == len(frames)
    assert pipeline.tracker.internal_errors == 0
    return Seen(
        tuple(_exchange(record) for record in sink.records("ocsp_exchange")),
        tuple(str(record["name"]) for record in sink.records("weird")),
        accounts,
        dict(sink.data),
    )


def _exchange(record: dict[str, object]) -> Exchange:
    names = ("serial_number", "host", "method", "http_status", "response_status", "cert_status", "evidence")
    return Exchange(
        str(record["id.orig_h"]),
        str(record["id.resp_h"]),
        int(str(record["id.resp_p"])),
        *(record.get(name) for name in names),  # type: ignore[arg-type]  # Exchange says what each is
        group=(str(record["uid"]), int(float(str(record["ts"])) * 1e6)),
    )


@dataclass(frozen=True)
class Inside:
    """The TCP segment of a frame: where it lies, and whose it is."""

    payload_pos: int
    payload: bytes
    seq: int
    flags: int
    src: tuple[int, int, int]
    dst: tuple[int, int, int]
    ip_pos: int
    family: int
    depth: int

    @property
    def flow(self) -> frozenset[tuple[int, int, int]]:
        return frozenset((self.src, self.dst))


@functools.cache
def inside(frame: Frame) -> Inside | None:
    """None where there is no TCP segment, or only a part of a datagram."""
    packet = Packet(SETTINGS.flow.max_tunnel_depth, SETTINGS.flow.max_ip6_extensions)
    data = frame.data
    if packet.decode(data, 0, len(data), frame.wirelen or len(data), frame.link) != TCP:
        return None
    payload = data[packet.payload_pos : packet.payload_pos + packet.payload_cap]
    return Inside(
        packet.payload_pos,
        payload,
        packet.seq,
        packet.flags,
        (packet.src_hi, packet.src_lo, packet.sport),
        (packet.dst_hi, packet.dst_lo, packet.dport),
        packet.ip_pos,
        packet.family,
        packet.depth,
    )


def cut(frame: Frame, size: int) -> list[Frame]:
    """The same segment as several ones of at most `size` octets, a nanosecond apart; FIN and PSH go with the last."""
    tcp = inside(frame)
    if tcp is None or tcp.depth or len(tcp.payload) <= size or tcp.flags & 6:
        return [frame]
    head, payload = frame.data[: tcp.payload_pos], tcp.payload
    header = len(head) - tcp.ip_pos
    made = []
    for start in range(0, len(payload), size):
        part = payload[start : start + size]
        data = bytearray(head)
        if tcp.family == 4:
            struct.pack_into("!H", data, tcp.ip_pos + 2, header + len(part))
            at = tcp.ip_pos + (data[tcp.ip_pos] & 15) * 4
        else:
            struct.pack_into("!H", data, tcp.ip_pos + 4, header - 40 + len(part))
            at = tcp.ip_pos + 40
        struct.pack_into("!I", data, at + 4, (tcp.seq + start) & 0xFFFFFFFF)
        if start + size < len(payload):
            data[at + 13] &= ~9
        made.append(Frame(frame.ts + start, bytes(data + part), frame.link))
    return made


def in_step(frames: Sequence[Frame], clock: Sequence[Frame]) -> list[Frame]:
    """`frames` with the times of `clock`, so that another order has the same clock."""
    return [frame._replace(ts=other.ts) for frame, other in zip(frames, clock, strict=True)]


def ocsp_flows(frames: Sequence[Frame], messages: Sequence[dict[str, object]]) -> list[Frame]:
    """The frames of those connections that the corpus' truth file names."""
    wanted = set()
    for message in messages:
        ends = []
        for side in ("src", "dst"):
            address = int(ipaddress.ip_address(str(message[side])))
            ends.append((address >> 64, address & 0xFFFFFFFFFFFFFFFF, int(str(message[side[0] + "port"]))))
        wanted.add(frozenset(ends))
    return [frame for frame in frames if (tcp := inside(frame)) is not None and tcp.flow in wanted]


def ours() -> list[str]:
    """The recorded and crafted OCSP captures, by their path below pcaps/."""
    return sorted(str(path.relative_to(PCAPS)) for path in (PCAPS / "ocsp").glob("*.pcap"))


@functools.cache
def frames_of(name: str) -> tuple[Frame, ...]:
    """Of a capture below pcaps/, or of the OCSP connections of one of the corpus."""
    if (PCAPS / name).exists():
        return tuple(read(PCAPS / name))
    truth = json.loads((CORPUS / "ocsp_truth.json").read_text())
    return tuple(ocsp_flows(read(CORPUS / "captures" / name), truth[name]))


@functools.cache
def whole(name: str) -> Seen:
    """What the pipeline makes of the capture as it is."""
    return replay(frames_of(name))


def by_request(seen: Seen) -> dict[int, list[Exchange]]:
    """Exchanges by the time of their transaction."""
    groups: dict[int, list[Exchange]] = {}
    for exchange in seen.exchanges:
        groups.setdefault(exchange.group[1], []).append(exchange.what())
    return groups


def is_part_of(seen: Exchange, full: Exchange) -> bool:
    """May `seen` be what is left of `full` when something was lost? Everything it says, `full` says too."""
    if (seen.client, seen.server, seen.port) != (full.client, full.server, full.port):
        return False
    names = ("serial", "host", "method", "http_status", "response_status", "cert_status")
    return all(getattr(seen, name) in (None, getattr(full, name)) for name in names)


def made_up(seen: Seen, name: str) -> list[Exchange]:
    """What was told though the whole capture does not say it."""
    full = whole(name).exchanges
    return [told for told in seen.told() if not any(is_part_of(told, exchange) for exchange in full)]


CORPUS_CAPTURES = [
    "ntop_nDPI/tests/cfgs/default/pcap/http_invalid_server.pcap",
    "OISF_suricata-verify/tests/tls/tls-subjectaltname/input.pcap",
]
MORE = [
    "tcp/segments-200.pcap",
    "http/browsing.pcap",
    "http/pipelined.pcap",
    "http/chunked-octets.pcap",
    "ip/ipv6.pcap",
]


def captures() -> list[object]:
    """Their names: ours, and those of the corpus that hold OCSP."""
    needs = pytest.mark.needs("shared/corpus/captures")
    return [*ours(), *MORE, *(pytest.param(name, marks=needs) for name in CORPUS_CAPTURES)]
