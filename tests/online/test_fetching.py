"""One GET against servers that answer well, and against those that do everything else."""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sensor.online.fetching import Fetcher, FetchError, MissingLibraryError
from tests.online.server import ScriptedServer, answer
from tests.ports import silent_hosts

MEBIBYTE = 1 << 20


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(timeout_s=5, max_bytes=MEBIBYTE)
    yield fetcher
    fetcher.close()


@pytest.fixture
def hasty() -> Iterator[Fetcher]:
    fetcher = Fetcher(timeout_s=0.5, max_bytes=MEBIBYTE)
    yield fetcher
    fetcher.close()


def refused(fetcher: Fetcher, url: str) -> str:
    began = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetcher.get(url)
    assert time.monotonic() - began < 4
    return str(caught.value)


def test_an_answer(server: ScriptedServer, fetcher: Fetcher) -> None:
    server.scripts = [answer(b"{}", "Content-Type: Application/JSON; charset=utf-8")]
    got = fetcher.get(server.url + "a?b=c", accept="application/json")
    assert (got.status, got.media_type, got.body, got.retry_after_s) == (200, "application/json", b"{}", None)
    (head,) = server.requests
    assert head.startswith(b"GET /a?b=c HTTP/1.1\r\n") and b"Accept-Encoding: gzip\r\n" in head
    assert b"Accept: application/json\r\n" in head and b"User-Agent: ocspwatch/" in head


def test_the_connection_is_used_again(server: ScriptedServer, fetcher: Fetcher) -> None:
    server.scripts = [answer(b"1"), answer(b"2", status="404 Not Found"), answer(b"3")]
    assert [fetcher.get(server.url).body for _ in range(3)] == [b"1", b"2", b"3"]
    assert server.connections == 1


def test_one_that_was_closed_meanwhile_is_replaced(server: ScriptedServer, fetcher: Fetcher) -> None:
    server.scripts = [b"HTTP/1.1 200 OK\r\n\r\nfirst", answer(b"second")]
    assert [fetcher.get(server.url).body for _ in range(2)] == [b"first", b"second"]


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP"])
def test_gzip(server: ScriptedServer, fetcher: Fetcher, coding: str) -> None:
    body = bytes(range(256)) * 1000
    server.scripts = [answer(gzip.compress(body, mtime=0), f"Content-Encoding: {coding}")]
    assert fetcher.get(server.url).body == body


@pytest.mark.parametrize("size", [MEBIBYTE - 1, MEBIBYTE])
def test_up_to_the_limit(server: ScriptedServer, fetcher: Fetcher, size: int) -> None:
    server.scripts = [answer(bytes(size)), answer(gzip.compress(bytes(size), mtime=0), "Content-Encoding: gzip")]
    assert [len(fetcher.get(server.url).body) for _ in range(2)] == [size, size]


@pytest.mark.parametrize("compressed", [False, True])
def test_beyond_the_limit(server: ScriptedServer, fetcher: Fetcher, compressed: bool) -> None:
    body = bytes(MEBIBYTE + 1)
    server.scripts = [answer(gzip.compress(body, mtime=0), "Content-Encoding: gzip") if compressed else answer(body)]
    assert refused(fetcher, server.url) == "an answer of more than 1,048,576 bytes"


def test_a_limit_of_its_own(server: ScriptedServer, fetcher: Fetcher) -> None:
    server.scripts = [answer(bytes(100))]
    assert len(fetcher.get(server.url, max_bytes=100).body) == 100
    with pytest.raises(FetchError, match="more than 99 bytes"):
        fetcher.get(server.url, max_bytes=99)


def test_a_bomb_is_not_unpacked(server: ScriptedServer, fetcher: Fetcher) -> None:
    """64 MiB of zeros in 64 KiB: refused after the first MiB, as the peak of memory shows."""
    import tracemalloc

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(packer.compress(bytes(MEBIBYTE)) for _ in range(64)) + packer.flush()
    server.scripts = [answer(packed, "Content-Encoding: gzip")]
    tracemalloc.start()
    assert "an answer of more than" in refused(fetcher, server.url)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * MEBIBYTE


def test_an_endless_answer_ends(server: ScriptedServer, fetcher: Fetcher) -> None:
    def flood(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sock.sendall(bytes(65536))

    server.scripts = [flood]
    assert "an answer of more than" in refused(fetcher, server.url)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n",
    ],
    ids=["status line", "header", "body with a length", "body without", "chunk"],
)
def test_a_drip_is_cut(server: ScriptedServer, hasty: Fetcher, head: bytes) -> None:
    """Each octet comes in time; the whole never does."""
    server.scripts = [server.drip(head)]
    assert refused(hasty, server.url) == "no whole answer within 0.5 s"


def test_silence_is_cut(server: ScriptedServer, hasty: Fetcher) -> None:
    server.scripts = [server.hang]
    assert refused(hasty, server.url) == "no whole answer within 0.5 s"


