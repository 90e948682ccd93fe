"""X.509 names as text: a distinguished name as RFC 4514 writes it, a GeneralName behind the word OpenSSL has for it."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from sensor.pki.der import OBJECT_IDENTIFIER, SEQUENCE, SET, DerError, DerReader, decode_oid
from sensor.pki.oids import ATTRIBUTE_NAMES

_MAX_ELEMENTS = 1024
_CACHED_OCTETS = 512

# How the string types are spelled in octets. ASCII types are read as UTF-8, which CAs put there; T.61 as Latin-1.
STRING_ENCODINGS = {
    0x0C: "utf-8",
    0x12: "utf-8",
    0x13: "utf-8",
    0x14: "latin-1",
    0x16: "utf-8",
    0x1A: "utf-8",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
_ESCAPED = str.maketrans({c: "\\" + c for c in '\\"+,;<>'} | {"\0": "\\00"})


def decode_name(der: bytes) -> str:
    """The DER of a Name as RFC 4514 text, last RDN first; "" for a Name without RDNs.

    Types without a short name in RFC 4514 are dotted numbers with their value as a string, as pyca/cryptography
    writes them; a value that is no string, or not one of its type, is "#" and the hex of its DER (section 2.4).
    Raises DerError.
    """
    return _cached_name(der) if len(der) <= _CACHED_OCTETS else _decode_name(der)


def _decode_name(der: bytes) -> str:
    reader = DerReader(der, _MAX_ELEMENTS)
    pos = reader.enter(SEQUENCE, 0, len(der), "Name")
    end = reader.stop
    if end != len(der):
        raise DerError("Name: unexpected element")
    parts: list[str] = []
    while pos < end:
        inner = reader.enter(SET, pos, end, "RelativeDistinguishedName")
        pos = reader.stop
        attributes: list[str] = []
        while inner < pos:
            start = reader.enter(SEQUENCE, inner, pos, "AttributeTypeAndValue")
            inner = reader.stop
            attributes.append(_attribute(reader, start, inner))
        parts.append("+".join(attributes))
    return ",".join(reversed(parts))


_cached_name = lru_cache(maxsize=1024)(_decode_name)


def _attribute(reader: DerReader, pos: int, end: int) -> str:
    start = reader.enter(OBJECT_IDENTIFIER, pos, end, "AttributeType")
    pos = reader.stop
    oid = reader.data[start:pos]
    tag = reader.read(pos, end)
    reader.leave(end, "AttributeTypeAndValue")
    content = reader.data[reader.start : reader.stop]
    try:
        value = escape_value(content.decode(STRING_ENCODINGS[tag]))
    except (KeyError, UnicodeDecodeError):
        value = "#" + reader.data[pos:end].hex().upper()
    return f"{ATTRIBUTE_NAMES.get(oid) or decode_oid(oid)}={value}"


def escape_value(value: str) -> str:
    """RFC 4514 section 2.4."""
    text = value.translate(_ESCAPED)
    if text[:1] in ("#", " "):
        text = "\\" + text
    if value.endswith(" ") and len(value) > 1:
        text = text[:-1] + "\\ "
    return text


_GENERAL_NAMES = {
    0xA0: "othername",
    0x81: "email",
    0x82: "DNS",
    0xA3: "X400Name",
    0xA4: "DirName",
    0xA5: "EdiPartyName",
    0x86: "URI",
    0x87: "IP Address",
    0x88: "Registered ID",
}


def decode_general_name(der: bytes) -> str:
    """The DER of one GeneralName (RFC 5280 4.2.1.6) as `word:text`, the words OpenSSL's; unreadable ones as `#hex`.

    Text octets are UTF-8; others appear as `\\xNN`. Raises DerError if it is no such choice.
    """
    reader = DerReader(der, _MAX_ELEMENTS)
    tag = reader.read(0, len(der))
    reader.leave(len(der), "GeneralName")
    content = der[reader.start : reader.stop]
    word = _GENERAL_NAMES.get(tag)
    if word is None:
        raise DerError(f"GeneralName: tag {tag:02x}")
    return f"{word}:{_general_name_value(tag, content)}"


def _general_name_value(tag: int, content: bytes) -> str:
    try:
        if tag in (0x81, 0x82, 0x86):
            return content.decode("utf-8", "backslashreplace")
        if tag == 0xA4:
            return decode_name(content)
        if tag == 0x87 and len(content) in (4, 16):
            return str(ipaddress.ip_address(content))
        if tag == 0x88:
            return decode_oid(content)
    except DerError:
        pass
    return "#" + content.hex().upper()
