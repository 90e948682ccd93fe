"""sensor.pki.issuers: how CertIDs spell an issuer, and whose signature a certificate carries."""

from __future__ import annotations

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, padding
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from sensor.pki.certificates import decode_certificate
from sensor.pki.issuers import ALGORITHMS, UnsupportedSignatureError, is_signed_by, issuer_hashes
from tests.ct.pki import LEAF_KEY, START, Ca, make_root, name

DIGESTS = {
    "sha1": hashes.SHA1(),  # noqa: S303  (what clients use in CertIDs)
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_the_hashes_are_those_of_ocsp_requests(kind: str) -> None:
    ca = make_root("Asked", kind)
    leaf = x509.load_der_x509_certificate(ca.issue("a.example"))
    decoded = decode_certificate(ca.der, 10)
    ours = {h.algorithm: h for h in issuer_hashes(decoded.subject_der, decoded.key_octets)}
    assert tuple(ours) == ALGORITHMS == tuple(DIGESTS)
    for algorithm, digest in DIGESTS.items():
        request = ocsp.OCSPRequestBuilder().add_certificate(leaf, ca.certificate, digest).build()
        assert ours[algorithm].name_hash == request.issuer_name_hash
        assert ours[algorithm].key_hash == request.issuer_key_hash


@pytest.mark.parametrize("kind", ["ec", "rsa", "ed25519"])
def test_signed_or_not(kind: str) -> None:
    ca, other = make_root("Same Name", kind), make_root("Same Name", kind)
    leaf = ca.issue("a.example")
    assert is_signed_by(leaf, ca.der)
    assert is_signed_by(ca.der, ca.der)
    assert not is_signed_by(leaf, other.der)
    flipped = bytearray(leaf)
    flipped[-1] ^= 1
    forged = leaf.replace(b"a.example", b"b.example")
    assert forged != leaf
    assert not is_signed_by(forged, ca.der)
    assert not is_signed_by(bytes(flipped), ca.der)


@pytest.mark.parametrize("signer", ["ec", "rsa", "ed25519"])
@pytest.mark.parametrize("claimed", ["ec", "rsa", "ed25519"])
def test_a_signature_of_another_kind_than_the_key(signer: str, claimed: str) -> None:
    leaf = make_root("Same Name", signer).issue("a.example")
    assert is_signed_by(leaf, make_root("Same Name", claimed).der) is False


def _signed(ca: Ca, digest: hashes.HashAlgorithm, **scheme: padding.AsymmetricPadding) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("Leaf"))
        .issuer_name(ca.subject)
        .public_key(LEAF_KEY.public_key())
        .serial_number(5)
        .not_valid_before(START)
        .not_valid_after(START)
    )
    return builder.sign(ca.key, digest, rsa_padding=scheme.get("pad")).public_bytes(Encoding.DER)


def test_rsa_pss() -> None:
    ca, other = make_root("PSS", "rsa"), make_root("PSS", "rsa")
    pss = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=padding.PSS.DIGEST_LENGTH)
    leaf = _signed(ca, hashes.SHA384(), pad=pss)
    assert is_signed_by(leaf, ca.der)
    assert not is_signed_by(leaf, other.der)


def test_md5_does_not_count() -> None:
    """sha256WithRSAEncryption renamed to md5WithRSAEncryption: refused before the signature is looked at."""
    ca = make_root("Old", "rsa")
    sha256, md5 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010104")
    with pytest.raises(UnsupportedSignatureError, match="MD5"):
        is_signed_by(ca.issue("a.example").replace(sha256, md5), ca.der)


def test_what_cannot_be_checked_is_said_so() -> None:
    ca = make_root("Strange", "rsa")
    leaf = ca.issue("a.example")
    sha256, unknown = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d01017f")
    with pytest.raises(UnsupportedSignatureError):
        is_signed_by(leaf.replace(sha256, unknown), ca.der)
    subject = name("DSA")
    key = dsa.generate_private_key(2048)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START)
        .sign(key, hashes.SHA256())
    )
    with pytest.raises(UnsupportedSignatureError):
        is_signed_by(leaf, certificate.public_bytes(Encoding.DER))


def test_the_key_is_hashed_without_its_wrapping() -> None:
    """RFC 6960 4.1.1: over the BIT STRING's value, excluding tag, length and number of unused bits."""
    ca = make_root("Key", "rsa")
    key_octets = decode_certificate(ca.der, 1).key_octets
    by_the_library = x509.SubjectKeyIdentifier.from_public_key(ca.key.public_key()).digest
    assert hashlib.sha1(key_octets, usedforsecurity=False).digest() == by_the_library
