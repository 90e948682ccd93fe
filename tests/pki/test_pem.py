"""sensor.pki.pem: textual encoding undone while it goes by, whole, octet by octet, and with what stands around it."""

from __future__ import annotations

import base64
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki.pem import PemStream

LABELS = (b"X509 CRL", b"CRL")


def encoded(data: bytes, label: str = "X509 CRL", end: str = "\n") -> bytes:
    body = textwrap.fill(base64.b64encode(data).decode(), 64) if data else ""
    text = f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"
    return text.replace("\n", end).encode()


def decoded(text: bytes, sizes: list[int], max_before: int = 1000) -> tuple[bytes, PemStream]:
    stream = PemStream(LABELS, max_before)
    out = b""
    pos = 0
    for size in [*sizes, len(text)]:
        out += stream.feed(text[pos : pos + size])
        pos += size
    return out, stream


@given(
    st.binary(max_size=500),
    st.lists(st.integers(1, 90), max_size=40),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(
        [b"", b"Certificate Revocation List (CRL):\n  Version 2\n", b"-----BEGIN CERTIFICATE-----\nMA==\n"]
    ),
    st.sampled_from(["X509 CRL", "CRL"]),
)
def test_any_octets_in_any_pieces(data: bytes, sizes: list[int], end: str, before: bytes, label: str) -> None:
    out, stream = decoded(before + encoded(data, label, end) + b"trailing\n", sizes)
    assert out == data
    assert stream.began and stream.ended and not stream.broken


def test_octet_by_octet() -> None:
    out, stream = decoded(encoded(b"some octets"), [1] * 500)
    assert (out, stream.ended) == (b"some octets", True)


def test_a_cut_block_gives_what_was_there() -> None:
    text = encoded(bytes(range(200)))
    out, stream = decoded(text[:120], [])
    assert bytes(range(200)).startswith(out)
    assert len(out) > 60
    assert stream.began and not stream.ended and not stream.broken


@pytest.mark.parametrize("body", [b"AAAA!AAA", b"AA==AAAA", b"A=======", b"AAA", b"<html>", b"AAAA\0"])
def test_what_is_no_base64_is_broken(body: bytes) -> None:
    _, stream = decoded(b"-----BEGIN X509 CRL-----\n" + body + b"\n-----END X509 CRL-----\n", [])
    assert stream.broken


def test_padding_in_one_piece_and_more_in_the_next_is_broken() -> None:
    text = b"-----BEGIN X509 CRL-----\nAA==\nAAAA\n-----END X509 CRL-----\n"
    for size in range(20, 40):
        assert decoded(text, [size])[1].broken


def test_so_much_may_stand_before_it() -> None:
    text = b"x" * 300 + encoded(b"abc")
    assert decoded(text, [1] * 600, max_before=300)[0] == b"abc"
    out, stream = decoded(text, [1] * 600, max_before=100)
    assert (out, stream.broken) == (b"", True)


def test_other_labels_are_not_taken() -> None:
    assert not decoded(encoded(b"abc", "CERTIFICATE"), [])[1].began
