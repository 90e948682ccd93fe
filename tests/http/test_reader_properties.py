"""Properties: pieces make no difference, nothing raises, nothing is made up, time is linear, limits hold."""

from __future__ import annotations

import gzip
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.flow.stream import END_OF_INPUT, FIN, RESET, TIMEOUT
from sensor.http.reader import HttpReader
from sensor.http.second import SecondReading
from sensor.http.transaction import HttpTransaction
from sensor.settings import HttpSettings
from sensor.weird import Weird
from tests.http.test_content import OCSP_ERROR, REQUEST
from tests.http.wire import (
    FLOW,
    End,
    Heard,
    Lost,
    Step,
    Wire,
    answer,
    ask,
    chunked,
    get,
    grows_linearly,
    hear,
    post,
    reply,
)

SMALL = HttpSettings(
    max_line_bytes=300, max_target_bytes=500, max_header_bytes=800, max_headers=5, max_trailer_bytes=60, max_parts=2
)

REQUESTS = [
    get(b"/plain"),
    get(b"/%2F%zz", b"Range: bytes=0-4"),
    get(b"/1") + get(b"/2"),
    post(b"/ocsp", REQUEST, b"Content-Type: application/ocsp-request"),
    post(b"/parts", b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--", b"Content-Type: multipart/mixed; boundary=b"),
    b"HEAD /h HTTP/1.1\nHost: a\n\n",
    b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"abc", b"defg", trailer=b"X: y\r\n"),
    b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnot chunked\r\n",
    b"GET /old\r\n",
    b"GET /folded HTTP/1.1\r\nX: a\r\n b\r\nY: c\rZ: d\r\n \r\n\r\n",
    b"\r\n\r\nGET /empty HTTP/1.0\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\n",
    b"this is no request\r\n",
    b"\x16\x03\x01\0\0",
    b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    b"GET /" + b"x" * 900 + b" HTTP/1.1\r\n\r\n",
    b"GET /half HTTP/1.1\r\nHost:",
]
REPLIES = [
    reply(b"hello"),
    reply(),
    reply(OCSP_ERROR, b"Content-Type: application/ocsp-response"),
    reply(gzip.compress(OCSP_ERROR, mtime=0), b"Content-Encoding: gzip"),
    reply(b"as it is", b"Content-Encoding: gzip"),
    reply(b"12345", b"Content-Range: bytes 0-4/10", status=b"206 Partial"),
    b"HTTP/1.1 100 Continue\r\n\r\n" + reply(b"then"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello ", b"world"),
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot chunked",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil close",
    b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 2xx odd\r\nContent-Length: 3\r\n\r\nodd",
    b" \r\nHTTP/1.1 200 junk\r\nContent-Length: 1\n\n!",
    b"no status line at all",
    b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + b"\1" * 700,
    b"HTTP/1.1 200 OK\r\nContent-Le",
]
FRAMED_OTHERWISE = [
    post(b"/text", b"Great"),
    post(b"/text", b"GET well soon\r\n"),
    post(b"/text", b"PUT /cut"),
    post(b"/in", get(b"/inner")),
    post(b"/in", b"PUT /%b HTTP/1.1\r\n" % (b"y" * 100)),
    b"GET /two HTTP/1.1\r\nContent-Length: 9\r\nContent-Length: 52\r\n\r\n" + b"ten bytes" + get(b"/inner2"),
    b"POST /29 HTTP/1.1\r\nContent-Length: 29\r\xdbX: y\r\n\r\n" + b"z" * 22,
    b"POST /unsized HTTP/1.1\r\nContent-Length: 5, x, 29\r\n\r\n" + b"GET /cut short" + get(b"/3"),
]
"""Where a message ends in these is in doubt, or may be."""
EXCHANGES = st.lists(st.tuples(st.sampled_from(REQUESTS), st.sampled_from(REPLIES)), min_size=1, max_size=4)


def told(heard: Heard) -> list[object]:
    """What came out; of a weird its name, for its detail shows no more than was there when it was seen. What a second
    reading tells stands behind the rest: it is given pieces that the main one has had whole.

    Data in one segment with the reply to CONNECT or an upgrade is told, as Zeek does, and so depends on segments.
    """
    named = [
        item if isinstance(item, HttpTransaction) else item.name
        for item in heard.out
        if isinstance(item, HttpTransaction | Weird)
    ]
    named = [item for item in named if not (isinstance(item, str) and item.startswith("protocol_data_with"))]
    return [*named, *[item for item in heard.out if isinstance(item, SecondReading)]]


def hear_in_pieces(steps: list[Step], cuts: list[int], probation: bool, limits: HttpSettings) -> list[Heard]:
    """The same, whole, cut and bytewise."""
    return [
        hear(*steps, mode=mode, cuts=cuts, probation=probation, settings=limits)
        for mode in ("whole", "cut", "bytewise")
    ]


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.sampled_from(FRAMED_OTHERWISE),
    st.sampled_from(REQUESTS[:5]),
    st.lists(st.integers(1, 200), max_size=12),
    st.booleans(),
    st.sampled_from([SMALL, HttpSettings()]),
)
def test_pieces_make_no_difference_to_where_a_message_ends(
    asked: bytes, then: bytes, cuts: list[int], at_once: bool, limits: HttpSettings
) -> None:
    """Nor to how it ends for who frames otherwise, and to who is told to be in doubt."""
    first, *others = (answer(reply(OCSP_ERROR[:-1] + bytes((number,)))) for number in range(1, 5))
    said = [ask(asked + then), first] if at_once else [ask(asked), first, ask(then)]
    whole, cut, bytewise = hear_in_pieces([ask(get(b"/1")), answer(reply()), *said, *others], cuts, False, limits)
    assert told(cut) == told(whole)
    assert told(bytewise) == told(whole)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(EXCHANGES, st.lists(st.integers(1, 400), max_size=12), st.booleans(), st.sampled_from([SMALL, HttpSettings()]))
