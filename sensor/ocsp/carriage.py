"""Finds the OCSP request in the raw target of an HTTP GET (RFC 6960 A.1, RFC 9919 section 6), however it is spelled.

Text is taken for a request only if its DER is one, to the last length: no host name, path or media type decides.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from functools import lru_cache
from itertools import combinations_with_replacement, islice
from math import comb

from sensor.ocsp.model import OcspError, OcspRequest
from sensor.ocsp.request import decode_request
from sensor.settings import OcspSettings

Reading = tuple[OcspRequest, frozenset[str]]

_MAX_PLACEMENTS = 128
_MAX_WORK = 1 << 18  # octets of base64 that are decoded, or escapes undone, for one target: some milliseconds
_PER_ESCAPE = 32  # what undoing one escape costs, in such octets
_PER_START = 64
_SHOWN = 256  # octets of a target in which 20 letters of base64 stand, however they are escaped
_MAX_UNQUOTINGS = 3
_MAX_MISSING = 64
_MAX_MISSING_UNPADDED = 2

# Base64 of two SEQUENCE headers, the outer length below 128; or of a SEQUENCE with a length of the forms 0x80 to 0x84.
_START = re.compile(rb"M(?:[A-H][AEIMQUYcgkosw048]w|I[A-T])")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_LOWER_ESCAPE = re.compile(rb"%(?:[0-9A-F][a-f]|[a-f])")
_ESCAPED_ALNUM = re.compile(rb"%(?:25)*(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
_LETTERS = re.compile(rb"[A-Za-z0-9+/]+")
_SLASHES = re.compile(rb"/+")
_END = re.compile(rb"[?#&;]")
_VERSION_1 = b"\xa0\x03\x02\x01\x00"  # where a certificate, which begins alike, says 2
_SPELLED = bytes.maketrans(b"-_ ", b"+/+")

TRAITS = (
    "absolute_form",  # the target is a whole URL, as a proxy is sent
    "path_prefix",  # the request is not the first thing in the path
    "double_slash",  # two slashes or more stand before it
    "no_slash",  # none does
    "query",  # it is in a query string, or one follows it
    "lower_escape",  # percent-encoding with lower-case hex
    "raw_slash",  # these three: not percent-encoded
    "raw_plus",
    "raw_padding",
    "no_padding",
    "base64url",
    "space_for_plus",
    "newline",  # CR, LF or TAB within or behind the base64
    "double_encoded",  # percent-encoded more than once
    "escaped_alphabet",  # letters or digits percent-encoded, which nothing asks for
    "collapsed_slash",  # slashes of the base64 were merged, and are put back here
    "trailing_text",  # something else follows in the path
)
"""What the spelling of a GET tells of who wrote it, and of what lies between."""

(
    _ABSOLUTE,
    _PREFIX,
    _DOUBLE_SLASH,
    _NO_SLASH,
    _QUERY,
    _LOWER,
    _RAW_SLASH,
    _RAW_PLUS,
    _RAW_PADDING,
    _NO_PADDING,
    _BASE64URL,
    _SPACE,
    _NEWLINE,
    _DOUBLE_ENCODED,
    _ESCAPED_ALPHABET,
    _COLLAPSED,
    _TRAILING,
) = (1 << i for i in range(len(TRAITS)))


@lru_cache(maxsize=256)
def _named(bits: int) -> frozenset[str]:
    return frozenset(trait for i, trait in enumerate(TRAITS) if bits >> i & 1)


def decode_get(target: bytes, limits: OcspSettings) -> Reading | None:
    """The request that a GET's raw target carries, and which of TRAITS its spelling shows; None if it carries none.

    None too where slashes were merged and several places for them give a request (see `decode_get_readings`). Of a
    target longer than `limits.max_get_bytes` only so many octets at the end are looked at. Never raises.
    """
    readings = decode_get_readings(target, limits)
    return readings[0] if len(readings) == 1 else None


def decode_get_readings(target: bytes, limits: OcspSettings) -> list[Reading]:
    """All requests that the target may carry: more than one only where slashes were merged and it is open which.

    The base64 is the longest that makes a request: "/" may be a letter of it or what stands before it. What is tried
    for one target is bounded.
    """
    found = _START.search(target) if 0x4D in target else None
    if found is None:
        if 0x25 not in target or _ESCAPED_ALNUM.search(target) is None:
            return []
    elif len(target) <= limits.max_get_bytes:
        usual = _decode_usual(target, found.start(), limits)
        if usual is not None:
            return [usual]
    begin = max(len(target) - limits.max_get_bytes, 0)
    work = [_MAX_WORK * max(limits.max_get_bytes >> 14, 1)]
    readings = _decode_first(target, begin, 0, limits, work)
    if not readings and _ESCAPED_ALNUM.search(target, begin):
        plain = target[begin:]
        for _ in range(_MAX_UNQUOTINGS):
            work[0] -= _PER_ESCAPE * plain.count(b"%")
            plain = _unquote(plain)
        readings = _decode_first(plain, 0, _ESCAPED_ALPHABET, limits, work)
    return readings


def resembles_get(target: bytes, limits: OcspSettings, at_responder: bool) -> bool:
    """Whether a target that carries no request looks as if it should: base64 that begins as an OCSPRequest does.

    Three nested headers must fit; where the peer is known for a responder otherwise, the first and 20 characters of
    base64 at the start of a path segment or a query value will do.
    """
    most = limits.max_get_bytes
    places = islice(_START.finditer(target, max(len(target) - most, 0)), most)
    for found in places if len(target) <= most else (*islice(_START.finditer(target, 0, most), most), *places):
        chars, _, _ = _base64_text(target[found.start() : found.start() + _SHOWN], 0)
        if len(chars) < 20:
            continue
        if at_responder and (not found.start() or target[found.start() - 1] in b"/?=&"):
            return True
        head = a2b_base64(chars[:20])
        pos = 2 if head[1] < 0x80 else 2 + (head[1] & 0x7F)
        if head[pos] != 0x30 or (head[1] < 0x80 and head[3] >= head[1]):
            continue
        pos += 2 if head[pos + 1] < 0x80 else 2 + (head[pos + 1] & 0x7F)
        rest = head[pos:]
        if rest and (rest[0] in (0x30, 0xA1) or _VERSION_1.startswith(rest[:5])):
            return True
    return False


def _decode_usual(target: bytes, start: int, limits: OcspSettings) -> Reading | None:
    """The spellings of well-behaved clients; None leaves the rest to `_decode_at`, which reads these just the same."""
    text = target[start:]
    bits = 0
    if 0x2F in text:
        bits |= _RAW_SLASH
    if 0x2B in text:
        bits |= _RAW_PLUS
    if 0x3D in text:
        bits |= _RAW_PADDING
    if 0x25 in text:
        text = text.replace(b"%2F", b"/").replace(b"%2B", b"+").replace(b"%3D", b"=")
    try:
        request = decode_request(a2b_base64(text, strict_mode=True), limits)
    except (Base64Error, OcspError):
        return None
    if request.traits.trailing_bytes:
        return None
    if start != 1 or target[0] != 0x2F:
        bits |= _prefix_bits(target[:start])
    return request, _named(bits)


def _decode_first(target: bytes, begin: int, bits: int, limits: OcspSettings, work: list[int]) -> list[Reading]:
    """`work` is what may still be done: a list of one number."""
    for found in _START.finditer(target, begin):
        start = found.start()
        work[0] -= _PER_START
        if work[0] < 0:
            break
        if _may_begin_request(target[start : start + _SHOWN]):
            readings = _decode_at(target[start:], bits | _prefix_bits(target[:start]), limits, work)
            if readings:
                return readings
    return []


def _may_begin_request(text: bytes) -> bool:
    """Whether two SEQUENCEs begin, of which the first holds the second (RFC 6960 4.1.1), as far as can be seen."""
    chars, _, _ = _base64_text(text, 0)
    if len(chars) < 8:
        return False
    head = a2b_base64(chars[:16] if len(chars) >= 16 else chars[:8])
    form = head[1]
    inside = 2 if form <= 0x80 else 2 + (form & 0x7F)
    if inside + 1 >= len(head):
        return True
    if head[inside] != 0x30:
        return False
    outer = form if form < 0x80 else int.from_bytes(head[2:inside], "big")
    inner = head[inside + 1]
    if form == 0x80 or inner == 0x80:
        return True
    behind = inside + 2
    if inner > 0x80:
        behind += inner & 0x7F
        if behind > len(head):
            return True
        inner = int.from_bytes(head[inside + 2 : behind], "big")
    return behind - inside + inner <= outer


def _prefix_bits(prefix: bytes) -> int:
    """What stands before the base64."""
    bits = 0
    scheme = prefix.find(b"://")
    if scheme > 0:
        bits |= _ABSOLUTE
        path = prefix.find(b"/", scheme + 3)
        prefix = prefix[path:] if path > 0 else b""
    path_part, mark, _ = prefix.partition(b"?")
    if mark:
        bits |= _QUERY
    elif path_part[-3:].upper() == b"%2F":
        path_part = path_part[:-3] + b"/"
    if path_part.endswith(b"//"):
        bits |= _DOUBLE_SLASH
    elif not path_part.endswith(b"/") and not mark:
        bits |= _NO_SLASH
    if path_part.strip(b"/"):
        bits |= _PREFIX
    return bits


def _decode_at(text: bytes, bits: int, limits: OcspSettings, work: list[int]) -> list[Reading]:
    """The requests that may begin where `text` does."""
    work[0] -= _PER_ESCAPE * text.count(b"%")
    chars, tail, bits = _base64_text(text, bits)
    size = _der_size(chars)
    if size < 0:
        return []
    needed = (size * 8 + 5) // 6 or len(chars)
    padded = tail.startswith(b"=")
    if len(chars) == needed and needed & 3 and not padded:
        bits |= _NO_PADDING
    tail = tail.lstrip(b"=")
    if tail:
        bits |= _QUERY if tail[0] in b"?&#;" else _TRAILING
    if len(chars) < needed:
        return _decode_collapsed(chars, needed, padded, bits | _COLLAPSED, limits, work)
    if len(chars) > needed:
        bits |= _TRAILING
    work[0] -= len(chars)
    request = _decode(chars, limits)
    return [] if request is None else [(request, _named(bits))]


def _base64_text(text: bytes, bits: int) -> tuple[bytes, bytes, int]:
    """The letters of the base64 at the start of `text`, in the standard alphabet, and what follows them."""
    end = _END.search(text)
    if end is not None:
        bits |= _QUERY
        text = text[: end.start()]
    if 0x2F in text:
        bits |= _RAW_SLASH
    if 0x2B in text:
        bits |= _RAW_PLUS
    if 0x3D in text:
        bits |= _RAW_PADDING
    for i in range(_MAX_UNQUOTINGS):
        if 0x25 not in text:
            break
        if _LOWER_ESCAPE.search(text):
            bits |= _LOWER
        plain = _unquote(text)
        if plain == text:
            break
        if i:
            bits |= _DOUBLE_ENCODED
        text = plain
    joined = text.translate(None, b"\r\n\t")
    if joined != text:
        bits |= _NEWLINE
        text = joined
    if b"-" in text or b"_" in text:
        bits |= _BASE64URL
    if b" " in text:
        bits |= _SPACE
    text = text.translate(_SPELLED)
    letters = _LETTERS.match(text)
    chars = b"" if letters is None else letters.group()
    return chars, text[len(chars) :], bits


def _unquote(text: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes((int(found.group(1), 16),)), text)


def _decode(chars: bytes, limits: OcspSettings) -> OcspRequest | None:
    """`chars` are letters of base64 only."""
    if len(chars) & 3 == 1:
        chars = chars[:-1]
    try:
        return decode_request(a2b_base64(chars + b"==="[: -len(chars) & 3]), limits)
    except OcspError:
        return None


def _der_size(chars: bytes) -> int:
    """Octets of the element whose base64 begins `chars`, by its header; 0 for an indefinite length, -1 if cut off.

    `_START` has seen to it that the length has at most four octets.
    """
    if len(chars) < 8:
        return -1
    head = a2b_base64(chars[:8])
    if head[1] <= 0x80:
        return 2 + head[1] if head[1] < 0x80 else 0
    octets = head[1] & 0x7F
    return 2 + octets + int.from_bytes(head[2 : 2 + octets], "big")


def _decode_collapsed(
    chars: bytes, needed: int, padded: bool, bits: int, limits: OcspSettings, work: list[int]
) -> list[Reading]:
    """Readings with one slash added for each missing letter, where there is a slash already.

    Proxies and request routers merge "//" in paths (letsencrypt/boulder#2728). Padding shows that the end is there;
    without it a target cut short would look the same, so few letters are added, and the bits that fill the last one
    must be zero. Too many places to try: none.
    """
    places = [found.end() for found in _SLASHES.finditer(chars)]
    missing = needed - len(chars)
    if not places or missing > (_MAX_MISSING if padded else _MAX_MISSING_UNPADDED):
        return []
    if comb(len(places) + missing - 1, missing) > _MAX_PLACEMENTS or not (padded or _ends_in_zeros(chars, needed)):
        return []
    tries = comb(len(places) + missing - 1, missing)
    work[0] -= tries * needed
    if work[0] < 0:
        return []
    readings: dict[OcspRequest, Reading] = {}
    for placement in combinations_with_replacement(places, missing):
        parts: list[bytes] = []
        last = 0
        for place in placement:
            parts += (chars[last:place], b"/")
            last = place
        request = _decode(b"".join(parts) + chars[last:], limits)
        if request is not None:
            readings[request] = request, _named(bits)
    return list(readings.values())


def _ends_in_zeros(chars: bytes, needed: int) -> bool:
    """Whether the last letter of `needed` leaves nothing in the bits that belong to no octet (RFC 4648 3.5)."""
    allowed = (None, None, b"AQgw", b"AEIMQUYcgkosw048")[needed & 3]
    return allowed is None or chars[-1] in allowed
