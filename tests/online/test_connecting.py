"""Names with several addresses, of which some are silent, and a resolver that is."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from sensor.online.connecting import connect
from tests.ports import free_ports, silent_hosts

Named = Callable[..., None]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Named:
    """What the resolver says, whatever it is asked."""

    def say(*addresses: tuple[str, int]) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    return say


def refused(within_s: float) -> BaseException:
    began = time.monotonic()
    with pytest.raises((OSError, ValueError)) as caught:
        connect("crt.example", 443, began + within_s)
    assert time.monotonic() - began < within_s + 0.5
    return caught.value


def test_silent_ones_together_have_the_time_of_one(named: Named) -> None:
    with silent_hosts() as hosts:
        named(*hosts)
        assert isinstance(refused(0.4), TimeoutError)


def test_behind_silent_ones_one_that_speaks(named: Named) -> None:
    with silent_hosts() as hosts, socket.create_server(("127.0.0.1", 0)) as speaking:
        named(*hosts[:3], speaking.getsockname())
        connect("crt.example", 443, time.monotonic() + 2).close()


def test_no_more_than_eight(named: Named) -> None:
    (port,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as speaking:
        named(*[("127.0.0.1", port)] * 7, speaking.getsockname())
        connect("crt.example", 443, time.monotonic() + 5).close()
        named(*[("127.0.0.1", port)] * 8, speaking.getsockname())
        assert isinstance(refused(5), ConnectionRefusedError)


def test_a_resolver_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def slow(*_: Any, **__: Any) -> list[Any]:
        assert over.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        assert isinstance(refused(0.2), TimeoutError)
    finally:
        over.set()


def test_a_name_without_an_address(named: Named) -> None:
    named()
    assert "without an address" in str(refused(5))


def test_what_can_be_no_name() -> None:
    with pytest.raises(ValueError, match="label"):
        connect("x" * 70 + ".example", 443, time.monotonic() + 5)
