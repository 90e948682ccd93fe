"""sensor.ocsp.elements: the parts by themselves; in messages they are tested with those."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.ocsp.elements import (
    MAX_EXTENSIONS,
    count_elements,
    has_null_parameters,
    nonce_octets,
    read_cert_id,
    read_extensions,
)
from sensor.pki.der import DerError, DerReader
from sensor.pki.oids import encode_oid
from sensor.pki.serial import render_serial
from tests.ocsp.wire import SHA256, cert_id, extension, octets, seq, tlv


@given(st.binary(min_size=1, max_size=80), st.binary(max_size=64), st.binary(max_size=200))
def test_cert_ids(serial: bytes, name_hash: bytes, key_hash: bytes) -> None:
    data = b"??" + cert_id(serial, SHA256, name_hash=name_hash, key_hash=key_hash) + b"??"
    reader = DerReader(data, 100)
    found = read_cert_id(reader, 2, len(data), 100)
    assert (found.hash_algorithm, found.issuer_name_hash, found.issuer_key_hash) == ("sha256", name_hash, key_hash)
    assert found.serial_number == render_serial(serial)
    assert reader.stop == len(data) - 2


@pytest.mark.parametrize("octets_shown", [1, 8, 64])
@pytest.mark.parametrize("serial", [b"\x7f" * 70, b"\x80" + b"\x11" * 69, b"\x00\xff" * 35])
def test_serials_are_cut_by_the_limit_only(serial: bytes, octets_shown: int) -> None:
    data = cert_id(serial)
    text = read_cert_id(DerReader(data, 100), 0, len(data), octets_shown).serial_number
    shown, mark, digest = text.partition("...")
    assert mark and len(digest) == 32
    assert render_serial(serial).startswith(shown)
    assert len(shown.strip("-")) == 2 * octets_shown
    other = cert_id(serial[:-1] + bytes([serial[-1] ^ 1]))
    assert read_cert_id(DerReader(other, 100), 0, len(other), octets_shown).serial_number != text
    assert read_cert_id(DerReader(data, 100), 0, len(data), 70).serial_number == render_serial(serial)


def test_null_parameters() -> None:
    for parameters, expected in ((b"\5\0", True), (b"", False), (octets(b""), False), (b"\5\1\0", False)):
        data = cert_id(1, parameters=parameters)
        assert has_null_parameters(DerReader(data, 9), 0, len(data)) == expected


@given(st.lists(st.tuples(st.integers(0, 39), st.binary(max_size=300), st.booleans()), max_size=MAX_EXTENSIONS))
def test_extensions(wanted: list[tuple[int, bytes, bool]]) -> None:
    data = seq(*(extension(f"1.{arc}", value, critical) for arc, value, critical in wanted))
    reader = DerReader(data, 1000)
    assert read_extensions(reader, 0, len(data)) == [(encode_oid(f"1.{arc}"), value) for arc, value, _ in wanted]
    assert not reader.cut


def test_extensions_beyond_a_limit() -> None:
    data = seq(*[extension("1.2", b"")] * (MAX_EXTENSIONS + 1))
    reader = DerReader(data, 1000)
    assert len(read_extensions(reader, 0, len(data))) == MAX_EXTENSIONS
    assert reader.cut
    reader = DerReader(data, 10)
    assert len(read_extensions(reader, 0, len(data))) == 2
    assert reader.cut


def test_counting_costs_nothing() -> None:
    data = octets(b"abc") * 500
    reader = DerReader(data, 3)
    assert count_elements(reader, 0, len(data)) == 500
    assert reader.left == 3
    with pytest.raises(DerError, match="truncated"):
        count_elements(reader, 0, len(data) - 1)


@given(st.binary(max_size=300))
def test_nonces(value: bytes) -> None:
    assert nonce_octets(octets(value)) == value
    assert nonce_octets(octets(value) + b"!") == octets(value) + b"!"
    assert nonce_octets(tlv(5, value)) == tlv(5, value)


@pytest.mark.parametrize(
    ("serial", "loose"),
    [
        (b"", True),
        (b"\0", False),
        (b"\xff", False),
        (b"\0\1", True),
        (b"\0\x7f", True),
        (b"\0\x80", False),
        (b"\xff\x7f", False),
        (b"\xff\x80", True),
        (b"\xff\x81", True),
        (b"\1\0", False),
        (b"\0\xff\0", False),
        (b"\0\1\xff", True),
    ],
)
def test_a_serial_in_more_octets_than_it_needs(serial: bytes, loose: bool) -> None:
    """X.690 8.3.2: not all of the first nine bits are the same; and it has an octet at least (8.3.1)."""
    data = cert_id(serial)
    reader = DerReader(data, 100)
    read_cert_id(reader, 0, len(data), 100)
    assert reader.loose is loose


@pytest.mark.parametrize(("limit", "found"), [(4, 0), (5, 1), (7, 1), (8, 2), (11, 3), (100, 3)])
def test_one_is_read_only_if_all_of_it_may_be(limit: int, found: int) -> None:
    """Four headers at most: of itself, its OID, critical, and its value."""
    data = seq(*[extension("1.2", b"")] * 3)
    reader = DerReader(data, limit)
    assert len(read_extensions(reader, 0, len(data))) == found
    assert reader.cut is (found < 3)


@pytest.mark.parametrize("tag", [0, 2, 5, 0x81])
def test_nothing_but_critical_stands_before_a_value(tag: int) -> None:
    data = seq(seq(tlv(6, encode_oid("1.2")), tlv(tag, b"\xff"), octets(b"")))
    with pytest.raises(DerError, match="extnValue"):
        read_extensions(DerReader(data, 100), 0, len(data))
