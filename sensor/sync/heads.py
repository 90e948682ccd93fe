"""Signed tree heads of a log, in either form, checked against the log's key: a size and a root that it answers for."""

from __future__ import annotations

import base64
import binascii
import re
from hashlib import sha256
from typing import Final

import msgspec

from sensor.online.fetching import NOT_JSON
from sensor.online.pacing import UnreadableError
from sensor.pki.oids import encode_oid
from sensor.pki.signatures import SignatureCheck, check_signature
from sensor.sync.merkle import HASH_BYTES

_SHA256: Final = 4  # HashAlgorithm, RFC 5246 7.4.1.4.1
_ALGORITHMS: Final = {  # SignatureAlgorithm to AlgorithmIdentifier: RFC 6962 2.1.4 knows these two
    1: b"\x30\x0d\x06\x09" + encode_oid("1.2.840.113549.1.1.11") + b"\x05\x00",
    3: b"\x30\x0a\x06\x08" + encode_oid("1.2.840.10045.4.3.2"),
}
_MAX_SIZE: Final = 1 << 48
_MAX_TIME: Final = 1 << 60
_NOTE_SIGNATURE: Final = 0x05  # RFC6962NoteSignature, static-ct-api "Checkpoints"
_MAX_SIGNATURES: Final = 64
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,15}")


class HeadError(Exception):
    """A head that the log does not answer for; the text says why."""


class TreeHead(msgspec.Struct, frozen=True):
    """A tree of `size` entries with this root, at `timestamp` (milliseconds since 1970)."""

    size: int
    root: bytes
    timestamp: int


class LogKey(msgspec.Struct, frozen=True):
    """A log's key: the DER of a SubjectPublicKeyInfo, whose SHA-256 is the log's id (RFC 6962 3.2)."""

    der: bytes

    @property
    def log_id(self) -> bytes:
        return sha256(self.der).digest()


class _Sth(msgspec.Struct):
    tree_size: int
    timestamp: int
    sha256_root_hash: bytes
    tree_head_signature: bytes


def decode_sth(body: bytes, key: LogKey) -> TreeHead:
    """The answer to get-sth (RFC 6962 4.3). Raises HeadError, and UnreadableError where it is none at all."""
    try:
        sth = msgspec.json.decode(body, type=_Sth)
    except NOT_JSON:
        raise UnreadableError("not a signed tree head") from None
    return _checked(sth.tree_size, sth.sha256_root_hash, sth.timestamp, sth.tree_head_signature, key)


def decode_checkpoint(body: bytes, origin: str, key: LogKey) -> TreeHead:
    """A checkpoint (c2sp.org/static-ct-api, tlog-checkpoint, signed-note) of the log whose submission prefix is
    `origin`, without scheme and final slash. Other people's signatures are passed over. Raises HeadError, and
    UnreadableError where it is none at all."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise UnreadableError("not a checkpoint") from None
    note, gap, signatures = text.rpartition("\n\n")
    lines = note.split("\n")
    if not gap or not signatures.endswith("\n") or len(lines) != 3:
        raise UnreadableError("not a checkpoint")
    if lines[0] != origin:
        raise HeadError("a checkpoint of another log")
    root = _base64(lines[2])
    if not _DECIMAL.fullmatch(lines[1]) or root is None:
        raise UnreadableError("not a checkpoint")
    key_id = sha256(origin.encode() + b"\n" + bytes((_NOTE_SIGNATURE,)) + key.log_id).digest()[:4]
    for line in signatures[:-1].split("\n")[:_MAX_SIGNATURES]:
        words = line.split(" ")
        if len(words) != 3 or words[:2] != ["\u2014", origin]:
            continue
        blob = _base64(words[2])
        if blob is not None and blob[:4] == key_id and len(blob) > 12:
            return _checked(int(lines[1]), root, int.from_bytes(blob[4:12], "big"), blob[12:], key)
    raise HeadError("a checkpoint without the log's signature")


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _checked(size: int, root: bytes, timestamp: int, digitally_signed: bytes, key: LogKey) -> TreeHead:
    """RFC 6962 3.5; the signature is a DigitallySigned (RFC 5246 4.7)."""
    if not 0 <= size <= _MAX_SIZE or not 0 <= timestamp <= _MAX_TIME or len(root) != HASH_BYTES:
        raise UnreadableError("not a signed tree head")
    if len(digitally_signed) < 4 or digitally_signed[0] != _SHA256 or digitally_signed[1] not in _ALGORITHMS:
        raise HeadError("a signature of unknown kind")
    signature = digitally_signed[4:]
    if int.from_bytes(digitally_signed[2:4], "big") != len(signature):
        raise HeadError("a signature that is cut short")
    signed = b"\0\1" + timestamp.to_bytes(8, "big") + size.to_bytes(8, "big") + root
    check = check_signature(key.der, _ALGORITHMS[digitally_signed[1]], signature, signed)
    if check is not SignatureCheck.valid:
        raise HeadError("a head that the log's key did not sign")
    return TreeHead(size, root, timestamp)
