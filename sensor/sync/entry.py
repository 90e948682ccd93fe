"""Entries of a log, in either form, into what is kept of their certificates; compiled.

Whatever an entry holds, it costs no other: what cannot be read is counted under its reason. Only where the framing of
a tile is lost (EntryError) nothing behind can be trusted, not even where it begins.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

from sensor.ct.entries import KEY_HASH_BYTES, PRECERT_ENTRY, EntryError, EntryFrame, vector_end
from sensor.ct.logged import LoggedCertificate
from sensor.pki.der import BIT_STRING, INTEGER, SEQUENCE, DerError, DerReader, decode_time
from sensor.pki.extensions import Extensions, decode_extensions

_PRECERT: Final = PRECERT_ENTRY
_KEY_HASH: Final = KEY_HASH_BYTES
_MAX_SERIAL: Final = 64
_MAX_ISSUER: Final = 8192
_MAX_REASONS: Final = 64
_MAX_CHAINS: Final = 256
_VERSION: Final = 0xA0
_EXTENSIONS: Final = 0xA3
_NO_EXTENSIONS: Final = Extensions()
_SECOND: Final = 1_000_000_000

EXPIRED: Final = "expired"
NO_ADDRESS: Final = "no OCSP or CRL address"
PRECERTIFIED: Final = "certificates whose precertificate is in the same log"
OTHER_NAMES: Final = "other names"
OTHER_REASONS: Final = "other reasons"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An entry that is kept. `der` is the certificate as a whole, b"" of a precertificate: its issuer's key is in the
    leaf; that of a certificate is to be found, and verified, by `chain`.

    `chain` are the issuers as the log gave them, nearest first: SHA-256 fingerprints (`by_fingerprint`), or
    certificates with 3 octets of length before each.
    """

    certificate: LoggedCertificate
    der: bytes
    chain: bytes
    by_fingerprint: bool


