"""sensor.flow.fragment: datagrams from fragments in any order, and none from fragments that contradict each other."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.settings import FlowSettings
from tests.flow.frames import START, Frame, S, ethernet, fragment6, ip4, ip6, tcp, vlan
from tests.flow.talk import Heard, listen, stream
from tests.flow.wraps import option6

CLIENT, SERVER = "10.20.0.31", "198.51.100.40"
CLIENT6, SERVER6 = "2001:db8:20::31", "2001:db8:40::80"
SEGMENT = tcp(49152, 80, 1, 1, payload=stream(1, 236))  # 256 octets


@dataclass(frozen=True)
class Piece:
    """A part of a datagram's payload. `ident` tells datagrams apart."""

    offset: int
    body: bytes
    more: bool
    ident: int = 1

    def ip4(self, protocol: int = 6, options: bytes = b"") -> bytes:
        return ip4(
            CLIENT, SERVER, self.body, protocol, ident=self.ident, offset=self.offset, more=self.more, options=options
        )

    def ip6(self, following: int = 6) -> bytes:
        return ip6(CLIENT6, SERVER6, fragment6(following, self.offset, self.more, self.ident, self.body), 44)


def pieces(payload: bytes = SEGMENT, size: int = 64, ident: int = 1) -> list[Piece]:
    return [Piece(at, payload[at : at + size], at + size < len(payload), ident) for at in range(0, len(payload), size)]


def play(datagrams: Sequence[bytes], limits: FlowSettings | None = None, step: int = 1000) -> Heard:
    frames = [Frame(START + i * step, ethernet(datagram)) for i, datagram in enumerate(datagrams)]
    return listen(limits).feed(frames).end()


def outcomes(heard: Heard) -> dict[str, int]:
    return heard.tracker.outcomes()


@pytest.mark.parametrize("version", [4, 6])
def test_i1_any_order(version: int) -> None:
    parts = pieces()
    assert len(parts) == 4
    for order in itertools.permutations(parts):
        heard = play([part.ip4() if version == 4 else part.ip6() for part in order])
        assert heard.side("c") == "midway, 1-236, END"
        assert outcomes(heard) == {"tcp": 1, "ip_fragment": 4}
        assert not heard.weirds


def test_i1_the_whole_has_the_first_header_and_counts_as_one_packet() -> None:
    parts = pieces()
    options = b"\x01\x01\x01\x00"  # copied into the first fragment only
    heard = play([parts[2].ip4(), parts[0].ip4(options=options), parts[3].ip4(), parts[1].ip4()])
    assert (heard.conn.orig_pkts, heard.conn.orig_ip_bytes) == (1, 24 + 256)
    heard = play([part.ip6() for part in parts])
    assert (heard.conn.orig_pkts, heard.conn.orig_ip_bytes) == (1, 40 + 256)


def test_i1_extension_headers_before_the_fragment_header() -> None:
    datagrams = [
        ip6(CLIENT6, SERVER6, option6(44) + fragment6(6, part.offset, part.more, 1, part.body), 0) for part in pieces()
    ]
    assert play(datagrams).side("c") == "midway, 1-236, END"


def test_i1_a_datagram_of_64_kib() -> None:
    payload = tcp(49152, 80, 1, 1, payload=stream(1, 65480))
    heard = play([part.ip4() for part in pieces(payload, 1480)])
    assert heard.side("c") == "midway, 1-65480, END"


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_i1_any_cuts_any_order_with_repetitions(data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, 31), max_size=12)))
    edges = [0, *[cut * 8 for cut in cuts], len(SEGMENT)]
    parts = [Piece(low, SEGMENT[low:high], high < len(SEGMENT)) for low, high in itertools.pairwise(edges)]
    order = data.draw(st.permutations(parts + data.draw(st.lists(st.sampled_from(parts), max_size=3))))
    heard = play([part.ip4() for part in order])
    if len(parts) == 1:
        assert outcomes(heard) == {"tcp": len(order)}  # not fragmented at all
    else:
        assert outcomes(heard)["tcp"] >= 1
    assert heard.side("c") == "midway, 1-236, END"
    assert set(heard.weirds) <= {"fragment_overlap", "excessively_small_fragment"}


