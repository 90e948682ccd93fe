"""What is odd about an OCSP message that could be read, by itself: names of weirds, and what they add."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sensor.ocsp.elements import CUT_MARK
from sensor.ocsp.model import OcspRequest, OcspResponse, ResponseStatus

Oddities = tuple[tuple[str, str | None], ...]
"""Names of weirds, and what they add, that follow from a message alone."""
ASSIGNED: Final = frozenset(ResponseStatus)
"""Statuses that RFC 6960 section 4.2.1 gives a meaning."""
_MAX_SERIAL_DIGITS: Final = 40
_DATE: Final = re.compile(r"[0-9]{1,20}(?:[.,][0-9]{1,20})?(?:Z|[+-][0-9]{2,4})?")
"""What may stand for a moment, be there such a one or not; any other text is not shown."""


def request_oddities(asked: OcspRequest) -> Oddities:
    """Of a request."""
    traits = asked.traits
    odd: list[tuple[str, str | None]] = []
    if traits.trailing_bytes:
        odd.append(("ocsp_trailing_data", f"request: {traits.trailing_bytes} bytes"))
    if not asked.cert_ids_total:
        odd.append(("ocsp_empty_request", None))
    elif asked.cert_ids_total != len(asked.cert_ids):
        odd.append(("asn1_limit", f"request: {asked.cert_ids_total} CertIDs"))
    elif traits.cut:
        odd.append(("asn1_limit", "request: extensions"))
    for cert_id in asked.cert_ids:
        if _is_odd_serial(cert_id.serial_number):
            odd += _serial_oddities("request", cert_id.serial_number)
            break
    return tuple(odd)


def reply_oddities(reply: OcspResponse) -> Oddities:
    """Of a reply."""
    odd: list[tuple[str, str | None]] = []
    if reply.trailing_bytes:
        odd.append(("ocsp_trailing_data", f"reply: {reply.trailing_bytes} bytes"))
    if reply.status:
        if reply.status not in ASSIGNED:
            odd.append(("ocsp_illegal_status", str(reply.status)))
        elif reply.response_type is not None:
            odd.append(("ocsp_illegal_status", f"{reply.status} with responseBytes"))
    elif reply.response_type is None:
        odd.append(("ocsp_illegal_status", "successful without responseBytes"))
    if reply.responses_total != len(reply.responses):
        odd.append(("asn1_limit", f"reply: {reply.responses_total} SingleResponses"))
    elif reply.cut:
        odd.append(("asn1_limit", "reply: list"))
    bad_times = reply.bad_times
    for single in reply.responses:
        if single.bad_times:
            bad_times += single.bad_times
    if bad_times:
        first = bad_times[0]
        odd.append(("ocsp_bad_time", first if _DATE.fullmatch(first) else f"{len(first)} characters"))
    for single in reply.responses:
        cert_id = single.cert_id
        if _is_odd_serial(cert_id.serial_number):
            odd += _serial_oddities("reply", cert_id.serial_number)
            break
    return tuple(odd)


def _is_odd_serial(serial: str) -> bool:
    """Whether it is none that a CA may give: positive, of at most 20 octets (RFC 5280 4.1.2.2)."""
    return len(serial) > _MAX_SERIAL_DIGITS or serial[0] == "-"


def _serial_oddities(message: str, serial: str) -> Iterator[tuple[str, str | None]]:
    """What is odd about the first of a message's serial numbers that is."""
    faults = ["negative"] if serial[0] == "-" else []
    if len(serial.partition(CUT_MARK)[0].lstrip("-")) > _MAX_SERIAL_DIGITS:
        faults.append("more than 20 octets")
    if faults:
        yield "ocsp_odd_serial", f"{message}: {', '.join(faults)}"
    if CUT_MARK in serial:
        yield "asn1_limit", f"{message}: serial number"
