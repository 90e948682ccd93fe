"""sensor.http.dates: HTTP-date in its three forms (RFC 9110 5.6.7), and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.dates import parse_http_date

S = 10**9
MOMENT = 784111777 * S  # the RFC's own example


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (b"Sun, 06 Nov 1994 08:49:37 GMT", MOMENT),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", MOMENT),
        (b"Sun Nov  6 08:49:37 1994", MOMENT),
        (b"Sun, 06 Nov 1994 08:49:37 UTC", MOMENT),
        (b"Thu, 01-Jan-70 00:00:00 GMT", None),
        (b"Thursday, 01-Jan-70 00:00:00 GMT", 0),
        (b"Thursday, 01-Jan-26 00:00:00 GMT", 1767225600 * S),
        (b"Sat, 31 Dec 2016 23:59:60 GMT", 1483228799 * S),
        (b"Sat, 31 Dec 2016 23:59:61 GMT", None),
        (b"Sat, 31 Dec 2016 24:00:00 GMT", None),
        (b"Thu, 30 Feb 2023 00:00:00 GMT", None),
        (b"Thu, 01 Jan 0000 00:00:00 GMT", None),
        (b"Thu, 01 Foo 2023 00:00:00 GMT", None),
        (b"Sun, 06 Nov 1994 08:49:37 +0000", None),
        (b"Sun, 06 Nov 1994 08:49:37 GMT ", None),
        (b"0", None),
        (b"-1", None),
        (b"", None),
        (b"Sun, 06 Nov 1994 08:49:37 GMT" * 9, None),
    ],
)
def test_dates(text: bytes, moment: int | None) -> None:
    assert parse_http_date(text) == moment


@given(st.binary(max_size=70))
def test_nothing_makes_it_raise(text: bytes) -> None:
    assert parse_http_date(text) is None or text[-1:] in b"CT0123456789"
