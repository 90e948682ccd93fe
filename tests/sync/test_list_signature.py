"""sensor.sync.list_signature: a list is as it was signed, by the key that the operator has, or it is not used."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sensor.online.fetching import Fetcher
from sensor.settings import SyncSettings
from sensor.sync.list_signature import check_list, signature_of
from sensor.sync.log_list import LogListError
from sensor.sync.run import load_log_list

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
TEXT = b'{"version": "89.25", "operators": []}\n'


def key_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def rsa_signature(text: bytes) -> bytes:
    return RSA.sign(text, padding.PKCS1v15(), hashes.SHA256())


def check(text: bytes, signature: bytes, key: bytes) -> None:
    check_list(text, signature, key, "list.json")


def test_signatures_that_are_right() -> None:
    check(TEXT, rsa_signature(TEXT), key_of(RSA))
    check(TEXT, rsa_signature(TEXT), b"# of the list\n" + key_of(RSA))
    check(TEXT, EC.sign(TEXT, ec.ECDSA(hashes.SHA256())), key_of(EC))


@pytest.mark.parametrize(
    ("text", "signature", "key", "reason"),
    [
        (TEXT + b" ", rsa_signature(TEXT), key_of(RSA), "the list is not what this key has signed"),
        (TEXT, rsa_signature(TEXT)[:-1], key_of(RSA), "the list is not what this key has signed"),
        (TEXT, b"", key_of(RSA), "the list is not what this key has signed"),
        (TEXT, rsa_signature(TEXT), key_of(EC), "the list is not what this key has signed"),
        (
            TEXT,
            RSA.sign(TEXT, padding.PKCS1v15(), hashes.SHA384()),
            key_of(RSA),
            "the list is not what this key has signed",
        ),
        (TEXT, b"", key_of(ed25519.Ed25519PrivateKey.generate()), "a key neither for RSA nor for ECDSA"),
        (TEXT, b"", key_of(RSA)[:-40], "no public key in PEM"),
        (TEXT, b"", b"-----BEGIN PUBLIC KEY-----\n%%%\n-----END PUBLIC KEY-----\n", "no public key in PEM"),
        (
            TEXT,
            b"",
            b"-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n",
            "a key neither for RSA nor for ECDSA",
        ),
        (TEXT, b"", b"", "no public key in PEM"),
    ],
)
def test_lists_that_are_not_used(text: bytes, signature: bytes, key: bytes, reason: str) -> None:
    with pytest.raises(LogListError, match=f"^list.json: {reason}$"):
        check(text, signature, key)


def test_where_the_signature_is() -> None:
    assert signature_of("https://www.gstatic.com/ct/log_list/v3/log_list.json") == (
        "https://www.gstatic.com/ct/log_list/v3/log_list.sig"
    )
    assert signature_of("/etc/logs") == "/etc/logs.sig"


@pytest.mark.needs("openssl")
def test_a_file_signed_by_openssl(tmp_path: Path) -> None:
    """As the browsers' makers have it: a list, its signature and the key, three files."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=tmp_path, check=True, capture_output=True, timeout=60)

    (tmp_path / "log_list.json").write_bytes(TEXT)
    openssl("genrsa", "-out", "private.pem", "2048")
    openssl("rsa", "-in", "private.pem", "-pubout", "-out", "key.pem")
    openssl("dgst", "-sha256", "-sign", "private.pem", "-out", "log_list.sig", "log_list.json")
    settings = SyncSettings(log_list_key=str(tmp_path / "key.pem"))
    source = str(tmp_path / "log_list.json")

    def load(settings: SyncSettings = settings) -> bytes:
        fetcher = Fetcher(1.0, 1 << 20)
        try:
            return load_log_list(source, fetcher, settings, threading.Event())
        finally:
            fetcher.close()

    assert load() == TEXT
    (tmp_path / "log_list.json").write_bytes(TEXT.replace(b"89", b"90"))
    with pytest.raises(LogListError, match="not what this key has signed"):
        load()
    assert load(SyncSettings()) == TEXT.replace(b"89", b"90")
    (tmp_path / "log_list.sig").unlink()
    with pytest.raises(LogListError, match=r"log_list\.sig: No such file"):
        load()
    with pytest.raises(LogListError, match="nowhere: No such file"):
        load(msgspec.structs.replace(settings, log_list_key="nowhere"))
    (tmp_path / "key.pem").write_bytes(bytes(1 << 17))
    with pytest.raises(LogListError, match="too large"):
        load()
