"""Crypto-PAn: as others compute it, prefixes kept, and nothing that is no address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from sensor.privacy.crypto_pan import CryptoPan

SAMPLE_KEY = bytes.fromhex("1522178d33a4cf80130a5b1649907d10d8988f837979652762574c2d2a842202")
"""Of the authors' own sample, with their trace's first lines."""
PAN = CryptoPan(SAMPLE_KEY, 16)


@pytest.mark.parametrize(
    ("clear", "pseudonym"),
    [
        ("128.11.68.132", "135.242.180.132"),
        ("129.118.74.4", "134.136.186.123"),
        ("130.132.252.244", "133.68.164.234"),
        ("141.223.7.43", "141.167.8.160"),
    ],
)
def test_the_authors_sample(clear: str, pseudonym: str) -> None:
    assert PAN.address(clear) == pseudonym


def by_the_paper(address: IPv4Address | IPv6Address, key: bytes) -> str:
    """Section 3.4 bit by bit, with another library's AES: the n-th bit is flipped by the first of AES(its prefix, and
    of the padding what is behind)."""
    aes = Cipher(algorithms.AES(key[:16]), modes.ECB())  # noqa: S305  (the method is AES of single blocks)
    block = aes.encryptor().update
    bits, padding = f"{int(address):0{address.max_prefixlen}b}", f"{int.from_bytes(block(key[16:])):0128b}"
    flips = [block(int(bits[:at] + padding[at:], 2).to_bytes(16))[0] >> 7 for at in range(len(bits))]
    return str(type(address)(int("".join(str(int(bit) ^ flip) for bit, flip in zip(bits, flips, strict=True)), 2)))


@given(st.ip_addresses(), st.binary(min_size=32, max_size=32))
def test_as_the_paper_has_it(address: IPv4Address | IPv6Address, key: bytes) -> None:
    assert CryptoPan(key, 16).address(str(address)) == by_the_paper(address, key)


def _common(one: int, other: int, bits: int) -> int:
    return bits - (one ^ other).bit_length()


@given(st.integers(0, 2**32 - 1), st.integers(0, 31), st.integers(0, 2**32 - 1))
def test_as_many_leading_bits_are_shared_as_before(one: int, shared: int, noise: int) -> None:
    other = (one & ~(2 ** (32 - shared) - 1) | noise & (2 ** (32 - shared) - 1)) & (2**32 - 1)
    first, second = PAN.address(str(ip_address(one))), PAN.address(str(ip_address(other)))
    assert first is not None and second is not None
    assert _common(int(ip_address(first)), int(ip_address(second)), 32) == _common(one, other, 32)


@pytest.mark.parametrize("text", ["", "example.org", "1.2.3", "1.2.3.4.5", "fe80::1%eth0", "::g", "\x00"])
def test_what_is_no_address(text: str) -> None:
    assert PAN.address(text) is None


def test_no_more_is_remembered_than_was_said() -> None:
    pan = CryptoPan(SAMPLE_KEY, 16)
    for number in range(100):
        pan.address(f"10.0.0.{number}")
    assert pan.address.cache_info().currsize == 16


def test_a_key_of_another_length() -> None:
    with pytest.raises(ValueError, match="32 octets"):
        CryptoPan(b"short", 16)
