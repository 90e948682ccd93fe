"""A file that may be a CRL, in DER or PEM, read while it goes by: what an HTTP body of that type is given to."""

from __future__ import annotations

from typing import Final

from sensor.pki.crl import Crl
from sensor.pki.crl_reader import CrlReader
from sensor.pki.pem import PemLines, PemStream

_LABELS: Final = (b"X509 CRL", b"CRL")  # RFC 7468 section 7, and what some tools write


class CrlTap:
    """Feeds `reader` the first CRL, and counts those behind it; undoes the textual encoding where the first octet is no
    DER SEQUENCE's."""

    def __init__(self, reader: CrlReader, max_before: int) -> None:
        """At most `max_before` characters of text stand before a CRL in PEM."""
        self._reader = reader
        self._max_before = max_before
        self._pem: PemStream | None = None
        self._begun = False
        self._behind: PemLines | None = None

    def feed(self, data: bytes) -> bool:
        """The next bytes. Returns whether more are wanted."""
        if not self._begun and data:
            self._begun = True
            if data[0] != 0x30:
                self._pem = PemStream(_LABELS, self._max_before)
        pem = self._pem
        if pem is None:
            return self._reader.feed(data)
        if self._behind is not None:
            self._behind.feed(data)
            return True
        octets = pem.feed(data)
        wanted = self._reader.feed(octets) if octets else True
        if pem.ended or not wanted:  # the reader may be done before the line that ends the block has come
            self._behind = PemLines(_LABELS)
            self._behind.feed(pem.rest)
            return True
        return not pem.broken

    def finish(self, lost: bool) -> Crl:
        """What was read; a textual encoding that is broken, or is none of a CRL, makes the CRL a broken one."""
        pem = self._pem
        if pem is not None and (pem.broken or not pem.began):
            self._reader.fail("broken PEM" if pem.began else "not a CRL")
        more = 0 if self._behind is None else self._behind.count
        return self._reader.finish(lost, pem is not None and pem.began, more)
