"""Events: their line is made once at most, and headers are there beside it."""

from __future__ import annotations

from typing import Any

from sensor.http.transaction import Header, HttpRequest, HttpTransaction
from sensor.rules.events import HttpEvent, LoggedEvent
from sensor.weird import FlowId

FLOW = FlowId("C1", "10.0.0.1", 1, "2001:db8::1", 8080)
REQUEST = HttpRequest(5, b"GET", b"/%41", "1.1", b"h\xff", None, (Header(b"x-a", b"\xffv"),), (), 0, True)
TRANSACTION = HttpTransaction(FLOW, 5, 1, REQUEST, None)


def test_the_line_is_made_once() -> None:
    made = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {"a": [1, "x"], "b": True}

    event = LoggedEvent("conn", 1, 2, None, make)
    assert not made
    assert event.get("a") == [1, "x"] and event.get("c") is None and event.texts() == ["1", "x", "true"]
    assert event.detached().get("b") is True and made == [1]


def test_headers() -> None:
    event = HttpEvent("http", 5, TRANSACTION, lambda: {"host": "h"})
    assert event.get("client_headers") == [r"X-A: \xffv"] and event.get("client_header_names") == ["X-A"]
    assert event.get("server_headers") is None and event.get("host") == "h"


def test_urls() -> None:
    assert HttpEvent("files", 5, TRANSACTION, dict).url() == r"http://h\xff:8080/A"
    none = HttpTransaction(FLOW, 5, 1, None, None)
    assert HttpEvent("files", 5, none, dict).url() == "http://[2001:db8::1]:8080/<missed_request>"
    assert LoggedEvent("ocsp_exchange", 1, 1, FLOW, lambda: {"host": "h", "uri": "/"}).url() == "http://h:8080/"
    assert LoggedEvent("conn", 1, 1, FLOW, dict).url() is None