def test_a_handshake_that_never_ends_is_cut(hasty: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(b"\x16\x03\x03\x40\x00")
                try:
                    while True:
                        sock.sendall(b"\0")
                        time.sleep(0.02)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        assert refused(hasty, f"https://127.0.0.1:{listener.getsockname()[1]}/") == "no whole answer within 0.5 s"


def test_a_name_with_several_silent_addresses(hasty: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them together are waited for as long as one."""
    with silent_hosts() as hosts:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", host) for host in hosts]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        began = time.monotonic()
        assert refused(hasty, "http://crt.example/") == "no whole answer within 0.5 s"
        assert time.monotonic() - began < 1.2


def test_after_a_cut_the_next_request_is_as_any_other(server: ScriptedServer, hasty: Fetcher) -> None:
    server.scripts = [server.hang, answer(b"well")]
    refused(hasty, server.url)
    assert hasty.get(server.url).body == b"well"
    time.sleep(0.6)  # a timer that was not called off would cut the connection that is kept
    assert hasty.get(server.url).body == b"well"
    assert server.connections == 2


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "the connection was closed, or what came is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the connection was closed, or what came is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "an answer that is cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nx", "a content coding that was not asked for"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\nx", "a content coding that was not asked for"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip", "gzip that is damaged"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(99), mtime=0)[:-4],
            "gzip cut short",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"", mtime=0) * 2,
            "something behind the gzip",
        ),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "not HTTP"),
    ],
)
def test_what_is_no_answer(server: ScriptedServer, fetcher: Fetcher, said: bytes, reason: str) -> None:
    server.scripts = [lambda sock: sock.sendall(said)]
    assert reason in refused(fetcher, server.url)


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/", "file:///etc/passwd", "//elsewhere/"])
def test_redirects_are_not_followed(server: ScriptedServer, fetcher: Fetcher, target: str) -> None:
    server.scripts = [answer(b"", f"Location: {target}", status="302 Found")]
    assert fetcher.get(server.url).status == 302
    assert len(server.requests) == 1


@pytest.mark.parametrize("url", ["http://[", "ftp://127.0.0.1/", "nonsense", "file:///etc/passwd", ""])
def test_what_is_no_address(fetcher: Fetcher, url: str) -> None:
    refused(fetcher, url)


def test_nobody_listens(fetcher: Fetcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert refused(fetcher, f"http://127.0.0.1:{port}/") == "connection refused"


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("7", 7, 7),
        ("999999999999999999999", 86400, 86400),
        ("-1", None, None),
        ("soon", None, None),
        ("²", None, None),
        ("in a minute", 50, 61),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0, 0),
        ("Mon, 01 Jan 99999 00:00:00 GMT", None, None),
    ],
)
def test_retry_after(
    server: ScriptedServer, fetcher: Fetcher, text: str, least: float | None, most: float | None
) -> None:
    if text == "in a minute":
        text = format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60), True)
    head = f"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\nRetry-After: {text}\r\n\r\n".encode("latin-1")
    server.scripts = [lambda sock: sock.sendall(head)]
    got = fetcher.get(server.url)
    assert got.status == 429
    if least is None:
        assert got.retry_after_s is None
    else:
        assert got.retry_after_s is not None and least <= got.retry_after_s <= most


def _certificate(folder: Path, *names: x509.GeneralName) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    der = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "loopback.pem"
    path.write_bytes(
        der.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context


def test_tls_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetcher: Fetcher) -> None:
    ours = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    path, context = _certificate(tmp_path, ours)
    server = ScriptedServer(context)
    server.scripts = [answer(b"secret")]
    assert refused(fetcher, server.url) == "the server's certificate is not valid"
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    trusting = Fetcher(5, MEBIBYTE)
    assert trusting.get(server.url).body == b"secret"
    trusting.close()
    server.close()


def test_a_certificate_for_somebody_else_does_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, context = _certificate(tmp_path, x509.DNSName("elsewhere.example"))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    server, fetcher = ScriptedServer(context), Fetcher(5, MEBIBYTE)
    server.scripts = [answer(b"secret")]
    assert refused(fetcher, server.url) == "the server's certificate is not valid"
    fetcher.close()
    server.close()


def test_a_proxy_of_the_environment_is_used(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "direct.example")
    fetcher = Fetcher(5, MEBIBYTE)
    server.scripts = [answer(b"by proxy")]
    assert fetcher.get("http://log.example/x").body == b"by proxy"
    assert server.requests[0].startswith(b"GET http://log.example/x HTTP/1.1\r\n")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert fetcher.get(server.url + "y").body == b"by proxy"
    assert server.requests[1].startswith(b"GET /y HTTP/1.1\r\n")
    fetcher.close()


def test_many_threads(server: ScriptedServer, fetcher: Fetcher) -> None:
    server.scripts = [answer(b"z" * 1000)]
    sizes: list[int] = []
    threads = [
        threading.Thread(target=lambda: sizes.extend(len(fetcher.get(server.url).body) for _ in range(20)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [1000] * 160
    assert server.connections <= 8


def test_nobody_waits_for_another_s_connection(server: ScriptedServer) -> None:
    """One that hangs does not use up the time of the next, however few are kept."""
    fetcher = Fetcher(timeout_s=2, max_bytes=MEBIBYTE, connections=1)
    server.scripts = [server.hang, answer(b"well")]
    hanging = threading.Thread(target=lambda: refused(fetcher, server.url))
    hanging.start()
    while not server.requests:
        time.sleep(0.01)
    assert fetcher.get(server.url).body == b"well" and hanging.is_alive()
    hanging.join()
    fetcher.close()


def test_the_library_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "urllib3", None)
    with pytest.raises(MissingLibraryError, match=r"ocspwatch\[online\]"):
        Fetcher(1, 1)
