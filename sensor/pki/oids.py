"""Names of the object identifiers that OCSP, certificates and CRLs use, by their content octets."""

from __future__ import annotations

from typing import Final


def encode_oid(dotted: str) -> bytes:
    """Content octets of an OBJECT IDENTIFIER from its dotted text, which is ours and valid (X.690 8.19)."""
    arcs = [int(arc) for arc in dotted.split(".")]
    octets = bytearray()
    for arc in (arcs[0] * 40 + arcs[1], *arcs[2:]):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        octets += bytes(reversed(groups))
    return bytes(octets)


def _by_octets(names: dict[str, str]) -> dict[bytes, str]:
    return {encode_oid(dotted): name for dotted, name in names.items()}


HASH_NAMES: Final = _by_octets(
    {
        "1.3.14.3.2.26": "sha1",
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
        "2.16.840.1.101.3.4.2.4": "sha224",
        "2.16.840.1.101.3.4.2.5": "sha512-224",
        "2.16.840.1.101.3.4.2.6": "sha512-256",
        "2.16.840.1.101.3.4.2.7": "sha3-224",
        "2.16.840.1.101.3.4.2.8": "sha3-256",
        "2.16.840.1.101.3.4.2.9": "sha3-384",
        "2.16.840.1.101.3.4.2.10": "sha3-512",
        "1.2.840.113549.2.2": "md2",
        "1.2.840.113549.2.4": "md4",
        "1.2.840.113549.2.5": "md5",
        "1.3.36.3.2.1": "ripemd160",
        "1.2.156.10197.1.401": "sm3",
        "1.2.643.2.2.9": "GOST R 34.11-94",
        "1.2.643.7.1.1.2.2": "GOST R 34.11-2012 with 256 bit hash",
        "1.2.643.7.1.1.2.3": "GOST R 34.11-2012 with 512 bit hash",
    }
)
"""Digest algorithms under OpenSSL's long names, which is what Zeek logs (`hashAlgorithm`)."""

SIGNATURE_NAMES: Final = _by_octets(
    {
        "1.2.840.113549.1.1.2": "md2WithRSAEncryption",
        "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10": "rsassaPss",
        "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
        "1.2.840.113549.1.1.14": "sha224WithRSAEncryption",
        "1.3.14.3.2.29": "sha1WithRSA",
        "1.2.840.10040.4.3": "dsaWithSHA1",
        "2.16.840.1.101.3.4.3.1": "dsa_with_SHA224",
        "2.16.840.1.101.3.4.3.2": "dsa_with_SHA256",
        "1.2.840.10045.4.1": "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
        "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
        "1.3.101.112": "ED25519",
        "1.3.101.113": "ED448",
        "1.2.156.10197.1.501": "SM2-with-SM3",
    }
)
"""Signature algorithms under OpenSSL's long names."""

ATTRIBUTE_NAMES: Final = _by_octets(
    {
        "2.5.4.3": "CN",
        "2.5.4.7": "L",
        "2.5.4.8": "ST",
        "2.5.4.10": "O",
        "2.5.4.11": "OU",
        "2.5.4.6": "C",
        "2.5.4.9": "STREET",
        "0.9.2342.19200300.100.1.25": "DC",
        "0.9.2342.19200300.100.1.1": "UID",
    }
)
"""The attribute types that have a short name in RFC 4514 section 3; all others are written as dotted numbers."""

# RFC 6960 appendix B.1 and section 4.4; RFC 6962 section 3.3 for the SCT list.
OCSP_BASIC: Final = encode_oid("1.3.6.1.5.5.7.48.1.1")
OCSP_NONCE: Final = encode_oid("1.3.6.1.5.5.7.48.1.2")
OCSP_CRL_REFERENCE: Final = encode_oid("1.3.6.1.5.5.7.48.1.3")
OCSP_ARCHIVE_CUTOFF: Final = encode_oid("1.3.6.1.5.5.7.48.1.6")
OCSP_EXTENDED_REVOKE: Final = encode_oid("1.3.6.1.5.5.7.48.1.9")
OCSP_SCT_LIST: Final = encode_oid("1.3.6.1.4.1.11129.2.4.5")
