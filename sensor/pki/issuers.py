"""Who issued: the hashes by which OCSP names an issuer, and whether a certificate really carries its signature."""

from __future__ import annotations

import functools
import hashlib
import warnings

import msgspec

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
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

    try:
        key = _public_key(issuer_der)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            signature, signed = certificate.signature, certificate.tbs_certificate_bytes
            digest, parameters = certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters
        if isinstance(digest, hashes.MD5):
            raise UnsupportedSignatureError("MD5 signature")
        if isinstance(key, rsa.RSAPublicKey):
            if digest is None or not isinstance(parameters, (padding.PKCS1v15, padding.PSS)):
                return False  # a signature of another kind than the key
            key.verify(signature, signed, parameters, digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if not isinstance(parameters, ec.ECDSA):
                return False
            key.verify(signature, signed, parameters)
        elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            if parameters is not None:
                return False
            key.verify(signature, signed)
        else:
            raise UnsupportedSignatureError("issuer's key of a kind not supported")
    except exceptions.InvalidSignature:
        return False
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm):
        raise UnsupportedSignatureError("signature algorithm or key not supported") from None
    return True


@functools.lru_cache(1024)
def _public_key(der: bytes) -> object:
    from cryptography import x509

    return x509.load_der_x509_certificate(der).public_key()
