"""Rules over observations: notices in the logs, correlations and chains, rules over notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sensor.capture.inputs import open_inputs
from sensor.ct.importing import ImportReport, import_paths
from sensor.ct.memory import MemoryLookup
from sensor.ct.store import Store
from sensor.ct.store_lookup import StoreLookup
from sensor.logs.sinks.memory import MemorySink
from sensor.logs.writer import LogWriter
from sensor.pipeline import Pipeline
from sensor.rules.engine import RuleEngine
from sensor.rules.rule import RuleSet
from sensor.settings import CtSettings, RuleSettings, Settings
from sensor.weird import Weird
from tests.rules.looking import look
from tests.rules.test_correlations import correlation
from tests.rules.writing import UUID, engine, rule, rules

PCAPS = Path(__file__).resolve().parents[2] / "pcaps"


def replay(name: str, found: RuleSet, settings: Settings | None = None) -> tuple[RuleEngine, list[dict[str, Any]]]:
    """The engine, and all lines in order."""
    settings = settings or Settings()
    sink = MemorySink(merged=True)
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    looking = RuleEngine(found, settings, writer.notice, writer.weird)
    writer.observe(looking)
    source = open_inputs([str(PCAPS / name)], settings.capture)
    try:
        Pipeline(settings, MemoryLookup(), writer, None).run(source)
    finally:
        source.close()
        writer.close()
    return looking, [json.loads(line) for line in sink.data[""].splitlines()]


OWN = """
level: high
ocspwatch:
    note: OCSP::Asked
    msg: '{id.orig_h} asked {host} about {serial_number}'
    identifier: [serial_number]
