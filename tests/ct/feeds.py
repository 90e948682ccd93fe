"""What others write of certificates, shaped as their programs do, from certificates of our own CAs."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from cryptography import x509

from tests.ct.pki import Ca
from tests.sync.ct_log import START_MS, Logged, vector


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def lines(*objects: Any) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in objects)


def precertificate(ca: Ca, *names: str, serial: int) -> tuple[bytes, bytes]:
    """As the CA signs it, and the TBSCertificate that a log makes of it (RFC 6962 3.2)."""
    poisoned = ca.issue(*names, serial=serial, extra=((x509.PrecertPoison(), True),))
    return poisoned, x509.load_der_x509_certificate(ca.issue(*names, serial=serial)).tbs_certificate_bytes


def logged(ca: Ca, chain: Sequence[bytes], *names: str, serial: int, precert: bool = True) -> Logged:
    """An entry; `chain` nearest first."""
    when = START_MS.to_bytes(8, "big")
    if not precert:
        return Logged(when + b"\0\0" + vector(3, ca.issue(*names, serial=serial)) + vector(2, b""), None, tuple(chain))
    signed, tbs = precertificate(ca, *names, serial=serial)
    return Logged(when + b"\0\1" + bytes(32) + vector(3, tbs) + vector(2, b""), signed, tuple(chain))


def get_entries(*entries: Logged) -> bytes:
    """What `curl .../ct/v1/get-entries` saves (RFC 6962 4.6)."""
    rows = [{"leaf_input": b64(each.leaf), "extra_data": b64(each.extra)} for each in entries]
    return json.dumps({"entries": rows}).encode()


def _certstream_certificate(der: bytes | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "subject": {"aggregated": "/CN=a.example", "C": None, "CN": "a.example", "O": None},
        "issuer": {"aggregated": "/C=US/CN=Sub One/O=Example, Inc.", "C": "US", "CN": "Sub One"},
        "extensions": {"subjectAltName": "DNS:a.example", "keyUsage": "Digital Signature"},
        "not_before": 1767225600,
        "not_after": 1775001600,
        "serial_number": "04EF01",
        "fingerprint": "AB:CD",
        "signature_algorithm": "sha256, ecdsa",
    }
    return found if der is None else found | {"as_der": b64(der)}


def certstream(der: bytes | None, *chain: bytes, names: Sequence[str] = ("a.example",)) -> dict[str, Any]:
    """A message of a certstream server; of its lite stream without `der`."""
    data: dict[str, Any] = {
        "cert_index": 19587936,
        "cert_link": "https://ct.example/ct/v1/get-entries?start=19587936&end=19587936",
        "leaf_cert": _certstream_certificate(der) | {"all_domains": list(names)},
        "seen": 1767225601.25,
        "source": {"name": "Example 'Log2026h1'", "url": "https://ct.example/"},
        "update_type": "X509LogEntry",
    }
    if der is not None:
        data["chain"] = [_certstream_certificate(each) for each in chain]
    return {"data": data, "message_type": "certificate_update"}


HEARTBEAT = {"message_type": "heartbeat", "timestamp": 1767225601.0}
DNS_ENTRIES = {"message_type": "dns_entries", "data": ["a.example", "www.a.example"]}


def issuance(der: bytes | None, number: int = 1, older: bool = False) -> dict[str, Any]:
    """An issuance object of Cert Spotter's API; `older`: with `cert`, as before `cert_der` was there."""
    found: dict[str, Any] = {
        "id": str(number),
        "tbs_sha256": "00" * 32,
        "cert_sha256": "11" * 32,
        "dns_names": ["a.example"],
        "pubkey_sha256": "22" * 32,
        "issuer": {"friendly_name": "Example", "name": "C=US, O=Example, CN=Sub One", "pubkey_sha256": "33" * 32},
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": "2026-04-01T00:00:00Z",
        "revoked": False,
    }
    if der is None:
        return found
    certificate = {"id": "7", "type": "cert", "sha256": "11" * 32, "data": b64(der)}
    return found | ({"cert": certificate} if older else {"cert_der": b64(der)})


ZEEK_FIELDS = (
    "ts",
    "fingerprint",
    "certificate.version",
    "certificate.serial",
    "certificate.subject",
    "certificate.issuer",
    "certificate.not_valid_before",
    "certificate.not_valid_after",
    "certificate.key_alg",
    "certificate.sig_alg",
    "certificate.key_type",
    "san.dns",
    "basic_constraints.ca",
    "host_cert",
    "client_cert",
)


def zeek_json(der: bytes | None) -> dict[str, Any]:
    """An entry of Zeek's x509.log; with its certificate if policy/protocols/ssl/log-certs-base64 is loaded."""
    found: dict[str, Any] = {
        "ts": 1767225601.5,
        "fingerprint": "ab" * 32,
        "certificate.version": 3,
        "certificate.serial": "04EF01",
        "certificate.subject": "CN=a.example",
        "certificate.issuer": "CN=Sub One,O=Example\\, Inc.,C=US",
        "certificate.not_valid_before": 1767225600.0,
        "certificate.not_valid_after": 1775001600.0,
        "certificate.key_alg": "id-ecPublicKey",
        "certificate.sig_alg": "ecdsa-with-SHA256",
        "certificate.key_type": "ecdsa",
        "san.dns": ["a.example"],
        "basic_constraints.ca": False,
        "host_cert": True,
        "client_cert": False,
    }
    return found if der is None else found | {"cert": b64(der)}


def zeek_tsv(*ders: bytes | None, with_certificates: bool = True) -> bytes:
    """A whole x509.log as Zeek's ASCII writer leaves it."""
    fields = [*ZEEK_FIELDS, "cert"] if with_certificates else list(ZEEK_FIELDS)
    text = (
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tx509\n"
        "#open\t2026-01-01-00-00-00\n#fields\t" + "\t".join(fields) + "\n#types\t" + "\t".join(["string"] * len(fields))
    )
    for der in ders:
        values = ["1767225601.500000", "ab" * 32, "3", "04EF01", "CN=a.example", "CN=Sub One"] + ["-"] * 9
        text += "\n" + "\t".join(values + (["-" if der is None else b64(der)] if with_certificates else []))
    return (text + "\n#close\t2026-01-01-01-00-00\n").encode()


CCADB_HEADING = (
    '"CA Owner","Certificate Name","Certificate Record Type","SHA-256 Fingerprint","Parent SHA-256 Fingerprint"'
)
MOZILLA_HEADING = (
    '"Owner","Certificate Issuer Organization","Common Name or Certificate Name","SHA-256 Fingerprint","PEM Info"'
)


def mozilla_csv(*cas: Ca) -> bytes:
    """Mozilla's report of included roots, with PEM, as the CCADB writes it: in single quotes, over several lines."""
    rows = [
        f'"Example, ""Inc.""","Example","{number}","AB","\'{ca.pem.decode().strip()}\'"'
        for number, ca in enumerate(cas)
    ]
    return "\n".join([MOZILLA_HEADING, *rows, ""]).encode()


def pems_csv(*cas: Ca) -> bytes:
    """The CCADB's report of all certificates in PEM."""
    rows = [f'"AB{number}","{ca.pem.decode().strip()}"' for number, ca in enumerate(cas)]
    return "\r\n".join(['"SHA-256 Fingerprint","X.509 Certificate (PEM)"', *rows, ""]).encode()
