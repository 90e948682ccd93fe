"""The kernel filter lets in all that the packet path can use, and little else: by a machine of ours, and the kernel."""

from __future__ import annotations

import random
import socket
from collections import Counter
from pathlib import Path

import pytest
from machine import Kernel, run

from sensor.capture.inputs import open_inputs
from sensor.capture.live import bpf
from sensor.capture.live.needed import needed_program
from sensor.capture.live.ring import LINK_OF
from sensor.capture.source import CaptureError
from sensor.flow.decode import OUTCOMES, Packet
from sensor.settings import CaptureSettings
from tests.conftest import Cable
from tests.flow import frames as craft
from tests.flow.wraps import WRAPS

PCAPS = Path(__file__).resolve().parents[3] / "pcaps"
HATYPE = {1: 1, 101: 65534, 12: 65534}
"""ARPHRD_ of an interface that brings frames of a link type; what is of other link types is let in whole."""
USED = {"tcp", "ip_fragment", "bad_tcp_header"}
ORDINARY = {"udp", "arp", "icmp", "other_ethertype", "sctp", "esp", "other_ip_protocol", "no_next_header"}


def frames_of(path: Path) -> list[tuple[int, bytes, int]]:
    """Link type, bytes, and length on the wire of each frame."""
    try:
        source = open_inputs([str(path)], CaptureSettings())
    except CaptureError:  # on purpose no capture
        return []
    found = []
    for batch in source.batches():
        for i in range(batch.first, batch.stop):
            at = batch.offset[i]
            found.append((batch.link[i], bytes(batch.buffer[at : at + batch.caplen[i]]), batch.wirelen[i]))
    source.close()
    return found


def outcome(link: int, data: bytes, wirelen: int) -> str:
    packet = Packet(4, 8)
    name = OUTCOMES[packet.decode(data, 0, len(data), wirelen, link)][0]
    if name == "ip_fragment" and packet.depth == 0 and packet.fragment_proto not in {4, 6, 17, 41, 47, 51}:
        return "fragment_of_no_use"
    return name


def judged(paths: list[Path]) -> Counter[tuple[str, bool]]:
    """How many frames were what, and whether the filter let them in."""
    program = needed_program(())
    counts: Counter[tuple[str, bool]] = Counter()
    for path in paths:
        for link, data, wirelen in frames_of(path):
            if link in HATYPE and len(data) == wirelen:
                passed = run(program, data, Kernel(HATYPE[link])) > 0
                what = outcome(link, data, wirelen)
                counts[what, passed] += 1
                assert passed or what not in USED, f"{path.name}: {data.hex()}"
    return counts


def test_all_that_is_used_of_our_captures_is_let_in() -> None:
    counts = judged(sorted(PCAPS.rglob("*.pcap*")))
    assert sum(counts[what, True] for what in USED) > 5000


@pytest.mark.needs("shared/corpus")
def test_all_that_is_used_of_other_peoples_captures_is_let_in_and_most_of_the_rest_is_not(shared: Path) -> None:
    paths = sorted(path for path in (shared / "corpus").rglob("*.pcap*") if path.stat().st_size < 1 << 18)
    counts = judged(random.Random(5).sample(paths, min(len(paths), 300)))
    kept_out = sum(counts[what, False] for what in ORDINARY)
    let_in = sum(counts[what, True] for what in ORDINARY)
    assert sum(counts[what, True] for what in USED) > 4000
    assert kept_out > let_in


def in_versions(name: str, inner: bytes = b"") -> list[bytes]:
    """A TCP segment, or `inner`, in one way of `WRAPS`, in the IP versions that it carries."""
    wrap = WRAPS[name]
    segment = inner or craft.tcp(49152, 80, payload=b"GET / HTTP/1.1\r\n\r\n")
    datagrams = {4: craft.ip4("10.0.0.1", "10.0.0.2", segment), 6: craft.ip6("2001:db8::1", "2001:db8::2", segment)}
    return [wrap.make(datagram) for version, datagram in datagrams.items() if wrap.version in (0, version)]


@pytest.mark.parametrize("name", [name for name, wrap in WRAPS.items() if wrap.link in HATYPE])
def test_tcp_is_let_in_however_it_is_wrapped(name: str) -> None:
    hatype = HATYPE[WRAPS[name].link]
    for ports in ((), (80,)):
        for frame in in_versions(name):
            assert run(needed_program(ports), frame.ljust(60, b"\0"), Kernel(hatype)) > 0


@pytest.mark.parametrize("name", ["ethernet", "raw 101", "vlan", "qinq", "pppoe", "mpls three labels"])
def test_what_is_not_tcp_is_not_let_in_however_it_is_wrapped(name: str) -> None:
    hatype = HATYPE[WRAPS[name].link]
    wrap = WRAPS[name]
    for datagram in (
        craft.ip4("10.0.0.1", "10.0.0.2", craft.udp(53, 4444, bytes(20)), 17),
        craft.ip4("10.0.0.1", "10.0.0.2", bytes(20), 1),
        craft.ip6("2001:db8::1", "2001:db8::2", craft.udp(53, 4444, bytes(20)), 17),
        craft.ip6("2001:db8::1", "2001:db8::2", bytes(20), 58),
    ):
        assert run(needed_program(()), wrap.make(datagram).ljust(60, b"\0"), Kernel(hatype)) == 0


