"""sensor.pki.crl_signature: signatures of every kind over CRLs that went by, right, forged, and beyond us."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from sensor.pki.crl import CrlEnd
from sensor.pki.crl_signature import digest_name, is_crl_signed_by, signs_whole
from sensor.pki.issuers import UnsupportedSignatureError
from sensor.settings import CrlSettings
from tests.pki.crls import FOLDER, certificate, make, read, tlv, vector

KINDS = ("rsa", "ec", "ed25519", "ed448")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [[], [13] * 200], ids=["whole", "pieces"])
def test_each_kind_of_key_verifies_its_own(kind: str, sizes: list[int]) -> None:
    der = make(range(1, 40), kind=kind)
    crl, _ = read(der, sizes)
    assert is_crl_signed_by(crl, certificate(kind))
    bad = bytearray(der)
    bad[der.index(b"260228") + 5] ^= 1
    assert not is_crl_signed_by(read(bytes(bad), sizes)[0], certificate(kind))
    for other in KINDS:
        if other != kind:
            assert not is_crl_signed_by(crl, certificate(other))


@pytest.mark.parametrize("digest", [hashes.SHA224(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_each_hash(kind: str, digest: hashes.HashAlgorithm) -> None:
    assert is_crl_signed_by(read(make([5], kind=kind, digest=digest))[0], certificate(kind))


def test_pss() -> None:
    crl, _ = read(make([5], kind="rsa", pss=True))
    assert is_crl_signed_by(crl, certificate("rsa"))
    assert not is_crl_signed_by(crl, certificate("ec"))
    assert digest_name(crl.algorithm_der) == "sha256"


def test_pss_without_parameters_means_sha1() -> None:
    assert digest_name(bytes.fromhex("300b06092a864886f70d01010a")) == "sha1"
    assert digest_name(bytes.fromhex("300d06092a864886f70d01010a0500")) is None


@pytest.mark.parametrize(
    ("name", "verifies"),
    [("valid_signature", True), ("invalid_signature", False)],
)
def test_the_vectors_of_the_library(name: str, verifies: bool) -> None:
    der = vector(FOLDER / f"custom/{name}_crl.pem")
    assert der is not None
    pem = (FOLDER / f"custom/{name}_cert.pem").read_bytes()
    issuer = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    assert is_crl_signed_by(read(der)[0], issuer) is verifies


@pytest.mark.parametrize(
    ("crl", "ca", "verifies"),
    [
        ("GoodCACRL", "GoodCACert", True),
        ("indirectCRLCA5CRL", "indirectCRLCA5Cert", True),
        ("deltaCRLCA1deltaCRL", "deltaCRLCA1Cert", True),
        ("BadCRLSignatureCACRL", "BadCRLSignatureCACert", False),
    ],
)
def test_pkits(crl: str, ca: str, verifies: bool) -> None:
    folder = FOLDER / "PKITS_data"
    read_crl, _ = read((folder / f"crls/{crl}.crl").read_bytes())
    assert is_crl_signed_by(read_crl, (folder / f"certs/{ca}.crt").read_bytes()) is verifies


def test_a_key_that_is_not_supported_says_so() -> None:
    dsa = (FOLDER / "PKITS_data/certs/DSACACert.crt").read_bytes()
    with pytest.raises(UnsupportedSignatureError, match="key of a kind"):
        is_crl_signed_by(read(make([1]))[0], dsa)
    with pytest.raises(UnsupportedSignatureError, match="not supported"):
        is_crl_signed_by(read((FOLDER / "PKITS_data/crls/DSACACRL.crl").read_bytes())[0], certificate("ec"))
    with pytest.raises(UnsupportedSignatureError):
        is_crl_signed_by(read(make([1]))[0], b"no certificate")


def test_what_was_too_large_for_eddsa_says_so() -> None:
    crl, _ = read(make(range(1, 60), kind="ed25519"), [50] * 200, CrlSettings(max_part_bytes=300))
    assert crl.end is CrlEnd.whole
    with pytest.raises(UnsupportedSignatureError, match="too large"):
        is_crl_signed_by(crl, certificate("ed25519"))


def test_algorithms_that_cannot_be_read_have_no_digest() -> None:
    for der in (b"", b"\x30\x00", b"\x04\x00", tlv(0x30, b"\x06\x01\x2a")):
        assert digest_name(der) is None
        assert not signs_whole(der)


def test_what_pyca_says_of_every_vector_we_say_too() -> None:
    """Digest and signature as the library reads them from the whole file."""
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
