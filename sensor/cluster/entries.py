"""What lies in the cluster, and under which keys; each value is strange until it was read here.

    PREFIX:i:ALGORITHM NAME-HASH KEY-HASH   an issuer's id, by what a CertID says of it
    PREFIX:n:HASH                           ids of the issuers of one name: a set
    PREFIX:a:ISSUER-ID                      a CA's certificate (DER)
    PREFIX:c:ISSUER-ID SERIAL               a certificate: MessagePack, gone when it has expired
    PREFIX:u:HASH                           certificates that name one CRL, issuer id and serial each: a set sorted by
                                            expiry, of which those that expire last are kept

All but the prefix are octets: the algorithm one, its place in `pki.issuers.ALGORITHMS`; an issuer id the first 16 of
SHA-256 over the SHA-256 of the name's DER and that of the key; other hashes the first 16 of SHA-256; a serial its
magnitude.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Final, Literal

import msgspec

from sensor.ct.rows import Row, RowError, certificate_of, row_of
from sensor.ocsp.model import CertId
from sensor.pki import names
from sensor.pki.certificates import Certificate, CertificateError, SignedCertificate, decode_certificate
from sensor.pki.issuers import ALGORITHMS

ID_BYTES: Final = 16
MAX_SERIAL_BYTES: Final = 64
_MAX_URLS: Final = 64
_NUMBERS: Final = {name: bytes((number,)) for number, name in enumerate(ALGORITHMS)}

Text = Annotated[str, msgspec.Meta(max_length=1024)]
Urls = Annotated[tuple[Text, ...], msgspec.Meta(max_length=_MAX_URLS)]


class EntryError(Exception):
    """A value that is not what belongs under its key: a few words, none of its own."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A certificate as it lies there: a store's row, whose numbers of shared things are 0, and these themselves."""

    version: Literal[1]
    source: Text
    ocsp_urls: Urls
    crl_urls: Urls
    row: Row


_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Entry] = msgspec.msgpack.Decoder(Entry).decode


class Keys:
    """Keys under a prefix."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix.encode()

    def issuer(self, algorithm: str, name_hash: bytes, key_hash: bytes) -> bytes:
        """`algorithm` is one of ALGORITHMS."""
        return b"%b:i:%b%b%b" % (self._prefix, _NUMBERS[algorithm], name_hash, key_hash)

    def authority(self, issuer_id: bytes) -> bytes:
        return b"%b:a:%b" % (self._prefix, issuer_id)

    def name(self, name: str) -> bytes:
        """`name` is RFC 4514 text."""
        return b"%b:n:%b" % (self._prefix, _hash(name.encode(errors="replace")))

    def certificate(self, issuer_id: bytes, serial: bytes) -> bytes:
        return b"%b:c:%b%b" % (self._prefix, issuer_id, serial)

    def crl(self, url: str) -> bytes:
        """`url` is a `pki.names.url_key`."""
        return b"%b:u:%b" % (self._prefix, _hash(url.encode(errors="replace")))


def issuer_id(certificate: SignedCertificate) -> bytes:
    """Whoever has this name and key."""
    name, key = hashlib.sha256(certificate.subject_der), hashlib.sha256(certificate.key_octets)
    return _hash(name.digest() + key.digest())


def encode_entry(facts: Certificate, source: str, learned_at: int) -> bytes:
    return _encode(Entry(1, source[:1024], facts.ocsp_urls, facts.crl_urls, row_of(facts, 0, learned_at, 0)))


def decode_entry(
    value: object, serial: bytes, issuer_name: str, max_bytes: int, max_names: int
) -> tuple[Certificate, str, int]:
    """The certificate, where it was learnt, and when. Every name in it is one that `pki` would take from a certificate.
    Raises EntryError."""
    if not isinstance(value, bytes) or len(value) > max_bytes:
        raise EntryError("a certificate's entry of another type, or too long")
    try:
        entry = _decode(value)
        facts = certificate_of(entry.row, serial, issuer_name, (entry.ocsp_urls, entry.crl_urls))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, RowError):
        raise EntryError("a certificate's entry that cannot be read") from None
    if not _can_be(facts, max_names) or names.plain_text(entry.source) is None:
        raise EntryError("a certificate's entry with names that none has")
    return facts, entry.source, entry.row.learned_at


def decode_id(value: object) -> bytes:
    """An issuer's id. Raises EntryError."""
    if not isinstance(value, bytes) or len(value) != ID_BYTES:
        raise EntryError("an issuer's id that is none")
    return value


def decode_issuer(value: object, named: bytes, max_bytes: int) -> SignedCertificate:
    """The certificate of the CA with this id. Raises EntryError."""
    if not isinstance(value, bytes) or len(value) > max_bytes:
        raise EntryError("an issuer's entry of another type, or too long")
    try:
        found = decode_certificate(value, 0)
    except CertificateError:
        raise EntryError("an issuer's entry that is no certificate") from None
    if not found.may_sign_certificates and found.has_extensions:
        raise EntryError("an issuer's entry that is no CA's")
    if issuer_id(found) != named:
        raise EntryError("an issuer's entry of another issuer")
    return found


def has_key_of(certificate: SignedCertificate, asked: CertId) -> bool:
    """Whether the key is the one that a CertID names; its algorithm is one of ALGORITHMS."""
    return hashlib.new(asked.hash_algorithm, certificate.key_octets).digest() == asked.issuer_key_hash


def decode_member(value: object) -> tuple[bytes, bytes]:
    """Issuer id and serial of a certificate in a CRL's set. Raises EntryError."""
    if not isinstance(value, bytes) or not ID_BYTES < len(value) <= ID_BYTES + MAX_SERIAL_BYTES:
        raise EntryError("a CRL's set with what is no certificate")
    return value[:ID_BYTES], value[ID_BYTES:]


def _can_be(facts: Certificate, max_names: int) -> bool:
    count = len(facts.dns_names) + len(facts.ip_addresses) + len(facts.email_addresses)
    return (
        count <= max_names
        and all(map(names.dns_name, facts.dns_names))
        and all(map(names.email_address, facts.email_addresses))
        and all(map(_is_ip, facts.ip_addresses))
        and all(map(names.url, (*facts.ocsp_urls, *facts.crl_urls)))
        and (facts.common_name is None or names.plain_text(facts.common_name) is not None)
        and len(facts.subject_name) <= 1024
        and facts.not_before <= facts.not_after
    )


def _is_ip(text: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _hash(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()[:ID_BYTES]
