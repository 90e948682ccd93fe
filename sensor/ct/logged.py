"""What a Certificate Transparency log says of certificates and their issuers, and the seam to whatever keeps it.

A log's entry has no signature that names its issuer's key, as a file's certificate has: the leaf of a precertificate
carries a hash of that key (RFC 6962 3.2), and the log answers for it. Who fills a BulkSink has verified the entry's
place in the signed tree, the issuer's chain up to a root, and the signature of what is no precertificate. So a log is
believed for serials that are new; to what is known already it adds nothing that the issuer did not sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

OTHER_NAMES: Final = "known by other names, and these are not signed by its issuer"


class LoggedCertificate(msgspec.Struct, frozen=True, gc=False):
    """One entry. Names as in `pki.certificates.Certificate`: checked, in order, without repeats; times in seconds.

    `issuer_name` and `subject` are the Names' DER as they lie in the (pre)certificate; `serial` is the magnitude
    without leading zeros, b"\\0" for zero. A precertificate and its certificate have the same key (`issuer_key_sha256`,
    `issuer_name`, `serial`) and the same names.
    """

    issuer_key_sha256: bytes  # of the issuer's SubjectPublicKeyInfo (not what OCSP hashes; LoggedIssuer has both)
    issuer_name: bytes
    serial: bytes
    not_before: int
    not_after: int
    subject: bytes
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    email_addresses: tuple[str, ...]
    ocsp_urls: tuple[str, ...]
    crl_urls: tuple[str, ...]
    ca_issuer_urls: tuple[str, ...]
    is_ca: bool
    must_staple: bool
    is_precertificate: bool
    names_left_out: int = 0
    precertificate: bytes = b""
    """The precertificate as the log gave it, DER: the tree has no part in it, and nobody has checked its signature."""


class LoggedIssuer(msgspec.Struct, frozen=True):
    """An issuer of logged certificates, by one of its certificates, whose chain was checked.

    `name` is the DER of its Name, `key_octets` the bits of its subjectPublicKey: what CertIDs hash (RFC 6960 4.1.1).
    """

    key_sha256: bytes  # of its SubjectPublicKeyInfo
    name: bytes
    key_octets: bytes
    certificate: bytes


class LogPosition(msgspec.Struct, frozen=True):
    """How far a log was read, and the newest head seen of it, which may be known before any entry is.

    Entries from `first_index` up to `next_index` (exclusive) were read and verified, under `filtered`, which says which
    were kept. `frontier` are the hashes of the perfect subtrees that make up the tree of the first `next_index`
    entries, largest first: from them, and the entries behind, the log's root can be computed. `timestamp` in
    milliseconds since 1970, as the log signed it.
    """

    first_index: int
    next_index: int
    frontier: tuple[bytes, ...]
    tree_size: int
    root_hash: bytes
    timestamp: int
    filtered: str

    @property
    def has_entries(self) -> bool:
        """Whether any entry was read; if not, the next run may begin where it wants, and filter as it wants."""
        return self.next_index > self.first_index


class BulkSink(Protocol):
    """Where logged certificates go. One thread at a time calls it; any method may raise `ct.schema.StoreError`.

    Rows first, position after: what `add` was given since the last `commit` is durable no later than the position is;
    as long as the position is not, it may be lost or kept. Adding what is there already changes nothing, so that a
    killed sync costs some rows read twice, and no more.
    """

    def add_issuers(self, issuers: Sequence[LoggedIssuer]) -> None:
        """Makes issuers known. What they are good for outlives this object, but whoever opens another one adds them
        again before the certificates that name them."""
        ...

    def add(self, certificates: Sequence[LoggedCertificate], source: str, learned_at: int) -> None:
        """Adds certificates whose issuers (key and name) were added to this object; `source` is the log's name for
        people, `learned_at` in seconds. May wait for `commit` to do the work."""
        ...

    def position(self, log_id: bytes) -> LogPosition | None:
        """What was last committed for the log with this id (RFC 6962 3.2), None before that."""
        ...

    @property
    def refused(self) -> int:
        """How many of those given to the last commit were refused: they are known by other names, and these are not
        signed by the issuer."""
        ...

    def commit(self, log_id: bytes, position: LogPosition) -> int:
        """All that was added is kept, and the log was read up to `position`. Returns how many (issuer, serial) pairs
        were new since the last call."""
        ...

    def close(self) -> None:
        """What was not committed is lost, or kept."""
        ...
