"""Replies of a node, from a socket's other end: as they come, in pieces, and from a node that means no good."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.cluster.replies import BoundedParser, Refusal, Reply, ReplyError

GOOD: list[tuple[bytes, Reply]] = [
    (b"+OK\r\n", b"OK"),
    (b"-MOVED 7 127.0.0.1:1\r\n", Refusal("MOVED 7 127.0.0.1:1")),
    (b":-12\r\n", -12),
    (b"$5\r\na\r\nbc\r\n", b"a\r\nbc"),
    (b"$0\r\n\r\n", b""),
    (b"$-1\r\n", None),
    (b"*-1\r\n", None),
    (b"*0\r\n", []),
    (b"*3\r\n:1\r\n*1\r\n$1\r\nx\r\n-ERR no\r\n", [1, [b"x"], Refusal("ERR no")]),
]
BAD = {
    "no protocol": b"HTTP/1.1 400 Bad Request\r\n",
    "a length that is none": b"$five\r\nhello\r\n",
    "a longer length": b"$3\r\nhello\r\n",
    "a length beyond all numbers": b"$" + b"9" * 40 + b"\r\n",
    "too long": b"$2000000\r\n",
    "too long together": b"*3\r\n" + b"$400\r\n" + b"x" * 400 + b"\r\n" + b"$700\r\n",
    "too many parts": b"*999999999\r\n" + b":1\r\n" * 400,
    "too deep": b"*1\r\n" * 50,
    "a line without an end": b"+" + b"x" * 9000,
    "an end": b"$5\r\nhel",
}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, BoundedParser]]:
    ours, theirs = socket.socketpair()
    parser = BoundedParser(1000)
    parser.on_connect(SimpleNamespace(_sock=ours))
    parser.begin(time.monotonic() + 20)
    with ours, theirs:
        yield theirs, parser


@pytest.mark.parametrize(("octets", "reply"), GOOD)
def test_whole_and_with_more_behind_it(pair: tuple[socket.socket, BoundedParser], octets: bytes, reply: Reply) -> None:
    node, parser = pair
    node.sendall(octets + b":7\r\n")
    assert [parser.read(), parser.read()] == [reply, 7]
    assert not parser.can_read()


@pytest.mark.parametrize(("octets", "reply"), GOOD)
def test_octet_by_octet(pair: tuple[socket.socket, BoundedParser], octets: bytes, reply: Reply) -> None:
    node, parser = pair

    def drip() -> None:
        for octet in octets:
            node.sendall(bytes((octet,)))
            time.sleep(0.0005)

    thread = threading.Thread(target=drip)
    thread.start()
    assert parser.read() == reply
    thread.join()


@pytest.mark.parametrize("octets", BAD.values(), ids=BAD)
def test_what_is_not_believed(pair: tuple[socket.socket, BoundedParser], octets: bytes) -> None:
    node, parser = pair
    node.sendall(octets)
    node.shutdown(socket.SHUT_WR)
    with pytest.raises(OSError, match=r".*"):
        parser.read()


def test_what_is_there_by_the_deadline_counts(pair: tuple[socket.socket, BoundedParser]) -> None:
    node, parser = pair
    node.sendall(b"+OK\r\n")
    parser.begin(time.monotonic() - 1)
    assert parser.read() == b"OK"
    with pytest.raises(TimeoutError):
        parser.read()


def test_one_that_drips_is_waited_for_until_the_deadline_only(pair: tuple[socket.socket, BoundedParser]) -> None:
    node, parser = pair
    parser.begin(time.monotonic() + 0.2)
    over = threading.Event()

    def drip() -> None:
        while not over.wait(0.01):
            node.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        parser.read()
    over.set()
    thread.join()
    assert time.monotonic() - began < 10


@given(st.binary(max_size=200))
def test_no_octets_raise_anything_else(octets: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        parser = BoundedParser(1000)
        parser.on_connect(SimpleNamespace(_sock=ours))
        parser.begin(time.monotonic() + 20)
        theirs.sendall(octets)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(OSError, match=r".*"):
            for _ in range(300):
                parser.read()


def test_not_connected() -> None:
    with pytest.raises(ReplyError):
        BoundedParser(10).read()
