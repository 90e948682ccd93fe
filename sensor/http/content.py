"""One file off the wire: its decoded bytes counted, sniffed, hashed, kept or let go.

PKI objects are kept, and short forms that a request carries.
As soon as nobody needs the rest of a file it says so, and the packet path skips it.
"""

from __future__ import annotations

import re
from hashlib import md5, sha1, sha256
from typing import Final, Protocol

from sensor.http.grammar import unescape_uri
from sensor.http.mime import SNIFF_BYTES, sniff
from sensor.http.transaction import BodyFile, Digests, NewTap, NotKept, Tap
from sensor.kept import Kept
from sensor.settings import HttpSettings

_Known = tuple[str | None, Digests | None, bytes]

_MEMO_FILES: Final = 512
_MEMO_BYTES: Final = 4096
_memo: dict[bytes, _Known] = {}
"""MIME type and digests of small PKI objects already seen, and the object: responders send the same reply to every
client for days. Who gets one again gets the same one, which is known by what it is, and lies in the processor's cache.

Pure functions remembered, and bounded: at most 512 objects of at most 4 KiB, then it starts afresh.
"""

# What is done with a file.
_COUNT: Final = 0
_TAP: Final = 1  # hashed, and read by a tap while it goes by
_KEEP: Final = 2
_READ: Final = 3  # kept for `http.cleartext`, not hashed

_BY_TYPE: Final = {
    "application/ocsp-request": _KEEP,
    "application/ocsp-response": _KEEP,
    "application/pkix-cert": _KEEP,
    "application/pkcs7-mime": _KEEP,
    "application/x-pem": _KEEP,
    "application/pkix-crl": _TAP,
}
_BY_CLAIM: Final = {
    **{name.encode(): use for name, use in _BY_TYPE.items()},
    b"application/x-x509-ca-cert": _KEEP,
    b"application/x-x509-user-cert": _KEEP,
    b"application/x-pkcs7-certificates": _KEEP,
    b"application/x-pkcs7-crl": _TAP,
}
"""Content-Types that count though the content does not show it; the last three are what servers of old send."""

_PEM_CRL: Final = (b"-----BEGIN X509 CRL-----", b"-----BEGIN CRL-----")
PEM_CERTIFICATES: Final = (
    b"-----BEGIN PKCS7-----",
    b"-----BEGIN CMS-----",
    b"-----BEGIN X509 CERTIFICATE-----",
    b"-----BEGIN TRUSTED CERTIFICATE-----",
)
"""Certificates in PEM that their content does not show to be such: it has its type of the commonest label alone."""
_FILENAME: Final = re.compile(rb"filename[ \t]*\*?=", re.IGNORECASE)
_NAME: Final = re.compile(rb"name[ \t]*=", re.IGNORECASE)
_BEFORE_NAME: Final = re.compile(rb".*name[ \t]*\*?=[ \t]*", re.IGNORECASE | re.DOTALL)
_CHARSET: Final = re.compile(rb"[a-zA-Z0-9!#$%&+\-^_`{}~]+'[a-zA-Z0-9!#$%&+\-^_`{}~]*'")


_MAX_TEXT_BYTES: Final = 160
_texts = Kept()
"""Values of field lines, which come again as the same object, as text."""


def text_of(raw: bytes) -> str:
    """Bytes off the wire as text: UTF-8, and \\xNN for what is not."""
    known: str | None = _texts.get(raw)
    if known is None:
        known = raw.decode("utf-8", "backslashreplace")
        if len(raw) <= _MAX_TEXT_BYTES:
            _texts.put(raw, known)
    return known


def filename_of(disposition: bytes | None, content_type: bytes | None) -> str | None:
    """The file name that Content-Disposition gives, else the `name` of Content-Type, as Zeek takes them."""
    for value, mark in ((disposition, _FILENAME), (content_type, _NAME)):
        if value is not None and 0x3D in value and mark.search(value) is not None:
            before = _BEFORE_NAME.match(value)
            name = value if before is None else value[before.end() :]
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


def use_of(
    mime_type: str | None, content_type: bytes | None, start: bytes, size: int, limit: int, form_limit: int
) -> int:
    """What is done with a file that begins with `start` and has `size` bytes as far as is known.

    `form_limit`: the same for whatever else a request carries, 0 for a reply.
    """
    use = _COUNT
    if mime_type is not None:
        use = _BY_TYPE.get(mime_type, _COUNT)
    if use == _COUNT and content_type is not None:
        claim = content_type.partition(b";")[0].rstrip(b" \t").lower()
        use = _BY_CLAIM.get(claim, _COUNT)
    if use == _COUNT and size <= form_limit:
        use = _READ
    if use in (_COUNT, _READ) and size <= limit and _is_der_of(start, size):
        use = _KEEP  # OCSP that is too broken to show its type
    if use in (_COUNT, _READ) and start.startswith(_PEM_CRL):
        use = _TAP
    if use in (_COUNT, _READ) and start.startswith(PEM_CERTIFICATES):
        use = _KEEP
    return use


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


