"""Rows T1 to T19: TCP as nobody means it, through the whole pipeline. tests/flow has the same, octet by octet."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import pytest

from sensor.settings import FlowSettings, HttpSettings, Settings
from tests.flow import frames as wire
from tests.flow.frames import START, Frame
from tests.flow.talk import MS, Ends, frames_of, parse
from tests.hostile.rows import Guard, Row
from tests.hostile.witness import Watched, answering, asking, conversation, exchange, watch
from tests.http.wire import get, post, reply
from tests.invariance.replay import inside
from tests.ocsp import wire as ocsp

ROWS = {
    "T1": Row(
        "any segmentation, order and doubling",
        ("flow.max_ooo_segments",),
        ("duplicate_bytes",),
        guards=(
            Guard(
                "sensor/flow/reassembly.py",
                "        self.hold(flow, end, rel, pos, length, ts)\n        self.drain",
                "        self.drain",
            ),
        ),
    ),
    "T2": Row(
        "sequence numbers that wrap inside a message",
        guards=(Guard("sensor/flow/seq.py", "((a - b + _HALF) & _MASK) - _HALF", "a - b"),),
    ),
    "T3": Row(
        "a second copy that says otherwise",
        ("http.max_second_reading_bytes",),
        ("rexmit_inconsistency", "HTTP_second_reading_cut", "ambiguous: tcp"),
        guards=(
            Guard("sensor/flow/reassembly.py", 'self.weird(flow, ts, "rexmit_inconsistency")', "pass"),
            Guard("sensor/flow/copies.py", "if forked is not reader:", "if False:"),
            Guard("sensor/flow/copies.py", "for at, octets in reversed(others or ()):", "for at, octets in ():"),
            Guard("sensor/flow/copies.py", "!= octets[start - at : stop - at]:", "is None:"),
            Guard("sensor/flow/delivery.py", "            end.recent = join_up(end.recent)\n", "            pass\n"),
            Guard("sensor/http/reader.py", "            both.refuse(ts)\n", "            pass\n"),
            Guard("sensor/flow/reassembly.py", "if self.total_recent > self.max_recent:", "if True:"),
            Guard("sensor/http/second.py", "if self._budget < 0 or", "if"),
        ),
    ),
    "T4": Row(
        "a lost segment, anywhere",
        ("flow.hole_wait_bytes", "flow.hole_wait_s"),
        ("missed_bytes", "gap_bytes"),
        guards=(
            Guard("sensor/flow/reassembly.py", "flow.late.lose(end, first, end.next_rel, ts)", "pass"),
            Guard("sensor/flow/reassembly.py", "or self.waited(end.hole_since, ts) > self.hole_ns", "or False"),
            Guard(
                "sensor/flow/reassembly.py",
                "            end.held_bytes > self.hole_bytes\n            or len(",
                "            len(",
            ),
        ),
    ),
    "T5": Row(
        "acknowledged and never seen",
        ("flow.reorder_wait_s", "flow.max_ooo_segments"),
        ("missed_bytes", "gap_bytes"),
        guards=(
            Guard("sensor/flow/reassembly.py", "self.give_up(flow, end, rel, True, ts)", "pass"),
            Guard("sensor/flow/delivery.py", "(since >= 0 and self.waited(since, ts) > self.reorder_ns)", "False"),
            Guard("sensor/flow/delivery.py", "or len(late.pieces) > self.max_held_segments", "or False"),
            Guard("sensor/flow/lost.py", "    if lost is None:\n", "    if True:\n"),
        ),
    ),
    "T6": Row(
        "one direction only",
        counters=("possible_split_routing",),
        guards=(
            Guard("sensor/flow/tcp.py", 'self.reassembler.weird(flow, ts, "possible_split_routing")', "pass"),
            Guard(
                "sensor/flow/tcp.py",
                "            if peer.state == _INACTIVE:\n                rel_ack",
                "            if False:\n                rel_ack",
            ),
        ),
    ),
    "T7": Row(
        "a capture that begins midway",
        ("http.max_search_bytes",),
        ("HTTP_search_cut",),
        (
            Guard("sensor/flow/delivery.py", "if first > 1 or flow.partial:", "if first > 1:"),
            Guard(
                "sensor/http/reader.py",
                "            if begins_message(data, pos, side.is_orig):",
                "            if False:",
            ),
        ),
    ),
    "T8": Row(
        "data with the SYN: kept, ignored and sent again",
        counters=("SYN_with_data",),
        guards=(
            Guard("sensor/flow/tcp.py", "                if flags & _SYN:\n                    rel += 1\n", ""),
            Guard("sensor/flow/tcp.py", 'self.reassembler.weird(flow, ts, "SYN_with_data")', "pass"),
        ),
    ),
    "T9": Row(
        "simultaneous open, split handshake, SYN and SYN/ACK again and again",
        counters=("simultaneous_open",),
        guards=(Guard("sensor/flow/tcp.py", 'self.reassembler.weird(flow, ts, "simultaneous_open")', "flow.flip()"),),
    ),
    "T10": Row(
        "RST outside the window, inside it, and before the answer",
        counters=("data_after_reset", "ambiguous: tcp"),
        guards=(
            Guard("sensor/flow/tcp.py", "if (end.rst_cnt or peer.rst_cnt) and rel", "if False and rel"),
            Guard("sensor/flow/tcp.py", "if not flags & _RST and not underflow:", "if end.state != _RESET:"),
        ),
    ),
    "T11": Row(
        "data behind FIN, FIN twice, half close, RST with data",
        ("flow.close_linger_s", "flow.unfinished_wait_s"),
        ("data_after_FIN", "ambiguous: tcp"),
        guards=(
            Guard(
                "sensor/flow/tcp.py",
                "flow.delete_at = flow.last_ts + self.linger_ns",
                "flow.delete_at = flow.last_ts + 1",
            ),
            Guard(
                "sensor/flow/reassembly.py",
                "if end.over and not self.goes_on(flow, end, rel, pos, length, ts):",
                "if end.over:",
            ),
            Guard("sensor/flow/tracker.py", "flow.over\n            or ts >= until", "flow or ts >= until"),
        ),
    ),
    "T13": Row(
        "keep-alives, zero-window probes, a window that shrinks",
        guards=(Guard("sensor/flow/tcp.py", "end.zero_cnt += 1", "peer.state = _RESET"),),
    ),
    "T14": Row(
        "urgent data",
        counters=("TCP_urgent_data",),
        guards=(
            Guard("sensor/flow/tcp.py", "if flags & _URG and not flags & _SYN and", "if False and"),
            Guard(
                "sensor/flow/tcp.py",
                "length = packet.payload_len\n",
                "length = 0 if flags & _URG else packet.payload_len\n",
                "urgent octets are no part of the stream",
            ),
        ),
    ),
    "T15": Row(
        "a port used again",
        ("flow.close_linger_s",),
        ("active_connection_reuse",),
        guards=(
            Guard(
                "sensor/flow/tcp.py",
                "flow.delete_at = flow.last_ts + self.linger_ns",
                "flow.delete_at = flow.last_ts + 1",
            ),
            Guard(
                "sensor/flow/tracker.py",
                "elif _RESET not in {flow.orig.state, flow.resp.state}:",
                "else:\n            return False\n        if True:",
            ),
        ),
    ),
    "T16": Row(
        "any source port",
        guards=(
            Guard(
                "sensor/flow/tracker.py",
                "            not half_open\n            and flow.orig_p in _SERVER_PORTS\n            and (",
                "            flow.orig_p in _SERVER_PORTS\n            and (True or ",
                "who has a server's port is one, whoever sent the SYN",
            ),
        ),
    ),
    "T17": Row(
        "tuples that look alike: sides exchanged, the same port, the same host at both ends",
        guards=(Guard("sensor/flow/tracker.py", "and flow.orig_p == packet.sport", "and flow.resp_p == packet.dport"),),
    ),
    "T18": Row(
        "a reply before its request",
        limits=("flow.reorder_wait_s",),
        guards=(Guard("sensor/flow/reassembly.py", "placed = 0 if late is None else late", "placed = 0 and late"),),
    ),
    "T19": Row(
        "data far ahead",
        ("flow.max_ooo_bytes",),
        ("segment_out_of_window", "ambiguous: tcp"),
        guards=(
            Guard("sensor/flow/reassembly.py", "if rel - end.next_rel > _FAR:", "if False:"),
            Guard(
                "sensor/flow/delivery.py", "            lose(flow, end, first, first + length)\n", "            pass\n"
            ),
            Guard("sensor/flow/lost.py", "        torn = _last_of(end.recent) if known else None\n", ""),
        ),
    ),
}
A, B = 0x0BADCAFE, 0x0C0FFEE0
Q, R = asking(A), answering(A)
BOTH = [("0BADCAFE", "good"), ("0C0FFEE0", "good")]
SHAKE = "c> S\ns> SA\nc> A\n"
BYE = "\nc> FA\ns> A\ns> FA\nc> A"


def lit(octets: bytes) -> str:
    """As a word of a script."""
    return '"' + "".join(f"\\x{octet:02x}" for octet in octets) + '"'


def said(script: str, ends: Ends | None = None, settings: Settings | None = None) -> Watched:
    return watch(frames_of(parse(script, ends), ends), settings)


def told(seen: Watched) -> list[tuple[object, object]]:
    return sorted(((str(row.get("serial_number")), row.get("cert_status")) for row in seen.exchanges), key=repr)


def two(segment: int = 100, ends: Ends | None = None) -> list[Frame]:
    """Two exchanges on one connection."""
    talk = (("c", Q), ("s", R), ("c", asking(B)), ("s", answering(B)))
    return conversation(*talk, segment=segment, ends=ends)


def in_time(frames: Iterable[Frame]) -> list[Frame]:
    """One frame a millisecond, in the order given."""
    return [frame._replace(ts=START + number * MS) for number, frame in enumerate(frames)]


@pytest.mark.parametrize("segment", [1, 2, 7, 100])
def test_t1_any_segmentation(segment: int) -> None:
    assert told(watch(two(segment))) == BOTH


@pytest.mark.parametrize("seed", range(20))
def test_t1_any_order_and_doubling(seed: int) -> None:
    """Segments up to six places early or late, one in three of them two or three times."""
    dice = random.Random(seed)
    frames = [frame for frame in two(40) for _ in range(dice.choice((1, 1, 2, 3)))]
    order = sorted(range(len(frames)), key=lambda place: place + dice.random() * 6)
    assert told(watch(in_time(frames[place] for place in order))) == BOTH


@pytest.mark.parametrize("before", [1, 2, 50, 150, 400])
def test_t2_numbers_that_wrap(before: int) -> None:
    ends = Ends(cisn=2**32 - before, sisn=2**32 - 2 * before)
    assert told(watch(two(30, ends))) == BOTH


SHAPES = ((-40, 40), (-40, 80), (-40, 160), (0, 30), (0, 60), (0, 90), (20, 20), (20, 40), (20, 90), (60, 30))


Q2 = asking(B)


def doubts(seen: Watched) -> dict[object, object]:
    return {row.get("serial_number"): row.get("ambiguous") for row in seen.exchanges}


def test_t3_a_second_copy_is_decoded_too() -> None:
    """The same request with another serial number: both are told, and that it is not known which was heard."""
    seen = said(f"{SHAKE}c> A {lit(Q)}\nc> A @1 {lit(Q2)} forged\ns> A {lit(R)}{BYE}")
    assert doubts(seen) == {"0BADCAFE": ["tcp"], "0C0FFEE0": ["tcp"]}
    assert [row["evidence"] for row in seen.exchanges if row["serial_number"] == "0C0FFEE0"] != []
    assert "rexmit_inconsistency" in seen.weirds


def test_t3_in_pieces_and_half_of_it_later() -> None:
    """The conflict is in the middle; what follows it comes once and belongs to both readings."""
    cut = len(Q) - 2
    script = f"c> A {lit(Q[:40])}\nc> A {lit(Q[40:cut])}\nc> A @41 {lit(Q2[40:cut])} forged\nc> A {lit(Q[cut:])}"
    seen = said(f"{SHAKE}{script}\ns> A {lit(R)}\nc> A {lit(asking(7))}\ns> A {lit(answering(7))}{BYE}")
    told_serials = [row["serial_number"] for row in seen.exchanges]
    assert sorted(map(str, told_serials)) == ["07", "0BADCAFE", "0C0FCAFE"]
    assert doubts(seen)["0BADCAFE"] == ["tcp"]
    assert (doubts(seen)["0C0FCAFE"], doubts(seen)["07"]) == (["tcp"], None)


def test_t3_a_reply_in_two_copies() -> None:
    other = answering(A, ocsp.UNKNOWN)
    seen = said(f"{SHAKE}c> A {lit(Q)}\ns> A {lit(R)}\ns> A @1 {lit(other)} forged\nc> A{BYE}")
    assert {row["cert_status"] for row in seen.exchanges} == {"good", "unknown"}
    assert ["tcp"] in [row.get("ambiguous") for row in seen.exchanges]


def test_t3_two_readings_are_bounded() -> None:
    settings = Settings(http=HttpSettings(max_second_reading_bytes=100))
    script = f"{SHAKE}c> A {lit(Q)}\nc> A @1 {lit(Q2)} forged\ns> A {lit(R)}\n"
    seen = said(f"{script}c> A {lit(asking(7))}\ns> A {lit(answering(7))}{BYE}", settings=settings)
    assert "HTTP_second_reading_cut" in seen.weirds
    assert told(seen)[0] == ("07", "good")


def cuts(octets: bytes, at: tuple[int, ...]) -> list[tuple[int, bytes]]:
    """In pieces, each with its sequence number."""
    return [(1 + low, octets[low:high]) for low, high in itertools.pairwise((0, *at, len(octets)))]


RUBBISH = {
    "rubbish": bytes(octet ^ 0x55 for octet in Q),
    "a request": (b"GET / HTTP/1.1\r\nX: " * 50)[: len(Q)],
    "another": Q2,
}


@pytest.mark.parametrize("forged", RUBBISH)
@pytest.mark.parametrize(
    "at", [(1,), (20,), (80,), (130,), (160,), (60, len(Q) - 40), tuple(range(10, len(Q), 10))], ids=str
)
def test_t3_the_true_one_in_pieces(forged: str, at: tuple[int, ...]) -> None:
    """A forged copy of the whole, then the true one in several segments: the latest copies are one reading."""
    pieces = "".join(f"c> A @{place} {lit(octets)}\n" for place, octets in cuts(Q, at))
    seen = said(f"{SHAKE}c> A @1 {lit(RUBBISH[forged])} forged\n{pieces}s> A {lit(R)}{BYE}")
    asked = {row["serial_number"]: row for row in seen.exchanges if row["evidence"] != "response"}
    assert asked["0BADCAFE"]["ambiguous"] == ["tcp"]


@pytest.mark.parametrize("octets", [1, 10, 60])
@pytest.mark.parametrize("forged", RUBBISH)
@pytest.mark.parametrize("whose", ["c", "s"])
def test_t3_one_that_reaches_into_the_next(whose: str, forged: str, octets: int) -> None:
    """Over the end of what came and what is to come: the receiver takes all of it or none."""
    text = Q if whose == "c" else R
    lie = (RUBBISH[forged] * 3)[: len(text)]
    at = text.index(b"\r\n\r\n") + 4
    pieces = (
        f"{whose}> A @1 {lit(text[:at])}\n{whose}> A @{1 + at - octets} {lit(lie[at - octets :])} forged\n"
        f"{whose}> A @{1 + at} {lit(text[at:])}\n"
    )
    seen = said(SHAKE + (f"{pieces}s> A @1 {lit(R)}{BYE}" if whose == "c" else f"c> A {lit(Q)}\n{pieces}c> A{BYE}"))
    assert ("0BADCAFE", "good", ["tcp"]) in [
        (row["serial_number"], row.get("cert_status"), row.get("ambiguous")) for row in seen.exchanges
    ]
    asked = {row["serial_number"]: row for row in seen.exchanges if row["evidence"] != "response"}
    assert asked["0BADCAFE"]["evidence"] == "both"


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("first", [True, False])
def test_t3_in_many_small_segments(size: int, first: bool) -> None:
    """One octet of the serial number is forged, in the segment that comes before the true one, or behind it."""
    lie = Q[:-1] + bytes([Q[-1] ^ 0x55])
    places = cuts(Q, tuple(range(size, len(Q), size)))
    at, octets = places[-1]
    forged = f"c> A @{at} {lit(lie[at - 1 :][: len(octets)])} forged\n"
    true = "".join(f"c> A @{place} {lit(piece)}\n" for place, piece in places[:-1])
    last = f"c> A @{at} {lit(octets)}\n"
    seen = said(f"{SHAKE}{true}{forged + last if first else last + forged}s> A @1 {lit(R)}{BYE}")
    asked = {row["serial_number"]: row for row in seen.exchanges if row["evidence"] != "response"}
    assert asked["0BADCAFE"]["evidence"] == "both"
    assert asked["0BADCAFE"]["ambiguous"] == ["tcp"]


def test_t3_of_a_message_whose_beginning_is_not_kept() -> None:
    """A head and body of more than a window: what the other copy is of cannot be read again, which is said."""
    text = Q.partition(b"\r\n")[0] + b"\r\nContent-Type: application/ocsp-request\r\nContent-Length: 90000\r\n\r\n"
    text += b"x" * 90000
    pieces = "".join(f"c> A @{at} {lit(octets)}\n" for at, octets in cuts(text, tuple(range(1400, len(text), 1400))))
    seen = said(f"{SHAKE}{pieces}c> A @{len(text) - 10} {lit(b'y' * 10)} forged\ns> A @1 {lit(R)}{BYE}")
    assert "HTTP_second_reading_cut" in seen.weirds


def test_t3_each_half_in_two_copies() -> None:
    halves = "".join(
        f"c> A @{place} {lit(bytes(len(octets)))} forged\nc> A @{place} {lit(octets)}\n"
        for place, octets in cuts(Q, (80,))
    )
    seen = said(f"{SHAKE}{halves}s> A {lit(R)}{BYE}")
    assert doubts(seen) == {"0BADCAFE": ["tcp"]}


def test_t3_pieces_above_a_hole() -> None:
    """Nobody reads yet when the copies differ; there is more than one conflict."""
    pieces = "".join(f"c> A @{place} {lit(octets)}\n" for place, octets in cuts(Q, (100, 130)))
    seen = said(f"{SHAKE}c> A @2 {lit(b'z' * (len(Q) - 1))} forged\n{pieces}s> A {lit(R)}{BYE}")
    asked = {row["serial_number"]: row for row in seen.exchanges if row["evidence"] != "response"}
    assert asked["0BADCAFE"]["ambiguous"] == ["tcp"]


@pytest.mark.parametrize("forged", RUBBISH)
@pytest.mark.parametrize("at", [(), (100,)], ids=str)
def test_t3_after_a_forged_ack(forged: str, at: tuple[int, ...]) -> None:
    """A forged request, a forged acknowledgment of it, the true one; and the same of the reply."""
    pieces = "".join(f"c> A @{place} {lit(octets)}\n" for place, octets in cuts(Q, at))
    other = answering(A, ocsp.UNKNOWN)
    seen = said(
        f"{SHAKE}c> A @1 {lit(RUBBISH[forged])} forged\ns> A ^{1 + len(Q)} forged\n{pieces}"
        f"s> A @1 {lit(other)} forged\nc> A ^{1 + len(other)} forged\ns> A @1 {lit(R)}{BYE}"
    )
    asked = {row["serial_number"]: row for row in seen.exchanges if row["evidence"] != "response"}
    assert asked["0BADCAFE"]["ambiguous"] == ["tcp"]
    assert {row.get("cert_status") for row in seen.exchanges} >= {"good", "unknown"}
    assert "rexmit_inconsistency" in seen.weirds


@pytest.mark.parametrize(("begin", "count"), SHAPES)
def test_t3_the_first_copy_wins(begin: int, count: int) -> None:
    """Over the middle 60 octets of the request, before it is acknowledged: the serial that came first is told."""
    middle = len(Q) - 60
    lies = bytes(octet ^ 0x55 for octet in Q[middle + begin : middle + begin + count])
    seen = said(f"{SHAKE}c> A {lit(Q)}\nc> A @{1 + middle + begin} {lit(lies)} forged\ns> A {lit(R)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert ("rexmit_inconsistency" in seen.weirds) is bool(lies)


def test_t4_each_frame_lost_in_turn() -> None:
    """The other exchange of the connection is told in full, and nothing that was not said."""
    frames = two(60)
    for lost, frame in enumerate(frames):
        seen = watch(frames[:lost] + frames[lost + 1 :])
        tcp = inside(frame)
        assert tcp is not None
        assert set(told(seen)) & set(BOTH), f"frame {lost}"
        assert {serial for serial, _ in told(seen)} <= {"0BADCAFE", "0C0FFEE0", "None"}, f"frame {lost}"
        if told(seen) != BOTH:
            assert seen.accounts.gap_bytes == len(tcp.payload), f"frame {lost}"


def test_t5_acknowledged_and_never_seen() -> None:
    seen = said(f"{SHAKE}c> A {lit(Q)} lost\ns> A {lit(R)}\nc> A {lit(asking(B))}\ns> A {lit(answering(B))}{BYE}")
    assert told(seen) == BOTH
    assert seen.accounts.gap_bytes == len(Q)
    assert [row["evidence"] for row in seen.exchanges] == ["response", "both"]


@pytest.mark.parametrize(("later", "missing"), [("+4s", 0), ("+6s", len(Q) // 2)])
def test_t4_a_hole_is_waited_for_so_long(later: str, missing: int) -> None:
    """What is missing comes late: still in time, or behind a gap that stays one."""
    half = len(Q) // 2
    settings = Settings(flow=FlowSettings(hole_wait_s=5, reorder_wait_s=100))
    seen = said(
        f"{SHAKE}c> A @{1 + half} {lit(Q[half:])}\nc> A @{1 + len(Q)} {lit(asking(B))} {later}\n"
        f"c> A @1 {lit(Q[:half])} forged\ns> A {lit(R)}\ns> A {lit(answering(B))}{BYE}",
        settings=settings,
    )
    assert seen.accounts.gap_bytes == missing
    assert "0C0FFEE0" in {serial for serial, _ in told(seen)}


@pytest.mark.parametrize(("most", "missing"), [(1000, 0), (150, len(Q) // 2)])
def test_t4_no_more_is_held_above_a_hole(most: int, missing: int) -> None:
    """What is missing comes when more has come behind it than is held, or just before."""
    half = len(Q) // 2
    rest = Q[half:] + asking(B)
    assert 200 < len(rest) < 1000
    settings = Settings(flow=FlowSettings(hole_wait_bytes=most, hole_wait_s=100, reorder_wait_s=100))
    above = "".join(f"c> A @{1 + half + at} {lit(rest[at : at + 100])}\n" for at in range(0, len(rest), 100))
    seen = said(
        f"{SHAKE}{above}c> A @1 {lit(Q[:half])} forged\ns> A {lit(R)}\ns> A {lit(answering(B))}{BYE}", settings=settings
    )
    assert seen.accounts.gap_bytes == missing
    assert "0C0FFEE0" in {serial for serial, _ in told(seen)}


@pytest.mark.parametrize(("pieces", "evidence"), [(5, "both"), (30, "response")])
def test_t5_of_replies_that_wait_for_their_request_so_many_are_kept(pieces: int, evidence: str) -> None:
    """The request is acknowledged, comes after its reply, and would be read in its place: but for the limit."""
    settings = Settings(flow=FlowSettings(max_ooo_segments=10, reorder_wait_s=100))
    size = len(R) // pieces + 1
    parts = "".join(f"s> A ^{1 + len(Q)} {lit(R[at : at + size])}\n" for at in range(0, len(R), size))
    seen = said(f"{SHAKE}{parts}c> A @1 {lit(Q)}{BYE}", settings=settings)
    assert [row["evidence"] for row in seen.exchanges][:1] == [evidence]


ACK_OF_MORE = {
    "one": "s> A ^900 forged\n",
    "both": "s> A ^900 forged\nc> A ^900 forged\n",
    "far": "".join(f"s> A ^{900_000_000 + n} forged\nc> A ^{900_000_000 + n} forged\n" for n in range(5)),
}


@pytest.mark.parametrize("wait", [0, 3, 12])
@pytest.mark.parametrize("forged", ACK_OF_MORE)
def test_t5_acknowledged_before_it_was_sent(forged: str, wait: int) -> None:
    """Its receiver drops such an acknowledgment (RFC 5961 section 5). What is said there later is read, whenever."""
    seen = said(f"{SHAKE}{ACK_OF_MORE[forged]}c> A +{wait}s {lit(Q)}\ns> A {lit(R)}\nc> A {lit(Q2)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good"), ("0C0FFEE0", None)]
    assert seen.accounts.duplicate_bytes == 0


@pytest.mark.parametrize("client", [True, False])
def test_t6_one_direction_only(client: bool) -> None:
    frames = [frame for frame in two() if (tcp := inside(frame)) is not None and (tcp.src[2] == 49152) is client]
    seen = watch(frames)
    assert [serial for serial, _ in told(seen)] == ["0BADCAFE", "0C0FFEE0"]
    assert {row["evidence"] for row in seen.exchanges} == {"request" if client else "response"}
    assert "possible_split_routing" in seen.weirds
    assert seen.accounts.gap_bytes == 0, "what goes another way is not missing"


def test_t7_joined_at_each_frame() -> None:
    """What begins later is told; of what is half over nothing is made up."""
    frames = two(60)
    second = next(n for n, f in enumerate(frames) if (tcp := inside(f)) and tcp.payload.startswith(b"POST") and n > 5)
    for start in range(1, len(frames)):
        seen = watch(frames[start:])
        assert {serial for serial, _ in told(seen)} <= {"0BADCAFE", "0C0FFEE0", "None"}, start
        assert start > second or BOTH[1] in told(seen), start
        assert set(seen.weirds) <= {"ocsp_unmatched_response"}, "the rest of a message is no bad message"


@pytest.mark.parametrize("upload", [True, False])
def test_t7_joined_in_a_long_body(upload: bool) -> None:
    """Of 100 kB, longer than what is looked through for a message: the exchange behind it is told, and whole."""
    junk = random.Random(1).randbytes(100_000)
    long = (("c", post(b"/up", junk)), ("s", reply(b"ok"))) if upload else (("c", get(b"/down")), ("s", reply(junk)))
    frames = conversation(*long, ("c", Q), ("s", R))
    seen = watch(frames[10:])
    assert [(row["serial_number"], row["evidence"]) for row in seen.exchanges] == [("0BADCAFE", "both")]
    assert "HTTP_search_cut" in seen.weirds


def test_t8_data_with_the_syn() -> None:
    kept = f"c> S {lit(Q)}\ns> SA\nc> A\ns> A {lit(R)}{BYE}"
    again = f"c> S {lit(Q)}\ns> SA ^1\nc> A @1 {lit(Q)}\ns> A {lit(R)}{BYE}"
    cookie = f"c> S\ns> SA\nc> A {lit(Q)}\ns> A {lit(R)}{BYE}"
    for script in (kept, again, cookie):
        seen = said(script)
        assert told(seen) == [("0BADCAFE", "good")], script
        assert ("SYN_with_data" in seen.weirds) is (script != cookie)


@pytest.mark.parametrize("more", ["", lit(asking(B)[:60])], ids=["none", "half a request"])
def test_t11_a_server_that_closes_without_a_reply(more: str) -> None:
    """Its FIN may be a forged one as long as a reply may come. Behind half a request so may be the client's."""
    half = f"c> A {more}\n" if more else ""
    seen = said(f"{SHAKE}c> A {lit(Q)}\n{half}c> FA\ns> A\ns> FA\nc> A")
    assert [(row["serial_number"], row["evidence"]) for row in seen.exchanges] == [("0BADCAFE", "request")]
    seen = said(f"{SHAKE}c> A {lit(Q)}\n{half}s> FA\nc> A\nc> FA\ns> A")
    assert [(row["serial_number"], row["evidence"]) for row in seen.exchanges] == [("0BADCAFE", "request")]


