"""Lines in clear go in, lines with pseudonyms come out: values, times, sentences, and what is in no table."""

from __future__ import annotations

import json

import communityid
import pytest

from sensor.logs.records import STREAMS
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.sinks.pseudonymous import PseudonymSink
from sensor.privacy.pseudonyms import Pseudonyms

NAMES = Pseudonyms(bytes(range(32)), 64)
FLOW = {"uid": "CAbc1", "id.orig_h": "192.0.2.7", "id.orig_p": 40000, "id.resp_h": "198.51.100.1", "id.resp_p": 80}
NEW_FLOW = {
    **FLOW,
    "uid": NAMES.uid("CAbc1"),
    "id.orig_h": NAMES.address("192.0.2.7"),
    "id.resp_h": NAMES.address("198.51.100.1"),
}
RULE = "a-rule"
SENTENCES = {RULE: (("", "src", " asked ", "host", " (", "count", " times)"), ("A title",))}


def written(stream: str, record: dict[str, object], merged: bool = False) -> dict[str, object]:
    inner = MemorySink(merged)
    sink = PseudonymSink(inner, NAMES, SENTENCES)
    path = {"_path": stream} if merged else {}
    sink.write("" if merged else stream, json.dumps({**path, **record}).encode() + b"\n")
    (line,) = inner.records("" if merged else stream)
    assert sink.left_out == 0
    return line


def notice(**said: object) -> dict[str, object]:
    return {"ts": 1.5, **FLOW, "note": "OCSP::Privacy_Leak", **said}


@pytest.mark.parametrize("merged", [False, True])
def test_a_line(merged: bool) -> None:
    line = written(
        "ocsp_exchange",
        {
            "ts": 1700000000.123456,
            **FLOW,
            "method": "GET",
            "host": "ocsp.example.org:8080",
            "serial_number": "0A0B",
            "this_update": 1700003599.5,
            "revocation_time": 1700000000.0,
            "audit": ["expired"],
            "response_delay": 1e-06,
            "community_id": "1:clear",
        },
        merged,
    )
    ends = (NEW_FLOW["id.orig_h"], NEW_FLOW["id.resp_h"], FLOW["id.orig_p"], FLOW["id.resp_p"])
    assert line == {
        **({"_path": "ocsp_exchange"} if merged else {}),
        "ts": 1700000000.123456,
        **NEW_FLOW,
        "method": "GET",
        "host": NAMES.name("ocsp.example.org") + ":8080",
        "serial_number": NAMES.serial("0A0B"),
        "this_update": 1700002800.0,
        "revocation_time": 1699920000.0,
        "audit": ["expired"],
        "response_delay": 1e-06,
        "community_id": communityid.CommunityID().calc(communityid.FlowTuple.make_tcp(*ends)),
    }


def test_what_is_kept_keeps_its_spelling() -> None:
    inner = MemorySink()
    line = b'{"ts":1700000000.000001,"uid":"CAbc1","proto":"tcp","duration":0.000001}\n'
    PseudonymSink(inner, NAMES).write("conn", line + line)
    assert inner.data["conn"] == line.replace(b"CAbc1", NAMES.uid("CAbc1").encode()) * 2


@pytest.mark.parametrize(
    ("clear", "hour", "day"),
    [
        ("1700003599.5", b"1700002800.0", b"1699920000.0"),
        ("1700003599500", b"1700002800000", b"1699920000000"),
        ('"2023-11-14T23:13:19.500000Z"', b'"2023-11-14T23:00:00.000000Z"', b'"2023-11-14T00:00:00.000000Z"'),
        ("-0.5", b"-3600.0", b"-86400.0"),
        ('"0001-01-01T00:00:01.000000Z"', b'"0001-01-01T00:00:00.000000Z"', b'"0001-01-01T00:00:00.000000Z"'),
    ],
)
def test_times_in_all_forms(clear: str, hour: bytes, day: bytes) -> None:
    inner = MemorySink()
    sink = PseudonymSink(inner, NAMES)
    sink.write("ocsp", f'{{"thisUpdate":{clear},"revoketime":{clear}}}\n'.encode())
    assert inner.data["ocsp"] == b'{"thisUpdate":' + hour + b',"revoketime":' + day + b"}\n"


