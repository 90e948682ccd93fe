"""sensor.pki.crl_signature: signatures of every kind over CRLs that went by, right, forged, and beyond us."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sensor.pki.crl import CrlEnd
from sensor.pki.crl_signature import check_crl_signature
from sensor.pki.signatures import SignatureCheck
from sensor.settings import CrlSettings
from tests.pki.crls import FOLDER, key, make, read, vector

KINDS = ("rsa", "ec", "ed25519", "ed448")
VALID, INVALID = SignatureCheck.valid, SignatureCheck.invalid


def info(kind: str) -> bytes:
    encoded: bytes = key(kind).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def key_of(certificate: bytes) -> bytes:
    public = x509.load_der_x509_certificate(certificate).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [[], [13] * 200], ids=["whole", "pieces"])
def test_each_kind_of_key_verifies_its_own(kind: str, sizes: list[int]) -> None:
    der = make(range(1, 40), kind=kind)
    crl, _ = read(der, sizes)
    assert check_crl_signature(crl, info(kind)) is VALID
    forged = bytearray(der)
    forged[der.index(b"260228") + 5] ^= 1
    assert check_crl_signature(read(bytes(forged), sizes)[0], info(kind)) is INVALID
    for other in KINDS:
        if other != kind:
            assert check_crl_signature(crl, info(other)) is INVALID


@pytest.mark.parametrize("digest", [hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_each_hash(kind: str, digest: hashes.HashAlgorithm) -> None:
    assert check_crl_signature(read(make([5], kind=kind, digest=digest))[0], info(kind)) is VALID


def test_pss() -> None:
    crl, _ = read(make([5], kind="rsa", pss=True))
    assert check_crl_signature(crl, info("rsa")) is VALID
    assert check_crl_signature(crl, info("ec")) is INVALID


@pytest.mark.parametrize(("name", "expected"), [("valid_signature", VALID), ("invalid_signature", INVALID)])
def test_the_vectors_of_the_library(name: str, expected: SignatureCheck) -> None:
    der = vector(FOLDER / f"custom/{name}_crl.pem")
    assert der is not None
    issuer = x509.load_pem_x509_certificate((FOLDER / f"custom/{name}_cert.pem").read_bytes())
    assert check_crl_signature(read(der)[0], key_of(issuer.public_bytes(Encoding.DER))) is expected


@pytest.mark.parametrize(
    ("crl", "ca", "expected"),
    [
        ("GoodCACRL", "GoodCACert", VALID),
        ("indirectCRLCA5CRL", "indirectCRLCA5Cert", VALID),
        ("deltaCRLCA1deltaCRL", "deltaCRLCA1Cert", VALID),
        ("BadCRLSignatureCACRL", "BadCRLSignatureCACert", INVALID),
        ("DSACACRL", "DSACACert", SignatureCheck.algorithm),
    ],
)
def test_pkits(crl: str, ca: str, expected: SignatureCheck) -> None:
    folder = FOLDER / "PKITS_data"
    read_crl, _ = read((folder / f"crls/{crl}.crl").read_bytes())
    assert check_crl_signature(read_crl, key_of((folder / f"certs/{ca}.crt").read_bytes())) is expected


def test_what_cannot_be_used_says_so() -> None:
    assert check_crl_signature(read(make([1]))[0], b"no key") is SignatureCheck.key
    crl, _ = read(make(range(1, 60), kind="ed25519"), [50] * 200, CrlSettings(max_part_bytes=300))
    assert crl.end is CrlEnd.whole
    assert check_crl_signature(crl, info("ed25519")) is SignatureCheck.algorithm


def test_digests_are_those_that_pyca_takes_of_the_whole_file() -> None:
    for path in sorted((FOLDER / "PKITS_data/crls").glob("*.crl")):
        der = path.read_bytes()
        loaded = x509.load_der_x509_crl(der)
        crl, _ = read(der)
        assert crl.signature == loaded.signature
        algorithm = loaded.signature_hash_algorithm
        if crl.tbs_digest is not None and algorithm is not None:
            whole = hashes.Hash(algorithm)
            whole.update(loaded.tbs_certlist_bytes)
            assert crl.tbs_digest == whole.finalize()
