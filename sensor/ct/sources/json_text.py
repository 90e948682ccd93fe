"""JSON to items: an array, a document, or one object a line; what each object is, its fields say.

Feeds are believed as `Origin` has it: nothing that they say makes a CA trusted.
"""

from __future__ import annotations

import binascii
import itertools
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from sensor.ct.sources import DerItem, Item, Origin, Readable, Refusal
from sensor.ct.sources.crtsh import read_row
from sensor.ct.sources.lines import TOO_LONG, read_lines
from sensor.ct.sources.log_entries import BAD_BASE64, read_entries, within

CERTSTREAM_BARE: Final = "certstream message without its certificate: take the server's full stream"
CERTSTREAM_NAMES: Final = "certstream message of names only, which says nothing of whose certificate they are in"
ISSUANCE_BARE: Final = "Cert Spotter issuance without its certificate: ask with expand=cert_der"
X509_BARE: Final = "x509.log entry without its certificate: load policy/protocols/ssl/log-certs-base64 in Zeek"
CANNOT_BE_READ: Final = "JSON that cannot be read"
NOT_KNOWN: Final = "JSON of no kind that is known"
_CERTSTREAM: Final = "certstream message that cannot be read"
_MAX_CHAIN: Final = 16
_ABSENT: Final = msgspec.Raw(b"")
_TROUBLES: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"
_JSON: Final = re.compile(rb"\{\s*[\"}]|\[\s*[\[{\]]|[\[{]\s*\Z")
# In a folder, JSON is most often something else's.
_MARKS: Final = (
    (b'"issuer_name"', b'"name_value"'),
    (b'"leaf_input"',),
    (b'"message_type"', b'"certificate_update"'),
    (b'"tbs_sha256"',),
    (b'"certificate.serial"',),
)


class _Object(msgspec.Struct):
    """The fields by which kinds are told apart, and what is used of issuances and of Zeek; whatever they hold."""

    entries: msgspec.Raw = _ABSENT
    message_type: msgspec.Raw = _ABSENT
    tbs_sha256: msgspec.Raw = _ABSENT
    cert_der: msgspec.Raw = _ABSENT
    cert: msgspec.Raw = _ABSENT
    zeek_serial: msgspec.Raw = msgspec.field(default=_ABSENT, name="certificate.serial")
    zeek_version: msgspec.Raw = msgspec.field(default=_ABSENT, name="certificate.version")
    name_value: msgspec.Raw = _ABSENT
    issuer_name: msgspec.Raw = _ABSENT


class _Named(msgspec.Struct):
    as_der: str | None = None


class _Update(msgspec.Struct):
    leaf_cert: _Named
    chain: list[_Named] | None = None


class _Message(msgspec.Struct):
    message_type: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class _OlderCertificate(msgspec.Struct):
    data: str


def looks_like_json(head: bytes) -> bool:
    """Whether an object, or an array of some, begins here."""
    return _JSON.match(head.removeprefix(_BYTE_ORDER_MARK).lstrip(_SPACE)) is not None


def looks_like_ours(head: bytes) -> bool:
    """Whether it has the fields of a kind that is known."""
    return any(all(mark in head for mark in marks) for marks in _MARKS)


def read_json(stream: Readable, max_bytes: int, max_names: int) -> Iterator[Item]:
    """Items of every object; an object, or a line, that is damaged or of another kind is refused, the others are read.

    Memory: a few times `max_bytes`, the most a document or a line may have. May raise OSError.
    """
    lines = _numbered(read_lines(stream, max_bytes))
    number, first = next(lines, (1, b""))
    second = next(lines, None)
    if first is None and second is None:
        yield Refusal("too long")
        return
    if first is not None and (second is None or _goes_on(first, second[1])):
        yield from _read_document(first, second, lines, max_bytes, max_names)
        return
    yield from _read_line(first, "" if first and first[:1] == b"[" else f"line {number}", max_names)
    if second is not None:
        yield from _read_line(second[1], f"line {second[0]}", max_names)
    for number, line in lines:
        yield from _read_line(line, f"line {number}", max_names)


def _numbered(lines: Iterator[bytes | None]) -> Iterator[tuple[int, bytes | None]]:
    """Those in which there is something; None is one that is too long."""
    for number, line in enumerate(lines, 1):
        text = line and (line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line).strip(_SPACE)
        if text != b"":
            yield number, text


