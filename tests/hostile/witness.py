"""The whole pipeline over made-up frames, with a stranger's good exchange among them that must be told all the same.

    seen = watch(conversation(("c", get(b"/")), ("s", reply(b"x"))))
    assert "HTTP_bad_chunk_size" in seen.weirds

`watch` checks what holds for every row: frames and octets are accounted for, nothing went wrong inside, every line is
JSON of one line, and the exchange of the witness is in the logs, whole.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensor.capture.inputs import open_inputs
from sensor.capture.timeline import TimeLine
from sensor.ct.lookup import CtLookup
from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Accounts, Pipeline
from sensor.settings import Settings
from tests.conservation import unbalanced_at_end
from tests.flow import frames as wire
from tests.flow.frames import START, Frame, batches
from tests.flow.talk import MS, Ends
from tests.http.wire import post, reply
from tests.invariance.replay import inside
from tests.ocsp import wire as ocsp

SEGMENT = 1400
TYPE = b"Content-Type: application/ocsp-"
WITNESS_SERIAL = 0x57173E55
WITNESS = Ends("10.99.99.99", "198.51.100.99", 51111)


@dataclass(frozen=True)
class Watched:
    """`logs`: the records of each log, parsed. `weirds`: their names, one for each line."""

    logs: dict[str, list[dict[str, object]]]
    weirds: tuple[str, ...]
    accounts: Accounts
    pipeline: Pipeline

    def of(self, log: str) -> list[dict[str, object]]:
        """The records of one log, without those of the witness."""
        return [row for row in self.logs.get(log, []) if WITNESS.client not in (row.get("id.orig_h"), row.get("src"))]

    @property
    def exchanges(self) -> list[dict[str, object]]:
        return self.of("ocsp_exchange")

    @property
    def serials(self) -> list[object]:
        """Of all certificates asked about or answered for, as logged, the witness' left out."""
        return [row.get("serial_number") for row in self.exchanges]


def conversation(
    *said: tuple[str, bytes],
    ends: Ends | None = None,
    start: int = START,
    segment: int = SEGMENT,
    close: bool = True,
) -> list[Frame]:
    """A whole TCP connection: ("c", octets of the client), ("s", of the server), acknowledged; a frame a ms."""
    ends = ends or Ends()
    at = {True: ends.cisn, False: ends.sisn}
    made: list[Frame] = []

    def send(client: bool, flags: int, payload: bytes = b"") -> None:
        ports = (ends.cport, ends.sport) if client else (ends.sport, ends.cport)
        hosts = (ends.client, ends.server) if client else (ends.server, ends.client)
        ack = at[not client] if flags & wire.ACK else 0
        data = wire.tcp(*ports, at[client], ack, flags, payload)
        packet = wire.ip6(*hosts, data) if ":" in ends.client else wire.ip4(*hosts, data)
        made.append(Frame(start + len(made) * MS, wire.ethernet(packet)))
        at[client] = (at[client] + len(payload) + bool(flags & (wire.SYN | wire.FIN))) & 0xFFFFFFFF

    send(True, wire.SYN)
    send(False, wire.SYN | wire.ACK)
    send(True, wire.ACK)
    for who, octets in said:
        client = {"c": True, "s": False}[who]
        for place in range(0, len(octets), segment):
            send(client, wire.ACK | wire.PSH, octets[place : place + segment])
        send(not client, wire.ACK)
    if close:
        send(True, wire.FIN | wire.ACK)
        send(False, wire.FIN | wire.ACK)
        send(True, wire.ACK)
    return made


def asking(serial: int | bytes) -> bytes:
    """A POST that asks about a certificate."""
    return post(b"/", ocsp.request(ocsp.cert_id(serial)), TYPE + b"request")


def answering(serial: int | bytes, status: bytes = ocsp.GOOD) -> bytes:
    """The reply to it."""
    return reply(ocsp.response(ocsp.basic(ocsp.single(ocsp.cert_id(serial), status))), TYPE + b"response")


def exchange(serial: int | bytes, ends: Ends | None = None, start: int = START) -> list[Frame]:
    """An OCSP exchange on a connection of its own."""
    return conversation(("c", asking(serial)), ("s", answering(serial)), ends=ends, start=start)


