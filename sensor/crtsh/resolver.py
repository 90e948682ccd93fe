"""A serial number to certificates whose issuer is certain, and those into the store.

Serial numbers are unique for one issuer only. So every certificate that crt.sh has for one is fetched, its issuer's,
too, unless the store has it; the issuer's key must verify the signature, and where a CertID was seen, be the key whose
hash it carries. crt.sh's own words about issuers decide nothing, and neither does a CA's certificate that it gives:
that CA is trusted if one that is known here has signed it. Otherwise the certificate's names are kept under the key
that signed it, and nobody is trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import msgspec

from sensor.crtsh.pages import AskError, Row
from sensor.ct.authorities import RefusedError, is_authority, may_sign_authorities
from sensor.ct.lookup import Unavailable
from sensor.ct.rows import ASKED
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.ocsp.model import CertId
from sensor.pki.certificates import CertificateError, SignedCertificate, decode_certificate
from sensor.pki.issuers import ALGORITHMS, UnsupportedSignatureError, is_signed_by
from sensor.settings import CtSettings, OnlineSettings

SOURCE: Final = ASKED
_MAX_ISSUER_CERTIFICATES: Final = 4  # of one key: cross-signed, renewed
_MAX_MET: Final = 256


class Answers(Protocol):
    """`pages.Pages`, or `database.Database`. Each raises AskError and Stopped."""

    def with_serial(self, serial: str) -> list[Row]: ...
    def with_key_id(self, key_id: bytes) -> list[Row]: ...
    def certificate(self, number: int) -> SignedCertificate: ...


class Resolved(msgspec.Struct, frozen=True):
    """`certificates` are in the store now; `others`: certificates with this serial number that are not of the issuer
    asked for."""

    certificates: tuple[SignedCertificate, ...]
    others: int


class _Learnt(msgspec.Struct, frozen=True):
    """A certificate and the CA whose key signed it; `trusted`: that CA is known here, or one that is has signed it."""

    certificate: SignedCertificate
    issuer: SignedCertificate
    trusted: bool


class Resolver:
    """Asks `pages`, and writes to the store at `path`."""

    def __init__(
        self, pages: Answers, path: Path, ct: CtSettings, settings: OnlineSettings, clock: Callable[[], float]
    ) -> None:
        """`clock`: seconds since 1970; says when something was learnt."""
        self._pages = pages
        self._path = path
        self._ct = msgspec.structs.replace(ct, path=str(path))
        self._max_issuers = settings.max_issuers
        self._clock = clock
        self._met: dict[bytes, SignedCertificate] = {}  # issuers asked for in this run, by their octets

    def resolve(self, serial: str, wanted: CertId | None = None) -> Resolved:
        """`wanted`: only those of the issuer whose name and key it names. What cannot be told of one certificate does
        not keep others from being learnt. Raises AskError, StoreError, Stopped."""
        by_issuer = {row.issuer_ca_id: row.id for row in self._pages.with_serial(serial)}
        if len(by_issuer) > self._max_issuers:
            raise AskError(f"more than {self._max_issuers} issuers with this serial number")
        learnt: list[_Learnt] = []
        others = 0
        trouble: AskError | None = None
        for number in by_issuer.values():
            try:
                found = self._one(number, serial, wanted)
            except AskError as error:
                if error.leave_for_s:
                    raise
                trouble = error
                continue
            if found is None:
                others += 1
            else:
                learnt.append(found)
        if learnt:
            self._keep(learnt)
        elif trouble is not None:
            raise trouble
        return Resolved(tuple(each.certificate for each in learnt), others)

    def _one(self, number: int, serial: str, wanted: CertId | None) -> _Learnt | None:
        """A certificate and its issuer's; None if that is not the issuer wanted."""
        certificate = self._pages.certificate(number)
        if certificate.facts.serial_number != serial:
            raise AskError("a certificate with another serial number")
        if wanted is not None and _digest(wanted, certificate.issuer_der) != wanted.issuer_name_hash:
            return None
        learnt = self._with_issuer(certificate)
        if wanted is not None and _digest(wanted, learnt.issuer.key_octets) != wanted.issuer_key_hash:
            return None
        return learnt

    def _with_issuer(self, certificate: SignedCertificate) -> _Learnt:
        """With the CA whose key verifies the signature: known, or asked for. Raises AskError."""
        for known in self._known(certificate.facts.issuer_name):
            if _is_issuer(known, certificate):
                return _Learnt(certificate, known, not is_authority(certificate) or may_sign_authorities(known.der))
        if certificate.issuer_der == certificate.subject_der and _is_issuer(certificate, certificate):
            return _Learnt(certificate, certificate, trusted=False)
        issuer = self._asked_for(certificate)
        return _Learnt(certificate, issuer, not is_authority(certificate) and self._is_vouched_for(issuer))

    def _asked_for(self, certificate: SignedCertificate) -> SignedCertificate:
        for met in self._met.values():
            if _is_issuer(met, certificate):
                return met
        if certificate.authority_key_id is None:
            raise AskError("a certificate that does not say by which key it was signed")
        rows = self._pages.with_key_id(certificate.authority_key_id)
        for row in rows[:_MAX_ISSUER_CERTIFICATES]:
            issuer = self._pages.certificate(row.id)
            if _is_issuer(issuer, certificate):
                if len(self._met) >= _MAX_MET:
                    self._met.clear()
                self._met[issuer.der] = issuer
                return issuer
        raise AskError("a certificate without its issuer's, or not signed by it")

    def _is_vouched_for(self, issuer: SignedCertificate) -> bool:
        return any(
            _is_issuer(known, issuer) and may_sign_authorities(known.der)
            for known in self._known(issuer.facts.issuer_name)
        )

    def _known(self, name: str) -> list[SignedCertificate]:
        lookup = StoreLookup(self._ct)
        try:
            known = lookup.issuers_named(name)
        finally:
            lookup.close()
        if isinstance(known, Unavailable):
            raise AskError(f"the cache: {known.reason}")
        return [decode_certificate(each.certificate, 0) for each in known]

    def _keep(self, learnt: list[_Learnt]) -> None:
        now = int(self._clock())
        store = Store(self._path, self._ct.max_names)
        try:
            with store.batch():
                for each in learnt:
                    if each.trusted:
                        store.add(each.issuer, SOURCE, now)
                        store.add(each.certificate, SOURCE, now)
                    else:
                        store.add_claimed(each.certificate, each.issuer.key_octets, SOURCE, now)
        except (RefusedError, CertificateError) as error:
            raise AskError(f"a certificate that the cache refuses: {error}") from None
        finally:
            store.close()


def _digest(cert_id: CertId, octets: bytes) -> bytes:
    if cert_id.hash_algorithm not in ALGORITHMS:
        raise AskError("a hash that is not known")
    return hashlib.new(cert_id.hash_algorithm, octets).digest()


def _is_issuer(issuer: SignedCertificate, certificate: SignedCertificate) -> bool:
    if issuer.subject_der != certificate.issuer_der or not issuer.may_sign_certificates:
        return False
    try:
        return is_signed_by(certificate.der, issuer.der)
    except UnsupportedSignatureError:
        return False
