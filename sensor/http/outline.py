"""What may be said of octets off the wire that no field of a log is for: what they look like, never what they are.

A line that is no start line, or stands where a chunk's size should, may be somebody's password; so may whatever a
field says that is for numbers and names of codings. Zeek's weird.log has the former bare, the latter as they came.
"""

from __future__ import annotations

import re
from typing import Final

from sensor.http.grammar import is_known, is_token
from sensor.http.mime import SNIFF_BYTES, sniff

_UNPRINTABLE: Final = re.compile(rb"[^\t\n\r -~]")
_WORD: Final = re.compile(rb"[!#$%&'.^_`|~0-9A-Za-z]+|[^ \t,;/*=+\-!#$%&'.^_`|~0-9A-Za-z]+")
_NUMBER: Final = re.compile(rb"(?:0[Xx])?[0-9]{1,20}")
_PROTOCOLS: Final = ((b"SSH-", "SSH"), (b"\x16\x03", "TLS"))
_SIGN: Final = re.compile(rb"[+-]")
_HEX_PREFIX: Final = re.compile(rb"0[Xx]")
_TOO_MANY_DIGITS: Final = re.compile(rb"0*[1-9A-Fa-f][0-9A-Fa-f]{15}")
_DIGIT: Final = re.compile(rb"[0-9A-Fa-f]")
_MAX_NAME: Final = 64
_CODINGS: Final = frozenset(
    b"aes128gcm aws br bytes bzip2 chunked compress dcb dcz deflate encoded encoding exi gzip identity lzma none"
    b" pack200 sdch text trailers utf x xz zstd".split()
)
"""Parts of the names of codings (IANA's registry, and others in use) and of range units, in lower case."""


def look(octets: bytes) -> bytes:
    """`octets` by their kind and number, behind the method that they begin with if it is one that everybody knows."""
    kind = next((name for start, name in _PROTOCOLS if octets.startswith(start)), None) or sniff(octets[:SNIFF_BYTES])
    if kind is None:
        kind = "binary" if _UNPRINTABLE.search(octets) else "printable"
    method = octets[:16].split(None, 1)[:1]
    known = method[0] + b", " if method and is_known(method[0]) else b""
    return b"%b%b, %d octets" % (known, kind.encode(), len(octets))


def no_size(data: bytes, pos: int) -> bytes:
    """Why what begins at `pos` is no chunk size: the same, however many octets behind those that decide are there."""
    if _SIGN.match(data, pos):
        return b"a sign"
    if _HEX_PREFIX.match(data, pos):
        return b"0x"
    if _TOO_MANY_DIGITS.match(data, pos):
        return b"more than 15 digits"
    return b"something behind digits" if _DIGIT.match(data, pos) else b"no digit"


def known_parts(value: bytes) -> bytes:
    """Of a field's value the numbers, the names of codings and what separates them; of all else `<n>`, its octets."""
    return _WORD.sub(_part, value)


def _part(found: re.Match[bytes]) -> bytes:
    word = found[0]
    return word if _NUMBER.fullmatch(word) or word.lower() in _CODINGS else b"<%d>" % len(word)


def name_of(name: bytes) -> bytes | None:
    """A field's name, if it can be one but for NULs in it."""
    name = name.strip(b" \t\r")
    return name if len(name) <= _MAX_NAME and is_token(name.replace(b"\0", b"")) else None
