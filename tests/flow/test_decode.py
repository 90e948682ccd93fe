"""sensor.flow.decode: every link type and encapsulation down to the segment, and nothing behind the captured bytes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.flow import decode
from sensor.flow.decode import OUTCOMES, Packet
from tests.flow.decoding import CASES, FIELDS, INNER, PAYLOAD, decoded, halves, nested, seen
from tests.flow.frames import POISON, ethernet, ip4, udp, vlan
from tests.flow.wraps import WRAPS, kind, vxlan


@pytest.mark.parametrize(("name", "version"), CASES)
def test_l1_l3_segment_under_every_encapsulation(name: str, version: int) -> None:
    wrap = WRAPS[name]
    frame = wrap.make(INNER[version])
    outcome, packet = decoded(frame, wrap.link)
    assert outcome == "tcp"
    datagram = INNER[version]
    addresses = datagram[12:20] if version == 4 else datagram[8:40]
    size = len(addresses) // 2
    assert packet.family == version
    assert (packet.src_hi, packet.src_lo) == halves(addresses[:size])
    assert (packet.dst_hi, packet.dst_lo) == halves(addresses[size:])
    assert (packet.sport, packet.dport, packet.seq, packet.ack) == (49152, 80, 0x11223344, 0x55667788)
    assert (packet.flags, packet.window, packet.protocol) == (0x18, 500, 6)
    assert (packet.vlan, packet.inner_vlan, packet.depth) == (wrap.vlan, wrap.inner_vlan, wrap.depth)
    assert packet.ip_total == len(datagram)
    assert packet.payload_len == packet.payload_cap == len(PAYLOAD)
    start = packet.payload_pos - len(POISON)
    assert frame[start : start + packet.payload_len] == PAYLOAD
    assert frame[packet.ip_pos - len(POISON) :] == datagram
    assert (packet.parent is None) == (wrap.depth == 0)


@pytest.mark.parametrize(("name", "version"), CASES)
def test_cf7_cut_at_every_octet(name: str, version: int) -> None:
    """Whatever was captured: no exception, and the same whatever lies behind the captured octets."""
    wrap = WRAPS[name]
    frame = wrap.make(INNER[version])
    whole = len(frame)
    headers = whole - len(PAYLOAD)
    for cut in range(whole):
        for wirelen in (whole, cut):  # cut by the snap length, or so short on the wire
            one, packet = decoded(frame[:cut], wrap.link, wirelen, behind=frame[cut:] + POISON)
            other, again = decoded(frame[:cut], wrap.link, wirelen, behind=bytes(range(255, 0, -1)))
            assert one == other, cut
            assert packet.cap_end <= len(POISON) + cut
            if one == "tcp":
                assert seen(packet) == seen(again)
                assert packet.payload_pos + packet.payload_cap <= len(POISON) + cut
                assert 0 <= packet.payload_cap <= packet.payload_len
            if wirelen == whole:
                assert (one == "tcp") == (cut >= headers), cut
                if one == "tcp":
                    assert (packet.payload_len, packet.payload_cap) == (len(PAYLOAD), cut - headers)
            else:
                assert one != "tcp", "an IP length that the frame cannot hold"


def test_scratch_space_keeps_nothing_of_the_frame_before() -> None:
    """One Packet decodes all frames in turn, and each as if it were new."""
    packet = Packet(4, 8)
    frames = [(WRAPS[name].make(INNER[version]), WRAPS[name].link) for name, version in CASES]
    for frame, link in frames + frames[::-1]:
        code = packet.decode(frame, 0, len(frame), len(frame), link)
        fresh = Packet(4, 8)
        assert fresh.decode(frame, 0, len(frame), len(frame), link) == code == decode.TCP
        assert seen(packet) == seen(fresh)


@pytest.mark.parametrize("depth", [0, 1, 4, 7])
def test_l4_tunnels_are_opened_to_the_limit(depth: int) -> None:
    assert decoded(nested(depth), depth=depth)[0] == "tcp"
    assert decoded(nested(depth + 1), depth=depth)[0] == "tunnel_depth"
    assert decoded(nested(20), depth=depth)[0] == "tunnel_depth"


@pytest.mark.parametrize("name", [name for name, wrap in WRAPS.items() if wrap.depth])
def test_l4_every_tunnel_counts(name: str) -> None:
    wrap = WRAPS[name]
    frame = wrap.make(INNER[wrap.version or 4])
    assert decoded(frame, wrap.link, depth=0)[0] == "tunnel_depth"
    assert decoded(frame, wrap.link, depth=1)[0] == "tcp"


def test_tunnel_parent_is_the_innermost_outer_one_either_way() -> None:
    there, back = ("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1")
    parents = [
        decoded(ethernet(ip4(*pair, ip4("192.0.2.1", "192.0.2.9", INNER[4], 4), 4)))[1].parent for pair in (there, back)
    ]
    turned = decoded(ethernet(ip4(*there, ip4("192.0.2.9", "192.0.2.1", INNER[4], 4), 4)))[1].parent
    other = decoded(ethernet(ip4(*there, ip4("192.0.2.9", "192.0.2.2", INNER[4], 4), 4)))[1].parent
    assert parents[0] == parents[1] == turned != other


FRAMES = [(WRAPS[name].make(INNER[version]), WRAPS[name].link) for name, version in CASES]


@given(
    frame=st.sampled_from(FRAMES),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 40),
    link=st.one_of(st.none(), st.integers(0, 300)),
)
@settings(max_examples=400, deadline=None)
def test_damaged_headers_read_nothing_behind_the_frame(
    frame: tuple[bytes, int], changes: list[tuple[int, int]], cut: int, link: int | None
) -> None:
    data = bytearray(frame[0])
    for place, octet in changes:
        data[place % len(data)] = octet
    captured = bytes(data[: len(data) - cut])
    kind_of = frame[1] if link is None else link
    one, packet = decoded(captured, kind_of, len(data))
    other, again = decoded(captured, kind_of, len(data), b"", b"\xff" * 300)
    assert one == other
    if one == "tcp":
        assert seen(packet) == seen(again)
        assert packet.payload_pos - len(POISON) == again.payload_pos
        assert packet.payload_pos + packet.payload_cap <= len(POISON) + len(captured)
    exact = Packet(4, 8)
    assert OUTCOMES[exact.decode(captured, 0, len(captured), len(data), kind_of)][0] == one


def uncompiled() -> type[Packet]:
    """The same module from its source."""
    spec = importlib.util.spec_from_file_location("decode_source", Path(decode.__file__).with_name("decode.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Packet


@given(frame=st.sampled_from(FRAMES), changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4))
@settings(max_examples=200, deadline=None)
def test_compiled_and_source_agree(frame: tuple[bytes, int], changes: list[tuple[int, int]]) -> None:
    data = bytearray(frame[0])
    for place, octet in changes:
        data[place % len(data)] = octet
    results = []
    for kind_of in (Packet, SOURCE):
        packet = kind_of(4, 8)
        code = packet.decode(bytes(data), 0, len(data), len(data), frame[1])
        fields = [*FIELDS, "payload_pos"] if code == decode.TCP else []
        if code == decode.FRAGMENT:
            fields = [
                "fragment_id",
                "fragment_offset",
                "more_fragments",
                "fragment_pos",
                "fragment_end",
                "fragment_proto",
            ]
        results.append((code, seen(packet, fields)))
    assert results[0] == results[1]


SOURCE = uncompiled()


def test_vlan_tags_do_not_hide_tunnels() -> None:
    frame = ethernet(
        vlan(
            7,
            0x0800,
            ip4("192.0.2.1", "192.0.2.2", udp(1, 4789, vxlan(ethernet(vlan(9, kind(INNER[4]), INNER[4]), 0x8100))), 17),
        ),
        0x8100,
    )
    outcome, packet = decoded(frame)
    assert (outcome, packet.vlan, packet.inner_vlan, packet.depth) == ("tcp", 7, 9, 1)
