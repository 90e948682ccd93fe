"""The bytes of one message body in, in order, the files they are out; content coding is undone here, within limits.

Framing is undone before. `idle` says when the rest of a body need only be counted.
"""

from __future__ import annotations

import re
from typing import Final

from sensor.flow.ledger import PER_PIECE, Ledger
from sensor.flow.uid import file_uid
from sensor.http.codings import Decoder, known_codings
from sensor.http.content import Content, filename_of
from sensor.http.grammar import parse_number
from sensor.http.head import Head, read_odd_fields, take_marked
from sensor.http.multipart import Multipart, boundary_of
from sensor.http.outline import known_parts
from sensor.http.shape import der_size
from sensor.http.transaction import BodyFile, NewTap, NotKept
from sensor.settings import HttpSettings

_RATIO_FREE_BYTES: Final = 65536
"""Decoded bytes below which no ratio makes a bomb."""
_DER_HEAD: Final = 16
_STATE: Final = 65536
"""What a decompressor takes at once (zlib has 40 KB, brotli and zstd more)."""
_MOST_WINDOW: Final = 16 << 20
"""Further back than this none refers (RFC 7932 section 9.1)."""
_PER_TAPPED: Final = 3
"""A CRL that goes by leaves serial numbers behind: of so many octets one, at most."""
_MIN_TAP: Final = 4096
_CONTENT_RANGE: Final = re.compile(rb"bytes[ \t]+([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)[ \t]*", re.IGNORECASE)


