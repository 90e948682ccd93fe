"""Rows L1 to L7 and I1 to I6: what lies around a TCP segment. tests/flow has each header by itself."""

from __future__ import annotations

import itertools
import struct

import pytest

from sensor.settings import FlowSettings, Settings
from tests.flow import frames as wire
from tests.flow.frames import START, Frame
from tests.flow.talk import MS, Ends
from tests.flow.wraps import WRAPS
from tests.hostile.rows import Guard, Row
from tests.hostile.witness import Watched, answering, asking, conversation, exchange, watch
from tests.invariance.replay import inside
from tests.invariance.rewrite import datagram, fragmented, wrapped

ROWS = {
    "L1": Row(
        "VLAN, QinQ, priority tag 0, a tag on one direction only",
        ("flow.use_vlan",),
        guards=(
            Guard("sensor/flow/decode.py", "kind in {0x8100, 0x88A8, 0x9100, 0x9200}", "kind in {0x8100}"),
            Guard("sensor/flow/tracker.py", "        if self.use_vlan:\n", "        if True:\n"),
            Guard("sensor/flow/tracker.py", "(self.use_vlan and flow.vlan != packet.vlan)", "flow.vlan != packet.vlan"),
        ),
    ),
    "L3": Row(
        "MPLS, PPPoE, GRE, IP in IP, VXLAN, GENEVE, ERSPAN, NSH",
        guards=(
            Guard("sensor/flow/decode.py", "if self.dport == _VXLAN_PORT:", "if False:"),
            Guard("sensor/flow/decode.py", "                if kind == _P_GRE:\n", "                if False:\n"),
            Guard("sensor/flow/decode.py", "if buf[pos + 11] & 1 else 0", "if False else 0"),
        ),
    ),
    "L4": Row(
        "tunnels twenty deep",
        ("flow.max_tunnel_depth",),
        ("exceeded_tunnel_max_depth",),
        (Guard("sensor/flow/decode.py", "if self.depth > self.max_depth:", "if self.depth > 99:"),),
    ),
    "L5": Row(
        "every frame twice, at once or later, by another router",
        counters=("duplicate_bytes",),
        guards=(Guard("sensor/flow/reassembly.py", "cut = min(end.next_rel - rel, length)", "cut = 0"),),
        note="A copy that begins when the first one is over counts as a new connection, as in Zeek",
    ),
    "L6": Row(
        "octets behind a short IP packet that look like HTTP",
        guards=(
            Guard(
                "sensor/flow/decode.py",
                "end = self.wire_end  # what follows is link-layer padding",
                "self.wire_end = end",
            ),
        ),
    ),
    "L7": Row(
        "bad checksums",
        guards=(
            Guard(
                "sensor/flow/decode.py",
                "                if total < header:\n",
                "                if total < header or (\n"
                "                    buf[pos + 10]\n"
                "                    and sum(buf[pos + i] << 8 * (~i & 1) for i in range(header)) % 0xFFFF\n"
                "                ):\n",
                "a wrong checksum of IPv4 drops the packet",
            ),
        ),
        note="Taken as they are: a card that computes them leaves them wrong on its own host",
    ),
    "I1": Row(
        "fragments in any order",
        counters=("pkts_fragment",),
        guards=(
            Guard("sensor/flow/fragment.py", "for offset in sorted(datagram.parts):", "for offset in datagram.parts:"),
        ),
    ),
    "I2": Row(
        "fragments that overlap, alike and not; one that ends behind 65,535",
        counters=("fragment_overlap", "fragment_inconsistency", "excessively_large_fragment"),
        guards=(
            Guard("sensor/flow/fragment.py", "if known is not None:", "if False:"),
            Guard("sensor/flow/fragment.py", "        if not body:\n", "        if False:\n"),
            Guard("sensor/flow/fragment.py", "self._remember(key, ", "_ = (key, "),
        ),
        note="The fragment that completes a datagram may be the forged one: another with other octets makes another "
        "copy of the segment, and both are read",
    ),
    "I3": Row(
        "a flood of fragments never completed",
        ("flow.max_fragment_datagrams", "flow.max_fragments", "flow.max_fragment_bytes", "flow.fragment_timeout_s"),
        ("fragments_expired", "excessive_fragments", "incomplete_fragments"),
        (
            Guard("sensor/flow/fragment.py", "if len(self.pending) >= self.max_datagrams:", "if False:"),
            Guard("sensor/flow/fragment.py", "while self.held_bytes > self.max_bytes:", "while False:"),
            Guard("sensor/flow/fragment.py", "if len(datagram.parts) >= self.max_fragments:", "if False:"),
            Guard("sensor/flow/fragment.py", "if not self._is_over(self.pending[key].ts, ts):", "if True:"),
        ),
    ),
    "I4": Row(
        "one fragment id for several protocols, versions, VLANs",
        guards=(
            Guard("sensor/flow/fragment.py", "packet.fragment_proto if packet.family == 4 else 0,", "0,"),
            Guard("sensor/flow/fragment.py", "            packet.src_lo,\n", ""),
            Guard("sensor/flow/fragment.py", "            packet.vlan,\n            packet.inner_vlan,\n", ""),
        ),
    ),
    "I5": Row(
        "chains of IPv6 extension headers, atomic fragments",
        ("flow.max_ip6_extensions",),
        ("excess_ext_headers",),
        (Guard("sensor/flow/decode.py", '("ip6_extensions", "excess_ext_headers")', '("odd", "odd")'),),
    ),
    "I6": Row(
        "IP options, lengths that cannot be, the wrong version",
        counters=("invalid_IP_header_size",),
        guards=(
            Guard("sensor/flow/decode.py", "if buf[pos] >> 4 != 4 or header < 20:", "if header < 20:"),
            Guard("sensor/flow/decode.py", "if buf[pos] >> 4 != 4 or header < 20:", "if buf[pos] >> 4 != 4:"),
            Guard("sensor/flow/decode.py", "if total < header:", "if False:"),
            Guard("sensor/flow/decode.py", "header = (buf[pos] & 0x0F) << 2", "header = 20"),
        ),
    ),
}
GOOD = exchange(0x0BADCAFE)
TOLD = [("0BADCAFE", "good", "both")]
GOOD6 = exchange(0x0BADCAFE, Ends("2001:db8::31", "2001:db8:1::40"))


