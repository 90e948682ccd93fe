"""Both directions of a flow, and all its fragments, on one worker: by a machine of ours, and by the kernel."""

from __future__ import annotations

import random
import socket
import struct
from collections import defaultdict

import pytest
from machine import Kernel, run

from sensor.capture.live import bpf
from sensor.capture.live.fanout import worker_program
from sensor.capture.live.packet_socket import PacketSocket, share
from tests.conftest import Cable
from tests.flow import wraps
from tests.flow.frames import ethernet, fragment6, ip4, ip6, tcp
from tests.flow.wraps import WRAPS

PROGRAM = worker_program()
BY_OUTER = {"teredo", "teredo origin", "teredo authenticated", "ayiya", "gre ppp", "gre ppp hdlc", "gre 802.11"}
"""Tunnels that are not opened: what is in one of them is on one worker if all of the tunnel is."""
BY_NOTHING = {
    "three tags",
    "ethernet 802.3 snap",
    "vlan snap",
    "mpls pseudowire",
    "802.1br",
    "vn-tag",
    "provider backbone",
    "fabricpath",
}  # fmt: skip  (one set)
"""Encapsulations in which no IP header is looked for: all on the first worker."""
ETHERNET_WRAPS = [name for name, wrap in WRAPS.items() if wrap.link == 1]


def incoming(frame: bytes) -> int:
    """As the kernel runs it for a packet that came in: from behind the type, the outer tag taken off."""
    at = 12
    if frame[12:14] in (b"\x81\0", b"\x88\xa8"):
        at = 16
    return run(PROGRAM, frame[at + 2 :], Kernel(protocol=int.from_bytes(frame[at : at + 2], "big")))


def outgoing(frame: bytes) -> int:
    return run(PROGRAM, frame, Kernel(pkttype=4))


def both_ways(name: str, client: int) -> list[bytes]:
    """A segment of the flow and one of the other direction, in each IP version that the wrap carries."""
    wrap = WRAPS[name]
    found = []
    for version, make, one, other in (
        (4, ip4, f"10.0.{client >> 8}.{client & 255}", "192.0.2.80"),
        (6, ip6, f"2001:db8::{client:x}", "2001:db8:80::1"),
    ):
        if wrap.version in (0, version):
            found += [wrap.make(make(one, other, tcp(49152, 80))), wrap.make(make(other, one, tcp(80, 49152)))]
    return [frame.ljust(60, b"\0") for frame in found]


@pytest.mark.parametrize("name", ETHERNET_WRAPS)
def test_both_directions_have_one_number(name: str) -> None:
    frames = both_ways(name, 7)
    for there, back in zip(frames[::2], frames[1::2], strict=True):
        assert incoming(there) == incoming(back)
        assert outgoing(there) == outgoing(back)
        assert incoming(there) == outgoing(there)


@pytest.mark.parametrize("name", ETHERNET_WRAPS)
def test_clients_are_spread(name: str) -> None:
    numbers = {incoming(both_ways(name, client)[0]) % 4 for client in range(1, 40)}
    assert numbers == (
        {0} if name in BY_NOTHING else {incoming(both_ways(name, 1)[0]) % 4} if name in BY_OUTER else {0, 1, 2, 3}
    )


