"""sensor.pki.certificates: everything that is read of a certificate, against pyca and with hostile bytes."""

from __future__ import annotations

import contextlib
import hashlib
import io
import ipaddress
import warnings
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AuthorityInformationAccessOID
from hypothesis import given, settings
from hypothesis import strategies as st

from sensor.ct.sources import DerItem
from sensor.ct.sources.pem import read_pem
from sensor.pki.certificates import (
    CertificateError,
    SignedCertificate,
    decode_certificate,
    issuer_name_der,
    key_info_der,
    subject_of_ca,
)
from sensor.pki.der import SEQUENCE, DerReader
from tests.ct.pki import LEAF_KEY, START, Ca, make_root, staple_and_urls
from tests.pki.crls import tlv

ROOT = make_root('Root, of "tests"')
VECTORS = Path(cryptography_vectors.__file__).parent / "x509"


def decode(der: bytes, max_names: int = 250) -> SignedCertificate:
    return decode_certificate(der, max_names)


def test_what_a_site_s_certificate_says() -> None:
    der = ROOT.issue(
        "www.example.com",
        "example.com",
        "*.example.com",
        "xn--mnchen-3ya.example",
        "WWW.example.com",
        "example.com",
        serial=0x80ABCDEF,
        extra=staple_and_urls(),
        common_name="example.com",
        general_names=(
            x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
            x509.RFC822Name("who@example.com"),
            x509.UniformResourceIdentifier("http://example.com/"),
            x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
            x509.DirectoryName(ROOT.subject),
        ),
    )
    facts = decode(der).facts
    assert facts.serial_number == "80ABCDEF"
    assert facts.issuer_name == 'CN=Root\\, of \\"tests\\",O=Example\\, Inc.,C=US'
    assert facts.subject_name == "CN=example.com"
    assert facts.common_name == "example.com"
    assert facts.dns_names == (
        "www.example.com",
        "example.com",
        "*.example.com",
        "xn--mnchen-3ya.example",
        "WWW.example.com",
    )
    assert facts.ip_addresses == ("192.0.2.1", "2001:db8::1")
    assert facts.email_addresses == ("who@example.com",)
    assert facts.not_before == int(START.timestamp())
    assert facts.not_after == facts.not_before + 90 * 86400
    assert (facts.is_ca, facts.must_staple) == (False, True)
    assert facts.ocsp_urls == ("http://ocsp.example/",)
    assert facts.crl_urls == ("http://crl.example/1.crl",)
    assert facts.names_left_out == 0


def test_what_binds_it_to_its_issuer() -> None:
    sub = ROOT.intermediate("Sub", path_length=3)
    certificate = decode(sub.der)
    assert certificate.facts.is_ca
    assert certificate.may_sign_certificates
    assert certificate.path_length == 3
    assert certificate.issuer_der == issuer_name_der(sub.der) == ROOT.subject.public_bytes()
    assert certificate.subject_der == sub.subject.public_bytes()
    assert (
        hashlib.sha1(certificate.key_octets, usedforsecurity=False).digest()
        == sub.ski().digest
        == certificate.subject_key_id
    )
    assert certificate.authority_key_id == ROOT.ski().digest
    assert certificate.serial == sub.certificate.serial_number.to_bytes(2, "big")


def test_a_ca_that_may_not_sign_certificates() -> None:
    usage = x509.KeyUsage(True, False, False, False, False, False, True, False, False)
    certificate = decode(ROOT.issue("ocsp.example", ca=True, extra=((usage, True),)))
    assert certificate.facts.is_ca
    assert not certificate.may_sign_certificates


@settings(max_examples=300, deadline=None)
@given(st.sampled_from((0, 1, 2)), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3))
def test_the_first_look_at_a_ca_agrees(which: int, changes: list[tuple[int, int]]) -> None:
    """It may let pass what the library refuses, but never refuses a CA; nor does it raise."""
    usage = x509.KeyUsage(True, False, False, False, False, False, True, False, False)
    ders = (
        ROOT.intermediate("Sub").der,
        ROOT.issue("a.example"),
        ROOT.issue("b.example", ca=True, extra=((usage, True),)),
    )
    der = bytearray(ders[which])
    for position, value in changes:
        der[position % len(der)] = value
    said = subject_of_ca(bytes(der)) is not None
    if not changes:
        assert said == (which == 0)
    with contextlib.suppress(CertificateError):
        assert decode(bytes(der)).may_sign_certificates == said


