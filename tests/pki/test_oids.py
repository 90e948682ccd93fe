"""sensor.pki.oids: the names are OpenSSL's and RFC 4514's."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID, OCSPExtensionOID

from sensor.pki import oids
from sensor.pki.der import decode_oid
from sensor.pki.oids import ATTRIBUTE_NAMES, HASH_NAMES, SIGNATURE_NAMES, encode_oid


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
@pytest.mark.parametrize("content", [*HASH_NAMES, *SIGNATURE_NAMES], ids=decode_oid)
def test_the_names_openssl_prints(content: bytes) -> None:
    printed = subprocess.run(
        ["openssl", "asn1parse", "-genstr", f"OID:{decode_oid(content)}"], capture_output=True, text=True, check=True
    ).stdout
    assert (HASH_NAMES | SIGNATURE_NAMES)[content] == printed.strip().rpartition(":")[2]


def test_the_short_names_of_rfc_4514() -> None:
    kinds = {
        "CN": NameOID.COMMON_NAME,
        "L": NameOID.LOCALITY_NAME,
        "ST": NameOID.STATE_OR_PROVINCE_NAME,
        "O": NameOID.ORGANIZATION_NAME,
        "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
        "C": NameOID.COUNTRY_NAME,
        "STREET": NameOID.STREET_ADDRESS,
        "DC": NameOID.DOMAIN_COMPONENT,
        "UID": NameOID.USER_ID,
    }
    assert {encode_oid(kind.dotted_string): name for name, kind in kinds.items()} == ATTRIBUTE_NAMES


def test_the_extensions_pyca_knows_too() -> None:
    def dotted(kind: x509.ObjectIdentifier) -> bytes:
        return encode_oid(kind.dotted_string)

    assert dotted(OCSPExtensionOID.NONCE) == oids.OCSP_NONCE
    assert dotted(x509.ExtensionOID.SIGNED_CERTIFICATE_TIMESTAMPS) == oids.OCSP_SCT_LIST


@pytest.mark.parametrize(
    ("dotted", "content"),
    [("2.5.4.3", b"\x55\x04\x03"), ("1.2.840.113549", b"\x2a\x86\x48\x86\xf7\x0d"), ("2.999", b"\x88\x37")],
)
def test_encoding(dotted: str, content: bytes) -> None:
    assert encode_oid(dotted) == content
