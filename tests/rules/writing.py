"""Rule files out of what a test cares about, and engines with them."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from sensor.logs.observer import Notice
from sensor.rules.document import Mistakes
from sensor.rules.engine import RuleEngine
from sensor.rules.loader import read_rules
from sensor.rules.matching import compile_expression, text_of
from sensor.rules.rule import EventRule, RuleSet
from sensor.settings import RuleSettings, Settings
from sensor.weird import Weird

UUID = "929a690e-bef0-4204-a928-{:012x}"


def rule(detection: str, service: str = "http", number: int = 1, condition: str = "selection", more: str = "") -> str:
    """A whole rule; `detection` is the section without its condition, or one selection's lines."""
    body = textwrap.dedent(detection).strip("\n")
    if not body.startswith(("selection", "'selection", "_")) and "\n\n" not in body:
        body = "selection:\n" + textwrap.indent(body, "    ")
    return (
        f"title: Rule {number}\nid: {UUID.format(number)}\n"
        f"logsource:\n    product: zeek\n    service: {service}\n"
        f"detection:\n{textwrap.indent(body, '    ')}\n    condition: {condition}\n" + textwrap.dedent(more)
    )


def read(folder: Path, *documents: str, settings: RuleSettings | None = None) -> tuple[RuleSet, list[str]]:
    """The rules in one file of these documents, and the mistakes without the file's folder."""
    path = folder / "rules.yml"
    path.write_text("---\n".join(documents))
    mistakes = Mistakes()
    found = read_rules([path], settings or RuleSettings(), mistakes)
    return found, [line.removeprefix(f"{folder}/") for line in mistakes.lines]


def rules(folder: Path, *documents: str) -> RuleSet:
    found, mistakes = read(folder, *documents)
    assert not mistakes, mistakes
    return found


def engine(found: RuleSet, settings: Settings | None = None) -> tuple[RuleEngine, list[Notice], list[Weird]]:
    told: list[Notice] = []
    complaints: list[Weird] = []
    return RuleEngine(found, settings or Settings(), told.append, complaints.append), told, complaints


class Line:
    """An event that is nothing but its line."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def get(self, name: str) -> Any:
        return self.fields.get(name)

    def texts(self) -> list[str]:
        found: list[str] = []
        for value in self.fields.values():
            found += [text_of(each) for each in value] if isinstance(value, list) else [text_of(value)]
        return found


def fires(folder: Path, detection: str, event: dict[str, Any], service: str = "http", **more: Any) -> bool:
    """Whether a rule with this detection matches an event of these fields."""
    (found,) = rules(folder, rule(detection, service, **more)).rules
    assert isinstance(found, EventRule)
    return compile_expression(found.expression)(Line(**event))
