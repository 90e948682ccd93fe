"""sensor.http.outline: octets that are not to be told, by what they look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.http.grammar import is_known
from sensor.http.outline import known_parts, look, name_of, no_size


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"LOGIN alice secret", b"text/plain, 18 octets"),
        (b"GET", b"GET, printable, 3 octets"),
        (b"GETsecret", b"printable, 9 octets"),
        (b"secret GET /", b"text/plain, 12 octets"),
        (b'{"password":"x"}', b"text/json, 16 octets"),
        (b"\0secret", b"binary, 7 octets"),
        (b"SSH-2.0-secret", b"SSH, 14 octets"),
        (b"\x16\x03\x01secret", b"TLS, 9 octets"),
        (b"", b"printable, 0 octets"),
    ],
)
def test_kind_and_number(octets: bytes, said: bytes) -> None:
    assert look(octets) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"-1", b"-1"),
        (b"18446744073709551615", b"18446744073709551615"),
        (b"9" * 21, b"<21>"),
        (b"0x5, +5;5_0", b"0x5, +5;<3>"),
        (b"\x0bchunked, Chunked\0", b"<1>chunked, Chunked<1>"),
        (b"xchunked", b"<8>"),
        (b"bytes 0-9/*", b"bytes 0-9/*"),
        (b"x-gzip, secret, secret2", b"x-gzip, <6>, <7>"),
        (b"\xff\xfe\xfd secret", b"<3> <6>"),
    ],
)
def test_parts_that_are_known(value: bytes, said: bytes) -> None:
    assert known_parts(value) == said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"X-Foo \t", b"X-Foo"),
        (b"Content\0-Length", b"Content\0-Length"),
        (b"a b", None),
        (b"(a)", None),
        (b"", None),
        (b"x" * 64, b"x" * 64),
        (b"x" * 65, None),
    ],
)
def test_names(name: bytes, said: bytes | None) -> None:
    assert name_of(name) == said


@given(st.binary(max_size=60), st.binary(max_size=9))
def test_only_words_of_ours(octets: bytes, before: bytes) -> None:
    kind, number = look(octets).rsplit(b", ", 1)
    assert number == b"%d octets" % len(octets)
    method, _, kind = kind.rpartition(b", ")
    assert not method or is_known(method)
    assert kind in {b"binary", b"printable", b"SSH", b"TLS"} or b"/" in kind
    assert no_size(before + octets, len(before)) in {
        b"a sign",
        b"0x",
        b"no digit",
        b"more than 15 digits",
        b"something behind digits",
    }