"""


def test_a_notice_stands_behind_its_line(tmp_path: Path) -> None:
    found = rules(tmp_path, rule("method: POST", "ocsp_exchange", more=OWN))
    looking, lines = replay("ocsp/openssl-post-good.pcap", found)
    place = next(place for place, line in enumerate(lines) if line.get("rule_id"))
    line, before = lines[place], lines[place - 1]
    assert before["_path"] == "ocsp_exchange" and line["_path"] == "notice"
    assert line["note"] == "OCSP::Asked" and line["rule_level"] == "high" and line["rule_id"] == UUID.format(1)
    assert line["msg"] == f"{before['id.orig_h']} asked {before['host']} about {before['serial_number']}"
    assert line["sub"] == "Rule 1" and line["fuid"] == before["orig_fuid"]
    assert line["file_desc"] == f"http://{before['host']}{before['uri']}"
    assert {line[key] == before[key] for key in ("ts", "uid", "id.orig_h", "id.resp_p")} == {True}
    assert looking.hits == {UUID.format(1): 1}


def test_without_rules_nothing_changes() -> None:
    _, lines = replay("ocsp/openssl-post-good.pcap", RuleSet())
    sink = MemorySink(merged=True)
    settings = Settings()
    writer = LogWriter(settings.logs, settings.flow.local_nets, sink)
    source = open_inputs([str(PCAPS / "ocsp/openssl-post-good.pcap")], settings.capture)
    Pipeline(settings, MemoryLookup(), writer, None).run(source)
    writer.close()
    source.close()
    assert lines == [json.loads(line) for line in sink.data[""].splitlines()]


def test_every_service_is_seen(tmp_path: Path) -> None:
    services = ("conn", "http", "files", "ocsp", "ocsp_exchange", "leak", "notice")
    found = rules(tmp_path, *(rule("ts|exists: true", each, number) for number, each in enumerate(services)))
    looking, lines = replay("ocsp/openssl-post-good.pcap", found)
    assert set(looking.hits) == {UUID.format(number) for number in range(len(services))}
    files = [line for line in lines if line["_path"] == "files"]
    assert looking.hits[UUID.format(2)] == len(files) == 2


def test_correlations_and_chains(tmp_path: Path) -> None:
    base = rule("method|exists: true").replace("id:", "name: base\nid:")
    many = correlation("type: event_count\nrules: [base]\ngroup-by: [id.orig_h]\ntimespan: 1h\ncondition: {gte: 3}", 7)
    twice = correlation("type: event_count\nrules: [c7]\ngroup-by: [src_ip]\ntimespan: 1h\ncondition: {gte: 2}", 8)
    looking, lines = replay("office/morning.pcapng", rules(tmp_path, base, many, twice))
    by_client: dict[str, int] = {}
    for line in lines:
        if line["_path"] == "http":
            by_client[line["id.orig_h"]] = by_client.get(line["id.orig_h"], 0) + 1
    assert looking.hits[UUID.format(1)] == sum(by_client.values())
    assert 0 < looking.hits[UUID.format(8)] <= looking.hits[UUID.format(7)] // 2
    assert {line["rule_id"] for line in lines if line.get("rule_id")} == {UUID.format(8)}  # the others are quiet


def test_rules_over_notices_see_leaks_and_rules_but_not_one_another(tmp_path: Path) -> None:
    found = rules(tmp_path, rule("method: POST", "ocsp_exchange"), rule("note: '*'", "notice", number=2))
    looking, lines = replay("ocsp/openssl-post-good.pcap", found, Settings(rules=RuleSettings()))
    notes = [line["note"] for line in lines if line["_path"] == "notice"]
    assert looking.hits[UUID.format(2)] == 2 and notes.count("Sigma::Rule_2") == 1  # the second is held back
    assert "OCSP::Privacy_Leak" in notes


def test_forgetting_is_told_once(tmp_path: Path) -> None:
    base = rule("name: x", service="weird").replace("id:", "name: base\nid:")
    many = correlation("type: event_count\nrules: [base]\ngroup-by: [addl]\ntimespan: 1h\ncondition: {gte: 3}", 7)
    looking, _, complaints = engine(rules(tmp_path, base, many), Settings(rules=RuleSettings(max_groups=2)))
    for number in range(9):
        looking.weird(Weird(number, "x", None, str(number)))
    assert [(each.name, each.addl, each.ts) for each in complaints] == [
        ("correlation_state_forgotten", UUID.format(7), 2)
    ]


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    found = rules(tmp_path, rule("method: '*'"), rule("host|re: .", "ocsp_exchange", 2), rule("grade: '*'", "leak", 3))
    assert replay("office/morning.pcapng", found)[1] == replay("office/morning.pcapng", found)[1]


def test_a_leak_is_told_once(tmp_path: Path) -> None:
    """By the rule that speaks for the built-in notice, where it fires; by that notice everywhere else."""
    told: dict[str, list[str]] = {}
    for way in ("none", "beside", "instead", "elsewhere"):
        grade = "few" if way == "elsewhere" else "exact"
        more = "ocspwatch:\n    note: A::B\n" + ("" if way == "beside" else "    replaces_built_in: true\n")
        found = rules(tmp_path, rule(f"grade: {grade}", "leak", more=more)) if way != "none" else RuleSet()

        def observe(writer: LogWriter, found: RuleSet = found) -> RuleEngine:
            return RuleEngine(found, Settings(), writer.notice, writer.weird)

        settings = Settings(ct=CtSettings(path=str(tmp_path / "ct.sqlite")))
        store = Store(tmp_path / "ct.sqlite", settings.ct.max_names)
        import_paths(store, [str(PCAPS / "ocsp" / "certs")], settings.ct, 1_700_000_000, ImportReport())
        store.close()
        lookup = StoreLookup(settings.ct)
        sink = look([PCAPS / "ocsp" / "firefox-esr.pcap"], observe, settings, lookup)
        lookup.close()
        told[way] = [str(line["note"]) for line in sink.records("notice")]
    built_in = told["none"]
    assert built_in and set(built_in) == {"OCSP::Privacy_Leak"}
    assert told["elsewhere"] == built_in
    assert sorted(told["beside"]) == sorted([*built_in, *["A::B"] * len(told["instead"])])
    assert told["instead"] and set(told["instead"]) == {"A::B"}
