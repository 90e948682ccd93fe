"""TCP conversations written down as scripts, played to a FlowTracker, and what its readers heard.

    heard = play('''
        c> S
        s> SA
        c> A
        c> A =100           # the next 100 octets of the client's stream
        c> A =50 lost       # sent, and not captured
        s> A
        c> FA
    ''')
    assert heard.told == "c 1-100, c gap 50, c FIN, s END"

A line is a segment: who sends (`c>` or `s>`), its flags (letters of SAFRPU, `.` for none), and any of

    =N          N octets of the sender's stream, each of them known by its place
    !N          N octets that are all others than those of the stream
    "text"      these octets (Python escapes)
    @N          sequence number: 0 is the SYN's, 1 the first octet's; else the next one
    ^N          acknowledgment number in the same count; else all that the other side has sent so far
    w=N         window
    cut=N       only N octets of the payload were captured
    +Ns         N seconds pass before it, else 1 ms (+-1s: the clock runs back)
    lost        sent, not captured
    forged      captured, not sent: the sender knows nothing of it
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from sensor.flow.conn import Connection
from sensor.flow.stream import END_OF_INPUT, FIN, IGNORE, RESET, TIMEOUT
from sensor.flow.tracker import FlowTracker
from sensor.settings import FlowSettings
from sensor.weird import FlowId, Weird
from tests.conservation import unbalanced, unbalanced_at_end
from tests.flow import frames as wire
from tests.flow.frames import START, Frame, S

MS = 1_000_000
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
_FLAGS = {"S": wire.SYN, "A": wire.ACK, "F": wire.FIN, "R": wire.RST, "P": wire.PSH, "U": wire.URG}
_ENDS = {FIN: "FIN", RESET: "RST", TIMEOUT: "TIMEOUT", END_OF_INPUT: "END"}


def stream(place: int, count: int, is_orig: bool = True) -> bytes:
    """Octets `place` to `place + count - 1` of a stream; no 250 octets in a row occur twice within 60,000."""
    start = 17 if is_orig else 131
    return bytes([((place + i) * 7 + (place + i) // 251 + start) % 256 for i in range(count)])


@dataclass(frozen=True)
class Segment:
    """`seq` and `ack` as on the wire. `from_client`: whose side of the Ends it is."""

    ts: int
    from_client: bool
    seq: int
    ack: int
    flags: int
    payload: bytes = b""
    window: int = 64240
    cut: int | None = None

    @property
    def captured(self) -> int:
        return len(self.payload) if self.cut is None else self.cut


@dataclass(frozen=True)
class Ends:
    """Who talks: addresses (both IPv4 or both IPv6) and ports, initial sequence numbers, and how frames are wrapped."""

    client: str = "10.20.0.31"
    server: str = "198.51.100.40"
    cport: int = 49152
    sport: int = 80
    cisn: int = 0x11223344
    sisn: int = 0x55667788
    vlan: int | None = None

    def frame(self, segment: Segment) -> Frame:
        src, dst, sport, dport = self.client, self.server, self.cport, self.sport
        if not segment.from_client:
            src, dst, sport, dport = dst, src, dport, sport
        data = wire.tcp(sport, dport, segment.seq, segment.ack, segment.flags, segment.payload, window=segment.window)
        packet = wire.ip6(src, dst, data) if ":" in src else wire.ip4(src, dst, data)
        kind = 0x86DD if ":" in src else 0x0800
        whole = (
            wire.ethernet(packet) if self.vlan is None else wire.ethernet(wire.vlan(self.vlan, kind, packet), 0x8100)
        )
        if segment.cut is None:
            return Frame(segment.ts, whole)
        return Frame(segment.ts, whole[: len(whole) - len(segment.payload) + segment.cut], 1, len(whole))


@dataclass
class _Side:
    isn: int
    next: int = 0  # what it sends next, 0 being its SYN


def parse(script: str, ends: Ends | None = None, start: int = START) -> list[Segment]:
    """The captured segments of a script."""
    ends = ends or Ends()
    sides = {True: _Side(ends.cisn), False: _Side(ends.sisn)}
    now = start
    made = []
    for raw in script.splitlines():
        line = raw.partition("#")[0] if '"' not in raw else raw
        words = _WORD.findall(line)
        if not words:
            continue
        from_client = {"c>": True, "s>": False}[words[0]]
        flags = 0
        for letter in words[1].replace(".", ""):
            flags |= _FLAGS[letter]
        me, other = sides[from_client], sides[not from_client]
        if me.next == 0 and not flags & wire.SYN:
            me.next = 1  # its SYN was not part of the script
        place, ack, window, cut, payload, step = me.next, None, 64240, None, b"", MS
        sized = None
        for word in words[2:]:
            if word[0] in "=!":
                sized = word
            elif word[0] == '"':
                payload = ast.literal_eval("b" + word)
            elif word[0] == "@":
                place = int(word[1:])
            elif word[0] == "^":
                ack = int(word[1:])
            elif word.startswith("w="):
                window = int(word[2:])
            elif word.startswith("cut="):
                cut = int(word[4:])
            elif word[0] == "+" and word.endswith("s"):
                step = int(float(word[1:-1]) * S)
            elif word not in {"lost", "forged"}:
                raise ValueError(f"{word!r} in {raw!r}")
        if sized is not None:
            first = place + bool(flags & wire.SYN)
            payload = stream(first, int(sized[1:]), from_client)
            if sized[0] == "!":
                payload = bytes(octet ^ 0x55 for octet in payload)
        now += step
        if ack is None:
            ack = max(other.next, 1) if flags & wire.ACK else -other.isn
        segment = Segment(now, from_client, me.isn + place, other.isn + ack, flags, payload, window, cut)
        if "forged" not in words:
            me.next = max(me.next, place + len(payload) + bool(flags & wire.SYN) + bool(flags & wire.FIN))
        if "lost" not in words:
            made.append(segment)
    return made


def frames_of(segments: Iterable[Segment], ends: Ends | None = None) -> list[Frame]:
    ends = ends or Ends()
    return [ends.frame(segment) for segment in segments]


Demand = Callable[["Recorder", bool, int], int]
"""(reader, is_orig, how many octets have passed in that direction) -> what it wants next, as StreamReader says."""


class Untouched:
    """What the readers of these tests have of StreamReader, and make nothing of."""

    valued = waits = False

    def kept(self) -> tuple[int, int]:
        return 0, 0

    def in_message(self) -> bool:
        return self.waits

    def asked(self) -> list[object]:
        return []

    def take_over(self, asked: list[object]) -> None:
        assert asked == []


class Recorder(Untouched):
    """A StreamReader that writes down what it is told, and holds its teller to the contract of StreamReader."""

    def __init__(self, flow: FlowId, probation: bool, demand: Demand | None = None, service: str | None = None) -> None:
        self.flow = flow
        self.probation = probation
        self.service = service
        self.demand = demand
        self.told: list[str] = []
        self.heard: dict[bool, list[tuple[int, bytes]]] = {True: [], False: []}
        self.gaps: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
        self.at = {True: 1, False: 1}
        self.wants = {True: 0, False: 0}
        self.ended: dict[bool, int] = {}
        self.times: list[int] = []
        self.last_data: dict[bool, int] = {}
        self.conflicts: list[bool] = []

    def _pass_skip(self, is_orig: bool, unskipped: int) -> None:
        wanted = self.wants[is_orig]
        assert is_orig not in self.ended, "told something after closed"
        assert wanted != IGNORE, "told something after IGNORE"
        assert 0 <= unskipped <= wanted, f"unskipped {unskipped} of {wanted}"
        if wanted:
            self.told.append(f"{'c' if is_orig else 's'} skipped {wanted - unskipped}")
            self.at[is_orig] += wanted - unskipped

    def _ask(self, is_orig: bool) -> int:
        self.wants[is_orig] = self.demand(self, is_orig, self.at[is_orig] - 1) if self.demand else 0
        return self.wants[is_orig]

    def data(self, is_orig: bool, chunk: bytes, ts: int) -> int:
        self._pass_skip(is_orig, 0)
        assert type(chunk) is bytes
        assert chunk or self.wants[is_orig], "an empty call that ends no skip"
        self.times.append(ts)
        place = self.at[is_orig]
        if chunk:
            self.heard[is_orig].append((place, chunk))
            self.at[is_orig] += len(chunk)
            known = chunk == stream(place, len(chunk), is_orig)
            said = f"{place}-{place + len(chunk) - 1}" if known else ascii(chunk.decode("latin-1"))
            self.told.append(f"{'c' if is_orig else 's'} {said}")
        return self._ask(is_orig)

    def gap(self, is_orig: bool, length: int, ts: int, unskipped: int) -> int:
        self._pass_skip(is_orig, unskipped)
        self.times.append(ts)
        if length == 0:
            assert self.at[is_orig] == 1, "what came before is known"
            self.told.append(f"{'c' if is_orig else 's'} midway")
            return self._ask(is_orig)
        assert length > 0
        self.gaps[is_orig].append((self.at[is_orig], length))
        self.at[is_orig] += length
        self.told.append(f"{'c' if is_orig else 's'} gap {length}")
        return self._ask(is_orig)

    def second(self, is_orig: bool, *_: object) -> Recorder:
        self.conflicts.append(is_orig)
        return self

    def unfinished(self, is_orig: bool) -> bool:  # noqa: ARG002  (it does not care)
        return self.waits

    def reopened(self, is_orig: bool, ts: int) -> None:
        self.times.append(ts)
        self.ended.pop(is_orig, None)
        self.told.append(f"{'c' if is_orig else 's'} reopened")

    def closed(self, is_orig: bool, how: int, ts: int, last_data_ts: int, unskipped: int) -> None:
        if self.wants[is_orig] != IGNORE:
            self._pass_skip(is_orig, unskipped)
        self.times.append(ts)
        assert is_orig not in self.ended, "closed twice"
        self.ended[is_orig] = how
        self.last_data[is_orig] = last_data_ts
        self.told.append(f"{'c' if is_orig else 's'} {_ENDS[how]}")

    def octets(self, is_orig: bool) -> bytes:
        """All octets of a direction one behind the other, a gap as nothing."""
        return b"".join(chunk for _, chunk in self.heard[is_orig])


_RANGE = re.compile(r"([cs]) (\d+)-(\d+)")


def joined(told: Sequence[str]) -> str:
    """A transcript in which what one direction said without a break is one entry."""
    entries: list[str] = []
    for entry in told:
        now = _RANGE.fullmatch(entry)
        before = _RANGE.fullmatch(entries[-1]) if entries else None
        if now and before and now[1] == before[1] and int(now[2]) == int(before[3]) + 1:
            entries[-1] = f"{now[1]} {before[2]}-{now[3]}"
        else:
            entries.append(entry)
    return ", ".join(entries)


@dataclass
class Heard:
    """What came out of a tracker; `end` has been called unless the test wants to look before."""

    tracker: FlowTracker
    out: list[object]
    readers: list[Recorder]
    payload: int = 0
    fed: list[Frame] = field(default_factory=list)

    @property
    def told(self) -> str:
        """The transcript of the only reader."""
        (reader,) = self.readers
        return joined(reader.told)

    def side(self, who: str) -> str:
        """The transcript of one direction of the only reader, without its letter."""
        (reader,) = self.readers
        own = joined([entry for entry in reader.told if entry[0] == who])
        return own.replace(who + " ", "")

    @property
    def conns(self) -> list[Connection]:
        return [item for item in self.out if isinstance(item, Connection)]

    @property
    def conn(self) -> Connection:
        (only,) = self.conns
        return only

    @property
    def weirds(self) -> list[str]:
        return [item.name for item in self.out if isinstance(item, Weird)]

    def feed(self, frames: Sequence[Frame], size: int = 0) -> Heard:
        number = len(self.fed)
        self.fed += frames
        for batch in wire.batches(frames, size):
            batch.number += number
            self.tracker.feed(batch)
        conserved(self.tracker)
        return self

    def end(self) -> Heard:
        self.tracker.finish()
        assert not unbalanced_at_end(self.tracker)
        for reader in self.readers:
            assert set(reader.ended) == {True, False}, f"closed {sorted(reader.ended)}"
        assert len(self.conns) == self.tracker.flows_seen
        return self


def conserved(tracker: FlowTracker) -> None:
    """Every frame and every payload octet went to exactly one place."""
    assert not unbalanced(tracker)


def listen(settings: FlowSettings | None = None, demand: Demand | None = None, service: str | None = None) -> Heard:
    """A tracker whose readers are Recorders."""
    out: list[object] = []
    readers: list[Recorder] = []

    def make_reader(flow: FlowId, probation: bool) -> Recorder:
        readers.append(Recorder(flow, probation, demand, service))
        return readers[-1]

    return Heard(FlowTracker(settings or FlowSettings(), make_reader, out), out, readers)


def play(
    script: str | Sequence[Segment],
    settings: FlowSettings | None = None,
    ends: Ends | None = None,
    demand: Demand | None = None,
    size: int = 0,
) -> Heard:
    """A whole conversation, to the end of the input. Every octet of payload in it is accounted for."""
    segments = parse(script, ends) if isinstance(script, str) else list(script)
    heard = listen(settings, demand).feed(frames_of(segments, ends), size).end()
    assert heard.tracker.reassembler.payload_bytes == sum(segment.captured for segment in segments)
    return heard


def moved(segments: Sequence[Segment], order: Sequence[int]) -> list[Segment]:
    """The segments in another order, on the clock ticks of the first ones of the new list."""
    clock = [segment.ts for segment in segments]
    while len(clock) < len(order):
        clock.append(clock[-1] + MS)
    return [replace(segments[index], ts=clock[place]) for place, index in enumerate(order)]


HANDSHAKE = "\nc> S\ns> SA\nc> A\n"
CLOSE = "\nc> FA\ns> A\ns> FA\nc> A\n"
TALK = HANDSHAKE + "c> A =100\ns> A =200\nc> A\n" + CLOSE


def tick(second: float, start: int = START) -> list[Frame]:
    """A frame of no flow, `second` seconds after `start`: packet time goes on."""
    return [Frame(start + int(second * S), wire.ethernet(bytes(28), 0x0806))]


def seats(count: int, script: str = HANDSHAKE, first: int = 1000, sport: int = 80) -> list[Frame]:
    """The same script from `count` ports, one conversation after the other, a millisecond apart."""
    frames = []
    for i in range(count):
        ends = Ends(cport=first + i, sport=sport)
        frames += frames_of(parse(script, ends, START + i * 10 * MS), ends)
    return frames
