"""A distinguished name as OpenSSL writes it under RFC 2253, which is how Zeek logs subjects and issuers.

`name_text` is the form for comparing names; this one has OpenSSL's short names for more types, and escapes every octet
that is not printable ASCII.
"""

from __future__ import annotations

from sensor.pki.der import OBJECT_IDENTIFIER, SEQUENCE, SET, DerError, DerReader, decode_oid
from sensor.pki.oids import encode_oid

_MAX_ELEMENTS = 1024

SHORT_NAMES = {
    encode_oid(dotted): name
    for dotted, name in {
        "2.5.4.3": "CN",
        "2.5.4.4": "SN",
        "2.5.4.5": "serialNumber",
        "2.5.4.6": "C",
        "2.5.4.7": "L",
        "2.5.4.8": "ST",
        "2.5.4.9": "street",
        "2.5.4.10": "O",
        "2.5.4.11": "OU",
        "2.5.4.12": "title",
        "2.5.4.13": "description",
        "2.5.4.14": "searchGuide",
        "2.5.4.15": "businessCategory",
        "2.5.4.16": "postalAddress",
        "2.5.4.17": "postalCode",
        "2.5.4.18": "postOfficeBox",
        "2.5.4.19": "physicalDeliveryOfficeName",
        "2.5.4.20": "telephoneNumber",
        "2.5.4.41": "name",
        "2.5.4.42": "GN",
        "2.5.4.43": "initials",
        "2.5.4.44": "generationQualifier",
        "2.5.4.45": "x500UniqueIdentifier",
        "2.5.4.46": "dnQualifier",
        "2.5.4.51": "houseIdentifier",
        "2.5.4.54": "dmdName",
        "2.5.4.65": "pseudonym",
        "2.5.4.72": "role",
        "2.5.4.97": "organizationIdentifier",
        "2.5.4.98": "c3",
        "2.5.4.99": "n3",
        "2.5.29.17": "subjectAltName",
        "0.9.2342.19200300.100.1.1": "UID",
        "0.9.2342.19200300.100.1.3": "mail",
        "0.9.2342.19200300.100.1.25": "DC",
        "1.2.840.113549.1.9.1": "emailAddress",
        "1.2.840.113549.1.9.2": "unstructuredName",
        "1.2.840.113549.1.9.7": "challengePassword",
        "1.2.840.113549.1.9.8": "unstructuredAddress",
        "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
        "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
        "1.3.6.1.4.1.311.20.2.3": "msUPN",
        "1.2.643.3.131.1.1": "INN",
        "1.2.643.100.1": "OGRN",
        "1.2.643.100.3": "SNILS",
        "1.2.643.100.5": "OGRNIP",
        "2.16.840.1.113730.1.13": "nsComment",
    }.items()
}
"""OpenSSL's short names of attribute types; a type without one is a dotted number, its value hex."""

# How many octets a character of a string type has; 0: UTF-8. Other types are written as the hex of their DER.
_WIDTHS = {0x0C: 0, 0x12: 1, 0x13: 1, 0x14: 1, 0x16: 1, 0x17: 1, 0x18: 1, 0x1A: 1, 0x1C: 4, 0x1E: 2}
_ESCAPED = frozenset(b',+"\\<>;')


def render_openssl_name(der: bytes) -> str:
    """The DER of a Name as `openssl -nameopt RFC2253` prints it; ASCII. Raises DerError."""
    reader = DerReader(der, _MAX_ELEMENTS)
    pos = reader.enter(SEQUENCE, 0, len(der), "Name")
    end = reader.stop
    rdns: list[str] = []
    while pos < end:
        inner = reader.enter(SET, pos, end, "RelativeDistinguishedName")
        pos = reader.stop
        attributes: list[str] = []
        while inner < pos:
            start = reader.enter(SEQUENCE, inner, pos, "AttributeTypeAndValue")
            inner = reader.stop
            attributes.append(_attribute(reader, start, inner))
        rdns.append("+".join(reversed(attributes)))
    return ",".join(reversed(rdns))


def _attribute(reader: DerReader, pos: int, end: int) -> str:
    oid = reader.data[reader.enter(OBJECT_IDENTIFIER, pos, end, "AttributeType") : reader.stop]
    pos = reader.stop
    tag = reader.read(pos, end)
    content = reader.data[reader.start : reader.stop]
    name = SHORT_NAMES.get(oid)
    width = _WIDTHS.get(tag)
    if name is None or width is None:
        return f"{name or decode_oid(oid)}=#{reader.data[pos : reader.stop].hex().upper()}"
    return f"{name}={_escape(_utf8(content, width))}"


def _utf8(content: bytes, width: int) -> bytes:
    """The characters as UTF-8; what is called UTF-8 is taken for it."""
    if width == 0:
        return content
    if width == 1:
        return content.decode("latin-1").encode()
    if len(content) % width:
        raise DerError("string of a wrong length")
    return b"".join(_utf8_of(int.from_bytes(content[i : i + width], "big")) for i in range(0, len(content), width))


def _utf8_of(number: int) -> bytes:
    if number > 0x10FFFF:
        raise DerError("no character")
    return chr(number).encode("utf-8", "surrogatepass")


def _escape(octets: bytes) -> str:
    last = len(octets) - 1  # OpenSSL leaves a "#" alone that is all there is
    parts: list[str] = []
    for i, octet in enumerate(octets):
        if octet in _ESCAPED or (octet == 0x20 and i in (0, last)) or (octet == 0x23 and i == 0 < last):
            parts.append("\\" + chr(octet))
        elif octet < 0x20 or octet >= 0x7F:
            parts.append(f"\\{octet:02X}")
        else:
            parts.append(chr(octet))
    return "".join(parts)
