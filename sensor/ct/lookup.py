"""The seam between what was asked about on the wire and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import msgspec

from sensor.ocsp.model import CertId
from sensor.pki.certificates import Certificate


class Issuer(msgspec.Struct, frozen=True, gc=False):
    """A CA known to the store, or vouched for by one (`issuer_from_traffic`): then `number` is negative.

    `name` is RFC 4514 text; `common_name` what a person calls it, "" if it has no such name.
    """

    number: int
    name: str
    common_name: str


class Found(msgspec.Struct, frozen=True, gc=False):
    """The certificate with this issuer and serial is known; `source`: from where, `learned_at` (s): since when."""

    certificate: Certificate
    issuer: Issuer
    source: str
    learned_at: int


class NotFound(msgspec.Struct, frozen=True, gc=False):
    """Looked for and not there. `issuer` is given where the CertID's hashes name a CA that is known."""

    issuer: Issuer | None = None


class Unavailable(msgspec.Struct, frozen=True, gc=False):
    """Could not be asked: locked, slow, broken. Never remembered as an answer. `pending`: comes later (LateLookup).
    `issuer` is given where the CertID's hashes name a CA that is known all the same."""

    reason: str
    pending: bool = False
    issuer: Issuer | None = None


class KnownIssuer(msgspec.Struct, frozen=True):
    """An issuer whose certificate (DER) is at hand."""

    issuer: Issuer
    certificate: bytes


class CrlUse(msgspec.Struct, frozen=True, gc=False):
    """Certificates that are known and name one CRL: at most MAX_CRL_USE; `more`: there are others."""

    certificates: tuple[Found, ...]
    more: bool


MAX_CRL_USE: Final = 64

Answer = Found | NotFound | Unavailable


class CtLookup(Protocol):
    """One answer for every id asked, in order. Never raises for absence or trouble; `Unavailable` is never cached.

    The key is issuer and serial, never the serial alone: an id whose hashes name no known issuer is NotFound.
    """

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]: ...

    def issuer_from_traffic(self, der: bytes) -> Issuer | None:
        """Offers what was seen in the traffic, a certificate (OCSP delegate, caIssuers download) or a PKCS#7 bundle of
        them: who it makes known, if anyone.

        It counts if it is a CA's and signed by a CA that is known, or was accepted before; then answers about its
        issuer's certificates are NotFound with that issuer, until the end of the run. It never adds a name of a site.
        None for everything else, whatever the bytes are; a repeated offer costs a dictionary's look-up.
        """
        ...

    def issuer_certificate(self, issuer: Issuer) -> bytes | None:
        """A certificate (DER) of an issuer that an answer, or `issuer_from_traffic`, named: its key is the one behind
        the CertID's hashes. None where only the name or the hashes are known, and where it cannot be asked now."""
        ...

    def with_crl(self, url: str) -> CrlUse | Unavailable:
        """The certificates that name the CRL at `url` (`pki.names.url_key`) as theirs, whoever issued them."""
        ...

    def issuers_named(self, name: str) -> Sequence[KnownIssuer] | Unavailable:
        """The CAs of this name (RFC 4514 text): those of the store, and those that the traffic made known."""
        ...

    def limits(self) -> dict[str, int]:
        """How often each of its limits was reached so far, by settings key."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class LateLookup(CtLookup, Protocol):
    """A CtLookup some of whose answers are Unavailable and `pending` first. One thread asks and takes."""

    late: int
    """Answers that came, or were given up, after somebody had been told that they come later."""
    refused: int
    """Questions not asked because too many waited."""

    @property
    def waiting(self) -> int:
        """Ids that wait for an answer."""
        ...

    @property
    def prompt(self) -> CtLookup:
        """The same without what leaves this machine: for questions that nobody's traffic asked."""
        ...

    def take_late(self) -> list[tuple[CertId, Answer]]:
        """Answers to what was `pending`, each once, in the order in which they came; Unavailable if none will come."""
        ...

    def settle(self, seconds: float) -> list[tuple[CertId, Answer]]:
        """The end: as `take_late`, after a wait for what is still out, which is then given up."""
        ...
