"""The extensions of a certificate that a sensor needs (RFC 5280 4.2), out of their DER; all others are passed over.

pyca/cryptography reads all extensions or none: one odd policy or SCT would cost the names beside it.
"""

from __future__ import annotations

import ipaddress

from sensor.pki import names
from sensor.pki.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    DerError,
    DerReader,
    decode_integer,
)
from sensor.pki.oids import encode_oid

_MAX_URLS = 8
_EMAIL, _DNS, _URI, _IP = 0x81, 0x82, 0x86, 0x87  # GeneralName, RFC 5280 4.2.1.6
_STATUS_REQUEST = 5  # the TLS extension that a must-staple certificate demands (RFC 7633 4.2.3.1)
_KEY_CERT_SIGN, _CRL_SIGN = 0x04, 0x02  # bits 5 and 6 of KeyUsage's first octet (RFC 5280 4.2.1.3)
_OCSP = encode_oid("1.3.6.1.5.5.7.48.1")
_CA_ISSUERS = encode_oid("1.3.6.1.5.5.7.48.2")
_SUBJECT_KEY_ID = encode_oid("2.5.29.14")
_KEY_USAGE = encode_oid("2.5.29.15")
_ALT_NAME = encode_oid("2.5.29.17")
_BASIC_CONSTRAINTS = encode_oid("2.5.29.19")
_DISTRIBUTION_POINTS = encode_oid("2.5.29.31")
_AUTHORITY_KEY_ID = encode_oid("2.5.29.35")
_AUTHORITY_INFORMATION = encode_oid("1.3.6.1.5.5.7.1.1")
_TLS_FEATURE = encode_oid("1.3.6.1.5.5.7.1.24")


class Extensions:
    """What was found, with the defaults of RFC 5280 where there is nothing. Names and URLs are without repeats."""

    __slots__ = (
        "authority_key_id",
        "ca_issuer_urls",
        "count",
        "crl_sign",
        "crl_urls",
        "dns_names",
        "email_addresses",
        "ip_addresses",
        "is_ca",
        "key_cert_sign",
        "left_out",
        "must_staple",
        "ocsp_urls",
        "path_length",
        "subject_key_id",
    )

    def __init__(self) -> None:
        self.count = 0
        self.dns_names: dict[str, None] = {}
        self.ip_addresses: dict[str, None] = {}
        self.email_addresses: dict[str, None] = {}
        self.left_out = 0  # of the kinds above, those that cannot be such a name
        self.is_ca = False
        self.path_length: int | None = None
        self.key_cert_sign = True
        self.crl_sign = True
        self.must_staple = False
        self.ocsp_urls: dict[str, None] = {}
        self.ca_issuer_urls: dict[str, None] = {}
        self.crl_urls: dict[str, None] = {}
        self.authority_key_id: bytes | None = None
        self.subject_key_id: bytes | None = None


def decode_extensions(reader: DerReader, pos: int, end: int) -> Extensions:
    """Extensions (RFC 5280 4.1.2.9), the SEQUENCE OF between `pos` and `end`.

    Raises DerError if it is none, one that matters comes twice, or one on which names and trust rest is broken.
    Broken addresses of services are as good as none.
    """
    data = reader.data
    found = Extensions()
    seen: set[bytes] = set()
    while pos < end:
        inner = reader.enter(SEQUENCE, pos, end, "Extension")
        pos = reader.stop
        oid = data[reader.enter(OBJECT_IDENTIFIER, inner, pos, "extnID") : reader.stop]
        inner = reader.stop
        if reader.read(inner, pos) == BOOLEAN:
            inner = reader.stop
        start, stop = reader.enter(OCTET_STRING, inner, pos, "extnValue"), reader.stop
        found.count += 1
        decode = _DECODERS.get(oid)
        if decode is None:
            continue
        if oid in seen:
            raise DerError("an extension twice")
        seen.add(oid)
        try:
            decode(found, reader, start, stop)
        except DerError:
            if oid not in _OPTIONAL:
                raise
    return found


def _alt_name(found: Extensions, reader: DerReader, pos: int, end: int) -> None:
    data = reader.data
    pos = reader.enter(SEQUENCE, pos, end, "subjectAltName")
    end = reader.stop
    while pos < end:
        tag = reader.read(pos, end)
        octets = data[reader.start : reader.stop]
        pos = reader.stop
        if tag == _DNS:
            _keep(found, found.dns_names, names.dns_name(octets.decode("latin-1")))
        elif tag == _IP:
            _keep(found, found.ip_addresses, str(ipaddress.ip_address(octets)) if len(octets) in (4, 16) else None)
        elif tag == _EMAIL:
            _keep(found, found.email_addresses, names.email_address(octets.decode("latin-1")))


