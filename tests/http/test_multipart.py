"""Multipart bodies in any pieces: parts, what lies around them, what is lost, limits (RFC 2046 section 5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.multipart import Multipart, boundary_of
from tests.http.wire import grows_linearly


class Part:
    def __init__(self, fields: bytes) -> None:
        self.fields = fields
        self.data = b""
        self.missing = 0

    def feed(self, data: bytes, ts: int) -> None:
        assert data and ts == 1
        self.data += data

    def lost(self, count: int) -> None:
        self.missing += count


def split(body: bytes, step: int = 1 << 20, max_parts: int = 8, max_fields: int = 200) -> Multipart[Part]:
    multipart = Multipart(b"XX", Part, max_parts, max_fields)
    for i in range(0, len(body), step):
        multipart.feed(body[i : i + step], 1)
    multipart.finish()
    return multipart


def contents(multipart: Multipart[Part]) -> list[bytes]:
    return [part.data for part in multipart.parts]


BODY = (
    b"preamble\r\n--XX\r\nContent-Type: text/plain\r\n\r\nfirst\r\n--YY\r\nline\r\n--XX  \r\n\r\nsecond\r\n"
    b"--XX\r\nA: b\r\n\r\n\r\n--XX--\r\nepilogue\r\n--XX\r\n\r\nnot a part"
)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 17, 1 << 20])
def test_parts(step: int) -> None:
    multipart = split(BODY, step)
    assert contents(multipart) == [b"first\r\n--YY\r\nline", b"second", b""]
    assert [part.fields for part in multipart.parts] == [b"Content-Type: text/plain\r\n\r\n", b"\r\n", b"A: b\r\n\r\n"]
    assert multipart.closed


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_bare_line_feeds(step: int) -> None:
    assert contents(split(b"--XX\n\nfirst\n--XX\n\nsecond\n--XX--", step)) == [b"first", b"second"]


@pytest.mark.parametrize("step", [1, 1 << 20])
def test_without_the_last_boundary_the_last_part_is_open(step: int) -> None:
    multipart = split(b"--XX\r\n\r\nfirst\r\n--XX\r\n\r\nsecond, cut\r\n-", step)
    assert contents(multipart) == [b"first", b"second, cut\r\n-"]
    assert not multipart.closed


def test_no_boundary_at_all() -> None:
    multipart = split(b"nothing here\r\n" * 20, 3)
    assert multipart.parts == []


def test_limits() -> None:
    multipart = split(b"--XX\r\n\r\na\r\n" * 30 + b"--XX--", max_parts=8)
    assert len(multipart.parts) == 8
    assert multipart.too_many
    endless = split(b"--XX\r\n" + b"Field: x\r\n" * 100 + b"\r\ncontent\r\n--XX--", 7)
    assert contents(endless)[0].startswith(b"Field: x\r\n")  # too many field lines are content


def test_what_is_lost_inside_a_part() -> None:
    multipart = Multipart(b"XX", Part, 8, 200)
    multipart.feed(b"--XX\r\n\r\nbefore", 1)
    multipart.lost(5)
    multipart.feed(b"behind\r\n--XX--", 1)
    assert contents(multipart) == [b"beforebehind"]
    assert multipart.parts[0].missing == 5


def test_what_is_lost_among_field_lines() -> None:
    multipart = Multipart(b"XX", Part, 8, 200)
    multipart.feed(b"--XX\r\nContent-Ty", 1)
    multipart.lost(5)
    multipart.feed(b"xt/plain\r\n\r\nunknown\r\n--XX\r\n\r\nsecond\r\n--XX--", 1)
    assert contents(multipart) == [b"second"]


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=XX", b"XX"),
        (b'Multipart/Mixed; charset=a; BOUNDARY="X X"; x=y', b"X X"),
        (b"multipart/form-data;boundary = ---X;a", b"---X"),
        (b"multipart/form-data", None),
        (b"multipart/byteranges; boundary=XX", None),
        (b"text/plain; boundary=XX", None),
    ],
)
def test_boundaries(content_type: bytes, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


@given(
    st.lists(st.sampled_from([b"--XX", b"--XX--", b"\r\n", b"\n", b"-", b"X", b"A: b", b" "]), max_size=40).map(
        b"".join
    ),
    st.integers(1, 6),
)
def test_pieces_make_no_difference(body: bytes, step: int) -> None:
    once = split(body)
    pieces = split(body, step)
    assert contents(once) == contents(pieces)
    assert [part.fields for part in once.parts] == [part.fields for part in pieces.parts]
    assert once.closed == pieces.closed


@pytest.mark.parametrize("unit", [b"--XX\r\n\r\n", b"\r\n--X", b"\n", b"--XX\r\nA: b\r\n"])
def test_linear_time(unit: bytes) -> None:
    assert grows_linearly(lambda count: split(b"--XX\r\n\r\n" + unit * count, 1400), 20_000)


def test_what_is_lost_in_a_part_that_nobody_takes() -> None:
    multipart = Multipart(b"XX", Part, 1, 200)
    multipart.feed(b"--XX\r\n\r\nfirst\r\n--XX\r\n\r\nbeyond", 1)
    multipart.lost(5)
    multipart.feed(b"behind\r\n--XX--", 1)
    assert (contents(multipart), multipart.parts[0].missing, multipart.too_many, multipart.closed) == (
        [b"first"],
        0,
        True,
        True,
    )


def test_what_is_lost_behind_the_last_boundary_costs_nothing() -> None:
    multipart = Multipart(b"XX", Part, 8, 200)
    multipart.feed(b"--XX\r\n\r\nfirst\r\n--XX--", 1)
    multipart.lost(5)
    multipart.feed(b"\r\n--XX\r\n\r\nnot a part\r\n--XX--", 1)
    multipart.finish()
    assert (contents(multipart), multipart.parts[0].missing, multipart.closed) == ([b"first"], 0, True)