def test_names_beyond_the_limit_are_counted() -> None:
    der = ROOT.issue(
        *(f"{i}.example" for i in range(300)),
        general_names=(x509.IPAddress(ipaddress.ip_address("192.0.2.1")),),
    )
    facts = decode(der, max_names=250).facts
    assert facts.dns_names == tuple(f"{i}.example" for i in range(250))
    assert facts.ip_addresses == ()
    assert facts.names_left_out == 51
    everything = decode(der, max_names=1000).facts
    assert (len(everything.dns_names), everything.ip_addresses, everything.names_left_out) == (300, ("192.0.2.1",), 0)


def test_what_cannot_be_a_name_is_counted_not_kept() -> None:
    odd = ("good.example", "bad name.example", "x" * 300, "a\x1b[31m.example", "a\nb.example", "", ".")
    facts = decode(ROOT.issue(*odd, common_name="evil\x1b]0;title\x07")).facts
    assert facts.dns_names == ("good.example",)
    assert facts.common_name is None
    assert facts.names_left_out == 7


def test_a_certificate_without_extensions() -> None:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ROOT.subject)
        .public_key(LEAF_KEY.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START)
    )
    certificate = decode(builder.sign(ROOT.key, ROOT.digest()).public_bytes(Encoding.DER))
    assert not certificate.has_extensions
    assert certificate.facts.subject_name == ""
    assert (certificate.facts.common_name, certificate.facts.dns_names, certificate.facts.names_left_out) == (
        None,
        (),
        0,
    )


def _with_serial(octets: bytes) -> bytes:
    der = ROOT.issue("a.example", serial=int.from_bytes(b"\x11" * len(octets), "big"))
    old = b"\x02" + bytes((len(octets),)) + b"\x11" * len(octets)
    assert der.count(old) == 1
    return der.replace(old, b"\x02" + bytes((len(octets),)) + octets)


def test_odd_serials() -> None:
    assert decode(_with_serial(b"\x00\x80\x01")).serial == b"\x80\x01"
    for octets in (b"\x80\x01", b"\xff\xff", b"\xff"):
        with pytest.raises(CertificateError):
            decode(_with_serial(octets))


def test_a_certificate_without_a_serial_is_refused_at_the_first_look_too() -> None:
    """The library would refuse it as well; the first look comes before it."""
    der = ROOT.intermediate("Sub").der
    reader = DerReader(der, 9)
    start = reader.enter(SEQUENCE, reader.enter(SEQUENCE, 0, len(der), ""), len(der), "")
    end = reader.stop
    reader.read(start, end)
    at = reader.stop
    reader.read(at, end)
    rest = der[reader.stop : end]

    def with_serial(octets: bytes) -> bytes:
        return tlv(0x30, tlv(0x30, der[start:at] + tlv(0x02, octets) + rest) + der[end:])

    assert with_serial(der[reader.start : reader.stop]) == der
    assert subject_of_ca(with_serial(b"\7")) == subject_of_ca(der) is not None
    assert subject_of_ca(with_serial(b"")) is None
    with pytest.raises(CertificateError):
        decode(with_serial(b""))


def test_an_issuer_longer_than_any_name_is_refused() -> None:
    long = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * 60) for _ in range(150)])
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(long).serial_number(1)
    builder = builder.public_key(LEAF_KEY.public_key()).not_valid_before(START).not_valid_after(START)
    der = builder.sign(ROOT.key, ROOT.digest()).public_bytes(Encoding.DER)
    with pytest.raises(CertificateError, match="issuer's name too long"):
        decode(der)


def test_the_key_is_the_one_that_the_library_finds() -> None:
    for der in (ROOT.intermediate("Sub").der, ROOT.issue("a.example")):
        public = x509.load_der_x509_certificate(der).public_key()
        assert key_info_der(der) == public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_every_cut_is_refused_with_a_reason() -> None:
    der = ROOT.issue("a.example", extra=staple_and_urls())
    for length in range(len(der)):
        with pytest.raises(CertificateError, match=r"\w+"):
            decode(der[:length])
    with pytest.raises(CertificateError):
        decode(der + b"\0")


