"""CA certificates seen in the traffic: they may name issuers, for this run only, and never a site.

Anyone can put a certificate into the traffic. One counts if it is a CA's, and a key that the store already trusts, or
one accepted here before, signed it. What it adds is who is behind an issuer's hashes; it is never written down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sensor.ct.authorities import may_sign_authorities
from sensor.ct.lookup import Issuer, KnownIssuer
from sensor.ct.sources import DerItem
from sensor.ct.sources.der import looks_like_pkcs7, read_blob
from sensor.ocsp.model import CertId
from sensor.pki.certificates import CertificateError, SignedCertificate, decode_certificate, subject_of_ca
from sensor.pki.issuers import UnsupportedSignatureError, is_signed_by, issuer_hashes
from sensor.pki.name_text import decode_name
from sensor.pki.names import display_name

_MAX_ISSUERS = 4096
_MAX_SIGNERS = 8  # CAs of one name whose keys are tried
_MAX_BUNDLED = 16
_MAX_JUDGED_BYTES = 4 << 20


class TrafficIssuers:
    """The issuers accepted in this run. Their numbers are negative: they are in no store."""

    def __init__(self, known_issuers: Callable[[str], Sequence[KnownIssuer]], max_certificate_bytes: int) -> None:
        """`known_issuers` gives the trusted CAs of a name (RFC 4514 text)."""
        self._known_issuers = known_issuers
        self._max_bytes = max_certificate_bytes
        self._by_hash: dict[tuple[str, bytes, bytes], Issuer] = {}
        self._by_name: dict[str, list[KnownIssuer]] = {}
        self._certificates: dict[int, bytes] = {}
        self.count = 0  # accepted
        self.too_large = 0  # not looked at, each time that they were offered
        self._judged: dict[bytes, Issuer | None] = {}
        self._judged_bytes = 0

    def forget_judgements(self) -> None:
        """The store has changed: what was refused may now be trusted. What was accepted stays so."""
        self._judged.clear()
        self._judged_bytes = 0

    def issuer(self, cert_id: CertId) -> Issuer | None:
        """Whom these hashes name, if a certificate seen in the traffic told."""
        return self._by_hash.get((cert_id.hash_algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash))

    def certificate(self, number: int) -> bytes | None:
        """The certificate (DER) that made the issuer with this number known."""
        return self._certificates.get(number)

    def named(self, name: str) -> Sequence[KnownIssuer]:
        """Those of this name (RFC 4514 text)."""
        return self._by_name.get(name, ())

    def offer(self, der: bytes) -> Issuer | None:
        """The issuer that this certificate makes known, or None: it is no CA's, or nobody trusted signed it.

        A PKCS#7 bundle, the other form of a caIssuers download (RFC 5280 4.2.2.1), is taken certificate by
        certificate; the first issuer it makes known is returned. The same bytes are judged once: responders send their
        delegate's certificate with every answer. May raise what `known_issuers` raises.
        """
        if len(der) > self._max_bytes:
            self.too_large += 1
            return None
        if der in self._judged:
            return self._judged[der]
        issuer = self._judge_bundle(der) if looks_like_pkcs7(der) else self._judge(der)
        self._judged_bytes += len(der)
        if self._judged_bytes > _MAX_JUDGED_BYTES:
            self.forget_judgements()
            self._judged_bytes = len(der)
        self._judged[der] = issuer
        return issuer

    def _judge_bundle(self, bundle: bytes) -> Issuer | None:
        """Twice, since the one that vouches for another may come after it."""
        ders = [item.der for item in read_blob(bundle) if isinstance(item, DerItem)][:_MAX_BUNDLED]
        issuers = [self._judge(der) for der in ders + ders]
        return next((issuer for issuer in issuers if issuer), None)

    def _judge(self, der: bytes) -> Issuer | None:
        subject = subject_of_ca(der)
        if subject is None:
            return None  # most are responders' own: spares a run that meets no others the library's import
        name = decode_name(subject)
        namesakes = self._namesakes(name)
        for namesake in namesakes:
            if namesake.certificate == der:
                return namesake.issuer
        try:
            certificate = decode_certificate(der, max_names=0)
        except CertificateError:
            return None
        facts = certificate.facts
        if not certificate.may_sign_certificates or facts.not_before > facts.not_after:
            return None
        for namesake in namesakes:
            if _same_key(namesake.certificate, certificate):
                return namesake.issuer
        if self.count >= _MAX_ISSUERS or not self._is_vouched_for(certificate):
            return None
        self.count += 1
        issuer = Issuer(-self.count, name, display_name(certificate.subject_der))
        self._by_name.setdefault(name, []).append(KnownIssuer(issuer, der))
        self._certificates[issuer.number] = der
        for hashed in issuer_hashes(certificate.subject_der, certificate.key_octets):
            self._by_hash[hashed.algorithm, hashed.name_hash, hashed.key_hash] = issuer
        return issuer

    def _is_vouched_for(self, certificate: SignedCertificate) -> bool:
        signers = self._namesakes(certificate.facts.issuer_name)[:_MAX_SIGNERS]
        return any(may_sign_authorities(signer.certificate) and _signed(certificate, signer) for signer in signers)

    def _namesakes(self, name: str) -> list[KnownIssuer]:
        return [*self._known_issuers(name), *self._by_name.get(name, ())]


def _signed(certificate: SignedCertificate, signer: KnownIssuer) -> bool:
    try:
        return is_signed_by(certificate.der, signer.certificate)
    except UnsupportedSignatureError:
        return False


def _same_key(der: bytes, certificate: SignedCertificate) -> bool:
    try:
        return decode_certificate(der, max_names=0).key_octets == certificate.key_octets
    except CertificateError:
        return False
