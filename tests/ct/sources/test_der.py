"""sensor.ct.sources.der: certificates one after another, PKCS#7 as DER and as BER, cut anywhere."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from sensor.ct.sources import DerItem, Item, Refusal
from sensor.ct.sources.der import looks_like_certificate, looks_like_pkcs7, outer_length, read_blob
from tests.ct.pki import make_root

ROOT = make_root("Root One")
LEAVES = [ROOT.issue(f"{n}.example") for n in range(3)]
BUNDLE = pkcs7.serialize_certificates([x509.load_der_x509_certificate(der) for der in LEAVES], Encoding.DER)


def ders(items: list[Item]) -> list[bytes]:
    assert all(isinstance(item, DerItem) for item in items), items
    return [item.der for item in items if isinstance(item, DerItem)]


def test_one_and_several() -> None:
    assert ders(list(read_blob(LEAVES[0]))) == LEAVES[:1]
    assert ders(list(read_blob(b"".join(LEAVES)))) == LEAVES


@pytest.mark.parametrize("last", [0x00, 0x0A, 0x0D])
def test_a_signature_may_end_in_what_looks_like_padding(last: int) -> None:
    der = LEAVES[0][:-1] + bytes((last,))
    assert ders(list(read_blob(der))) == [der]
    assert ders(list(read_blob(der + b"\0\r\n\0"))) == [der]


def test_something_behind() -> None:
    for more in (b"garbage", b"\0garbage", b"\x02\x01\x05"):
        items = list(read_blob(LEAVES[0] + more))
        assert items == [DerItem(LEAVES[0]), Refusal("something else behind a certificate")]


def test_a_pkcs7_bundle() -> None:
    items = list(read_blob(BUNDLE))
    assert sorted(ders(items)) == sorted(LEAVES)
    assert [item.place for item in items] == ["certificate 1", "certificate 2", "certificate 3"]
    assert next(iter(read_blob(BUNDLE, "certificate 9"))).place == "certificate 9, certificate 1"


def indefinite(tag: int, content: bytes) -> bytes:
    return bytes((tag, 0x80)) + content + b"\0\0"


def test_a_bundle_in_ber() -> None:
    """Indefinite lengths, as Java and some CAs write .p7c files."""
    inner = b"\x02\x01\x01" + b"\x31\x00" + b"\x30\x0b\x06\x09" + bytes.fromhex("2a864886f70d010701")
    signed = indefinite(0x30, inner + indefinite(0xA0, b"".join(LEAVES)) + b"\x31\x00")
    ber = indefinite(0x30, bytes.fromhex("06092a864886f70d010702") + indefinite(0xA0, signed))
    assert looks_like_pkcs7(ber)
    assert ders(list(read_blob(ber))) == LEAVES


def test_a_bundle_without_certificates() -> None:
    inner = b"\x02\x01\x01" + b"\x31\x00" + b"\x30\x0b\x06\x09" + bytes.fromhex("2a864886f70d010701") + b"\x31\x00"
    signed = bytes((0x30, len(inner))) + inner
    explicit = bytes((0xA0, len(signed))) + signed
    oid = bytes.fromhex("06092a864886f70d010702")
    assert list(read_blob(bytes((0x30, len(oid) + len(explicit))) + oid + explicit)) == []


def test_every_cut_is_said() -> None:
    for length in range(1, len(LEAVES[0])):
        assert list(read_blob(LEAVES[0][:length])) == [Refusal("cut short")]
    for length in range(20, len(BUNDLE), 7):
        (item,) = read_blob(BUNDLE[:length])
        assert item == Refusal("PKCS#7 cut short")


def test_what_a_file_begins_with() -> None:
    assert looks_like_certificate(LEAVES[0])
    assert looks_like_certificate(LEAVES[0][:40])
    assert not looks_like_certificate(BUNDLE)
    assert looks_like_pkcs7(BUNDLE)
    assert looks_like_pkcs7(BUNDLE[:20])
    assert not looks_like_pkcs7(LEAVES[0])
    for head in (b"", b"\x30", b"\x30\x82", b"\x30\x03\x02\x01\x05", b"PK\x03\x04"):
        assert not looks_like_certificate(head)
        assert not looks_like_pkcs7(head)


def test_outer_length() -> None:
    assert outer_length(LEAVES[0] + b"more") == len(LEAVES[0])
    assert outer_length(LEAVES[0][:-1]) is None
    assert outer_length(b"") is None


@given(st.binary(max_size=100), st.sampled_from([b"", BUNDLE[:30], BUNDLE[:60], LEAVES[0][:10]]))
def test_noise(noise: bytes, head: bytes) -> None:
    for item in read_blob(head + noise):
        assert isinstance(item, Refusal | DerItem)


def test_time_grows_with_the_data() -> None:
    assert len(list(read_blob(b"\x30\x00" * 200_000))) == 200_000
    assert len(list(read_blob(LEAVES[0] + b"\0" * 2_000_000 + b"x"))) == 2
