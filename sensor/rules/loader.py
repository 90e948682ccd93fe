"""Rule files and folders into rules; all that is wrong with them is collected, with file, line and what is expected.

A file may hold several documents; a correlation may refer to rules of any file read with it, and of its own folder.
Collections (`action:`) and filters are refused: Sigma withdrew the one, and the other is for those who deploy rules
that they cannot edit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from sensor.rules.beside import ENDINGS, beside
from sensor.rules.condition import ConditionError, parse_condition
from sensor.rules.correlations import CorrelationReader
from sensor.rules.detection import DetectionReader
from sensor.rules.document import Items, Mapping, Mistakes, Node, Text, load_documents
from sensor.rules.expression import Expression, any_of
from sensor.rules.fields import fields_of, is_elsewhere, near_service, services
from sensor.rules.heading import HeadReader
from sensor.rules.mistakes import RulesError
from sensor.rules.rule import EventRule, Rule, RuleSet
from sensor.settings import RuleSettings

EMPTY: Final = "there is no rule in it"


def load_rules(paths: Sequence[Path], settings: RuleSettings) -> RuleSet:
    """The rules of files and folders. Raises RulesError with all mistakes."""
    mistakes = Mistakes()
    found = read_rules(paths, settings, mistakes)
    if mistakes.lines:
        raise RulesError(mistakes.lines + ([f"{mistakes.left_out} more"] if mistakes.left_out else []))
    return found


def read_rules(paths: Sequence[Path], settings: RuleSettings, mistakes: Mistakes) -> RuleSet:
    """The rules that have no mistake; what is wrong with the others goes to `mistakes`."""
    documents: list[tuple[Path, Mapping]] = []
    empty: list[Path] = []
    for path in rule_files(paths, mistakes):
        before = mistakes.count
        nodes = load_documents(path, settings.max_file_bytes, mistakes)
        if not nodes and mistakes.count == before:
            mistakes.note(str(path), 1, EMPTY)
            empty.append(path)
        for node in nodes:
            if isinstance(node, Mapping):
                documents.append((path, node))
            else:
                mistakes.add(str(path), node.line, "expected a map: title, logsource, detection")
        if len(documents) > settings.max_rules:
            mistakes.add(str(path), 1, f"more than {settings.max_rules} rules (rules.max_rules)")
            break
    documents += beside(documents, settings, mistakes)
    rules: list[Rule] = []
    correlations: list[tuple[Path, Mapping]] = []
    for path, document in documents:
        if "correlation" in document.items:
            correlations.append((path, document))
            continue
        rule = _read_rule(path, document, mistakes)
        if rule is not None:
            rules.append(rule)
    taken = {rule.head.id: rule for rule in rules}
    _refuse_doubles(rules, mistakes)
    reader = CorrelationReader(rules, settings, mistakes)
    for correlation in reader.read(correlations):
        if correlation.head.id in taken:
            other = taken[correlation.head.id].head
            mistakes.add(str(correlation.head.file), correlation.head.line, f"id as in {other.file}:{other.line}")
        else:
            taken[correlation.head.id] = correlation
            rules.append(correlation)
    return RuleSet(tuple(rules), frozenset(reader.quiet), tuple(empty))


def rule_files(paths: Iterable[Path], mistakes: Mistakes) -> list[Path]:
    """The files that are meant: of a folder all *.yml and *.yaml in it and below, sorted; none twice."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = []
            for each in sorted(each for each in path.rglob("*") if each.suffix in ENDINGS and not each.is_dir()):
                if each.is_file():
                    inside.append(each)
                else:  # a link to nothing, a FIFO
                    mistakes.add(str(each), 1, "expected a file")
            if not inside:
                mistakes.add(str(path), 1, "expected rules, there is no *.yml in it")
            found.update(dict.fromkeys(inside))
        elif path.exists():
            found[path] = None
        else:
            mistakes.add(str(path), 1, "expected a file or a folder, there is none")
    return list(found)


