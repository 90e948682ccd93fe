"""The promises of the packet path that hold for any traffic (hostile-input.md, end of section 5)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.settings import FlowSettings
from tests.flow.frames import ACK, FIN, START, SYN, Frame
from tests.flow.talk import MS, Ends, Heard, Recorder, Segment, frames_of, joined, listen, stream

ROUNDS = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=4)
ISNS = st.sampled_from([0, 1, 0x11223344, 0x7FFFFF80, 0xFFFFFF00, 0xFFFFFFFF])
MIXED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def talks(draw: st.DrawFn) -> tuple[Ends, list[Segment]]:
    """Questions and answers, each in segments of any size, acknowledged now and then; opened and closed."""
    ends = Ends(cport=draw(st.integers(30000, 65535)), cisn=draw(ISNS), sisn=draw(ISNS))
    made: list[Segment] = []
    place = {True: 0, False: 0}
    isn = {True: ends.cisn, False: ends.sisn}

    def send(who: bool, flags: int, count: int = 0) -> None:
        ack = isn[not who] + place[not who] if flags & ACK else 0
        payload = stream(place[who], count, who) if count else b""
        ts = START + (len(made) + 1) * MS
        made.append(Segment(ts, who, isn[who] + place[who], ack, flags, payload))
        place[who] += count + bool(flags & SYN) + bool(flags & FIN)

    send(True, SYN)
    send(False, SYN | ACK)
    send(True, ACK)
    for asked, answered in draw(ROUNDS):
        for who, count in ((True, asked), (False, answered)):
            left = count
            while left:
                part = draw(st.integers(1, left))
                send(who, ACK, part)
                left -= part
                if draw(st.booleans()):
                    send(not who, ACK)
    for who in (True, False):
        send(who, FIN | ACK)
        send(not who, ACK)
    return ends, made


def clocked(segments: Sequence[Segment], step: int = MS) -> list[Segment]:
    """The same, on a clock that goes on evenly in their order."""
    return [replace(segment, ts=START + (i + 1) * step) for i, segment in enumerate(segments)]


def hear(segments: Sequence[Segment], ends: Ends, limits: FlowSettings | None = None) -> Heard:
    return listen(limits).feed(frames_of(segments, ends)).end()


def total(segments: Sequence[Segment], who: bool) -> int:
    return sum(len(segment.payload) for segment in segments if segment.from_client == who)


def all_of(heard: Heard, segments: Sequence[Segment]) -> None:
    """The only reader has every octet of both sides once, in its place, and no gap."""
    (reader,) = heard.readers
    for who in (True, False):
        assert reader.octets(who) == stream(1, total(segments, who), who)
        assert reader.gaps[who] == []


@MIXED
@given(talks())
def test_t1_any_segmentation(talk: tuple[Ends, list[Segment]]) -> None:
    ends, segments = talk
    heard = hear(segments, ends)
    all_of(heard, segments)
    assert heard.readers[0].ended == {True: 0, False: 0}
    assert heard.tracker.reassembler.duplicate_bytes == heard.tracker.reassembler.discards.total == 0
    assert (heard.conn.conn_state, heard.conn.missed_bytes, heard.weirds) == ("SF", 0, [])


@MIXED
@given(talks(), st.data())
def test_t1_any_duplication(talk: tuple[Ends, list[Segment]], data: st.DataObject) -> None:
    """Copies of any segments, any number of segments later."""
    ends, segments = talk
    order = list(enumerate(segments))
    for place, segment in list(order):
        if data.draw(st.integers(0, 3)) == 0 and not segment.flags & SYN:
            order.append((place + data.draw(st.integers(0, 12)), segment))
    order.sort(key=lambda entry: entry[0])
    copied = clocked([segment for _, segment in order])
    heard = hear(copied, ends)
    all_of(heard, segments)
    extra = sum(len(segment.payload) for segment in copied) - sum(len(segment.payload) for segment in segments)
    counts = heard.tracker.reassembler
    assert counts.duplicate_bytes + counts.discards.total == extra


@MIXED
@given(talks(), st.data())
def test_t1_t18_any_reordering(talk: tuple[Ends, list[Segment]], data: st.DataObject) -> None:
    """Each segment up to six places from its own, whichever direction it is of."""
    ends, segments = talk
    keys = [i + data.draw(st.integers(0, 6)) for i in range(3, len(segments))]
    moved = segments[:3] + [segments[3 + i] for i in sorted(range(len(keys)), key=lambda i: (keys[i], -i))]
    heard = hear(clocked(moved), ends)
    all_of(heard, segments)


@MIXED
@given(talks(), st.data())
def test_t1_resent_in_other_pieces(talk: tuple[Ends, list[Segment]], data: st.DataObject) -> None:
    """Retransmissions that begin and end anywhere in what was sent."""
    ends, segments = talk
    more: list[Segment] = []
    sent = {True: 1, False: 1}
    for segment in segments:
        more.append(segment)
        who = segment.from_client
        sent[who] += len(segment.payload)
        if segment.payload and data.draw(st.booleans()):
            first = data.draw(st.integers(1, sent[who] - 1))
            count = data.draw(st.integers(1, sent[who] - first))
            isn = ends.cisn if who else ends.sisn
            more.append(replace(segment, seq=isn + first, payload=stream(first, count, who)))
    heard = hear(clocked(more), ends)
    all_of(heard, segments)
    assert heard.weirds == []


@MIXED
@given(talks(), st.data())
def test_t4_losses_are_gaps_at_exactly_their_places(talk: tuple[Ends, list[Segment]], data: st.DataObject) -> None:
    ends, segments = talk
    lost = data.draw(st.sets(st.integers(3, len(segments) - 1)))
    heard = hear([segment for i, segment in enumerate(segments) if i not in lost], ends)
    there: dict[bool, set[int]] = {True: set(), False: set()}
    for i, segment in enumerate(segments):
        isn = ends.cisn if segment.from_client else ends.sisn
        place = (segment.seq - isn) & 0xFFFFFFFF
        if i not in lost:
            there[segment.from_client] |= set(range(place, place + len(segment.payload)))
    if not heard.readers:
        assert not there[True] | there[False]
        return
    (reader,) = heard.readers
    for who in (True, False):
        heard_places: set[int] = set()
        for place, chunk in reader.heard[who]:
            assert chunk == stream(place, len(chunk), who), "invented, or at another place"
            heard_places |= set(range(place, place + len(chunk)))
        assert heard_places == there[who], "everything seen is told"
        missing = {place + i for place, length in reader.gaps[who] for i in range(length)}
        assert not missing & heard_places
        edge = max(heard_places, default=0)
        assert set(range(1, edge + 1)) == {place for place in heard_places | missing if place <= edge}
        fin_lost = any(i in lost for i, s in enumerate(segments) if s.from_client == who and s.flags & FIN)
        # A FIN that was acknowledged and not seen is an octet like any other, to those who did not see it.
        assert max(missing, default=0) <= total(segments, who) + fin_lost, "no gap behind the end"


@MIXED
@given(talks(), st.data())
def test_any_losses_any_order_any_limits(talk: tuple[Ends, list[Segment]], data: st.DataObject) -> None:
    """Small limits, segments lost, doubled and far out of order: told octets are right, and limits hold."""
    ends, segments = talk
    limits = FlowSettings(
        max_ooo_segments=data.draw(st.integers(1, 6)),
        hole_wait_bytes=data.draw(st.integers(1, 300)),
        max_reassembly_bytes=data.draw(st.sampled_from([100, 10_000])),
        reorder_wait_s=data.draw(st.sampled_from([0.0, 0.003, 1.0])),
    )
    order = data.draw(st.lists(st.integers(0, len(segments) - 1), max_size=60))
    heard = listen(limits)
    for segment in clocked([segments[i] for i in order]):
        heard.feed([ends.frame(segment)])
        for flow in heard.tracker.flows.values():
            for end in (flow.orig, flow.resp):
                assert len(end.held or ()) <= limits.max_ooo_segments
                assert end.held_bytes <= limits.hole_wait_bytes
            assert flow.late is None or flow.late.size <= limits.hole_wait_bytes
        assert heard.tracker.reassembler.total_held <= limits.max_reassembly_bytes
    heard.end()


def transcripts(heard: Heard) -> dict[int, list[str]]:
    """What was told, by the client's port."""
    return {reader.flow.orig_p: reader.told for reader in heard.readers}


