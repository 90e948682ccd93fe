"""sensor.ct.sources.json_text: whose JSON it is, in lines, arrays and documents; what is damaged costs no other."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.ct.sources import DerItem, Item, Origin, Refusal, WordsItem
from sensor.ct.sources import json_text as text
from sensor.ct.sources.json_text import looks_like_json, looks_like_ours, read_json
from tests.ct import feeds
from tests.ct.feeds import DNS_ENTRIES, HEARTBEAT, certstream, issuance, zeek_json
from tests.ct.pki import make_root
from tests.ct.sources.test_crtsh import identity_row

ROOT = make_root("Root One")
SUB = ROOT.intermediate("Sub One")
LEAF = SUB.issue("a.example", serial=0xA1)
LIMIT = 1 << 20


def read(data: bytes, limit: int = LIMIT) -> list[Item]:
    return list(read_json(io.BytesIO(data), limit, 250))


def ders(items: list[Item]) -> list[bytes]:
    return [item.der for item in items if isinstance(item, DerItem)]


def refusals(items: list[Item]) -> list[Refusal]:
    return [item for item in items if isinstance(item, Refusal)]


ROW = identity_row(ROOT, 5, "a.example")
KINDS: list[tuple[Any, list[bytes], set[tuple[Origin, str]]]] = [
    (certstream(LEAF, SUB.der, ROOT.der), [ROOT.der, SUB.der, LEAF], {(Origin.feed, "certstream")}),
    (certstream(LEAF), [LEAF], {(Origin.feed, "certstream")}),
    (issuance(LEAF), [LEAF], {(Origin.feed, "Cert Spotter")}),
    (issuance(LEAF, older=True), [LEAF], {(Origin.feed, "Cert Spotter")}),
    (zeek_json(LEAF), [LEAF], {(Origin.traffic, "Zeek")}),
    (json.loads(feeds.get_entries(feeds.logged(SUB, (), "b.example", serial=7))), [], {(Origin.feed, "ct log")}),
    (ROW, [], set()),
]


@pytest.mark.parametrize(("found", "wanted", "origins"), KINDS)
def test_each_kind_in_each_form(found: Any, wanted: list[bytes], origins: set[tuple[Origin, str]]) -> None:
    line = json.dumps(found).encode()
    one = read(line)
    assert not refusals(one)
    assert len(one) == max(1, len(wanted))
    assert {(item.origin, item.source) for item in one if isinstance(item, DerItem)} == origins
    if wanted:
        assert ders(one) == wanted
    forms = {
        "lines": line + b"\n" + line + b"\r\n\n" + line,
        "array": b"[" + b",".join([line] * 3) + b"]",
        "array, a row a line": b"[\n" + b",\n".join([line] * 3) + b"\n]\n",
        "arrays, one a line": b"[%s]\n[%s]\n[%s]\n" % ((line,) * 3),
    }
    for name, data in forms.items():
        assert looks_like_json(data), name
        assert looks_like_ours(data), name
        items = read(data)
        assert len(items) == 3 * len(one), name
        assert ders(items) == ders(one) * 3, name
    pretty = read(b"\xef\xbb\xbf" + json.dumps(found, indent=2).encode())
    assert len(pretty) == len(one)
    assert ders(pretty) == ders(one)


def test_places() -> None:
    assert [item.place for item in read(feeds.lines(ROW, HEARTBEAT, ROW))] == ["line 1", "line 3"]
    assert [item.place for item in read(json.dumps([ROW, ROW]).encode())] == ["row 1", "row 2"]
    assert [item.place for item in read(b"\n" + feeds.lines([ROW], [ROW, 1]))] == [
        "row 1",
        "line 3, row 1",
        "line 3, row 2",
    ]
    entries = json.loads(feeds.get_entries(feeds.logged(SUB, (), "b.example", serial=7)))
    assert [item.place for item in read(feeds.lines(entries))] == ["entry 1"]
    assert [item.place for item in read(feeds.lines(entries, entries))] == ["line 1, entry 1", "line 2, entry 1"]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (certstream(None), text.CERTSTREAM_BARE),
        (certstream(b""), text.CERTSTREAM_BARE),
        (DNS_ENTRIES, text.CERTSTREAM_NAMES),
        ({"message_type": "certificate_update"}, "certstream message that cannot be read"),
        ({"message_type": "certificate_update", "data": {"leaf_cert": []}}, "certstream message that cannot be read"),
        ({"message_type": 7}, "certstream message that cannot be read"),
        (issuance(None), text.ISSUANCE_BARE),
        (issuance(None) | {"cert": {"data": 5}}, text.ISSUANCE_BARE),
        (issuance(None) | {"cert_der": "A"}, "what is no base64"),
        (issuance(None) | {"cert_der": "\u00e9AAA"}, "what is no base64"),
        (zeek_json(None), text.X509_BARE),
        (zeek_json(None) | {"cert": [1]}, text.X509_BARE),
        (zeek_json(None) | {"cert": "MII"}, "what is no base64"),
        ({"entries": 5}, text.NOT_KNOWN),
        ({"name_value": "x"}, "JSON that is not crt.sh's"),
        ({"name": "package"}, text.NOT_KNOWN),
        ({}, text.NOT_KNOWN),
        ([1], text.NOT_KNOWN),
    ],
)
def test_what_is_refused_costs_no_other(found: Any, reason: str) -> None:
    for data in (feeds.lines(found, zeek_json(LEAF)), feeds.lines(zeek_json(LEAF), found)):
        items = read(data)
        assert [refusal.reason for refusal in refusals(items)] == [reason]
        assert ders(items) == [LEAF]


def test_a_broken_issuer_does_not_cost_the_certificate() -> None:
    message = certstream(LEAF, SUB.der, ROOT.der)
    message["data"]["chain"][0]["as_der"] = "%"
    items = read(feeds.lines(message))
    assert ders(items) == [ROOT.der, LEAF]
    assert [refusal.reason for refusal in refusals(items)] == ["what is no base64"]


@pytest.mark.parametrize("damage", [b'{"message_type": "certificate_up', b"\xff\xfe", b'{"a": "\xff"}', b"}", b"x"])
def test_a_damaged_line_costs_no_other(damage: bytes) -> None:
    good = feeds.lines(certstream(LEAF))
    for data, place in ((good + damage + b"\n" + good, "line 2"), (damage + b"\n" + good + good, "line 1")):
        items = read(data)
        assert ders(items) == [LEAF, LEAF]
        (refusal,) = refusals(items)
        assert refusal.place == place


def test_limits() -> None:
    good = feeds.lines(certstream(LEAF))
    endless = b'{"message_type": "' + b"x" * 50_000 + b'"}\n'
    items = read(good + endless + good, limit=20_000)
    assert refusals(items) == [Refusal("a line that is too long", "line 2")]
    assert ders(items) == [LEAF, LEAF]
    assert ders(read(endless + good, limit=20_000)) == [LEAF]
    assert read(endless, limit=20_000) == [Refusal("too long")]
    assert read(json.dumps([ROW] * 100, indent=1).encode(), limit=20_000) == [Refusal("too long")]
    many = certstream(LEAF, *[SUB.der] * 100)
    assert len(read(feeds.lines(many))) == 17


@pytest.mark.parametrize("deep", [b"[" * 200_000, b'{"a":' * 200_000, b'{"entries":' + b"[" * 100_000])
def test_depth(deep: bytes) -> None:
    (refusal,) = read(deep)
    assert isinstance(refusal, Refusal)
    assert ders(read(deep + b"\n" + feeds.lines(certstream(LEAF), certstream(LEAF)))) in ([LEAF] * 2, [])


def test_what_is_no_json_of_ours() -> None:
    for head in (b"", b"-----BEGIN", b"[section]\nkey = 1", b"{x", b"5", b'"text"', b"null"):
        assert not looks_like_json(head)
    assert not looks_like_ours(b'{"name": "package", "issuer_name": 1}')


@given(st.binary(max_size=200), st.integers(0, 3000))
def test_nothing_but_items_comes_of_anything(noise: bytes, at: int) -> None:
    good = feeds.lines(certstream(LEAF, SUB.der), issuance(LEAF), zeek_json(LEAF), ROW)
    for data in (noise, good[:at] + noise + good[at:]):
        assert all(isinstance(item, DerItem | WordsItem | Refusal) for item in read(data, limit=5000))
