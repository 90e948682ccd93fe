"""Signed heads in both forms, by both kinds of key, and everything that is none."""

from __future__ import annotations

import base64
import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from sensor.online.pacing import UnreadableError
from sensor.sync.heads import HeadError, LogKey, TreeHead, decode_checkpoint, decode_sth
from tests.sync.ct_log import START_MS, CtLog

LOG = CtLog()
KEY = LogKey(LOG.key_der)
ROOT = sha256(b"root").digest()
HEAD = TreeHead(70_000, ROOT, START_MS)
STH = LOG.sth(70_000, START_MS, ROOT)
CHECKPOINT = LOG.checkpoint(70_000, START_MS, ROOT)


def test_both_forms() -> None:
    assert decode_sth(STH, KEY) == HEAD
    assert decode_checkpoint(CHECKPOINT, LOG.origin, KEY) == HEAD
    assert KEY.log_id == LOG.log_id


def test_rsa() -> None:
    """RFC 6962 2.1.4 allows it, and some logs had it."""
    private = rsa.generate_private_key(65537, 2048)
    key = LogKey(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    signed = b"\0\1" + START_MS.to_bytes(8, "big") + (7).to_bytes(8, "big") + ROOT
    signature = private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    sth = json.loads(STH) | {
        "tree_size": 7,
        "tree_head_signature": base64.b64encode(b"\4\1" + len(signature).to_bytes(2, "big") + signature).decode(),
    }
    assert decode_sth(json.dumps(sth).encode(), key) == TreeHead(7, ROOT, START_MS)
    with pytest.raises(HeadError, match="did not sign"):
        decode_sth(json.dumps(sth | {"tree_size": 8}).encode(), key)


@pytest.mark.parametrize(
    "changed",
    [
        {"tree_size": 70_001},
        {"timestamp": START_MS + 1},
        {"sha256_root_hash": base64.b64encode(bytes(32)).decode()},
        {"sha256_root_hash": ""},
        {"tree_size": -1},
        {"tree_size": 1 << 70},
        {"timestamp": -1},
        {"tree_size": "70000"},
        {"tree_head_signature": ""},
        {"tree_head_signature": base64.b64encode(b"\4\3\0\0").decode()},
        {"tree_head_signature": base64.b64encode(b"\4\2\0\0").decode()},
        {"tree_head_signature": base64.b64encode(b"\2\3\0\0").decode()},
        {"tree_head_signature": base64.b64encode(b"\4\3\0\x09123").decode()},
    ],
)
def test_nothing_in_a_head_can_be_changed(changed: dict[str, object]) -> None:
    with pytest.raises((HeadError, UnreadableError)):
        decode_sth(json.dumps(json.loads(STH) | changed).encode(), KEY)


def test_another_log_s_key() -> None:
    other = LogKey(CtLog().key_der)
    with pytest.raises(HeadError, match="did not sign"):
        decode_sth(STH, other)
    with pytest.raises(HeadError, match="without the log's signature"):
        decode_checkpoint(CHECKPOINT, LOG.origin, other)
    with pytest.raises(HeadError, match="of another log"):
        decode_checkpoint(CHECKPOINT, "ct.example/2027", KEY)


def changed(*pairs: tuple[str, str]) -> bytes:
    text = CHECKPOINT.decode()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


@pytest.mark.parametrize(
    "body",
    [
        changed(("70000", "70001")),
        changed(("70000", "070000")),
        changed(("70000", "+70000")),
        changed(("70000", "\uff17" + "0000")),
        changed((base64.b64encode(ROOT).decode(), base64.b64encode(bytes(32)).decode())),
        changed((base64.b64encode(ROOT).decode(), base64.b64encode(ROOT).decode() + "\nextension")),
        changed(("\n\n", "\n")),
        changed(("\u2014 ", "- ")),
        CHECKPOINT.rstrip(b"\n"),
        CHECKPOINT.partition(b"\n\n")[0] + b"\n\n",
        b"",
        b"\n\n\n",
    ],
)
def test_what_is_no_checkpoint(body: bytes) -> None:
    with pytest.raises((HeadError, UnreadableError)):
        decode_checkpoint(body, LOG.origin, KEY)


def test_other_people_s_signatures_are_passed_over() -> None:
    note, _, ours = CHECKPOINT.partition(b"\n\n")
    witness = "\u2014 witness.example AAAAAAAAAAAAAAAAAAAAAAAA\n".encode()
    same_name = f"\u2014 {LOG.origin} {base64.b64encode(bytes(100)).decode()}\n".encode()
    assert decode_checkpoint(note + b"\n\n" + witness + same_name + ours + witness, LOG.origin, KEY) == HEAD


@given(st.binary(max_size=60), st.integers(0, 400))
def test_whatever_comes_there_is_no_head_or_unreadable(octets: bytes, place: int) -> None:
    for whole, decode in (
        (STH, lambda body: decode_sth(body, KEY)),
        (CHECKPOINT, lambda body: decode_checkpoint(body, LOG.origin, KEY)),
    ):
        try:
            assert decode(whole[:place] + octets) == HEAD
        except (HeadError, UnreadableError):
            continue
