"""Entries as a CT log gives them, made from our own CA's certificates by the library: an oracle for our decoder."""

from __future__ import annotations

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sensor.ct.logged import LoggedCertificate, LoggedIssuer
from sensor.pki.certificates import decode_certificate
from tests.ct.pki import Ca

_CA_ISSUERS = x509.AuthorityInformationAccessOID.CA_ISSUERS


def key_info(ca: Ca) -> bytes:
    return ca.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def logged_issuer(ca: Ca) -> LoggedIssuer:
    decoded = decode_certificate(ca.der, 0)
    return LoggedIssuer(hashlib.sha256(key_info(ca)).digest(), decoded.subject_der, decoded.key_octets, ca.der)


def logged(ca: Ca, der: bytes, precertificate: bool = True) -> LoggedCertificate:
    """What a log's entry of this certificate comes to."""
    decoded = decode_certificate(der, 250)
    facts = decoded.facts
    return LoggedCertificate(
        issuer_key_sha256=hashlib.sha256(key_info(ca)).digest(),
        issuer_name=decoded.issuer_der,
        serial=decoded.serial,
        not_before=facts.not_before,
        not_after=facts.not_after,
        subject=decoded.subject_der,
        dns_names=facts.dns_names,
        ip_addresses=facts.ip_addresses,
        email_addresses=facts.email_addresses,
        ocsp_urls=facts.ocsp_urls,
        crl_urls=facts.crl_urls,
        ca_issuer_urls=_ca_issuers(der),
        is_ca=facts.is_ca,
        must_staple=facts.must_staple,
        is_precertificate=precertificate,
        names_left_out=facts.names_left_out,
    )


def _ca_issuers(der: bytes) -> tuple[str, ...]:
    try:
        access = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return ()
    return tuple(each.access_location.value for each in access.value if each.access_method == _CA_ISSUERS)
