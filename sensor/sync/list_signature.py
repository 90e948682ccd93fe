"""Whether a list of logs is as its maker signed it: RSA or ECDSA over the file as it is, with SHA-256, in a file of its
own (the browsers' makers publish log_list.json, log_list.sig and log_list_pubkey.pem)."""

from __future__ import annotations

from typing import Final

from sensor.pki.der import OBJECT_IDENTIFIER, SEQUENCE, DerError, DerReader, decode_oid
from sensor.pki.pem import PemStream
from sensor.pki.signatures import SignatureCheck, check_signature
from sensor.sync.log_list import LogListError

# AlgorithmIdentifiers (RFC 4055 5, RFC 5758 3.2) by the OID of the key's.
_SHA256_WITH: Final = {
    "1.2.840.113549.1.1.1": bytes.fromhex("300d06092a864886f70d01010b0500"),
    "1.2.840.10045.2.1": bytes.fromhex("300a06082a8648ce3d040302"),
}


def signature_of(source: str) -> str:
    """Where the signature of the list lies that has this address, or path."""
    return source.removesuffix(".json") + ".sig"


def check_list(text: bytes, signature: bytes, key_pem: bytes, which: str) -> None:
    """Raises LogListError, which names `which`, if it is not right, or cannot be checked."""
    pem = PemStream((b"PUBLIC KEY",), len(key_pem))
    key = pem.feed(key_pem)
    if not pem.ended or pem.broken:
        raise LogListError(f"{which}: no public key in PEM")
    algorithm = _SHA256_WITH.get(_key_type(key))
    if algorithm is None:
        raise LogListError(f"{which}: a key neither for RSA nor for ECDSA")
    if check_signature(key, algorithm, signature, text) is not SignatureCheck.valid:
        raise LogListError(f"{which}: the list is not what this key has signed")


def _key_type(key: bytes) -> str:
    """Of a SubjectPublicKeyInfo (RFC 5280 4.1); "" of what is none."""
    reader = DerReader(key, 8)
    try:
        pos = reader.enter(SEQUENCE, 0, len(key), "SubjectPublicKeyInfo")
        pos = reader.enter(SEQUENCE, pos, reader.stop, "algorithm")
        start = reader.enter(OBJECT_IDENTIFIER, pos, reader.stop, "algorithm")
        return decode_oid(key[start : reader.stop])
    except DerError:
        return ""
