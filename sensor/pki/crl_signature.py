"""Whether a CRL carries its issuer's signature, from the digest that was taken while it went by."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from sensor.pki.crl import Crl
from sensor.pki.der import OBJECT_IDENTIFIER, SEQUENCE, DerError, DerReader, decode_integer
from sensor.pki.issuers import UnsupportedSignatureError
from sensor.pki.oids import HASH_NAMES, encode_oid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

_DIGESTS = {
    encode_oid(oid): name
    for oid, name in {
        "1.2.840.113549.1.1.5": "sha1",
        "1.3.14.3.2.29": "sha1",
        "1.2.840.113549.1.1.11": "sha256",
        "1.2.840.113549.1.1.12": "sha384",
        "1.2.840.113549.1.1.13": "sha512",
        "1.2.840.113549.1.1.14": "sha224",
        "1.2.840.10045.4.1": "sha1",
        "1.2.840.10045.4.3.1": "sha224",
        "1.2.840.10045.4.3.2": "sha256",
        "1.2.840.10045.4.3.3": "sha384",
        "1.2.840.10045.4.3.4": "sha512",
    }.items()
}
"""The hash of a signature algorithm. Not MD5: a CA's MD5 signature was forged in 2008."""

_PSS = encode_oid("1.2.840.113549.1.1.10")
_EDWARDS = (encode_oid("1.3.101.112"), encode_oid("1.3.101.113"))
_ECDSA = encode_oid("1.2.840.10045.4")
_PSS_HASHES = frozenset(("sha1", "sha224", "sha256", "sha384", "sha512"))
_MAX_ELEMENTS = 32


def digest_name(algorithm_der: bytes) -> str | None:
    """hashlib's name of the hash that an AlgorithmIdentifier signs, None if it is not known or there is none."""
    try:
        oid, parameters = _parts(algorithm_der)
        return _pss(parameters)[0] if oid == _PSS else _DIGESTS.get(oid)
    except DerError:
        return None


def signs_whole(algorithm_der: bytes) -> bool:
    """Whether the algorithm needs the message itself (RFC 8032: Ed25519 and Ed448 hash it twice)."""
    try:
        return _parts(algorithm_der)[0] in _EDWARDS
    except DerError:
        return False


def is_crl_signed_by(crl: Crl, issuer_der: bytes) -> bool:
    """Whether the key in the certificate `issuer_der` verifies the signature of a CRL that is whole; names are not
    compared. RSA (PKCS #1 v1.5 and PSS), ECDSA, Ed25519 and Ed448. Raises UnsupportedSignatureError.
    """
    from cryptography import exceptions, x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            key = x509.load_der_x509_certificate(issuer_der).public_key()
            return _verify(crl, key)
    except exceptions.InvalidSignature:
        return False
    except (ValueError, TypeError, DerError, exceptions.UnsupportedAlgorithm):
        raise UnsupportedSignatureError("signature algorithm or key not supported") from None


def _verify(crl: Crl, key: object) -> bool:
    """Raises InvalidSignature, or what the library raises for what it does not know."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, utils

    oid, parameters = _parts(crl.algorithm_der)
    if isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        if oid not in _EDWARDS:
            return False
        if crl.tbs is None:
            raise UnsupportedSignatureError("too large for a signature over the message itself")
        key.verify(crl.signature, crl.tbs)
        return True
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise UnsupportedSignatureError("issuer's key of a kind not supported")
    name = digest_name(crl.algorithm_der)
    if name is None or crl.tbs_digest is None:
        if oid in _EDWARDS:
            return False
        raise UnsupportedSignatureError("signature algorithm not supported")
    digest = utils.Prehashed(_hash(name))
    if isinstance(key, ec.EllipticCurvePublicKey):
        if not oid.startswith(_ECDSA):
            return False
        key.verify(crl.signature, crl.tbs_digest, ec.ECDSA(digest))
        return True
    if oid.startswith(_ECDSA):
        return False
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if oid == _PSS:
        scheme = padding.PSS(padding.MGF1(_hash(_pss(parameters)[1])), _pss(parameters)[2])
    key.verify(crl.signature, crl.tbs_digest, scheme, digest)
    return True


def _hash(name: str) -> hashes.HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    by_name: dict[str, hashes.HashAlgorithm] = {
        "sha1": hashes.SHA1(),  # noqa: S303  (what a CRL is signed with is not ours to choose)
        "sha224": hashes.SHA224(),
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
    }
    return by_name[name]


def _parts(algorithm_der: bytes) -> tuple[bytes, bytes]:
    """OID octets and the DER of the parameters. Raises DerError."""
    reader = DerReader(algorithm_der, _MAX_ELEMENTS)
    start = reader.enter(SEQUENCE, 0, len(algorithm_der), "AlgorithmIdentifier")
    end = reader.stop
    start = reader.enter(OBJECT_IDENTIFIER, start, end, "algorithm")
    return algorithm_der[start : reader.stop], algorithm_der[reader.stop : end]


def _pss(parameters: bytes) -> tuple[str, str, int]:
    """Hash, hash of the mask generation, length of the salt (RFC 4055 3.1, with its defaults). Raises DerError."""
    names = ["sha1", "sha1"]
    salt = 20
    reader = DerReader(parameters, _MAX_ELEMENTS)
    if not parameters:
        return names[0], names[1], salt
    pos = reader.enter(SEQUENCE, 0, len(parameters), "RSASSA-PSS-params")
    end = reader.stop
    while pos < end:
        tag = reader.read(pos, end)
        start, pos = reader.start, reader.stop
        if tag == 0xA0:
            names[0] = _hash_name(parameters[start:pos])
        elif tag == 0xA1:
            names[1] = _hash_name(_parts(parameters[start:pos])[1])
        elif tag == 0xA2:
            reader.read(start, pos)
            salt = decode_integer(parameters, reader.start, reader.stop)
    return names[0], names[1], salt


def _hash_name(algorithm_der: bytes) -> str:
    name = HASH_NAMES.get(_parts(algorithm_der)[0])
    if name not in _PSS_HASHES:
        raise DerError("hash")
    return name
