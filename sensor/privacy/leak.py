"""A disclosure: this client told everyone on the path that it deals with this certificate's site."""

from __future__ import annotations

import enum

import msgspec

from sensor.ocsp.model import Evidence, OcspExchange
from sensor.weird import FlowId


class Grade(enum.Enum):
    """How much the certificate asked about gives away."""

    exact = "exact"  # one registrable domain
    few = "few"  # 2 to 10
    many = "many"  # more than 10
    ca = "ca"  # an intermediate: only the CA
    unlisted = "unlisted"  # not in the cache: the serial is still a stable, linkable identifier


class Leak(msgspec.Struct, frozen=True, gc=False):
    """One line of leak.log. Times: `ts` nanoseconds, `not_before` and `not_after` seconds since 1970."""

    ts: int
    flow: FlowId
    channel: str  # "ocsp" (later also "crl", "ca_issuers")
    serial_number: str
    issuer: str | None
    site: str | None  # the registrable domain if there is one, else the first name
    names: tuple[str, ...]
    names_total: int
    sites_total: int
    grade: Grade
    found_in: str | None  # the source of the certificate's row
    not_before: int | None
    not_after: int | None
    software: str
    evidence: Evidence
    times_seen: int  # of this client and certificate, this one included
    exchange: OcspExchange
