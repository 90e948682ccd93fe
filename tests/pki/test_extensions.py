"""sensor.pki.extensions: what other, broken extensions do to the names beside them."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509 import ObjectIdentifier as Oid
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki.certificates import Certificate, CertificateError, decode_certificate
from sensor.pki.der import DerError, DerReader
from sensor.pki.extensions import Extensions, decode_extensions
from tests.ct.pki import make_root

ROOT = make_root("Root")
SCTS, POLICIES, AIA, CRL, FEATURE, SAN, BASIC, AKI, USAGE = (
    Oid(text)
    for text in (
        "1.3.6.1.4.1.11129.2.4.2",
        "2.5.29.32",
        "1.3.6.1.5.5.7.1.1",
        "2.5.29.31",
        "1.3.6.1.5.5.7.1.24",
        "2.5.29.17",
        "2.5.29.19",
        "2.5.29.35",
        "2.5.29.15",
    )
)
BROKEN = b"\x30\x05\x02\x01"


def read(oid: x509.ObjectIdentifier, value: bytes, *dns: str) -> Certificate:
    der = ROOT.issue(*dns, aki=False, extra=((x509.UnrecognizedExtension(oid, value), False),))
    return decode_certificate(der, 250).facts


@pytest.mark.parametrize("oid", [SCTS, POLICIES, AIA, CRL, FEATURE, Oid("1.2.3.4")])
def test_what_is_broken_elsewhere_does_not_cost_the_names(oid: x509.ObjectIdentifier) -> None:
    facts = read(oid, BROKEN, "www.example.com")
    assert facts.dns_names == ("www.example.com",)
    assert (facts.ocsp_urls, facts.crl_urls, facts.must_staple) == ((), (), False)


@pytest.mark.parametrize("oid", [SAN, AKI, USAGE])
def test_what_names_and_trust_rest_on_must_be_sound(oid: x509.ObjectIdentifier) -> None:
    with pytest.raises(CertificateError):
        read(oid, BROKEN)


def test_an_extension_twice_is_refused() -> None:
    """basicConstraints renamed to subjectAltName: the same length, and now there are two."""
    der = ROOT.issue("a.example")
    basic_constraints, alt_name = bytes.fromhex("0603551d13"), bytes.fromhex("0603551d11")
    assert der.count(basic_constraints) == 1
    with pytest.raises(CertificateError, match="twice"):
        decode_certificate(der.replace(basic_constraints, alt_name), 10)


def test_names_of_odd_types_and_sizes() -> None:
    general_names = bytes.fromhex(
        "82016182036220638100870501020304058704c0000201" + "870fff" + "ff" * 14 + "8603782f79" + "a003020105" + "820161"
    )
    facts = read(SAN, b"\x30" + bytes((len(general_names),)) + general_names)
    assert facts.dns_names == ("a",)
    assert facts.ip_addresses == ("192.0.2.1",)
    assert facts.email_addresses == ()
    assert facts.names_left_out == 4  # "b c", an empty mailbox, addresses of 5 and 15 octets


def test_eight_urls_are_enough() -> None:
    names = [x509.UniformResourceIdentifier(f"http://crl.example/{i}") for i in range(20)]
    point = x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)])
    facts = decode_certificate(ROOT.issue("a.example", extra=((point, False),)), 10).facts
    assert facts.crl_urls == tuple(f"http://crl.example/{i}" for i in range(8))


@given(st.binary(max_size=120))
def test_noise_is_read_or_refused(noise: bytes) -> None:
    reader = DerReader(noise, 64)
    try:
        found = decode_extensions(reader, 0, len(noise))
    except DerError:
        return
    assert isinstance(found, Extensions)
    assert found.count <= len(noise)


@pytest.mark.parametrize(
    ("features", "must_staple"),
    [("020105", True), ("020111020105", True), ("020111", False), ("", False), ("020105020111", True)],
)
def test_only_status_request_is_must_staple(features: str, must_staple: bool) -> None:
    """RFC 7633: any of the features; 17, status_request_v2, is another."""
    value = bytes.fromhex(features)
    assert read(FEATURE, b"\x30" + bytes((len(value),)) + value).must_staple is must_staple