@MIXED
@given(talks(), talks(), st.randoms(use_true_random=False))
def test_isolation(one: tuple[Ends, list[Segment]], other: tuple[Ends, list[Segment]], dice: random.Random) -> None:
    """A flow hears the same whatever else is in the capture: here another flow, hostile in order and content."""
    ends, segments = one
    stranger = replace(other[0], client="10.66.6.6")
    hostile = [stranger.frame(dice.choice(other[1])) for _ in range(30)]
    mine = [ends.frame(segment) for segment in segments]
    frames: list[Frame] = []
    while mine or hostile:
        pile = hostile if not mine or (hostile and dice.random() < 0.5) else mine
        frames.append(pile.pop(0)._replace(ts=START + len(frames) * 1000))
    alone = hear(segments, ends)
    together = listen().feed(frames).end()
    here = [reader for reader in together.readers if reader.flow.orig_h == ends.client]
    assert [joined(reader.told) for reader in here] == [joined(reader.told) for reader in alone.readers]
    conns = [conn for conn in together.conns if conn.flow.orig_h == ends.client]
    assert [(conn.conn_state, conn.history, conn.orig_bytes) for conn in conns] == [
        (conn.conn_state, conn.history, conn.orig_bytes) for conn in alone.conns
    ]


@MIXED
@given(talks(), st.data())
def test_prefix_stability(talk: tuple[Ends, list[Segment]], data: st.DataObject) -> None:
    """A capture that ends early tells the beginning of what the whole one tells, and then the end."""
    ends, segments = talk
    cut = data.draw(st.integers(1, len(segments)))
    whole, part = hear(segments, ends), hear(segments[:cut], ends)
    if part.readers:
        (reader,) = part.readers
        told = [entry for entry in reader.told if not entry.endswith("END")]
        assert told == whole.readers[0].told[: len(told)]
        assert reader.flow == whole.readers[0].flow


