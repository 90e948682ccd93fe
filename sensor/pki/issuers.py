"""Who issued: the hashes by which OCSP names an issuer, and whether a certificate really carries its signature."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from cryptography import x509

ALGORITHMS = ("sha1", "sha256", "sha384", "sha512")  # model.CertId.hash_algorithm's spelling


class IssuerHash(msgspec.Struct, frozen=True, gc=False):
    """RFC 6960 4.1.1: the issuer's Name as DER, and its key's BIT STRING contents, each hashed; raw octets."""

    algorithm: str
    name_hash: bytes
    key_hash: bytes


def issuer_hashes(name_der: bytes, key_octets: bytes) -> tuple[IssuerHash, ...]:
    """How CertIDs may spell this issuer: one for each of ALGORITHMS."""
    return tuple(
        IssuerHash(algorithm, hashlib.new(algorithm, name_der).digest(), hashlib.new(algorithm, key_octets).digest())
        for algorithm in ALGORITHMS
    )


class UnsupportedSignatureError(Exception):
    """The signature cannot be checked: an algorithm or a key the library does not know."""


def is_signed_by(der: bytes, issuer_der: bytes) -> bool:
    """Whether the key in the certificate `issuer_der` verifies the signature of `der`; names are not compared.

    Both must have passed `decode_certificate`. RSA (PKCS #1 v1.5 and PSS), ECDSA, Ed25519, Ed448; MD5 does not count
    (a CA's MD5 signature was forged in 2008). Raises UnsupportedSignatureError.
    """
    from cryptography import exceptions, x509
    from cryptography.hazmat.primitives.hashes import MD5

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            if isinstance(certificate.signature_hash_algorithm, MD5):
                raise UnsupportedSignatureError("MD5 signature")
            return _verifier(issuer_der)(certificate)
    except exceptions.InvalidSignature:
        return False
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm):
        raise UnsupportedSignatureError("signature algorithm or key not supported") from None


@functools.lru_cache(1024)
def _verifier(issuer_der: bytes) -> Callable[[x509.Certificate], bool]:
    """Checks signatures by this key: False for one of another kind than the key, InvalidSignature for a wrong one."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

    key = x509.load_der_x509_certificate(issuer_der).public_key()

    def rsa_signed(certificate: x509.Certificate) -> bool:
        scheme, digest = certificate.signature_algorithm_parameters, certificate.signature_hash_algorithm
        if digest is None or not isinstance(scheme, (padding.PKCS1v15, padding.PSS)):
            return False
        rsa_key.verify(certificate.signature, certificate.tbs_certificate_bytes, scheme, digest)
        return True

    def ecdsa_signed(certificate: x509.Certificate) -> bool:
        scheme = certificate.signature_algorithm_parameters
        if not isinstance(scheme, ec.ECDSA):
            return False
        ec_key.verify(certificate.signature, certificate.tbs_certificate_bytes, scheme)
        return True

    def edwards_signed(certificate: x509.Certificate) -> bool:
        if certificate.signature_algorithm_parameters is not None:
            return False
        edwards_key.verify(certificate.signature, certificate.tbs_certificate_bytes)
        return True

    if isinstance(key, rsa.RSAPublicKey):
        rsa_key = key
        return rsa_signed
    if isinstance(key, ec.EllipticCurvePublicKey):
        ec_key = key
        return ecdsa_signed
    if isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        edwards_key = key
        return edwards_signed
    raise UnsupportedSignatureError("issuer's key of a kind not supported")
