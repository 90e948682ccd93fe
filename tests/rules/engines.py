"""The same rules on the same events in other engines: SQLite by way of pySigma, and Tenzir's `sigma` operator."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sensor.rules.convert import Converter
from sensor.rules.events import LoggedEvent
from sensor.rules.fields import HEADER_FIELDS, Kind, fields_of
from sensor.rules.matching import compile_expression
from sensor.rules.rule import CorrelationRule, EventRule, RuleSet
from tests.rules.writing import Line

Hits = dict[str, set[int]]
"""By a rule's id, the numbers of the events that it matches."""

_PATIENCE_S = 120


def lines_of(service: str, events: Sequence[LoggedEvent]) -> list[dict[str, Any]]:
    """What rules are shown of the events of one service: the log's line, and of http the headers."""
    found = []
    for event in events:
        if event.service == service:
            line = dict(event.line())
            if service == "http":
                headers = {name: event.get(name) for name in HEADER_FIELDS}
                line |= {name: value for name, value in headers.items() if value is not None}
            found.append(line)
    return found


def ours(rules: Sequence[EventRule], lines: Sequence[dict[str, Any]]) -> Hits:
    found: Hits = {}
    for rule in rules:
        matches = compile_expression(rule.expression)
        found[rule.head.id] = {number for number, line in enumerate(lines) if matches(Line(**line))}
    return found


def by_sqlite(service: str, rules: Sequence[EventRule], lines: Sequence[dict[str, Any]]) -> Hits:
    """Each rule converted, and its query run on a table of the lines. Raises ConvertError."""
    database = sqlite3.connect(":memory:")
    try:
        database.create_function("REGEXP", 2, _regexp)
        _fill(database, service, lines)
        found: Hits = {}
        for rule in rules:
            found[rule.head.id] = set()
            for query in Converter(RuleSet((rule,)), "sqlite").convert(rule):
                cursor = database.execute(query)
                place = [column[0] for column in cursor.description].index("n")
                found[rule.head.id] |= {row[place] for row in cursor}
        return found
    finally:
        database.close()


def correlated_by_sqlite(
    rules: RuleSet, rule: CorrelationRule, events: Sequence[LoggedEvent]
) -> dict[tuple[str, ...], float]:
    """The groups that a correlation's query finds, their values in lower case, each with the time of its first window's
    end in seconds, to the microsecond."""
    database = sqlite3.connect(":memory:")
    try:
        database.create_function("REGEXP", 2, _regexp)
        for service in sorted({each.service for each in rules.events}):
            _fill(database, service, lines_of(service, events))
        found: dict[tuple[str, ...], float] = {}
        for query in Converter(rules, "sqlite").convert(rule):
            cursor = database.execute(query)
            names = [column[0] for column in cursor.description]
            for row in cursor:
                values = json.loads(row[names.index("group_keys")])
                group = tuple(str(values[name]).lower() for name in rule.group_names)
                ended = round(row[names.index("occurrence_time")], 6)
                found[group] = min(ended, found.get(group, ended))
        return found
    finally:
        database.close()


def by_tenzir(rules: Sequence[EventRule], lines: Sequence[dict[str, Any]], folder: Path) -> Hits:
    """All rules in one run of Tenzir's pipeline; `folder` is its own to write into."""
    place = folder / "tenzir"
    shutil.rmtree(place, ignore_errors=True)
    (place / "rules").mkdir(parents=True)
    for number, rule in enumerate(rules):
        (place / "rules" / f"{number}.yml").write_text(document_of(rule))
    events = place / "events.json"
    events.write_text("".join(json.dumps({"n": number, **line}) + "\n" for number, line in enumerate(lines)))
    pipeline = f'from_file "{events}" {{ read_ndjson }} | sigma path="{place}/rules" | write_ndjson'
    done = subprocess.run(
        [tenzir(), pipeline], capture_output=True, text=True, timeout=_PATIENCE_S, check=False, cwd=place
    )
    assert done.returncode == 0, done.stderr
    found: Hits = {rule.head.id: set() for rule in rules}
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        found[finding["policy"]["uid"]].add(finding["evidences"][0]["data"]["n"])
    return found


def tenzir() -> str:
    """The program: beside this Python, or on the PATH."""
    beside = Path(sys.executable).parent / "tenzir"
    return str(beside) if beside.exists() else shutil.which("tenzir") or ""


def document_of(rule: EventRule) -> str:
    """The rule's YAML document out of its file."""
    lines = rule.head.file.read_text().splitlines()[rule.head.line - 1 :]
    end = next((place for place, line in enumerate(lines) if line.rstrip() == "---"), len(lines))
    return "\n".join(lines[:end]) + "\n"


def _fill(database: sqlite3.Connection, service: str, lines: Sequence[dict[str, Any]]) -> None:
    """A table of the service's lines, `n` their number."""
    columns = sorted({name for line in lines for name in line} | {f.name for f in fields_of(service).values()})
    numbers = {f.name for f in fields_of(service).values() if f.kind in (Kind.number, Kind.time)}
    names = ", ".join(f'"{name}" {"NUMERIC" if name in numbers else ""}' for name in columns)
    database.execute(f'CREATE TABLE "{service}" (n, {names})')
    rows = [(number, *(_cell(line.get(name)) for name in columns)) for number, line in enumerate(lines)]
    marks = ", ".join("?" * (len(columns) + 1))
    database.executemany(f'INSERT INTO "{service}" VALUES ({marks})', rows)  # noqa: S608  (our own names)


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list) else value


def _regexp(pattern: str, value: Any) -> bool:
    return value is not None and re.search(pattern, str(value)) is not None
