"""A CtLookup without a file: what it knows is what it was told. For tests, and for callers that have no store."""

from __future__ import annotations

from collections.abc import Sequence

from sensor.ct.lookup import MAX_CRL_USE, Answer, CrlUse, Found, Issuer, KnownIssuer, NotFound, Unavailable
from sensor.ct.traffic import TrafficIssuers
from sensor.ocsp.model import CertId
from sensor.pki.certificates import Certificate
from sensor.pki.issuers import issuer_hashes
from sensor.pki.names import url_key


class MemoryLookup:
    """Obeys the same contract as StoreLookup (tests/contract/test_ct_lookup.py).

    `trouble` is a switch for tests: while it is set, every answer is Unavailable with this reason.
    """

    def __init__(self, max_certificate_bytes: int = 1 << 20) -> None:
        self.trouble: str | None = None
        self._issuers: dict[tuple[str, bytes, bytes], Issuer] = {}
        self._found: dict[tuple[int, str], Found] = {}
        self._cas: dict[str, list[KnownIssuer]] = {}
        self._traffic = TrafficIssuers(lambda name: self._cas.get(name, ()), max_certificate_bytes)

    def add_issuer(self, issuer: Issuer, name_der: bytes, key_octets: bytes, certificate: bytes | None = None) -> None:
        """A CA by its Name's DER and its key's octets (`pki.issuers.issuer_hashes`); with its certificate it also
        vouches for CAs seen in traffic."""
        for hashed in issuer_hashes(name_der, key_octets):
            self._issuers[hashed.algorithm, hashed.name_hash, hashed.key_hash] = issuer
        if certificate is not None:
            self._cas.setdefault(issuer.name, []).append(KnownIssuer(issuer, certificate))
            self._traffic.forget_judgements()

    def add(self, issuer: Issuer, certificate: Certificate, source: str = "memory", learned_at: int = 0) -> None:
        """A certificate of an issuer that was added."""
        self._found[issuer.number, certificate.serial_number] = Found(certificate, issuer, source, learned_at)

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]:
        return [self._answer(cert_id) for cert_id in ids]

    def issuer_from_traffic(self, der: bytes) -> Issuer | None:
        return self._traffic.offer(der)

    def issuer_certificate(self, issuer: Issuer) -> bytes | None:
        if self.trouble is not None:
            return None
        known = self._cas.get(issuer.name, ())
        stored = next((ca.certificate for ca in known if ca.issuer.number == issuer.number), None)
        return stored or self._traffic.certificate(issuer.number)

    def with_crl(self, url: str) -> CrlUse | Unavailable:
        if self.trouble is not None:
            return Unavailable(self.trouble)
        found = [each for each in self._found.values() if url in map(url_key, each.certificate.crl_urls)]
        return CrlUse(tuple(found[:MAX_CRL_USE]), len(found) > MAX_CRL_USE)

    def issuers_named(self, name: str) -> Sequence[KnownIssuer] | Unavailable:
        if self.trouble is not None:
            return Unavailable(self.trouble)
        return [*self._cas.get(name, ()), *self._traffic.named(name)]

    def limits(self) -> dict[str, int]:
        return {"ct.max_certificate_bytes": self._traffic.too_large}

    def close(self) -> None:
        """Nothing to close."""

    def _answer(self, cert_id: CertId) -> Answer:
        if self.trouble is not None:
            return Unavailable(self.trouble)
        issuer = self._issuers.get((cert_id.hash_algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash))
        if issuer is None:
            return NotFound(self._traffic.issuer(cert_id))
        return self._found.get((issuer.number, cert_id.serial_number)) or NotFound(issuer)