class EntryDecoder:
    """Decodes entry after entry. `hashes` are the leaf hashes (RFC 6962 2.1) of all, `entries` those that are kept,
    `skipped` counts those that were not wanted, `refused` those that cannot be read, by reason."""

    def __init__(
        self,
        ocsp: bool,
        crl: bool,
        domains: tuple[str, ...],
        valid_from: int,
        max_names: int,
        max_bytes: int,
        log_id: bytes = b"",
    ) -> None:
        """Kept are those with an OCSP (`ocsp`) or a CRL address (`crl`), all if neither is asked for; of one of
        `domains` or below it, if any are given; not expired at `valid_from` (s); of at most `max_bytes`. A certificate
        with an SCT of the log itself (`log_id`) is passed over: its precertificate is here, too, or will be within the
        merge delay."""
        self._ocsp = ocsp
        self._crl = crl
        self._exact = frozenset(domains)
        self._below = tuple("." + domain for domain in domains)
        self._valid_from = valid_from
        self._max_names = max_names
        self._max_bytes = max_bytes
        self._log_id = log_id
        self._chains: dict[bytes, bytes] = {}
        self.hashes: list[bytes] = []
        self.entries: list[Entry] = []
        self.timestamp = 0  # of the entry added last, milliseconds
        self.skipped: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        self._frame = EntryFrame()
        self._given = b""  # the precertificate of the entry at hand

    def take(self) -> tuple[list[bytes], list[Entry]]:
        """Hashes and entries since the last call."""
        taken = self.hashes, self.entries
        self.hashes, self.entries = [], []
        return taken

    def add_leaf(self, leaf_input: bytes, extra_data: bytes) -> None:
        """One entry of get-entries (RFC 6962 4.6). Never raises."""
        self.hashes.append(sha256(b"\0" + leaf_input).digest())
        if leaf_input[:2] != b"\0\0":  # version 1, timestamped_entry
            self._refuse("not a leaf of version 1")
            return
        try:
            end = self._frame.read(leaf_input, 2)
            self.timestamp = self._frame.timestamp
            if end != len(leaf_input):
                raise EntryError("something behind the entry")
            chain = vector_end(extra_data, 0, 3) if self._frame.kind == _PRECERT else 0
            self._given = extra_data[3:chain]
            end = vector_end(extra_data, chain, 3)
        except EntryError as error:
            self._refuse(str(error))
            return
        self._decode(leaf_input, extra_data, chain + 3, end, False)

    def add_tile(self, data: bytes, width: int, first: int, until: int) -> None:
        """The entries of a data tile (static-ct-api, "Log entries") of `width` entries, from `first` up to `until`.

        Raises EntryError; what came before is then still in `hashes` and `entries`.
        """
        pos = 0
        frame = self._frame
        for number in range(width):
            end = frame.read(data, pos)
            wanted = first <= number < until
            if wanted:
                self.hashes.append(sha256(b"\0\0\0" + data[pos:end]).digest())
            pos = vector_end(data, end, 3) if frame.kind == _PRECERT else end
            self._given = data[end + 3 : pos]
            end = vector_end(data, pos, 2)
            if wanted:
                self.timestamp = frame.timestamp
                self._decode(data, data, pos + 2, end, True)
            pos = end
        if pos != len(data):
            raise EntryError("something behind the tile's entries")

    def _decode(self, data: bytes, chain_data: bytes, chain: int, chain_end: int, by_fingerprint: bool) -> None:
        frame = self._frame
        start, stop = frame.start + 3, frame.stop
        key_hash, der = b"", b""
        if frame.kind == _PRECERT:
            key_hash = data[frame.start : frame.start + _KEY_HASH]
            start += _KEY_HASH
        else:
            der = data[start:stop]
            if self._log_id and self._log_id in der:
                self._skip(PRECERTIFIED)
                return
        if stop - start > self._max_bytes:
            self._refuse("too large")
            return
        try:
            certificate = self._certificate(DerReader(data, stop - start), start, stop, key_hash)
        except DerError as error:
            self._refuse(error.reason)
            return
        if certificate is not None:
            issuers = chain_data[chain:chain_end]  # the same of most entries: kept once
            issuers = self._chains.setdefault(issuers, issuers)
            if len(self._chains) > _MAX_CHAINS:
                self._chains.clear()
            self.entries.append(Entry(certificate, der, issuers, by_fingerprint))

    def _certificate(self, reader: DerReader, start: int, stop: int, key_hash: bytes) -> LoggedCertificate | None:
        """A Certificate, or, with the issuer's key hash, a TBSCertificate (RFC 5280 4.1; RFC 6962 3.2)."""
        data = reader.data
        pos = reader.enter(SEQUENCE, start, stop, "Certificate")
        reader.leave(stop, "Certificate")
        if not key_hash:
            pos = reader.enter(SEQUENCE, pos, stop, "TBSCertificate")
        end = reader.stop
        if reader.read(pos, end) == _VERSION:
            pos = reader.stop
        number = reader.enter(INTEGER, pos, end, "serialNumber")
        serial = data[number : reader.stop]
        if not serial or len(serial) > _MAX_SERIAL or serial[0] & 0x80:
            raise DerError("serialNumber")
        reader.enter(SEQUENCE, reader.stop, end, "signature")
        issuer = reader.stop
        reader.enter(SEQUENCE, issuer, end, "issuer")
        validity = reader.stop
        if validity - issuer > _MAX_ISSUER:
            raise DerError("issuer's name too long")
        pos = reader.enter(SEQUENCE, validity, end, "validity")
        subject = reader.stop
        tag = reader.read(pos, subject)
        pos = reader.stop
        not_before = decode_time(data, tag, reader.start, pos)
        tag = reader.read(pos, subject)
        not_after = decode_time(data, tag, reader.start, reader.stop)
        if not_before is None or not_after is None:
            raise DerError("validity")
        not_before, not_after = not_before // _SECOND, not_after // _SECOND
        if not_after < self._valid_from:
            self._skip(EXPIRED)
            return None
        reader.enter(SEQUENCE, subject, end, "subject")
        key = reader.stop
        reader.enter(SEQUENCE, key, end, "subjectPublicKeyInfo")
        pos = reader.stop
        found = _NO_EXTENSIONS
        while pos < end:
            tag = reader.read(pos, end)
            pos = reader.stop
            if tag == _EXTENSIONS:
                start = reader.enter(SEQUENCE, reader.start, pos, "extensions")
                found = decode_extensions(reader, start, reader.stop)
        if not ((self._ocsp and found.ocsp_urls) or (self._crl and found.crl_urls)) and (self._ocsp or self._crl):
            self._skip(NO_ADDRESS)
            return None
        if self._exact and not self._is_wanted(found.dns_names):
            self._skip(OTHER_NAMES)
            return None
        return self._logged(found, key_hash, data[issuer:validity], serial, not_before, not_after, data[subject:key])

    def _logged(
        self,
        found: Extensions,
        key_hash: bytes,
        issuer: bytes,
        serial: bytes,
        not_before: int,
        not_after: int,
        subject: bytes,
    ) -> LoggedCertificate:
        dns, ips, emails = tuple(found.dns_names), tuple(found.ip_addresses), tuple(found.email_addresses)
        left_out = found.left_out
        if len(dns) + len(ips) + len(emails) > self._max_names:
            left_out += len(dns) + len(ips) + len(emails) - self._max_names
            dns = dns[: self._max_names]
            ips = ips[: self._max_names - len(dns)]
            emails = emails[: self._max_names - len(dns) - len(ips)]
        return LoggedCertificate(
            key_hash,
            issuer,
            serial.lstrip(b"\0") or b"\0",
            not_before,
            not_after,
            subject,
            dns,
            ips,
            emails,
            tuple(found.ocsp_urls),
            tuple(found.crl_urls),
            tuple(found.ca_issuer_urls),
            found.is_ca,
            found.must_staple,
            len(key_hash) > 0,
            left_out,
            self._given,
        )

    def _is_wanted(self, names: dict[str, None]) -> bool:
        for name in names:
            text = name.lower().removesuffix(".").removeprefix("*.")
            if text in self._exact or text.endswith(self._below):
                return True
        return False

    def _skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def _refuse(self, reason: str) -> None:
        if reason not in self.refused and len(self.refused) >= _MAX_REASONS:
            reason = OTHER_REASONS
        self.refused[reason] = self.refused.get(reason, 0) + 1


def check_tile(data: bytes, width: int) -> None:
    """Whether these are `width` entries of a data tile, and nothing else. Raises EntryError."""
    frame = EntryFrame()
    pos = 0
    for _ in range(width):
        end = frame.read(data, pos)
        pos = vector_end(data, vector_end(data, end, 3) if frame.kind == _PRECERT else end, 2)
    if pos != len(data):
        raise EntryError("something behind the tile's entries")


def signed_parts(der: bytes) -> tuple[bytes, bytes, bytes]:
    """What is signed, by which algorithm (DER), and the signature, of a certificate. Raises DerError."""
    reader = DerReader(der, 8)
    pos = reader.enter(SEQUENCE, 0, len(der), "Certificate")
    end = reader.stop
    reader.leave(len(der), "Certificate")
    reader.enter(SEQUENCE, pos, end, "TBSCertificate")
    algorithm = reader.stop
    reader.enter(SEQUENCE, algorithm, end, "signatureAlgorithm")
    bits = reader.stop
    start = reader.enter(BIT_STRING, bits, end, "signatureValue")
    reader.leave(end, "Certificate")
    return der[pos:algorithm], der[algorithm:bits], der[start + 1 : reader.stop]
