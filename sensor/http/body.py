"""The bytes of one message body in, in order, the files they are out: counted, sniffed, hashed, kept or let go.

Framing is undone before, by `reader`. Content coding is undone here, within limits. Only PKI objects are kept; as
soon as nobody needs the rest of a body it says so by `idle`, and the packet path skips it.
"""

from __future__ import annotations

import re
from hashlib import md5, sha1, sha256
from typing import Final, Protocol

from sensor.flow.uid import file_uid
from sensor.http.codings import Decoder, known_codings
from sensor.http.grammar import parse_number, unescape_uri
from sensor.http.head import Head, read_odd_fields
from sensor.http.mime import SNIFF_BYTES, sniff
from sensor.http.multipart import Multipart, boundary_of
from sensor.http.transaction import BodyFile, Digests, NotKept
from sensor.settings import HttpSettings

# What is done with a file.
_COUNT: Final = 0
_HASH: Final = 1
_KEEP: Final = 2

_BY_TYPE: Final = {
    "application/ocsp-request": _KEEP,
    "application/ocsp-response": _KEEP,
    "application/pkix-cert": _KEEP,
    "application/pkcs7-mime": _KEEP,
    "application/pkix-crl": _HASH,
}
_BY_CLAIM: Final = {
    **{name.encode(): use for name, use in _BY_TYPE.items()},
    b"application/x-x509-ca-cert": _KEEP,
    b"application/x-x509-user-cert": _KEEP,
    b"application/x-pkcs7-certificates": _KEEP,
    b"application/x-pkcs7-crl": _HASH,
}
"""Content-Types that count though the content does not show it; the last three are what servers of old send."""

_RATIO_FREE_BYTES: Final = 65536
"""Decoded bytes below which no ratio makes a bomb."""

_FILENAME: Final = re.compile(rb"filename[ \t]*\*?=", re.IGNORECASE)
_NAME: Final = re.compile(rb"name[ \t]*=", re.IGNORECASE)
_BEFORE_NAME: Final = re.compile(rb".*name[ \t]*\*?=[ \t]*", re.IGNORECASE | re.DOTALL)
_CHARSET: Final = re.compile(rb"[a-zA-Z0-9!#$%&+\-^_`{}~]+'[a-zA-Z0-9!#$%&+\-^_`{}~]*'")
_CONTENT_RANGE: Final = re.compile(rb"bytes[ \t]+([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)[ \t]*", re.IGNORECASE)


def text_of(raw: bytes) -> str:
    """Bytes off the wire as text: UTF-8, and \\xNN for what is not."""
    return raw.decode("utf-8", "backslashreplace")


def filename_of(head: Head) -> str | None:
    """The file name that Content-Disposition gives, else the `name` of Content-Type, as Zeek takes them."""
    for value, mark in ((head.disposition, _FILENAME), (head.content_type, _NAME)):
        if value is not None and mark.search(value) is not None:
            name = _BEFORE_NAME.sub(b"", value, count=1)
            if name.startswith(b'"'):
                name = name[1:].partition(b'"')[0]
            charset = _CHARSET.match(name)
            return text_of(unescape_uri(name[charset.end() :] if charset is not None else name))
    return None


def digests_of(content: bytes) -> Digests:
    """MD5, SHA-1 and SHA-256, as names for content: nothing is trusted because of them."""
    return Digests(
        md5(content, usedforsecurity=False).hexdigest(),
        sha1(content, usedforsecurity=False).hexdigest(),
        sha256(content).hexdigest(),
    )