def is_whole_object(data: bytes) -> bool:
    """A DER SEQUENCE whose own length says that it ends where `data` does (X.690 8.1.3, definite forms)."""
    if len(data) < 2 or data[0] != 0x30:
        return False
    length = data[1]
    if length < 0x80:
        return len(data) == 2 + length
    octets = length & 0x7F
    return 0 < octets <= 4 and len(data) == 2 + octets + int.from_bytes(data[2 : 2 + octets], "big")


class Content:
    """One file: a body, or a part of one. Bytes come decoded."""

    def __init__(
        self,
        settings: HttpSettings,
        is_orig: bool,
        content_type: bytes | None,
        filename: str | None,
        size: int,
        new_tap: NewTap | None = None,
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
        self.headless = False  # ... without its beginning
        self.new_tap = new_tap
        self.tap: Tap | None = None
        self.tapping = False  # whether the tap wants more
        self.held: list[bytes] = []
        self.held_bytes = 0
        self.hashes: tuple[_Hash, _Hash, _Hash] | None = None

    def idle(self) -> bool:
        """Whether further bytes only need to be counted."""
        return self.judged and not self.held and self.hashes is None and not self.tapping

    def feed(self, data: bytes, ts: int) -> None:
        if not self.seen:
            self.first_ts = ts
        self.last_ts = ts
        self.seen += len(data)
        if self.hashes is not None:
            for value in self.hashes:
                value.update(data)
        if self.tapping and self.tap is not None:
            self.tapping = self.tap.feed(data)
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
        self.tapping = False

    def judge(self) -> None:
        """The beginning is there: what is it, and what shall be done with it?"""
        self.judged = True
        start = self.held[0] if len(self.held) == 1 else b"".join(self.held)
        self.held = [start]
        self.mime_type = sniff(start)
        size = self.size if self.size >= 0 else self.seen
        form_limit = self.settings.max_form_bytes if self.is_orig else 0
        self.use = use_of(self.mime_type, self.content_type, start, size, self.limit, form_limit)
        mode = self.settings.hash_bodies
        if self.use >= _KEEP:
            if self.use == _READ:
                self.limit = form_limit
            if max(self.held_bytes, self.size) > self.limit:
                self._let_go()
                return
            if mode != "all":
                return  # hashed when it is whole
        if self.use == _TAP and self.new_tap is not None and not self.headless:
            self.tap = self.new_tap()
            self.tapping = self.tap.feed(start)
        if mode == "all" or (mode == "pki" and self.use == _TAP):
            self.hashes = (md5(start, usedforsecurity=False), sha1(start, usedforsecurity=False), sha256(start))
        if self.use < _KEEP:
            self.held = []
            self.held_bytes = 0

    def _let_go(self) -> None:
        if self.use == _READ:
            self.use = _COUNT
            self.held = []
            self.held_bytes = 0
            return
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
        if self.use < _KEEP:
            content = NotKept.UNWANTED
        elif self.missing:
            content = NotKept.HOLE
        elif why_not is not None or self.partial:
            content = why_not if why_not is not None else NotKept.CUT
            if why_not is NotKept.CUT and not self.partial and not self.too_large:
                kept = b"".join(self.held)
                if is_whole_object(kept):  # the declared length was wrong: what it declares itself is all there
                    content = kept
        elif self.too_large:
            content = NotKept.TOO_LARGE
        else:
            content = self.held[0] if len(self.held) == 1 else b"".join(self.held)
        digests = None
        if self.hashes is not None:
            first, second, third = self.hashes
            digests = Digests(first.hexdigest(), second.hexdigest(), third.hexdigest())
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
            None,
            self.tap.finish(self.missing > 0) if self.tap is not None else None,
        )


def whole_file(
    settings: HttpSettings,
    is_orig: bool,
    content_type: bytes | None,
    filename: str | None,
    fuid: str,
    data: bytes,
    ts: int,
    new_tap: NewTap | None = None,
) -> BodyFile | None:
    """What `Content` makes of a file of known size whose bytes came all at once: the rule, and so the fast way."""
    limit = settings.max_request_body_bytes if is_orig else settings.max_response_body_bytes
    size = len(data)
    mode = settings.hash_bodies
    known = _memo.get(data) if size <= _MEMO_BYTES else None
    if known is not None:
        mime_type, data = known[0], known[2]
    else:
        mime_type = sniff(data)
    use = use_of(mime_type, content_type, data, size, limit, settings.max_form_bytes if is_orig else 0)
    if size > limit or (use != _KEEP and (mode == "all" or use == _TAP)):
        content = Content(settings, is_orig, content_type, filename, size, new_tap)
        content.feed(data, ts)
        return content.finish(fuid, None)
    digests = None
    if use == _KEEP and mode != "none":
        digests = known[1] if known is not None else None
        if digests is None:
            digests = digests_of(data)
            if size <= _MEMO_BYTES:
                if len(_memo) >= _MEMO_FILES:
                    _memo.clear()
                _memo[data] = (mime_type, digests, data)
    return BodyFile(
        fuid,
        is_orig,
        0,
        ts,
        ts,
        mime_type,
        None if content_type is None else text_of(content_type),
        filename,
        size,
        size,
        0,
        0,
        False,
        data if use >= _KEEP else NotKept.UNWANTED,
        digests,
    )