def test_i2_an_exact_repetition_harms_nothing() -> None:
    parts = pieces()
    heard = play([part.ip4() for part in (parts[0], parts[0], parts[1], parts[2], parts[1], parts[3])])
    assert heard.side("c") == "midway, 1-236, END"
    assert heard.weirds == ["fragment_overlap"] * 2


OVERLAPS = {
    "same place, other octets": (Piece(64, b"!" * 64, True), "fragment_inconsistency"),
    "partly the same octets": (Piece(32, SEGMENT[32:96], True), "fragment_overlap"),
    "partly other octets": (Piece(32, b"!" * 64, True), "fragment_inconsistency"),
    "inside another, same octets": (Piece(72, SEGMENT[72:96], True), "fragment_overlap"),
    "teardrop: inside another, other octets": (Piece(72, b"!" * 24, True), "fragment_inconsistency"),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_i2_overlaps_make_the_datagram_worthless(name: str) -> None:
    """As hosts have it (RFC 5722; Linux for IPv4 too), wherever the other piece comes in, up to the last but one."""
    odd, weird = OVERLAPS[name]
    parts = pieces()
    for place in range(4):
        heard = play([part.ip4() for part in [*parts[:place], odd, *parts[place:]]])
        assert "tcp" not in outcomes(heard), place
        assert weird in heard.weirds, place
        assert heard.readers == []
        assert heard.tracker.defragmenter.held_bytes == 0


def test_i2_two_ends_that_disagree() -> None:
    parts = pieces()
    longer = Piece(256, b"x" * 8, False)
    for order in ([parts[3], longer], [longer, parts[3]]):
        heard = play([part.ip4() for part in [*order, *parts[:3]]])
        assert "tcp" not in outcomes(heard)
        assert heard.weirds.count("fragment_size_inconsistency") == 1


def test_i2_octets_behind_the_end() -> None:
    """A fragment behind the last one: the datagram is of no known size."""
    parts = pieces()
    heard = play([part.ip4() for part in [Piece(256, b"x" * 8, True), *parts]])
    assert "tcp" not in outcomes(heard)
    assert "fragment_size_inconsistency" in heard.weirds


@pytest.mark.parametrize("body", [b"", b"x" * 63])
def test_i2_only_the_last_may_be_of_any_size(body: bytes) -> None:
    heard = play([Piece(0, body, True).ip4(), *[part.ip4() for part in pieces()[1:]]])
    assert "tcp" not in outcomes(heard)
    assert heard.weirds == ["fragment_size_inconsistency"] + ["incomplete_fragments"] * (not body)


def test_i2_tiny_first_fragment() -> None:
    """RFC 3128: the flags are in the second fragment."""
    heard = play([part.ip4() for part in pieces(size=8)])
    assert heard.side("c") == "midway, 1-236, END"
    assert heard.weirds == ["excessively_small_fragment"]


def test_i2_ping_of_death() -> None:
    parts = [Piece(at, b"x" * 1480, True) for at in range(0, 65120, 1480)]
    heard = play([part.ip4() for part in [*parts, Piece(65120, b"x" * 1480, False)]])
    assert "tcp" not in outcomes(heard)
    assert heard.weirds == ["excessively_large_fragment"]
    assert heard.tracker.defragmenter.held_bytes == 0
    # A header and 65,528 octets are more than a total length can say, though every offset is in range.
    parts = [Piece(at, b"x" * 4680, at + 4680 < 65520) for at in range(0, 65520, 4680)]
    heard = play([part.ip4() for part in parts])
    assert heard.weirds == ["excessively_large_fragment"]
    assert outcomes(heard) == {"ip_fragment": 14}


def test_i2_a_broken_datagram_stays_broken() -> None:
    parts = pieces()
    odd = Piece(64, b"!" * 64, True)
    heard = play([part.ip4() for part in [parts[0], parts[1], odd, *parts, *parts]])
    assert "tcp" not in outcomes(heard)


def test_i3_a_flood_is_bounded_and_the_oldest_goes_first() -> None:
    limits = FlowSettings(max_fragment_datagrams=50)
    parts = pieces()
    flood = [Piece(0, b"x" * 64, True, ident).ip4(17) for ident in range(2, 1002)]
    heard = listen(limits)
    held = heard.tracker.defragmenter
    for i, datagram in enumerate([*flood, *[part.ip4() for part in parts]]):
        heard.feed([Frame(START + i * 1000, ethernet(datagram))])
        assert len(held.pending) <= 50
        assert held.held_bytes <= 49 * 64 + len(SEGMENT)
    assert heard.end().side("c") == "midway, 1-236, END"
    assert held.expired == 1000
    assert (held.evicted_datagrams, held.unfinished) == (1000 - 49, 49)
    lost = play([parts[0].ip4(), *flood[:50], *[part.ip4() for part in parts[1:]]], limits)
    assert "tcp" not in outcomes(lost)


def test_i3_octets_are_bounded() -> None:
    """Also where the datagram that is over the limit is the one being put together, and complete with this fragment."""
    limits = FlowSettings(max_fragment_bytes=300)
    parts = pieces()
    others = [Piece(0, b"x" * 64, True, ident).ip4(17) for ident in range(2, 5)]
    heard = listen(limits)
    held = heard.tracker.defragmenter
    for i, datagram in enumerate([parts[0].ip4(), *others, *[part.ip4() for part in parts[1:]]]):
        heard.feed([Frame(START + i * 1000, ethernet(datagram))])
        assert held.held_bytes <= 300
        assert held.held_bytes == sum(datagram.size for datagram in held.pending.values())
    heard.end()
    limits = FlowSettings(max_fragment_bytes=256)
    assert play([*others, *[part.ip4() for part in parts]], limits).side("c") == "midway, 1-236, END"
    assert outcomes(play([part.ip4() for part in pieces(b"x" * 1000, 200)], limits)) == {"ip_fragment": 5}


def test_i3_fragments_of_one_datagram_are_bounded() -> None:
    payload = tcp(49152, 80, 1, 1, payload=stream(1, 8 * 70))
    heard = play([part.ip4() for part in pieces(payload, 8)])
    assert heard.weirds == ["excessively_small_fragment", "excessive_fragments"]
    assert "tcp" not in outcomes(heard)
    assert (
        play([part.ip4() for part in pieces(payload, 8)], FlowSettings(max_fragments=100)).side("c")
        == "midway, 1-560, END"
    )


def test_i3_incomplete_datagrams_are_forgotten_in_packet_time() -> None:
    parts = [part.ip4() for part in pieces()]
    in_time = [Frame(START + i * 9 * S, ethernet(part)) for i, part in enumerate(parts)]
    assert listen().feed(in_time).end().side("c") == "midway, 1-236, END"
    too_late = [Frame(START + i * 11 * S, ethernet(part)) for i, part in enumerate(parts)]
    heard = listen().feed(too_late).end()
    assert "tcp" not in outcomes(heard)
    assert (heard.tracker.defragmenter.timed_out, heard.tracker.defragmenter.unfinished) == (1, 1)
    assert heard.weirds == ["incomplete_fragments"] * 2
    # An identification may be used again once the old one is forgotten.
    again = [Frame(START, ethernet(parts[0]))] + [
        Frame(START + 31 * S + i, ethernet(part)) for i, part in enumerate(parts)
    ]
    assert listen().feed(again).end().side("c") == "midway, 1-236, END"


@pytest.mark.parametrize(("behind", "whole"), [(25, True), (35, False)])
def test_i3_a_leap_of_the_clock_is_no_time(behind: int, whole: bool) -> None:
    first, *others = [ethernet(part.ip4()) for part in pieces()]
    leapt = START + 86_400 * S
    frames = [Frame(START, first), Frame(leapt, others[0]), *(Frame(leapt + behind * S, part) for part in others[1:])]
    heard = listen().feed(frames).end()
    assert ("incomplete_fragments" in heard.weirds) is not whole
    assert outcomes(heard).get("tcp", 0) == whole


def test_i4_what_is_not_of_one_datagram_is_not_mixed() -> None:
    """The same identification in IPv4 and IPv6, under other protocols, between others, in other VLANs and tunnels."""
    first, second = pieces(size=128)
    strangers = {
        "protocol": ethernet(second.ip4(17)),
        "version": ethernet(second.ip6()),
        "direction": ethernet(ip4(SERVER, CLIENT, second.body, ident=1, offset=128)),
        "identification": ethernet(Piece(128, second.body, False, 2).ip4()),
        "vlan": ethernet(vlan(7, 0x0800, second.ip4()), 0x8100),
        "tunnel": ethernet(ip4("192.0.2.1", "192.0.2.2", second.ip4(), 4)),
    }
    for name, stranger in strangers.items():
        heard = listen().feed([Frame(START, ethernet(first.ip4())), Frame(START + 1000, stranger)]).end()
        assert outcomes(heard) == {"ip_fragment": 2}, name
    whole = listen().feed([Frame(START, ethernet(first.ip4())), Frame(START + 1000, ethernet(second.ip4()))]).end()
    assert whole.side("c") == "midway, 1-236, END"


def test_i4_in_each_vlan_its_own() -> None:
    frames = []
    for tag in (7, 8):
        payload = tcp(49150 + tag, 80, 1, 1, payload=stream(1, 236))
        frames += [ethernet(vlan(tag, 0x0800, part.ip4()), 0x8100) for part in pieces(payload, 128)]
    frames = [frames[i] for i in (0, 2, 1, 3)]
    heard = listen().feed([Frame(START + i, frame) for i, frame in enumerate(frames)]).end()
    assert [reader.octets(True) for reader in heard.readers] == [stream(1, 236)] * 2
    assert sorted((conn.vlan or 0, conn.flow.orig_p) for conn in heard.conns) == [(7, 49157), (8, 49158)]


def test_a_fragment_that_was_not_captured_whole() -> None:
    parts = pieces()
    frames = [Frame(START + i, ethernet(part.ip4())) for i, part in enumerate(parts)]
    frames[2] = Frame(START + 2, frames[2].data[:-1], 1, len(frames[2].data))
    heard = listen().feed(frames).end()
    assert outcomes(heard) == {"ip_fragment": 4}
    assert heard.weirds == ["incompletely_captured_fragment", "incomplete_fragments"]


def test_ethernet_padding_is_no_part_of_a_fragment() -> None:
    payload = tcp(49152, 80, 1, 1, payload=stream(1, 80))
    frames = [Frame(START + i, ethernet(part.ip4()) + bytes(40)) for i, part in enumerate(pieces(payload, 64))]
    assert listen().feed(frames).end().side("c") == "midway, 1-80, END"


def test_a_fragment_in_a_reassembled_tunnel_packet() -> None:
    """The tunnel's packets are fragmented, and what they carry was fragmented before."""
    frames: list[bytes] = []
    for ident, part in enumerate(pieces(size=128)):
        frames += [
            ip4("192.0.2.1", "192.0.2.2", outer.body, 4, ident=100 + ident, offset=outer.offset, more=outer.more)
            for outer in pieces(part.ip4(), 96)
        ]
    heard = play(frames)
    assert heard.side("c") == "midway, 1-236, END"
    assert outcomes(heard) == {"tcp": 1, "ip_fragment": len(frames) + 2}
    assert heard.conn.tunnel_parents


def test_a_reassembled_datagram_that_cannot_be_read() -> None:
    heard = play([part.ip4() for part in pieces(b"x" * 16, 8)])
    assert outcomes(heard) == {"ip_fragment": 2, "truncated_tcp": 1}
    assert heard.weirds == ["excessively_small_fragment", "truncated_header"]


def test_random_fragments_keep_the_limits() -> None:
    dice = random.Random(5)
    limits = FlowSettings(max_fragment_datagrams=8, max_fragment_bytes=2000, max_fragments=6)
    heard = listen(limits)
    held = heard.tracker.defragmenter
    for i in range(3000):
        body = dice.randbytes(dice.choice([0, 8, 16, 24, 64, 200, 333]))
        piece = Piece(8 * dice.randrange(30), body, dice.random() < 0.8, dice.randrange(12))
        heard.feed([Frame(START + i * S // 20, ethernet(piece.ip4() if dice.random() < 0.5 else piece.ip6()))])
        assert len(held.pending) <= 8
        assert held.held_bytes == sum(datagram.size for datagram in held.pending.values()) <= 2000
        assert all(len(datagram.parts) <= 6 for datagram in held.pending.values())
    heard.end()


def test_i2_the_true_fragment_behind_a_forged_one_that_completed_the_datagram() -> None:
    """Both copies of the segment reach TCP, which tells that they differ."""
    first, true = pieces(size=128)
    forged = Piece(true.offset, b"!" * len(true.body), False)
    for made in (Piece.ip4, Piece.ip6):
        heard = play([made(part) for part in (first, forged, true)])
        assert outcomes(heard) == {"ip_fragment": 3, "tcp": 2}
        assert heard.weirds[:2] == ["fragment_inconsistency", "rexmit_inconsistency"]
        assert heard.tracker.defragmenter.unfinished == 1
        accounts = heard.tracker.reassembler
        assert accounts.duplicate_bytes == accounts.delivered_bytes == 236
    other = tcp(49152, 80, 1, 1, payload=b"?" * 108)
    heard = play([part.ip4() for part in (Piece(0, other, True), true, first)])
    assert heard.weirds[:2] == ["fragment_inconsistency", "rexmit_inconsistency"]


def test_i2_what_comes_again_when_the_datagram_is_whole_is_a_repetition() -> None:
    parts = pieces(size=128)
    heard = play([part.ip4() for part in (parts[0], parts[0], parts[1], parts[1], parts[0])])
    assert outcomes(heard) == {"ip_fragment": 5, "tcp": 1}
    assert heard.weirds == ["fragment_overlap"] * 3
    assert heard.tracker.defragmenter.expired == 0


def test_i2_another_datagram_by_the_same_number_is_put_together() -> None:
    """In order and not; of the last fragment alone, which comes first, nobody knows whose it is."""
    again = pieces(tcp(49152, 80, 237, 1, payload=stream(237, 236)), 128)
    for order in (again, again[::-1]):
        heard = play([part.ip4() for part in [*pieces(size=128), *order]])
        assert heard.side("c") == "midway, 1-472, END"


def test_i2_a_whole_datagram_is_remembered_for_its_time_and_within_limits() -> None:
    limits = FlowSettings(max_fragment_datagrams=5, max_fragment_bytes=1000, max_fragments=3)
    first, true = pieces(size=128)
    forged = Piece(true.offset, b"!" * len(true.body), False)
    late = [Frame(START + i * S, ethernet(part.ip4())) for i, part in ((0, first), (0, forged), (31, true))]
    assert outcomes(listen().feed(late).end()) == {"ip_fragment": 3, "tcp": 1}
    lies = [Piece(true.offset, bytes([octet]) * len(true.body), False).ip4() for octet in range(20)]
    assert outcomes(play([first.ip4(), *lies], limits))["tcp"] == 1 + 3
    heard = listen(limits)
    for ident in range(9):
        heard.feed([Frame(START, ethernet(part.ip4())) for part in pieces(size=128, ident=ident)])
        assert len(heard.tracker.defragmenter.whole) <= 3
        assert heard.tracker.defragmenter.whole_bytes <= 1000
    assert heard.end().tracker.defragmenter.whole_bytes == 0


def test_i2_a_fragment_without_octets_is_ignored() -> None:
    parts = pieces()
    for offset, more in ((0, True), (64, True), (8, False), (256, False)):
        heard = play(
            [part.ip4() for part in (Piece(offset, b"", more), *parts[:2], Piece(offset, b"", more), *parts[2:])]
        )
        assert heard.side("c") == "midway, 1-236, END"
        assert heard.weirds == ["fragment_size_inconsistency"] * 2


def test_i3_what_is_not_whole_at_the_end_is_counted_and_told() -> None:
    parts = pieces()
    heard = play([Piece(0, b"x" * 64, True, ident).ip4() for ident in range(3)] + [parts[0].ip4(17), parts[1].ip4(17)])
    assert heard.weirds == ["incomplete_fragments"] * 4
    assert (heard.tracker.defragmenter.expired, heard.tracker.defragmenter.unfinished) == (4, 4)
    assert heard.tracker.defragmenter.held_bytes == 0
