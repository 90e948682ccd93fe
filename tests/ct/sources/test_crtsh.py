"""sensor.ct.sources.crtsh: both shapes of crt.sh's JSON, and what pretends to be one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.ct.sources import Item, Refusal, WordsItem
from sensor.ct.sources.crtsh import NO_NAMES, read_crtsh
from tests.ct.pki import Ca

ONE_LINE = 'C=US, O="Example, Inc.", CN='


def identity_row(ca: Ca, serial: int, *names: str, **changes: Any) -> dict[str, Any]:
    """A row of `?q=NAME&output=json`, with the fields of a published sample (storbeck/crtsh-query's README)."""
    common_name = ca.subject.rfc4514_string().split(",")[0].removeprefix("CN=")
    return {
        "issuer_ca_id": 42,
        "issuer_name": ONE_LINE + common_name,
        "common_name": names[0] if names else "",
        "name_value": "\n".join(names),
        "id": 12345678901,
        "entry_timestamp": "2026-02-03T04:05:06.789",
        "not_before": "2026-01-01T00:00:00",
        "not_after": "2026-04-01T00:00:00",
        "serial_number": f"{serial:08x}",
        "result_count": len(names),
    } | changes


def serial_row(serial: str) -> dict[str, Any]:
    """A row of `?serial=HEX&output=json`, by crt.sh's SQL (fnc/web_apis.fnc): no common_name, and no names."""
    return {
        "issuer_ca_id": 42,
        "issuer_name": ONE_LINE + "Root One",
        "name_value": serial,
        "id": 1,
        "entry_timestamp": None,
        "not_before": "2026-01-01T00:00:00",
        "not_after": "2026-04-01T00:00:00",
        "serial_number": serial,
        "result_count": 0,
    }


def rows_of(*rows: dict[str, Any]) -> bytes:
    return json.dumps(rows).encode()


def read(data: bytes, max_names: int = 250) -> list[Item]:
    return list(read_crtsh(data, max_names))


def reasons(data: bytes) -> list[str]:
    items = read(data)
    assert all(isinstance(item, Refusal) for item in items), items
    return [item.reason for item in items if isinstance(item, Refusal)]


def test_an_identity_search(root: Ca) -> None:
    row = identity_row(
        root,
        0x3B5914E,
        "issues.example.org",
        "example.org",
        "*.example.org",
        "192.0.2.7",
        "someone@example.org",
        "Some Person",
        "Firm",
    )
    (item,) = read(rows_of(row))
    assert isinstance(item, WordsItem)
    facts = item.facts
    assert facts.serial_number == "03B5914E"
    assert facts.issuer_name == root.subject.rfc4514_string()
    assert (item.display, item.ca_id) == ("Root One", "42")
    assert facts.dns_names == ("issues.example.org", "example.org", "*.example.org")
    assert facts.ip_addresses == ("192.0.2.7",)
    assert facts.email_addresses == ("someone@example.org",)
    assert facts.common_name == "issues.example.org"
    assert facts.names_left_out == 2
    assert facts.not_after - facts.not_before == 90 * 86400


@pytest.mark.parametrize("serial", ["04efbac2a12a30d9cdb4", "00b1c2d3", "7", "AB:CD:EF"])
def test_a_serial_search_names_nobody(serial: str) -> None:
    assert reasons(rows_of(serial_row(serial), serial_row(serial.upper()))) == [NO_NAMES] * 2


def test_a_serial_in_another_spelling_is_no_name_either() -> None:
    row = serial_row("04efbac2") | {"name_value": "4EFBAC2", "common_name": "example.com"}
    assert reasons(rows_of(row)) == [NO_NAMES]


def test_a_host_name_of_hexadecimal_digits_is_one(root: Ca) -> None:
    (item,) = read(rows_of(identity_row(root, 0xABCD, "abcd.example", "dead.beef")))
    assert isinstance(item, WordsItem)
    assert item.facts.dns_names == ("abcd.example", "dead.beef")


def test_names_are_limited_and_counted(root: Ca) -> None:
    (item,) = read(rows_of(identity_row(root, 5, *(f"{n}.example" for n in range(30)), "a\u202eb.example")), 10)
    assert isinstance(item, WordsItem)
    assert (len(item.facts.dns_names), item.facts.names_left_out) == (10, 21)


def test_a_bad_row_does_not_cost_the_good_ones(root: Ca) -> None:
    good = identity_row(root, 5, "a.example")
    rows = [
        good,
        5,
        None,
        {},
        good | {"serial_number": "xyz"},
        good | {"serial_number": "-05"},
        good | {"serial_number": 5},
        good | {"not_before": "yesterday"},
        good | {"not_after": ""},
        good | {"issuer_name": "whoever"},
        good | {"name_value": "Some Person", "common_name": None},
        good | {"name_value": "\x00", "common_name": "\x1b[2J"},
        good | {"name_value": ["a.example"]},
        good,
    ]
    items = read(json.dumps(rows).encode())
    assert [type(item) for item in items] == [WordsItem, *[Refusal] * 12, WordsItem]
    assert [item.place for item in items] == [f"row {n}" for n in range(1, 15)]


@pytest.mark.parametrize(
    "data",
    [
        b"[",
        b"[{]",
        b"{",
        b"[1,2",
        b"\xff\xfe[\0]\0",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'[{"issuer_name": "\xff"}]',
        b"<html>502 Bad Gateway</html>",
        b'[{"issuer_name": NaN}]',
    ],
)
def test_broken_documents(data: bytes) -> None:
    assert len(reasons(data)) == 1


def test_deep_nesting_inside_a_row(root: Ca) -> None:
    row = json.dumps(identity_row(root, 5, "a.example"))[:-1] + ', "more": ' + "[" * 50_000 + "]" * 50_000 + "}"
    assert len(read(f"[{row}]".encode())) == 1


def test_an_empty_answer_and_a_single_object(root: Ca) -> None:
    assert read(b"[]") == []
    assert isinstance(read(json.dumps(identity_row(root, 5, "a.example")).encode())[0], WordsItem)


@given(st.binary(max_size=300))
def test_noise(noise: bytes) -> None:
    assert all(isinstance(item, Refusal) for item in read(noise))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(serial_row("05"))), JSON), st.text(max_size=20))
def test_rows_of_other_shapes(changes: dict[str, Any], name: str) -> None:
    for item in read(rows_of(serial_row("05") | {"name_value": name} | changes)):
        assert isinstance(item, Refusal | WordsItem)