def _goes_on(first: bytes, second: bytes | None) -> bool:
    """Whether the value that the first line begins ends on another; and not, cut short, on that line."""
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except _TROUBLES:
        return first[:1] == b"[" or not (second is None or _JSON.match(second))
    return False


def _read_line(line: bytes | None, place: str, max_names: int) -> Iterator[Item]:
    if line is None:
        yield Refusal(TOO_LONG, place)
    else:
        yield from _read_text(line, max_names, place)


def _read_document(
    first: bytes,
    second: tuple[int, bytes | None] | None,
    rest: Iterator[tuple[int, bytes | None]],
    max_bytes: int,
    max_names: int,
) -> Iterator[Item]:
    """One value over several lines, or the only one."""
    parts, size = [first], len(first)
    for _, line in itertools.chain([second] if second else [], rest):
        size += max_bytes + 1 if line is None else 1 + len(line)
        if line is None or size > max_bytes:
            yield Refusal("too long")
            return
        parts.append(line)
    yield from _read_text(b"\n".join(parts), max_names, "")


def _read_text(text: bytes, max_names: int, place: str) -> Iterator[Item]:
    if text[:1] != b"[":
        yield from _read_value(msgspec.Raw(text), max_names, place)
        return
    try:
        rows = msgspec.json.decode(text, type=list[msgspec.Raw])
    except _TROUBLES:
        yield Refusal(CANNOT_BE_READ, place)
        return
    for number, row in enumerate(rows, 1):
        yield from _read_value(row, max_names, within(place, f"row {number}"))


def _read_value(raw: msgspec.Raw, max_names: int, place: str) -> Iterator[Item]:
    try:
        found = msgspec.json.decode(raw, type=_Object)
    except msgspec.ValidationError:
        yield Refusal(NOT_KNOWN, place)
        return
    except _TROUBLES:
        yield Refusal(CANNOT_BE_READ, place)
        return
    if found.entries is not _ABSENT:
        yield from _entries(found.entries, place)
    elif found.message_type is not _ABSENT:
        yield from _certstream(raw, place)
    elif found.tbs_sha256 is not _ABSENT:
        yield _der(_text(found.cert_der) or _older(found.cert), "Cert Spotter", Origin.feed, ISSUANCE_BARE, place)
    elif found.zeek_serial is not _ABSENT or found.zeek_version is not _ABSENT:
        yield _der(_text(found.cert), "Zeek", Origin.traffic, X509_BARE, place)
    elif found.name_value is not _ABSENT or found.issuer_name is not _ABSENT:
        yield read_row(raw, max_names, place)
    else:
        yield Refusal(NOT_KNOWN, place)


def _entries(raw: msgspec.Raw, place: str) -> Iterator[Item]:
    try:
        rows = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except _TROUBLES:
        yield Refusal(NOT_KNOWN, place)
        return
    yield from read_entries(rows, place)


def _certstream(raw: msgspec.Raw, place: str) -> Iterator[Item]:
    """Its issuers, farthest first, and then the certificate. Heartbeats are nothing."""
    try:
        message = msgspec.json.decode(raw, type=_Message)
        if message.message_type == "dns_entries":
            yield Refusal(CERTSTREAM_NAMES, place)
        if message.message_type != "certificate_update":
            return
        update = msgspec.json.decode(message.data, type=_Update)
    except _TROUBLES:
        yield Refusal(_CERTSTREAM, place)
        return
    for issuer in reversed((update.chain or [])[:_MAX_CHAIN]):
        if issuer.as_der:
            yield _der(issuer.as_der, "certstream", Origin.feed, CERTSTREAM_BARE, place)
    yield _der(update.leaf_cert.as_der, "certstream", Origin.feed, CERTSTREAM_BARE, place)


def _older(raw: msgspec.Raw) -> str | None:
    """Cert Spotter's `cert` field, which was there before `cert_der`."""
    try:
        return None if raw is _ABSENT else msgspec.json.decode(raw, type=_OlderCertificate).data
    except _TROUBLES:
        return None


def _text(raw: msgspec.Raw) -> str | None:
    try:
        return None if raw is _ABSENT else msgspec.json.decode(raw, type=str)
    except _TROUBLES:
        return None


def _der(text: str | None, source: str, origin: Origin, without: str, place: str) -> Item:
    if not text:
        return Refusal(without, place)
    try:
        return DerItem(binascii.a2b_base64(text, strict_mode=True), place, source, origin=origin)
    except ValueError:  # binascii.Error, and what is not ASCII
        return Refusal(BAD_BASE64, place)
