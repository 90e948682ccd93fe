"""A public-key infrastructure for tests: CAs and what they sign, made on the spot."""

from __future__ import annotations

import datetime
import hashlib
import warnings
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from sensor.ocsp.model import CertId
from sensor.pki.certificates import SignedCertificate, decode_certificate
from sensor.pki.serial import render_serial

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def name(common_name: str, organization: str = "Example, Inc.") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def new_key(kind: str = "ec") -> Any:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


LEAF_KEY = new_key()


@dataclass
class Ca:
    """A CA with its certificate; roots sign themselves. `aki`: whether what it signs says by which key."""

    subject: x509.Name
    key: Any
    certificate: x509.Certificate
    aki: bool = True
    counter: int = field(default=0x1000)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def ski(self) -> x509.SubjectKeyIdentifier:
        return self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value

    def digest(self) -> Any:
        return None if isinstance(self.key, ed25519.Ed25519PrivateKey) else hashes.SHA256()

    def issue(
        self,
        *dns: str,
        serial: int | None = None,
        extra: tuple[tuple[x509.ExtensionType, bool], ...] = (),
        common_name: str | None = None,
        general_names: tuple[x509.GeneralName, ...] = (),
        issuer: x509.Name | None = None,
        aki: bool | None = None,
        ca: bool = False,
    ) -> bytes:
        """DER of an end entity's certificate for these host names."""
        self.counter += 1
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name or (dns[0] if dns else "someone"))])
        builder = _builder(subject, issuer or self.subject, LEAF_KEY.public_key(), serial or self.counter)
        sans = [*map(x509.DNSName, dns), *general_names]
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(sans), False)
        builder = builder.add_extension(x509.BasicConstraints(ca, None), True)
        if self.aki if aki is None else aki:
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self.ski()), False
            )
        for extension, critical in extra:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, self.digest()).public_bytes(Encoding.DER)

    def intermediate(
        self, common_name: str, key: Any = None, path_length: int | None = 0, ski: bytes | None = None, aki: bool = True
    ) -> Ca:
        key = key or new_key()
        self.counter += 1
        return make_ca(name(common_name), key, self.subject, self, self.counter, path_length, ski, aki)

    def cert_id(self, serial: int | str, algorithm: str = "sha1", name_der: bytes | None = None) -> CertId:
        decoded = decode_certificate(self.der, 10)
        text = serial if isinstance(serial, str) else render_serial(b"\0" + serial.to_bytes(20, "big"))
        return CertId(
            algorithm,
            hashlib.new(algorithm, name_der or decoded.subject_der).digest(),
            hashlib.new(algorithm, decoded.key_octets).digest(),
            text,
        )


def _builder(subject: x509.Name, issuer: x509.Name, public_key: Any, serial: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(START)
        .not_valid_after(START + datetime.timedelta(days=90))
    )


def make_ca(
    subject: x509.Name,
    key: Any,
    issuer: x509.Name,
    signer: Ca | None,
    serial: int,
    path_length: int | None,
    ski: bytes | None,
    aki: bool,
) -> Ca:
    """A CA with this key; `signer` None: it signs itself."""
    own_key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _builder(subject, issuer, key.public_key(), serial)
        .add_extension(x509.BasicConstraints(True, path_length), True)
        .add_extension(x509.SubjectKeyIdentifier(ski) if ski else own_key_id, False)
    )
    if signer and signer.aki:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer.ski()), False
        )
    draft = Ca(subject, key, None, aki)  # type: ignore[arg-type]  # its own certificate comes next
    signing = signer or draft
    draft.certificate = builder.sign(signing.key, signing.digest())
    return draft


def make_root(common_name: str, kind: str = "ec", aki: bool = True, ski: bytes | None = None) -> Ca:
    subject = name(common_name)
    return make_ca(subject, new_key(kind), subject, None, 1, None, ski, aki)


def staple_and_urls() -> tuple[tuple[x509.ExtensionType, bool], ...]:
    return (
        (x509.TLSFeature([x509.TLSFeatureType.status_request]), False),
        (
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(
                        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example/")
                    ),
                    x509.AccessDescription(
                        AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.example/i")
                    ),
                ]
            ),
            False,
        ),
        (
            x509.CRLDistributionPoints(
                [x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.example/1.crl")], None, None, None)]
            ),
            False,
        ),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
    )


def pem(der: bytes) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def decoded(der: bytes, max_names: int = 250) -> SignedCertificate:
    return decode_certificate(der, max_names)
