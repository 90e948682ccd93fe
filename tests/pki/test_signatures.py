"""sensor.pki.signatures: every algorithm against its key, a changed octet anywhere, and what is not checked."""

from __future__ import annotations

import datetime as dt
import itertools
import subprocess
import sys
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki import signatures
from sensor.pki.oids import encode_oid
from sensor.pki.signatures import SignatureCheck, check_signature, is_weak_key, signature_digest, signs_whole

SIGNED = b"these bytes"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()
ED448 = ed448.Ed448PrivateKey.generate()
NULL = b"\5\0"


def tlv(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    assert len(body) < 128
    return bytes((tag, len(body))) + body


def algorithm(dotted: str, parameters: bytes = b"") -> bytes:
    return tlv(0x30, tlv(6, encode_oid(dotted)), parameters)


def info(key: Any) -> bytes:
    der: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der


def pss(digest: str, mask: str, salt: int) -> bytes:
    return algorithm(
        "1.2.840.113549.1.1.10",
        tlv(
            0x30,
            tlv(0xA0, algorithm(digest, NULL)),
            tlv(0xA1, algorithm("1.2.840.113549.1.1.8", algorithm(mask, NULL))),
            tlv(0xA2, tlv(2, salt.to_bytes(1, "big"))),
        ),
    )


SHA256, SHA384 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2"
PKCS1 = {
    "1.2.840.113549.1.1.4": hashes.MD5(),  # noqa: S303  (what old signatures have)
    "1.2.840.113549.1.1.5": hashes.SHA1(),  # noqa: S303  (what old signatures have)
    "1.3.14.3.2.29": hashes.SHA1(),  # noqa: S303  (what old signatures have)
    "1.2.840.113549.1.1.14": hashes.SHA224(),
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}
ECDSA = {
    "1.2.840.10045.4.1": hashes.SHA1(),  # noqa: S303  (what old signatures have)
    "1.2.840.10045.4.3.1": hashes.SHA224(),
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}


def cases() -> dict[str, tuple[Any, bytes, bytes]]:
    """Key, AlgorithmIdentifier, signature of SIGNED."""
    made: dict[str, tuple[Any, bytes, bytes]] = {}
    for dotted, digest in PKCS1.items():
        made[f"rsa {dotted}"] = RSA, algorithm(dotted, NULL), RSA.sign(SIGNED, padding.PKCS1v15(), digest)
    made["rsa without NULL"] = RSA, algorithm("1.2.840.113549.1.1.11"), made["rsa 1.2.840.113549.1.1.11"][2]
    for dotted, digest in ECDSA.items():
        made[f"ecdsa {dotted}"] = EC, algorithm(dotted), EC.sign(SIGNED, ec.ECDSA(digest))
    for salt in (0, 32):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        made[f"pss {salt}"] = RSA, pss(SHA256, SHA256, salt), RSA.sign(SIGNED, scheme, hashes.SHA256())
    mixed = padding.PSS(padding.MGF1(hashes.SHA384()), 20)
    made["pss mixed"] = RSA, pss(SHA256, SHA384, 20), RSA.sign(SIGNED, mixed, hashes.SHA256())
    default = padding.PSS(padding.MGF1(hashes.SHA1()), 20)  # noqa: S303  (what old signatures have)
    for name, parameters in (("absent", b""), ("empty", b"\x30\0")):
        made[f"pss {name}"] = (
            RSA,
            algorithm("1.2.840.113549.1.1.10", parameters),
            RSA.sign(SIGNED, default, hashes.SHA1()),  # noqa: S303  (what old signatures have)
        )
    made["ed25519"] = ED25519, algorithm("1.3.101.112"), ED25519.sign(SIGNED)
    made["ed448"] = ED448, algorithm("1.3.101.113"), ED448.sign(SIGNED)
    return made


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_a_signature_and_a_wrong_one(name: str) -> None:
    key, identifier, signature = CASES[name]
    assert check_signature(info(key), identifier, signature, SIGNED) is SignatureCheck.valid
    assert check_signature(info(key), identifier, signature, SIGNED + b"!") is SignatureCheck.invalid
    flipped = bytes((signature[0], signature[1] ^ 1)) + signature[2:]
    assert check_signature(info(key), identifier, flipped, SIGNED) is SignatureCheck.invalid
    assert check_signature(info(key), identifier, b"", SIGNED) is SignatureCheck.invalid


def test_of_another_key_or_kind_of_key() -> None:
    other = {"rsa": rsa.generate_private_key(65537, 2048), "ecdsa": ec.generate_private_key(ec.SECP256R1())}
    for name, (_, identifier, signature) in CASES.items():
        if name.split()[0] in other:
            key = other[name.split()[0]]
            assert check_signature(info(key), identifier, signature, SIGNED) is SignatureCheck.invalid
    for (one, (key, _, _)), (two, (_, identifier, signature)) in itertools.permutations(CASES.items(), 2):
        same_kind = one.split()[0].replace("pss", "rsa") == two.split()[0].replace("pss", "rsa")
        if not same_kind:
            assert check_signature(info(key), identifier, signature, SIGNED) is SignatureCheck.invalid


@pytest.mark.parametrize(
    "identifier",
    [
        algorithm("1.2.840.10040.4.3"),  # DSA
        algorithm("1.2.3.4"),
        algorithm("1.2.840.113549.1.1.10", b"\x31\0"),
        pss("1.2.3", SHA256, 32),
        pss(SHA256, "2.16.840.1.101.3.4.2.8", 32),
        algorithm("1.2.840.113549.1.1.10", tlv(0x30, tlv(0xA1, algorithm("1.2.3", algorithm(SHA256))))),
        algorithm("1.2.840.113549.1.1.10", tlv(0x30, tlv(0xA2, tlv(2, b"\xff")))),
        b"",
        b"\x30\0",
        b"\x30\x05\x06\x09",
        b"\x30\x82\x02\x05" + algorithm("1.2.840.113549.1.1.11", b"")[2:] + b"\x04\x82\x01\xf6" + b"x" * 502,
        tlv(0x31, tlv(6, encode_oid("1.3.101.112"))),
    ],
)
def test_algorithms_that_are_not_known(identifier: bytes) -> None:
    assert check_signature(info(RSA), identifier, b"s" * 256, SIGNED) is SignatureCheck.algorithm


def big(bits: int, exponent: int) -> bytes:
    return (
        rsa.RSAPublicNumbers(exponent, (1 << bits) - 159)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


@pytest.mark.parametrize(
    "key_info",
    [
        b"",
        b"\x30\0",
        info(RSA)[:-1],
        info(dsa.generate_private_key(2048)),
        big(8193, 65537),
        big(2048, (1 << 64) + 1),
        info(EC).replace(encode_oid("1.2.840.10045.3.1.7"), encode_oid("1.2.840.10045.3.1.2")),
        b"\x30\x82\x20\0" + b"\0" * 8192,
    ],
    ids=["none", "empty", "cut", "DSA", "modulus", "exponent", "curve", "length"],
)
def test_keys_that_cannot_be_used(key_info: bytes) -> None:
    for _, identifier, signature in CASES.values():
        assert check_signature(key_info, identifier, signature, SIGNED) is SignatureCheck.key
    assert not is_weak_key(key_info)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: str(curve.name))
def test_keys_read_here_are_those_that_the_library_reads(curve: ec.EllipticCurve) -> None:
    """The usual form of a key on a curve is not left to the library's `serialization`; every octet of it matters."""
    key = ec.generate_private_key(curve)
    good, signature = info(key), key.sign(SIGNED, ec.ECDSA(hashes.SHA256()))
    forms = [good, *(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(len(good)))]
    found = []
    for form in forms:
        try:
            load_der_public_key(form)
            expected = SignatureCheck.valid if form == good else SignatureCheck.invalid
        except (ValueError, UnsupportedAlgorithm):
            expected = SignatureCheck.key
        found.append(check_signature(form, algorithm("1.2.840.10045.4.3.2"), signature, SIGNED))
        assert found[-1] is expected, form.hex()
    assert found[0] is SignatureCheck.valid
    assert found.count(SignatureCheck.key) > len(good) // 2


def test_a_plain_key_on_a_curve_is_read_without_what_takes_long_to_import() -> None:
    code = f"""
import sys
from sensor.pki.signatures import SignatureCheck, check_signature
key, identifier, signature = [bytes.fromhex(text) for text in sys.argv[1:]]
assert check_signature(key, identifier, signature, {SIGNED!r}) is SignatureCheck.valid
assert "cryptography.hazmat.primitives.serialization" not in sys.modules
"""
    _, identifier, signature = CASES["ecdsa 1.2.840.10045.4.3.2"]
    words = [octets.hex() for octets in (info(EC), identifier, signature)]
    subprocess.run([sys.executable, "-c", code, *words], check=True, timeout=60)


def test_keys_at_the_limits_are_used() -> None:
    identifier = algorithm("1.2.840.113549.1.1.11", NULL)
    for key_info in (big(8192, 65537), big(2048, (1 << 63) + 1)):
        assert check_signature(key_info, identifier, b"\1" * 256, SIGNED) is SignatureCheck.invalid


def test_weak_keys() -> None:
    curves: list[tuple[ec.EllipticCurve, bool]] = [
        (ec.SECP192R1(), True),
        (ec.SECP224R1(), True),
        (ec.SECP256R1(), False),
        (ec.SECP384R1(), False),
    ]
    for curve, weak in curves:
        assert is_weak_key(info(ec.generate_private_key(curve))) is weak
    assert is_weak_key(big(2047, 65537))
    assert not is_weak_key(info(RSA))
    assert not is_weak_key(info(ED25519))
    assert not is_weak_key(b"")


def test_digests() -> None:
    assert [signature_digest(CASES[name][1]) for name in ("rsa 1.2.840.113549.1.1.5", "pss 32", "pss absent")] == [
        "sha1",
        "sha256",
        "sha1",
    ]
    assert signature_digest(algorithm("1.2.840.10045.4.3.3")) == "sha384"
    for unknown in (algorithm("1.3.101.112"), algorithm("1.2.3"), b"", pss(SHA256, SHA256, 32)[:-1]):
        assert signature_digest(unknown) is None


def test_what_is_signed_whole_is_not_checked_by_a_digest() -> None:
    for name, (key, identifier, signature) in CASES.items():
        whole = name.startswith("ed")
        assert signs_whole(identifier) is whole
        digest = hashes.Hash(hashes.SHA256())
        digest.update(SIGNED)
        by_digest = check_signature(info(key), identifier, signature, digest.finalize(), hashed=True)
        if whole:
            assert by_digest is SignatureCheck.algorithm
        elif signature_digest(identifier) == "sha256":
            assert by_digest is SignatureCheck.valid
    assert not any(signs_whole(broken) for broken in (b"", b"\x30\0", algorithm("1.2.3")))


def test_the_trailer_field_of_pss_says_nothing() -> None:
    """RFC 4055 3.1: [3] is always 1, and is left out by most."""
    key, _, signature = CASES["pss absent"]
    for parameters in (tlv(0xA3, b"\2\1\1"), tlv(0xA2, b"\2\1\x14") + tlv(0xA3, b"\2\1\1")):
        identifier = algorithm("1.2.840.113549.1.1.10", tlv(0x30, parameters))
        assert check_signature(info(key), identifier, signature, SIGNED) is SignatureCheck.valid


def test_what_the_library_s_openssl_refuses_was_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No build at hand refuses a digest by policy (FIPS refuses MD5), so the key is one that does."""

    def refuse(*_: object) -> None:
        raise UnsupportedAlgorithm("md5")

    monkeypatch.setattr(signatures, "_load_key", lambda _: ("rsa", refuse, 2048))
    assert check_signature(info(RSA), algorithm("1.2.840.113549.1.1.4", NULL), b"", SIGNED) is SignatureCheck.algorithm


def test_agrees_with_the_library_on_certificates() -> None:
    """What `pki.issuers.is_signed_by` does through the library's own reading of a certificate."""
    for key, digest in ((RSA, hashes.SHA256()), (EC, hashes.SHA384()), (ED25519, None)):
        name = x509.Name([])
        start = dt.datetime(2026, 1, 1)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1)
            .not_valid_before(start)
            .not_valid_after(start)
            .sign(key, digest)
        )
        der = certificate.public_bytes(Encoding.DER)
        tbs = certificate.tbs_certificate_bytes
        rest = der[der.index(tbs) + len(tbs) :]
        identifier = rest[: 2 + rest[1]]
        assert check_signature(info(key), identifier, certificate.signature, tbs) is SignatureCheck.valid


@given(st.binary(max_size=100), st.binary(max_size=60), st.binary(max_size=60))
def test_nothing_makes_it_raise(key_info: bytes, identifier: bytes, signature: bytes) -> None:
    assert isinstance(check_signature(key_info, identifier, signature, SIGNED), SignatureCheck)
    for key, good, _ in CASES.values():
        assert isinstance(check_signature(info(key), identifier, signature, SIGNED), SignatureCheck)
        assert isinstance(check_signature(info(key), good, signature, SIGNED), SignatureCheck)
        assert isinstance(check_signature(key_info, good, signature, SIGNED), SignatureCheck)
