"""sensor.logs.authorization: the user, never the password."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.logs.authorization import basic_user


@pytest.mark.parametrize(
    ("value", "user"),
    [
        (b"Basic dGVzdDpzZWNyZXQ=", b"test"),
        (b"bAsIc   dGVzdDpzZWNyZXQ=", b"test"),
        (b"Basic Og==", b""),
        (b"Basic dGVzdDphOmI=", b"test"),
        (b"Basic dGVzdA==", b"<problem-decoding> (Basic dGVzdA==)"),
        (b"Basic !", b"<problem-decoding> (Basic !)"),
        (b"Basic", None),
        (b"Basicx dGVzdDp4", None),
        (b"Bearer dGVzdDp4", None),
        (b"", None),
    ],
)
def test_user(value: bytes, user: bytes | None) -> None:
    assert basic_user(value) == user


@given(st.binary(max_size=30).filter(lambda user: b":" not in user), st.binary(min_size=8, max_size=30))
def test_the_password_is_not_in_it(user: bytes, password: bytes) -> None:
    value = b"Basic " + base64.b64encode(user + b":" + password)
    assert basic_user(value) == user


@given(st.binary())
def test_it_never_fails(value: bytes) -> None:
    for text in (value, b"Basic " + value):
        user = basic_user(text)
        assert user is None or isinstance(user, bytes)
