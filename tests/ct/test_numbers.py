"""sensor.ct.numbers: one number for one thing, also after what was remembered is forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from sensor.ct.numbers import Numbers
from sensor.ct.schema import CLAIMED, KNOWN, open_to_write
from sensor.pki.names import url_key
from sensor.settings import CtSettings
from tests.ct.stores import StoreBench


@pytest.fixture
def connection(bench: StoreBench) -> Iterator[sqlite3.Connection]:
    found = open_to_write(bench.path)
    yield found
    found.close()


def test_the_same_thing_has_the_same_number(connection: sqlite3.Connection, settings: CtSettings) -> None:
    assert settings.path is not None
    numbers = Numbers(connection)
    urls = (("http://ocsp.example/",), ("http://crl.example/1.crl",))

    def all_of_it() -> tuple[int, ...]:
        return (
            numbers.issuer(KNOWN, "CN=a", b"key", "a", b"der"),
            numbers.issuer(CLAIMED, "CN=a", b"key", "a"),
            numbers.issuer(KNOWN, "CN=a", b"other", "a", b"der"),
            numbers.source("file"),
            numbers.source("certstream"),
            numbers.url_set(urls),
            numbers.url_set((("http://ocsp.example/",), ())),
        )

    first = all_of_it()
    assert len(set(first[:3])) == 3
    assert first[3] != first[4]
    assert numbers.with_crls == {first[5]}
    assert len(numbers) == 7
    assert all_of_it() == first
    numbers.forget()
    assert (len(numbers), numbers.with_crls) == (0, set())
    assert all_of_it() == first
    assert numbers.with_crls == {first[5]}
    assert connection.execute("SELECT url, url_set FROM crl_url").fetchall() == [
        (url_key("http://crl.example/1.crl"), first[5])
    ]


def test_an_issuer_that_is_gone_gets_another_number(connection: sqlite3.Connection) -> None:
    numbers = Numbers(connection)
    numbers.issuer(KNOWN, "CN=b", b"", "b", b"der")
    gone = numbers.issuer(CLAIMED, "CN=a", b"", "a")
    connection.execute("DELETE FROM issuer WHERE number = ?", (gone,))
    numbers.forget_issuer(CLAIMED, "CN=a", b"")
    numbers.issuer(CLAIMED, "CN=a", b"", "a")
    assert connection.execute("SELECT COUNT(*) FROM issuer").fetchone() == (2,)
