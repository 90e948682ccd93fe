"""The seam between what was asked about on the wire and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sensor.ocsp.model import CertId
from sensor.pki.certificates import Certificate


class Issuer(msgspec.Struct, frozen=True, gc=False):
    """A CA known to the store. `name` is RFC 4514 text; `common_name` what a person calls it."""

    number: int
    name: str
    common_name: str


class Found(msgspec.Struct, frozen=True, gc=False):
    """The certificate with this issuer and serial is known; `source` says from where it was learnt, `learned_at` (s) when."""

    certificate: Certificate
    issuer: Issuer
    source: str
    learned_at: int


class NotFound(msgspec.Struct, frozen=True, gc=False):
    """Looked for and not there. `issuer` is given where the CertID's hashes name a CA that is known."""

    issuer: Issuer | None = None


class Unavailable(msgspec.Struct, frozen=True, gc=False):
    """Could not be asked: locked, slow, broken. Never remembered as an answer."""

    reason: str


Answer = Found | NotFound | Unavailable


class CtLookup(Protocol):
    """One answer for every id asked, in order. Never raises for absence or trouble; `Unavailable` is never cached.

    The key is issuer and serial, never the serial alone: an id whose hashes name no known issuer is NotFound.
    """

    def lookup(self, ids: Sequence[CertId]) -> list[Answer]: ...

    def close(self) -> None: ...
