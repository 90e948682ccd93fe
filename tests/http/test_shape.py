"""DER objects by their shape: real ones made by `cryptography` in many forms, cut ones, and things that are not it."""

from __future__ import annotations

import datetime
import random
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.mime import sniff
from sensor.http.shape import CERTIFICATE, CERTIFICATE_BUNDLE, CRL, OCSP_REQUEST, OCSP_RESPONSE, der_size, der_type

NOW = datetime.datetime(2026, 5, 28)
DAY = datetime.timedelta(days=1)
DER = serialization.Encoding.DER
HASHES = (hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())  # noqa: S303  (OCSP's CertIDs are SHA-1)
KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(*common_names: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text) for text in common_names])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = KEY,
    not_after: int = 300,
) -> x509.Certificate:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY * not_after)
        .sign(key, hashes.SHA256())
    )


CA = _certificate(_name("Test CA"), _name("Test CA"))
LEAF = _certificate(_name("leaf.example"), _name("Test CA"))


def _crl(revoked: int, issuer: x509.Name) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(NOW).next_update(NOW + DAY)
    for serial in range(1, revoked + 1):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(DER)


def _request(algorithm: hashes.HashAlgorithm, nonce: bytes | None = None) -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(LEAF, CA, algorithm)
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), False)
    return builder.build().public_bytes(DER)


def _response(algorithm: hashes.HashAlgorithm, encoding: ocsp.OCSPResponderEncoding, certificates: int = 0) -> bytes:
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(LEAF, CA, algorithm, ocsp.OCSPCertStatus.GOOD, NOW, NOW + DAY, None, None)
        .responder_id(encoding, CA)
    )
    if certificates:
        builder = builder.certificates([CA] * certificates)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(DER)


