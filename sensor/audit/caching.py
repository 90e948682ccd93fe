"""Whether HTTP's caching headers fit the reply they carry (RFC 9919 7.2, RFC 9111 4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from sensor.audit.findings import BITS, Finding
from sensor.http.dates import parse_http_date
from sensor.http.transaction import BodyFile, Header

_NANOSECONDS = 10**9
_MAX_SECONDS = 1 << 31  # RFC 9111 1.2.2: what is larger counts as this
_MAX_VALUE_BYTES = 1024
_DIRECTIVE = re.compile(rb"([A-Za-z-]+)[ \t]*(?:=[ \t]*(\"[^\"]*\"|[^\s,;]*))?")
_HASH = re.compile(rb'"([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})"')
_NAMES = frozenset({b"cache-control", b"expires", b"date", b"age", b"etag", b"last-modified", b"pragma"})

_MAX_AGE = BITS[Finding.cache_max_age_beyond_next_update]
_EXPIRES = BITS[Finding.cache_expires_beyond_next_update]
_FORBIDDEN = BITS[Finding.cache_forbidden]
_ETAG = BITS[Finding.cache_etag_mismatch]
_LAST_MODIFIED = BITS[Finding.cache_last_modified_early]
_STALE = BITS[Finding.cache_stale]


class Directives(msgspec.Struct, frozen=True, gc=False):
    """Of Cache-Control (RFC 9111 5.2.2): seconds, the larger of max-age and s-maxage; None without either."""

    max_age: int | None
    forbids: bool  # no-cache (of the whole reply) or no-store
    may_be_stale: bool  # stale-while-revalidate, stale-if-error (RFC 5861)


NO_DIRECTIVES = Directives(None, False, False)


@lru_cache(maxsize=1024)
def parse_cache_control(value: bytes) -> Directives:
    """What a Cache-Control value says; what cannot be read in it says nothing."""
    if len(value) > _MAX_VALUE_BYTES:
        return NO_DIRECTIVES
    max_age = None
    forbids = may_be_stale = False
    for name, argument in _DIRECTIVE.findall(value):
        directive = name.lower()
        if directive in (b"max-age", b"s-maxage"):
            digits = argument.strip(b'"')
            if digits.isdigit():
                max_age = max(max_age or 0, min(int(digits), _MAX_SECONDS))
        elif directive == b"no-store" or (directive == b"no-cache" and not argument):
            forbids = True
        elif directive.startswith(b"stale-"):
            may_be_stale = True
    return Directives(max_age, forbids, may_be_stale)


def check_caching(
    headers: Sequence[Header],
    files: Sequence[BodyFile],
    now: int,
    this_update: int,
    next_update: int | None,
    skew: int,
    may_be_cached: bool,
) -> int:
    """The findings, as bits, about the headers of a reply that came at `now`.

    `this_update` is the latest and `next_update` the earliest of its answers; all times in nanoseconds.
    `may_be_cached`: a reply to a GET, without a nonce.
    """
    found: dict[bytes, bytes] = {}
    for header in headers:
        if header.name in _NAMES:
            name, value = header.name, header.value
            found[name] = found[name] + b"," + value if name in found else value
    if not found:
        return 0
    bits = 0
    control = parse_cache_control(found[b"cache-control"]) if b"cache-control" in found else NO_DIRECTIVES
    if may_be_cached and (control.forbids or b"no-cache" in found.get(b"pragma", b"").lower()):
        bits |= _FORBIDDEN
    if control.max_age is not None:
        said = found.get(b"age", b"")
        age = min(int(said), _MAX_SECONDS) * _NANOSECONDS if said.isdigit() and len(said) < _MAX_VALUE_BYTES else 0
        lifetime = control.max_age * _NANOSECONDS
        if age > lifetime + skew and not control.may_be_stale:
            bits |= _STALE
        sent = parse_http_date(found.get(b"date", b""))
        if sent is not None:
            age = max(age, now - sent)
        if next_update is not None and lifetime > age and now + lifetime - age > next_update + skew:
            bits |= _MAX_AGE
    elif b"expires" in found and next_update is not None:
        expires = parse_http_date(found[b"expires"])
        if expires is not None and expires > next_update + skew:
            bits |= _EXPIRES
    modified = parse_http_date(found.get(b"last-modified", b""))
    if modified is not None and modified < this_update - skew:
        bits |= _LAST_MODIFIED
    if b"etag" in found:
        bits |= _check_etag(found[b"etag"], files)
    return bits


def _check_etag(etag: bytes, files: Sequence[BodyFile]) -> int:
    hashed = _HASH.fullmatch(etag)
    if hashed is None or len(files) != 1 or files[0].digests is None:
        return 0
    text = hashed[1].decode().lower()
    digests = files[0].digests
    return 0 if text in (digests.sha1, digests.sha256) else _ETAG
