"""Names in certificates: what a distinguished name calls its owner, crt.sh's spelling of one, what can be a host name.

What is read here was chosen by whoever got the certificate: everything is checked and cut, nothing is repaired.
The RFC 4514 text of a name (`name_text.decode_name`) is also how two names are compared: it is equal for equal values
in equal order, however the strings are typed. RFC 5280 4.1.2.6 wants the same bytes for a CA's subject and its
certificates' issuer; CAs have changed from PrintableString to UTF8String without changing their name.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sensor.pki.der import OBJECT_IDENTIFIER, SEQUENCE, SET, DerReader
from sensor.pki.name_text import STRING_ENCODINGS, escape_value
from sensor.pki.oids import ATTRIBUTE_NAMES, encode_oid

MAX_NAME_BYTES = 253  # RFC 1035 2.3.4: 255 octets on the wire are 253 characters
_MAX_ELEMENTS = 1024

_COMMON_NAME = encode_oid("2.5.4.3")
_CALLED = (_COMMON_NAME, encode_oid("2.5.4.11"), encode_oid("2.5.4.10"))

# OpenSSL's short names, as in crt.sh's issuer_name.
_OIDS = {
    "cn": "2.5.4.3",
    "sn": "2.5.4.4",
    "serialnumber": "2.5.4.5",
    "c": "2.5.4.6",
    "l": "2.5.4.7",
    "st": "2.5.4.8",
    "street": "2.5.4.9",
    "o": "2.5.4.10",
    "ou": "2.5.4.11",
    "title": "2.5.4.12",
    "description": "2.5.4.13",
    "businesscategory": "2.5.4.15",
    "postalcode": "2.5.4.17",
    "gn": "2.5.4.42",
    "initials": "2.5.4.43",
    "dnqualifier": "2.5.4.46",
    "pseudonym": "2.5.4.65",
    "organizationidentifier": "2.5.4.97",
    "uid": "0.9.2342.19200300.100.1.1",
    "dc": "0.9.2342.19200300.100.1.25",
    "emailaddress": "1.2.840.113549.1.9.1",
    "unstructuredname": "1.2.840.113549.1.9.2",
    "jurisdictionl": "1.3.6.1.4.1.311.60.2.1.1",
    "jurisdictionst": "1.3.6.1.4.1.311.60.2.1.2",
    "jurisdictionc": "1.3.6.1.4.1.311.60.2.1.3",
}


@lru_cache(1024)
def display_name(name_der: bytes) -> str:
    """What a person calls the owner: the last common name, else organizational unit, else organization, else "".

    Raises DerError.
    """
    return _called(_values(name_der))


def _called(values: dict[bytes, str]) -> str:
    return next((text for oid in _CALLED if (text := plain_text(values.get(oid, "")))), "")


def common_name(name_der: bytes) -> tuple[str | None, bool]:
    """The last common name, which is the most specific one (RFC 6125 1.8), None if not fit to be shown; and whether
    there is one at all. Raises DerError."""
    value = _values(name_der).get(_COMMON_NAME)
    return (None, False) if value is None else (plain_text(value), True)


def _values(name_der: bytes) -> dict[bytes, str]:
    """The last value of each attribute type that is a readable string."""
    reader = DerReader(name_der, _MAX_ELEMENTS)
    pos = reader.enter(SEQUENCE, 0, len(name_der), "Name")
    end = reader.stop
    values: dict[bytes, str] = {}
    while pos < end:
        inner = reader.enter(SET, pos, end, "RelativeDistinguishedName")
        pos = reader.stop
        while inner < pos:
            start = reader.enter(SEQUENCE, inner, pos, "AttributeTypeAndValue")
            inner = reader.stop
            start = reader.enter(OBJECT_IDENTIFIER, start, inner, "AttributeType")
            oid = name_der[start : reader.stop]
            tag = reader.read(reader.stop, inner)
            try:
                values[oid] = name_der[reader.start : reader.stop].decode(STRING_ENCODINGS[tag])
            except (KeyError, UnicodeDecodeError):
                continue
    return values


_TYPE = r"(?:[A-Za-z][A-Za-z0-9]*|\d+(?:\.\d+)+)"
_ONE_LINE_PART = re.compile(
    rf'({_TYPE}) ?= ?(?:"((?:[^"\\]|\\.)*)"|(.*?))(?:(, )(?={_TYPE} ?=)|( \+ )(?={_TYPE} ?=)|$)', re.DOTALL
)
_ONE_LINE_ESCAPES = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\(.)", re.DOTALL)


def parse_one_line_name(text: str) -> tuple[str, str] | None:
    """OpenSSL's one-line form, `C=US, O="Example, Inc.", CN=R3`, as crt.sh writes issuer_name, to the pair of
    `name_text.decode_name`'s text and `display_name`; None if it is not that form.

    Takes values with a bare comma too: a comma ends a value only where "TYPE=" follows.
    """
    if len(text) > 4096:
        return None
    rdns: list[str] = []
    values: dict[bytes, str] = {}
    offset = 0
    joined = False  # this attribute belongs to the RDN of the one before
    while offset < len(text):
        part = _ONE_LINE_PART.match(text, offset)
        if part is None or len(part[1]) > 64:
            return None
        dotted = part[1] if part[1][0].isdigit() else _OIDS.get(part[1].lower())
        if dotted is None:
            return None
        oid = encode_oid(dotted)
        values[oid] = _ONE_LINE_ESCAPES.sub(_unescaped, part[2] if part[2] is not None else part[3])
        attribute = f"{ATTRIBUTE_NAMES.get(oid, dotted)}={escape_value(values[oid])}"
        if joined:
            rdns[-1] += "+" + attribute
        else:
            rdns.append(attribute)
        joined = part[5] is not None
        offset = part.end()
    return (",".join(reversed(rdns)), _called(values)) if rdns else None


def _unescaped(found: re.Match[str]) -> str:
    if found[1] is not None:
        return found[1]
    return bytes.fromhex(found[0].replace("\\", "")).decode("utf-8", "backslashreplace")


_DNS = re.compile(r"(?!.{254})(?:\*|[A-Za-z0-9_*-]{1,63})(?:\.[A-Za-z0-9_-]{1,63})*\.?", re.DOTALL)
_EMAIL = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,189}")


def dns_name(text: str) -> str | None:
    """The text if it can be a dNSName: letters, digits, "-" and "_" (which exist), a "*" in the first label only.

    Internationalized names are in their ASCII form ("xn--…") in certificates and stay so.
    """
    return text if _DNS.fullmatch(text) else None


def email_address(text: str) -> str | None:
    """The text if it can be an rfc822Name: printable ASCII around one "@"."""
    return text if _EMAIL.fullmatch(text) else None


def plain_text(text: str) -> str | None:
    """The text if it is short enough to be a name, and printable throughout (no controls, no bidi overrides)."""
    return text if text and text.isprintable() and len(text.encode()) <= MAX_NAME_BYTES else None


def url(text: str) -> str | None:
    """The text if it can be a URL: printable ASCII without blanks, at most 1,024 of them."""
    return text if 0 < len(text) <= 1024 and text.isascii() and text.isprintable() and " " not in text else None


def url_key(text: str) -> str:
    """A URL as it is compared (RFC 3986 6.2.2.1, 6.2.3): scheme and host in lower case, port 80 of http left out."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        return text
    host, slash, path = rest.partition("/")
    scheme, host = scheme.lower(), host.lower()
    if scheme == "http":
        host = host.removesuffix(":80")
    return f"{scheme}://{host}{slash or '/'}{path}"


def render_plain(text: str) -> str:
    """The text with everything that is not printable as Zeek's \\xNN, for terminals and messages."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "".join(f"\\x{b:02x}" for b in c.encode("utf-8", "replace")) for c in text)