@pytest.mark.parametrize("name", [name for name in ETHERNET_WRAPS if WRAPS[name].depth and name not in BY_OUTER])
def test_a_tunnel_may_take_another_way_back(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two switches, each of which sends one direction of a flow by ERSPAN; two user planes with GTP."""
    there = both_ways(name, 7)[::2]
    monkeypatch.setattr(wraps, "NEAR", "198.51.100.9")
    monkeypatch.setattr(wraps, "FAR", "198.51.100.200")
    monkeypatch.setattr(wraps, "NEAR6", "2001:db8:9::9")
    back = both_ways(name, 7)[1::2]
    assert there[0][26:34] != back[0][26:34]
    assert [incoming(frame) for frame in there] == [incoming(frame) for frame in back]


def test_fragments_have_the_number_of_what_is_whole() -> None:
    whole = ethernet(ip4("10.0.0.1", "192.0.2.80", tcp(49152, 80)))
    for offset, more in ((0, True), (1480, True), (2960, False)):
        part = ethernet(ip4("192.0.2.80", "10.0.0.1", bytes(40), offset=offset, more=more))
        assert incoming(part) == incoming(whole) > 0
    whole = ethernet(ip6("2001:db8::1", "2001:db8:80::1", tcp(49152, 80)))
    part = ethernet(ip6("2001:db8:80::1", "2001:db8::1", fragment6(6, 1480, False, 9, bytes(40)), 44))
    assert incoming(part) == incoming(whole) > 0


def test_fragments_of_a_tunnel_go_by_its_addresses() -> None:
    """All of them; what goes through it whole goes by what is in it (README: --workers)."""
    inner = ip4("10.0.0.1", "192.0.2.80", tcp(49152, 80))
    parts = [
        ethernet(ip4("198.51.100.9", "198.51.100.200", inner, 4, offset=offset, more=more))
        for offset, more in ((0, True), (1480, False))
    ]
    by_tunnel = incoming(ethernet(ip4("198.51.100.200", "198.51.100.9", tcp(1, 2))))
    assert [incoming(part) for part in parts] == [by_tunnel, by_tunnel]
    assert incoming(ethernet(ip4("198.51.100.9", "198.51.100.200", inner, 4))) == incoming(ethernet(inner)) != by_tunnel


def test_a_flow_label_changes_nothing() -> None:
    """Each direction has its own (RFC 6437), or none."""
    there = bytearray(ethernet(ip6("2001:db8::1", "2001:db8:80::1", tcp(49152, 80))))
    back = ethernet(ip6("2001:db8:80::1", "2001:db8::1", tcp(80, 49152)))
    struct.pack_into("!I", there, 14, 6 << 28 | 0xABCDE)
    assert incoming(bytes(there)) == incoming(back)


def test_nothing_is_read_that_is_not_there() -> None:
    """A packet that ends anywhere has a number, too: the machine would raise for a memory cell that was not set."""
    for name in ETHERNET_WRAPS:
        frame = both_ways(name, 3)[0]
        for end in range(14, len(frame)):
            incoming(frame[:end])
            outgoing(frame[:end])


@pytest.mark.needs("root", "namespaces", "ip")
def test_the_kernel_gives_each_flow_to_one_of_three(wire: Cable) -> None:
    """Three sockets as three workers have them; every frame reaches exactly one, and all of a flow the same."""
    members = [PacketSocket(1 << 20, 8, 50) for _ in range(3)]
    for member in members:
        member.bind(socket.if_nametoindex("w1"))
    share(members, PROGRAM)
    for member in members:
        member.admit(bpf.EVERYTHING)
    flows: dict[tuple[str, int], list[bytes]] = {}
    for name in ("ethernet", "vlan", "qinq", "mpls", "pppoe", "erspan 2", "vxlan", "gtp"):
        for client in range(1, 31):
            frames = both_ways(name, client)
            if not client % 3:
                frames.append(ethernet(ip4("192.0.2.80", f"10.0.0.{client}", bytes(60), offset=1480)))
            labelled = [bytearray(frame) for frame in frames if frame[12:15] == b"\x86\xdd\x60"]
            for frame in labelled:
                struct.pack_into("!I", frame, 14, 6 << 28 | random.Random(client).randrange(1, 1 << 20))
            flows[name, client] = frames + [bytes(frame) for frame in labelled]
    before = [member.take_statistics()[0] for member in members]
    assert before == [0, 0, 0]
    reached: dict[tuple[str, int, int], set[int]] = defaultdict(set)
    counts = [0, 0, 0]
    for (name, client), frames in flows.items():
        for frame in frames:
            wire.send(frame)
            got = [member.take_statistics()[0] for member in members]
            assert sum(got) == 1
            version = 6 if b"\x20\x01\x0d\xb8\0\0" in frame or b"\x20\x01\x0d\xb8\0\x80" in frame else 4
            reached[name, client, version].add(got.index(1))
            counts[got.index(1)] += 1
    assert all(len(workers) == 1 for workers in reached.values()), reached
    assert min(counts) > sum(counts) / 6
    for member in members:
        member.close()


def test_the_names_of_the_lists_are_real() -> None:
    assert set(ETHERNET_WRAPS) >= BY_OUTER | BY_NOTHING
