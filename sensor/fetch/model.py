"""A CRL or a CA's certificate that somebody asked for in clear: who, from where, and what came."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from sensor.fetch.findings import CrlAudit
from sensor.ocsp.model import Evidence
from sensor.pki.crl import Crl, CrlEntry
from sensor.pki.x509 import X509
from sensor.weird import FlowId


class Fetch(msgspec.Struct, frozen=True, gc=False):
    """The HTTP transaction. `ts` is the request's time, or the reply's where the request was not seen; `response_ts`
    the reply's. `url` is what was asked for, its host in lower case and without port 80 ("" if not known). Text off
    the wire is raw bytes here. `fuid` and `mime_type` are those of the reply's body.

    It stands where an OcspExchange does in a Leak, and has what every reader of leaks asks of one.
    """

    flow: FlowId
    ts: int
    method: str | None
    host: bytes | None
    uri: bytes | None
    user_agent: bytes | None
    http_status: int | None
    url: str
    resp_fuid: str | None
    mime_type: str | None
    response_ts: int | None
    evidence: Evidence

    cert_id: ClassVar[None] = None
    request: ClassVar[None] = None
    response: ClassVar[None] = None
    single: ClassVar[None] = None
    orig_fuid: ClassVar[None] = None


class CrlFetch(msgspec.Struct, frozen=True, gc=False):
    """One line of crl.log. `crl` is None where none came: 304, a reply that was not seen.

    `asked` are entries about certificates that were asked about by OCSP before, the first few; `asked_total` counts
    them. `verified`: it is complete, not from the future, and its signature that of a known CA; None where none came.
    `further`: it came behind another in the same file.
    """

    fetch: Fetch
    crl: Crl | None
    asked: tuple[CrlEntry, ...] = ()
    asked_total: int = 0
    audit: CrlAudit | None = None
    verified: bool | None = None
    further: bool = False


class OnCrl(msgspec.Struct, frozen=True, gc=False):
    """A CRL, seen before, that a certificate asked about is on: where it came from, and whether its signature was
    `verified` (else nobody could check it).

    `newer`: its thisUpdate is after the answer's, which may be of the time before; None if that is not known.
    """

    url: str
    verified: bool
    newer: bool | None


class CertificateFetch(msgspec.Struct, frozen=True, gc=False):
    """Certificates that came in one reply, in order, the first octet at `ts`. `left_out` counts those beyond the limit,
    or unreadable."""

    fetch: Fetch
    ts: int
    certificates: tuple[X509, ...]
    left_out: int
