"""sensor.ct.sources.log_entries: what was saved of a log, as a log gives it; every way in which it can be broken."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.ct.sources import DerItem, Item, Origin, Refusal
from sensor.ct.sources.log_entries import looks_like_tile, read_entries, read_tile
from tests.ct import feeds
from tests.ct.pki import make_root
from tests.sync.ct_log import Logged, vector

ROOT = make_root("Root One")
SUB = ROOT.intermediate("Sub One")
CHAIN = (SUB.der, ROOT.der)
PRECERT = feeds.logged(SUB, CHAIN, "a.example", serial=0xA1)
X509 = feeds.logged(SUB, CHAIN, "b.example", serial=0xA2, precert=False)


def read(answer: bytes) -> list[Item]:
    return list(read_entries(msgspec.json.decode(answer, type=dict[str, list[msgspec.Raw]])["entries"], ""))


def submitted(entry: Logged) -> bytes:
    der = entry.precertificate
    return der if der is not None else entry.timestamped[13:-2]


def test_get_entries_with_its_chains() -> None:
    items = read(feeds.get_entries(PRECERT, X509))
    assert [item.der for item in items if isinstance(item, DerItem)] == [
        ROOT.der,
        SUB.der,
        submitted(PRECERT),
        ROOT.der,
        SUB.der,
        submitted(X509),
    ]
    assert {(item.origin, item.source) for item in items if isinstance(item, DerItem)} == {(Origin.feed, "ct log")}
    assert [item.place for item in items] == ["entry 1"] * 3 + ["entry 2"] * 3


def test_a_data_tile() -> None:
    tile = PRECERT.tile_leaf + X509.tile_leaf
    assert looks_like_tile(tile)
    assert list(read_tile(tile)) == [
        DerItem(submitted(PRECERT), "entry 1", "ct log", origin=Origin.feed),
        DerItem(submitted(X509), "entry 2", "ct log", origin=Origin.feed),
    ]


def test_what_is_no_data_tile() -> None:
    assert looks_like_tile(X509.tile_leaf)
    assert not looks_like_tile(SUB.der)
    assert not looks_like_tile(b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256)))  # a hash tile
    assert not looks_like_tile(b"ct.example/2026\n17\n" + b"A" * 44)
    for size in range(17):
        assert not looks_like_tile(X509.tile_leaf[:size])
    longer = bytearray(X509.tile_leaf)
    longer[12] ^= 1  # the certificate's length, twice told
    assert not looks_like_tile(bytes(longer))


def test_a_tile_that_is_cut() -> None:
    tile = PRECERT.tile_leaf + X509.tile_leaf
    *items, last = read_tile(tile[:-1])
    assert len(items) == 1
    assert last == Refusal(
        "log entry that cannot be read: an entry that is cut short, and so cannot those behind it", "entry 2"
    )


def test_a_precertificate_that_another_signed() -> None:
    """RFC 6962 3.1: a Precertificate Signing Certificate's name is not that of the issuer in the log."""
    signer = SUB.intermediate("Signs precertificates")
    signed, _ = feeds.precertificate(signer, "c.example", serial=3)
    entry = Logged(PRECERT.timestamped, signed, (signer.der, *CHAIN))
    *_, last = read(feeds.get_entries(entry))
    assert last == Refusal("precertificate that another than its issuer signed", "entry 1")
    assert list(read_tile(entry.tile_leaf)) == [last]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"leaf_input": 5}, "log entry that cannot be read"),
        ({"extra_data": None}, "log entry that cannot be read"),
        ({"leaf_input": "%%%"}, "what is no base64"),
        ({"leaf_input": "\u00e9AAA"}, "what is no base64"),
        (
            {"leaf_input": feeds.b64(b"\1\0" + X509.timestamped)},
            "log entry that cannot be read: not a leaf of version 1",
        ),
        ({"leaf_input": feeds.b64(X509.leaf + b"\0")}, "log entry that cannot be read: something behind the entry"),
        ({"leaf_input": feeds.b64(X509.leaf[:40])}, "log entry that cannot be read: an entry that is cut short"),
        ({"extra_data": ""}, "log entry that cannot be read: an entry that is cut short"),
        (
            {"extra_data": feeds.b64(vector(3, b"\0\0\7abc"))},
            "log entry that cannot be read: an entry that is cut short",
        ),
    ],
)
def test_a_broken_entry_costs_no_other(changes: dict[str, Any], reason: str) -> None:
    good = json.loads(feeds.get_entries(X509))["entries"][0]
    items = read(json.dumps({"entries": [good | changes, good]}).encode())
    assert items[0] == Refusal(reason, "entry 1")
    assert [item.place for item in items[1:]] == ["entry 2"] * 3
    assert all(isinstance(item, DerItem) for item in items[1:])


def test_a_chain_without_end_is_not_followed() -> None:
    entry = Logged(X509.timestamped, None, (SUB.der,) * 1000)
    assert len(read(feeds.get_entries(entry))) == 17


@given(st.binary(max_size=400), st.integers(0, 400))
def test_nothing_but_items_comes_of_anything(tail: bytes, at: int) -> None:
    for data in (tail, X509.tile_leaf[:at] + tail, PRECERT.tile_leaf[:at] + tail):
        looks_like_tile(data)
        items = list(read_tile(data))
        assert all(isinstance(item, DerItem | Refusal) for item in items)
    answer = json.dumps({"entries": [{"leaf_input": feeds.b64(X509.leaf[:at] + tail), "extra_data": feeds.b64(tail)}]})
    assert all(isinstance(item, DerItem | Refusal) for item in read(answer.encode()))
