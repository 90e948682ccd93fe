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

from sensor.pki.oids import encode_oid
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


def with_key(key_info: bytes, behind: bytes = b"") -> bytes:
    """An unsigned certificate for such a key, with such fields behind it."""
    name, time = b"\x30\0", tlv(0x30, tlv(0x17, b"260101000000Z") * 2)
    algorithm = tlv(0x30, tlv(0x06, encode_oid("1.2.840.10045.4.3.2")))
    tbs = tlv(0xA0, b"\2\1\2") + b"\2\1\7" + algorithm + name + time + name + key_info + behind
    return tlv(0x30, tlv(0x30, tbs) + algorithm + tlv(0x03, b"\0"))


def rsa_key(oid: str, modulus: bytes, parameters: bytes = b"") -> bytes:
    numbers = tlv(0x30, tlv(0x02, modulus) + tlv(0x02, b"\1\0\1"))
    return tlv(0x30, tlv(0x30, tlv(0x06, encode_oid(oid)) + parameters) + tlv(0x03, b"\0" + numbers))


def test_a_modulus_beyond_openssl_s_limit_is_not_measured() -> None:
    for octets, bits in ((2048, 16384), (2049, None)):
        found = decode_x509(with_key(rsa_key("1.2.840.113549.1.1.1", b"\0" + b"\xff" * octets, b"\5\0")), 10)
        assert (found.key_algorithm, found.key_length) == ("rsaEncryption", bits)
        assert (found.key_type, found.exponent) == (("rsa", "65537") if bits else (None, None))


def test_a_key_for_pss_alone_has_a_length_and_no_type() -> None:
    """As Zeek, for which only rsaEncryption is rsa."""
    found = decode_x509(with_key(rsa_key("1.2.840.113549.1.1.10", b"\0" + b"\xff" * 256)), 10)
    assert (found.key_algorithm, found.key_type, found.key_length, found.exponent) == ("rsassaPss", None, 2048, None)


def test_a_dsa_key_may_leave_its_parameters_to_the_issuer() -> None:
    dsa, prime = tlv(0x06, encode_oid("1.2.840.10040.4.1")), tlv(0x02, b"\0" + b"\xff" * 128)
    for parameters, expected in ((b"", (None, None)), (tlv(0x30, prime), ("dsa", 1024))):
        found = decode_x509(with_key(tlv(0x30, tlv(0x30, dsa + parameters) + tlv(0x03, b"\0\2\1\7"))), 10)
        assert (found.key_algorithm, (found.key_type, found.key_length)) == ("dsaEncryption", expected)


def test_names_behind_the_unique_identifiers_of_x509_v2() -> None:
    """issuerUniqueID and subjectUniqueID (RFC 5280 4.1.2.8) stand before the extensions; addresses are of 4 or 16."""
    names = (
        tlv(0x82, b"a.example") + tlv(0x87, bytes((192, 0, 2, 1))) + tlv(0x87, b"12345") + tlv(0x87, b"\0" * 15 + b"\1")
    )
    extension = tlv(0x30, tlv(0x06, encode_oid("2.5.29.17")) + tlv(0x04, tlv(0x30, names)))
    behind = tlv(0x81, b"\0\1") + tlv(0x82, b"\0\2") + tlv(0xA3, tlv(0x30, extension))
    found = decode_x509(with_key(rsa_key("1.2.840.113549.1.1.1", b"\7"), behind), 10)
    assert (found.dns_names, found.ip_addresses) == (("a.example",), ("192.0.2.1", "::1"))


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


def test_a_curve_that_the_issuer_is_to_know_is_not_named() -> None:
    """implicitCurve (RFC 3279 2.3.5): the parameters are NULL."""
    algorithm = tlv(0x30, tlv(0x06, encode_oid("1.2.840.10045.2.1")) + b"\5\0")
    found = decode_x509(with_key(tlv(0x30, algorithm + tlv(0x03, b"\0\4\1\1"))), 10)
    assert (found.key_type, found.key_length, found.curve) == ("ecdsa", None, None)


def test_a_broken_extension_costs_no_other() -> None:
    broken = tlv(0x30, tlv(0x06, encode_oid("2.5.29.19")) + tlv(0x04, b"\x30\5\1"))
    names = tlv(0x30, tlv(0x06, encode_oid("2.5.29.17")) + tlv(0x04, tlv(0x30, tlv(0x82, b"a.example"))))
    for each in (broken + names, names + broken):
        found = decode_x509(with_key(rsa_key("1.2.840.113549.1.1.1", b"\7"), tlv(0xA3, tlv(0x30, each))), 10)
        assert (found.dns_names, found.ca) == (("a.example",), None)
