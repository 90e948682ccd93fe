"""Finding the next start line in bytes of which nobody knows what they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.resync import find_anywhere, find_message
from tests.http.wire import get, grows_linearly, reply


@pytest.mark.parametrize(
    ("data", "is_orig", "at"),
    [
        (b"GET / HTTP/1.1\r\n", True, 0),
        (b"rest\r\nPOST /x HTTP/1.0\n", True, 6),
        (b"rest GET / HTTP/1.1\r\n", True, -1),
        (b"OST / HTTP/1.1\r\n", True, -1),
        (b"GET /a b HTTP/1.1\r\n", True, -1),
        (b"GET / HTTP/1.1", True, -1),
        (b"HTTP/1.1 200 OK\r\n", True, -1),
        (b"HTTP/1.1 200 OK\r\n", False, 0),
        (b"x\nHTTP/1.0 404\r\n", False, 2),
        (b"xHTTP/1.1 200 OK\r\n", False, -1),
        (b"HTTP/1.1 999 OK\r\n", False, -1),
        (b"HTTP/1.1 2000\r\n", False, -1),
        (b"GET / HTTP/1.1\r\n", False, -1),
    ],
)
def test_start_lines(data: bytes, is_orig: bool, at: int) -> None:
    assert find_message(data, 0, is_orig, 1000)[0] == at
    if at >= 0:
        assert find_message(b"##" + data, 2, is_orig, 1000)[0] == at + 2


@pytest.mark.parametrize(("whole", "is_orig"), [(get(b"/abc"), True), (reply(b"x"), False)])
def test_a_line_that_may_still_become_one_is_kept(whole: bytes, is_orig: bool) -> None:
    line = whole.partition(b"\r\n")[0] + b"\r\n"
    for cut in range(len(line)):
        found, keep = find_message(b"noise\r\n" + line[:cut], 0, is_orig, 1000)
        if found < 0:
            assert keep == 7
        else:
            assert found == 7
    assert find_message(b"noise\r\nneither", 0, is_orig, 1000) == (-1, 14)
    assert find_message(b"GET /" + b"x" * 2000, 0, True, 1000) == (-1, 2005)


@given(st.binary(max_size=100), st.booleans(), st.integers(0, 10))
def test_never_outside(data: bytes, is_orig: bool, start: int) -> None:
    start = min(start, len(data))
    found, keep = find_message(data, start, is_orig, 50)
    assert found == -1 or start <= found < len(data)
    assert start <= keep <= len(data)


@pytest.mark.parametrize("unit", [b"GET / HTTP/1.", b"GET ", b"\nGET / HTTP/1.1", b"\nHTTP/1.1 20", b"HTTP/1.", b"\n"])
@pytest.mark.parametrize("is_orig", [True, False])
def test_linear_time(unit: bytes, is_orig: bool) -> None:
    assert grows_linearly(lambda count: find_message(unit * count, 0, is_orig, 65536), 20_000)


@pytest.mark.parametrize(("whole", "is_orig"), [(get(b"/abc"), True), (reply(b"x"), False)])
@pytest.mark.parametrize("before", [b"", b"noise\r\n", b"GET GET it is", b"HTTP/1.1 HTTP/1."])
def test_a_start_line_anywhere(whole: bytes, is_orig: bool, before: bytes) -> None:
    """It is found as soon as it is whole, and what may become one is kept until then."""
    line = whole.partition(b"\r\n")[0] + b"\r\n"
    known = len(line) if is_orig else 13
    for cut in range(1, len(line)):
        found, keep = find_anywhere(before + line[:cut], 0, is_orig, 1000)
        assert (found, keep) == ((-1, len(before)) if cut < known else (len(before), len(before) + cut)), cut
    assert find_anywhere(b"##" + before + line, 2, is_orig, 1000)[0] == 2 + len(before)


def test_a_start_line_anywhere_is_no_longer_than_the_limit() -> None:
    line = b"GET /%b HTTP/1.1\r\n" % (b"x" * 100)
    assert find_anywhere(line, 0, True, 50) == (-1, len(line))
    assert find_anywhere(line[:90], 0, True, 50) == (-1, 90)
    assert find_anywhere(line + get(), 0, True, 50)[0] == len(line)


def test_anywhere_takes_linear_time() -> None:
    assert grows_linearly(lambda size: find_anywhere(b"GET " * size, 0, True, 16384), 20_000)
    assert grows_linearly(lambda size: find_anywhere(b"GET x" * size, 0, True, 1 << 20), 20_000)
    assert grows_linearly(lambda size: find_anywhere(b"HTTP/1.1 20" * size, 0, False, 16384), 10_000)
