"""What a certificate says that a sensor needs: who issued it, whom it names, how long it holds.

`decode_certificate` turns DER into our own record at once; nothing of the library's objects is kept, since they may
raise when an attribute is first touched.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import msgspec

from sensor.pki import names
from sensor.pki.der import BIT_STRING, SEQUENCE, DerError, DerReader
from sensor.pki.name_text import decode_name
from sensor.pki.serial import render_serial

if TYPE_CHECKING:  # the library costs 50 ms to import, and most runs decode no certificate
    from cryptography import x509

_MAX_URLS = 8
_MAX_SUBJECT_CHARS = 1024
_MAX_ISSUER_BYTES = 8192
_MAX_HEADERS = 16  # element headers before the subject's public key
_MUST_STAPLE = 5  # status_request (RFC 7633 4.2.3.1)


class Certificate(msgspec.Struct, frozen=True, gc=False):
    """Names as written in the certificate, in order, without repeats; times are integer seconds since 1970."""

    serial_number: str  # pki.serial.render_serial text
    issuer_name: str  # RFC 4514 text
    subject_name: str
    common_name: str | None
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    email_addresses: tuple[str, ...]
    not_before: int
    not_after: int
    is_ca: bool
    must_staple: bool
    ocsp_urls: tuple[str, ...]
    crl_urls: tuple[str, ...]
    names_left_out: int = 0  # counted, not kept: beyond the limit, or not possible as a name


class CertificateError(Exception):
    """These bytes are no certificate that can be read; the text says why, without quoting them."""


class SignedCertificate(msgspec.Struct, frozen=True):
    """A decoded certificate and what binds it to its issuer. Octets are as they lie in the DER, not encoded again."""

    der: bytes
    facts: Certificate
    serial: bytes  # magnitude, without leading zeros; b"\\0" for zero
    issuer_der: bytes  # the Name's DER: what CertID.issuerNameHash hashes
    subject_der: bytes
    key_octets: bytes  # of subjectPublicKey without the unused-bits octet: what issuerKeyHash hashes (RFC 6960 4.1.1)
    authority_key_id: bytes | None
    subject_key_id: bytes | None
    path_length: int | None  # pathLenConstraint; None: no limit
    may_sign_certificates: bool  # a CA whose key usage, if it says anything, allows keyCertSign
    has_extensions: bool


def decode_certificate(der: bytes, max_names: int) -> SignedCertificate:
    """One DER certificate, nothing after it; at most `max_names` names are kept. Raises CertificateError."""
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns of what it will refuse one day
            return _decoded(der, x509.load_der_x509_certificate(der), max_names)
    except DerError as error:
        raise CertificateError(error.reason) from None
    except (ValueError, OverflowError, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise CertificateError(_reason(error)) from None
    except (x509.UnsupportedGeneralNameType, NotImplementedError) as error:
        raise CertificateError(f"not supported: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return names.render_plain(str(error))[:120] or type(error).__name__


def _decoded(der: bytes, loaded: x509.Certificate, max_names: int) -> SignedCertificate:
    serial, issuer_der, subject_der, key_octets = _fields(der)
    if serial[0] & 0x80:
        raise CertificateError("negative serial number")
    found = _Extensions(loaded.extensions)
    kept, left_out = _capped(found, max_names)
    common_name, has_one = names.common_name(subject_der)
    facts = Certificate(
        serial_number=render_serial(serial),
        issuer_name=decode_name(issuer_der),
        subject_name=decode_name(subject_der)[:_MAX_SUBJECT_CHARS],
        common_name=common_name,
        dns_names=kept[0],
        ip_addresses=kept[1],
        email_addresses=kept[2],
        not_before=int(loaded.not_valid_before_utc.timestamp()),
        not_after=int(loaded.not_valid_after_utc.timestamp()),
        is_ca=found.is_ca,
        must_staple=found.must_staple,
        ocsp_urls=tuple(dict.fromkeys(found.ocsp_urls))[:_MAX_URLS],
        crl_urls=tuple(dict.fromkeys(found.crl_urls))[:_MAX_URLS],
        names_left_out=left_out + (has_one and common_name is None),
    )
    return SignedCertificate(
        der=der,
        facts=facts,
        serial=serial.lstrip(b"\0") or b"\0",
        issuer_der=issuer_der,
        subject_der=subject_der,
        key_octets=key_octets,
        authority_key_id=found.authority_key_id,
        subject_key_id=found.subject_key_id,
        path_length=found.path_length,
        may_sign_certificates=found.is_ca and found.key_cert_sign,
        has_extensions=found.count > 0,
    )


def issuer_name_der(der: bytes) -> bytes:
    """The DER of the issuer's Name in a certificate that has passed `decode_certificate`."""
    return _fields(der)[1]


