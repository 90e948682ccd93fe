"""Other segments, numbers, ports, fragments, tunnels, trailers: the same exchanges."""

from __future__ import annotations

import pytest

from tests.flow.wraps import WRAPS
from tests.invariance.replay import captures, cut, frames_of, inside, replay, whole
from tests.invariance.rewrite import fragmented, from_port, renumbered, wrapped, wraps_for


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 536])
def test_t1_smaller_segments(name: str, size: int) -> None:
    frames = frames_of(name)
    pieces = [piece for frame in frames for piece in cut(frame, size)]
    assert len(pieces) > len(frames) or size > 60
    seen = replay(pieces)
    assert seen.told() == whole(name).told()
    assert seen.accounts.payload_bytes == whole(name).accounts.payload_bytes


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("before", [1, 2, 100, 300, 1000])
def test_t2_numbers_that_wrap_inside_a_message(name: str, before: int) -> None:
    assert replay(renumbered(frames_of(name), before)).told() == whole(name).told()


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("port", [1, 53, 80, 135, 443, 3128, 8080, 65000])
def test_t16_from_any_port(name: str, port: int) -> None:
    assert replay(from_port(frames_of(name), port)).told() == whole(name).told()


@pytest.mark.parametrize("name", captures())
@pytest.mark.parametrize("backwards", [False, True])
def test_i1_fragments(name: str, backwards: bool) -> None:
    frames = fragmented(frames_of(name), 64, backwards)
    seen = replay(frames)
    assert seen.accounts.fragments > 0
    assert seen.told() == whole(name).told()


WRAPPED = ["ocsp/openssl-post-good.pcap", "ocsp/openssl-ipv6.pcap", "ocsp/curl-keepalive-two-cas.pcap"]


@pytest.mark.parametrize("name", WRAPPED)
def test_l1_l3_under_every_encapsulation(name: str) -> None:
    frames, full = frames_of(name), whole(name)
    names = wraps_for(frames)
    assert len(names) > 50
    for way in names:
        assert replay(wrapped(frames, WRAPS[way])).told() == full.told(), way


@pytest.mark.parametrize("name", captures())
def test_l1_a_tag_on_one_direction_only(name: str) -> None:
    frames = [frame for frame in frames_of(name) if inside(frame) is not None]
    plain, tagged = wrapped(frames, WRAPS["ethernet"]), wrapped(frames, WRAPS["vlan"])
    opener = {}
    mixed = []
    for frame, one, other in zip(frames, plain, tagged, strict=True):
        tcp = inside(frame)
        assert tcp is not None
        mixed.append(one if opener.setdefault(tcp.flow, tcp.src) == tcp.src else other)
    assert replay(mixed).told() == whole(name).told()


@pytest.mark.parametrize("name", captures())
def test_l6_trailers_that_look_like_http(name: str) -> None:
    frames = wrapped(frames_of(name), WRAPS["ethernet"])
    trailer = b"GET /MEowSDBGMEQwQjAJBgUrDgMCGgUA HTTP/1.1\r\nHost: a.example\r\n\r\n"
    assert replay([frame._replace(data=frame.data + trailer) for frame in frames]).told() == whole(name).told()
