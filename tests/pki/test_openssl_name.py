"""sensor.pki.openssl_name: names as OpenSSL writes them."""

from __future__ import annotations

import subprocess

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki.der import DerError
from sensor.pki.oids import encode_oid
from sensor.pki.openssl_name import render_openssl_name
from tests.pki.crls import FOLDER, certificate, tlv


def printed(der: bytes, what: str = "subject") -> str:
    words = ["openssl", "x509", "-inform", "DER", "-noout", f"-{what}", "-nameopt", "RFC2253"]
    done = subprocess.run(words, input=der, capture_output=True, check=True)
    return done.stdout.decode("latin-1").removesuffix("\n").partition("=")[2]


def name(*rdns: list[tuple[str, int, bytes]]) -> bytes:
    parts = (
        tlv(0x31, b"".join(tlv(0x30, tlv(0x06, encode_oid(oid)) + tlv(tag, value)) for oid, tag, value in rdn))
        for rdn in rdns
    )
    return tlv(0x30, b"".join(parts))


def with_subject(subject: bytes) -> bytes:
    """A certificate, unsigned, with this subject."""
    own = certificate("rsa")
    issuer = x509.load_der_x509_certificate(own).issuer.public_bytes()
    tbs_start = 4
    at = own.rindex(issuer)
    tbs_size = int.from_bytes(own[6:8], "big")
    tbs = own[8:at] + subject + own[at + len(issuer) : 8 + tbs_size]
    assert own[tbs_start] == 0x30
    return tlv(0x30, tlv(0x30, tbs) + own[8 + tbs_size :])


CASES = [
    name([("2.5.4.6", 0x13, b"US")], [("2.5.4.3", 0x0C, b'a, b+c"d\\e<f>g;h')]),
    name([("2.5.4.3", 0x0C, b"# first")], [("2.5.4.3", 0x0C, b" blanks ")], [("2.5.4.3", 0x0C, b"#")]),
    name([("2.5.4.3", 0x0C, "ünï€😀".encode())], [("2.5.4.3", 0x14, b"caf\xe9")], [("2.5.4.3", 0x16, b"x\x7f\x01\0y")]),
    name([("2.5.4.3", 0x1E, "BMP €".encode("utf-16-be"))], [("2.5.4.3", 0x1C, "U😀".encode("utf-32-be"))]),
    name([("1.2.3.4.5", 0x0C, b"unknown type")]),
    name([("2.5.4.3", 0x0C, b"one"), ("2.5.4.10", 0x0C, b"two")], [("1.2.840.113549.1.9.1", 0x16, b"a@b.example")]),
    name(),
]


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("subject", CASES)
def test_as_openssl_writes_them(subject: bytes) -> None:
    assert render_openssl_name(subject) == printed(with_subject(subject))


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("file", ["UIDCACert", "RFC3280OptionalAttributeTypesCACert", "NameOrderingCACert"])
def test_names_of_pkits(file: str) -> None:
    der = (FOLDER / f"PKITS_data/certs/{file}.crt").read_bytes()
    subject = x509.load_der_x509_certificate(der).subject.public_bytes()
    assert render_openssl_name(subject) == printed(der)


@given(st.binary(max_size=80), st.integers(0, 0x3F))
def test_any_octets_raise_only_the_declared_error(data: bytes, tag: int) -> None:
    for der in (data, tlv(0x30, data), name([("2.5.4.3", tag, data)])):
        try:
            assert render_openssl_name(der).isascii()
        except DerError:
            continue


@pytest.mark.parametrize(("tag", "value"), [(0x1C, b"\0\x11\0\0"), (0x1C, b"\0\0\0"), (0x1E, b"\0")])
def test_what_is_no_character_is_refused(tag: int, value: bytes) -> None:
    """Above U+10FFFF, and strings of a part of a character; OpenSSL prints no such certificate at all."""
    with pytest.raises(DerError):
        render_openssl_name(name([("2.5.4.3", tag, value)]))
    assert render_openssl_name(name([("2.5.4.3", 0x1C, b"\0\x10\xff\xff")])) == "CN=\\F4\\8F\\BF\\BF"
