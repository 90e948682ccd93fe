"""What an audit of a CRL can find: a closed set, whose names are what crl.log and rules say.

A name, once released, keeps its meaning. docs/crl-audit.md is made from here (`python -m sensor.fetch.reference`).
"""

from __future__ import annotations

import enum
from typing import Final


class CrlFinding(enum.Enum):
    """The string under each member is its meaning and where that is laid down; BR: the CA/Browser Forum's Baseline
    Requirements for TLS certificates. "Long ago" and "ahead" are in packet time, beyond `audit.skew_s`."""

    signature_invalid = "signature_invalid"
    """The signature is not one by any key of the CA that the CRL names. RFC 5280 6.3.3 (g)"""
    signature_not_checked_off = "signature_not_checked:off"
    """Not checked, because `audit.signatures_per_s` is 0."""
    signature_not_checked_budget = "signature_not_checked:budget"
    """Not checked, because `audit.signatures_per_s` was used up."""
    signature_not_checked_incomplete = "signature_not_checked:incomplete"
    """Not checked, because not all of the CRL was seen or read."""
    signature_not_checked_issuer_unknown = "signature_not_checked:issuer_unknown"
    """Not checked, because no certificate of the CA is in the look-up cache, or vouched for by one that is."""
    signature_not_checked_lookup_failed = "signature_not_checked:lookup_failed"
    """Not checked, because the look-up cache could not be asked."""
    signature_not_checked_algorithm = "signature_not_checked:algorithm"
    """Not checked, because the algorithm is not one of RSA, ECDSA, Ed25519, Ed448, with SHA-1 or SHA-2; or because
    Ed25519 and Ed448 need the CRL itself, and it is larger than `crl.max_part_bytes`."""
    signature_not_checked_key = "signature_not_checked:key"
    """Not checked, because the CA's key cannot be used: damaged, of an unknown kind or curve, or too large."""
    signature_sha1 = "signature_sha1"
    """Signed over SHA-1. BR 7.1.3.2.1"""
    signature_md5 = "signature_md5"
    """Signed over MD5, or its forerunner MD2. RFC 6151"""
    signature_algorithm_mismatch = "signature_algorithm_mismatch"
    """The algorithm inside what is signed is not the one outside. RFC 5280 5.1.1.2 (must)"""
    issuer_may_not_sign = "issuer_may_not_sign"
    """The CA's certificate has a key usage without cRLSign. RFC 5280 4.2.1.3, 6.3.3 (f)"""

    this_update_future = "this_update_future"
    """thisUpdate is ahead."""
    next_update_past = "next_update_past"
    """nextUpdate was long ago: expired information. RFC 5280 6.3.3 (a)"""
    next_update_missing = "next_update_missing"
    """No nextUpdate. RFC 5280 5.1.2.5 (must)"""
    next_update_before_this_update = "next_update_before_this_update"
    """nextUpdate is before thisUpdate."""
    validity_long = "validity_long"
    """Valid for more than a year; a CRL of users' certificates only, for more than `audit.max_validity_s`. BR 4.9.7"""
    validity_long_unless_ca = "validity_long_unless_ca"
    """Valid for more than `audit.max_validity_s` and at most a year, and it does not say of which kind of certificates
    it is: too long unless of CAs'. BR 4.9.7"""
    times_not_checked_unreadable = "times_not_checked:unreadable"
    """thisUpdate or nextUpdate cannot be read."""

    number_missing = "number_missing"
    """No CRL number. RFC 5280 5.2.3 (must)"""
    number_backwards = "number_backwards"
    """A lower number, and no older thisUpdate, than an earlier CRL of the same issuer and scope had. RFC 5280 5.2.3"""
    number_reused = "number_reused"
    """The number of an earlier CRL of the same issuer and scope, which was another one. RFC 5280 5.2.3"""
    outdated = "outdated"
    """An older thisUpdate than an earlier CRL of the same issuer and scope had: a stale cache, or a replay."""

    version_1 = "version_1"
    """Version 1, which has no extensions. RFC 5280 5.1.2.1 (must)"""
    extension_unknown_critical = "extension_unknown_critical"
    """A critical extension that is not known here: a client must not take serials that are not listed for good.
    RFC 5280 5.2"""
    extension_broken = "extension_broken"
    """An extension that matters cannot be read, or is there twice."""
    authority_key_id_missing = "authority_key_id_missing"
    """No authority key identifier. RFC 5280 5.2.1 (must)"""
    authority_key_id_mismatch = "authority_key_id_mismatch"
    """The authority key identifier is not that of the CA's certificate whose key signed it."""
    distribution_point_mismatch = "distribution_point_mismatch"
    """Its IssuingDistributionPoint has URLs, and none is the one it was fetched from: another shard than was asked for.
    RFC 5280 6.3.3 (b) (2) (i)"""
    scope_contradictory = "scope_contradictory"
    """The IssuingDistributionPoint limits the CRL to two kinds of certificates at once. RFC 5280 5.2.5 (must not)"""
    delta_base_not_below = "delta_base_not_below"
    """A delta CRL whose base is not below its own number. RFC 5280 5.2.4"""
    ocsp_good = "ocsp_good"
    """A certificate on it was good by OCSP, by a reply whose signature was verified, at a time after its revocation
    date."""


CrlAudit = tuple[CrlFinding, ...]
"""The findings about one CRL, in the order of the enumeration."""

CRL_FINDINGS: Final = tuple(CrlFinding)

REFUSED: Final = frozenset(
    {
        CrlFinding.signature_invalid,
        CrlFinding.signature_not_checked_incomplete,
        CrlFinding.signature_algorithm_mismatch,
        CrlFinding.issuer_may_not_sign,
        CrlFinding.this_update_future,
        CrlFinding.extension_broken,
    }
)
"""With one of these a CRL is evidence of nothing."""

UNVERIFIED: Final = frozenset(
    {
        *(finding for finding in CRL_FINDINGS if finding.name.startswith("signature_not_checked_")),
        CrlFinding.signature_md5,
    }
)
"""With one of these anybody on the path may have made it."""


class Weight(enum.Enum):
    """What a CRL is worth as evidence that certificates on it are revoked, and others of its scope are not."""

    none = "none"  # not complete, forged, or from the future
    unverified = "unverified"  # nobody could check its signature
    verified = "verified"  # a CA that is known signed it


def in_order(found: set[CrlFinding]) -> CrlAudit:
    return tuple(finding for finding in CRL_FINDINGS if finding in found)