class Body:
    """The body of one message. `feed`, `skipped` and `lost` take what framing found; `finish` gives the files."""

    def __init__(
        self,
        settings: HttpSettings,
        head: Head,
        is_orig: bool,
        uid: str,
        depth: int,
        size: int,
        new_tap: NewTap | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """`uid` of the flow, `depth` of the transaction. `size`: what framing says, -1 if it does not know. `ledger`:
        charged with what decompressors need."""
        self.ledger = ledger
        self.charged = 0
        self.settings = settings
        self.head = head
        self.is_orig = is_orig
        self.uid = uid
        self.depth = depth
        self.length = 0
        self.fed = 0
        self.ts = 0
        self.hole = False
        self.oddities: list[tuple[str, bytes | None]] = []
        self.decoder: Decoder | None = None
        self.content: Content | None = None
        self.multipart: Multipart[Content] | None = None
        self._sink: Content | Multipart[Content]  # the one of the two that there is
        if head.coded:
            self._set_up_decoder(head)
        boundary = boundary_of(head.content_type) if head.content_type is not None else None
        if boundary is not None:
            self.multipart = self._sink = Multipart(boundary, self._part, settings.max_parts, settings.max_line_bytes)
            return
        known = size if self.decoder is None else -1
        self.content = self._sink = Content(
            settings, is_orig, head.content_type, filename_of(head.disposition, head.content_type), known, new_tap
        )
        if known < 0 and self.decoder is None and head.length > 0:
            self.content.total = head.length  # what it claimed is logged, though it does not count (as Zeek)

    def charge(self, octets: int) -> None:
        """Decompressors need so much more: state, and what of their output they may refer to."""
        if self.ledger is not None and self.charged < _MOST_WINDOW:
            self.charged += octets
            self.ledger.charged += octets

    def kept(self) -> tuple[int, int]:
        """Octets kept, about, and what is charged for decompressors."""
        parts = self.multipart.parts if self.multipart is not None else [self.content] if self.content else []
        kept = 0 if self.multipart is None else self.multipart.waiting()
        if self.decoder is None:  # else it was charged for
            kept += sum([part.held_bytes + PER_PIECE * len(part.held) for part in parts])
        kept += sum([_MIN_TAP + part.seen // _PER_TAPPED for part in parts if part.tap is not None])
        return kept, self.charged

    def idle(self) -> bool:
        """Whether what follows only needs to be counted, so that it can be skipped."""
        if self.decoder is not None and not self.decoder.stopped:
            return False
        return self.multipart is None and self.content is not None and self.content.idle()

    def set_range(self, value: bytes | None) -> None:
        """This is the body of a 206 reply, with this Content-Range (RFC 9110 section 14.4)."""
        found = _CONTENT_RANGE.fullmatch(value) if value is not None else None
        if found is None and value is not None:
            self.oddities.append(("HTTP_content_range_cannot_parse", known_parts(value)))
        first, last, total = (parse_number(part) for part in found.groups()) if found is not None else (-1, -1, -1)
        if found is not None and last < first:
            self.oddities.append(("HTTP_non_positive_content_range", known_parts(value or b"")))
        if self.content is not None:
            if total > 0:
                self.content.total = total
            self.content.partial = not (first == 0 and last + 1 == total)
            self.content.headless = first != 0

    def feed(self, data: bytes, ts: int) -> None:
        self.fed += len(data)
        if self.decoder is not None:
            self.ts = ts
            self.decoder.feed(data)
            return
        self.length += len(data)
        self._sink.feed(data, ts)

    def skipped(self, count: int, ts: int) -> None:
        """`count` bytes went by unseen, as `idle` allowed."""
        if self.decoder is None and self.content is not None:
            self.length += count
            self.content.skipped(count, ts)

    def lost(self, count: int) -> None:
        """`count` bytes were lost in capture: what is coded cannot be decoded behind them."""
        self.hole = True
        self.length += count
        if self.decoder is not None:
            self.decoder.stopped = True
        self._sink.lost(count)

    def owed(self) -> int:
        """Octets that the DER object, which this body seems to be, lacks; 0 if it is whole, or none, or not kept."""
        content = self.content
        if content is None or self.decoder is not None or self.hole or content.partial or not content.held:
            return 0
        start = content.held[0] if len(content.held[0]) >= _DER_HEAD else b"".join(content.held)
        size = der_size(start, 0)
        return size - content.held_bytes if content.held_bytes < size <= content.limit else 0

    def finish(self, complete: bool) -> tuple[BodyFile, ...]:
        """The files, when no more bytes come; `complete`: whether that is where the message ends."""
        if self.ledger is not None:
            self.ledger.charged -= self.charged
            self.charged = 0
        files = self._finish(complete)
        if self.decoder is not None:
            self.decoder.close()
        if self.multipart is not None:
            self.multipart.close()
        return files

    def _finish(self, complete: bool) -> tuple[BodyFile, ...]:
        decoder = self.decoder
        if decoder is not None and not self.hole:
            decoder.finish()
            if decoder.failed:
                self.oddities.append(("inflate_failed", None))
            if decoder.passed:
                self.oddities.append(("HTTP_content_coding_not_applied", None))
            elif not decoder.stopped and not decoder.whole:
                self.oddities.append(("HTTP_content_coding_cut", None))
        uid, depth = self.uid, self.depth
        if self.multipart is not None:
            self.multipart.finish()
            if self.multipart.too_many:
                self.oddities.append(("HTTP_too_many_parts", None))
            parts = self.multipart.parts
            found = []
            for i, part in enumerate(parts):
                why_not = None if i + 1 < len(parts) or self.multipart.closed else self._why_not(complete)
                file = part.finish(file_uid(uid, self.is_orig, depth, i + 1), why_not)
                if file is not None:
                    found.append(file)
            return tuple(found)
        if self.content is None or not self.content.seen:
            return ()
        file = self.content.finish(file_uid(uid, self.is_orig, depth, 0), self._why_not(complete))
        return () if file is None else (file,)

    def _why_not(self, complete: bool) -> NotKept | None:
        decoder = self.decoder
        if decoder is None:
            return None if complete else NotKept.CUT
        if decoder.stopped:
            return NotKept.UNDECODABLE
        return None if decoder.whole and (complete or decoder.ended) else NotKept.CUT

    def _set_up_decoder(self, head: Head) -> None:
        codings, others = known_codings(head.codings)
        if others:
            self.oddities.append(("unknown_content_coding", known_parts(b", ".join(head.codings))))
        if len(codings) > self.settings.max_codings:
            self.oddities.append(("HTTP_too_many_codings", b", ".join(codings)))
        elif codings:
            self.decoder = Decoder(codings, self._decoded)
            self.charge(_STATE * len(codings))

    def _decoded(self, piece: bytes) -> bool:
        self.length += len(piece)
        self.charge(2 * len(piece))  # what may be referred to, and what is kept
        settings = self.settings
        self._sink.feed(piece, self.ts)
        kept = self.content is None or bool(self.content.held)
        most = settings.max_inflated_bytes if kept else settings.max_counted_inflated_bytes
        if self.length > most or (
            self.length > _RATIO_FREE_BYTES and self.length > self.fed * settings.max_inflate_ratio
        ):
            self.oddities.append(("HTTP_compression_bomb", None))
            return False
        return True

    def _part(self, fields: bytes) -> Content:
        """A part of a multipart body that begins with this block of field lines (RFC 2046 section 5.1)."""
        head = Head()
        read_odd_fields(head, fields, 16, self.settings.max_line_bytes)
        content = Content(
            self.settings, self.is_orig, head.content_type, filename_of(head.disposition, head.content_type), -1
        )
        if head.length > 0:
            content.total = head.length
        if head.notable:
            take_marked(self.head, head.fields)
        return content
