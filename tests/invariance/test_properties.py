"""The promises that hold for every input, of the whole pipeline: any OCSP capture, changed in any way that is drawn.

tests/flow/test_properties.py has the same of the packet path, octet by octet; the other modules of this folder go
through all captures in ways that are fixed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.ct.memory import MemoryLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.settings import FlowSettings, HttpSettings, Settings
from tests.flow.frames import Frame, batches, ethernet, ip4, tcp
from tests.invariance.replay import MORE, cut, frames_of, in_step, inside, made_up, ours, replay, whole

CAPTURES = st.sampled_from([name for name in [*ours(), *MORE] if len(frames_of(name)) < 300])
SOME = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def at_places(frames: list[Frame], places: dict[int, list[Frame]]) -> list[Frame]:
    """`frames`, those of `places` behind the ones they are numbered by."""
    made: list[Frame] = []
    for number, frame in enumerate(frames):
        made += [frame, *places.get(number, ())]
    return made


@SOME
@given(CAPTURES, st.data())
def test_segmentation(name: str, data: st.DataObject) -> None:
    """Each segment cut at any size tells the same."""
    sizes = data.draw(st.lists(st.integers(1, 600), min_size=1, max_size=8))
    frames = [piece for n, frame in enumerate(frames_of(name)) for piece in cut(frame, sizes[n % len(sizes)])]
    assert replay(frames).told() == whole(name).told()


@SOME
@given(CAPTURES, st.data())
def test_duplication(name: str, data: st.DataObject) -> None:
    """Any frames any number of times, at once or up to five frames later."""
    frames = list(frames_of(name))
    chosen = data.draw(st.lists(st.tuples(st.integers(0, len(frames) - 1), st.integers(0, 5)), max_size=30))
    order = sorted([(n, 0, n) for n in range(len(frames))] + [(n + late, 1, n) for n, late in chosen])
    doubled = [frames[n] for _, _, n in order]
    clock = [frame._replace(ts=max(each.ts for each in doubled[: n + 1])) for n, frame in enumerate(doubled)]
    assert replay(in_step(doubled, clock)).told() == whole(name).told()


@SOME
@given(CAPTURES, st.booleans(), st.data())
def test_independence_of_directions(name: str, from_opener: bool, data: st.DataObject) -> None:
    """What is told of one direction does not depend on what the other one says: here on what of it was captured."""
    frames = frames_of(name)
    opener: dict[object, object] = {}
    kept = []
    for frame in frames:
        tcp_of = inside(frame)
        is_mine = tcp_of is not None and (opener.setdefault(tcp_of.flow, tcp_of.src) == tcp_of.src) == from_opener
        if is_mine or data.draw(st.booleans()):
            kept.append(frame)
    seen = replay(kept)
    asked = Counter(told.serial for told in whole(name).exchanges if told.evidence in {"request", "both"})
    answered = Counter((told.serial, told.cert_status) for told in whole(name).exchanges if told.cert_status)
    if from_opener:
        missing = asked - Counter(told.serial for told in seen.exchanges if told.evidence != "response")
    else:
        missing = answered - Counter((told.serial, told.cert_status) for told in seen.exchanges if told.cert_status)
    assert not missing


HOSTILE: list[Callable[[bytes, int], bytes]] = [
    lambda octets, _: octets,
    lambda octets, _: ethernet(octets or b"\x45"),
    lambda octets, port: ethernet(ip4("10.66.6.6", "198.51.100.40", octets, port & 255, ident=port, more=True)),
    lambda octets, port: ethernet(ip4("10.66.6.6", "198.51.100.40", tcp(port, 80, port * 7, 1, port & 63, octets))),
    lambda octets, port: ethernet(ip4("198.51.100.40", "10.66.6.6", tcp(80, port, port * 7, 1, port & 63, octets))),
]


@SOME
@given(CAPTURES, st.data())
def test_isolation(name: str, data: st.DataObject) -> None:
    """Any octets as frames, fragments and segments of strangers, anywhere: the capture's own exchanges are the same."""
    frames = list(frames_of(name))
    one = st.tuples(st.sampled_from(HOSTILE), st.binary(max_size=80), st.integers(1, 65535))
    places: dict[int, list[Frame]] = {}
    for at, (make, octets, port) in data.draw(st.lists(st.tuples(st.integers(0, len(frames) - 1), one), max_size=40)):
        places.setdefault(at, []).append(Frame(frames[at].ts, make(octets, port)))
    assert replay(at_places(frames, places)).told() == whole(name).told()