def _keep(found: Extensions, kept: dict[str, None], text: str | None) -> None:
    if text is None:
        found.left_out += 1
    else:
        kept[text] = None


def _basic_constraints(found: Extensions, reader: DerReader, pos: int, end: int) -> None:
    pos = reader.enter(SEQUENCE, pos, end, "basicConstraints")
    end = reader.stop
    if pos < end and reader.read(pos, end) == BOOLEAN:
        found.is_ca = reader.data[reader.start : reader.stop] not in (b"", b"\0")
        pos = reader.stop
    if pos < end:
        start = reader.enter(INTEGER, pos, end, "pathLenConstraint")
        found.path_length = max(0, decode_integer(reader.data, start, reader.stop))


def _key_usage(found: Extensions, reader: DerReader, pos: int, end: int) -> None:
    start = reader.enter(BIT_STRING, pos, end, "keyUsage")
    bits = reader.data[start + 1 : reader.stop]
    found.key_cert_sign = bool(bits and bits[0] & _KEY_CERT_SIGN)
    found.crl_sign = bool(bits and bits[0] & _CRL_SIGN)


def _key_id(found: Extensions, reader: DerReader, pos: int, end: int) -> None:
    start = reader.enter(OCTET_STRING, pos, end, "subjectKeyIdentifier")
    found.subject_key_id = reader.data[start : reader.stop]


def _authority(found: Extensions, reader: DerReader, pos: int, end: int) -> None:
    pos = reader.enter(SEQUENCE, pos, end, "authorityKeyIdentifier")
    end = reader.stop
    if pos < end and reader.read(pos, end) == 0x80:  # [0] keyIdentifier
        found.authority_key_id = reader.data[reader.start : reader.stop]


def _access(found: Extensions, reader: DerReader, pos: int, end: int) -> None:
    pos = reader.enter(SEQUENCE, pos, end, "authorityInfoAccess")
    end = reader.stop
    while pos < end:
        inner = reader.enter(SEQUENCE, pos, end, "AccessDescription")
        pos = reader.stop
        start = reader.enter(OBJECT_IDENTIFIER, inner, pos, "accessMethod")
        method = reader.data[start : reader.stop]
        if method == _OCSP:
            _url(found.ocsp_urls, reader, reader.stop, pos)
        elif method == _CA_ISSUERS:
            _url(found.ca_issuer_urls, reader, reader.stop, pos)


def _distribution(found: Extensions, reader: DerReader, pos: int, end: int) -> None:
    pos = reader.enter(SEQUENCE, pos, end, "cRLDistributionPoints")
    end = reader.stop
    while pos < end:
        inner = reader.enter(SEQUENCE, pos, end, "DistributionPoint")
        pos = reader.stop
        # [0] distributionPoint { [0] fullName { GeneralName ... } }
        if inner < pos and reader.read(inner, pos) == 0xA0 and reader.read(reader.start, reader.stop) == 0xA0:
            inner, names_end = reader.start, reader.stop
            while inner < names_end:
                _url(found.crl_urls, reader, inner, names_end)
                inner = reader.stop


def _url(urls: dict[str, None], reader: DerReader, pos: int, end: int) -> None:
    if reader.read(pos, end) == _URI and len(urls) < _MAX_URLS:
        text = names.url(reader.data[reader.start : reader.stop].decode("latin-1"))
        if text is not None:
            urls[text] = None


def _tls_feature(found: Extensions, reader: DerReader, pos: int, end: int) -> None:
    pos = reader.enter(SEQUENCE, pos, end, "TLSFeature")
    end = reader.stop
    while pos < end:
        start = reader.enter(INTEGER, pos, end, "feature")
        pos = reader.stop
        if decode_integer(reader.data, start, pos) == _STATUS_REQUEST:
            found.must_staple = True


_DECODERS = {
    _ALT_NAME: _alt_name,
    _BASIC_CONSTRAINTS: _basic_constraints,
    _KEY_USAGE: _key_usage,
    _SUBJECT_KEY_ID: _key_id,
    _AUTHORITY_KEY_ID: _authority,
    _AUTHORITY_INFORMATION: _access,
    _DISTRIBUTION_POINTS: _distribution,
    _TLS_FEATURE: _tls_feature,
}
_OPTIONAL = frozenset((_AUTHORITY_INFORMATION, _DISTRIBUTION_POINTS, _TLS_FEATURE))
