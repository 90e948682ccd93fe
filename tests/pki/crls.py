"""CRLs to read: those of the PyPI package cryptography_vectors (NIST's PKITS among them), and some made on the spot."""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import cryptography_vectors
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sensor.pki.crl import Crl, CrlEntry
from sensor.pki.crl_reader import CrlReader, Watch
from sensor.pki.serial_index import SerialIndex
from sensor.settings import CrlSettings

FOLDER = Path(cryptography_vectors.__file__).parent / "x509"
START = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)


def vector(path: Path) -> bytes | None:
    """The DER in a file; None if it holds something else than a CRL."""
    data = path.read_bytes()
    if path.suffix != ".pem":
        return data
    found = re.search(rb"-----BEGIN X509 CRL-----(.*?)-----END", data, re.DOTALL)
    return base64.b64decode(found[1]) if found else None


VECTORS = [
    path
    for pattern in ("PKITS_data/crls/*.crl", "custom/*crl*.pem", "custom/*crl*.der")
    for path in sorted(FOLDER.glob(pattern))
    if vector(path) is not None
]


def read(
    der: bytes,
    sizes: Sequence[int] = (),
    settings: CrlSettings = CrlSettings(),  # noqa: B008  (frozen)
    index: SerialIndex | None = None,
    watch: Watch | None = None,
    lost: bool = False,
) -> tuple[Crl, list[CrlEntry]]:
    """`der` in pieces of `sizes`, the rest at once; the CRL and all of its entries."""
    entries: list[CrlEntry] = []
    reader = CrlReader(settings, index, watch, entries.append)
    pos = 0
    for size in [*sizes, len(der)]:
        if pos < len(der) and not reader.feed(der[pos : pos + size]):
            break
        pos += size
    return reader.finish(lost), entries


def tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


@lru_cache
def key(kind: str) -> Any:
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, 2048)
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    return ec.generate_private_key(ec.SECP384R1())


NAME = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "US"), x509.NameAttribute(NameOID.COMMON_NAME, "Shard CA")])
OTHER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Another CA")])


def certificate(kind: str = "ec", name: x509.Name = NAME, crl_sign: bool | None = None, ski: bool = False) -> bytes:
    """A CA's own certificate for the key of this kind."""
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key(kind).public_key())
    builder = builder.serial_number(7).not_valid_before(START).not_valid_after(START + datetime.timedelta(3650))
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    if ski:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(key(kind).public_key()), critical=False
        )
    if crl_sign is not None:
        usage = x509.KeyUsage(False, False, False, False, False, True, crl_sign, False, False)
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(key(kind), _hash(kind)).public_bytes(Encoding.DER)


def make(
    serials: Sequence[int] = (),
    *extensions: tuple[x509.ExtensionType, bool],
    kind: str = "ec",
    name: x509.Name = NAME,
    issuers: dict[int, x509.Name] | None = None,
    update: datetime.datetime = START,
    days: float = 7,
    pss: bool = False,
    digest: hashes.HashAlgorithm | None = None,
) -> bytes:
    """A signed CRL in DER. `issuers`: certificateIssuer by serial, of an indirect one."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(name)
    builder = builder.last_update(update).next_update(update + datetime.timedelta(days))
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    reasons = [x509.ReasonFlags.key_compromise, x509.ReasonFlags.superseded, None]
    for i, serial in enumerate(serials):
        entry = x509.RevokedCertificateBuilder(serial, update - datetime.timedelta(days=i + 1))
        reason = reasons[i % 3]
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        if i % 5 == 4:
            entry = entry.add_extension(x509.InvalidityDate(update - datetime.timedelta(days=99)), critical=False)
        if issuers and serial in issuers:
            names = x509.CertificateIssuer([x509.DirectoryName(issuers[serial])])
            entry = entry.add_extension(names, critical=True)
        builder = builder.add_revoked_certificate(entry.build())
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else None
    return builder.sign(key(kind), digest or _hash(kind), rsa_padding=scheme).public_bytes(Encoding.DER)


def _hash(kind: str) -> hashes.HashAlgorithm | None:
    return None if kind.startswith("ed") else hashes.SHA256()


def url_point(*urls: str) -> list[x509.GeneralName]:
    return [x509.UniformResourceIdentifier(url) for url in urls]


def scope(
    *urls: str, user: bool = False, ca: bool = False, indirect: bool = False
) -> tuple[x509.IssuingDistributionPoint, bool]:
    return x509.IssuingDistributionPoint(url_point(*urls) or None, None, user, ca, None, indirect, False), True
