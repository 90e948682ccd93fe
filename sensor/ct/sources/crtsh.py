"""crt.sh's JSON (`output=json`) to what it says of certificates. One field has two meanings there:

searched by   name_value                                      common_name
a name        the names that matched, one a line              given
a serial      the serial itself, in hex: never a host name    missing

Rows of a serial search name nobody and are refused with the way out, which is to fetch the certificate itself.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from sensor.ct.sources import Item, Refusal, WordsItem
from sensor.pki import names
from sensor.pki.certificates import Certificate
from sensor.pki.serial import SerialError, parse_serial

NO_NAMES = "crt.sh's search by serial gives no names: fetch the certificate itself (https://crt.sh/?d=ID)"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_LINES = 100_000  # crt.sh gives up at 10,000 rows; one name each


class _Row(msgspec.Struct):
    """The fields that are used; fnc/web_apis.fnc in crtsh/certwatch_db."""

    issuer_name: str
    name_value: str
    serial_number: str
    not_before: str
    not_after: str
    issuer_ca_id: int | None = None
    common_name: str | None = None


def read_crtsh(data: bytes, max_names: int) -> Iterator[Item]:
    """Every row of an array, or of a single object; a row that is not crt.sh's is refused and the others are read."""
    text = data.removeprefix(_BYTE_ORDER_MARK)
    if text.lstrip().startswith(b"{"):
        text = b"[" + text + b"]"
    try:
        rows = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        yield Refusal("JSON that cannot be read")
        return
    for number, raw in enumerate(rows, 1):
        yield read_row(raw, max_names, f"row {number}")


def read_row(raw: msgspec.Raw, max_names: int, place: str) -> Item:
    """One row."""
    try:
        return _item(msgspec.json.decode(raw, type=_Row), max_names, place)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Refusal("JSON that is not crt.sh's", place)
    except (SerialError, ValueError):
        return Refusal("crt.sh row with an impossible serial number or time", place)


def _item(row: _Row, max_names: int, place: str) -> Item:
    serial = parse_serial(row.serial_number)
    if serial.startswith("-"):
        return Refusal("negative serial number", place)
    if _is_serial(row.name_value, serial):
        return Refusal(NO_NAMES, place)
    issuer = names.parse_one_line_name(row.issuer_name)
    if issuer is None:
        return Refusal("crt.sh row whose issuer_name cannot be read", place)
    texts = [row.common_name or "", *row.name_value.split("\n", _MAX_LINES)]
    dns, ips, emails, left_out = _sorted_out(texts, max_names)
    if not dns and not ips and not emails:
        return Refusal("crt.sh row without a name of a host, address or mailbox", place)
    common_name = names.plain_text(row.common_name or "")
    facts = Certificate(
        serial_number=serial,
        issuer_name=issuer[0],
        subject_name=f"CN={common_name}" if common_name else "",
        common_name=common_name,
        dns_names=dns,
        ip_addresses=ips,
        email_addresses=emails,
        not_before=_seconds(row.not_before),
        not_after=_seconds(row.not_after),
        is_ca=False,
        must_staple=False,
        ocsp_urls=(),
        crl_urls=(),
        names_left_out=left_out,
    )
    return WordsItem(facts, issuer[1], "" if row.issuer_ca_id is None else str(row.issuer_ca_id), place)


def _is_serial(text: str, serial: str) -> bool:
    try:
        return parse_serial(text) == serial
    except SerialError:
        return False


def _sorted_out(texts: list[str], max_names: int) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], int]:
    """crt.sh puts host names, addresses, mailboxes and plain names of people and firms into one list."""
    dns: list[str] = []
    ips: list[str] = []
    emails: list[str] = []
    left_out = 0
    for text in dict.fromkeys(filter(None, texts)):
        kind = ips if _is_ip(text) else emails if names.email_address(text) else dns if _is_host(text) else None
        if kind is None or len(dns) + len(ips) + len(emails) >= max_names:
            left_out += 1
        else:
            kind.append(text)
    return tuple(dns), tuple(ips), tuple(emails), left_out


def _is_host(text: str) -> bool:
    """One word without a dot is more often a firm than a host; public certificates have no such host names."""
    return "." in text and names.dns_name(text) is not None


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _seconds(text: str) -> int:
    """ISO 8601; without a zone, as crt.sh writes it, it is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
