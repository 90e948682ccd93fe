"""Damage, bombs and noise: what comes out is a record or OcspError, in time linear in what went in."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.ocsp.carriage import decode_get
from sensor.ocsp.model import OcspError
from sensor.ocsp.request import decode_request
from sensor.ocsp.response import decode_response
from sensor.settings import OcspSettings
from tests.ocsp.wire import (
    NONCE,
    basic,
    by_name,
    cert_id,
    extension,
    indefinite,
    integer,
    name,
    octets,
    request,
    response,
    revoked,
    seq,
    single,
    tlv,
)

LIMITS = OcspSettings()
ROOMY = OcspSettings(max_bytes=1 << 28, max_elements=1 << 28, max_depth=1 << 28)

REQUESTS = [
    request(cert_id(7)),
    request(
        cert_id(7), version=integer(0), requestor=tlv(0xA4, name("client")), exts=(extension(NONCE, octets(b"n")),)
    ),
    request(cert_id(7), cert_id(8), single_exts=(extension("1.2.3", b"x", critical=True),), signature=seq(b"")),
    indefinite(0x30, indefinite(0x30, indefinite(0x30, indefinite(0x30, cert_id(7))))),
]
REPLIES = [
    response(basic(single(cert_id(7)))),
    response(
        basic(
            single(cert_id(7), revoked(reason=1), exts=(extension("1.3.6.1.5.5.7.48.1.6", b"\x18\x00"),)),
            single(cert_id(8), nxt=b""),
            responder=by_name(name("Responder")),
            exts=(extension(NONCE, octets(b"n")),),
            certs=(seq(b"cert"),),
        )
    ),
    response(status=6),
    response(indefinite(0x30, basic(single(cert_id(7)))[3:])),  # behind a header of three octets
]


def outcome(data: bytes, limits: OcspSettings = LIMITS) -> None:
    """Both decoders: nothing but OcspError may come out of either."""
    with suppress(OcspError):
        decode_request(data, limits)
    with suppress(OcspError):
        decode_response(data, limits)


@given(st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    outcome(data)
    outcome(b"\x30\x80" + data)


EDITS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1 << 16), st.integers(0, 255)), min_size=1, max_size=8)


@settings(max_examples=600)
@given(st.sampled_from(REQUESTS + REPLIES), EDITS, st.integers(1, 9))
def test_mutations(seed: bytes, edits: list[tuple[int, int, int]], limit: int) -> None:
    data = bytearray(seed)
    for how, place, value in edits:
        at = place % (len(data) + 1)
        if how == 0 and at < len(data):
            data[at] = value
        elif how == 1:
            data.insert(at, value)
        elif how == 2:
            del data[at : at + 1]
        else:
            data[at:at] = data[: value + 1]
    outcome(bytes(data))
    outcome(
        bytes(data), OcspSettings(max_elements=limit * 5, max_depth=limit, max_cert_ids=limit, max_serial_octets=limit)
    )


@pytest.mark.parametrize("seed", [*REQUESTS, *REPLIES])
def test_every_octet_with_every_value(seed: bytes) -> None:
    for place in range(0, len(seed), 1 + len(seed) // 40):
        for value in range(256):
            outcome(seed[:place] + bytes((value,)) + seed[place + 1 :])


@pytest.mark.parametrize("seed", [*REQUESTS, *REPLIES])
def test_every_cut_and_every_tail(seed: bytes) -> None:
    decode = decode_request if seed in REQUESTS else decode_response
    whole = decode(seed, LIMITS)
    for size in range(len(seed)):
        with pytest.raises(OcspError):
            decode(seed[:size], LIMITS)
    for tail in (b"\0", b"\n", seed, bytes(1000)):
        longer = decode(seed + tail, LIMITS)
        counted = getattr(longer, "traits", longer).trailing_bytes
        assert counted == getattr(whole, "traits", whole).trailing_bytes + len(tail)


def hashed_by(oid_content: bytes) -> bytes:
    return seq(seq(tlv(6, oid_content)), octets(b""), octets(b""), integer(1))


BOMBS: dict[str, Callable[[int], bytes]] = {
    "depth": lambda n: b"\x30\x84" + (6 * n).to_bytes(4, "big") + b"".join(
        b"\x30\x84" + (6 * i).to_bytes(4, "big") for i in range(n - 1, -1, -1)
    ),
    "indefinite depth": lambda n: b"\x30\x80" * n,
    "closed indefinite depth": lambda n: b"\x30\x80" * n + b"\0\0" * n,
    "width": lambda n: seq(seq(seq(b"\x30\x00" * n))),
    "nulls": lambda n: seq(seq(seq(seq(seq(b"\x05\x00" * n))))),
    "indefinite width": lambda n: indefinite(0x30, b"\x05\x00" * n),
    "segments": lambda n: indefinite(0x30, indefinite(0x24, b"\x04\x00" * n)),
    "nested segments": lambda n: b"\x24\x80" * n + b"\0\0" * n,
    "cert ids": lambda n: request(*[cert_id(7, name_hash=b"", key_hash=b"")] * n),
    "extensions": lambda n: request(cert_id(7), exts=(extension("1.2.3", b""),) * n),
    "single extensions": lambda n: request(*[cert_id(7)] * (n // 64 + 1), single_exts=(extension("1.2", b""),) * 64),
    "serial": lambda n: request(cert_id(b"\x7f" * n)),
    "zero serial": lambda n: request(cert_id(bytes(n))),
    "negative serial": lambda n: request(cert_id(b"\x80" + bytes(n))),
    "one arc": lambda n: request(hashed_by(b"\x2a" + b"\xff" * n + b"\x7f")),
    "arcs": lambda n: request(hashed_by(b"\x2a" + b"\x01" * n)),
    "nonce": lambda n: request(cert_id(7), exts=(extension(NONCE, octets(bytes(n))),)),
    "requestor": lambda n: request(cert_id(7), requestor=tlv(0xA4, seq(b"\x31\x00" * n))),
    "signature": lambda n: request(cert_id(7), signature=seq(bytes(n))),
    "tail": lambda n: request(cert_id(7)) + bytes(n),
    "answers": lambda n: response(basic(*[single(cert_id(7))] * (n // 50))),
    "responder": lambda n: response(basic(responder=by_name(seq(b"\x31\x00" * n)))),
    "certs": lambda n: response(basic(certs=(seq(),) * n)),
    "scts": lambda n: response(basic(single(cert_id(7), exts=(
        extension("1.3.6.1.4.1.11129.2.4.5", octets(b"\xff\xff" + bytes(n))),)))),
    "time": lambda n: response(basic(produced=tlv(0x18, b"1" * n))),
    "status": lambda n: seq(tlv(10, bytes(n))),
}  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("limits", [LIMITS, ROOMY], ids=["limits", "no limits"])
def test_linear_time(bomb: str, limits: OcspSettings) -> None:
    """Twice as much takes at most little more than twice as long, with the limits and without them."""
    if (limits is ROOMY and "indefinite depth" in bomb) or bomb == "nested segments":
        limits = LIMITS  # its cost is depth times size: that is what the depth limit is for
    n = 20_000

    def seconds(data: bytes) -> float:
        best = 9.0
        for _ in range(3):
            start = time.process_time()
            outcome(data, limits)
            best = min(best, time.process_time() - start)
        return best

    small, large, found = BOMBS[bomb](n), BOMBS[bomb](2 * n), []
    for _ in range(6):  # a busy machine gets several chances
        once, twice = seconds(small), seconds(large)
        found.append((once, twice))
        if twice < 3 * once + 0.004 and (limits is ROOMY or twice < 0.2):
            return
    raise AssertionError(found)


@pytest.mark.parametrize("bomb", ["indefinite depth", "indefinite width", "segments", "nested segments"])
def test_bombs_meet_a_limit(bomb: str) -> None:
    for decode in (decode_request, decode_response):
        with pytest.raises(OcspError) as caught:
            decode(BOMBS[bomb](20_000), LIMITS)
        assert caught.value.limit


def test_messages_beyond_the_size_are_not_looked_at() -> None:
    for decode in (decode_request, decode_response):
        with pytest.raises(OcspError, match="message too large"):
            decode(bytes(LIMITS.max_bytes + 1), LIMITS)


@given(st.lists(st.sampled_from([b"/", b"M", b"MF", b"MFww", b"MII", b"%4D", b"%2f", b"%25", b"?", b"A", b"=", b"+"])))
def test_targets_of_awkward_pieces(pieces: list[bytes]) -> None:
    assert decode_get(b"".join(pieces), LIMITS) is None