@MIXED
@given(talks())
def test_each_direction_alone(talk: tuple[Ends, list[Segment]]) -> None:
    ends, segments = talk
    for who in (True, False):
        heard = hear([segment for segment in segments if segment.from_client == who], ends)
        (reader,) = heard.readers
        assert reader.octets(who) == stream(1, total(segments, who), who)
        assert reader.heard[not who] == []
        assert heard.tracker.reassembler.gap_bytes == 0 or reader.gaps[not who]


@MIXED
@given(talks(), st.integers(1, 9), st.integers(0, 2**64 - 1))
def test_determinism(talk: tuple[Ends, list[Segment]], size: int, seed: int) -> None:
    """The same frames give the same output, however they are cut into batches and whatever the table's seed."""
    ends, segments = talk
    frames = frames_of(segments, ends)
    one = listen().feed(frames).end()
    other = listen()
    other.tracker.seed = seed
    other.feed(frames, size).end()
    assert one.out == other.out
    assert transcripts(one) == transcripts(other)


@MIXED
@given(talks(), st.data())
def test_demands_do_not_change_what_passes(talk: tuple[Ends, list[Segment]], data: st.DataObject) -> None:
    """A reader that skips is at the same place afterwards as one that listens."""
    ends, segments = talk
    wants = data.draw(st.lists(st.sampled_from([0, 0, 1, 5, 50, 500]), min_size=1, max_size=20))

    def demand(_: Recorder, __: bool, passed: int) -> int:
        return wants[passed % len(wants)]

    heard = listen(demand=demand).feed(frames_of(segments, ends)).end()
    (reader,) = heard.readers
    for who in (True, False):
        assert reader.at[who] - 1 == total(segments, who)
        for place, chunk in reader.heard[who]:
            assert chunk == stream(place, len(chunk), who)