WHOLE = ROOT.issue("a.example", "b.example", extra=staple_and_urls())


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    der = bytearray(WHOLE)
    for position, value in changes:
        der[position] = value
    try:
        certificate = decode(bytes(der))
    except CertificateError as error:
        assert str(error).isprintable()
    else:
        assert certificate.facts.names_left_out + len(certificate.facts.dns_names) <= 12


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(CertificateError):
        decode(noise)


def _vectors() -> list[bytes]:
    found = []
    for path in sorted(VECTORS.rglob("*")):
        data = path.read_bytes() if path.is_file() else b""
        if path.suffix in (".der", ".crt") and data.startswith(b"\x30"):
            found.append(data)
        elif b"-----BEGIN CERTIFICATE-----" in data:
            items = read_pem(io.BytesIO(data), 1 << 20)
            found += [item.der for item in items if isinstance(item, DerItem)]
    return found


def _as_the_library_sees_it(der: bytes) -> dict[str, object] | None:
    """None where the library cannot read the extensions."""
    certificate = x509.load_der_x509_certificate(der)
    try:
        values = {type(extension.value): extension.value for extension in certificate.extensions}
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None
    san = values.get(x509.SubjectAlternativeName)
    constraints = values.get(x509.BasicConstraints)
    aki = values.get(x509.AuthorityKeyIdentifier)
    feature = values.get(x509.TLSFeature)
    aia = values.get(x509.AuthorityInformationAccess, ())
    points = values.get(x509.CRLDistributionPoints, ())
    usage = values.get(x509.KeyUsage)
    urls = [d.access_location.value for d in aia if d.access_method == AuthorityInformationAccessOID.OCSP]
    crl_names = [name for point in points for name in point.full_name or ()]
    return {
        "serial": certificate.serial_number,
        "not_before": int(certificate.not_valid_before_utc.timestamp()),
        "not_after": int(certificate.not_valid_after_utc.timestamp()),
        "dns": list(dict.fromkeys(san.get_values_for_type(x509.DNSName))) if san else [],
        "ip": [str(a) for a in dict.fromkeys(san.get_values_for_type(x509.IPAddress))] if san else [],
        "mail": list(dict.fromkeys(san.get_values_for_type(x509.RFC822Name))) if san else [],
        "ca": bool(constraints and constraints.ca),
        "path_length": constraints.path_length if constraints else None,
        "may_sign": bool(constraints and constraints.ca and (usage is None or usage.key_cert_sign)),
        "aki": aki.key_identifier if aki else None,
        "staple": feature is not None and x509.TLSFeatureType.status_request in feature,
        "ocsp": list(dict.fromkeys(urls)),
        "crl": list(dict.fromkeys(n.value for n in crl_names if type(n) is x509.UniformResourceIdentifier)),
    }


def _as_we_do(certificate: SignedCertificate) -> dict[str, object]:
    facts = certificate.facts
    return {
        "serial": int.from_bytes(certificate.serial, "big"),
        "not_before": facts.not_before,
        "not_after": facts.not_after,
        "dns": list(facts.dns_names),
        "ip": list(facts.ip_addresses),
        "mail": list(facts.email_addresses),
        "ca": facts.is_ca,
        "path_length": certificate.path_length,
        "may_sign": certificate.may_sign_certificates,
        "aki": certificate.authority_key_id,
        "staple": facts.must_staple,
        "ocsp": list(facts.ocsp_urls),
        "crl": list(facts.crl_urls),
    }


def test_the_libraries_own_vectors() -> None:
    """Those of cryptography_vectors: where both read a certificate they say the same, and nothing else is raised."""
    counts = {"read": 0, "refused": 0, "only we read": 0}
    for der in _vectors():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                certificate = decode(der, max_names=10_000)
            except CertificateError:
                counts["refused"] += 1
                continue
            oracle = _as_the_library_sees_it(der)
        if oracle is None:
            counts["only we read"] += 1
        elif not certificate.facts.names_left_out:
            counts["read"] += 1
            assert _as_we_do(certificate) == oracle
    assert counts["read"] > 450, counts
    assert counts["only we read"] > 10, counts
    assert counts["refused"] < 100, counts  # most of these files are no certificates


def test_no_warning_gets_out(root_of_tests: Ca, recwarn: pytest.WarningsRecorder) -> None:
    decode(root_of_tests.issue("a.example"))
    assert not list(recwarn)


@pytest.fixture
def root_of_tests() -> Ca:
    return ROOT
