"""Notices: what they say, and what is held back, in packet time."""

from __future__ import annotations

from typing import Any

from sensor.logs.observer import Notice
from sensor.rules.events import LoggedEvent
from sensor.rules.notices import NoticeBook
from sensor.rules.rule import Head, Level, NoticeForm
from sensor.rules.template import parse_template
from sensor.weird import FlowId
from tests.rules.test_windows import S, make

FLOW = FlowId("C1", "10.0.0.1", 1, "10.0.0.2", 80)


def head(**form: Any) -> Head:
    plain = make("event_count").head
    notice = NoticeForm("A::B", parse_template("{id.orig_h} did {uri}", None), **form)
    return Head("id", "t", None, Level.high, None, "", (), plain.file, 1, notice)


def event(ts: int, service: str = "http", **fields: Any) -> LoggedEvent:
    return LoggedEvent(service, ts * S, ts * S + 5, FLOW, lambda: {"id.orig_h": "10.0.0.1", "uri": "/", **fields})


def book(most: int = 10) -> tuple[NoticeBook, list[Notice]]:
    told: list[Notice] = []
    return NoticeBook(60.0, most, told.append), told


def test_what_it_says() -> None:
    found, told = book()
    found.event(head(sub=parse_template("{x}", None)), event(1))
    assert told == [
        Notice(S, S + 5, FLOW, "A::B", "10.0.0.1 did /", "-", 60_000_000, "id", "high"),
    ]


def test_the_body_it_is_about() -> None:
    found, told = book()
    found.event(head(), event(1, "files", fuid="F1", mime_type="text/html"))
    found.event(head(suppress_for_us=0), event(1, "ocsp_exchange", resp_fuid="F2", host="h"))
    found.event(head(suppress_for_us=0), event(1, "ocsp_exchange", orig_fuid="F3", resp_fuid="F2"))
    assert [(each.fuid, each.file_mime_type) for each in told] == [
        ("F1", "text/html"),
        ("F2", "application/ocsp-response"),
        ("F3", "application/ocsp-request"),
    ]  # fmt: skip  (one row)
    assert told[1].file_desc == "http://h/"


def test_repeats_are_held_back() -> None:
    found, told = book()
    form = head(identifier=("uri",), suppress_for_us=10_000_000)
    for ts, uri in ((1, "a"), (2, "b"), (10, "a"), (11, "a"), (5, "a")):
        found.event(form, event(ts, uri=uri))
    assert [each.ts // S for each in told] == [1, 2, 11, 5]  # time that goes back is told again
    assert (found.told, found.held_back) == (4, 1)


def test_zero_holds_nothing_back() -> None:
    found, told = book()
    for _ in range(3):
        found.event(head(suppress_for_us=0), event(1))
    assert len(told) == 3


def test_memory_is_bounded() -> None:
    found, told = book(most=2)
    for uri in "abcab":
        found.event(head(identifier=("uri",)), event(1, uri=uri))
    assert len(told) == 5 and found.forgotten == 3


def test_lists_and_long_values_are_keys_too() -> None:
    found, told = book()
    for uri in (["a"], ["a"], ["a", "b"], "x" * 9999, "x" * 9999, None):
        found.event(head(identifier=("uri",)), event(1, uri=uri))
    assert len(told) == 4


def test_correlations() -> None:
    found, told = book()
    form = NoticeForm("A::B", parse_template("{who}: {count}", None), identifier=("who",))
    plain = Head("id", "t", None, None, None, "", (), head().file, 1, form)
    found.correlation(plain, event(1), {"who": "x"}, 3.0)
    found.correlation(plain, event(2), {"who": "x"}, 4.0)
    assert [(each.msg, each.n) for each in told] == [("x: 3", 3)]
