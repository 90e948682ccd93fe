"""A CRL's bytes in, as they come, what it says out: however long it is, little of it is held (RFC 5280 section 5).

DER only; an entry is looked at when it is there as a whole, and then forgotten but for a hash of its serial number.
What is odd ends the reading, and what was read before it counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, Protocol

from sensor.pki.crl import NO_EXTENSIONS, Crl, CrlEnd, CrlEntry, CrlError, CrlHead
from sensor.pki.crl_parts import (
    certificate_issuer,
    decode_algorithm,
    decode_entry,
    decode_extensions,
    decode_head,
    decode_signature,
)
from sensor.pki.der import SEQUENCE, DerError
from sensor.pki.serial_index import SerialIndex, foreign_key
from sensor.pki.signatures import signature_digest, signs_whole
from sensor.settings import CrlSettings

_HEAD: Final = 0
_ENTRIES: Final = 1
_EXTENSIONS: Final = 2
_SIGNATURE: Final = 3
_DONE: Final = 4
_BROKEN: Final = 5

_REASON_ONLY: Final = 14  # octets of crlEntryExtensions that hold a reasonCode and nothing else
_DIGESTS: Final = frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"})  # `pki.signatures` checks these
_NOTHING: Final[frozenset[int]] = frozenset()

Watch = Callable[[bytes], frozenset[int]]
"""From an issuer's name (DER) to the keys (`serial_key`) of the serials that are of interest under it."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class CrlReader:
    """Takes one CRL in DER piece by piece. Never raises for what the bytes are."""

    def __init__(
        self,
        settings: CrlSettings,
        index: SerialIndex | None = None,
        watch: Watch | None = None,
        on_entry: Callable[[CrlEntry], None] | None = None,
    ) -> None:
        """Serials go into `index`; entries that `watch` asks for are kept; `on_entry` is given every entry, decoded."""
        self._settings = settings
        self._max_part = settings.max_part_bytes
        self._index = index
        self._watch = watch
        self._on_entry = on_entry
        self._state = _HEAD
        self._buffer = b""
        self._base = 0  # where in the CRL the buffer begins
        self._retry = 0  # octets before which it is no use to try the beginning again
        self._start = 0
        self._length = 0
        self._tbs_start = 0
        self._tbs_end = 0
        self._entries_end = 0
        self._outer_end = 0
        self._head: CrlHead | None = None
        self._extensions = NO_EXTENSIONS
        self._error: CrlError | None = None
        self._entries = 0
        self._issuer: bytes | None = None  # of the entries that follow, where it is not the CRL's
        self._prefix = b""
        self._issuers: dict[bytes, bytes] = {}
        self._issuers_total = 0
        self._watching: frozenset[int] = _NOTHING
        self._hits: list[CrlEntry] = []
        self._hits_total = 0
        self._digest: _Digest | None = None
        self._kept: list[bytes] | None = None
        self._kept_bytes = 0
        self._algorithm = b""
        self._signature = b""
        self._trailing = 0
        self._reached = 0  # octets of what is being read that belong to whole parts

    def feed(self, data: bytes) -> bool:
        """The next bytes. Returns whether more are wanted."""
        if self._state >= _DONE:
            return False
        room = self._settings.max_bytes - self._base - len(self._buffer)
        too_large = len(data) > room
        if too_large:
            data = data[:room]
        if self._state != _HEAD:
            self._sign(data, self._base + len(self._buffer))
        buffer = self._buffer + data if self._buffer else data
        self._advance(buffer)
        if too_large and self._state < _DONE:
            self._fail(CrlError("larger than max_bytes", True))
        return self._state < _DONE

    def fail(self, reason: str) -> None:
        """Whoever hands over the bytes has found that they are broken."""
        self._read_held_head()
        if self._state < _DONE:
            self._fail(CrlError(reason))

    def finish(self, lost: bool = False, pem: bool = False) -> Crl:
        """What was read, when no more bytes come; `lost`: because some were lost in capture."""
        self._read_held_head()
        if self._state == _DONE:
            end = CrlEnd.whole
        elif self._state == _BROKEN:
            end = CrlEnd.broken
        else:
            end = CrlEnd.hole if lost else CrlEnd.cut
        if self._index is not None:
            self._index.seal()
        error = self._error
        whole = end is CrlEnd.whole
        return Crl(
            end,
            None if error is None else error.reason,
            error is not None and error.limit,
            self._head,
            self._extensions,
            self._entries,
            self._issuers_total,
            self._base if whole else self._base + len(self._buffer),
            self._trailing,
            pem,
            tuple(self._hits),
            self._hits_total,
            self._index,
            tuple(self._issuers),
            None if self._head is None else decode_algorithm(self._algorithm or self._head.algorithm_der),
            self._algorithm,
            self._signature,
            self._digest.digest() if self._digest is not None and whole else None,
            b"".join(self._kept) if self._kept is not None and whole else None,
        )

    def _read_held_head(self) -> None:
        """A beginning that waited for more, of which no more comes."""
        if self._state == _HEAD and self._retry:
            self._retry = 0
            self._advance(self._buffer)

    def _advance(self, buffer: bytes) -> None:
        """Reads what is whole in `buffer`, and keeps the rest."""
        try:
            pos = self._run(buffer)
        except CrlError as error:
            self._fail(error)
        except DerError as error:
            self._fail(CrlError(error.reason, error.limit))
        else:
            self._buffer = buffer[pos:] if pos else buffer
            self._base += pos
            self._reached = 0
            if self._state == _DONE:
                self._trailing = len(self._buffer)
                self._buffer = b""

    def _fail(self, error: CrlError) -> None:
        self._error = error
        self._state = _BROKEN
        self._base += self._reached  # the same however the octets came
        self._reached = 0
        self._buffer = b""
        self._kept = None

    def _run(self, data: bytes) -> int:
        """Returns the position behind what was read. Raises CrlError and DerError."""
        pos = self._reached = 0
        size = len(data)
        while self._state < _DONE:
            if self._state == _HEAD:
                if size < self._retry:
                    return 0
                pos = self._read_head(data)
                if pos == 0:
                    self._retry = size + size // 4 + 16
                    if size > self._max_part:
                        raise CrlError("its beginning is too long", True)
                    return 0
                self._state = _ENTRIES
                self._reached = pos
                self._sign(data, 0)
            elif self._state == _ENTRIES:
                pos = self._read_entries(data, pos)
                if self._base + pos < self._entries_end:
                    return pos
                self._state = _EXTENSIONS
            else:
                end = self._tbs_end if self._state == _EXTENSIONS else self._outer_end
                need = end - self._base - pos
                if need > self._max_part:
                    raise CrlError("its end is too long", True)
                if size - pos < need:
                    return pos
                part = data[pos : pos + need]
                if self._state == _EXTENSIONS:
                    if need:
                        self._extensions = decode_extensions(part, self._settings.max_names)
                    self._state = _SIGNATURE
                else:
                    self._algorithm, self._signature = decode_signature(part)
                    self._state = _DONE
                pos += need
                self._reached = pos
        return pos

    def _header(self, data: bytes, pos: int) -> int:
        """The identifier octet of the element at `pos`, -1 if its header is not all there; sets `_start`, `_length`."""
        size = len(data)
        if pos + 2 > size:
            return -1
        tag = data[pos]
        length = data[pos + 1]
        pos += 2
        if length >= 0x80:
            octets = length & 0x7F
            if octets == 0:
                raise CrlError("indefinite length")
            if octets > 6:
                raise CrlError("length of an element")
            if pos + octets > size:
                return -1
            length = 0
            for i in range(pos, pos + octets):
                length = length << 8 | data[i]
            pos += octets
        self._start = pos
        self._length = length
        return tag

    def _read_head(self, data: bytes) -> int:
        """Where the entries begin; 0 if that is not yet known."""
        size = len(data)
        tag = self._header(data, 0)
        if tag < 0:
            return 0
        if tag != SEQUENCE:
            raise CrlError("not a CRL")
        self._outer_end = self._start + self._length
        self._tbs_start = self._start
        tag = self._header(data, self._start)
        if tag < 0:
            return 0
        if tag != SEQUENCE:
            raise CrlError("not a CRL")
        pos = self._start
        self._tbs_end = pos + self._length
        if self._tbs_end > self._outer_end:
            raise CrlError("longer than what it is in")
        first = pos
        for _ in range(6):  # version, signature, issuer, thisUpdate, nextUpdate, and what is behind
            if pos >= self._tbs_end:
                break
            tag = self._header(data, pos)
            if tag < 0:
                return 0
            if tag == 0xA0 or (tag == SEQUENCE and self._times_before(data, first, pos)):
                break
            stop = self._start + self._length
            if stop > self._tbs_end:
                raise CrlError("longer than what it is in")
            if stop > size:
                return 0
            pos = stop
        else:
            raise CrlError("not a CRL")
        self._head = decode_head(data[first:pos])
        if pos < self._tbs_end and tag == SEQUENCE:
            self._entries_end = self._start + self._length
            if self._entries_end > self._tbs_end:
                raise CrlError("longer than what it is in")
            pos = self._start
        else:
            self._entries_end = pos
        name = signature_digest(self._head.algorithm_der)
        if name in _DIGESTS:
            self._digest = hashlib.new(name, usedforsecurity=False)  # what it is good for, the audit says
        elif signs_whole(self._head.algorithm_der):
            self._kept = []
        if self._watch is not None:
            self._watching = self._watch(self._head.issuer_der)
        return pos

    def _times_before(self, data: bytes, pos: int, end: int) -> bool:
        """Whether thisUpdate stands between `pos` and `end`, so that a SEQUENCE at `end` is revokedCertificates."""
        while pos < end:
            tag = self._header(data, pos)
            pos = self._start + self._length
            if tag in (0x17, 0x18):
                self._header(data, end)
                return True
        self._header(data, end)
        return False

    def _sign(self, data: bytes, at: int) -> None:
        """Takes what of tbsCertList is in `data`, which lies at `at`, for the signature."""
        start = self._tbs_start - at if self._tbs_start > at else 0
        stop = self._tbs_end - at
        if stop <= start:
            return
        part = data if start == 0 and stop >= len(data) else data[start:stop]
        if self._digest is not None:
            self._digest.update(part)
        elif self._kept is not None:
            self._kept.append(part)
            self._kept_bytes += len(part)
            if self._kept_bytes > self._max_part:
                self._kept = None

    def _read_entries(self, data: bytes, pos: int) -> int:
        """Entries (RFC 5280 5.1.2.6) from `pos` on, as far as they are whole; where they end."""
        size = len(data)
        end = self._entries_end - self._base
        first = pos
        keys: list[int] = []
        try:
            while pos < end:
                if pos + 2 > size:
                    break
                if data[pos] != 0x30:
                    raise CrlError("revokedCertificates: not an entry")
                length = data[pos + 1]
                start = pos + 2
                if length >= 0x80:
                    if self._header(data, pos) < 0:
                        break
                    start = self._start
                    length = self._length
                stop = start + length
                if stop > end:
                    raise CrlError("longer than what it is in")
                if stop > size:
                    if length > self._max_part:
                        raise CrlError("an entry is too long", True)
                    break
                if length < 5 or data[start] != 0x02:
                    raise CrlError("userCertificate")
                serial = start + 2
                date = serial + data[start + 1]
                if date == serial or date + 2 > stop or data[date] not in {0x17, 0x18}:
                    raise CrlError("revocationDate")
                rest = date + 2 + data[date + 1]
                if rest > stop:
                    raise CrlError("revocationDate")
                if stop - rest > _REASON_ONLY and data.find(b"\x06\x03\x55\x1d\x1d", rest, stop) >= 0:
                    issuer = certificate_issuer(data[pos:stop])
                    if issuer is not None:
                        self._take(keys, data, first)
                        keys = []
                        first = pos
                        self._set_issuer(issuer)
                if data[serial] >= 0x80:
                    keys.append(
                        hash(b"-" + data[serial:date])
                    )  # negative: no certificate's, and not its positive twin's
                else:
                    while data[serial] == 0 and serial + 1 < date:
                        serial += 1
                    keys.append(hash(data[serial:date]))
                pos = stop
        finally:
            self._reached = pos
            self._take(keys, data, first)  # those before a broken one count
        return pos

    def _set_issuer(self, issuer: bytes) -> None:
        """The entries from here on are about certificates of `issuer` (RFC 5280 5.3.3)."""
        self._issuers_total += 1
        self._issuer = None if self._head is not None and issuer == self._head.issuer_der else issuer
        if self._issuer is not None:
            prefix = self._issuers.get(issuer)
            if prefix is None and len(self._issuers) < self._settings.max_issuers:
                prefix = self._issuers[issuer] = hashlib.sha256(issuer).digest()
            self._prefix = prefix or b""
        if self._watch is not None:
            self._watching = self._watch(issuer)

    def _take(self, keys: list[int], data: bytes, first: int) -> None:
        """Entries of one issuer, which begin at `first`, by their keys."""
        if not keys:
            return
        self._entries += len(keys)
        index = self._index
        if index is not None:
            if self._issuer is None:
                index.add(keys)
            elif self._prefix:
                index.add([foreign_key(self._prefix, key) for key in keys])
            else:
                index.is_full = True
        wanted = self._watching.intersection(keys) if self._watching else _NOTHING
        if not wanted and self._on_entry is None:
            return
        pos = first
        for key in keys:
            self._header(data, pos)
            end = self._start + self._length
            if key in wanted or self._on_entry is not None:
                entry = decode_entry(data[pos:end], self._issuer)
                if self._on_entry is not None:
                    self._on_entry(entry)
                if key in wanted:
                    self._hits_total += 1
                    if len(self._hits) < self._settings.max_told:
                        self._hits.append(entry)
            pos = end