def test_a_word_stands_and_any_other_does_not() -> None:
    line = written("http", {"ts": 1.0, **FLOW, "method": "GETME", "status_msg": "OK", "proxied": ["VIA -> me"]})
    assert (line["method"], line["status_msg"]) == (NAMES.text("GETME"), "OK")
    assert line["proxied"] == [f"VIA -> {NAMES.text('me')}"]


def test_what_attacks_keeps_its_place() -> None:
    line = written("cleartext", {"ts": 1.0, **FLOW, "suspect": ["uri: ${x}", "x-mine: ${y}", "none"]})
    own = NAMES.text("x-mine")
    assert line["suspect"] == [f"uri:{NAMES.text(' ${x}')}", f"{own}:{NAMES.text(' ${y}')}", NAMES.text("none")]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("a certificate", "a certificate"),
        ("example.org", NAMES.name("example.org")),
        ("one of 3 sites, such as example.org", "one of 3 sites, such as " + NAMES.name("example.org")),
        ("a certificate issued by CN=x", NAMES.text("a certificate issued by CN=x")),
        ("a that it deals with b", NAMES.text("a that it deals with b")),
    ],
)
def test_what_is_said_of_a_leak(what: str, said: str) -> None:
    line = written(
        "notice", notice(msg=f"192.0.2.7 told everyone on the path to 198.51.100.1 that it deals with {what}")
    )
    ends = NEW_FLOW["id.orig_h"], NEW_FLOW["id.resp_h"]
    assert line["msg"] == f"{ends[0]} told everyone on the path to {ends[1]} that it deals with {said}"


@pytest.mark.parametrize(
    ("sub", "said"),
    [
        ("exact: serial 0A", f"exact: serial {NAMES.serial('0A')}"),
        ("few: serial 0A issued by CN=x y", f"few: serial {NAMES.serial('0A')} issued by {NAMES.subject('CN=x y')}"),
        (
            "exact: serial 0A issued by CN=x; can be read otherwise: host, tcp",
            f"exact: serial {NAMES.serial('0A')} issued by {NAMES.subject('CN=x')}; can be read otherwise: host, tcp",
        ),
        (
            "exact: serial 0A; can be read otherwise: tcp",
            f"exact: serial {NAMES.serial('0A')}; can be read otherwise: tcp",
        ),
        ("many: CRL http://a.b/c", f"many: CRL {NAMES.url('http://a.b/c')}"),
        ("else", NAMES.text("else")),
    ],
)
def test_which_certificate(sub: str, said: str) -> None:
    assert written("notice", notice(msg="x", sub=sub))["sub"] == said


def test_what_a_rule_says() -> None:
    line = written("notice", notice(msg="192.0.2.7 asked x.org (3 times)", sub="A title", rule_id=RULE))
    assert line["msg"] == f"{NEW_FLOW['id.orig_h']} asked {NAMES.name('x.org')} ({NAMES.name('3')} times)"
    assert line["sub"] == "A title"


@pytest.mark.parametrize("msg", ["192.0.2.7 asked x.org (3 ti", "asked", "192.0.2.7 asked", "", " asked  ( times)x"])
def test_a_sentence_that_is_not_the_rules_is_replaced_whole(msg: str) -> None:
    assert written("notice", notice(msg=msg, rule_id=RULE))["msg"] == NAMES.text(msg)
    assert written("notice", notice(msg=msg, rule_id="another"))["msg"] == NAMES.text(msg)


def test_what_the_sensor_says_of_itself_stays() -> None:
    said = {"ts": 1.0, "note": "PacketFilter::Dropped_Packets", "msg": "the kernel dropped 1 of 2", "sub": "1 of 2"}
    assert written("notice", said) == said


def test_a_field_in_no_table_is_left_out_and_counted() -> None:
    inner = MemorySink()
    sink = PseudonymSink(inner, NAMES)
    sink.write("conn", b'{"ts":1.0,"brand_new":"192.0.2.7","proto":"tcp"}\n')
    assert inner.data["conn"] == b'{"ts":1.0,"proto":"tcp"}\n'
    assert sink.left_out == 1


@pytest.mark.parametrize("stream", STREAMS)
def test_an_empty_line_of_each(stream: str) -> None:
    assert written(stream, {}) == {}


def test_closing_closes_what_is_behind() -> None:
    inner = MemorySink()
    PseudonymSink(inner, NAMES).close()
    assert inner._closed
