"""Textual encoding undone while it goes by (RFC 7468): the octets of the first block with a wanted label.

Text before the block is passed over; what is not base64 inside it ends it as broken. Nothing is held but an odd end.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

_BLANKS: Final = re.compile(rb"[\t\n\v\f\r ]+")
_BASE64: Final = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=))?")
_LONGEST_LABEL: Final = 64
_DASHES: Final = b"-----"


class PemStream:
    """`feed` returns the octets that the next characters stand for. `ended`: the block is over; `broken`: it never ends
    rightly; `began`: its first line was seen. At most `max_before` characters stand before it."""

    def __init__(self, labels: tuple[bytes, ...], max_before: int) -> None:
        self._begin = tuple(b"-----BEGIN " + label + _DASHES for label in labels)
        self._max_before = max_before
        self._held = b""
        self._before = 0
        self._padded = False  # nothing may follow
        self.began = False
        self.ended = False
        self.broken = False
        self.rest = b""  # behind the block, of what was fed last

    def feed(self, data: bytes) -> bytes:
        if self.ended or self.broken:
            return b""
        text = self._held + data
        if not self.began:
            room = self._max_before - self._before
            found = [(at, line) for line in self._begin if 0 <= (at := text.find(line)) <= room]
            if not found:
                self._held = text[-_LONGEST_LABEL:]
                self._before += len(text) - len(self._held)
                self.broken = self._before > self._max_before
                return b""
            self.began = True
            at, line = min(found)
            text = text[at + len(line) :]
        body, dash, self.rest = text.partition(b"-")
        body = _BLANKS.sub(b"", body)
        self.ended = bool(dash)
        whole = len(body) if self.ended else len(body) - len(body) % 4
        self._held = body[whole:]
        body = body[:whole]
        good = _BASE64.match(body)
        octets = body[: good.end()] if good is not None and not self._padded else b""
        self.broken = len(octets) < len(body)  # what stands before that counts, however the characters came
        self._padded = self._padded or octets.endswith(b"=")
        return binascii.a2b_base64(octets)


class PemLines:
    """Counts the blocks that begin with a wanted label, `count`, in text that goes by."""

    def __init__(self, labels: tuple[bytes, ...]) -> None:
        self._begin = tuple(b"-----BEGIN " + label + _DASHES for label in labels)
        self._keep = max(map(len, self._begin)) - 1
        self._held = b""
        self.count = 0

    def feed(self, data: bytes) -> None:
        text = self._held + data
        after = 0
        for line in self._begin:
            self.count += text.count(line)
            after = max(after, text.rfind(line) + len(line) if line in text else 0)
        self._held = text[max(after, len(text) - self._keep) :]
