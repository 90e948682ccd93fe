"""A crt.sh of our own on loopback, with TLS by a CA of our own; it tells the truth unless a test makes it misbehave."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sensor.pki.serial import parse_serial
from tests.ct.pki import decoded, pem

Misbehave = Callable[[BaseHTTPRequestHandler], bool]
"""Answers a request; False: let it be answered truthfully."""


@dataclass
class _Listed:
    der: bytes
    issuer_ca_id: int


class CrtSh:
    """`asked` are queries as they came, `at` when (monotonic seconds). `misbehave` may be set at any time."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self.asked: list[str] = []
        self.at: list[float] = []
        self.misbehave: Misbehave | None = None
        self.closing = threading.Event()
        self._listed: list[_Listed] = []
        crtsh = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                crtsh.asked.append(urlsplit(self.path).query)
                crtsh.at.append(time.monotonic())
                if crtsh.misbehave is not None and crtsh.misbehave(self):
                    return
                status, kind, body = crtsh.answer(self.path)
                say(self, status, kind, body)

            def handle(self) -> None:
                with contextlib.suppress(OSError, ssl.SSLError):
                    super().handle()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def finish_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
                try:
                    wrapped = context.wrap_socket(request, server_side=True) if context else request
                except (OSError, ssl.SSLError):
                    return
                super().finish_request(wrapped, client_address)  # type: ignore[arg-type]

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}/"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def add(self, *ders: bytes, issuer_ca_id: int = 0) -> CrtSh:
        """Lists certificates; by default each issuer's name has its number."""
        for der in ders:
            own = issuer_ca_id or 1 + sum(decoded(der).issuer_der) % 1000
            self._listed.append(_Listed(der, own))
        return self

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, media type and body of the truth, as fnc/web_apis.fnc and fnc/download_cert.fnc tell it."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        if "d" in query:
            number = int(query["d"]) - 1
            if not 0 <= number < len(self._listed):
                return 404, "text/plain", b""
            return 200, "application/pkix-cert", pem(self._listed[number].der)
        rows = []
        for number, each in enumerate(self._listed, 1):
            certificate = decoded(each.der)
            wanted_serial = parse_serial(query["serial"]) if "serial" in query else None
            wanted_key = bytes.fromhex(query["ski"]) if "ski" in query else None
            if wanted_serial == certificate.facts.serial_number or (
                wanted_key is not None and wanted_key == certificate.subject_key_id
            ):
                rows.append(_row(number, each, certificate.facts.serial_number.lower()))
        return 200, "application/json", json.dumps(rows).encode()

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()


def _row(number: int, listed: _Listed, serial: str) -> dict[str, object]:
    return {
        "issuer_ca_id": listed.issuer_ca_id,
        "issuer_name": "C=US, O=Whatever crt.sh says, CN=decides nothing",
        "name_value": serial,
        "id": number,
        "entry_timestamp": None,
        "not_before": "2026-01-01T00:00:00",
        "not_after": "2026-04-01T00:00:00",
        "serial_number": serial,
        "result_count": 0,
    }


def say(handler: BaseHTTPRequestHandler, status: int, kind: str, body: bytes, **headers: str) -> bool:
    """A whole answer; for `misbehave`."""
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)
    return True


@dataclass(frozen=True)
class Tls:
    """A CA's certificate (a file), and servers' contexts: by it for loopback, for somebody else, over, by nobody."""

    ca: Path
    good: ssl.SSLContext
    elsewhere: ssl.SSLContext
    expired: ssl.SSLContext
    unknown: ssl.SSLContext


def make_tls(folder: Path) -> Tls:
    """A CA and what it signs, in files of `folder`."""
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _sign("Test TLS CA", key, "Test TLS CA", key, [])
    path = folder / "tls-ca.pem"
    path.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    loopback = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]

    def context(names: list[x509.GeneralName], by: ec.EllipticCurvePrivateKey, days: int = 1) -> ssl.SSLContext:
        own = ec.generate_private_key(ec.SECP256R1())
        leaf = _sign("crt.sh", own, "Test TLS CA", by, names, days)
        file = folder / f"leaf{len(list(folder.iterdir()))}.pem"
        file.write_bytes(
            leaf.public_bytes(serialization.Encoding.PEM)
            + own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(file)
        return made

    elsewhere: list[x509.GeneralName] = [x509.DNSName("elsewhere.example")]
    return Tls(
        path, context(loopback, key), context(elsewhere, key), context(loopback, key, -1), context(loopback, other)
    )


def _sign(
    subject: str,
    own: ec.EllipticCurvePrivateKey,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    days: int = 1,
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return builder.sign(by, hashes.SHA256())