def _is_der_of(data: bytes, size: int) -> bool:
    """Whether `data` begins a DER SEQUENCE of `size` octets in all."""
    if len(data) < 2 or data[0] != 0x30:
        return False
    length = data[1]
    if length < 0x80:
        return length + 2 == size
    octets = length - 0x80
    return 1 <= octets <= 4 and int.from_bytes(data[2 : 2 + octets], "big") + 2 + octets == size


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Content:
    """One file: a body, or a part of one. Bytes come decoded."""

    def __init__(
        self, settings: HttpSettings, is_orig: bool, content_type: bytes | None, filename: str | None, size: int
    ) -> None:
        self.settings = settings
        self.is_orig = is_orig
        self.limit = settings.max_request_body_bytes if is_orig else settings.max_response_body_bytes
        self.content_type = content_type
        self.filename = filename
        self.size = size  # what it will be, -1 if not known
        self.total = size if size > 0 else -1  # what files.log calls total_bytes
        self.seen = 0
        self.missing = 0
        self.first_ts = 0
        self.last_ts = 0
        self.mime_type: str | None = None
        self.judged = False
        self.use = _COUNT
        self.too_large = False
        self.partial = False  # a range of something larger
        self.held: list[bytes] = []
        self.held_bytes = 0
        self.hashes: tuple[_Hash, _Hash, _Hash] | None = None

    @property
    def idle(self) -> bool:
        """Whether further bytes only need to be counted."""
        return self.judged and not self.held and self.hashes is None

    def feed(self, data: bytes, ts: int) -> None:
        if not self.seen:
            self.first_ts = ts
        self.last_ts = ts
        self.seen += len(data)
        if self.hashes is not None:
            for value in self.hashes:
                value.update(data)
        if not self.judged:
            self.held.append(data)
            self.held_bytes += len(data)
            if self.held_bytes >= SNIFF_BYTES:
                self.judge()
        elif self.held:
            self.held.append(data)
            self.held_bytes += len(data)
            if self.held_bytes > self.limit:
                self._let_go()

    def skipped(self, count: int, ts: int) -> None:
        """`count` bytes went by unseen."""
        if count:
            self.last_ts = ts
            self.seen += count

    def lost(self, count: int) -> None:
        """`count` bytes were lost in capture."""
        if not self.judged:
            if self.seen:
                self.judge()
            self.judged = True
        self.missing += count
        self.held = []
        self.held_bytes = 0
        self.hashes = None

    def judge(self) -> None:
        """The beginning is there: what is it, and what shall be done with it?"""
        self.judged = True
        start = self.held[0] if len(self.held) == 1 else b"".join(self.held)
        self.held = [start]
        self.mime_type = sniff(start)
        self.use = self._use_of(start)
        mode = self.settings.hash_bodies
        if self.use == _KEEP:
            if max(self.held_bytes, self.size) > self.limit:
                self._let_go()
                return
            if mode != "all":
                return  # hashed when it is whole
        if mode == "all" or (mode == "pki" and self.use == _HASH):
            self.hashes = (md5(start, usedforsecurity=False), sha1(start, usedforsecurity=False), sha256(start))
        if self.use != _KEEP:
            self.held = []
            self.held_bytes = 0

    def _use_of(self, start: bytes) -> int:
        use = _BY_TYPE.get(self.mime_type, _COUNT) if self.mime_type is not None else _COUNT
        if use == _COUNT and self.content_type is not None:
            use = _BY_CLAIM.get(self.content_type.partition(b";")[0].rstrip(b" \t").lower(), _COUNT)
        if use == _COUNT and start[0] == 0x30:
            size = self.size if self.size >= 0 else self.seen
            if size <= self.limit and _is_der_of(start, size):
                use = _KEEP  # OCSP that is too broken to show its type
        return use

    def _let_go(self) -> None:
        self.too_large = True
        if self.hashes is None and self.settings.hash_bodies != "none":
            whole = b"".join(self.held)
            self.hashes = (md5(whole, usedforsecurity=False), sha1(whole, usedforsecurity=False), sha256(whole))
        self.held = []
        self.held_bytes = 0

    def finish(self, fuid: str, why_not: NotKept | None) -> BodyFile | None:
        """The record; `why_not` says what is wrong with the message as a whole. None for a file without bytes."""
        if not self.seen:
            return None
        if not self.judged:
            self.judge()
        content: bytes | NotKept
        if self.use != _KEEP:
            content = NotKept.UNWANTED
        elif self.missing:
            content = NotKept.HOLE
        elif why_not is not None or self.partial:
            content = why_not if why_not is not None else NotKept.CUT
        elif self.too_large:
            content = NotKept.TOO_LARGE
        else:
            content = self.held[0] if len(self.held) == 1 else b"".join(self.held)
        digests = None
        if self.hashes is not None:
            digests = Digests(*(value.hexdigest() for value in self.hashes))
        elif self.held and self.use == _KEEP and self.settings.hash_bodies != "none":
            digests = digests_of(content if isinstance(content, bytes) else b"".join(self.held))
        return BodyFile(
            fuid,
            self.is_orig,
            0,  # Zeek's depth is about files inside files, and always 0 for HTTP
            self.first_ts,
            self.last_ts,
            self.mime_type,
            None if self.content_type is None else text_of(self.content_type),
            self.filename,
            self.seen,
            self.total if self.total >= 0 else None,
            self.missing,
            0,
            False,
            content,
            digests,
        )