def _fields(der: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Serial contents, issuer Name, subject Name, and the bits of subjectPublicKey (RFC 5280 4.1)."""
    reader = DerReader(der, _MAX_HEADERS)
    pos = reader.enter(SEQUENCE, 0, len(der), "Certificate")
    pos = reader.enter(SEQUENCE, pos, reader.stop, "TBSCertificate")
    end = reader.stop
    if reader.read(pos, end) == 0xA0:  # [0] version
        reader.read(reader.stop, end)
    serial = der[reader.start : reader.stop]
    if not serial:
        raise CertificateError("no serial number")
    marks = [reader.stop]
    for part in ("signature", "issuer", "validity", "subject", "subjectPublicKeyInfo"):
        key_info = reader.enter(SEQUENCE, marks[-1], end, part)
        marks.append(reader.stop)
    if marks[2] - marks[1] > _MAX_ISSUER_BYTES:
        raise CertificateError("issuer's name too long")
    reader.read(key_info, marks[5])
    bits = reader.enter(BIT_STRING, reader.stop, marks[5], "subjectPublicKey")
    return serial, der[marks[1] : marks[2]], der[marks[3] : marks[4]], der[bits + 1 : reader.stop]


class _Extensions:
    """The extensions that matter here (RFC 5280 4.2.1), copied out. Sound defaults where one is absent."""

    def __init__(self, extensions: x509.Extensions) -> None:
        from cryptography import x509

        self.count = len(extensions)
        self.dns_names: list[str] = []
        self.ip_addresses: list[str] = []
        self.email_addresses: list[str] = []
        self.is_ca = self.must_staple = False
        self.key_cert_sign = True
        self.path_length: int | None = None
        self.ocsp_urls: list[str] = []
        self.crl_urls: list[str] = []
        self.authority_key_id: bytes | None = None
        self.subject_key_id: bytes | None = None
        for extension in extensions:
            value = extension.value
            kind = type(value)  # compared, not isinstance: the library's types are abstract classes, slow to ask
            if kind is x509.SubjectAlternativeName:
                self._names(value)
            elif kind is x509.BasicConstraints:
                self.is_ca, self.path_length = value.ca, value.path_length
            elif kind is x509.KeyUsage:
                self.key_cert_sign = value.key_cert_sign
            elif kind is x509.AuthorityKeyIdentifier:
                self.authority_key_id = value.key_identifier
            elif kind is x509.SubjectKeyIdentifier:
                self.subject_key_id = value.digest
            elif kind is x509.AuthorityInformationAccess:
                self._access(value)
            elif kind is x509.CRLDistributionPoints:
                self._distribution(value)
            elif kind is x509.TLSFeature:
                self.must_staple = any(feature.value == _MUST_STAPLE for feature in value)

    def _names(self, san: x509.SubjectAlternativeName) -> None:
        from cryptography import x509

        for name in san:
            kind = type(name)
            if kind is x509.DNSName:
                self.dns_names.append(name.value)
            elif kind is x509.IPAddress:
                self.ip_addresses.append(str(name.value))
            elif kind is x509.RFC822Name:
                self.email_addresses.append(name.value)

    def _access(self, access: x509.AuthorityInformationAccess) -> None:
        from cryptography import x509
        from cryptography.x509.oid import AuthorityInformationAccessOID

        for description in access:
            location = description.access_location
            if (
                description.access_method == AuthorityInformationAccessOID.OCSP
                and type(location) is x509.UniformResourceIdentifier
                and (text := names.url(location.value))
            ):
                self.ocsp_urls.append(text)

    def _distribution(self, points: x509.CRLDistributionPoints) -> None:
        from cryptography import x509

        for point in points:
            for name in point.full_name or ():
                if type(name) is x509.UniformResourceIdentifier and (text := names.url(name.value)):
                    self.crl_urls.append(text)


def _capped(found: _Extensions, max_names: int) -> tuple[list[tuple[str, ...]], int]:
    """Host names, addresses and e-mail addresses, `max_names` in all, in this order; and how many were left out."""
    room = max_names
    left_out = 0
    kept: list[tuple[str, ...]] = []
    for texts, checked in (
        (found.dns_names, names.dns_name),
        (found.ip_addresses, str),
        (found.email_addresses, names.email_address),
    ):
        distinct = dict.fromkeys(texts)
        possible = [text for text in distinct if checked(text)]
        left_out += len(distinct) - min(len(possible), room)
        kept.append(tuple(possible[:room]))
        room -= len(kept[-1])
    return kept, left_out
