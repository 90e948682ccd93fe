"""Whether a CRL carries its issuer's signature, from the digest that was taken while it went by."""

from __future__ import annotations

from sensor.pki.crl import Crl
from sensor.pki.signatures import SignatureCheck, check_signature, signs_whole


def check_crl_signature(crl: Crl, key_info: bytes) -> SignatureCheck:
    """Whether the key (the DER of a SubjectPublicKeyInfo) made the signature of a CRL that is whole.

    `algorithm`, too, for Ed25519 and Ed448 over a CRL that was too large to be kept. Never raises.
    """
    if signs_whole(crl.algorithm_der):
        if crl.tbs is None:
            return SignatureCheck.algorithm
        return check_signature(key_info, crl.algorithm_der, crl.signature, crl.tbs)
    if crl.tbs_digest is None:
        return SignatureCheck.algorithm
    return check_signature(key_info, crl.algorithm_der, crl.signature, crl.tbs_digest, hashed=True)
