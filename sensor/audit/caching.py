"""Whether HTTP's caching headers fit the reply they carry (RFC 9919 7.2, RFC 9111 4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from sensor.audit.findings import BITS, Finding
from sensor.http.dates import parse_http_date
from sensor.http.transaction import BodyFile, Header

_NANOSECONDS = 10**9
_MAX_SECONDS = 1 << 31  # RFC 9111 1.2.2: what is larger counts as this
_MAX_VALUE_BYTES = 1024
_DIRECTIVE = re.compile(rb"([A-Za-z-]+)[ \t]*(?:=[ \t]*(\"[^\"]*\"|[^\s,;]*))?")
_MAX_DIGITS = 10
_MAX_PARSED = 1024
_NO_CACHE = re.compile(rb"no-cache", re.IGNORECASE)
_CONTROL, _AGE, _EXPIRES_AT, _DATE, _TAG, _MODIFIED, _PRAGMA = range(7)
_CODES = {
    b"cache-control": _CONTROL,
    b"age": _AGE,
    b"expires": _EXPIRES_AT,
    b"date": _DATE,
    b"etag": _TAG,
    b"last-modified": _MODIFIED,
    b"pragma": _PRAGMA,
}
_HASH = re.compile(rb'"([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})"')

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


_parsed: dict[bytes, Directives] = {}
"""Values already parsed, for the same few come again and again: a pure function remembered, bounded."""


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
    made = Directives(max_age, forbids, may_be_stale)
    if len(_parsed) >= _MAX_PARSED:
        _parsed.clear()
    _parsed[value] = made
    return made


def check_caching(
    headers: tuple[Header, ...],
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
    bits = 0
    control = NO_DIRECTIVES
    age = expires = date = etag = modified = pragma = None
    for header in headers:
        code = _CODES.get(header.name)
        if code is None:
            continue
        value = header.value
        if code == _CONTROL:
            parsed = _parsed.get(value) or parse_cache_control(value)
            control = parsed if control is NO_DIRECTIVES else _united(control, parsed)
        elif code == _AGE:
            age = value
        elif code == _EXPIRES_AT:
            expires = value
        elif code == _DATE:
            date = value
        elif code == _TAG:
            etag = value
        elif code == _MODIFIED:
            modified = value
        else:
            pragma = value
    if control.max_age is not None:
        bits |= _check_max_age(control, age, date, now, next_update, skew)
    elif expires is not None and next_update is not None:
        moment = parse_http_date(expires)
        if moment is not None and moment > next_update + skew:
            bits |= _EXPIRES
    if may_be_cached and (control.forbids or (pragma is not None and _NO_CACHE.search(pragma))):
        bits |= _FORBIDDEN
    if modified is not None:
        moment = parse_http_date(modified)
        if moment is not None and moment < this_update - skew:
            bits |= _LAST_MODIFIED
    return bits if etag is None else bits | _check_etag(etag, files)


def _check_max_age(
    control: Directives, said: bytes | None, date: bytes | None, now: int, next_update: int | None, skew: int
) -> int:
    """RFC 9111 4.2: how long the reply may be kept from now on, against how long it is valid."""
    lifetime = (control.max_age or 0) * _NANOSECONDS
    age = 0
    if said is not None and said.isdigit() and len(said) <= _MAX_DIGITS:
        age = int(said) * _NANOSECONDS
        if age > lifetime + skew:
            return 0 if control.may_be_stale else _STALE
    if next_update is None or now + lifetime - age <= next_update + skew:
        return 0
    sent = None if date is None else parse_http_date(date)
    if sent is not None and now - sent > age:
        age = now - sent
    return _MAX_AGE if now + lifetime - age > next_update + skew else 0


def _united(one: Directives, other: Directives) -> Directives:
    """Of two Cache-Control fields, which are one list."""
    ages = [each.max_age for each in (one, other) if each.max_age is not None]
    return Directives(max(ages) if ages else None, one.forbids or other.forbids, one.may_be_stale or other.may_be_stale)


def _check_etag(etag: bytes, files: Sequence[BodyFile]) -> int:
    hashed = _HASH.fullmatch(etag)
    if hashed is None or len(files) != 1 or files[0].digests is None:
        return 0
    text = hashed[1].decode().lower()
    digests = files[0].digests
    return 0 if text in (digests.sha1, digests.sha256) else _ETAG
