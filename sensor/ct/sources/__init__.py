"""What can be imported: files in several forms to items, each a certificate, a search's row, or a refusal."""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from sensor.pki.certificates import Certificate, SignedCertificate


class Origin(enum.Enum):
    """Whose word a certificate is, which decides what it may become without a known CA's signature."""

    file = "file"
    """The operator's own: a CA's is trusted as an issuer."""
    feed = "feed"
    """Somebody's account of what is logged. A CA's counts once a CA that is known here has signed it; others wait for
    their issuer, as those of a file do."""
    traffic = "traffic"
    """Anybody's: seen on the wire. Nothing counts that a known CA has not signed."""


class Form(enum.Enum):
    """As what a file is read, in words for whoever imports it."""

    certificates = "certificates, whose CAs are trusted"
    from_feed = "certificates of a feed"  # by its name, or because somebody said so
    export = "an export, believed as the cache it came from"
    export_from_feed = "an export, of which only certificates count"
    json = "JSON of feeds, logs or crt.sh"
    tile = "a CT log's tile"
    x509_log = "Zeek's x509.log"
    report = "a CCADB report"


class DerItem(msgspec.Struct, frozen=True, gc=False):
    """Bytes that should be one DER certificate. `place` says where in its file: "certificate 17", or nothing."""

    der: bytes
    place: str = ""
    source: str = ""  # where a file says it, and `learned_at` (s) likewise
    learned_at: int = 0
    origin: Origin = Origin.file


class WordsItem(msgspec.Struct, frozen=True):
    """What a search of crt.sh says: `facts` has the names that matched, `ca_id` is crt.sh's number of the issuer,
    "" if not given; `display` what a person calls the issuer."""

    facts: Certificate
    display: str
    ca_id: str
    place: str = ""
    source: str = ""
    learned_at: int = 0


class ClaimedItem(msgspec.Struct, frozen=True):
    """A certificate that waits for its issuer in the cache it came from, whoever issued it. That issuer's key is known
    by `key_id` there, and asked for by `hashes`: number in `pki.issuers.ALGORITHMS`, of its name, of its key."""

    der: bytes
    key_id: bytes
    hashes: tuple[tuple[int, bytes, bytes], ...]
    source: str
    learned_at: int
    place: str = ""


class GivenItem(msgspec.Struct, frozen=True):
    """What a cache said of a certificate and its issuer, without its signature; of the issuer alone if `facts` is None.
    `name_hashes`: numbers in `pki.issuers.ALGORITHMS`, and the issuer's name hashed so."""

    facts: Certificate | None
    issuer: SignedCertificate
    name_hashes: tuple[tuple[int, bytes], ...]
    source: str
    learned_at: int
    place: str = ""


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Something that should have been a certificate. Reasons are few: they are counted by their text."""

    reason: str
    place: str = ""


Item = DerItem | WordsItem | ClaimedItem | GivenItem | Refusal


class Readable(Protocol):
    """Bytes that come in order; none at the end."""

    def read(self, size: int, /) -> bytes: ...
