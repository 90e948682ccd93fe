"""Whether a key made a signature, over bytes as they lie on the wire: for OCSP replies, certificates, CRLs.

The AlgorithmIdentifier, the key and the signed bytes are read by our own DER walker, so that an encoding which
pyca/cryptography refuses to load can still be checked; the library does the arithmetic only.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sensor.pki.der import INTEGER, OBJECT_IDENTIFIER, SEQUENCE, DerError, DerReader, decode_integer, decode_oid
from sensor.pki.oids import HASH_NAMES

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

MAX_RSA_BITS: Final = 8192
_MAX_RSA_EXPONENT_BITS = 64  # larger ones make a verification as slow as a signature
_MAX_SALT = 1024
_MAX_KEY_BYTES = 4096
_MAX_ALGORITHM_BYTES = 512

_RSA: Final = {
    "1.2.840.113549.1.1.4": "md5",
    "1.2.840.113549.1.1.5": "sha1",
    "1.3.14.3.2.29": "sha1",
    "1.2.840.113549.1.1.14": "sha224",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
}
_ECDSA: Final = {
    "1.2.840.10045.4.1": "sha1",
    "1.2.840.10045.4.3.1": "sha224",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}
_PLAIN_EC: Final = {
    bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"): ("SECP256R1", 91),
    bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"): ("SECP384R1", 120),
    bytes.fromhex("30819b301006072a8648ce3d020106052b810400230381860004"): ("SECP521R1", 158),
}
"""How a SubjectPublicKeyInfo with an uncompressed point begins (RFC 5480 2), the curve, and its octets."""
_PSS: Final = "1.2.840.113549.1.1.10"
_MGF1: Final = "1.2.840.113549.1.1.8"
_ED25519: Final = "1.3.101.112"
_ED448: Final = "1.3.101.113"


class SignatureCheck(enum.Enum):
    """What came of checking a signature."""

    valid = "valid"
    invalid = "invalid"  # also where the algorithm is one for another kind of key
    algorithm = "algorithm"  # not checked: the algorithm or its parameters are not known here
    key = "key"  # not checked: the key cannot be used


class _UnknownError(Exception):
    """An algorithm or its parameters are not known here."""


def check_signature(
    key_info: bytes, algorithm: bytes, signature: bytes, signed: bytes, *, hashed: bool = False
) -> SignatureCheck:
    """Whether `signature` (without the BIT STRING's count of unused bits) is one of `signed` by the key.

    `key_info` is the DER of a SubjectPublicKeyInfo, `algorithm` that of an AlgorithmIdentifier (RFC 5280 4.1.1.2).
    RSA (PKCS #1 v1.5 and PSS) and ECDSA with SHA-1 or SHA-2, RSA with MD5, Ed25519, Ed448. Never raises. RSA keys
    above MAX_RSA_BITS are not used: they are made to cost time. With `hashed`, `signed` is the digest of what was
    signed (`signature_digest`); Ed25519 and Ed448, which need the whole, are `algorithm` then.
    """
    try:
        oid, parameters = _algorithm(algorithm)
        arguments, kind = _arguments(oid, parameters, hashed)
    except (DerError, _UnknownError):
        return SignatureCheck.algorithm
    key = _load_key(key_info) if len(key_info) <= _MAX_KEY_BYTES else None
    if key is None:
        return SignatureCheck.key
    if key[0] != kind:
        return SignatureCheck.invalid
    from cryptography import exceptions

    try:
        key[1](signature, signed, *arguments)
    except exceptions.InvalidSignature:
        return SignatureCheck.invalid
    except exceptions.UnsupportedAlgorithm:  # by this build of OpenSSL, or its policy
        return SignatureCheck.algorithm
    except (ValueError, TypeError):  # a digest too large for the key, a salt that cannot be
        return SignatureCheck.invalid
    return SignatureCheck.valid


def is_weak_key(key_info: bytes) -> bool:
    """Whether the key is RSA below 2,048 bits or on a curve below 256 (BR 6.1.5); False for one that cannot be used."""
    key = _load_key(key_info) if len(key_info) <= _MAX_KEY_BYTES else None
    return key is not None and ((key[0] == "rsa" and key[2] < 2048) or (key[0] == "ecdsa" and key[2] < 256))


def signature_digest(algorithm: bytes) -> str | None:
    """The digest that an AlgorithmIdentifier (DER) signs over ("sha1", ...); None if it is not known or has none."""
    try:
        oid, parameters = _algorithm(algorithm)
        if oid == _PSS:
            return _pss_parameters(parameters)[0]
    except (DerError, _UnknownError):
        return None
    return _RSA.get(oid) or _ECDSA.get(oid)


def signs_whole(algorithm: bytes) -> bool:
    """Whether the algorithm needs what was signed itself, and no digest of it (RFC 8032: it is hashed twice)."""
    try:
        return _algorithm(algorithm)[0] in (_ED25519, _ED448)
    except DerError:
        return False


@lru_cache(maxsize=1024)
def _load_key(key_info: bytes) -> tuple[str, Callable[..., None], int] | None:
    """Kind, the key's verify, and its size in bits; None if it cannot be used."""
    for beginning, (curve, size) in _PLAIN_EC.items():
        if len(key_info) == size and key_info.startswith(beginning):
            return _load_point(curve, key_info[len(beginning) - 1 :])
    from cryptography import exceptions
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(key_info)
    except (ValueError, TypeError, exceptions.UnsupportedAlgorithm):
        return None
    if isinstance(key, rsa.RSAPublicKey):
        fits = key.key_size <= MAX_RSA_BITS and key.public_numbers().e.bit_length() <= _MAX_RSA_EXPONENT_BITS
        return ("rsa", key.verify, key.key_size) if fits else None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ecdsa", key.verify, key.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519", key.verify, 256
    if isinstance(key, ed448.Ed448PublicKey):
        return "ed448", key.verify, 448
    return None


def _load_point(curve: str, point: bytes) -> tuple[str, Callable[..., None], int] | None:
    """Most delegates have such a key, and `serialization` takes as long to import as a hundred verifications."""
    from cryptography import exceptions
    from cryptography.hazmat.primitives.asymmetric import ec

    curves: dict[str, type[ec.EllipticCurve]] = {
        "SECP256R1": ec.SECP256R1,
        "SECP384R1": ec.SECP384R1,
        "SECP521R1": ec.SECP521R1,
    }
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(curves[curve](), point)
    except (ValueError, exceptions.UnsupportedAlgorithm):  # not on the curve; a curve that this build leaves out
        return None
    return "ecdsa", key.verify, key.key_size


def _algorithm(der: bytes) -> tuple[str, bytes]:
    """The OID and the DER of the parameters, b"" without them. Raises _UnknownError and DerError."""
    if len(der) > _MAX_ALGORITHM_BYTES:
        raise _UnknownError
    return _read_algorithm(der)


@lru_cache(maxsize=256)
def _read_algorithm(der: bytes) -> tuple[str, bytes]:
    reader = DerReader(der, 2)
    start = reader.enter(SEQUENCE, 0, len(der), "AlgorithmIdentifier")
    end = reader.stop
    start = reader.enter(OBJECT_IDENTIFIER, start, end, "algorithm")
    return decode_oid(der[start : reader.stop]), der[reader.stop : end]


@lru_cache(maxsize=256)
def _arguments(oid: str, parameters: bytes, hashed: bool) -> tuple[tuple[Any, ...], str]:
    """What the key's verify takes behind signature and bytes; the kind of key. Raises _UnknownError and DerError."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    def of(name: str) -> Any:
        return utils.Prehashed(_digest(name)) if hashed else _digest(name)

    if oid in _RSA:
        return (padding.PKCS1v15(), of(_RSA[oid])), "rsa"
    if oid in _ECDSA:
        return (ec.ECDSA(of(_ECDSA[oid])),), "ecdsa"
    if oid == _PSS:
        digest, mask_digest, salt = _pss_parameters(parameters)
        return (padding.PSS(padding.MGF1(_digest(mask_digest)), salt), of(digest)), "rsa"
    if hashed:
        raise _UnknownError
    if oid == _ED25519:
        return (), "ed25519"
    if oid == _ED448:
        return (), "ed448"
    raise _UnknownError


def _digest(name: str) -> hashes.HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    known: dict[str, Callable[[], hashes.HashAlgorithm]] = {
        "md5": hashes.MD5,
        "sha1": hashes.SHA1,
        "sha224": hashes.SHA224,
        "sha256": hashes.SHA256,
        "sha384": hashes.SHA384,
        "sha512": hashes.SHA512,
    }
    if name not in known:
        raise _UnknownError
    return known[name]()


def _pss_parameters(der: bytes) -> tuple[str, str, int]:
    """Digest, digest of the mask, octets of salt (RFC 4055 3.1). Raises _UnknownError and DerError."""
    digest = mask = "sha1"
    salt = 20
    if not der:
        return digest, mask, salt
    reader = DerReader(der, 16)
    pos = reader.enter(SEQUENCE, 0, len(der), "RSASSA-PSS-params")
    end = reader.stop
    while pos < end:
        tag = reader.read(pos, end)
        start, pos = reader.start, reader.stop
        if tag == 0xA0:
            digest = _hash_name(der[start:pos])
        elif tag == 0xA1:
            oid, parameters = _algorithm(der[start:pos])
            if oid != _MGF1:
                raise _UnknownError
            mask = _hash_name(parameters)
        elif tag == 0xA2:
            start = reader.enter(INTEGER, start, pos, "saltLength")
            salt = decode_integer(der, start, reader.stop)
    if not 0 <= salt <= _MAX_SALT:
        raise _UnknownError
    return digest, mask, salt


def _hash_name(algorithm: bytes) -> str:
    reader = DerReader(algorithm, 2)
    start = reader.enter(SEQUENCE, 0, len(algorithm), "hashAlgorithm")
    start = reader.enter(OBJECT_IDENTIFIER, start, reader.stop, "algorithm")
    return HASH_NAMES.get(algorithm[start : reader.stop]) or "unknown"