@pytest.mark.parametrize(
    "shake",
    [
        "c> S\ns> S\nc> SA @0\ns> SA @0\n",
        "c> S\ns> A @0\ns> S @0\nc> SA @0\ns> A\n",
        "c> S\ns> S\nc> SA @0\ns> A\n",
        "c> S\nc> S @0 +1s\nc> S @0 +2s\ns> SA\nc> A\n",
        "c> S\n" + "s> SA @0\n" * 50 + "c> A\n",
    ],
    ids=["simultaneous", "split in five", "split in four", "SYN again", "SYN/ACK again"],
)
def test_t9_handshakes(shake: str) -> None:
    seen = said(f"{shake}c> A @1 {lit(Q)}\ns> A @1 {lit(R)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert [(row["id.orig_p"], row["id.resp_p"]) for row in seen.exchanges] == [(49152, 80)]


@pytest.mark.parametrize("place", [5, 70_000, 2**31, -5])
@pytest.mark.parametrize("who", ["c", "s"])
def test_t10_a_reset_that_nobody_obeys(who: str, place: int) -> None:
    """In the window but not its next octet, or outside of it (RFC 5961 section 3): what follows is read."""
    reset = f"{who}> R @{place % 2**32} forged\n"
    seen = said(f"{SHAKE}{reset}c> A {lit(Q)}\n{reset}s> A {lit(R)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert seen.exchanges[0]["ambiguous"] == ["tcp"]


def test_t10_what_was_whole_before_a_reset_is_not_doubtful() -> None:
    seen = said(f"{SHAKE}c> A {lit(Q)}\ns> A {lit(R)}\ns> R\nc> A @1 {lit(Q)} forged\ns> A @1 {lit(R)} forged\nc> R")
    assert told(seen) == [("0BADCAFE", "good")]
    assert "ambiguous" not in seen.exchanges[0]


def test_t10_what_follows_an_exact_reset_is_read_too() -> None:
    seen = said(f"{SHAKE}c> A {lit(Q)}\ns> R forged\ns> A {lit(R)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert "data_after_reset" in seen.weirds


@pytest.mark.parametrize(
    "rest",
    [
        f"c> A {lit(Q)}\nc> FA\ns> A {lit(R)}\ns> FA\nc> A",
        f"c> FA {lit(Q)}\ns> FA {lit(R)}\nc> A",
        f"c> A {lit(Q)}\nc> FA\nc> FA @{1 + len(Q)}\nc> A {lit(b'behind the FIN')} forged\ns> A {lit(R)}\ns> FA\nc> A",
    ],
    ids=["half closed", "data with FIN", "FIN twice, data behind"],
)
def test_t11_how_it_ends(rest: str) -> None:
    assert told(said(SHAKE + rest)) == [("0BADCAFE", "good")]


def test_t11_what_comes_behind_a_fin_is_read_and_doubtful() -> None:
    seen = said(f"{SHAKE}c> FA\nc> A {lit(Q)}\ns> A {lit(R)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert seen.exchanges[0]["ambiguous"] == ["tcp"]
    assert "data_after_FIN" in seen.weirds


@pytest.mark.parametrize("acked", ["", "s> A\n"])
@pytest.mark.parametrize(
    "forged", ["c> FA forged\ns> FA forged\n", "s> FA forged\nc> FA forged\n", "s> FA forged\n", "s> FA forged\n" * 2]
)
def test_t11_forged_fins_do_not_part_a_reply_from_its_request(forged: str, acked: str) -> None:
    """One is told of them, in doubt. A client that only asks and closes its side is in no doubt."""
    seen = said(f"{SHAKE}c> A {lit(Q)}\n{acked}{forged}s> A {lit(R)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert [(row["evidence"], row.get("ambiguous")) for row in seen.exchanges] == [("both", ["tcp"])]
    assert [(row["method"], row["status_code"]) for row in seen.of("http")] == [("POST", 200)]
    assert "data_after_FIN" in seen.weirds
    seen = said(f"{SHAKE}c> A {lit(Q)}\nc> FA\n{acked}s> A {lit(R)}\ns> FA\nc> A")
    assert [(row["evidence"], row.get("ambiguous")) for row in seen.exchanges] == [("both", None)]


HALF = 100
ENDED = {
    "FINs": "c> FA forged\ns> FA forged\n",
    "RST of the server": "s> R forged\n",
    "RST of the client": "c> R forged\n",
}


@pytest.mark.parametrize("quiet", ["6s", "40s"])
@pytest.mark.parametrize("forged", ENDED.values(), ids=ENDED)
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (f"c> A {lit(Q[:HALF])}\n", f"c> A +T @{HALF + 1} {lit(Q[HALF:])}\ns> A @1 {lit(R)}\n"),
        (f"c> A {lit(Q)}\n", f"s> A +T @1 {lit(R)}\n"),
        (f"c> A {lit(Q)}\ns> A {lit(R[:HALF])}\n", f"s> A +T @{HALF + 1} {lit(R[HALF:])}\n"),
    ],
    ids=["in the request", "the reply is owed", "in the reply"],
)
def test_t11_a_forged_end_in_a_message_does_not_tear_it(before: str, behind: str, forged: str, quiet: str) -> None:
    """conn.log has two connections, as Zeek's does; the exchange is one, in doubt, however late the rest comes."""
    seen = said(f"{SHAKE}{before}{forged}{behind.replace('+T', '+' + quiet)}c> A{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert [(row["evidence"], row.get("ambiguous")) for row in seen.exchanges] == [("both", ["tcp"])]
    assert [row["conn_state"][:2] for row in seen.of("conn") if row["id.orig_p"] == seen.exchanges[0]["id.orig_p"]][1:]


def test_t11_what_waits_behind_a_forged_end_is_told_when_nothing_comes() -> None:
    seen = said(f"{SHAKE}c> A {lit(Q)}\ns> R forged\n")
    assert [(row["evidence"], row.get("ambiguous")) for row in seen.exchanges] == [("request", None)]


@pytest.mark.parametrize("first", ["c> S +7s @90000000 forged\n", f"c> A +7s @90000000 {lit(b'x' * 50)} forged\n"])
def test_t11_a_forged_segment_does_not_take_the_place_of_what_waits(first: str) -> None:
    rest = f"c> A +1s @{HALF + 1} ^1 {lit(Q[HALF:])}\ns> A @1 ^{len(Q) + 1} {lit(R)}"
    seen = said(f"{SHAKE}c> A {lit(Q[:HALF])}\ns> R forged\n{first}{rest}{BYE}")
    assert ("0BADCAFE", "good") in told(seen)
    assert {row["evidence"] for row in seen.exchanges} == {"both"}


def test_t6_a_request_of_a_side_that_is_seen_alone_may_take_its_time() -> None:
    seen = said(f"c> S\nc> A @1 ^1\nc> A +4s @1 ^1 {lit(Q[:HALF])}\nc> A +2s @{HALF + 1} ^1 {lit(Q[HALF:])}\n")
    assert told(seen) == [("0BADCAFE", None)]


def test_t11_a_keep_alive_of_a_side_that_has_closed_is_no_data() -> None:
    seen = said(
        f"{SHAKE}c> A {lit(Q)}\nc> FA\ns> A\nc> A @{1 + len(Q)} {lit(bytes(1))} forged\ns> A {lit(R)}\ns> FA\nc> A"
    )
    assert told(seen) == [("0BADCAFE", "good")]
    assert "ambiguous" not in seen.exchanges[0]
    assert "data_after_FIN" not in seen.weirds


def test_t11_what_a_reset_carries_is_not_part_of_the_stream() -> None:
    """It says why (RFC 9293 section 3.5.3): the reply is not made whole by it."""
    seen = said(f"{SHAKE}c> A {lit(Q)}\ns> A {lit(R[:-20])}\ns> RA {lit(R[-20:])}")
    assert told(seen) == [("0BADCAFE", None)]


def test_t13_probes_are_no_data() -> None:
    probes = f"c> A @0 {lit(b'x')} forged\n" * 5 + "s> A w=0\n" + f"c> A {lit(Q[:1])}\n" * 1 + "s> A w=0\n" * 3
    seen = said(f"{SHAKE}{probes}s> A w=9\nc> A @2 {lit(Q[1:])}\ns> A w=1 {lit(R)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert "rexmit_inconsistency" not in seen.weirds


def test_t14_urgent_data_stays_where_it_is() -> None:
    seen = said(f"{SHAKE}c> AU {lit(Q[:90])}\nc> A {lit(Q[90:])}\ns> AU {lit(R)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert "TCP_urgent_data" in seen.weirds


@pytest.mark.parametrize("whole", [True, False])
def test_t15_a_port_used_again(whole: bool) -> None:
    ends = Ends(cisn=77, sisn=99)
    first = exchange(A)[: None if whole else -3]
    seen = watch([*first, *exchange(B, ends, first[-1].ts + 50 * MS)])
    assert told(seen) == BOTH
    assert len({row["uid"] for row in seen.exchanges}) == 2


def test_t16_any_source_port() -> None:
    frames: list[Frame] = []
    ports = [1, 53, 79, 80, 81, 135, 443, 3128, 8080, *range(1000, 65536, 1009), 65535]
    for number, port in enumerate(ports):
        frames += exchange(number + 1, Ends(cport=port), START + number * 100 * MS)
    seen = watch(frames)
    assert [row["id.orig_p"] for row in seen.exchanges] == ports
    assert {row["cert_status"] for row in seen.exchanges} == {"good"}


def test_t17_tuples_that_look_alike() -> None:
    alike = [
        Ends("10.0.0.1", "10.0.0.2", 80, 80),
        Ends("10.0.0.2", "10.0.0.1", 81, 80),
        Ends("10.0.0.1", "10.0.0.2", 81, 80),
        Ends("10.0.0.3", "10.0.0.3", 5000, 80),
        Ends("10.0.0.0", "10.0.0.3", 1024, 80),
        Ends("10.0.0.1", "10.0.0.2", 1024, 80),
        Ends("10.0.0.2", "10.0.0.1", 1024, 80),
    ]
    frames = [frame for number, ends in enumerate(alike) for frame in exchange(number + 1, ends)]
    seen = watch(in_time(sorted(frames, key=lambda frame: frame.ts)))
    found = {(row["id.orig_h"], row["id.resp_h"], row["id.orig_p"]): row["serial_number"] for row in seen.exchanges}
    assert found == {(ends.client, ends.server, ends.cport): f"{n:02X}" for n, ends in enumerate(alike, 1)}


def test_t18_a_reply_before_its_request() -> None:
    seen = said(f"{SHAKE}s> A ^{1 + len(Q)} {lit(R)}\nc> A ^1 {lit(Q)}{BYE}")
    assert [(row["serial_number"], row["cert_status"], row["evidence"]) for row in seen.exchanges] == [
        ("0BADCAFE", "good", "both")
    ]


@pytest.mark.parametrize("ahead", [2**21, 2**30, 2**31 - 10])
def test_t19_data_far_ahead_is_not_kept(ahead: int) -> None:
    seen = said(f"{SHAKE}c> A @{1 + ahead} {lit(b'x' * 50)} forged\nc> A @1 {lit(Q)}\ns> A {lit(R)}{BYE}")
    assert told(seen) == [("0BADCAFE", "good")]
    assert seen.accounts.discarded_bytes == 50


def run(who: str, place: int, count: int = 4) -> str:
    """Segments one behind the other, as of somebody of whom much was missed."""
    return "".join(f"{who}> A @{place + 1400 * number} =1400 forged\n" for number in range(count))


RUNS = {
    "far": (900_000_000, 4),
    "over what may wait": (500_000, 48),
    "round all numbers": (3_500_000_000, 4),
}


@pytest.mark.parametrize("where", RUNS)
@pytest.mark.parametrize("who", ["c", "s", "cs"])
@pytest.mark.parametrize("cut", [0, 100])
def test_t19_nearer_numbers_go_on(where: str, who: str, cut: int) -> None:
    """A run of segments, in one direction or both, before the request or in the middle of it: it is read."""
    forged = "".join(run(each, *RUNS[where]) for each in who)
    begun = f"c> A {lit(Q[:cut])}\n" if cut else ""
    seen = said(
        f"{SHAKE}{begun}{forged}c> A {lit(Q[cut:])}\ns> A {lit(R)}\nc> A {lit(Q2)}\ns> A {lit(answering(B))}{BYE}"
    )
    assert [row for row in told(seen) if row[1] is not None] == BOTH
    assert {row["serial_number"] for row in seen.exchanges} == {"0BADCAFE", "0C0FFEE0"}
    assert who == "s" or {row["evidence"] for row in seen.exchanges} == {"both"}
    assert (
        who == "s" or where == "round all numbers" or {str(row["ambiguous"]) for row in seen.exchanges} == {"['tcp']"}
    )


@pytest.mark.parametrize("cut", [0, 100])
def test_t19_nearer_numbers_of_a_reply(cut: int) -> None:
    begun = f"s> A {lit(R[:cut])}\n" if cut else ""
    seen = said(f"{SHAKE}c> A {lit(Q)}\n{begun}{run('s', 900_000_000)}s> A {lit(R[cut:])}{BYE}")
    assert ("0BADCAFE", "good") in told(seen)
    assert {str(row["serial_number"]) for row in seen.exchanges} == {"0BADCAFE"}


@pytest.mark.parametrize("tunnel", [False, True])
def test_t19_from_off_the_path(tunnel: bool) -> None:
    """Four octets each way with any numbers, by a host that sees nothing of the connection."""
    begun, rest = frames_of(parse(SHAKE)), frames_of(parse(f"{SHAKE}c> A +1s {lit(Q)}\ns> A {lit(R)}{BYE}"))[3:]
    dice = random.Random(7)
    forged = []
    for ports, hosts in (
        ((49152, 80), ("10.20.0.31", "198.51.100.40")),
        ((80, 49152), ("198.51.100.40", "10.20.0.31")),
    ):
        guess = dice.randrange(1 << 32)
        for number in (*range(guess, guess + 4), *range(guess + 2**31, guess + 2**31 + 4)):
            frame = wire.ethernet(wire.ip4(*hosts, wire.tcp(*ports, number % 2**32, 1, wire.ACK, b"x")))
            if tunnel:
                vxlan = wire.udp(40000, 4789, b"\x08\0\0\0\0\0\x07\0" + frame)
                frame = wire.ethernet(wire.ip4("10.66.66.66", "10.66.66.67", vxlan, 17))
            forged.append(Frame(begun[-1].ts + len(forged), frame))
    assert told(watch([*begun, *forged, *rest])) == [("0BADCAFE", "good")]