def _tlv(tag: int, *contents: bytes, octets: int = 0) -> bytes:
    """One element; `octets` forces that many length octets."""
    body = b"".join(contents)
    if octets:
        return bytes((tag, 0x80 | octets)) + len(body).to_bytes(octets, "big") + body
    if len(body) < 128:
        return bytes((tag, len(body))) + body
    size = (len(body).bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + len(body).to_bytes(size, "big") + body


SHA1_ID = bytes.fromhex("06052b0e03021a")
CERT_ID = _tlv(0x30, _tlv(0x30, SHA1_ID, b"\5\0"), _tlv(4, b"n" * 20), _tlv(4, b"k" * 20), _tlv(2, b"\1\2\3"))
REQUESTS = _tlv(0x30, _tlv(0x30, CERT_ID))
V1 = bytes.fromhex("a003020100")
REQUESTOR = _tlv(0xA1, _tlv(0xA4, _name("client 1 of the example company").public_bytes()))
SIGNATURE = _tlv(0xA0, _tlv(0x30, _tlv(0x30, SHA1_ID), _tlv(3, b"\0" * 70)))

SHAPES: dict[str, tuple[str, bytes]] = {
    **{f"request {a.name}": (OCSP_REQUEST, _request(a)) for a in HASHES},
    "request with nonce": (OCSP_REQUEST, _request(HASHES[0], b"n" * 16)),
    "request with long nonce": (OCSP_REQUEST, _request(HASHES[1], b"n" * 128)),
    "request with explicit version (Apple)": (OCSP_REQUEST, _tlv(0x30, _tlv(0x30, V1, REQUESTS))),
    "request without NULL": (
        OCSP_REQUEST,
        _tlv(0x30, _tlv(0x30, _tlv(0x30, _tlv(0x30, _tlv(0x30, _tlv(0x30, SHA1_ID), _tlv(4, b"n" * 20)))))),
    ),
    "request with requestorName": (OCSP_REQUEST, _tlv(0x30, _tlv(0x30, REQUESTOR, REQUESTS))),
    "signed request": (OCSP_REQUEST, _tlv(0x30, _tlv(0x30, V1, REQUESTOR, REQUESTS), SIGNATURE)),
    "request, many CertIDs": (OCSP_REQUEST, _tlv(0x30, _tlv(0x30, _tlv(0x30, *([_tlv(0x30, CERT_ID)] * 64))))),
    "request, long lengths": (OCSP_REQUEST, _tlv(0x30, _tlv(0x30, REQUESTS, octets=3), octets=4)),
    "request, trailing newline": (OCSP_REQUEST, _request(HASHES[0]) + b"\r\n"),
    **{
        f"response {a.name} {e.name} {n}": (OCSP_RESPONSE, _response(a, e, n))
        for a in HASHES[:2]
        for e in ocsp.OCSPResponderEncoding
        for n in (0, 1, 8)
    },
    **{f"error reply {status}": (OCSP_RESPONSE, bytes((0x30, 3, 0x0A, 1, status))) for status in range(1, 8)},
    "successful without bytes": (OCSP_RESPONSE, bytes.fromhex("30030a0100")),
    "error reply, newline": (OCSP_RESPONSE, bytes.fromhex("30030a01060a")),
    "reply of unknown type": (
        OCSP_RESPONSE,
        _tlv(0x30, b"\x0a\1\0", _tlv(0xA0, _tlv(0x30, _tlv(6, b"\x2b\1\2"), _tlv(4, b"what")))),
    ),
    "crl": (CRL, _crl(3, _name("Test CA"))),
    "empty crl": (CRL, _crl(0, _name("Test CA"))),
    "crl larger than what is sniffed": (CRL, _crl(900, _name("Test CA"))),
    "crl, generalized time": (
        CRL,
        _tlv(
            0x30, _tlv(0x30, b"\2\1\1", _tlv(0x30, SHA1_ID), _name("x").public_bytes(), _tlv(0x18, b"20500101000000Z"))
        ),
    ),
    "crl of version 1": (
        CRL,
        _tlv(0x30, _tlv(0x30, _tlv(0x30, SHA1_ID), _name("x").public_bytes(), _tlv(0x17, b"260101000000Z"))),
    ),
    "certificate": (CERTIFICATE, LEAF.public_bytes(DER)),
    "rsa certificate": (CERTIFICATE, _certificate(_name("r"), _name("Test CA"), RSA_KEY).public_bytes(DER)),
    "certificate after 2050": (CERTIFICATE, _certificate(_name("r"), _name("i"), KEY, 20000).public_bytes(DER)),
    "certificate, long issuer": (CERTIFICATE, _certificate(_name("r"), _name(*["i" * 60] * 30)).public_bytes(DER)),
    "certificate, empty names": (CERTIFICATE, _certificate(x509.Name([]), x509.Name([])).public_bytes(DER)),
    "certificate of version 1": (
        CERTIFICATE,
        _tlv(
            0x30,
            _tlv(
                0x30,
                b"\2\1\1",
                _tlv(0x30, SHA1_ID),
                _name("x").public_bytes(),
                _tlv(0x30, _tlv(0x17, b"260101000000Z"), _tlv(0x17, b"260101000000Z")),
                _name("x").public_bytes(),
            ),
        ),
    ),
    "p7c": (CERTIFICATE_BUNDLE, pkcs7.serialize_certificates([CA, LEAF], DER)),
    "p7c of indefinite length": (
        CERTIFICATE_BUNDLE,
        bytes.fromhex("308006092a864886f70d010702a080308002010131003080"),
    ),
}

OTHERS: dict[str, bytes] = {
    "public key": KEY.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    "private key": RSA_KEY.private_bytes(
        DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ),
    "pkcs8": KEY.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    "encrypted pkcs8": KEY.private_bytes(
        DER, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    ),
    "pkcs12": pkcs12.serialize_key_and_certificates(b"x", KEY, LEAF, [CA], serialization.NoEncryption()),
    "signing request": x509.CertificateSigningRequestBuilder()
    .subject_name(_name("x"))
    .sign(KEY, hashes.SHA256())
    .public_bytes(DER),
    "signed-data with signer": (
        pkcs7.PKCS7SignatureBuilder().set_data(b"data").add_signer(CA, KEY, hashes.SHA256()).sign(DER, [])
    ),
    "timestamp query": _tlv(0x30, b"\2\1\1", _tlv(0x30, _tlv(0x30, SHA1_ID), _tlv(4, b"h" * 20))),
    "timestamp reply": _tlv(0x30, _tlv(0x30, b"\2\1\0"), _tlv(0x30, _tlv(6, b"\x2a\x86"))),
    "ldap bind": bytes.fromhex("300c020101600702010304008000"),
    "snmp": bytes.fromhex("302602010104067075626c6963a01902047ae8c4ad0201000201003" + "00b300906052b060102010500"),
    "digits": b"0123456789" * 10,
    "empty sequence": b"\x30\0",
    "sequences only": b"\x30\x80" * 40,
    "one octet": b"\x30",
    "asf": b"0&\xb2u\x8ef\xcf\x11\xa6\xd9\0\xaa\0b\xcel",
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_it_is(name: str) -> None:
    expected, body = SHAPES[name]
    assert der_type(body) == expected
    assert sniff(body) == expected


@pytest.mark.parametrize("name", SHAPES)
def test_the_beginning_suffices_and_never_misleads(name: str) -> None:
    expected, body = SHAPES[name]
    assert der_type(body[:4096]) == expected
    seen = {der_type(body[:size]) for size in range(len(body) if len(body) < 1500 else 1500)}
    assert seen <= {None, expected}


@pytest.mark.parametrize("name", OTHERS)
def test_what_it_is_not(name: str) -> None:
    assert der_type(OTHERS[name]) is None
    assert sniff(OTHERS[name]) not in (OCSP_REQUEST, OCSP_RESPONSE, CRL, CERTIFICATE, CERTIFICATE_BUNDLE)


@pytest.mark.parametrize("name", SHAPES)
def test_an_inner_element_that_overruns_its_outer_one_is_refused(name: str) -> None:
    expected, body = SHAPES[name]
    if body[1] & 0x80 == 0 and body[1] > 5:
        assert der_type(bytes((body[0], 4)) + body[2:]) != expected


@given(st.binary(max_size=200).map(lambda tail: b"\x30" + tail))
def test_random_bytes_behind_a_sequence_tag(body: bytes) -> None:
    assert der_type(body) is None or body[2:3] in (b"\x0a", b"\x30") or body[1] >= 0x80


@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_a_changed_octet_never_raises(name: str, data: st.DataObject) -> None:
    _, body = SHAPES[name]
    at = data.draw(st.integers(0, min(len(body), 120) - 1))
    changed = body[:at] + bytes((data.draw(st.integers(0, 255)),)) + body[at + 1 :]
    assert der_type(changed) in (None, OCSP_REQUEST, OCSP_RESPONSE, CRL, CERTIFICATE, CERTIFICATE_BUNDLE)


def test_random_bodies_are_none_of_it() -> None:
    source = random.Random(7)
    for _ in range(20000):
        assert der_type(b"\x30" + source.randbytes(60)) is None


def test_vectors_of_cryptography() -> None:
    folder = Path(cryptography_vectors.__file__).parent / "x509" / "ocsp"
    kinds = {"req": OCSP_REQUEST, "resp": OCSP_RESPONSE}
    seen = 0
    for path in sorted(folder.glob("*.der")):
        kind = kinds.get(path.stem.split("-")[0])
        if kind:
            assert der_type(path.read_bytes()) == kind, path.name
            seen += 1
    assert seen > 20


SIZED: list[tuple[bytes, int]] = [
    # What begins so, and how long it says that it is; 0 for what is none of ours.
    (bytes.fromhex("30030a0101"), 5),
    (bytes.fromhex("30040a0101 00"), 6),
    (bytes.fromhex("30020a0101"), 0),  # does not fit
    (bytes.fromhex("30030a0201"), 0),
    (bytes.fromhex("30030b0101"), 0),
    (bytes.fromhex("31030a0101"), 0),
    (bytes.fromhex("30053003 020101"), 7),
    (bytes.fromhex("30043003 020101"), 0),
    (bytes.fromhex("30053004 020101"), 0),
    (bytes.fromhex("307f307d"), 129),
    (bytes.fromhex("307f307e"), 0),
    (bytes.fromhex("308180307e"), 131),
    (bytes.fromhex("308180307f"), 0),
    (bytes.fromhex("3081ff3081fc"), 258),
    (bytes.fromhex("30820100 308200fc"), 260),
    (bytes.fromhex("30820100 3081fd"), 260),  # its inner length may be of fewer octets, not of more
    (bytes.fromhex("308180 30820001"), 0),
    (bytes.fromhex("30820100 3080"), 0),  # no indefinite length
    (bytes.fromhex("3080 3003"), 0),
    (bytes.fromhex("3083010000 3003"), 0x10000 + 5),
    (bytes.fromhex("308401000000 30820100"), 0x1000000 + 6),
    (bytes.fromhex("30850001000000 3003"), 0),
    (bytes.fromhex("30810330010a"), 6),
]


@pytest.mark.parametrize(("data", "size"), SIZED, ids=lambda value: value.hex() if isinstance(value, bytes) else "")
def test_how_long_an_object_says_it_is(data: bytes, size: int) -> None:
    """At any place, and of every beginning of it either the same or that more must be seen."""
    assert der_size(data, 0) == der_size(b"0\x05" + data, 2) == der_size(data + b"more", 0) == size
    decided = [der_size(data[:have], 0) for have in range(len(data) + 1)]
    first = decided.index(size)
    assert decided == [-1] * first + [size] * (len(decided) - first)
    assert first <= 8


def test_how_long_whole_messages_are() -> None:
    for name, (kind, body) in SHAPES.items():
        if kind != CERTIFICATE_BUNDLE and body[-1:] != b"\n":
            assert der_size(body, 0) == len(body), name
