"""One node's thread: what takes it long, what it is told meanwhile, and its end. Real nodes: test_nodes."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from sensor.cluster.node import Node, Told
from sensor.settings import ClusterSettings

PING = [(b"PING",)]
SETTINGS = ClusterSettings(nodes=("127.0.0.1:1",), tls=False, timeout_ms=5000)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.settimeout(20)
        yield found


def soon() -> float:
    return time.monotonic() + 20


def test_one_connection_serves_all(listener: socket.socket) -> None:
    pytest.importorskip("redis", reason="the extra cluster is not installed")
    node = Node(listener.getsockname(), SETTINGS, None)
    told: queue.SimpleQueue[Told] = queue.SimpleQueue()
    jobs = [node.ask(PING, soon(), told) for _ in range(3)]
    talk, _ = listener.accept()
    with talk:
        talk.settimeout(20)
        for _ in range(2 + len(jobs)):  # redis-py says who it is, twice
            talk.recv(4096)
            talk.sendall(b"+OK\r\n")
        for job in jobs:
            said = told.get(timeout=20)
            assert said.job is job
            assert job.is_talking
            assert (said.replies, said.error) == ([b"OK"], None)
        node.close()
        assert talk.recv(4096) == b""


def test_one_that_says_less_tells_why(listener: socket.socket) -> None:
    pytest.importorskip("redis", reason="the extra cluster is not installed")
    node = Node(listener.getsockname(), SETTINGS, None)
    told: queue.SimpleQueue[Told] = queue.SimpleQueue()
    node.ask(PING * 3, soon(), told)
    talk, _ = listener.accept()
    with talk:
        talk.settimeout(20)
        for reply in (b"+OK\r\n", b"+OK\r\n", b"+PONG\r\n+PO"):
            talk.recv(4096)
            talk.sendall(reply)
    said = told.get(timeout=20)
    assert said.replies == [b"PONG"]
    assert isinstance(said.error, ConnectionError)
    node.close()


def test_the_end_of_one_connection_is_not_that_of_the_next(listener: socket.socket) -> None:
    """redis-py ends one again when it is collected, which may be much later."""
    pytest.importorskip("redis", reason="the extra cluster is not installed")
    node = Node(listener.getsockname(), SETTINGS, None)
    told: queue.SimpleQueue[Told] = queue.SimpleQueue()
    ended = []
    for number in range(2):
        job = node.ask(PING, soon(), told)
        talk, _ = listener.accept()
        with talk:
            talk.settimeout(20)
            for _ in range(2):
                talk.recv(4096)
                talk.sendall(b"+OK\r\n")
            talk.recv(4096)
            for connection in ended:
                connection.disconnect()
            ended.append(node._connection)
            talk.sendall(b"+PONG\r\n" if number else b"")
        said = told.get(timeout=20)
        assert said.job is job
        assert said.replies == [b"PONG"] * number
    node.close()


def test_a_name_that_takes_long_takes_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often the node is asked meanwhile."""
    pytest.importorskip("redis", reason="the extra cluster is not installed")
    found = threading.Event()
    names: list[str] = []

    def slow(host: str, *_: object, **__: object) -> list[object]:
        names.append(host)
        assert found.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    before = set(threading.enumerate())
    node = Node(("node.example", 6379), SETTINGS, None)
    told: queue.SimpleQueue[Told] = queue.SimpleQueue()
    jobs = [node.ask(PING, soon(), told) for _ in range(5)]
    assert len(set(threading.enumerate()) - before) == 1
    assert told.empty()
    assert not any(job.is_talking for job in jobs)
    node.close()
    assert node.is_alive
    found.set()
    for _ in jobs:
        assert told.get(timeout=20).error is not None
    until = soon()
    while node.is_alive:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert names == ["node.example"] * len(jobs)
