"""Each kind of value in its form; the same text the same digits; without the key no guess can be tried."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.privacy.pseudonyms import Pseudonyms

KEY = bytes(range(32))
NAMES = Pseudonyms(KEY, 64)
OTHER = Pseudonyms(bytes(32), 64)
NAME = r"[0-9a-f]{24}\.invalid"


@pytest.mark.parametrize(
    ("kind", "text", "form"),
    [
        ("text", "Mozilla/5.0", r"[0-9a-f]{32}"),
        ("address", "192.0.2.1", r"\d+\.\d+\.\d+\.\d+"),
        ("address", "2001:db8::1", r"[0-9a-f:]+"),
        ("address", "none", r"[0-9a-f]{32}"),
        ("uid", "CGc6hN1Vsl8tnS01e4", r"C[0-9A-Za-z]{10,17}"),
        ("uid", "FGc6hN1Vsl8tnS01e4", r"F[0-9A-Za-z]{10,17}"),
        ("name", "example.org", NAME),
        ("name", "example.org:8080", NAME + ":8080"),
        ("name", "192.0.2.1:80", r"\d+\.\d+\.\d+\.\d+:80"),
        ("name", "[2001:db8::1]:80", r"\[[0-9a-f:]+\]:80"),
        ("name", "2001:db8::1", r"[0-9a-f:]+"),
        ("mail", "a@example.org", r"[0-9a-f]{24}@mail\.invalid"),
        ("uri", "/MFEwTzBN", r"/[0-9a-f]{32}"),
        ("uri", "http://example.org/x", rf"http://{NAME}/[0-9a-f]{{32}}"),
        ("url", "HTTP://example.org:81/x?y#z", rf"http://{NAME}:81/[0-9a-f]{{32}}"),
        ("url", "http://example.org/", rf"http://{NAME}/"),
        ("url", "CN=CRL1,O=x", r"[0-9a-f]{32}"),
        ("serial", "01", r"[0-9A-F]{32}"),
        ("fingerprint", "AB" * 20, r"[0-9A-F]{40}"),
        ("fingerprint", "ab" * 32, r"[0-9a-f]{64}"),
        ("subject", "CN=x,O=y", r"CN=[0-9a-f]{32}"),
        ("signer", "byName:CN=x", r"byName:CN=[0-9a-f]{32}"),
        ("signer", "byKey:" + "AB" * 20, r"byKey:[0-9A-F]{40}"),
        ("signer", "else", r"[0-9a-f]{32}"),
    ],
)
def test_the_form_of_each(kind: str, text: str, form: str) -> None:
    ours, theirs = getattr(NAMES, kind), getattr(OTHER, kind)
    assert re.fullmatch(form, ours(text))
    assert ours(text) == getattr(Pseudonyms(KEY, 1), kind)(text)
    if not text.endswith(".org/"):
        assert ours(text) != theirs(text)
    assert ours(text) != text


def test_values_of_one_thing_are_found_again() -> None:
    assert NAMES.url("http://Example.org/x") == f"http://{NAMES.name('example.org')}{NAMES.uri('/x')}"
    assert NAMES.name("EXAMPLE.org.:80") == NAMES.name("example.org") + ":80"
    assert NAMES.name("192.0.2.1") == NAMES.address("192.0.2.1")
    assert NAMES.serial("0a") == NAMES.serial("0A")


@given(st.text(max_size=400))
def test_any_text_has_one_in_every_form(text: str) -> None:
    for kind in ("text", "address", "uid", "name", "mail", "uri", "url", "serial", "fingerprint", "subject", "signer"):
        assert getattr(NAMES, kind)(text).isascii()


def test_long_texts_are_not_remembered() -> None:
    names = Pseudonyms(KEY, 64)
    long = "x" * 300
    assert names.text(long) == names.text(long)
    assert names._known.cache_info().currsize == 0
    for number in range(200):
        names.text(str(number))
    assert names._known.cache_info().currsize == 64