def test_fragments_are_let_in_with_ports_and_without() -> None:
    """Of TCP, and of UDP, which may be a tunnel; the other protocols' are not needed."""
    for protocol, passes in ((6, True), (17, True), (47, True), (1, False)):
        for offset, more in ((0, True), (1480, True), (2960, False)):
            frame = craft.ethernet(craft.ip4("10.0.0.1", "10.0.0.2", bytes(40), protocol, offset=offset, more=more))
            assert (run(needed_program((80,)), frame.ljust(60, b"\0")) > 0) is passes
    frame = craft.ethernet(craft.ip6("2001:db8::1", "2001:db8::2", craft.fragment6(6, 1480, False, 1, bytes(9)), 44))
    assert run(needed_program((80,)), frame) > 0


def test_the_links_that_are_judged_are_those_that_the_ring_calls_so() -> None:
    from sensor.capture.live.headers import ETHERNET_TYPES, IP_TYPES

    pairs = dict(zip(LINK_OF[::2], LINK_OF[1::2], strict=True))
    assert {kind for kind, link in pairs.items() if link == 1} == set(ETHERNET_TYPES)
    assert {kind for kind, link in pairs.items() if link == 101} == set(IP_TYPES)


@pytest.mark.parametrize("hatype", [512, 803, 778, 32])
def test_a_link_that_is_not_known_is_not_judged(hatype: int) -> None:
    assert run(needed_program(()), bytes(60), Kernel(hatype)) > 0


def test_frames_without_padding_are_judged_too() -> None:
    """As a virtual cable brings them, and as they are when the kernel has taken off a tag: an ACK has 54 octets."""
    for name in ("ethernet", "vlan", "qinq", "pppoe", "mpls three labels", "raw 101"):
        kernel = Kernel(HATYPE[WRAPS[name].link])
        for sport, dport, passes in ((80, 999, True), (999, 80, True), (443, 999, False)):
            for frame in in_versions(name, craft.tcp(sport, dport)):
                assert (run(needed_program((80,)), frame, kernel) > 0) is passes, (name, sport, dport)
    assert run(needed_program(()), bytes(12) + b"\x08\x06" + bytes(28), Kernel()) == 0  # ARP


@pytest.mark.parametrize("name", [name for name, wrap in WRAPS.items() if wrap.link in HATYPE])
def test_what_ends_within_a_header_is_let_in(name: str) -> None:
    """Of packets that pass, each part from the front passes, whether or not it still says that it is TCP."""
    kernel = Kernel(HATYPE[WRAPS[name].link])
    for ports in ((), (80,)):
        for frame in in_versions(name):
            assert [n for n in range(len(frame)) if not run(needed_program(ports), frame[:n], kernel)] == []


def test_a_header_that_claims_to_be_longer_than_the_frame_is_let_in() -> None:
    frame = bytearray(craft.ethernet(craft.ip4("10.0.0.1", "10.0.0.2", craft.tcp(1, 2))))
    frame[14] = 0x4F
    assert run(needed_program((80,)), bytes(frame[:54]), Kernel()) > 0


def test_only_some_ports() -> None:
    for sport, dport, passes in ((80, 999, True), (999, 80, True), (8080, 80, True), (443, 999, False)):
        for name in ("ethernet", "vlan", "qinq", "raw 101"):
            for frame in in_versions(name, craft.tcp(sport, dport)):
                kernel = Kernel(HATYPE[WRAPS[name].link])
                assert (run(needed_program((80, 8080)), frame.ljust(60, b"\0"), kernel) > 0) is passes, (sport, dport)


def test_options_of_ipv4_do_not_hide_the_ports() -> None:
    frame = craft.ethernet(craft.ip4("10.0.0.1", "10.0.0.2", craft.tcp(999, 80), options=bytes(8)))
    assert run(needed_program((80,)), frame.ljust(60, b"\0")) > 0


@pytest.mark.needs("root", "namespaces", "ip")
def test_the_kernel_judges_as_the_machine_does(wire: Cable) -> None:
    """On frames as they come over a cable, where the kernel takes off the outer tag before the filter sees them."""
    sent = [frame for name, wrap in WRAPS.items() if wrap.link == 1 for frame in in_versions(name)]
    sent += [
        craft.ethernet(craft.ip4("10.0.0.1", "10.0.0.2", bytes(n), protocol))
        for n in (0, 60)
        for protocol in range(256)
    ]
    sent += [frame.ljust(60, b"\0") for frame in sent]
    sent += [frame[:n] for frame in in_versions("ethernet") for n in range(14, 60)]
    program = needed_program((80,))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        bpf.attach(sock, program)
        sock.bind(("w1", 3))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        wire.send(*sent)
        found = []
        while len(found) < len(sent):
            try:
                found.append(sock.recv(65536, socket.MSG_DONTWAIT))
            except BlockingIOError:
                break
    bare = [frame[:12] + frame[16:] if frame[12:14] in (b"\x81\0", b"\x88\xa8") else frame for frame in sent]
    assert found == [frame for frame in bare if run(program, frame)]
    assert 80 < len(found) < len(sent) - 200
