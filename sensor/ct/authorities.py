"""A CA as the store's writer needs it: who certified itself, and by what identifiers its certificates may name it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from sensor.ct.rows import RowError
from sensor.pki.certificates import CertificateError, SignedCertificate, decode_certificate
from sensor.pki.issuers import ALGORITHMS, UnsupportedSignatureError, is_signed_by, issuer_hashes

_SHA1_BYTES: Final = 20


class RefusedError(Exception):
    """This certificate does not get in; the text is the reason, one of a few."""


class Ca(msgspec.Struct, frozen=True):
    """A KNOWN issuer as the writer needs it."""

    number: int
    certificate: bytes
    key_octets: bytes
    sha1: bytes  # of key_octets
    key_ids: frozenset[bytes]  # what certificates may carry as its authority key identifier


class ClaimedKey(NamedTuple):
    """The key of a CA whose certificate is not here, by its identifier (schema: `key_id` of a CLAIMED issuer) and by
    hashes: number in ALGORITHMS, of the CA's name, of the key."""

    key_id: bytes
    hashes: Sequence[tuple[int, bytes, bytes]]


def claimed_by(certificate: SignedCertificate) -> ClaimedKey:
    """As this certificate names its issuer's."""
    key_id = certificate.authority_key_id or b""
    if len(key_id) != _SHA1_BYTES:
        return ClaimedKey(key_id, ())
    name_hash = hashlib.sha1(certificate.issuer_der, usedforsecurity=False).digest()
    return ClaimedKey(key_id, [(ALGORITHMS.index("sha1"), name_hash, key_id)])


def claimed_with(certificate: SignedCertificate, key_octets: bytes) -> ClaimedKey:
    """The issuer's of this certificate, whosever it is."""
    hashes = issuer_hashes(certificate.issuer_der, key_octets)
    return ClaimedKey(
        hashlib.sha1(key_octets, usedforsecurity=False).digest(),
        [(ALGORITHMS.index(each.algorithm), each.name_hash, each.key_hash) for each in hashes],
    )


def ca_of(number: int, certificate: SignedCertificate) -> Ca:
    sha1 = hashlib.sha1(certificate.key_octets, usedforsecurity=False).digest()
    key_ids = frozenset(key_id for key_id in (sha1, certificate.subject_key_id) if key_id)
    return Ca(number, certificate.der, certificate.key_octets, sha1, key_ids)


def decode_stored(der: object, max_names: int) -> SignedCertificate:
    """A certificate out of the store. Raises RowError."""
    if not isinstance(der, bytes):
        raise RowError("a certificate of another type")
    try:
        return decode_certificate(der, max_names)
    except CertificateError:
        raise RowError("a certificate that cannot be read") from None


def signed_itself(certificate: SignedCertificate) -> bool:
    """Whether it is its own issuer; False for a CA's new key under its old one. Raises RefusedError if it pretends to.

    A root whose own signature cannot be checked (MD5, of the nineties) counts: it is trusted because it is imported.
    """
    try:
        if is_signed_by(certificate.der, certificate.der):
            return True
    except UnsupportedSignatureError:
        return certificate.authority_key_id in (None, certificate.subject_key_id)
    if certificate.authority_key_id is not None and certificate.authority_key_id == certificate.subject_key_id:
        raise RefusedError("not signed by the issuer it names")
    return False


def is_authority(certificate: SignedCertificate) -> bool:
    """Whether the store would take it for a CA's: it may sign others, or is its own issuer."""
    return certificate.may_sign_certificates or certificate.issuer_der == certificate.subject_der


def may_sign_authorities(der: bytes) -> bool:
    """Whether this CA may sign other CAs' certificates (RFC 5280 4.2.1.9). A version 1 root has no extensions to say
    so."""
    try:
        ca = decode_certificate(der, max_names=0)
    except CertificateError:
        return False
    return (ca.may_sign_certificates and ca.path_length != 0) or not ca.has_extensions
