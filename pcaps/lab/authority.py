"""The certification authorities of the captures: invented names under .example, keys that live as long as a recording.

`Authority` signs with pyca/cryptography; nothing of the sensor is used. Recorded captures get fresh keys. Crafted ones
get keys derived from a label, so that their scripts make the same bytes each time; such a key protects nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # SEC 2 section 2.4.2


def label_key(label: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that anyone can make from the label: for crafted captures only."""
    scalar = int.from_bytes(hashlib.sha512(label.encode()).digest(), "big") % (P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def label_serial(label: str, octets: int = 16) -> int:
    """A serial number that looks random, first bit clear, made from the label."""
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:octets], "big") & ~(1 << (8 * octets - 1)) | (
        1 << (8 * octets - 6)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    cert: x509.Certificate
    key: Key

    @property
    def serial(self) -> str:
        """In the sensor's spelling: upper-case hex, two digits a byte, no sign byte."""
        number = self.cert.serial_number
        return number.to_bytes((number.bit_length() + 7) // 8 or 1, "big").hex().upper()

    @property
    def pem(self) -> bytes:
        return self.cert.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.cert.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        kind = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())


@dataclass
class Authority:
    """A CA that issues; `made` keeps what it issued, by serial number, for the responder's index."""

    common_name: str
    organization: str
    now: dt.datetime
    parent: Authority | None = None
    rsa_bits: int = 0  # 0: P-256
    serial_number: int | None = None
    ocsp_urls: Sequence[str] = ()  # in this CA's own certificate
    deterministic: bool = False
    issued: Issued = field(init=False)
    made: dict[str, Issued] = field(default_factory=dict)

    def __post_init__(self) -> None:
        key = self._new_key(self.common_name)
        name = self._name(self.common_name)
        signer = self.parent or self
        builder = self._builder(name, signer._name(signer.common_name), key, self.serial_number, (-700, 3000))
        builder = builder.add_extension(x509.BasicConstraints(True, None if self.parent is None else 0), critical=True)
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(usage, critical=True)
        if self.ocsp_urls:
            builder = builder.add_extension(_aia(self.ocsp_urls, ()), critical=False)
        signing_key = key if self.parent is None else self.parent.issued.key
        self.issued = Issued(self._sign(builder, signing_key), key)
        if self.parent is not None:
            self.parent.made[self.issued.serial] = self.issued

    def _new_key(self, label: str) -> Key:
        if self.deterministic:
            return label_key(label)
        if self.rsa_bits:
            return rsa.generate_private_key(65537, self.rsa_bits)
        return ec.generate_private_key(ec.SECP256R1())

    def _name(self, common_name: str) -> x509.Name:
        attributes = [(NameOID.COUNTRY_NAME, "XX"), (NameOID.ORGANIZATION_NAME, self.organization)]
        return x509.Name(
            [x509.NameAttribute(oid, text) for oid, text in [*attributes, (NameOID.COMMON_NAME, common_name)]]
        )

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: Key, serial: int | None, days: tuple[int, int],
        label: str = "",
    ) -> x509.CertificateBuilder:  # fmt: skip
        if serial is None:
            text = label or self.common_name
            serial = label_serial(text) if self.deterministic else x509.random_serial_number()
        builder = x509.CertificateBuilder(issuer, subject, key.public_key(), serial)
        start, end = (self.now + dt.timedelta(days=count) for count in days)
        builder = builder.not_valid_before(start).not_valid_after(end)
        return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)

    def _sign(self, builder: x509.CertificateBuilder, key: Key) -> x509.Certificate:
        if self.deterministic and isinstance(key, ec.EllipticCurvePrivateKey):
            return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
        return builder.sign(key, hashes.SHA256())

    def issue(
        self, names: Sequence[str], *, ocsp: Sequence[str] = (), ca_issuers: Sequence[str] = (),
        crls: Sequence[str] = (), serial: int | None = None, days: tuple[int, int] = (-20, 70),
        must_staple: bool = False,
    ) -> Issued:  # fmt: skip
        """A server certificate for DNS names and IP addresses; the first one is also the common name."""
        key = (
            label_key(f"{self.common_name} {names[0]}")
            if self.deterministic
            else ec.generate_private_key(ec.SECP256R1())
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        builder = self._builder(subject, self.issued.cert.subject, key, serial, days, f"{self.common_name} {names[0]}")
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        key_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issued.key.public_key())
        builder = builder.add_extension(key_id, critical=False)
        if ocsp or ca_issuers:
            builder = builder.add_extension(_aia(ocsp, ca_issuers), critical=False)
        if crls:
            points = [x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None) for url in crls]
            builder = builder.add_extension(x509.CRLDistributionPoints(points), critical=False)
        if must_staple:
            feature = x509.TLSFeature([x509.TLSFeatureType.status_request])
            builder = builder.add_extension(feature, critical=False)
        issued = Issued(self._sign(builder, self.issued.key), key)
        self.made[issued.serial] = issued
        return issued

    def delegate(
        self, common_name: str, *, eku: bool = True, nocheck: bool = True, days: tuple[int, int] = (-20, 70)
    ) -> Issued:  # fmt: skip
        """A delegated OCSP signer (RFC 6960 section 4.2.2.2) with id-pkix-ocsp-nocheck, or one that lacks something."""
        key = self._new_key(common_name)
        builder = self._builder(self._name(common_name), self.issued.cert.subject, key, None, days, common_name)
        builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        if eku:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), critical=False)
        if nocheck:
            builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
        return Issued(self._sign(builder, self.issued.key), key)

    def person(self, common_name: str, email: str) -> Issued:
        """A client certificate: what signs an OCSP request (RFC 6960 section 4.1.2) or a message."""
        key = self._new_key(common_name)
        builder = self._builder(self._name(common_name), self.issued.cert.subject, key, None, (-20, 70), common_name)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), critical=False)
        issued = Issued(self._sign(builder, self.issued.key), key)
        self.made[issued.serial] = issued
        return issued

    def index(self, revoked: dict[str, str], absent: Sequence[str] = ()) -> str:
        """OpenSSL's index.txt: `revoked` is serial to reason, `absent` serials are left out (status unknown)."""
        lines = []
        when = (self.now - dt.timedelta(days=3)).strftime("%y%m%d%H%M%SZ")
        for serial, issued in self.made.items():
            if serial in absent:
                continue
            expires = issued.cert.not_valid_after_utc.strftime("%y%m%d%H%M%SZ")
            state = f"R\t{expires}\t{when},{revoked[serial]}" if serial in revoked else f"V\t{expires}\t"
            lines.append(f"{state}\t{serial}\tunknown\t/CN={serial}\n")
        return "".join(lines)


def _aia(ocsp: Sequence[str], ca_issuers: Sequence[str]) -> x509.AuthorityInformationAccess:
    methods = [(AuthorityInformationAccessOID.OCSP, url) for url in ocsp]
    methods += [(AuthorityInformationAccessOID.CA_ISSUERS, url) for url in ca_issuers]
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(oid, x509.UniformResourceIdentifier(url)) for oid, url in methods]
    )


def write(folder: Path, name: str, issued: Issued, *chain: Issued) -> Path:
    """`name.pem` (with its chain) and `name.key` into the recording's temporary folder; the path without suffix."""
    (folder / f"{name}.pem").write_bytes(b"".join(part.pem for part in (issued, *chain)))
    (folder / f"{name}.key").write_bytes(issued.key_pem)
    return folder / name