def test_pieces_make_no_difference(
    exchanges: list[tuple[bytes, bytes]], cuts: list[int], probation: bool, limits: HttpSettings
) -> None:
    steps = [step for asked, answered in exchanges for step in (ask(asked), answer(answered))]
    whole, cut, bytewise = hear_in_pieces(steps, cuts, probation, limits)
    assert told(cut) == told(whole)
    assert told(bytewise) == told(whole)
    assert (cut.service, bytewise.service) == (whole.service, whole.service)


@pytest.mark.parametrize("asked", REQUESTS)
@pytest.mark.parametrize("answered", REPLIES)
def test_each_pair_byte_by_byte(asked: bytes, answered: bytes) -> None:
    steps = (ask(asked), answer(answered), ask(get(b"/next")), answer(reply(b"next")))
    assert told(hear(*steps, mode="bytewise")) == told(hear(*steps))


SCRIPT = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("<>"), st.one_of(st.sampled_from(REQUESTS + REPLIES), st.binary(max_size=60))),
        st.tuples(st.sampled_from("<>"), st.integers(0, 300).map(Lost)),
    ),
    max_size=10,
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(SCRIPT, st.booleans(), st.sampled_from([FIN, RESET, TIMEOUT, END_OF_INPUT]))
def test_nothing_raises_and_every_record_is_sound(script: list, probation: bool, how: int) -> None:
    heard = hear(*script, ("<", End(how)), probation=probation, settings=SMALL)
    depths = [item.trans_depth for item in heard.transactions]
    assert len(set(depths)) == len(depths)
    fuids = [
        file.fuid
        for item in heard.transactions
        for half in (item.request, item.response)
        if half is not None
        for file in half.files
    ]
    assert len(set(fuids)) == len(fuids)
    for item in heard.transactions:
        assert item.request is not None or item.response is not None
        for half in (item.request, item.response):
            if half is None:
                continue
            assert half.ts >= item.ts or item.request is None or item.response is None or half.ts > 0
            assert len(half.headers) <= SMALL.max_headers
            for file in half.files:
                assert file.seen_bytes > 0
                assert file.missing_bytes >= 0
                assert file.first_ts <= file.last_ts
                if isinstance(file.content, bytes):
                    assert len(file.content) == file.seen_bytes
                    assert file.missing_bytes == 0


@settings(max_examples=150, deadline=None)
@given(EXCHANGES, st.integers(0, 2000))
def test_what_came_out_of_a_beginning_stays_true(exchanges: list[tuple[bytes, bytes]], cut: int) -> None:
    """Prefix stability: more bytes never take back a transaction that is out."""
    steps = [step for asked, answered in exchanges for step in (ask(asked), answer(answered))]
    out: list[object] = []
    wire = Wire(HttpReader(FLOW, out, HttpSettings(), probation=False))
    for i, (direction, said) in enumerate(steps):
        assert isinstance(said, bytes)
        wire.say(direction == ">", said[:cut] if i == len(steps) - 1 else said, i + 1)
    early = [item for item in out if isinstance(item, HttpTransaction)]
    direction, said = steps[-1]
    assert isinstance(said, bytes)
    wire.say(direction == ">", said[cut:], len(steps))
    assert [item for item in out if isinstance(item, HttpTransaction)][: len(early)] == early


def test_random_bytes_of_every_kind() -> None:
    source = random.Random(1)
    for _ in range(300):
        out: list[object] = []
        wire = Wire(HttpReader(FLOW, out, SMALL, probation=source.random() < 0.3))
        for ts in range(1, 30):
            is_orig = source.random() < 0.5
            said = bytearray(source.choice(REQUESTS if is_orig else REPLIES))
            for _ in range(source.randrange(4)):
                said[source.randrange(len(said))] = source.randrange(256)
            if source.random() < 0.1:
                wire.lose(is_orig, source.randrange(500), ts)
            wire.say(is_orig, bytes(said), ts)
        wire.end(True, source.choice([FIN, RESET, TIMEOUT, END_OF_INPUT]), 31)
        wire.end(False, FIN, 31)
        assert all(isinstance(item, HttpTransaction | SecondReading | Weird) for item in out)


@pytest.mark.parametrize(
    ("head", "unit", "tail"),
    [
        (b"", b"\r\n", get()),
        (b"GET / HTTP/1.1\r\nX: y", b"\r\n z", b"\r\n\r\n"),
        (b"GET / HTTP/1.1\r\n", b"X: y\r\n", b"\r\n"),
        (b"GET / HTTP/1.1\r\n", b"X-%d: y\r\n", b"\r\n"),
        (b"GET /", b"a", b" HTTP/1.1\r\n\r\n"),
        (b"", b"no request\r\n", get()),
        (b"", get(), b""),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", b"0\r\n\r\n"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"T: u\r\n", b"\r\n"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx", b"\r\n", b"0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("segment", [1 << 30, 1460, 40])
def test_linear_time(head: bytes, unit: bytes, tail: bytes, segment: int) -> None:
    limits = HttpSettings(
        max_header_bytes=1 << 24, max_target_bytes=1 << 24, max_trailer_bytes=1 << 24, max_pending=1 << 20
    )

    def run(count: int) -> None:
        said = head + (b"".join(unit % i for i in range(count)) if b"%d" in unit else unit * count) + tail
        wire = Wire(HttpReader(FLOW, [], limits, probation=False))
        for i in range(0, len(said), segment):
            wire.say(True, said[i : i + segment], 1)
        wire.end(True, FIN, 2)

    assert grows_linearly(run, 2000)