def _refuse_doubles(rules: list[Rule], mistakes: Mistakes) -> None:
    seen: dict[str, Rule] = {}
    for rule in list(rules):
        for word in {rule.head.id, rule.head.name} - {None}:
            other = seen.setdefault(str(word), rule)
            if other is not rule:
                head = other.head
                mistakes.add(str(rule.head.file), rule.head.line, f"{word} is taken by {head.file}:{head.line}")
                if rule in rules:
                    rules.remove(rule)


def _read_rule(path: Path, document: Mapping, mistakes: Mistakes) -> EventRule | None:
    name = str(path)
    before = mistakes.count
    if "action" in document.items:
        mistakes.add(
            name, document.lines["action"], "collections (action:) were withdrawn from Sigma: write whole rules"
        )
        return None
    if "filter" in document.items:
        mistakes.add(name, document.lines["filter"], "Sigma filters are not supported: write it into the rule")
        return None
    service = _service(name, document, mistakes)
    known = service is not None and not is_elsewhere(service)
    fields = fields_of(service) if service is not None and known else None
    identifier = tuple(n for n in ("id.orig_h", "id.resp_h") if fields is not None and n in fields)
    head = HeadReader(path, document, mistakes).read(fields, identifier)
    expression = _expression(name, service, document, mistakes)
    if service is None or head is None or expression is None or mistakes.count > before or not document.whole:
        return None
    return EventRule(head, service, expression, asleep=not known)


def _service(name: str, document: Mapping, mistakes: Mistakes) -> str | None:
    """The service, None if something is wrong with the logsource: all of that is told."""
    source = document.items.get("logsource")
    if not isinstance(source, Mapping):
        line = document.lines.get("logsource", document.line)
        mistakes.add(name, line, "expected logsource: a map with product: zeek and a service")
        return None
    before = mistakes.count
    texts = {key: node.text for key, node in source.items.items() if isinstance(node, Text)}
    if texts.get("product") != "zeek":
        mistakes.add(name, source.lines.get("product", source.line), "expected product: zeek")
    if "category" in source.items:
        mistakes.add(name, source.lines["category"], "expected a service: events here have no category")
    service = texts.get("service")
    if service is None and "category" not in source.items:
        mistakes.add(name, source.lines.get("service", source.line), f"expected a service{near_service('')}")
    elif service is not None and service not in services() and not is_elsewhere(service):
        mistakes.add(name, source.lines["service"], f"no service {service}{near_service(service)}")
    return service if mistakes.count == before else None


def _expression(name: str, service: str | None, document: Mapping, mistakes: Mistakes) -> Expression | None:
    detection = document.items.get("detection")
    if not isinstance(detection, Mapping):
        mistakes.add(name, document.lines.get("detection", document.line), "expected detection: a map")
        return None
    reader = DetectionReader(name, service, mistakes)
    named: dict[str, Expression] = {}
    for key, node in detection.items.items():
        if key not in ("condition", "timeframe"):
            named[key] = reader.read(node) or any_of(())  # there is such an identifier, whatever is wrong with it
    if "timeframe" in detection.items:
        mistakes.add(name, detection.lines["timeframe"], "timeframe was withdrawn from Sigma: expected a correlation")
    conditions = _conditions(detection.items.get("condition"))
    if not conditions:
        line = detection.lines.get("condition", detection.line)
        mistakes.add(name, line, "expected condition: text, or a list of texts")
        return None
    found = []
    used: set[str] = set()
    for condition in conditions:
        try:
            tree, names = parse_condition(condition.text, named)
        except ConditionError as error:
            mistakes.add(name, condition.line, f"condition: {error}")
            continue
        found.append(tree)
        used |= names
    for key in named if len(found) == len(conditions) else ():
        if key not in used and not key.startswith("_"):
            mistakes.note(name, detection.lines[key], f"{key} is not in the condition")
    return any_of(tuple(found)) if found else None


def _conditions(node: Node | None) -> list[Text]:
    if isinstance(node, Text):
        return [node] if isinstance(node.value, str) else []
    if isinstance(node, Items) and all(isinstance(item, Text) for item in node.items):
        return [item for item in node.items if isinstance(item, Text)]
    return []
