"""What was saved of a CT log's answers: get-entries (RFC 6962 4.6) and data tiles (static-ct-api, "Log entries").

The (pre)certificate as it was submitted is what counts: it is signed, and nobody has to believe the log, or whoever
saved this. A tile names issuers by fingerprint only; their certificates are files beside it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final

import msgspec

from sensor.ct.entries import PRECERT_ENTRY, EntryError, EntryFrame, vector_end
from sensor.ct.sources import DerItem, Item, Origin, Refusal
from sensor.pki.certificates import CertificateError, issuer_name_der
from sensor.pki.der import DerError

BAD_BASE64: Final = "what is no base64"
_BAD_ENTRY: Final = "log entry that cannot be read"
_OTHER_SIGNER: Final = "precertificate that another than its issuer signed"  # RFC 6962 3.1
_SOURCE: Final = "ct log"
_MAX_CHAIN: Final = 16
# A time of 2004 to 2248 in milliseconds, a type, and a certificate or, behind a hash, a TBSCertificate: so short that
# its length needs two or three octets.
_TILE: Final = re.compile(rb"\0\0[\x01-\x07].{5}\0(?:\0|\x01.{32})(?:[\0\x01]..\x30\x82|...\x30\x83)", re.DOTALL)


class _Entry(msgspec.Struct):
    leaf_input: str
    extra_data: str


def read_entries(rows: list[msgspec.Raw], place: str) -> Iterator[Item]:
    """Of one answer to get-entries; an entry that is damaged is refused, and the others are read."""
    for number, raw in enumerate(rows, 1):
        here = within(place, f"entry {number}")
        try:
            entry = msgspec.json.decode(raw, type=_Entry)
            leaf = binascii.a2b_base64(entry.leaf_input, strict_mode=True)
            extra = binascii.a2b_base64(entry.extra_data, strict_mode=True)
            yield from _read_leaf(leaf, extra, here)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            yield Refusal(_BAD_ENTRY, here)
        except ValueError:  # binascii.Error, and what is not ASCII
            yield Refusal(BAD_BASE64, here)
        except EntryError as error:
            yield Refusal(f"{_BAD_ENTRY}: {error}", here)


def within(place: str, part: str) -> str:
    """A place within another, which may be the whole file."""
    return f"{place}, {part}" if place else part


def _read_leaf(leaf: bytes, extra: bytes, place: str) -> list[Item]:
    """Its issuers, farthest first, so that each is known before what it signed, and then the certificate."""
    frame = EntryFrame()
    if leaf[:2] != b"\0\0":  # version 1, timestamped_entry
        raise EntryError("not a leaf of version 1")
    if frame.read(leaf, 2) != len(leaf):
        raise EntryError("something behind the entry")
    end = vector_end(extra, 0, 3) if frame.kind == PRECERT_ENTRY else 0
    item = _submitted(leaf, frame, extra[3:end], place)
    chain = extra[end + 3 : vector_end(extra, end, 3)]
    issuers: list[Item] = []
    pos = 0
    while pos < len(chain) and len(issuers) < _MAX_CHAIN:
        stop = vector_end(chain, pos, 3)
        issuers.append(DerItem(chain[pos + 3 : stop], place, _SOURCE, origin=Origin.feed))
        pos = stop
    return [*reversed(issuers), item]


def looks_like_tile(head: bytes) -> bool:
    """Whether the entry of a log begins here, as it does in a data tile."""
    if not _TILE.match(head):
        return False
    start = 13 + 32 * head[9]
    size = int.from_bytes(head[start - 3 : start], "big")
    octets = head[start + 1] & 0x7F
    return int.from_bytes(head[start + 2 : start + 2 + octets], "big") + 2 + octets == size


def read_tile(data: bytes) -> Iterator[Item]:
    """The (pre)certificates of a full or a partial tile. Where an entry's end is lost, nothing behind it is read."""
    frame = EntryFrame()
    pos, number = 0, 0
    while pos < len(data):
        number += 1
        place = f"entry {number}"
        try:
            end = frame.read(data, pos)
            stop = vector_end(data, end, 3) if frame.kind == PRECERT_ENTRY else end
            pos = vector_end(data, stop, 2)
        except EntryError as error:
            yield Refusal(f"{_BAD_ENTRY}: {error}, and so cannot those behind it", place)
            return
        yield _submitted(data, frame, data[end + 3 : stop], place)


def _submitted(data: bytes, frame: EntryFrame, precertificate: bytes, place: str) -> Item:
    """The certificate, or the precertificate whose TBSCertificate without its poison is in the entry."""
    if frame.kind != PRECERT_ENTRY:
        return DerItem(data[frame.start + 3 : frame.stop], place, _SOURCE, origin=Origin.feed)
    try:
        own_issuer = issuer_name_der(precertificate) in data[frame.start : frame.stop]
    except (DerError, CertificateError):
        own_issuer = True  # what it is instead is said where it is decoded
    if not own_issuer:
        return Refusal(_OTHER_SIGNER, place)
    return DerItem(precertificate, place, _SOURCE, origin=Origin.feed)
