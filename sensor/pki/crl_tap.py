"""A file that may be a CRL, in DER or PEM, read while it goes by: what an HTTP body of that type is given to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from sensor.pki.crl import Crl
from sensor.pki.crl_reader import CrlReader
from sensor.pki.pem import PemLines, PemStream

_LABELS: Final = (b"X509 CRL", b"CRL")  # RFC 7468 section 7, and what some tools write
_ANY: Final = 1 << 62


class CrlTap:
    """Feeds a reader the CRL, in PEM one reader each of the first `max_crls`, and counts those behind them; undoes the
    textual encoding where the first octet is no DER SEQUENCE's."""

    def __init__(self, new_reader: Callable[[], CrlReader], max_before: int, max_crls: int = 1) -> None:
        """At most `max_before` characters of text stand before the first CRL in PEM."""
        self._new_reader = new_reader
        self._reader = new_reader()
        self._max_before = max_before
        self._max_crls = max_crls
        self._pem: PemStream | None = None
        self._begun = False
        self._wanted = True
        self._read: list[CrlReader] = []  # blocks that are over
        self._behind: PemLines | None = None

    def feed(self, data: bytes) -> bool:
        """The next bytes. Returns whether more are wanted."""
        if not self._begun and data:
            self._begun = True
            if data[0] != 0x30:
                self._pem = PemStream(_LABELS, self._max_before)
        if self._pem is None:
            return self._reader.feed(data)
        pem = self._pem
        while self._behind is None:
            octets = pem.feed(data)
            if octets and self._wanted:
                self._wanted = self._reader.feed(octets)
            if pem.broken:
                return False
            if not pem.ended:  # also where the reader is done: what is behind the block begins where the block ends
                return True
            data = pem.rest
            self._wanted = True
            self._read.append(self._reader)
            if len(self._read) < self._max_crls:
                self._reader = self._new_reader()
                pem = self._pem = PemStream(_LABELS, _ANY)
            else:
                self._behind = PemLines(_LABELS)
        self._behind.feed(data)
        return True

    def finish(self, lost: bool) -> Crl:
        """What was read, the first CRL with the `others`; a textual encoding that is broken, or is none of a CRL, makes
        the CRL a broken one."""
        pem = self._pem
        if pem is None:
            return self._reader.finish(lost)
        crls = [reader.finish(lost, True) for reader in self._read]
        if self._behind is None and (pem.began or not crls):
            if pem.broken or not pem.began:
                self._reader.fail("broken PEM" if pem.began else "not a CRL")
            crls.append(self._reader.finish(lost, pem.began))
        more = 0 if self._behind is None else self._behind.count
        if len(crls) == 1 and not more:
            return crls[0]
        return msgspec.structs.replace(crls[0], more=more, others=tuple(crls[1:]))
