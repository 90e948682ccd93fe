"""Rewrites BER with indefinite lengths and constructed strings as definite-length DER, so that one reader suffices.

What OpenSSL's d2i functions accept, a responder answers, and a sensor must see. Rare; not on the hot path.
"""

from __future__ import annotations

from sensor.pki.der import TRUNCATED, DerError

# Constructed forms of the universal string types: BIT STRING, OCTET STRING, UTF8String, NumericString to BMPString.
_STRINGS = frozenset((0x23, 0x24, 0x2C, *range(0x32, 0x3F)))


class _Open:
    """A constructed element whose content is being rewritten. `end` is None for an indefinite length."""

    __slots__ = ("end", "parts", "tag")

    def __init__(self, tag: int, end: int | None) -> None:
        self.tag = tag
        self.end = end
        self.parts: list[bytes] = []


def definite_form(data: bytes, max_depth: int, max_elements: int) -> tuple[bytes, int]:
    """The first element of `data` in DER's lengths, and how many octets of `data` it took.

    Primitive content is kept as it is, also within OCTET STRINGs. Raises DerError if an element is cut off, nested
    deeper than `max_depth`, or the elements are more than `max_elements`. Time: linear in `data` times the depth.
    """
    pos, size = 0, len(data)
    stack: list[_Open] = []
    while True:
        if stack and stack[-1].end is not None and pos >= stack[-1].end:
            if pos > stack[-1].end:
                raise DerError(TRUNCATED)
            done = _close(stack.pop())
        elif stack and stack[-1].end is None and data[pos : pos + 2] == b"\0\0":
            pos += 2
            done = _close(stack.pop())
        else:
            max_elements -= 1
            if max_elements < 0:
                raise DerError("too many elements", True)
            limit = _innermost_end(stack, size)
            tag, start, stop = _header(data, pos, limit)
            if tag & 0x20:
                if len(stack) >= max_depth:
                    raise DerError("nested too deep", True)
                stack.append(_Open(tag, stop))
                pos = start
                continue
            if stop is None:
                raise DerError("indefinite length of a primitive")
            done = _element(tag, data[start:stop])
            pos = stop
        if not stack:
            return done, pos
        stack[-1].parts.append(done)


def _innermost_end(stack: list[_Open], size: int) -> int:
    for element in reversed(stack):
        if element.end is not None:
            return element.end
    return size


def _header(data: bytes, pos: int, end: int) -> tuple[int, int, int | None]:
    if end - pos < 2:
        raise DerError(TRUNCATED)
    tag, length = data[pos], data[pos + 1]
    if tag & 0x1F == 0x1F:
        raise DerError("high tag number")
    pos += 2
    if length == 0x80:
        return tag, pos, None
    if length > 0x80:
        octets = length & 0x7F
        if octets > end - pos:
            raise DerError(TRUNCATED)
        length = int.from_bytes(data[pos : pos + octets], "big")
        pos += octets
    if length > end - pos:
        raise DerError(TRUNCATED)
    return tag, pos, pos + length


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = (size.bit_length() + 7) // 8
    return bytes((tag, 0x80 | octets)) + size.to_bytes(octets, "big") + content


def _close(element: _Open) -> bytes:
    tag = element.tag
    if tag not in _STRINGS:
        return _element(tag, b"".join(element.parts))
    segments: list[bytes] = []
    for part in element.parts:
        segment_tag, start, stop = _header(part, 0, len(part))
        if segment_tag & 0x20:  # of what type its segments are, OpenSSL does not ask either
            raise DerError("constructed string: segment")
        segments.append(part[start:stop])
    if tag == 0x23:  # BIT STRING: all but the last segment are whole octets (X.690 8.6.4)
        unused = segments[-1][:1] if segments else b"\0"
        return _element(tag & ~0x20, unused + b"".join(segment[1:] for segment in segments))
    return _element(tag & ~0x20, b"".join(segments))
