"""Crafted TCP under OCSP: losses, overlaps, disorder, odd beginnings and ends. python -m pcaps.tcp.craft

The exchanges: "harbour" by POST, then "debts" by GET, "tenants" by POST, on one connection unless said otherwise.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pcaps.lab import capturefile, crafting
from pcaps.lab.crafting import Crafted
from pcaps.lab.fennwick import Dialogue, by_get, by_post
from pcaps.lab.frames import ACK, FIN, PSH, RST, STEP, SYN, URG, Segment, Talk, packets
from pcaps.lab.truth import Exchange

WORKSHOP = crafting.Workshop("tcp")
SIZE = 200  # octets a segment, so that messages have several


@dataclass
class Usual:
    """The three exchanges on one connection, in segments of SIZE."""

    talk: Talk
    rows: list[Exchange]
    parts: tuple[Dialogue, ...]
    starts: list[int]  # index of the first segment of each question

    @property
    def segments(self) -> list[Segment]:
        return self.talk.segments

    def data(self, from_orig: bool, part: int) -> list[int]:
        """Indices of the segments that carry the question or the answer of that exchange."""
        end = self.starts[part + 1] if part + 1 < len(self.starts) else len(self.segments)
        source = self.talk.orig if from_orig else self.talk.resp
        return [
            index
            for index in range(self.starts[part], end)
            if self.segments[index].payload and self.segments[index].src == source
        ]


def usual(size: int = SIZE, talk: Talk | None = None, close: bool = True) -> Usual:
    talk = talk or Talk().open()
    parts = (by_post("harbour"), by_get("debts"), by_post("tenants"))
    rows, starts = [], []
    for part in parts:
        starts.append(len(talk.segments))
        rows.append(part.play(talk, size))
    if close:
        talk.close()
    return Usual(talk, rows, parts, starts)


def file(segments: Sequence[Segment], rows: Sequence[Exchange], readable: bool = False) -> Crafted:
    return Crafted(capturefile.pcap(packets(segments)), rows, readable)


def without(segments: Sequence[Segment], *lost: int) -> list[Segment]:
    return [each for index, each in enumerate(segments) if index not in lost]


def unanswered(row: Exchange) -> Exchange:
    """The reply came with a hole: the status line is there, no OCSP."""
    return replace(row, response_status=None, cert_status=None, evidence=None)


@WORKSHOP.piece(
    "segments-200.pcap", "every message in segments of 200 octets; nothing else odd: what the others here start from"
)
def plain() -> Crafted:
    made = usual()
    return file(made.segments, made.rows, readable=True)


@WORKSHOP.piece(
    "gap-in-reply.pcap", "a segment of the first reply's body is lost, its ACK is seen; the next exchanges are whole"
)
def gap_in_reply() -> Crafted:
    made = usual()
    lost = made.data(False, 0)[3]
    return file(without(made.segments, lost), [unanswered(made.rows[0]), *made.rows[1:]])


@WORKSHOP.piece(
    "gap-in-reply-header.pcap", "the segment with the first reply's status line is lost: the reply is not to be had"
)
def gap_in_header() -> Crafted:
    made = usual()
    lost = made.data(False, 0)[0]
    first = replace(unanswered(made.rows[0]), http_status=None, evidence="request")
    return file(without(made.segments, lost), [first, *made.rows[1:]])


@WORKSHOP.piece(
    "gap-in-request.pcap", "a segment of the first request's body is lost: only the reply names the certificate"
)
def gap_in_request() -> Crafted:
    made = usual(size=100)
    lost = made.data(True, 0)[-1]
    first = replace(made.rows[0], nonce=None, evidence="response")
    return file(without(made.segments, lost), [first, *made.rows[1:]])


@WORKSHOP.piece("gap-whole-exchange.pcap", "all segments of the second exchange are lost in both directions")
def gap_exchange() -> Crafted:
    made = usual()
    lost = range(made.starts[1], made.starts[2])
    return file(without(made.segments, *lost), [made.rows[0], made.rows[2]])


@WORKSHOP.piece("gap-not-acked.pcap", "a segment of the first reply is lost and no ACKs are in the capture")
def gap_not_acked() -> Crafted:
    made = usual()
    lost = made.data(False, 0)[3]
    bare = [index for index in range(3, len(made.segments) - 3) if not made.segments[index].payload]
    return file(without(made.segments, lost, *bare), [unanswered(made.rows[0]), *made.rows[1:]])


@WORKSHOP.piece(
    "gap-filled-late.pcap", "a lost segment of the reply is retransmitted after the rest: nothing is missing"
)
def filled_late() -> Crafted:
    made = usual()
    indices = made.data(False, 0)
    lost, last = made.segments[indices[2]], indices[-1]
    segments = []
    for index, each in enumerate(made.segments):
        misses = indices[2] < index <= last and each.src == made.talk.orig
        if index != indices[2]:
            segments.append(replace(each, ack=lost.seq) if misses else each)  # the receiver says what it misses
        if index == last:
            segments.append(replace(lost, ts=each.ts + STEP // 2))
    return file(segments, made.rows)


@WORKSHOP.piece("out-of-order.pcap", "data segments in another order within each message, each of them twice")
def out_of_order() -> Crafted:
    made = usual()
    dice, segments = random.Random(17), list(made.segments)
    held = []
    for part in range(3):
        for from_orig in (True, False):
            places = made.data(from_orig, part)
            moved = places[:]
            dice.shuffle(moved)
            for place, index in zip(places, moved, strict=True):
                segments[place] = replace(made.segments[index], ts=made.segments[place].ts)
            held += [place + 1 for place in places[:-1]]  # nobody acknowledges what has not come
    sent = without(segments, *held)
    doubled = [each for one in sent for each in ((one, replace(one, ts=one.ts + STEP // 4)) if one.payload else (one,))]
    return file(doubled, made.rows)


@WORKSHOP.piece("every-frame-twice.pcap", "both ports of a link mirrored: each frame twice")
def twice() -> Crafted:
    made = usual()
    return file([each for one in made.segments for each in (one, replace(one, ts=one.ts + 9000))], made.rows)


@WORKSHOP.piece("overlap-same.pcap", "retransmissions with other boundaries, same octets")
def overlap_same() -> Crafted:
    made = usual()
    indices = made.data(False, 0)
    one, two = made.segments[indices[1]], made.segments[indices[2]]
    joined = replace(one, payload=one.payload[50:] + two.payload[:80], seq=one.seq + 50, ts=two.ts + STEP // 2)
    segments = list(made.segments)
    segments.insert(indices[2] + 1, joined)
    return file(segments, made.rows)


@WORKSHOP.piece(
    "overlap-different.pcap", "a second copy of a reply's segment with other octets, before the ACK: the first counts"
)
def overlap_different() -> Crafted:
    made = usual()
    index = made.data(False, 0)[2]
    genuine = made.segments[index]
    other = replace(genuine, payload=bytes(octet ^ 0x20 for octet in genuine.payload), ts=genuine.ts + STEP // 2)
    segments = list(made.segments)
    segments.insert(index + 1, other)
    return file(segments, made.rows)


@WORKSHOP.piece(
    "overlap-different-request.pcap",
    "the request is sent twice about two certificates with the same sequence numbers: the first counts",
)
def overlap_request() -> Crafted:
    talk = Talk().open()
    one, other = by_post("harbour"), by_post("debts")
    ts = talk.ask(one.question)
    first = talk.segments[3]
    talk.segments.insert(4, replace(first, payload=other.question, ts=first.ts + STEP // 2))
    talk.answer(one.reply)
    return file(talk.close().segments, [one.said(talk, ts)])


@WORKSHOP.piece("sequence-wrap.pcap", "both sequence numbers wrap inside a message")
def wrap() -> Crafted:
    made = usual(talk=Talk(orig_next=0xFFFFFF80, resp_next=0xFFFFFE00).open())
    return file(made.segments, made.rows, readable=True)


@WORKSHOP.piece("midstream-at-request.pcap", "the capture begins on an open connection, just before a request")
def midstream() -> Crafted:
    made = usual()
    return file(made.segments[3:], made.rows)


@WORKSHOP.piece("midstream-in-reply.pcap", "the capture begins inside the first reply's body: the rest is whole")
def midstream_in_reply() -> Crafted:
    made = usual()
    return file(made.segments[made.data(False, 0)[2] :], made.rows[1:])


@WORKSHOP.piece("requests-only.pcap", "one direction: the replies take another path")
def requests_only() -> Crafted:
    made = usual()
    rows = [
        replace(row, http_status=None, response_status=None, cert_status=None, evidence="request") for row in made.rows
    ]
    return file([each for each in made.segments if each.src == made.talk.orig], rows)


@WORKSHOP.piece("replies-only.pcap", "one direction: the requests take another path")
def replies_only() -> Crafted:
    made = usual()
    rows = [
        replace(row, method=None, host=None, uri=None, http_version=None, nonce=None, evidence="response")
        for row in made.rows
    ]
    return file([each for each in made.segments if each.src == made.talk.resp], rows)


@WORKSHOP.piece("fast-open.pcap", "TCP Fast Open: the request is in the SYN")
def fast_open() -> Crafted:
    talk, part = Talk(), by_post("harbour")
    cookie = bytes([34, 10]) + bytes(range(8)) + bytes([1, 1])
    syn = talk.bare(True, SYN, part.question, cookie)
    talk.bare(False, SYN | ACK)
    talk.bare(True, ACK)
    talk.answer(part.reply)
    return file(talk.close().segments, [part.said(talk, syn.ts)])


@WORKSHOP.piece("fast-open-refused.pcap", "the server ignores the data in the SYN; it is sent again")
def fast_open_refused() -> Crafted:
    talk, part = Talk(), by_post("harbour")
    first = talk.bare(True, SYN, part.question, bytes([34, 10]) + bytes(range(8)) + bytes([1, 1]))
    talk.orig_next = first.seq + 1
    talk.bare(False, SYN | ACK)
    talk.bare(True, ACK)
    ts = talk.ask(part.question)
    talk.answer(part.reply)
    return file(talk.close().segments, [part.said(talk, ts)])


@WORKSHOP.piece("split-handshake.pcap", "the server answers the SYN with an ACK and a SYN of its own")
def split_handshake() -> Crafted:
    talk, part = Talk(), by_post("harbour")
    talk.bare(True, SYN)
    talk.segments.append(Segment(talk.now, talk.resp, talk.orig, talk.resp_next, talk.orig_next, ACK))
    talk.pause(0.001)
    talk.bare(False, SYN)
    talk.segments.append(Segment(talk.now, talk.orig, talk.resp, talk.orig_next - 1, talk.resp_next, SYN | ACK))
    talk.pause(0.001)
    talk.bare(False, ACK)
    row = part.play(talk)
    return file(talk.close().segments, [row])


@WORKSHOP.piece("simultaneous-open.pcap", "both sides send a SYN at once")
def simultaneous() -> Crafted:
    talk, part = Talk(), by_post("harbour")
    talk.bare(True, SYN)
    talk.bare(False, SYN)
    talk.segments.append(Segment(talk.now, talk.orig, talk.resp, talk.orig_next - 1, talk.resp_next, SYN | ACK))
    talk.segments.append(Segment(talk.now + STEP, talk.resp, talk.orig, talk.resp_next - 1, talk.orig_next, SYN | ACK))
    talk.pause(0.002)
    row = part.play(talk)
    return file(talk.close().segments, [row])


@WORKSHOP.piece(
    "keep-alive-probes.pcap", "TCP keep-alives with one old octet and zero-window probes between the exchanges"
)
def keep_alive() -> Crafted:
    talk, rows = Talk().open(), []
    for part in (by_post("harbour"), by_get("debts")):
        rows.append(part.play(talk, SIZE))
        talk.pause(30)
        talk.segments.append(Segment(talk.now, talk.orig, talk.resp, talk.orig_next - 1, talk.resp_next, ACK, b"\0"))
        talk.segments.append(
            Segment(talk.now + STEP, talk.resp, talk.orig, talk.resp_next, talk.orig_next, ACK, window=0)
        )
        # a probe of a closed window: the octet is the next question's first one
        talk.segments.append(
            Segment(talk.now + 2 * STEP, talk.orig, talk.resp, talk.orig_next, talk.resp_next, ACK, b"G")
        )
        talk.segments.append(Segment(talk.now + 3 * STEP, talk.resp, talk.orig, talk.resp_next, talk.orig_next, ACK))
        talk.pause(0.01)
    rows.append(by_get("tenants").play(talk, SIZE))
    return file(talk.close().segments, rows)


@WORKSHOP.piece(
    "reset-out-of-window.pcap",
    "forged RSTs, one far out of the window and one inside but not exact: the talk goes on (RFC 5961)",
)
def forged_reset() -> Crafted:
    made = usual()
    at = made.starts[1]
    before = made.segments[at - 1]
    resets = [
        Segment(before.ts + 1000 * number, made.talk.resp, made.talk.orig, seq, 0, RST)
        for number, seq in enumerate((0x0BADBAD0, made.segments[at].ack + 700), 1)
    ]
    return file([*made.segments[:at], *resets, *made.segments[at:]], made.rows)


@WORKSHOP.piece("half-close.pcap", "the client closes its side after the request; the reply comes all the same")
def half_close() -> Crafted:
    talk, part = Talk().open(), by_post("harbour")
    ts = talk.ask(part.question)
    talk.bare(True, FIN | ACK)
    talk.answer(part.reply, SIZE)
    talk.bare(False, FIN | ACK)
    talk.bare(True, ACK)
    return file(talk.segments, [part.said(talk, ts)], readable=True)


@WORKSHOP.piece("port-reuse.pcap", "the same addresses and ports twice within a second, other sequence numbers")
def port_reuse() -> Crafted:
    first = Talk().open()
    rows = [by_post("harbour").play(first)]
    first.close()
    second = Talk(now=first.now + 200 * STEP, orig_next=0x7A000000, resp_next=0x01000000).open()
    rows.append(by_post("debts").play(second))
    return file(first.segments + second.close().segments, rows, readable=True)


@WORKSHOP.piece("port-reuse-no-close.pcap", "a new SYN with the ports of a connection that never ended in the capture")
def port_reuse_open() -> Crafted:
    first = Talk().open()
    rows = [by_post("harbour").play(first)]
    second = Talk(now=first.now + 200 * STEP, orig_next=0x7A000000, resp_next=0x01000000).open()
    rows.append(by_post("debts").play(second))
    return file(first.segments + second.close().segments, rows)


@WORKSHOP.piece(
    "colliding-tuples.pcap", "three connections whose addresses and ports are alike when XORed or swapped, interleaved"
)
def colliding() -> Crafted:
    ends = (
        (("10.20.0.1", 40000), ("198.51.100.2", 80)),
        (("10.20.0.2", 40000), ("198.51.100.1", 80)),
        (("10.20.0.1", 40001), ("198.51.100.2", 81)),
    )
    talks = [Talk(orig=orig, resp=resp).open() for orig, resp in ends]
    rows = [
        part.play(talk, SIZE)
        for talk, part in zip(talks, (by_post("harbour"), by_post("debts"), by_get("tenants")), strict=True)
    ]
    segments = sorted((each for talk in talks for each in talk.close().segments), key=lambda each: each.ts)
    return file(segments, rows)


@WORKSHOP.piece("urgent.pcap", "the URG flag on a segment of the reply: its octets stay in the stream")
def urgent() -> Crafted:
    made = usual()
    index = made.data(False, 0)[1]
    segments = list(made.segments)
    segments[index] = replace(segments[index], flags=ACK | PSH | URG)
    return file(segments, made.rows)


@WORKSHOP.piece("one-octet-segments.pcap", "request and reply of one exchange in segments of one octet, no ACKs")
def one_octet() -> Crafted:
    talk, part = Talk(step=10_000).open(), by_get("harbour")
    ts = talk.say(True, part.question, 1, acked=False)
    talk.say(False, part.reply, 1, acked=False)
    return file(talk.close().segments, [part.said(talk, ts)])


@WORKSHOP.piece("data-far-ahead.pcap", "a segment a gigabyte ahead of the window, between good ones: not kept")
def far_ahead() -> Crafted:
    made = usual()
    index = made.data(False, 0)[1]
    stray = replace(made.segments[index], seq=made.segments[index].seq + (1 << 30), payload=b"HTTP/1.1 200 OK\r\n" * 8)
    late = replace(stray, ts=stray.ts + STEP // 2)
    return file([*made.segments[: index + 1], late, *made.segments[index + 1 :]], made.rows)


if __name__ == "__main__":
    crafting.run(WORKSHOP)