def told(seen: Watched) -> list[tuple[object, object, object]]:
    return [(row.get("serial_number"), row.get("cert_status"), row["evidence"]) for row in seen.exchanges]


@pytest.mark.parametrize("name", list(WRAPS))
def test_l1_l3_every_encapsulation(name: str) -> None:
    way = WRAPS[name]
    for frames in (GOOD, GOOD6):
        if way.version in {0, 4 if frames is GOOD else 6}:
            assert told(watch(wrapped(frames, way))) == TOLD


def test_l1_a_tag_on_one_direction_only() -> None:
    plain, tagged = wrapped(GOOD, WRAPS["ethernet"]), wrapped(GOOD, WRAPS["vlan"])
    mixed = [
        other if (tcp := inside(one)) and tcp.src[2] == 80 else one for one, other in zip(plain, tagged, strict=True)
    ]
    assert told(watch(mixed)) == TOLD


def test_l3_the_tunnel_is_told() -> None:
    """Wrapped in VXLAN, the flow is that inside."""
    seen = watch(wrapped(GOOD, WRAPS["vxlan"]))
    assert seen.exchanges[0]["id.orig_h"] == "10.20.0.31"


def in_ip(payload: bytes, times: int) -> bytes:
    for number in range(times):
        payload = wire.ip4(f"192.0.2.{number % 90 + 1}", "192.0.2.99", payload, 4)
    return payload


@pytest.mark.parametrize("depth", [1, 4, 5, 20, 400])
def test_l4_nested(depth: int) -> None:
    seen = watch([Frame(one.ts, wire.ethernet(in_ip(datagram(one), depth))) for one in GOOD])
    assert told(seen) == (TOLD if depth <= FlowSettings().max_tunnel_depth else [])
    assert ("exceeded_tunnel_max_depth" in seen.weirds) is (depth > FlowSettings().max_tunnel_depth)


