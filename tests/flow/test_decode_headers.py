"""sensor.flow.decode: lies in headers, extension headers, padding, and a name for everything that is not opened."""

from __future__ import annotations

import struct

import pytest

from sensor.flow.decode import OUTCOMES
from tests.flow.decoding import CLIENT, CLIENT6, INNER, PAYLOAD, SEGMENT, SERVER, SERVER6, decoded, halves, nested
from tests.flow.frames import POISON, ethernet, ip4, ip6, tcp
from tests.flow.wraps import WRAPS, ah, gre, in_ip4, in_udp, option6, vxlan, vxlan_gpe, wifi


def test_l6_padding_and_trailers_are_no_payload() -> None:
    """A 40-octet datagram in a 60-octet frame; behind it what looks like HTTP."""
    short = ip4(CLIENT, SERVER, tcp(49152, 80))
    for trailer in (bytes(6), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"):
        outcome, packet = decoded(ethernet(short) + trailer)
        assert (outcome, packet.payload_len, packet.payload_cap) == ("tcp", 0, 0)
    outcome, packet = decoded(ethernet(ip6(CLIENT6, SERVER6, SEGMENT)) + b"trailer")
    assert (outcome, packet.payload_len, packet.payload_cap) == ("tcp", len(PAYLOAD), len(PAYLOAD))


def test_cf12_length_left_to_the_card() -> None:
    """Segmentation offload: total length 0; the frame's own length holds."""
    big = tcp(49152, 80, payload=b"x" * 60000)
    for datagram in (ip4(CLIENT, SERVER, big, total=0), ip6(CLIENT6, SERVER6, big, length=0)):
        outcome, packet = decoded(ethernet(datagram))
        assert (outcome, packet.payload_len, packet.ip_total) == ("tcp", 60000, len(datagram))


ICMP6 = ip6(CLIENT6, SERVER6, bytes(8), 58)
NOT_TCP: dict[str, tuple[bytes, int, str]] = {
    "udp": (in_udp(53, b"query"), 1, "udp"),
    "udp cut": (in_ip4(17, b"1234567"), 1, "udp"),
    "icmp": (in_ip4(1, bytes(8)), 1, "icmp"),
    "icmp6": (ethernet(ICMP6), 1, "icmp"),
    "sctp": (in_ip4(132, bytes(12)), 1, "sctp"),
    "esp": (in_ip4(50, bytes(12)), 1, "esp"),
    "igmp": (in_ip4(2, bytes(8)), 1, "other_ip_protocol"),
    "no next header": (ethernet(ip6(CLIENT6, SERVER6, b"", 59)), 1, "no_next_header"),
    "arp": (ethernet(bytes(28), 0x0806), 1, "arp"),
    "rarp": (ethernet(bytes(28), 0x8035), 1, "arp"),
    "lldp": (ethernet(bytes(28), 0x88CC), 1, "other_ethertype"),
    "spanning tree": (ethernet(b"\x42\x42\x03" + bytes(35), 38), 1, "llc"),
    "ppp lcp": (b"\xff\x03\xc0\x21" + bytes(8), 9, "other_ethertype"),
    "null appletalk": (struct.pack("<I", 16) + bytes(8), 0, "other_ethertype"),
    "sll netlink": (struct.pack("!HHH8sH", 4, 824, 0, b"", 0) + bytes(40), 113, "unknown_linktype"),
    "802.11 beacon": (b"\x80\0" + bytes(60), 105, "other_ethertype"),
    "802.11 encrypted": (b"\x08\x41" + wifi(INNER[4])[2:], 105, "other_ethertype"),
    "802.11 null": (b"\x48\x01" + bytes(60), 105, "other_ethertype"),
    "802.11 aggregate": (b"\x88\x01" + bytes(22) + b"\x80\0" + bytes(60), 105, "other_ethertype"),
    "unknown link type": (b"whatever", 147, "unknown_linktype"),
    "IP version 5": (b"\x55" + INNER[4][1:], 101, "bad_ip_header"),
    "vxlan without its flag": (in_udp(4789, bytes(8) + ethernet(INNER[4])), 1, "udp"),
    "vxlan-gpe without its flags": (in_udp(4790, vxlan(ethernet(INNER[4]))), 1, "udp"),
    "vxlan-gpe of NSH": (in_udp(4790, vxlan_gpe(4, INNER[4])), 1, "udp"),
    "geneve version 1": (in_udp(6081, b"\x40" + bytes(7) + INNER[4]), 1, "udp"),
    "gtp echo": (in_udp(2152, b"\x30\x01" + bytes(6) + INNER[4]), 1, "udp"),
    "gtp endless extension": (in_udp(2152, b"\x34\xff" + bytes(9) + b"\x85\0" + bytes(40)), 1, "udp"),
    "teredo bubble of nothing": (in_udp(3544, b"hello"), 1, "udp"),
    "ayiya no operation": (in_udp(5072, b"\x41\x52\x10\x29" + bytes(80)), 1, "udp"),
    "gre source routing": (in_ip4(47, gre(0x0800, INNER[4], 0x4000)), 1, "bad_tunnel"),
    "gre version 2": (in_ip4(47, gre(0x0800, INNER[4], 2)), 1, "bad_tunnel"),
    "gre cut": (in_ip4(47, b"\0\0\x08"), 1, "bad_tunnel"),
    "erspan 3 cut": (in_ip4(47, gre(0x22EB, bytes(11), 0x1000, bytes(4))), 1, "bad_tunnel"),
    "nflog without a packet": (b"\x02\0\0\x05" + struct.pack("<HH", 5, 10) + bytes(4), 239, "truncated_link_header"),
    "nflog of length 0": (b"\x02\0\0\x05" + struct.pack("<HH", 0, 10) + bytes(4), 239, "truncated_link_header"),
    "nothing": (b"", 1, "truncated_link_header"),
}


@pytest.mark.parametrize("name", NOT_TCP)
def test_l3_cf9_what_is_not_opened_has_a_name(name: str) -> None:
    frame, link, outcome = NOT_TCP[name]
    assert decoded(frame, link)[0] == outcome


def test_cf9_unknown_link_types_keep_their_number() -> None:
    known = {wrap.link for wrap in WRAPS.values()}
    unknown = [link for link in range(300) if link not in known]
    assert len(unknown) > 250
    for link in unknown:
        outcome, packet = decoded(bytes(80), link)
        assert (outcome, packet.detail) == ("unknown_linktype", link)
    assert "unknown_linktype" not in {decoded(bytes(80), link)[0] for link in known}


BAD: dict[str, tuple[bytes, str]] = {
    "header of 16 octets": (ip4(CLIENT, SERVER, SEGMENT, header=16), "bad_ip_header"),
    "header of 0 octets": (ip4(CLIENT, SERVER, SEGMENT, header=0), "bad_ip_header"),
    "header longer than the datagram": (ip4(CLIENT, SERVER, b"", header=60), "bad_ip_header"),
    "total length below the header": (ip4(CLIENT, SERVER, SEGMENT, total=19), "bad_ip_header"),
    "total length beyond the frame": (ip4(CLIENT, SERVER, SEGMENT, total=2000), "truncated_ip"),
    "IPv6 length beyond the frame": (ip6(CLIENT6, SERVER6, SEGMENT, length=2000), "truncated_ip"),
    "total length cuts the TCP header": (ip4(CLIENT, SERVER, SEGMENT, total=39), "truncated_tcp"),
    "IPv6 length cuts the TCP header": (ip6(CLIENT6, SERVER6, SEGMENT, length=19), "truncated_tcp"),
    "data offset of 16 octets": (ip4(CLIENT, SERVER, tcp(1, 2, header=16)), "bad_tcp_header"),
    "data offset behind the segment": (ip4(CLIENT, SERVER, tcp(1, 2, header=60)), "bad_tcp_header"),
}


@pytest.mark.parametrize("name", BAD)
def test_i6_lies_in_headers(name: str) -> None:
    datagram, outcome = BAD[name]
    assert decoded(ethernet(datagram))[0] == outcome


def test_i6_version_does_not_fit_the_ethertype() -> None:
    assert decoded(ethernet(INNER[6], 0x0800))[0] == "bad_ip_header"
    assert decoded(ethernet(INNER[4] + bytes(40), 0x86DD))[0] == "bad_ip_header"


def test_i6_ip_options_are_skipped() -> None:
    for words in range(1, 11):
        outcome, packet = decoded(ethernet(ip4(CLIENT, SERVER, SEGMENT, options=b"\x01" * 4 * words)))
        assert (outcome, packet.payload_cap, packet.dport) == ("tcp", len(PAYLOAD), 80)


EXTENSIONS = [0, 43, 60, 135, 139, 140]


@pytest.mark.parametrize("number", EXTENSIONS)
@pytest.mark.parametrize("length", [0, 1, 5])
def test_i5_extension_headers_are_skipped(number: int, length: int) -> None:
    datagram = ip6(CLIENT6, SERVER6, option6(6, length) + SEGMENT, number)
    outcome, packet = decoded(ethernet(datagram))
    assert (outcome, packet.payload_cap, packet.ip_total) == ("tcp", len(PAYLOAD), len(datagram))
    assert packet.src_lo == int.from_bytes(INNER[6][16:24], "big")


def chained(count: int) -> bytes:
    chain = b"".join(option6(60 if i + 1 < count else 6) for i in range(count))
    return ethernet(ip6(CLIENT6, SERVER6, chain + SEGMENT, 60 if count else 6))


def test_i5_no_more_extension_headers_than_the_limit() -> None:
    for count in range(9):
        assert decoded(chained(count))[0] == "tcp", count
    for count in (9, 100, 1000):
        assert decoded(chained(count))[0] == "ip6_extensions", count


def test_i5_atomic_fragments_stand_alone_and_count() -> None:
    """RFC 6946: an offset of 0 and no more to come is a whole datagram."""
    atom = bytes([6, 0, 0, 0, 1, 2, 3, 4])
    assert decoded(ethernet(ip6(CLIENT6, SERVER6, atom + SEGMENT, 44)))[0] == "tcp"
    atoms = bytes([44, 0, 0, 0, 1, 2, 3, 4]) * 8 + atom
    assert decoded(ethernet(ip6(CLIENT6, SERVER6, atoms + SEGMENT, 44)))[0] == "ip6_extensions"


def test_i5_authentication_headers() -> None:
    for datagram in (ip4(CLIENT, SERVER, ah(6, SEGMENT), 51), ip6(CLIENT6, SERVER6, ah(6, SEGMENT), 51)):
        outcome, packet = decoded(ethernet(datagram))
        assert (outcome, packet.payload_cap) == ("tcp", len(PAYLOAD))
    endless = b"\x33\x00" + bytes(6)  # of 8 octets, and another one follows
    assert decoded(ethernet(ip4(CLIENT, SERVER, endless * 20 + SEGMENT, 51)))[0] == "ip6_extensions"
    assert decoded(ethernet(ip4(CLIENT, SERVER, b"\x06\xff" + bytes(30), 51)))[0] == "truncated_ip"


def test_i5_source_route_and_home_address() -> None:
    """Who talks to whom is what the ends mean: RFC 2460 section 4.4, RFC 6275 section 6.3."""
    last = bytes.fromhex("20010db8000000000000000000000099")
    route = bytes([6, 2, 0, 1]) + bytes(4) + last
    packet = decoded(ethernet(ip6(CLIENT6, SERVER6, route + SEGMENT, 43)))[1]
    assert (packet.dst_hi, packet.dst_lo) == halves(last)
    done = bytes([6, 2, 0, 0]) + bytes(4) + last  # no segments left: it has arrived
    assert decoded(ethernet(ip6(CLIENT6, SERVER6, done + SEGMENT, 43)))[1].dst_lo == 0x80
    padded, padded_by_one = bytes([6, 2, 1, 2, 0, 0, 201, 16]) + last, bytes([6, 2, 0, 201, 16]) + last + bytes(3)
    for home in (padded, padded_by_one):
        packet = decoded(ethernet(ip6(CLIENT6, SERVER6, home + SEGMENT, 60)))[1]
        assert (packet.src_hi, packet.src_lo) == halves(last)


def test_fragments_are_told_with_their_place() -> None:
    outcome, packet = decoded(
        ethernet(ip4(CLIENT, SERVER, b"x" * 24, ident=77, offset=1480, more=True, options=bytes(4)))
    )
    assert outcome == "ip_fragment"
    assert (packet.fragment_id, packet.fragment_offset, packet.more_fragments, packet.fragment_proto) == (
        77,
        1480,
        True,
        6,
    )
    assert packet.fragment_end - packet.fragment_pos == 24
    piece = bytes([6, 0, 0x05, 0xC9, 0, 0, 0, 77]) + b"y" * 16
    outcome, packet = decoded(ethernet(ip6(CLIENT6, SERVER6, option6(44) + piece, 0)))
    assert outcome == "ip_fragment"
    assert (packet.fragment_id, packet.fragment_offset, packet.more_fragments, packet.fragment_proto) == (
        77,
        1480,
        True,
        6,
    )
    assert packet.fragment_end - packet.fragment_pos == 16


def test_many_tags_and_labels_cost_linear_time() -> None:
    """A frame full of tags, of labels, of empty options ends, and ends soon."""
    tags = ethernet(b"\0\x07\x81\0" * 16000, 0x8100)
    labels = ethernet(bytes(4) * 16000, 0x8847)
    padding = ethernet(ip6(CLIENT6, SERVER6, bytes([6, 255]) + bytes(2046) + SEGMENT, 60))
    assert [decoded(frame)[0] for frame in (tags, labels, padding)] == ["truncated_link_header"] * 2 + ["tcp"]


def test_every_outcome_is_reached() -> None:
    """By the cases of this file; a name that nothing reaches would be a promise."""
    frames = [(frame, link) for frame, link, _ in NOT_TCP.values()] + [(ethernet(d), 1) for d, _ in BAD.values()]
    frames += [
        (nested(9), 1),
        (chained(99), 1),
        (ethernet(INNER[4]), 1),
        (ethernet(ip4(CLIENT, SERVER, b"x" * 8, more=True)), 1),
    ]
    assert {decoded(frame, link)[0] for frame, link in frames} == {name for name, _ in OUTCOMES}


CHAINS = {
    "IPv4 options": ip4(CLIENT, SERVER, SEGMENT, options=b"\x01" * 40),
    "hop-by-hop": ip6(CLIENT6, SERVER6, option6(6, 2) + SEGMENT, 0),
    "three headers": ip6(CLIENT6, SERVER6, option6(43) + option6(60, 1) + option6(6) + SEGMENT, 0),
    "atomic fragment": ip6(CLIENT6, SERVER6, bytes([6, 0, 0, 0, 1, 2, 3, 4]) + SEGMENT, 44),
    "authentication, IPv4": ip4(CLIENT, SERVER, ah(6, SEGMENT), 51),
    "authentication, IPv6": ip6(CLIENT6, SERVER6, ah(6, SEGMENT), 51),
}


@pytest.mark.parametrize("name", CHAINS)
def test_cf7_i5_chains_cut_at_every_octet(name: str) -> None:
    frame = ethernet(CHAINS[name])
    headers = len(frame) - len(PAYLOAD)
    for cut in range(len(frame)):
        one, packet = decoded(frame[:cut], 1, len(frame), behind=frame[cut:])
        assert one == decoded(frame[:cut], 1, len(frame), behind=bytes(range(200)))[0]
        assert (one == "tcp") == (cut >= headers), cut
        # "bad" also where the options are cut by the snap length: Zeek makes no difference, either
        assert one in {"tcp", "truncated_link_header", "truncated_ip", "truncated_tcp", "bad_tcp_header"}, cut
        assert packet.cap_end <= cut + len(POISON)
