"""sensor.workers.fired: rules tried by several workers raise the notices that they raise in one."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sensor.rules.loader import load_rules
from sensor.settings import RuleSettings
from sensor.workers.fired import needs_one, pack, unpack
from tests.workers.conftest import Result
from tests.workers.test_reading import shuffled, write_pcap

HEAD = """title: {title}
id: {id}
status: test
description: for this test
"""
EVENT = HEAD + "logsource: {{product: zeek, service: {service}}}\ndetection:\n  s:\n    {test}\n  condition: s\n{more}"
WORDS = "ocspwatch:\n  msg: '{id.orig_h} %s'\n  identifier: [id.orig_h]\n"
IDS = [f"929a690e-bef0-4204-a928-ef5e620d6f{number:02d}" for number in range(10)]
RULES = [
    EVENT.format(title="Flows", id=IDS[0], service="conn", test="conn_state: SF", more=""),
    EVENT.format(title="Leaks", id=IDS[1], service="leak", test="channel: ocsp", more=WORDS % "{times_seen} times"),
    EVENT.format(title="Heads", id=IDS[2], service="http", test="client_header_names|contains: HOST", more=""),
    EVENT.format(title="Odd", id=IDS[3], service="weird", test="name|exists: true", more=WORDS % "{name}"),
    EVENT.format(title="Asked", id=IDS[4], service="ocsp_exchange", test="evidence: both", more=WORDS % "{audit}"),
    EVENT.format(title="Files", id=IDS[5], service="files", test="source: HTTP", more=""),
    EVENT.format(title="Many", id=IDS[6], service="http", test="method: POST", more=""),
    HEAD.format(title="Often", id=IDS[7])
    + f"correlation:\n  type: event_count\n  rules: [{IDS[6]}]\n  group-by: [id.resp_h]\n  timespan: 10m\n"
    + "  condition: {gte: 3}\n"
    + "ocspwatch:\n  msg: '{id.resp_h} was asked {count} times'\n  identifier: [id.resp_h]\n  suppress_for: 60s\n",
]
Replay = Callable[..., Result]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    for number, text in enumerate(RULES):
        (folder / f"{number}.yml").write_text(text)
    return folder


@pytest.mark.parametrize("seed", range(2))
def test_the_same_notices(seed: int, rules: Path, replay: Replay, tmp_path: Path) -> None:
    whole = tmp_path / "all.pcap"
    write_pcap(whole, shuffled(random.Random(seed), 20))
    options = ("--rules", str(rules))
    alone = replay([whole], 1, *options)
    told = alone[1]["notice.log"]
    for title in (b"Sigma::Flows", b"Sigma::Leaks", b"Sigma::Heads", b"Sigma::Odd", b"Sigma::Asked", b"Sigma::Often"):
        assert title in told, title
    for workers in (2, 3):
        assert replay([whole], workers, *options, several=True) == alone
    assert replay([whole], 3, "--json", *options) == replay([whole], 1, "--json", *options)


def test_what_only_one_can_try(tmp_path: Path) -> None:
    for number, (service, test, about) in enumerate(
        [
            ("notice", "note|exists: true", "notice.log"),
            ("x509", "fingerprint|exists: true", "x509.log"),
            ("leak", "times_seen|gt: 3", "times_seen"),
            ("leak", "grade: exact", None),
            ("conn", "conn_state: SF", None),
        ]
    ):
        path = tmp_path / f"{number}.yml"
        path.write_text(EVENT.format(title="One", id=IDS[0], service=service, test=test, more=""))
        why = needs_one(load_rules([path], RuleSettings(shipped=False)))
        assert why == (None if about is None else f"rule {IDS[0]} is about {about}")


def test_an_event_there_and_back() -> None:
    from sensor.rules.events import LoggedEvent
    from sensor.weird import FlowId

    flow = FlowId("C1", "10.0.0.1", 1, "10.0.0.2", 80)
    event = LoggedEvent("leak", 5, 6, flow, lambda: {"uid": "C1", "times_seen": -99, "names": ["a", "b"]})
    rule_id, other = unpack(pack("id", event), 3)
    assert (rule_id, other.service, other.ts, other.end, other.flow) == ("id", "leak", 5, 6, flow)
    assert other.line() == {"uid": "C1", "times_seen": 3, "names": ["a", "b"]}
    assert other.url() is None
