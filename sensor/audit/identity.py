"""One CertID for a certificate, under whatever hash it was asked about and answered for."""

from __future__ import annotations

import hashlib

from sensor.audit.signer import decode_signer
from sensor.ct.lookup import CtLookup
from sensor.ocsp.model import CertId

_SHA1 = "sha1"
_MAX_KNOWN = 4096


class Identity:
    """Some clients ask by SHA-1, others by SHA-256 (RFC 9919 3.2.1): what is said of the one holds for the other."""

    def __init__(self, lookup: CtLookup) -> None:
        self._lookup = lookup
        self._known: dict[tuple[str, bytes, bytes], tuple[bytes, bytes]] = {}

    def of(self, cert_id: CertId) -> CertId:
        """The one by SHA-1, if the CA's certificate is known; else `cert_id` itself. What is by SHA-1 costs nothing."""
        if cert_id.hash_algorithm == _SHA1:
            return cert_id
        key = (cert_id.hash_algorithm, cert_id.issuer_name_hash, cert_id.issuer_key_hash)
        hashes = self._known.get(key)
        if hashes is None:
            hashes = self._by_sha1(cert_id)
            if hashes is None:  # it may be known later
                return cert_id
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[key] = hashes
        return CertId(_SHA1, hashes[0], hashes[1], cert_id.serial_number)

    def _by_sha1(self, cert_id: CertId) -> tuple[bytes, bytes] | None:
        issuer = self._lookup.lookup([cert_id])[0].issuer
        der = None if issuer is None else self._lookup.issuer_certificate(issuer)
        ca = None if der is None else decode_signer(der)
        if ca is None:
            return None
        return hashlib.sha1(ca.subject_der, usedforsecurity=False).digest(), ca.key_sha1
