"""What lies in the cluster: there and back, and everything that is not what belongs there."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.cluster.entries import (
    EntryError,
    Keys,
    decode_entry,
    decode_id,
    decode_issuer,
    decode_member,
    encode_entry,
    has_key_of,
    issuer_id,
)
from sensor.pki.certificates import Certificate, decode_certificate
from tests.ct.pki import make_root

ROOT = make_root("Root")
SUB = ROOT.intermediate("Sub")
LEAF = decode_certificate(SUB.issue("a.example", "*.b.example", serial=0x1234), 250)
ISSUER = decode_certificate(SUB.der, 0)
VALUE = encode_entry(LEAF.facts, "Log", 7)


def read(value: object, max_bytes: int = 100_000, max_names: int = 250) -> tuple[Certificate, str, int]:
    return decode_entry(value, LEAF.serial, LEAF.facts.issuer_name, max_bytes, max_names)


def test_there_and_back() -> None:
    assert read(VALUE) == (LEAF.facts, "Log", 7)


def changed(**fields: object) -> bytes:
    return encode_entry(msgspec.structs.replace(LEAF.facts, **fields), "Log", 7)


STRANGE = {
    "no value": None,
    "a number": 5,
    "a list": [VALUE],
    "nothing": b"",
    "cut": VALUE[:-1],
    "more behind it": VALUE + b"\0",
    "another version": bytes((VALUE[0], 2)) + VALUE[2:],
    "a name with a control character": changed(dns_names=("a\x1b[2J.example",)),
    "a name with a line's end": changed(dns_names=("a.example\nb.example",)),
    "no name": changed(dns_names=("",)),
    "a name of 300": changed(dns_names=("a." * 150,)),
    "too many names": changed(dns_names=tuple(f"{n}.example" for n in range(251))),
    "an address that is none": changed(ip_addresses=("1.2.3.4.5",)),
    "a mail address that is none": changed(email_addresses=("nobody",)),
    "a URL with a blank": changed(ocsp_urls=("http://a b/",)),
    "100 URLs": changed(crl_urls=tuple(f"http://a/{n}" for n in range(100))),
    "a common name that turns the line": changed(common_name="a\u202eb"),
    "an end before the beginning": changed(not_before=10, not_after=5),
    "a source that steers a terminal": encode_entry(LEAF.facts, "\x1b[31m", 7),
    "nested a thousand deep": b"\x91" * 1000,
}


@pytest.mark.parametrize("value", STRANGE.values(), ids=STRANGE)
def test_what_is_refused(value: object) -> None:
    with pytest.raises(EntryError):
        read(value)


def test_one_that_is_too_long() -> None:
    assert read(VALUE, len(VALUE))[0] == LEAF.facts
    with pytest.raises(EntryError):
        read(VALUE, len(VALUE) - 1)


@given(st.binary(max_size=300), st.integers(0, len(VALUE)))
def test_no_octets_raise_anything_else(octets: bytes, at: int) -> None:
    for value in (octets, VALUE[:at] + octets, VALUE[:at] + octets + VALUE[at + len(octets) :]):
        try:
            facts, _, _ = read(value)
        except EntryError:
            continue
        assert all(name.isprintable() for name in facts.dns_names)


class TestIssuers:
    def test_the_one_with_this_id(self) -> None:
        assert decode_issuer(SUB.der, issuer_id(ISSUER), 100_000) == ISSUER

    @pytest.mark.parametrize("value", [None, b"", b"\x30\x80", ROOT.der, LEAF.der, SUB.der + b"\0", SUB.der[:-1]])
    def test_what_is_refused(self, value: object) -> None:
        with pytest.raises(EntryError):
            decode_issuer(value, issuer_id(ISSUER), 100_000)

    def test_no_ca_under_its_own_id(self) -> None:
        with pytest.raises(EntryError, match="no CA"):
            decode_issuer(LEAF.der, issuer_id(LEAF), 100_000)

    def test_too_long(self) -> None:
        with pytest.raises(EntryError):
            decode_issuer(SUB.der, issuer_id(ISSUER), len(SUB.der) - 1)

    @pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
    def test_whose_key_it_is(self, algorithm: str) -> None:
        assert has_key_of(ISSUER, SUB.cert_id(1, algorithm))
        assert not has_key_of(ISSUER, ROOT.cert_id(1, algorithm))


@pytest.mark.parametrize("value", [None, b"", b"x" * 15, b"x" * 17, 3, ["x" * 16]])
def test_ids_that_are_none(value: object) -> None:
    with pytest.raises(EntryError):
        decode_id(value)


@pytest.mark.parametrize("value", [None, b"x" * 16, b"x" * 81, 3])
def test_members_that_are_none(value: object) -> None:
    with pytest.raises(EntryError):
        decode_member(value)
    assert decode_member(b"x" * 16 + b"\x12") == (b"x" * 16, b"\x12")


def test_no_two_keys_are_the_same() -> None:
    keys = Keys("p")
    name, key = b"n" * 16, b"k" * 16
    made = [
        keys.issuer("sha1", name, key),
        keys.issuer("sha256", name, key),
        keys.name("CN=x"),
        keys.authority(name),
        keys.certificate(name, key),
        keys.crl("CN=x"),
        Keys("q").authority(name),
    ]
    assert len(set(made)) == len(made)