class Body:
    """The body of one message. `feed`, `skipped` and `lost` take what framing found; `finish` gives the files."""

    def __init__(self, settings: HttpSettings, head: Head, is_orig: bool, name: tuple[str, int], size: int) -> None:
        """`name`: the flow's uid and the transaction's depth. `size`: what framing says, -1 if it does not know."""
        self.settings = settings
        self.is_orig = is_orig
        self.name = name
        self.length = 0
        self.fed = 0
        self.ts = 0
        self.hole = False
        self.oddities: list[tuple[str, bytes | None]] = []
        self.decoder: Decoder | None = None
        self.content: Content | None = None
        self.multipart: Multipart[Content] | None = None
        if head.coded:
            self._set_up_decoder(head)
        boundary = boundary_of(head.content_type) if head.content_type is not None else None
        if boundary is not None:
            self.multipart = Multipart(boundary, self._part, settings.max_parts, settings.max_line_bytes)
            return
        known = size if self.decoder is None else -1
        self.content = Content(settings, is_orig, head.content_type, filename_of(head), known)
        if known < 0 and self.decoder is None and head.length > 0:
            self.content.total = head.length  # what it claimed is logged, though it does not count (as Zeek)

    @property
    def idle(self) -> bool:
        """Whether what follows only needs to be counted, so that it can be skipped."""
        if self.decoder is not None and not self.decoder.stopped:
            return False
        return self.multipart is None and self.content is not None and self.content.idle

    def set_range(self, value: bytes | None) -> None:
        """This is the body of a 206 reply, with this Content-Range (RFC 9110 section 14.4)."""
        found = _CONTENT_RANGE.fullmatch(value) if value is not None else None
        if found is None and value is not None:
            self.oddities.append(("HTTP_content_range_cannot_parse", value))
        first, last, total = (parse_number(part) for part in found.groups()) if found is not None else (-1, -1, -1)
        if found is not None and last < first:
            self.oddities.append(("HTTP_non_positive_content_range", value))
        if self.content is not None:
            if total > 0:
                self.content.total = total
            self.content.partial = not (first == 0 and last + 1 == total)

    def feed(self, data: bytes, ts: int) -> None:
        self.fed += len(data)
        if self.decoder is not None:
            self.ts = ts
            self.decoder.feed(data)
            return
        self.length += len(data)
        if self.content is not None:
            self.content.feed(data, ts)
        elif self.multipart is not None:
            self.multipart.feed(data, ts)

    def skipped(self, count: int, ts: int) -> None:
        """`count` bytes went by unseen, as `idle` allowed."""
        if self.decoder is None:
            self.length += count
            if self.content is not None:
                self.content.skipped(count, ts)

    def lost(self, count: int) -> None:
        """`count` bytes were lost in capture: what is coded cannot be decoded behind them."""
        self.hole = True
        self.length += count
        if self.decoder is not None:
            self.decoder.stopped = True
        if self.content is not None:
            self.content.lost(count)
        elif self.multipart is not None:
            self.multipart.lost(count)

    def finish(self, complete: bool) -> tuple[BodyFile, ...]:
        """The files, when no more bytes come; `complete`: whether that is where the message ends."""
        decoder = self.decoder
        if decoder is not None and not self.hole:
            decoder.finish()
            if decoder.failed:
                self.oddities.append(("inflate_failed", None))
            if decoder.passed:
                self.oddities.append(("HTTP_content_coding_not_applied", None))
        uid, depth = self.name
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
            self.oddities.append(("unknown_content_coding", b", ".join(head.codings)))
        if len(codings) > self.settings.max_codings:
            self.oddities.append(("HTTP_too_many_codings", b", ".join(codings)))
        elif codings:
            self.decoder = Decoder(codings, self._decoded)

    def _decoded(self, piece: bytes) -> bool:
        self.length += len(piece)
        settings = self.settings
        if self.content is not None:
            self.content.feed(piece, self.ts)
            kept = bool(self.content.held)
        else:
            kept = True
            if self.multipart is not None:
                self.multipart.feed(piece, self.ts)
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
        content = Content(self.settings, self.is_orig, head.content_type, filename_of(head), -1)
        if head.length > 0:
            content.total = head.length
        return content


def file_of_whole(
    settings: HttpSettings, head: Head, is_orig: bool, name: tuple[str, int], data: bytes, ts: int
) -> BodyFile:
    """What `Body` makes of a body that is neither coded nor multipart and came whole, of 1 byte or more: the rule."""
    content = Content(settings, is_orig, head.content_type, None, len(data))
    if head.disposition is not None or head.content_type is not None:
        content.filename = filename_of(head)
    content.feed(data, ts)
    file = content.finish(file_uid(name[0], is_orig, name[1], 0), None)
    assert file is not None  # noqa: S101  (it has bytes)
    return file
