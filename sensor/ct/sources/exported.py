"""What `ct export` wrote, back to items. It is believed as the cache that it came from was: it is the operator's. What
was a claim there is one here, too: it has no CA trusted, and waits for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from sensor.ct.exporting import FactsLine, IssuerLine, WaitingLine
from sensor.ct.sources import ClaimedItem, GivenItem, Item, Readable, Refusal, WordsItem
from sensor.ct.sources.lines import read_lines
from sensor.pki.certificates import CertificateError, SignedCertificate, decode_certificate
from sensor.pki.issuers import ALGORITHMS
from sensor.pki.serial import SerialError, parse_serial

_MAX_ISSUERS: Final = 1 << 16
_DAMAGED: Final = "a line that ct export does not write"
_Line = IssuerLine | FactsLine | WaitingLine


def read_exported(stream: Readable, max_line_bytes: int, max_names: int) -> Iterator[Item]:
    """Every line but the heading; one that is damaged, or too long, is refused and the others are read."""
    issuers: dict[int, tuple[SignedCertificate, tuple[tuple[int, bytes], ...]]] = {}
    for number, line in enumerate(read_lines(stream, max_line_bytes), 1):
        place = f"line {number}"
        if line is None:
            yield Refusal(_DAMAGED, place)
            continue
        if number == 1 or not line:
            continue
        try:
            yield from _items(_decode(line), issuers, max_names, place)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, SerialError):
            yield Refusal(_DAMAGED, place)
        except CertificateError as error:
            yield Refusal(f"not a certificate that can be read: {error}", place)


def _decode(line: bytes) -> _Line:
    if line.startswith(b'{"waiting"'):
        return msgspec.json.decode(line, type=WaitingLine)
    facts = b'"facts":' in line[:64]
    return msgspec.json.decode(line, type=FactsLine) if facts else msgspec.json.decode(line, type=IssuerLine)


def _items(
    line: _Line, issuers: dict[int, tuple[SignedCertificate, tuple[tuple[int, bytes], ...]]], max_names: int, place: str
) -> Iterator[Item]:
    if isinstance(line, WaitingLine):
        if any(not 0 <= each[0] < len(ALGORITHMS) for each in line.hashes):
            yield Refusal(_DAMAGED, place)
        else:
            yield ClaimedItem(line.waiting, line.key_id, line.hashes, line.source, line.learned_at, place)
    elif isinstance(line, IssuerLine):
        if len(issuers) >= _MAX_ISSUERS or any(not 0 <= n < len(ALGORITHMS) for n, _ in line.name_hashes):
            yield Refusal(_DAMAGED, place)
        else:
            certificate = decode_certificate(line.certificate, max_names)
            issuers[line.issuer] = certificate, line.name_hashes
            yield GivenItem(None, certificate, line.name_hashes, "", 0, place)
    else:
        facts = line.facts
        names = len(facts.dns_names) + len(facts.ip_addresses) + len(facts.email_addresses)
        if (
            names > max_names
            or facts.serial_number.startswith("-")
            or (parse_serial(facts.serial_number) != facts.serial_number)
        ):
            yield Refusal(_DAMAGED, place)
        elif line.ca_id is not None:
            yield WordsItem(facts, line.display, line.ca_id, place, line.source, line.learned_at)
        elif line.issuer not in issuers:
            yield Refusal("of an issuer that is not there before it", place)
        else:
            yield GivenItem(facts, *issuers[line.issuer], line.source, line.learned_at, place)
