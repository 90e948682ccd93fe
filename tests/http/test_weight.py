"""sensor.http.weight: what a reader keeps is counted, and nothing when it keeps nothing."""

from __future__ import annotations

import gc
import gzip
import weakref

import pytest

from sensor.flow.ledger import Ledger
from sensor.flow.stream import FIN
from sensor.http.body import Body
from sensor.http.head import Head
from sensor.http.reader import HttpReader
from sensor.http.transaction import HttpTransaction
from sensor.settings import HttpSettings
from tests.http.test_content import OCSP_ERROR
from tests.http.wire import FLOW, SECOND, conflict, get, reply

CODED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9000\r\n\r\n" + gzip.compress(b"a" * 9000)[:30]


def reader(ledger: Ledger | None = None) -> tuple[HttpReader, list[object]]:
    out: list[object] = []
    return HttpReader(FLOW, out, HttpSettings(), probation=False, ledger=ledger), out


def test_nothing_is_kept_of_what_is_over() -> None:
    one, _ = reader()
    assert one.kept() == (0, 0)
    one.data(True, get(b"/a"), SECOND)
    one.data(False, reply(b"x"), SECOND)
    assert one.kept() == (0, 0)


@pytest.mark.parametrize(
    "said",
    [
        b"GET /" + b"x" * 9000,
        b"GET / HTTP/1.1\r\nX: " + b"y" * 9000,
        b"POST / HTTP/1.1\r\nContent-Type: application/ocsp-request\r\nContent-Length: 20000\r\n\r\n" + b"0" * 9000,
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n" * 9,
        b"POST / HTTP/1.1\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Length: 20000\r\n\r\n"
        + b"--b\r\nContent-Type: application/ocsp-request\r\n\r\n0"
        + b"0" * 9000
        + b"\r\n--b\r\nX: ",
    ],
    ids=["line", "head", "body", "whole", "pipeline", "parts"],
)
def test_what_is_under_way_and_what_waits_counts(said: bytes) -> None:
    one, _ = reader()
    one.data(True, said, SECOND)
    assert one.kept()[0] >= 9000


def test_replies_that_nobody_has_asked_for_count() -> None:
    one, _ = reader()
    one.data(False, reply(b"x" * 5) * 3, SECOND)
    assert one.kept()[0] >= 3000


def test_waiting_exchanges_are_charged_for() -> None:
    ledger = Ledger()
    one, _ = reader(ledger)
    one.data(True, get(b"/"), SECOND)
    assert ledger.charged == 0, "one alone is little"
    one.data(True, get(b"/") * 9, SECOND)
    assert ledger.charged >= 9 * 2000


def test_a_head_of_very_many_fields_is_charged_for() -> None:
    ledger = Ledger()
    one, _ = reader(ledger)
    one.data(True, b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 90 + b"\r\n", SECOND)
    assert ledger.charged >= one.kept()[0] - 3000 > 9000


def test_a_decompressor_is_charged_for_as_long_as_it_is_there() -> None:
    ledger = Ledger()
    one, _ = reader(ledger)
    one.data(True, get(b"/"), SECOND)
    one.data(False, CODED, SECOND)
    _, window = one.kept()
    assert ledger.charged == window >= 65536
    one.closed(False, FIN, SECOND, SECOND, 0)
    assert ledger.charged == 0
    assert one.kept()[1] == 0


def test_both_readings_count_and_what_was_told() -> None:
    one, _ = reader()
    said = b"POST / HTTP/1.1\r\nContent-Type: application/ocsp-request\r\nContent-Length: 5000\r\n\r\n"
    one.data(True, said + b"0" * 900, SECOND)
    before = one.kept()[0]
    both = one.second(True, conflict(1, [said + b"1" * 900], (1, b"x" * 400)), {True: 0, False: 0}, SECOND)
    assert both.kept()[0] >= before + 900 + 400
    for number in range(3):
        both.data(False, reply(b"%d" % number), SECOND)
    assert both.kept()[0] >= before + 900 + 400 + 3000


def test_what_a_cut_second_reading_knew_is_forgotten() -> None:
    """A flow that is forked may go on for days."""
    out: list[object] = []
    one = HttpReader(FLOW, out, HttpSettings(max_second_reading_bytes=200), probation=False)
    both = one.second(True, conflict(1, [], (1, b"x")), {True: 0, False: 0}, SECOND)
    for number in range(50):
        both.data(True, get(b"/%d" % number), SECOND)
        both.data(False, reply(b"x"), SECOND)
    assert sum(isinstance(item, HttpTransaction) for item in out) == 50
    assert both.kept()[0] < 10


def test_a_body_that_is_over_is_no_garbage() -> None:
    """Nothing of it waits for the collector, which comes after a million objects (cli/replay.py)."""
    head = Head()
    head.coded, head.codings = True, (b"gzip",)
    parts = Head()
    parts.content_type = b"multipart/mixed; boundary=b"
    gc.disable()
    try:
        for each in (head, parts):
            body = Body(HttpSettings(), each, False, "C1", 1, -1)
            body.feed(gzip.compress(OCSP_ERROR) if each is head else b"--b\r\n\r\nx\r\n--b--", SECOND)
            assert body.finish(True)
            gone = weakref.ref(body)
            del body
            assert gone() is None
    finally:
        gc.enable()


def test_a_long_target_counts_until_the_next_request() -> None:
    one, _ = reader()
    one.data(True, b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", SECOND)
    one.data(False, reply(b"x"), SECOND)
    assert one.kept()[0] >= 5000
    one.data(True, get(b"/a"), SECOND)
    one.data(False, reply(b"x"), SECOND)
    assert one.kept() == (0, 0)
