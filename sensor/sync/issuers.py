"""Who issued a logged certificate: found by its key's hash in the chain that the log gives, up to one of its roots.

The chain is not in the tree that the log signs. What is taken from it is proven otherwise: of a precertificate the
leaf has the hash of the issuer's key, of a certificate the signature is checked. That the issuer is a CA at all is
what the chain is followed for, to a certificate that the log accepts as a root.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, TypeVar

from sensor.ct.logged import LoggedCertificate, LoggedIssuer
from sensor.pki.certificates import CertificateError, SignedCertificate, decode_certificate, key_info_der
from sensor.pki.der import DerError
from sensor.pki.name_text import decode_name
from sensor.pki.signatures import SignatureCheck, check_signature
from sensor.sync.entry import Entry, signed_parts

K = TypeVar("K")
V = TypeVar("V")

MAX_CHAIN: Final = 8  # certificates of a chain that are looked at
_MAX_REMEMBERED: Final = 16384
_FINGERPRINT: Final = 32

NO_ISSUER: Final = "no issuer in its chain"
NO_ROOT: Final = "a chain that leads to no root of the log"
NOT_SIGNED: Final = "not signed by its issuer"
BAD_CHAIN: Final = "a chain that cannot be read"


class IssuerError(Exception):
    """The certificate has no issuer that counts; the text is one of a few."""


class LogIssuers:
    """The issuers of one log's entries. `new` are those met since it was last emptied."""

    def __init__(self, roots: Callable[[], Sequence[bytes]], fetch: Callable[[bytes], bytes]) -> None:
        """`roots` are asked for once, when the first issuer is met; `fetch` gets a certificate by its fingerprint.
        What they raise is raised here."""
        self._get_roots = roots
        self._fetch = fetch
        self._roots: dict[bytes, bytes] | None = None  # by fingerprint
        self._roots_named: dict[bytes, list[bytes]] = {}
        self._fetched: dict[bytes, bytes] = {}
        self._by_key: dict[tuple[bytes, bytes], LoggedIssuer] = {}
        self._nearest: dict[bytes, LoggedIssuer] = {}
        self._no_good: dict[bytes, str] = {}
        self._trusted: set[bytes] = set()
        self.new: list[LoggedIssuer] = []

    def with_issuer(self, entry: Entry) -> LoggedCertificate:
        """The entry's certificate with its issuer's key, which is known from then on. Raises IssuerError."""
        certificate = entry.certificate
        if certificate.is_precertificate:
            if (certificate.issuer_key_sha256, certificate.issuer_name) not in self._by_key:
                self._find(entry, lambda issuer: issuer.key_sha256 == certificate.issuer_key_sha256)
            return certificate
        nearest = entry.chain if entry.by_fingerprint else sha256(entry.chain).digest()
        issuer = self._nearest.get(nearest + certificate.issuer_name)
        if issuer is None:
            issuer = self._find(entry, lambda _: True)
            _room(self._nearest)[nearest + certificate.issuer_name] = issuer
        if not _is_signed(entry.der, issuer.certificate):
            raise IssuerError(NOT_SIGNED)
        fields = {name: getattr(certificate, name) for name in certificate.__struct_fields__}
        return LoggedCertificate(**fields | {"issuer_key_sha256": issuer.key_sha256})

    def _find(self, entry: Entry, fits: Callable[[LoggedIssuer], bool]) -> LoggedIssuer:
        """The first in the chain with the certificate's issuer's name that fits: the nearest is it, but behind a
        Precertificate Signing Certificate (RFC 6962 3.1)."""
        wanted = entry.certificate
        key = sha256(entry.chain + wanted.issuer_key_sha256 + wanted.issuer_name).digest()
        if key in self._no_good:
            raise IssuerError(self._no_good[key])
        try:
            issuer = self._search(entry, fits)
        except IssuerError as error:
            _room(self._no_good)[key] = str(error)
            raise
        except (CertificateError, DerError):
            _room(self._no_good)[key] = BAD_CHAIN
            raise IssuerError(BAD_CHAIN) from None
        if (issuer.key_sha256, wanted.issuer_name) not in self._by_key:
            _room(self._by_key)[issuer.key_sha256, wanted.issuer_name] = issuer
            self.new.append(issuer)
        return issuer

    def _search(self, entry: Entry, fits: Callable[[LoggedIssuer], bool]) -> LoggedIssuer:
        name = decode_name(entry.certificate.issuer_name)
        chain = self._chain(entry)
        for place, der in enumerate(chain[:2]):
            decoded = decode_certificate(der, max_names=0)
            issuer = LoggedIssuer(sha256(key_info_der(der)).digest(), decoded.subject_der, decoded.key_octets, der)
            if decode_name(decoded.subject_der) == name and fits(issuer):
                if not decoded.may_sign_certificates or not self._leads_to_root(chain[place:]):
                    raise IssuerError(NO_ROOT)
                return issuer
        raise IssuerError(NO_ISSUER)

    def _chain(self, entry: Entry) -> list[bytes]:
        """The certificates of the chain; of one in fingerprints those that are fetched."""
        chain: list[bytes] = []
        pos, data = 0, entry.chain
        while pos < len(data) and len(chain) < MAX_CHAIN:
            if entry.by_fingerprint:
                chain.append(self._by_fingerprint(data[pos : pos + _FINGERPRINT]))
                pos += _FINGERPRINT
            else:
                end = pos + 3 + int.from_bytes(data[pos : pos + 3], "big")
                chain.append(data[pos + 3 : end])
                pos = end
        return chain

    def _by_fingerprint(self, fingerprint: bytes) -> bytes:
        if len(fingerprint) != _FINGERPRINT:
            raise IssuerError(BAD_CHAIN)
        der = self._fetched.get(fingerprint)
        if der is None:
            der = self._fetch(fingerprint)
            _room(self._fetched)[fingerprint] = der
        return der

    def _leads_to_root(self, chain: list[bytes]) -> bool:
        """Whether each is a CA that the next one signed, up to a root, which may be left out."""
        passed: list[bytes] = []
        for place, der in enumerate(chain):
            fingerprint = sha256(der).digest()
            if fingerprint in self._trusted or self._is_root(fingerprint):
                break
            decoded = decode_certificate(der, max_names=0)
            if not decoded.may_sign_certificates and decoded.has_extensions:
                return False
            passed.append(fingerprint)
            if self._signed_by_root(decoded):
                break
            if place + 1 == len(chain) or not _is_signed(der, chain[place + 1]):
                return False
        else:
            return False
        if len(self._trusted) > _MAX_REMEMBERED:
            self._trusted.clear()
        self._trusted.update(passed)
        return True

    def _is_root(self, fingerprint: bytes) -> bool:
        if self._roots is None:
            self._roots = {sha256(der).digest(): der for der in self._get_roots()}
            for der in self._roots.values():
                try:
                    self._roots_named.setdefault(decode_certificate(der, 0).subject_der, []).append(der)
                except CertificateError:
                    continue  # logs accept roots that are odder than any library
        return fingerprint in self._roots

    def _signed_by_root(self, certificate: SignedCertificate) -> bool:
        return any(_is_signed(certificate.der, root) for root in self._roots_named.get(certificate.issuer_der, ()))


def _is_signed(der: bytes, issuer: bytes) -> bool:
    """By our own walk: an encoding that a library refuses was still signed."""
    try:
        signed, algorithm, signature = signed_parts(der)
        return check_signature(key_info_der(issuer), algorithm, signature, signed) is SignatureCheck.valid
    except (DerError, CertificateError):
        return False


def _room(remembered: dict[K, V]) -> dict[K, V]:
    """The same dict, emptied if it is full."""
    if len(remembered) >= _MAX_REMEMBERED:
        remembered.clear()
    return remembered
