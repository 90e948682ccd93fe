"""What a crt.sh may answer that is no answer."""

from __future__ import annotations

import contextlib
import gzip
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.crtsh.server import Misbehave, say

MEBIBYTE = 1 << 20


def raw(head: bytes, then: Callable[[BaseHTTPRequestHandler], None] = lambda _: None) -> Misbehave:
    def misbehave(handler: BaseHTTPRequestHandler) -> bool:
        handler.close_connection = True
        with contextlib.suppress(OSError):
            handler.wfile.write(head)
            then(handler)
        return True

    return misbehave


def forever(piece: bytes, every_s: float = 0.0) -> Callable[[BaseHTTPRequestHandler], None]:
    def then(handler: BaseHTTPRequestHandler) -> None:
        for _ in range(1 << 30 if every_s else (1 << 30) // len(piece)):
            handler.wfile.write(piece)
            time.sleep(every_s)

    return then


def many_rows(handler: BaseHTTPRequestHandler) -> bool:
    """8 MB of rows, each of which could be true."""
    serial = parse_qs(urlsplit(handler.path).query).get("serial", ["05"])[0]
    row = b'{"id":1,"issuer_ca_id":1,"serial_number":"%b"}' % serial.encode()
    return say(handler, 200, "application/json", b"[" + b",".join([row] * (MUCH // (len(row) + 1))) + b"]")


def many_blocks(label: bytes) -> Misbehave:
    """8 MB of PEM, each block a certificate's, or something else's, and too small for it."""
    block = b"-----BEGIN %b-----\nAA==\n-----END %b-----\n" % (label, label)
    return only("d=", answer(block * (MUCH // len(block)), "application/pkix-cert"))


MUCH = 8_300_000
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
BOMB = gzip.compress(b"[" + b" " * (64 * MEBIBYTE), 9)


def answer(body: bytes, kind: str = "application/json", status: int = 200, **headers: str) -> Misbehave:
    return lambda handler: say(handler, status, kind, body, **headers)


def only(prefix: str, misbehave: Misbehave) -> Misbehave:
    """The truth about everything else."""
    return lambda handler: f"?{prefix}" in handler.path and misbehave(handler)


FAULTS: dict[str, Misbehave] = {
    "html": answer(b"<html><body>PostgreSQL ERROR</body></html>", "text/html"),
    "html_that_says_none": answer(b"[]", "text/html"),
    "html_after_json": answer(b"[{<html>", "text/html"),
    "html_with_404": answer(b"<html>", "text/html", 404),
    "429": answer(b"", "text/html", 429, Retry_After="1"),
    "429_for_a_day": answer(b"", "text/html", 429, Retry_After="86400"),
    "500": answer(b"<html>", "text/html", 500),
    "502": answer(b"<html>", "text/html", 502),
    "503": answer(b"<html>", "text/html", 503),
    "hangs": raw(b"", lambda _: time.sleep(3)),
    "hangs_in_the_head": raw(JSON, lambda _: time.sleep(3)),
    "hangs_in_the_body": raw(JSON + b"Content-Length: 100\r\n\r\n[", lambda _: time.sleep(3)),
    "drips": raw(JSON + b"Content-Length: 1000000\r\n\r\n", forever(b" ", 0.02)),
    "a_head_that_drips": raw(b"HTTP/1.1 200 OK\r\n", forever(b"X: y\r\n", 0.02)),
    "a_gigabyte": raw(JSON + b"\r\n", forever(b" " * 65536)),
    "a_gigabyte_announced": raw(JSON + b"Content-Length: 1073741824\r\n\r\n", forever(b" " * 65536)),
    "a_gigabyte_of_head": raw(JSON, forever(b"X: " + b"y" * 60000 + b"\r\n")),
    "a_bomb": raw(JSON + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB),
    "cut": raw(JSON + b"Content-Length: 100\r\n\r\n[]"),
    "not_http": raw(b"220 smtp.example ESMTP\r\n"),
    "nothing": raw(b""),
    "no_json": answer(b"[{]"),
    "no_text": answer(b""),
    "deep": answer(b"[" * 200_000 + b"]" * 200_000),
    "deep_objects": answer(b'[{"id":' * 100_000),
    "another_schema": answer(b'{"error": "not found"}'),
    "rows_of_another_schema": answer(b'[{"id": "1", "issuer_ca_id": null}]'),
    "another_serial": answer(b'[{"id": 1, "issuer_ca_id": 1, "serial_number": "0666"}]'),
    "numbers_out_of_range": answer(b'[{"id": -1, "issuer_ca_id": 1e300, "serial_number": "05"}]'),
    "no_certificate": only("d=", answer(b"<html>", "text/html")),
    "a_certificate_that_is_none": only("d=", answer(b"-----BEGIN CERTIFICATE-----\nAAAA\n", "application/pkix-cert")),
    "many_rows": many_rows,
    "many_blocks": many_blocks(b"CERTIFICATE"),
    "many_blocks_of_something_else": many_blocks(b"X"),
    "no_issuer": only("ski=", answer(b"[]")),
}
