"""sensor.pki.x509: certificates as Zeek logs them; compared with Zeek's own logs of the corpus, and with OpenSSL."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sensor.pki.x509 import X509, X509Error, decode_x509
from tests.conftest import SHARED
from tests.pki.crls import FOLDER, certificate, key, tlv
from tests.pki.test_openssl_name import printed

CORPUS = (
    # Of 57 captures with certificates in the clear these have every kind of field; all 57 agree but for one time zone.
    "arkime_arkime/tests/pcap/badcurveball.pcap",
    "OISF_suricata-verify/tests/bug-2430/backwards.pcap",
    "zeek/tls/ocsp-stapling.pcap",
    "zeek/tls/smtp-starttls.pcap",
)


def as_zeek(found: X509) -> dict[str, Any]:
    fields = {
        "fingerprint": found.fingerprint,
        "certificate.version": found.version,
        "certificate.serial": found.serial_number,
        "certificate.subject": found.subject,
        "certificate.issuer": found.issuer,
        "certificate.not_valid_before": None if found.not_before is None else found.not_before / 1e9,
        "certificate.not_valid_after": None if found.not_after is None else found.not_after / 1e9,
        "certificate.key_alg": found.key_algorithm,
        "certificate.sig_alg": found.signature_algorithm,
        "certificate.key_type": found.key_type,
        "certificate.key_length": found.key_length,
        "certificate.exponent": found.exponent,
        "certificate.curve": found.curve,
        "san.dns": list(found.dns_names) or None,
        "san.uri": list(found.uris) or None,
        "san.email": list(found.email_addresses) or None,
        "san.ip": list(found.ip_addresses) or None,
        "basic_constraints.ca": found.ca,
        "basic_constraints.path_len": found.path_length,
    }
    return {name: value for name, value in fields.items() if value is not None}


@pytest.mark.needs("tshark", "shared/corpus/zeek")
@pytest.mark.parametrize("capture", CORPUS)
def test_as_zeek_logs_them(capture: str) -> None:
    log = (SHARED / "corpus/zeek" / capture / "x509.log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    words = ["tshark", "-r", str(SHARED / "corpus/captures" / capture), "-Y", "tls.handshake.certificate"]
    words += ["-T", "fields", "-e", "tls.handshake.certificate"]
    fields = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    ders = {bytes.fromhex(text) for text in re.split(r"[,\n]", fields) if text}
    by_fingerprint = {sha256(der).hexdigest(): der for der in ders}
    assert lines
    for line in lines:
        ours = as_zeek(decode_x509(by_fingerprint[line["fingerprint"]], 1000))
        assert ours == {name: value for name, value in line.items() if name not in ("ts", "host_cert", "client_cert")}


def certificates() -> list[Path]:
    return [
        *sorted((FOLDER / "PKITS_data/certs").glob("*.crt"))[::25],
        *(FOLDER / "custom" / f"{name}.pem" for name in ("all_key_usages", "san_idna_names", "dsa_selfsigned_ca")),
        *(FOLDER / f"{name}.pem" for name in ("cryptography.io", "v1_cert", "wildcard_san")),
    ]


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("path", certificates(), ids=lambda path: path.name)
def test_as_openssl_reads_them(path: Path) -> None:
    der = path.read_bytes()
    found = re.search(rb"-----BEGIN CERTIFICATE-----(.*?)-----END", der, re.DOTALL)
    if found is not None:
        der = base64.b64decode(found[1])
    ours = decode_x509(der, 100)
    assert ours.subject == printed(der)
    assert ours.issuer == printed(der, "issuer")
    assert ours.serial_number == printed(der, "serial")
    loaded = x509.load_der_x509_certificate(der)
    size = getattr(loaded.public_key(), "key_size", None)
    assert ours.key_length == size
    assert ours.not_before == int(loaded.not_valid_before_utc.timestamp()) * 10**9


def test_keys_of_each_kind() -> None:
    found = {kind: decode_x509(certificate(kind), 10) for kind in ("rsa", "ec", "ed25519", "ed448")}
    assert (found["rsa"].key_type, found["rsa"].key_length, found["rsa"].exponent) == ("rsa", 2048, "65537")
    assert (found["ec"].key_type, found["ec"].key_length, found["ec"].curve) == ("ecdsa", 384, "secp384r1")
    assert found["ed25519"].key_algorithm == "ED25519"
    assert found["ed448"].key_type is None
    assert key("rsa").key_size == 2048


def test_names_beyond_the_limit_are_left_out() -> None:
    path = FOLDER / "cryptography.io.pem"
    found = re.search(rb"-----BEGIN CERTIFICATE-----(.*?)-----END", path.read_bytes(), re.DOTALL)
    assert found is not None
    der = base64.b64decode(found[1])
    assert len(decode_x509(der, 100).dns_names) == 2
    assert len(decode_x509(der, 1).dns_names) == 1


@given(st.integers(0, 700), st.integers(0, 255))
def test_damage_raises_only_the_declared_error(place: int, value: int) -> None:
    der = bytearray(certificate())
    der[place % len(der)] = value
    try:
        decode_x509(bytes(der), 10)
    except X509Error as error:
        assert error.reason


@pytest.mark.parametrize("der", [b"", b"\x30\x00", tlv(0x30, tlv(0x30, b"")), certificate() + b"x", certificate()[:-1]])
def test_what_is_no_certificate(der: bytes) -> None:
    with pytest.raises(X509Error):
        decode_x509(der, 10)
