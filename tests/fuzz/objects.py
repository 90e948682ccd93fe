"""Targets: ASN.1 of every kind that comes by."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import cache

import msgspec

from sensor.ocsp.model import OcspError
from sensor.ocsp.request import decode_request
from sensor.ocsp.response import decode_response
from sensor.pki.ber import definite_form
from sensor.pki.certificates import CertificateError, decode_certificate, issuer_name_der, key_info_der, subject_of_ca
from sensor.pki.crl import Crl, CrlEntry
from sensor.pki.crl_reader import CrlReader
from sensor.pki.crl_tap import CrlTap
from sensor.pki.der import DerError
from sensor.pki.issuers import UnsupportedSignatureError, is_signed_by
from sensor.pki.name_text import decode_general_name, decode_name
from sensor.pki.names import common_name, display_name, dns_name, email_address, parse_one_line_name, url
from sensor.pki.openssl_name import render_openssl_name
from sensor.pki.serial import SerialError, parse_serial, render_serial
from sensor.pki.signatures import check_signature, is_weak_key
from sensor.pki.x509 import X509Error, decode_x509
from sensor.settings import CrlSettings, OcspSettings
from tests.fuzz.target import PCAPS, Target, fixed_cas, split
from tests.ocsp.test_hostile import REPLIES, REQUESTS
from tests.pki import crls

_WIDE, _TIGHT = (
    OcspSettings(),
    OcspSettings(max_elements=40, max_depth=6, max_cert_ids=2, max_serial_octets=4),
)


def ocsp_request(data: bytes) -> None:
    for limits in (_WIDE, _TIGHT):
        try:
            found = decode_request(data, limits)
        except OcspError as error:
            assert error.reason
            continue
        assert len(found.cert_ids) <= limits.max_cert_ids
        left = found.traits.trailing_bytes
        assert 0 <= left < len(data)
        alone = decode_request(data[: len(data) - left], limits)
        assert (alone.cert_ids, alone.traits.trailing_bytes) == (found.cert_ids, 0)


def ocsp_reply(data: bytes) -> None:
    for limits in (_WIDE, _TIGHT):
        try:
            found = decode_response(data, limits)
        except OcspError as error:
            assert error.reason
            continue
        assert len(found.responses) <= limits.max_cert_ids
        left = found.trailing_bytes
        assert 0 <= left < len(data)
        alone = decode_response(data[: len(data) - left], limits)
        assert (alone.responses, alone.trailing_bytes) == (found.responses, 0)


_CRLS = CrlSettings()


def crl(data: bytes) -> None:
    """A CRL, in DER or PEM: whole, in pieces, octet by octet."""
    whole = _read(data, [])
    assert _read(data, [1] * len(data)) == whole, "octet by octet it is another CRL"
    assert _read(data, [1 + octet for octet in data[:20]]) == whole
    told = _tapped(data, len(data))
    assert _tapped(data, 1) == told
    assert _tapped(data, 7) == told
    text = b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(data) + b"-----END X509 CRL-----\n"
    assert _tapped(text, 5) == _tapped(text, len(text))


def _read(data: bytes, sizes: list[int]) -> tuple[Crl, list[CrlEntry]]:
    """What trails is left out: a reader that has enough is given no more."""
    found, entries = crls.read(data, sizes)
    return msgspec.structs.replace(found, trailing=0), entries


def _tapped(data: bytes, size: int) -> Crl:
    tap = CrlTap(lambda: CrlReader(_CRLS), 64, 2)
    for pos in range(0, len(data), size or 1):
        if not tap.feed(data[pos : pos + size]):
            break
    return msgspec.structs.replace(tap.finish(False), trailing=0)


def _crls() -> Iterator[bytes]:
    for path in crls.VECTORS[::5]:
        der = crls.vector(path)
        if der is not None and len(der) < 2000:
            yield der
            yield b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(der) + b"-----END X509 CRL-----\n"


def names(data: bytes) -> None:
    """Names in DER, and as text."""
    for decode in (decode_name, display_name, common_name, render_openssl_name, decode_general_name):
        try:
            found = decode(data)
        except DerError as error:
            assert error.reason
            continue
        assert found == decode(data)
        text = found[0] if isinstance(found, tuple) else found
        if decode in (display_name, common_name):
            assert not text or text.isprintable(), text
        assert text is None or len(text) <= 12 * len(data) + 64
    text = data.decode("latin-1")
    parse_one_line_name(text)
    for check in (dns_name, email_address, url):
        found = check(text)
        assert found is None or (found == text and found.isprintable())
    if data:
        shown = render_serial(data)
        assert bytes.fromhex(shown.removeprefix("-"))
    for decimal in (False, True):
        try:
            assert parse_serial(text, decimal=decimal)
        except SerialError:
            continue


@cache
def _root() -> bytes:
    return fixed_cas()[0].der


def certificate(data: bytes) -> None:
    """A certificate as the import, the logs and the issuers from traffic read it."""
    try:
        shown = decode_x509(data, 20)
        assert max(len(shown.dns_names), len(shown.uris), len(shown.email_addresses), len(shown.ip_addresses)) <= 20
    except X509Error as error:
        assert error.reason
    try:
        plain, taken = definite_form(data, 16, 4096)
        assert 0 < taken <= len(data)
        assert definite_form(plain, 16, 4096) == (plain, len(plain)), "DER made of BER is not DER"
    except DerError:
        pass
    try:
        found = decode_certificate(data, 20)
    except CertificateError as error:
        assert str(error)
        assert str(error).isprintable()
        return
    facts = found.facts
    assert len(facts.dns_names) + len(facts.ip_addresses) + len(facts.email_addresses) <= 20
    for name in (*facts.dns_names, *facts.ip_addresses, *facts.email_addresses):
        assert name.isascii()
        assert name.isprintable()
    subject_of_ca(data)
    assert issuer_name_der(data) == found.issuer_der
    key = key_info_der(data)
    is_weak_key(key)
    check_signature(key, b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", data[:70], data)
    try:
        is_signed_by(data, _root())
        is_signed_by(_root(), data)
    except UnsupportedSignatureError:
        pass


def _certificates() -> Iterator[bytes]:
    root, sub = fixed_cas()
    yield root.der
    yield sub.der
    for path in sorted(PCAPS.glob("*/certs/*.pem"))[::3]:
        yield from split(path.read_bytes())


def _names() -> Iterator[bytes]:
    from cryptography import x509

    for der in _certificates():
        loaded = x509.load_der_x509_certificate(der)
        yield loaded.subject.public_bytes()
    yield b'C=US, O="Example, Inc.", CN=R3'
    yield b"*.example.com"
    yield b"\x82\x09a.example"
    yield b"\x87\x04\x7f\0\0\1"
    yield b"04:EF:BA:C2"


_TAGS = (b"\x30\x80", b"\0\0", b"\x30\x82", b"\x24\x80", b"\xa0\x03\x02\x01", b"\x18\x0f20260101000000Z", b"\x0a\x01")
_DER = "nothing but the declared error comes out; within limits"
TARGETS = (
    Target("ocsp_request", ocsp_request, lambda: REQUESTS, f"{_DER}; what trails changes nothing", _TAGS, 1024, 4000),
    Target("ocsp_reply", ocsp_reply, lambda: REPLIES, f"{_DER}; what trails changes nothing", _TAGS, 2048, 3000),
    Target("crl", crl, _crls, "nothing raises; whole, in pieces, octet by octet and in PEM are the same", _TAGS, 2048),
    Target("names", names, _names, f"{_DER}; what is shown is printable; the same twice", _TAGS, 512, 3000),
    Target("certificate", certificate, _certificates, f"{_DER}; names are printable ASCII; DER of BER is DER", _TAGS),
)
