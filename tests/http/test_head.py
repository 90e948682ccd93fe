"""Field lines: what frames the body, what is odd, and where a head ends that is not written as it should be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.head import (
    CHUNKED,
    NO_LENGTH,
    NOT_CHUNKED,
    PERHAPS_CHUNKED,
    Head,
    find_end,
    read_fields,
    read_odd_fields,
    split_start_line,
)
from tests.http.wire import grows_linearly

ODD = 100, 8192


def read(block: bytes) -> Head:
    """By the strict reader if it takes it, and then the tolerant one must say the same."""
    strict = Head()
    tolerant = Head()
    read_odd_fields(tolerant, block, *ODD)
    if read_fields(strict, block + b"\r\n\r\n", 0, *ODD) != len(block) + 4:
        return tolerant
    for name in ("fields", "count", "host", "user_agent", "length", "coded", "codings", "content_type", "oddities"):
        assert getattr(strict, name) == getattr(tolerant, name), name
    return strict


def names(head: Head) -> list[str]:
    return [name for name, _ in head.oddities or ()]


def test_fields_keep_their_order_and_bytes() -> None:
    head = read(b"Host: a\r\nX-A: \x85\xa0\r\nhost: b")
    assert [(field.name, field.value) for field in head.fields] == [
        (b"host", b"a"),
        (b"x-a", b"\x85\xa0"),
        (b"host", b"b"),
    ]
    assert head.host == b"a"
    assert names(head) == ["host_header_ambiguous"]


def test_the_same_host_twice_is_not_ambiguous() -> None:
    assert read(b"Host: a\r\nHost: a").oddities is None


def test_only_so_many_fields_are_kept_but_all_count() -> None:
    block = b"\r\n".join([b"X: %d" % i for i in range(300)] + [b"Content-Length: 7"])
    head = read(block)
    assert len(head.fields) == 100
    assert head.count == 301
    assert head.length == 7


@pytest.mark.parametrize(
    ("block", "length", "odd"),
    [
        (b"Content-Length: 5", 5, []),
        (b"content-length:5", 5, []),
        (b"Content-Length: 5\r\nContent-Length: 5", 5, []),
        (b"Content-Length: 5, 5", 5, []),
        (b"Content-Length: 5\r\nContent-Length: 6", 5, ["HTTP_bad_content_length", "HTTP_ambiguous_framing"]),
        (b"Content-Length: 6\r\nContent-Length: 5, 7", 6, ["HTTP_bad_content_length"]),
        (b"Content-Length: 5\r\nContent\0-Length: 6", 5, ["NUL_in_line"]),
        (b"Content\0-Length: 6", NO_LENGTH, ["NUL_in_line"]),
        (b"Ho\0st: a.example", NO_LENGTH, ["NUL_in_line"]),
        (b"Content-Length: 05", 5, ["HTTP_content_length_leading_zeros"]),
        (b"Content-Length: 0", 0, []),
        (b"Content-Length:", NO_LENGTH, ["HTTP_bad_content_length"]),
        (b"Content-Length: -1", NO_LENGTH, ["HTTP_bad_content_length"]),
        (b"Content-Length: +5", NO_LENGTH, ["HTTP_bad_content_length"]),
        (b"Content-Length: 18446744073709551615", NO_LENGTH, ["HTTP_bad_content_length"]),
        (b"Content-Length: \r\n 5", 5, ["HTTP_obsolete_line_folding"]),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", 5, ["HTTP_content_length_and_chunked"]),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 5, ["HTTP_content_length_and_chunked"]),
    ],
)
def test_lengths(block: bytes, length: int, odd: list[str]) -> None:
    head = read(block)
    assert head.length == length
    assert names(head) == odd


@pytest.mark.parametrize(
    ("value", "chunked", "odd"),
    [
        (b"chunked", CHUNKED, []),
        (b"CHUNKED", CHUNKED, []),
        (b"identity", NOT_CHUNKED, []),
        (b"gzip, chunked", PERHAPS_CHUNKED, ["HTTP_chunked_multi"]),
        (b",chunked", PERHAPS_CHUNKED, ["HTTP_chunked_multi"]),
        (b"chunked x", PERHAPS_CHUNKED, ["HTTP_chunked_multi"]),
        (b"\x0bchunked", PERHAPS_CHUNKED, ["HTTP_chunked_multi"]),
        (b"xchunked", PERHAPS_CHUNKED, ["unknown_transfer_coding"]),
        (b"lalala", NOT_CHUNKED, ["unknown_transfer_coding"]),
        (b"", NOT_CHUNKED, []),
    ],
)
def test_transfer_codings(value: bytes, chunked: int, odd: list[str]) -> None:
    head = read(b"Transfer-Encoding: " + value)
    assert head.chunked == chunked
    assert names(head) == odd


@pytest.mark.parametrize(
    ("block", "lengths"),
    [
        (b"Content-Length: 5\r\nContent-Length: 6\r\nContent-Length: 5", (5, 6)),
        (b"Content-Length: 34 68", (34, 68)),
        (b"Content-Length: 34, 68, 5_0", (34, 68)),
        (b"Content-Length: x\r\nContent-Length: 7", (7,)),
        (b"Content-Length: 5\r\nContent-Length: +7", (5,)),
        (b"\r\n".join(b"Content-Length: %d" % i for i in range(50)), (0, 1, 2, 3, 4, 5, 6, 7)),
        (b"Content-Length: 5\r\nContent-Length: 5", ()),
        (b"Content\0-Length: 6", ()),
    ],
)
def test_lengths_in_doubt(block: bytes, lengths: tuple[int, ...]) -> None:
    head = read(block)
    assert head.lengths == lengths
    assert head.bad_length is bool(lengths or b"\0" in block)
    assert head.host is None


def test_chunked_twice_is_unsure() -> None:
    assert read(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked").chunked == PERHAPS_CHUNKED


@pytest.mark.parametrize(
    "block",
    [
        b"X-Foo: bar\r\n Transfer-Encoding: chunked",
        b"Transfer\0-Encoding: chun\0ked",
        b"X: a\rTransfer-Encoding : chunked",
        b"\0Transfer-Encoding: chunked",
    ],
)
def test_chunked_in_hiding_is_unsure(block: bytes) -> None:
    assert read(block).chunked != NOT_CHUNKED


def test_codings_in_the_order_in_which_they_were_applied() -> None:
    assert read(b"Content-Encoding: gzip\r\nContent-Encoding: DEFLATE, br").codings == (b"gzip", b"deflate", b"br")
    assert read(b"Content-Encoding").coded is False


def test_connection_options() -> None:
    head = read(b"Connection: Keep-Alive, Upgrade\r\nUpgrade: websocket")
    assert head.keep_alive
    assert head.connection_upgrade
    assert head.upgrade
    assert not head.close
    assert read(b"Connection: close").close


def test_obsolete_folding() -> None:
    head = read(b"X-A: 1\r\n 2\r\n\t3\r\nY: 4")
    assert [(field.name, field.value) for field in head.fields] == [(b"x-a", b"1 2 3"), (b"y", b"4")]
    assert head.oddities == [("HTTP_obsolete_line_folding", b"X-A")]


def test_a_line_that_is_folded_before_any_field_is_no_field() -> None:
    assert [field.name for field in read(b" X: 1\r\nY: 2").fields] == [b"x", b"y"]


def test_bare_line_feeds_and_carriage_returns() -> None:
    head = read(b"A: 1\nB: 2\r\nC: 3\rD: 4\rnot a field\r\nE: 5\r")
    assert [field.name for field in head.fields] == [b"a", b"b", b"c", b"d", b"e"]
    assert head.fields[3].value == b"4\rnot a field"
    assert names(head) == ["line_terminated_with_single_CR"]


def test_long_lines_are_cut_for_the_log() -> None:
    head = read(b"X: " + b"a" * 20_000 + b"\r\nContent-Length: 3")
    assert len(head.fields[0].value) == 8192 - 3
    assert head.length == 3
    assert names(head) == ["contentline_size_exceeded"]


def test_lines_that_are_no_fields_are_dropped() -> None:
    head = read(b"no colon\r\n\x7f\r\nFoo Bar: 1\r\n: 2\r\nX: 3")
    assert [field.name for field in head.fields] == [b"x"]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"S\r\nA: 1\r\n\r\n", b"\r\nX"),
        (b"S\nA: 1\n\n", b"\nX"),
        (b"S\r\nA: 1\n\r\n", b"X"),
        (b"S\r\nA: 1\r\n\n", b"X"),
        (b"S\r\nA: 1\n\r\r\n", b"X!@"),  # blank to who trims lines, and no field follows
        (b"S\r\nA: 1\n \n", b"X!@"),
        (b"S\r\nA: 1\n\t\n", b"4\r\nabcd"),
        (b"S\r\nA: 1\r\n \r\n\r\n", b"X!"),
        (b"S\r\nA: 1\r\n\r\r\nB: 2\r\n\r\n", b"X!"),  # a field follows
        (b"S\r\nA: 1\r\n \r\n :2\r\n\r\n", b"X!"),  # a fold follows
    ],
)
def test_where_a_head_ends(head: bytes, body: bytes) -> None:
    assert find_end(head + body, 0, 0) == len(head)
    for known in range(len(head)):  # whatever has been looked at before
        assert find_end(bytearray(head + body), 0, known) == len(head)
    assert find_end(b"Y\n\n" + head + body, 3, 0) == 3 + len(head)


def test_a_head_that_has_not_ended() -> None:
    assert find_end(b"S\r\nA: 1\r\n", 0, 0) == -1
    assert find_end(b"S\r\nA: 1\r\n \r\n", 0, 0) == -1  # what follows decides
    assert find_end(b"S\r\nA: 1\r\n \r\nAccep", 0, 0) == -1


def test_start_lines() -> None:
    assert split_start_line(b"GET / HTTP/1.1\r\nA: 1\r\n") == (b"GET / HTTP/1.1", b"A: 1\r\n")
    assert split_start_line(b"HTTP/1.1 200 ok\rTransfer-Encoding:chunked\r\n") == (
        b"HTTP/1.1 200 ok",
        b"Transfer-Encoding:chunked\r\n",
    )
    assert split_start_line(b"GET /a\rb HTTP/1.1") == (b"GET /a\rb HTTP/1.1", b"")


@given(
    st.lists(
        st.sampled_from([b"a", b":", b" ", b"\t", b"\r", b"\n", b"\0", b"\x85", b"Transfer-Encoding"]), max_size=30
    )
)
def test_any_block_is_read(parts: list[bytes]) -> None:
    block = b"".join(parts)
    head = read(block)
    for field in head.fields:
        assert field.name == field.name.strip(b" \t")
        assert field.value == field.value.strip(b" \t")
    end = find_end(block, 0, 0)
    assert -1 <= end <= len(block)


@pytest.mark.parametrize(
    "unit", [b"\r\n x", b"\r\nX: y", b"\r\n:", b"\rX:", b"\r", b"\n\t", b"\nA", b"\r\nTransfer-Encoding: chunked,"]
)
def test_linear_time(unit: bytes) -> None:
    def run(count: int) -> None:
        block = b"Start" + unit * count
        read_odd_fields(Head(), block, *ODD)
        find_end(block, 0, 0)

    assert grows_linearly(run, 10_000)


def test_what_is_remembered_is_bounded() -> None:
    for i in range(10_000):
        assert read(b"X-%d: y" % i).fields[0].name == b"x-%d" % i


def test_of_several_user_agents_the_first_counts() -> None:
    """As in Zeek's http.log."""
    for block in (b"User-Agent: one\r\nUser-Agent: two\r\n\r\n", b"User-Agent: one\nuser-agent: two\n\n"):
        head = Head()
        read_odd_fields(head, block, *ODD)
        assert (head.user_agent, head.count) == (b"one", 2)
