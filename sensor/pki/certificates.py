"""What a certificate says that a sensor needs: who issued it, whom it names, how long it holds.

`decode_certificate` turns DER into our own record at once; nothing of the library's objects is kept, since they may
raise when an attribute is first touched.
"""

from __future__ import annotations

import warnings

import msgspec

from sensor.pki import names
from sensor.pki.der import BIT_STRING, SEQUENCE, DerError, DerReader
from sensor.pki.extensions import Extensions, decode_extensions
from sensor.pki.name_text import decode_name
from sensor.pki.serial import render_serial

_MAX_SUBJECT_CHARS = 1024
_MAX_ISSUER_BYTES = 8192
_MAX_HEADERS = 16  # element headers before the subject's public key
_VERSION, _EXTENSIONS = 0xA0, 0xA3  # [0] and [3] of TBSCertificate


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
    may_sign_crls: bool = True  # its key usage, if it says anything, allows cRLSign


def decode_certificate(der: bytes, max_names: int) -> SignedCertificate:
    """One DER certificate, nothing after it; at most `max_names` names are kept. Raises CertificateError.

    pyca/cryptography must accept it first: it is stricter than most, and will have to check the signature.
    """
    from cryptography import x509  # costs 50 ms, and most runs decode no certificate

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library warns of what it will refuse one day
            loaded = x509.load_der_x509_certificate(der)
        not_before = int(loaded.not_valid_before_utc.timestamp())
        not_after = int(loaded.not_valid_after_utc.timestamp())
        return _decoded(der, not_before, not_after, max_names)
    except DerError as error:
        raise CertificateError(error.reason) from None
    except (ValueError, OverflowError, x509.InvalidVersion) as error:
        text = str(error)
        raise CertificateError("broken ASN.1" if "asn1" in text else names.render_plain(text)[:80]) from None


def _decoded(der: bytes, not_before: int, not_after: int, max_names: int) -> SignedCertificate:
    fields = _fields(der)
    if fields.serial[0] & 0x80:
        raise CertificateError("negative serial number")
    found = fields.extensions
    kept, left_out = _capped(found, max_names)
    common_name, has_one = names.common_name(fields.subject)
    facts = Certificate(
        serial_number=render_serial(fields.serial),
        issuer_name=decode_name(fields.issuer),
        subject_name=decode_name(fields.subject)[:_MAX_SUBJECT_CHARS],
        common_name=common_name,
        dns_names=kept[0],
        ip_addresses=kept[1],
        email_addresses=kept[2],
        not_before=not_before,
        not_after=not_after,
        is_ca=found.is_ca,
        must_staple=found.must_staple,
        ocsp_urls=tuple(found.ocsp_urls),
        crl_urls=tuple(found.crl_urls),
        names_left_out=left_out + (has_one and common_name is None),
    )
    return SignedCertificate(
        der=der,
        facts=facts,
        serial=fields.serial.lstrip(b"\0") or b"\0",
        issuer_der=fields.issuer,
        subject_der=fields.subject,
        key_octets=fields.key_octets,
        authority_key_id=found.authority_key_id,
        subject_key_id=found.subject_key_id,
        path_length=found.path_length,
        may_sign_certificates=found.is_ca and found.key_cert_sign,
        has_extensions=found.count > 0,
        may_sign_crls=found.crl_sign,
    )


def subject_of_ca(der: bytes) -> bytes | None:
    """The DER of the subject's Name if these bytes read as a certificate that may sign others, else None: a first
    look, without the library's."""
    try:
        fields = _fields(der)
    except (DerError, CertificateError):
        return None
    return fields.subject if fields.extensions.is_ca and fields.extensions.key_cert_sign else None


def issuer_name_der(der: bytes) -> bytes:
    """The DER of the issuer's Name in a certificate that has passed `decode_certificate`."""
    reader = DerReader(der, _MAX_HEADERS)
    marks = _marks(reader, der)[1]
    return der[marks[1] : marks[2]]


def key_info_der(der: bytes) -> bytes:
    """The DER of the SubjectPublicKeyInfo in a certificate that has passed `decode_certificate`."""
    reader = DerReader(der, _MAX_HEADERS)
    _, marks, end = _marks(reader, der)
    reader.enter(SEQUENCE, marks[4], end, "subjectPublicKeyInfo")
    return der[marks[4] : reader.stop]


class _Fields(msgspec.Struct):
    """Serial contents, issuer Name, subject Name, and the bits of subjectPublicKey (RFC 5280 4.1)."""

    serial: bytes
    issuer: bytes
    subject: bytes
    key_octets: bytes
    extensions: Extensions


def _fields(der: bytes) -> _Fields:
    reader = DerReader(der, _MAX_HEADERS + len(der) // 2)  # no element is shorter than two octets
    serial, marks, end = _marks(reader, der)
    if marks[2] - marks[1] > _MAX_ISSUER_BYTES:
        raise CertificateError("issuer's name too long")
    key_info = reader.enter(SEQUENCE, marks[4], end, "subjectPublicKeyInfo")
    pos = reader.stop
    reader.read(key_info, pos)
    bits = reader.enter(BIT_STRING, reader.stop, pos, "subjectPublicKey")
    key_octets = der[bits + 1 : reader.stop]
    extensions = Extensions()
    while pos < end:
        tag = reader.read(pos, end)
        pos = reader.stop
        if tag == _EXTENSIONS:
            start = reader.enter(SEQUENCE, reader.start, reader.stop, "extensions")
            extensions = decode_extensions(reader, start, reader.stop)
    return _Fields(serial, der[marks[1] : marks[2]], der[marks[3] : marks[4]], key_octets, extensions)


def _marks(reader: DerReader, der: bytes) -> tuple[bytes, list[int], int]:
    """Serial contents; where signature, issuer, validity, subject and public key begin; where the whole ends."""
    pos = reader.enter(SEQUENCE, 0, len(der), "Certificate")
    pos = reader.enter(SEQUENCE, pos, reader.stop, "TBSCertificate")
    end = reader.stop
    if reader.read(pos, end) == _VERSION:
        reader.read(reader.stop, end)
    serial = der[reader.start : reader.stop]
    if not serial:
        raise CertificateError("no serial number")
    marks = [reader.stop]
    for part in ("signature", "issuer", "validity", "subject"):
        reader.enter(SEQUENCE, marks[-1], end, part)
        marks.append(reader.stop)
    return serial, marks, end


def _capped(found: Extensions, max_names: int) -> tuple[list[tuple[str, ...]], int]:
    """Host names, addresses and e-mail addresses, `max_names` in all, in this order; and how many were left out."""
    kept: list[tuple[str, ...]] = []
    left_out = found.left_out
    room = max_names
    for texts in (found.dns_names, found.ip_addresses, found.email_addresses):
        kept.append(tuple(texts)[:room])
        room -= len(kept[-1])
        left_out += len(texts) - len(kept[-1])
    return kept, left_out
