"""A disclosure: this client told everyone on the path that it deals with this certificate's site."""

from __future__ import annotations

import enum

import msgspec

from sensor.fetch.model import Fetch
from sensor.ocsp.model import Evidence, OcspExchange
from sensor.recent import Recent
from sensor.weird import FlowId

FEW_SITES = 10
"""The most that grade `few` stands for."""


class Grade(enum.Enum):
    """How much the certificate asked about gives away."""

    exact = "exact"  # one registrable domain
    few = "few"  # 2 to 10
    many = "many"  # more than 10
    ca = "ca"  # an intermediate: only the CA
    unlisted = "unlisted"  # not in the cache: the serial is still a stable, linkable identifier


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What the certificate gives away, whoever asks about it. `names` are cut to what is logged."""

    issuer: str | None
    site: str | None
    names: tuple[str, ...]
    names_total: int
    sites_total: int
    grade: Grade
    found_in: str | None
    not_before: int | None
    not_after: int | None
    responders: frozenset[bytes] = frozenset()  # hosts of its OCSP URLs, in lower case


class Leak(msgspec.Struct, frozen=True, gc=False):
    """One line of leak.log. Times: `ts` nanoseconds, `not_before` and `not_after` seconds since 1970."""

    ts: int
    flow: FlowId
    channel: str  # "ocsp", "crl", "ca_issuers"
    serial_number: str | None  # a CRL is about many
    issuer: str | None  # RFC 4514 text of its name
    site: str | None  # what privacy.sites calls the first name's site; None for an intermediate or an unlisted serial
    names: tuple[str, ...]
    names_total: int
    sites_total: int  # of a CRL, of all certificates that name it, as far as known
    grade: Grade
    found_in: str | None  # the source of the certificate's row
    not_before: int | None
    not_after: int | None
    software: str
    evidence: Evidence
    times_seen: int  # of this client and certificate, this one included
    exchange: OcspExchange | Fetch
    foreign_responder: bool = False  # the certificate names other responders than the host that was asked


class LeakCounter:
    """How often each key was seen; of more than `max_tracked` keys, the longest unseen is forgotten.

    Keys are kept as their 64-bit hashes: a quarter of a million of them take 10 MB. Two keys share one with a
    probability of 2e-9 then; the strings in them are hashed with a secret, so that nobody can make them collide.
    """

    def __init__(self, max_tracked: int) -> None:
        self._times = Recent(max_tracked)
        self._deferred = False
        self.forgotten = 0

    def defer(self) -> None:
        """From now on nothing is counted here: `see` returns the key's number, for another counter's `see_number`."""
        self._deferred = True

    def see(self, key: tuple[object, ...]) -> int:
        """Counts `key` once more and returns how often it was seen, this time included: 1 the first time."""
        number = hash(key)
        return number if self._deferred else self.see_number(number)

    def see_number(self, number: int) -> int:
        """As `see`, of the key with this number: of this process, or of one that it forked into."""
        place = self._times.find(number)
        if place < 0:
            self.forgotten += self._times.add(number, 1)
            return 1
        times = self._times.value(place) + 1
        self._times.put(place, times)
        return times

    def __len__(self) -> int:
        return len(self._times)
