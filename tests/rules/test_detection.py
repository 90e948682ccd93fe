"""Maps, lists and keywords: the detection language, on events that are nothing but their fields."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.rules.writing import fires, read, rule

EVENT = {
    "method": "GET",
    "host": "Evil.Example",
    "uri": r"/a/b\x00.EXE?q=${jndi:ldap}",
    "status_code": 404,
    "id.orig_h": "10.1.2.3",
    "id.resp_p": 80,
    "resp_mime_types": ["text/html", "image/png"],
    "tags": [],
    "ts": 1700000000.5,
    "user_agent": "evil",
}


@pytest.mark.parametrize(
    ("detection", "expected"),
    [
        ("method: get", True),
        ("method|cased: get", False),
        ("method: [POST, GET]", True),
        ("method: G?T", True),
        ("method: GE", False),
        ("host|endswith: .example", True),
        ("host|startswith: .example", False),
        ("host|contains: L.EX", True),
        ("uri|contains|all: ['.exe', 'jndi']", True),
        ("uri|contains|all: ['.exe', 'nope']", False),
        (r"uri|contains: 'b\x00'", True),
        (r"uri|contains: '\*'", False),
        ("uri|re: 'ldap.$'", True),
        ("uri|re: '(?i)\\.exe\\?'", True),
        ("uri|re: 'LDAP'", False),
        ("uri|re|i: 'LDAP'", True),
        ("status_code: 404", True),
        ("status_code: '404'", True),
        ("status_code: 40*", True),
        ("status_code|gte: 400", True),
        ("status_code|gt: 404", False),
        ("status_code|lt: 404.5", True),
        ("status_code|lte: 403", False),
        ("status_code|neq: 200", True),
        ("info_code|neq: 200", True),
        ("status_code|contains: '0'", True),
        ("id.orig_h|cidr: 10.0.0.0/8", True),
        ("id.orig_h|cidr: ['192.168.0.0/16', '2001:db8::/32']", False),
        ("host|cidr: 0.0.0.0/0", False),
        ("resp_mime_types: image/png", True),
        ("resp_mime_types|startswith: image", True),
        ("resp_mime_types|contains|all: [html, png]", True),
        ("resp_mime_types|re: 'html.*png'", False),
        ("referrer: null", True),
        ("tags: null", False),
        ("referrer: [null, x]", True),
        ("method: null", False),
        ("referrer|exists: false", True),
        ("referrer|exists: true", False),
        ("method|exists: true", True),
        ("referrer: ''", False),
        ("referrer: '*'", False),
        ("ts|hour: 22", True),
        ("ts|year|gte: 2024", False),
        ("ts|minute|lt: 14", True),
        ("host|fieldref|startswith: user_agent", True),
        ("host|fieldref|startswith|cased: user_agent", False),
        ("host|fieldref: user_agent", False),
        ("host|fieldref: referrer", False),
        ("c-useragent: evil", True),
        ("method: GET\nhost: other", False),
        ("selection:\n    - method: POST\n    - host|contains: evil", True),
        ("selection:\n    - ldap}\n    - nothing", True),
        ("selection:\n    - 'text?html'", True),
        ("selection:\n    '|all':\n        - jndi\n        - '404'", True),
        ("selection:\n    '|all':\n        - jndi\n        - absent", False),
        ("selection: jndi", True),
        ("selection:\n    '|re':\n        - 'Evil\\.E'", True),
    ],
    ids=str,
)
def test_language(tmp_path: Path, detection: str, expected: bool) -> None:
    assert fires(tmp_path, detection, EVENT) is expected


BOOLS = {"local_orig": True, "local_resp": False}


@pytest.mark.parametrize(
    ("detection", "expected"),
    [("local_orig: true", True), ("local_orig: 'TRUE'", True), ("local_resp: true", False), ("local_resp: no", True)],
)
def test_bools(tmp_path: Path, detection: str, expected: bool) -> None:
    assert fires(tmp_path, detection, BOOLS, service="conn") is expected


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("uri|windash|contains: ' -x'", "cmd /x", True),
        ("uri|base64: foobar", "zm9vymfy", True),
        ("uri|base64offset|contains: 'foobar'", "q=" + "Zvb2Jhcg", True),
        ("uri|wide|base64offset|contains: 'ab'", "YQBiA", True),
        ("uri|wide|contains: 'ab'", r"xa\x00b\x00y", True),
    ],
)
def test_transformations(tmp_path: Path, text: str, value: str, expected: bool) -> None:
    assert fires(tmp_path, text, {"uri": value}) is expected


@pytest.mark.parametrize(
    ("detection", "told"),
    [
        ("mime_types: x", "rules.yml:8: http has no field mime_types, did you mean resp_mime_types?"),
        ("host|contain: x", "rules.yml:8: host|contain: no modifier contain, did you mean contains?"),
        ("host|all: x", "rules.yml:8: host|all: expected more than one value with all"),
        ("host: {a: b}", "rules.yml:8: host: expected a value, or a list of values"),
        (
            "host: []",
            "rules.yml:8: host: expected values in the list, not nothing (null is for a field that is absent)",
        ),
        ("selection: []", "rules.yml:7: expected a map, or a list of maps or keywords, not nothing"),
        ("selection: {}", "rules.yml:7: expected fields, not nothing"),
        ("selection:\n    - [a]", "rules.yml:8: expected a map or a keyword, not a list in a list"),
        (
            "host:\n    - a\n    - null\n    - 0123",
            "rules.yml:11: host: expected text in quotes: YAML reads 0",
        ),
        ("host: on", "rules.yml:8: host: expected text in quotes: YAML reads on as true"),
        ("status_code: ok", "rules.yml:8: status_code: expected a number, not ok"),
        ("status_code|gt: ok", "rules.yml:8: status_code|gt: expected a number, not ok"),
        ("host|gt: 5", "rules.yml:8: host|gt: expected a field with a number before gt: host is text"),
        ("status_code|hour: 5", "expected a field with a time before hour: status_code is number"),
        ("ts|hour: 24", "rules.yml:8: ts|hour: expected 0 to 23, not 24"),
        ("host|cidr: 10.0.0.1/8", "expected a network such as 10.0.0.0/8, its host bits zero, not 10.0.0.1/8"),
        ("host|exists: maybe", "rules.yml:8: host|exists: expected a field, and true or false"),
        ("host|contains: null", "rules.yml:8: host|contains: expected a value, not null"),
        ("host|fieldref: hots", "rules.yml:8: host|fieldref: http has no field hots, did you mean host?"),
        ("host|re: '(?=a)'", "rules.yml:8: host|re: look-around is not supported"),
        ("host|expand: '%x%'", "placeholders (expand) are not supported"),
        ("selection:\n    '|gt': 5", "expected a field before gt"),
        ("host: " + "a" * 4097, "a value of more than 4096 characters"),
    ],
    ids=str,
)
def test_mistakes(tmp_path: Path, detection: str, told: str) -> None:
    found, mistakes = read(tmp_path, rule(detection))
    assert not found.rules and len(mistakes) == 1
    assert told in mistakes[0]


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    _, mistakes = read(tmp_path, rule("host|x: 1\nuri|y: 2\nmethod:\n    - a\n    - yes\nnope: 1"))
    assert [line.split(":")[1] for line in mistakes] == ["8", "9", "12", "13"]


def test_values_are_bounded(tmp_path: Path) -> None:
    many = "\n".join(f"    - '-a -b -c {number}'" for number in range(100))
    _, mistakes = read(tmp_path, rule(f"uri|windash|base64:\n{many}"))
    assert mistakes == ["rules.yml:8: expected at most 10000 values in a rule, transformed ones counted"]


def test_a_service_of_others_is_not_checked_for_fields(tmp_path: Path) -> None:
    found, mistakes = read(tmp_path, rule("query|endswith: .xyz\nrejected: 'true'\nZ: 0", service="dns"))
    assert not mistakes and found.events[0].asleep


def test_an_absent_field_is_not_equal_and_its_negation_true(tmp_path: Path) -> None:
    event: dict[str, Any] = {"method": "GET"}
    assert not fires(tmp_path, "referrer: x", event)
    assert fires(tmp_path, "referrer: x", event, condition="not selection")
