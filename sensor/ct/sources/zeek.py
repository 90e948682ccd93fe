"""Zeek's x509.log as tab-separated text, with certificates in it (policy/protocols/ssl/log-certs-base64).

Its JSON is told from others' in `json_text`. What is in it was seen on the wire: anybody can have put it there.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

from sensor.ct.sources import DerItem, Item, Origin, Readable, Refusal
from sensor.ct.sources.json_text import X509_BARE
from sensor.ct.sources.lines import TOO_LONG, read_lines
from sensor.ct.sources.log_entries import BAD_BASE64

_HEADING: Final = b"#separator "
_PATH: Final = re.compile(rb"\n#path[^\r\n]x509\r?\n")
_MAX_FIELDS: Final = 1024
_NO_FIELDS: Final = "a line of no field that was announced"


def looks_like_x509_log(head: bytes) -> bool:
    """Whether it begins as Zeek's tab-separated logs do, and is that of certificates."""
    return head.startswith(_HEADING) and _PATH.search(head) is not None


def read_x509_log(stream: Readable, max_line_bytes: int) -> Iterator[Item]:
    """A certificate for each line. Several logs may follow each other. May raise OSError."""
    separator, unset, column = b"\t", (b"-", b"(empty)"), -1
    for number, line in enumerate(read_lines(stream, max_line_bytes), 1):
        place = f"line {number}"
        if line is None:
            yield Refusal(TOO_LONG, place)
        elif line.startswith(_HEADING):
            separator = _separator(line.removeprefix(_HEADING).strip())
        elif line.startswith(b"#fields"):
            fields = line.rstrip(b"\r").split(separator, _MAX_FIELDS)
            column = fields.index(b"cert") - 1 if b"cert" in fields else -1
        elif line and not line.startswith(b"#"):
            values = line.rstrip(b"\r").split(separator, _MAX_FIELDS)
            if column < 0:
                yield Refusal(X509_BARE, place)
            elif column >= len(values):
                yield Refusal(_NO_FIELDS, place)
            elif values[column] in unset:
                yield Refusal(X509_BARE, place)
            else:
                yield _der(values[column], place)


def _separator(text: bytes) -> bytes:
    """As Zeek writes it: \\x09."""
    if text.startswith(b"\\x"):
        try:
            return binascii.unhexlify(text[2:4])
        except ValueError:
            return b"\t"
    return text[:1] or b"\t"


def _der(text: bytes, place: str) -> Item:
    try:
        return DerItem(binascii.a2b_base64(text, strict_mode=True), place, "Zeek", origin=Origin.traffic)
    except ValueError:
        return Refusal(BAD_BASE64, place)