@pytest.mark.parametrize("later", [0, MS // 2, 3 * MS])
def test_l5_every_frame_twice(later: int) -> None:
    """The second time with a TTL less and from another MAC address."""
    again = []
    for one in GOOD:
        data = bytearray(one.data)
        data[6:12] = b"\x02\0\x5e\x99\x99\x99"
        data[22] -= 1
        again.append(Frame(one.ts + later, bytes(data)))
    frames = sorted([*GOOD, *again], key=lambda one: one.ts)
    seen = watch(frames)
    assert told(seen) == TOLD
    assert seen.accounts.duplicate_bytes > 300


def test_l6_what_lies_behind_a_short_packet() -> None:
    trailer = b"GET /behind HTTP/1.1\r\nHost: behind.example\r\n\r\n"
    seen = watch([one._replace(data=one.data + trailer) for one in GOOD])
    assert told(seen) == TOLD
    assert b"behind" not in repr(seen.logs).encode()


def test_l7_checksums_that_offloading_left_open() -> None:
    frames = [
        one._replace(data=one.data[:24] + b"\xde\xad" + one.data[26:50] + b"\xbe\xef" + one.data[52:]) for one in GOOD
    ]
    assert told(watch(frames)) == TOLD


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("size", [64, 128, 256])
def test_i1_fragments_in_any_order(size: int, backwards: bool) -> None:
    for frames in (GOOD, GOOD6):
        seen = watch(fragmented(frames, size, backwards))
        assert told(seen) == TOLD
        assert seen.accounts.fragments > 0


def pieces(
    payload: bytes, *parts: tuple[int, int], ident: int = 7, protocol: int = 6, src: str = "10.20.0.31"
) -> list[Frame]:
    """Fragments (offset, count) of a datagram's payload."""
    made = []
    for number, (offset, count) in enumerate(parts):
        part = payload[offset : offset + count]
        more = offset + count < len(payload)
        packet = wire.ip4(src, "198.51.100.40", part, protocol, ident=ident, offset=offset, more=more)
        made.append(Frame(START + number * MS, wire.ethernet(packet)))
    return made


REQUEST = next(tcp.payload for one in GOOD if (tcp := inside(one)) and tcp.payload)
SEGMENT = wire.tcp(49152, 80, 0x11223345, 0x55667789, wire.ACK, REQUEST)


def test_i1_every_order_of_four() -> None:
    cuts = [(0, 64), (64, 48), (112, 48), (160, len(SEGMENT) - 160)]
    assert cuts[-1][1] > 0
    for order in itertools.permutations(range(4)):
        seen = watch([*GOOD[:3], *pieces(SEGMENT, *(cuts[place] for place in order)), *GOOD[4:]])
        assert told(seen) == TOLD, order
        assert seen.weirds == (), order


def test_i2_overlaps() -> None:
    """A datagram of which two readings are possible is dropped, as Linux does, and told; twice the same is not."""
    rest = (64, len(SEGMENT) - 64)
    same = [*pieces(SEGMENT, (0, 64)), *pieces(SEGMENT, (0, 64)), *pieces(SEGMENT, rest)]
    assert told(watch([*GOOD[:3], *same, *GOOD[4:]])) == TOLD
    other = [*pieces(SEGMENT, (0, 64)), *pieces(SEGMENT[::-1], (0, 64)), *pieces(SEGMENT, rest)]
    seen = watch([*GOOD[:3], *other, *GOOD[4:]])
    assert told(seen) == [("0BADCAFE", "good", "response")]
    assert "fragment_inconsistency" in seen.weirds
    teardrop = [*pieces(SEGMENT, (0, 64), (24, 16)), *pieces(SEGMENT, rest)]
    assert {"fragment_inconsistency", "fragment_overlap"} & set(watch(teardrop).weirds)


def test_i2_longer_than_a_datagram_can_be() -> None:
    packet = wire.ip4("10.20.0.31", "198.51.100.40", b"x" * 1000, ident=9, offset=65528)
    assert "excessively_large_fragment" in watch([Frame(START, wire.ethernet(packet))]).weirds


@pytest.mark.parametrize("last_first", [False, True])
def test_i3_a_flood_of_fragments(last_first: bool) -> None:
    settings = Settings(flow=FlowSettings(max_fragment_datagrams=50, max_fragment_bytes=20_000))
    flood = []
    for ident in range(2000):
        packet = wire.ip4("10.66.0.1", "198.51.100.40", b"x" * 800, 6, ident=ident, offset=800, more=not last_first)
        flood.append(Frame(START + ident * 1000, wire.ethernet(packet)))
    seen = watch([*flood[:1000], *fragmented(GOOD, 64, True), *flood[1000:]], settings)
    assert told(seen) == TOLD
    assert seen.accounts.fragments_expired >= 1900
    assert len(seen.pipeline.tracker.defragmenter.pending) <= 50
    assert seen.pipeline.tracker.defragmenter.held_bytes <= 20_000


def test_i3_many_fragments_of_one_datagram() -> None:
    parts = [(8 * number, 8) for number in range(3, 200)]
    seen = watch(pieces(bytes(2000), *parts), Settings(flow=FlowSettings(max_fragments=64)))
    assert "excessive_fragments" in seen.weirds


def test_i3_what_never_comes_is_forgotten_in_packet_time() -> None:
    lone = pieces(SEGMENT, (0, 64))
    late = Frame(START + 31_000 * MS, wire.ethernet(wire.ip4("10.20.0.31", "198.51.100.40", b"", 1)))
    rest = [one._replace(ts=late.ts + 1) for one in pieces(SEGMENT, (64, len(SEGMENT) - 64))]
    seen = watch([*lone, late, *rest])
    assert seen.exchanges == []


def test_i4_one_id_for_several() -> None:
    """The fragments of other protocols and of other hosts with the same id do not mix with ours."""
    strangers = [*pieces(b"U" * 300, (64, 236), protocol=17), *pieces(b"O" * 300, (64, 236), src="10.20.0.99")]
    own = pieces(SEGMENT, (0, 64), (64, len(SEGMENT) - 64))
    seen = watch([*GOOD[:3], own[0], *strangers, own[1], *GOOD[4:]])
    assert told(seen) == TOLD


@pytest.mark.parametrize("count", [1, 8, 9, 100])
def test_i5_extension_headers(count: int) -> None:
    frames = []
    for one in GOOD6:
        whole = datagram(one)
        chain = b"".join(bytes((0 if number < count - 1 else 6, 0)) + bytes(6) for number in range(count))
        head = bytearray(whole[:40])
        head[6] = 0
        struct.pack_into("!H", head, 4, len(whole) - 40 + len(chain))
        frames.append(Frame(one.ts, wire.ethernet(bytes(head) + chain + whole[40:])))
    seen = watch(frames)
    assert told(seen) == (TOLD if count <= 8 else [])
    assert ("excess_ext_headers" in seen.weirds) is (count > 8)


def test_i5_an_atomic_fragment_is_a_whole() -> None:
    frames = []
    for one in GOOD6:
        whole = datagram(one)
        head = bytearray(whole[:40])
        head[6] = 44
        struct.pack_into("!H", head, 4, len(whole) - 32)
        frames.append(Frame(one.ts, wire.ethernet(bytes(head) + wire.fragment6(6, 0, False, 5, whole[40:]))))
    assert told(watch(frames)) == TOLD


def test_i6_options_and_impossible_headers() -> None:
    with_options = []
    for one in GOOD:
        whole = datagram(one)
        packet = wire.ip4("10.20.0.31", "198.51.100.40", b"", options=b"\x07\x07\x04\0\0\0\0\0")
        head = bytearray(packet[:28])
        head[12:20] = whole[12:20]
        struct.pack_into("!H", head, 2, len(whole) + 8)
        with_options.append(Frame(one.ts, wire.ethernet(bytes(head) + whole[20:])))
    assert told(watch(with_options)) == TOLD
    lies = [{"header": 16}, {"total": 19}, {"total": 12}, {"version": 7}, {"version": 0}]
    broken = [
        Frame(START, wire.ethernet(wire.ip4("10.20.0.31", "198.51.100.40", SEGMENT, **lie), 0x0800)) for lie in lies
    ]
    seen = watch(broken)
    assert seen.exchanges == []
    assert sum(count for name, count in seen.accounts.outcomes.items() if name not in {"tcp", "other_ip"}) >= len(lies)


def test_i2_one_forged_fragment_each_way_hides_nothing() -> None:
    """The last one of each message, just before the true one: both readings, and told to be ambiguous."""
    frames = []
    for number, frame in enumerate(conversation(("c", asking(0x0BADCAFE)), ("s", answering(0x0BADCAFE)), segment=3000)):
        payload = frame.data[34:]
        if len(payload) < 100:
            frames.append(frame)
            continue
        src, dst = (".".join(map(str, frame.data[at : at + 4])) for at in (26, 30))
        cut = len(payload) // 16 * 8
        for at, octets in ((0, payload[:cut]), (cut, bytes(len(payload) - cut)), (cut, payload[cut:])):
            packet = wire.ip4(src, dst, octets, ident=number, offset=at, more=not at)
            frames.append(Frame(frame.ts + len(frames), wire.ethernet(packet)))
    seen = watch(frames)
    assert seen.weirds.count("fragment_inconsistency") == 2
    told = [(row["serial_number"], row["evidence"], row["ambiguous"]) for row in seen.exchanges]
    assert told == [("0BADCAFE", "request", ["tcp"]), ("0BADCAFE", "response", ["tcp"])]
