"""Log lists (v3): what is read of them, which logs are chosen, and what is no list."""

from __future__ import annotations

import base64
import json

import pytest

from sensor.sync.log_list import LogListError, choose_logs, parse_log_list
from tests.sync.ct_log import CtLog, log_list

NOW = 1_795_000_000  # November 2026
CLASSIC, TILED = CtLog("Classic 'Argon2026h2'"), CtLog("Tiled 2027h1", origin="rome.ct.example/2027h1")


def interval(start: str, end: str) -> dict[str, str]:
    return {"start_inclusive": f"{start}T00:00:00Z", "end_exclusive": f"{end}T00:00:00Z"}


def classic(**more: object) -> dict[str, object]:
    return CLASSIC.listed("https://ct.example/argon/", tiled=False, **more)


def tiled(**more: object) -> dict[str, object]:
    return TILED.listed("https://mon.example/2027h1", tiled=True, **more)


def test_both_kinds() -> None:
    one, two = parse_log_list(log_list(classic(temporal_interval=interval("2026-07-01", "2027-01-01")), tiled()))
    assert (one.name, one.operator, one.tiled, one.state) == ("Classic 'Argon2026h2'", "Ourselves", False, "usable")
    assert one.url == "https://ct.example/argon/" and one.key.der == CLASSIC.key_der
    assert (one.expiry_from, one.expiry_until) == (1782864000, 1798761600)
    assert two.tiled and two.url == "https://mon.example/2027h1/" and two.origin == "rome.ct.example/2027h1"
    assert (two.expiry_from, two.expiry_until) == (None, None)


def test_an_older_list_leaves_the_scheme_out() -> None:
    (log,) = parse_log_list(log_list(classic() | {"url": "ct.example/argon/"}))
    assert log.url == "https://ct.example/argon/"


@pytest.mark.parametrize(
    ("state", "is_read"),
    [
        ("usable", True),
        ("qualified", True),
        ("readonly", True),
        ("retired", False),
        ("rejected", False),
        ("pending", False),
        ("of a kind to come", False),
    ],
)
def test_states(state: str, is_read: bool) -> None:
    logs = parse_log_list(log_list(CLASSIC.listed("https://a.example/", tiled=False, state=state)))
    assert bool(choose_logs(logs, (), NOW)) is is_read
    assert choose_logs(logs, ("https://a.example",), NOW) == logs  # named, it is read


def test_shards_whose_certificates_have_expired_are_not_read() -> None:
    past, present = interval("2026-01-01", "2026-07-01"), interval("2026-07-01", "2027-01-01")
    logs = parse_log_list(log_list(classic(temporal_interval=past), tiled(temporal_interval=present)))
    assert [log.name for log in choose_logs(logs, (), NOW)] == ["Tiled 2027h1"]


def test_test_logs_are_read_by_name_only() -> None:
    logs = parse_log_list(log_list(classic(log_type="test"), tiled(log_type="prod")))
    assert [log.name for log in choose_logs(logs, (), NOW)] == ["Tiled 2027h1"]
    assert len(choose_logs(logs, ("argon",), NOW)) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://ct.example/argon", "Classic 'Argon2026h2'"),
        ("https://ct.example/argon/", "Classic 'Argon2026h2'"),
        ("ct.example/argon", "Classic 'Argon2026h2'"),
        ("argon2026", "Classic 'Argon2026h2'"),
        ("https://mon.example/2027h1/", "Tiled 2027h1"),
        ("https://rome.ct.example/2027h1", "Tiled 2027h1"),
        ("rome.ct.example/2027h1", "Tiled 2027h1"),
        ("TILED", "Tiled 2027h1"),
    ],
)
def test_a_log_by_name(text: str, name: str) -> None:
    logs = parse_log_list(log_list(classic(), tiled()))
    assert [log.name for log in choose_logs(logs, (text,), NOW)] == [name]


def test_names_add_up_and_none_is_passed_over() -> None:
    logs = parse_log_list(log_list(classic(), tiled()))
    assert choose_logs(logs, ("argon", "2027", "argon"), NOW) == logs
    with pytest.raises(LogListError, match=r"https://other.example: no such log"):
        choose_logs(logs, ("argon", "https://other.example"), NOW)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"log_id": base64.b64encode(bytes(32)).decode()}, "its id is not that of its key"),
        ({"key": "!"}, "not a log list"),
        ({"url": "ftp://ct.example/"}, "no address of HTTP"),
        ({"url": "https://ct.example/ x"}, "no address of HTTP"),
        ({"url": ""}, "no address of HTTP"),
        ({"description": "x" * 2000}, "not a log list"),
        ({"temporal_interval": {"start_inclusive": "now", "end_exclusive": "then"}}, "not a log list"),
    ],
)
def test_what_is_refused(changed: dict[str, object], reason: str) -> None:
    with pytest.raises(LogListError, match=reason):
        parse_log_list(log_list(classic() | changed))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"<html>",
        b'{"operators": 1}',
        b"[]",
        b'{"operators":[{"name":"\xff"}]}',
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_what_is_no_list(text: bytes) -> None:
    with pytest.raises(LogListError, match="not a log list"):
        parse_log_list(text)


def test_limits() -> None:
    with pytest.raises(LogListError, match="two logs with one key"):
        parse_log_list(log_list(classic(), classic()))
    many = json.loads(log_list(classic()))
    many["operators"] = many["operators"] * 4097
    with pytest.raises(LogListError, match="more than 4,096 logs"):
        parse_log_list(json.dumps(many).encode())