def beside(frames: Sequence[Frame]) -> list[Frame]:
    """`frames` with those of the witness spread among them evenly, each as old as the frame before it."""
    own = exchange(WITNESS_SERIAL, WITNESS)
    made: list[Frame] = []
    step = max(len(frames) // len(own), 1)
    waiting = iter(own)
    for number, frame in enumerate(frames):
        made.append(frame)
        if number % step == 0:
            made += [other._replace(ts=frame.ts) for other in [next(waiting, None)] if other is not None]
    last = frames[-1].ts if frames else START
    return made + [other._replace(ts=last) for other in waiting]


def watch(
    frames: Sequence[Frame],
    settings: Settings | None = None,
    *,
    lookup: CtLookup | None = None,
    witness: bool = True,
    size: int = 0,
) -> Watched:
    """What the pipeline makes of `frames`, those of the witness among them unless `witness` is False.

    Raises:
        AssertionError: something that holds for every input does not.
    """
    settings = settings or Settings()
    given = beside(frames) if witness else list(frames)
    sink = MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    pipeline = Pipeline(settings, lookup or MemoryLookup(), writer, None)
    for batch in batches(given, size):
        pipeline.feed(batch)
    pipeline.finish()
    writer.close()
    seen = Watched(
        {log: parsed(data) for log, data in sink.data.items()},
        tuple(str(row["name"]) for row in sink.records("weird")),
        pipeline.accounts(),
        pipeline,
    )
    conserved(seen, len(given))
    if len(given) <= 2000:
        no_false_duplicates(seen, given)
    if witness:
        told = [row for row in seen.logs.get("ocsp_exchange", []) if row["id.orig_h"] == WITNESS.client]
        assert [(row["serial_number"], row["cert_status"]) for row in told] == [(f"{WITNESS_SERIAL:X}", "good")], told
    return seen


def parsed(data: bytes) -> list[dict[str, object]]:
    """The records of a log: one a line, in UTF-8 as Zeek writes it, no control character in it, keys once."""
    made = []
    assert not data or data.endswith(b"\n")
    for line in data.decode("utf-8").split("\n")[:-1]:
        assert not [mark for mark in line if unicodedata.category(mark) in ("Cc", "Cs", "Zl", "Zp")], line
        made.append(json.loads(line, object_pairs_hook=_once, parse_constant=_no_number))
    return made


def _no_number(text: str) -> object:
    raise AssertionError(f"{text} is not JSON")


def _once(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in pairs:
        assert key not in made, key
        made[key] = value
    return made


def conserved(seen: Watched, frames: int) -> None:
    """Every frame and every octet of payload went to exactly one place, and nothing raised."""
    assert not unbalanced_at_end(seen.pipeline.tracker)
    assert seen.accounts.frames == frames
    assert seen.pipeline.tracker.internal_errors == 0


def no_false_duplicates(seen: Watched, frames: Sequence[Frame]) -> None:
    """What came once is no repetition, and if it was told as a gap before, it was read all the same."""
    spans: dict[object, list[tuple[int, int]]] = {}
    total = spare = 0
    for frame in frames:
        tcp = inside(frame)
        if tcp is not None:
            spare += bool(tcp.flags & wire.SYN) or len(tcp.payload) == 1  # octets at a SYN's number; probes
        if tcp is not None and tcp.payload:
            total += len(tcp.payload)
            first = tcp.seq + bool(tcp.flags & wire.SYN)
            spans.setdefault((tcp.src, tcp.dst), []).append((first, first + len(tcp.payload)))
    if total != seen.accounts.payload_bytes:
        return  # some of it is in fragments
    once = 0
    for each in spans.values():
        reached = -1
        for first, last in sorted(each):
            once += max(last - max(first, reached), 0)
            reached = max(reached, last)
    assert seen.accounts.duplicate_bytes <= total - once + spare, "duplicate, of octets that came once"


def watch_files(*paths: Path, settings: Settings | None = None) -> tuple[Watched, TimeLine]:
    """The same over capture files; no witness is put in. What the source had to tell is among the weirds."""
    settings = settings or Settings()
    sink = MemorySink()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    pipeline = Pipeline(settings, MemoryLookup(), writer, None)
    source = open_inputs([str(path) for path in paths], settings.capture)
    pipeline.run(source)
    source.close()
    writer.close()
    seen = Watched(
        {log: parsed(data) for log, data in sink.data.items()},
        tuple(str(row["name"]) for row in sink.records("weird")),
        pipeline.accounts(),
        pipeline,
    )
    conserved(seen, source.frames)
    return seen, source