@SOME
@given(CAPTURES, st.data())
def test_prefix_stability(name: str, data: st.DataObject) -> None:
    """A capture that ends anywhere, within a frame or behind one, tells a part of what the whole one tells."""
    frames = list(frames_of(name))
    stop = data.draw(st.integers(1, len(frames)))
    last = frames[stop - 1]
    short = last._replace(data=last.data[: data.draw(st.integers(0, len(last.data)))], wirelen=len(last.data))
    before, after = replay(frames[: stop - 1]), replay([*frames[: stop - 1], short])
    assert made_up(before, name) == made_up(after, name) == []
    both = [told for told in before.told() if told.evidence == "both"]
    assert not Counter(both) - Counter(after.told())
    assert not Counter(both) - Counter(whole(name).told())


@st.composite
def damaged(draw: st.DrawFn) -> list[Frame]:
    """Frames of a capture lost, doubled, moved, cut and with octets changed."""
    frames = list(frames_of(draw(CAPTURES)))
    made = []
    for place in draw(st.lists(st.integers(0, len(frames) - 1), min_size=1, max_size=60)):
        frame = frames[place]
        octets = bytearray(frame.data)
        for at, value in draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=2)):
            octets[at % len(octets)] = value
        size = draw(st.integers(0, len(octets))) if draw(st.integers(0, 9)) == 0 else len(octets)
        made.append(frame._replace(data=bytes(octets[:size]), wirelen=max(len(octets), size)))
    return made


@SOME
@given(damaged())
def test_conservation(frames: list[Frame]) -> None:
    """Every frame has one outcome, and every octet of payload one end: `replay` adds them up."""
    seen = replay(frames)
    assert sum(seen.accounts.outcomes.values()) >= len(frames)
    assert seen.accounts.held_bytes == 0


@SOME
@given(damaged(), st.integers(1, 50))
def test_determinism(frames: list[Frame], size: int) -> None:
    """The same frames, in batches of any size: the same octets in every log."""
    assert replay(frames, size).logs == replay(frames).logs


TIGHT = Settings(
    flow=FlowSettings(
        max_flows=3,
        max_half_open=2,
        max_ooo_segments=3,
        max_ooo_bytes=500,
        hole_wait_bytes=500,
        max_reassembly_bytes=1000,
        max_fragment_datagrams=2,
    ),
    http=HttpSettings(max_pending=2),
)


@SOME
@given(damaged(), st.data())
def test_boundedness(frames: list[Frame], data: st.DataObject) -> None:
    """At limits that are reached soon, behind each batch every table is within its own; nothing raises."""
    flow = TIGHT.flow
    pipeline = Pipeline(TIGHT, MemoryLookup(), LogWriter(TIGHT.logs, flow.local_nets, MemorySink()), None)
    tracker = pipeline.tracker
    for part in batches(frames, data.draw(st.integers(1, 5))):
        pipeline.feed(part)
        assert len(tracker.flows) <= flow.max_flows
        assert tracker.unanswered <= flow.max_half_open
        assert tracker.reassembler.total_held <= flow.max_reassembly_bytes
        assert len(tracker.defragmenter.pending) <= flow.max_fragment_datagrams
        for each in tracker.flows.values():
            for end in (each.orig, each.resp):
                assert len(end.held or ()) <= flow.max_ooo_segments
                assert end.held_bytes <= flow.hole_wait_bytes
    pipeline.finish()
    assert tracker.internal_errors == 0
