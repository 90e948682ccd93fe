"""sensor.pki.ber: indefinite lengths and constructed strings rewritten."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki.ber import definite_form
from sensor.pki.der import DerError
from tests.pki import crls


def tlv(tag: int, body: bytes) -> bytes:
    size = len(body)
    return bytes((tag, size)) + body if size < 128 else bytes((tag, 0x82)) + size.to_bytes(2, "big") + body


def definite(tree: object) -> bytes:
    """DER with two-octet long lengths; a tree is bytes (an OCTET STRING) or a list (a SEQUENCE)."""
    if isinstance(tree, bytes):
        return tlv(4, tree)
    assert isinstance(tree, list)
    return tlv(0x30, b"".join(definite(each) for each in tree))


def indefinite(tree: object, step: int) -> bytes:
    """The same in BER: every SEQUENCE of indefinite length, every string cut into segments of `step` octets."""
    if isinstance(tree, bytes):
        segments = (tree[i : i + step] for i in range(0, len(tree), step))
        return b"\x24\x80" + b"".join(tlv(4, each) for each in segments) + b"\0\0"
    assert isinstance(tree, list)
    return b"\x30\x80" + b"".join(indefinite(each, step) for each in tree) + b"\0\0"


TREES = st.recursive(st.binary(max_size=40), lambda inner: st.lists(inner, max_size=4), max_leaves=12).filter(
    lambda tree: isinstance(tree, list)
)


@given(TREES, st.integers(1, 9), st.binary(max_size=5))
def test_any_tree(tree: list[object], step: int, tail: bytes) -> None:
    expected, _ = definite_form(definite(tree), 16, 4096)  # only its length octets may differ
    spelled = indefinite(tree, step)
    assert definite_form(spelled + tail, 20, 4096) == (expected, len(spelled))
    assert definite_form(expected, 16, 4096) == (expected, len(expected))


def test_bit_string_segments() -> None:
    spelled = b"\x23\x80\x03\x03\x00\xab\xcd\x03\x02\x04\xf0\x00\x00"
    assert definite_form(spelled, 4, 10)[0] == b"\x03\x04\x04\xab\xcd\xf0"
    assert definite_form(b"\x23\x00", 4, 10)[0] == b"\x03\x01\x00"


def test_segments_of_segments() -> None:
    spelled = b"\x24\x80\x24\x04\x04\x02ab\x04\x01c\x00\x00"
    assert definite_form(spelled, 4, 10)[0] == b"\x04\x03abc"


@pytest.mark.parametrize("size", [127, 128, 255, 256, 65_535, 65_536])
def test_the_length_is_as_short_as_it_can_be(size: int) -> None:
    """X.690 10.1, however many octets it had."""
    content = bytes(size)
    spelled = b"\x30\x80\x24\x80\x04\x83" + size.to_bytes(3, "big") + content + bytes(4)
    assert definite_form(spelled, 4, 9) == (crls.tlv(0x30, crls.tlv(4, content)), len(spelled))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x80",
        b"\x30\x80\x00",
        b"\x30\x80\x04\x05ab\x00\x00",
        b"\x30\x03\x30\x80\x00\x00",
        b"\x04\x80ab\x00\x00",
        b"\x30\x80\x1f\x81\x00\x00\x00\x00",
        b"\x30\x88" + b"\xff" * 8,
        b"\x30\x82\x01",  # the octets of the length are cut off
        b"\x24\x80\x30\x80\x00\x00\x00\x00",  # a SEQUENCE is no segment of a string
    ],
)
def test_refused(data: bytes) -> None:
    with pytest.raises(DerError) as caught:
        definite_form(data, 16, 4096)
    assert not caught.value.limit


@pytest.mark.parametrize("head", [b"\x30\x80", b"\x24\x80", b"\xa0\x80"])
def test_depth_bomb(head: bytes) -> None:
    with pytest.raises(DerError) as caught:
        definite_form(head * 100_000, 16, 4096)
    assert caught.value.limit
    assert definite_form(head * 16 + b"\0\0" * 16, 16, 4096)[1] == 64
    with pytest.raises(DerError):
        definite_form(head * 17 + b"\0\0" * 17, 16, 4096)


def test_width_bomb() -> None:
    with pytest.raises(DerError) as caught:
        definite_form(b"\x30\x80" + b"\x05\x00" * 100_000, 16, 4096)
    assert caught.value.limit


def test_linear_time() -> None:
    def seconds(n: int) -> float:
        data = b"\x30\x80" + b"\x30\x80\x05\x00\x00\x00" * n + b"\x00\x00"
        best = 9.0
        for _ in range(3):
            start = time.process_time()
            definite_form(data, 16, 10 * n)
            best = min(best, time.process_time() - start)
        return best

    assert any(seconds(16_000) < 3 * seconds(8_000) + 0.01 for _ in range(6)), "a busy machine gets several chances"
