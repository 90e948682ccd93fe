"""sensor.service.scrape: a page for whoever asks, and nothing for whoever is slow, loud or many."""

from __future__ import annotations

import http.client
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from sensor.service import scrape
from sensor.service.scrape import MAX_CONNECTIONS, ScrapeError, ScrapeServer, open_listener

PAGE = b"# TYPE a counter\na 1\n" + b"# padding\n" * 50_000


@pytest.fixture
def server() -> Iterator[ScrapeServer]:
    made = ScrapeServer(open_listener("127.0.0.1:0"), lambda: PAGE, "text/plain; version=0.0.4")
    made.start()
    yield made
    made.close()


def port(server: ScrapeServer) -> int:
    number: int = server._listener.getsockname()[1]
    return number


def get(server: ScrapeServer) -> tuple[bytes, str | None]:
    """The page and its type, by a client that knows HTTP."""
    connection = http.client.HTTPConnection("127.0.0.1", port(server), timeout=10)
    connection.request("GET", "/metrics")
    reply = connection.getresponse()
    return reply.read(), reply.getheader("Content-Type")


def url(server: ScrapeServer, path: str = "/metrics") -> str:
    return f"http://127.0.0.1:{port(server)}{path}"


def connect(server: ScrapeServer, octets: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port(server)), timeout=10)
    made.sendall(octets)
    return made


def read(peer: socket.socket) -> bytes:
    """All that comes until the other side ends it."""
    found = b""
    try:
        while octets := peer.recv(65536):
            found += octets
    except ConnectionError:
        pass
    peer.close()
    return found


def test_a_page_larger_than_a_socket_buffer(server: ScrapeServer) -> None:
    assert get(server) == (PAGE, "text/plain; version=0.0.4")


@pytest.mark.needs("curl")
def test_curl(server: ScrapeServer) -> None:
    done = subprocess.run(["curl", "-sS", "-m", "10", url(server)], capture_output=True, check=True)
    assert done.stdout == PAGE
    head = subprocess.run(["curl", "-sSI", "-m", "10", url(server)], capture_output=True, check=True).stdout
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(PAGE)}\r\n".encode() in head


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /metrics HTTP/1.0", b"200 OK"),
        (b"GET /metrics?x=y HTTP/1.1", b"200 OK"),
        (b"GET / HTTP/1.1", b"404 Not Found"),
        (b"GET /metrics/../etc/passwd HTTP/1.1", b"404 Not Found"),
        (b"POST /metrics HTTP/1.1", b"405 Method Not Allowed"),
        (b"\xff\x00 \x1b]0;x\x07 y", b"405 Method Not Allowed"),
        (b"", b"405 Method Not Allowed"),
    ],
)
def test_requests(server: ScrapeServer, request_line: bytes, status: bytes) -> None:
    reply = read(connect(server, request_line + b"\r\n\r\n"))
    assert reply.startswith(b"HTTP/1.1 " + status + b"\r\n")


def test_octet_by_octet(server: ScrapeServer) -> None:
    peer = connect(server)
    for octet in b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n":
        peer.sendall(bytes([octet]))
    assert read(peer).endswith(PAGE)


class TestHostile:
    def test_too_long(self, server: ScrapeServer) -> None:
        peer = connect(server, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 2000)
        assert read(peer) == b""
        assert server.cut_off == 1

    def test_silent_ones_are_cut_off_in_their_time(self, server: ScrapeServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scrape, "WITHIN_S", 0.2)
        began = time.monotonic()
        assert read(connect(server, b"GET /met")) == b""
        assert 0.15 < time.monotonic() - began < 5

    def test_one_who_does_not_read_is_cut_off(self, server: ScrapeServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scrape, "WITHIN_S", 0.3)
        monkeypatch.setattr(server, "_page", lambda: PAGE * 40)
        peer = connect(server, b"GET /metrics HTTP/1.1\r\n\r\n")
        until = time.monotonic() + 10
        while not server.cut_off and time.monotonic() < until:
            time.sleep(0.05)
        assert server.cut_off == 1
        assert len(read(peer)) < 40 * len(PAGE)

    def test_many_silent_ones_do_not_keep_out_one_that_asks(self, server: ScrapeServer) -> None:
        silent = [connect(server) for _ in range(3 * MAX_CONNECTIONS)]
        assert get(server)[0] == PAGE
        assert len(server._open) <= MAX_CONNECTIONS
        for peer in silent:
            peer.close()

    def test_answers_are_paced(self, server: ScrapeServer) -> None:
        """However fast somebody asks."""
        began, asked = time.monotonic(), 0
        while time.monotonic() - began < 0.5:
            read(connect(server, b"GET / HTTP/1.1\r\n\r\n"))
            asked += 1
        assert asked <= 0.6 / scrape.PACE_S

    def test_resets(self, server: ScrapeServer) -> None:
        for _ in range(5):
            peer = connect(server, b"GET /metrics HTTP/1.1\r\n\r\n")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
        assert get(server)[0] == PAGE


def test_no_thread_before_start_and_none_after_close() -> None:
    before = threading.active_count()
    server = ScrapeServer(open_listener("127.0.0.1:0"), lambda: PAGE, "text/plain")
    assert threading.active_count() == before
    server.start()
    address = server._listener.getsockname()
    server.close()
    server.close()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=2)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("9475", "HOST:PORT"),
        ("127.0.0.1:", "HOST:PORT"),
        ("127.0.0.1:99999", "HOST:PORT"),
        ("127.0.0.1:-1", "HOST:PORT"),
        ("localhost:9475", "not an address"),
        ("0.0.0.0:9475", "not a loopback address"),
        ("[::]:9475", "not a loopback address"),
        ("192.0.2.1:9475", "not a loopback address"),
    ],
)
def test_addresses_that_are_refused(address: str, said: str) -> None:
    with pytest.raises(ScrapeError) as error:
        open_listener(address)
    assert said in str(error.value)
    assert str(error.value).startswith(address)


def test_a_port_that_is_taken() -> None:
    with open_listener("127.0.0.1:0") as taken, pytest.raises(ScrapeError, match="in use"):
        open_listener(f"127.0.0.1:{taken.getsockname()[1]}")


def test_ipv6() -> None:
    with open_listener("[::1]:0") as listener:
        assert listener.getsockname()[0] == "::1"
