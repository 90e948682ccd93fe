"""What a certificate revocation list says (RFC 5280 section 5), but for the list itself; times in nanoseconds."""

from __future__ import annotations

import enum

import msgspec

from sensor.pki.serial_index import SerialIndex

REASONS = {
    0: "unspecified",
    1: "keyCompromise",
    2: "cACompromise",
    3: "affiliationChanged",
    4: "superseded",
    5: "cessationOfOperation",
    6: "certificateHold",
    8: "removeFromCRL",
    9: "privilegeWithdrawn",
    10: "aACompromise",
}
"""CRLReason (RFC 5280 5.3.1)."""


class CrlError(Exception):
    """The bytes are no CRL. `reason` is short and stable; `limit`: one of our limits ended the reading."""

    def __init__(self, reason: str, limit: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.limit = limit


class CrlEnd(enum.Enum):
    """How far the reading of a CRL got."""

    whole = "whole"
    cut = "cut"  # the bytes end before the CRL does
    hole = "hole"  # bytes lost in capture
    broken = "broken"  # not DER any more, or a limit was met


class CrlEntry(msgspec.Struct, frozen=True, gc=False):
    """A revoked certificate. `issuer_der` is given where the entry, or one before it, names one (indirect CRLs)."""

    serial_number: str  # pki.serial.render_serial text
    revocation_time: int | None
    reason: str | None
    invalidity_time: int | None = None
    issuer_der: bytes | None = None


class CrlScope(msgspec.Struct, frozen=True, gc=False):
    """IssuingDistributionPoint (RFC 5280 5.2.5): which certificates this CRL is about.

    `names` are URLs, or `word:text` of other names; a nameRelativeToCRLIssuer is RFC 4514 text behind "relative:".
    """

    names: tuple[str, ...]
    only_user_certs: bool
    only_ca_certs: bool
    only_attribute_certs: bool
    indirect: bool
    reasons: tuple[str, ...]  # onlySomeReasons


class CrlHead(msgspec.Struct, frozen=True, gc=False):
    """What stands before the entries."""

    version: int
    algorithm_der: bytes  # of `signature`, which must be repeated outside
    issuer: str  # RFC 4514 text
    issuer_der: bytes
    this_update: int | None
    next_update: int | None
    bad_times: tuple[str, ...] = ()


class CrlExtensions(msgspec.Struct, frozen=True, gc=False):
    """What stands behind them. Numbers are upper-case hex, as serial numbers are written."""

    number: str | None = None
    base_number: str | None = None  # of a delta CRL: the number of the CRL it is to be put on
    authority_key_id: bytes | None = None
    scope: CrlScope | None = None
    delta_urls: tuple[str, ...] = ()  # freshestCRL
    oids: tuple[str, ...] = ()
    unknown_critical: tuple[str, ...] = ()
    problem: str | None = None  # one that is there and cannot be read
    names_cut: bool = False  # there are more of `scope`, or for a delta, than were asked for


NO_EXTENSIONS = CrlExtensions()


class Crl(msgspec.Struct, frozen=True, gc=False):
    """A CRL that went by. Unless `end` is whole, what follows the place where it ended is not known.

    `head` is None if not even the beginning could be read. `issuers` counts the certificateIssuer names in it. `hits`
    are entries about serials that the reader was told to watch for. `tbs_digest` is over tbsCertList with the hash of
    the signature algorithm (None: a hash that is not known, or a signature that needs `tbs` itself).
    """

    end: CrlEnd
    problem: str | None  # what ended the reading, of a broken one
    limit: bool  # ... and whether it was a limit of ours
    head: CrlHead | None
    extensions: CrlExtensions
    entries: int
    issuers: int
    octets: int  # of the CRL in DER, as far as seen
    trailing: int
    pem: bool
    hits: tuple[CrlEntry, ...]
    hits_total: int
    serials: SerialIndex | None
    foreign_issuers: tuple[bytes, ...]  # names (DER) of other issuers in `serials`: an indirect CRL
    signature_algorithm: str | None
    algorithm_der: bytes  # outside tbsCertList
    signature: bytes
    tbs_digest: bytes | None
    tbs: bytes | None
    others: tuple[Crl, ...] = ()  # that follow in the same file, in PEM
    more: int = 0  # ... and how many behind them are not read
