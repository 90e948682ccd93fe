"""Certificates out of PEM text (RFC 7468) of any length, whatever stands between the blocks."""

from __future__ import annotations

import binascii
from collections.abc import Iterator

from sensor.ct.sources import DerItem, Item, Readable, Refusal
from sensor.ct.sources.der import outer_length, read_blob

_CHUNK = 1 << 20
_BEGIN = b"-----BEGIN "
_END = b"-----END "
_DASHES = b"-----"
_MAX_LABEL = 64
# OpenSSL's older and own labels; a block of the last kind has trust settings behind the certificate.
_LABELS = frozenset((b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE", b"PKCS7", b"CMS"))


def read_pem(stream: Readable, max_block_bytes: int) -> Iterator[Item]:
    """Every certificate; blocks that hold something else (keys, CRLs, parameters) are passed over.

    Memory: a chunk and a block. Blocks of more than `max_block_bytes` of DER are refused. May raise OSError.
    """
    count = 0
    for label, text, line in _blocks(stream, max_block_bytes * 3 // 2 + 4096):
        if label not in _LABELS:
            continue
        count += 1
        place = f"certificate {count}, line {line}"
        if text is None:
            yield Refusal("PEM block without its end, or too long", place)
            continue
        try:
            der = binascii.a2b_base64(text)
        except binascii.Error:
            yield Refusal("PEM block that is not base64", place)
            continue
        if label == b"TRUSTED CERTIFICATE":
            der = der[: outer_length(der) or len(der)]
        for item in read_blob(der, place):
            yield (
                item
                if not isinstance(item, DerItem) or len(item.der) <= max_block_bytes
                else Refusal("too long", place)
            )


def _blocks(stream: Readable, max_text: int) -> Iterator[tuple[bytes, bytes | None, int]]:
    """Label and base64 of each block, and the line on which it begins; None for one that is cut by the end, by another
    BEGIN, or by the limit."""
    buffer = b""
    pos = 0
    line, counted = 1, 0
    ended = False
    while True:
        start = buffer.find(_BEGIN, pos)
        if start < 0:
            pos = max(pos, len(buffer) - len(_BEGIN) + 1)
            if ended:
                return
        else:
            pos = start
            line += buffer.count(b"\n", counted, start)
            counted = start
            label_start = start + len(_BEGIN)
            label_stop = buffer.find(_DASHES, label_start, label_start + _MAX_LABEL)
            label = buffer[label_start:label_stop] if label_stop >= 0 else b""
            # The next BEGIN first: an END looked for beyond it would be looked for again from there, and again.
            again = buffer.find(_BEGIN, label_start)
            stop = buffer.find(_END, label_start, again if again >= 0 else len(buffer))
            if stop >= 0:
                yield label, buffer[label_stop + len(_DASHES) : stop] if label_stop >= 0 else None, line
                pos = stop + len(_END)
                continue
            if again >= 0:
                yield label, None, line
                pos = again
                continue
            if ended or len(buffer) - start > max_text:
                yield label, None, line
                pos = label_start
                continue
        line += buffer.count(b"\n", counted, pos)
        counted = 0
        chunk = stream.read(_CHUNK)
        ended = not chunk
        buffer = buffer[pos:] + chunk
        pos = 0
