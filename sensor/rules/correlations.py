"""Correlation documents into rules over what other rules find (Sigma correlation rules specification 2.0.2, and the
value_* kinds of pySigma 1.0 and later)."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from sensor.rules.beside import key_of, own_names, references
from sensor.rules.document import Items, Mapping, Mistakes, Node, Text
from sensor.rules.fields import Kind, fields_of, is_elsewhere
from sensor.rules.heading import HeadReader, parse_span
from sensor.rules.rule import Bound, CorrelationKind, CorrelationRule, EventRule, Rule
from sensor.settings import RuleSettings

_OPS: Final = ("gt", "gte", "lt", "lte", "eq", "neq")
_KEYS: Final = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
_OF_FIELD: Final = frozenset(kind for kind in CorrelationKind if kind.value.startswith("value_"))
_TEMPORAL: Final = (CorrelationKind.temporal, CorrelationKind.temporal_ordered)
_MAX_RULES: Final = 64
_MAX_GROUP_FIELDS: Final = 8
COUNT: Final = "count"
"""In a template of a correlation: what was counted or computed; beside it, the names in group-by."""


class CorrelationReader:
    """Reads correlations over `rules`; `quiet` are then the ids of rules that raise no notice of their own."""

    def __init__(self, rules: Sequence[Rule], settings: RuleSettings, mistakes: Mistakes) -> None:
        self._settings = settings
        self._mistakes = mistakes
        self._known: dict[str, Rule] = {}
        self._services: dict[str, frozenset[str]] = {}
        self.quiet: set[str] = set()
        self._loud: set[str] = set()
        for rule in rules:
            self._learn(rule)

    def read(self, documents: Sequence[tuple[Path, Mapping]]) -> list[CorrelationRule]:
        """In an order in which every rule comes behind those that it refers to."""
        found: list[CorrelationRule] = []
        waiting = list(documents)
        declared = {word for _, document in documents for word in own_names(document)}
        while waiting:
            ready = [each for each in waiting if self._is_ready(each[1], declared)]
            if not ready:
                for path, document in waiting:
                    line = document.lines["correlation"]
                    self._mistakes.add(str(path), line, "refers to itself, or to a correlation that has a mistake")
                break
            for path, document in ready:
                rule = self._correlation(path, document)
                if rule is not None:
                    found.append(rule)
                    self._learn(rule)
                else:
                    declared -= set(own_names(document)) - set(self._known)
            waiting = [each for each in waiting if each not in ready]
        self.quiet -= self._loud
        return found

    def _learn(self, rule: Rule) -> None:
        for word in (rule.head.id, rule.head.name):
            if word is not None:
                self._known[word] = rule
        if isinstance(rule, EventRule):
            self._services[rule.head.id] = frozenset({rule.service})
        else:
            self._services[rule.head.id] = frozenset().union(*(self._services[each] for each in rule.rules))

    def _is_ready(self, document: Mapping, declared: set[str]) -> bool:
        return not (references(document) & declared) - set(self._known)

    def _correlation(self, path: Path, document: Mapping) -> CorrelationRule | None:
        section = document.items["correlation"]
        if not isinstance(section, Mapping):
            self._mistakes.add(str(path), document.lines["correlation"], "correlation: expected a map")
            return None
        return _Section(self, path, document, section).read()

    def resolve(self, word: str) -> Rule | None:
        return self._known.get(key_of(word))

    def near(self, word: str) -> str:
        near = get_close_matches(word, list(self._known), 1)
        return f", did you mean {near[0]}?" if near else " (or it has a mistake)"

    def services_of(self, rule: Rule) -> frozenset[str]:
        return self._services[rule.head.id]

    def use(self, rules: Sequence[Rule], generate: bool) -> None:
        """These rules are referred to, and raise notices of their own only if `generate`."""
        ids = {rule.head.id for rule in rules}
        (self._loud if generate else self.quiet).update(ids)

    def limits(self) -> RuleSettings:
        return self._settings

    def mistake(self, path: Path, line: int, what: str) -> None:
        self._mistakes.add(str(path), line, what)

    def collected(self) -> Mistakes:
        return self._mistakes


class _Section:
    """One correlation being read."""

    def __init__(self, reader: CorrelationReader, path: Path, document: Mapping, section: Mapping) -> None:
        self._reader = reader
        self._path = path
        self._document = document
        self._section = section
        self._is_wrong = False

    def read(self) -> CorrelationRule | None:
        for key, line in self._section.lines.items():
            if key not in _KEYS:
                self._wrong(key, f"correlation has no {key}: expected one of {', '.join(_KEYS)}", line)
        kind = self._kind()
        rules = self._rules()
        span = self._span()
        names, fields = self._group_by(rules)
        bounds, field, percentile = self._condition(kind, rules)
        head = HeadReader(self._path, self._document, self._reader.collected()).read(
            {*names, COUNT, "rule"}, tuple(names)
        )
        if head is None or kind is None or self._is_wrong or not self._document.whole:
            return None
        self._reader.use(rules, self._generate())
        ids = tuple(rule.head.id for rule in rules)
        return CorrelationRule(head, kind, ids, tuple(names), fields, span, bounds, field, percentile)

    def _kind(self) -> CorrelationKind | None:
        node = self._section.items.get("type")
        if isinstance(node, Text) and node.text in CorrelationKind.__members__:
            return CorrelationKind[node.text]
        self._wrong("type", f"type: expected one of {', '.join(CorrelationKind.__members__)}")
        return None

    def _rules(self) -> list[Rule]:
        node = self._section.items.get("rules")
        items = node.items if isinstance(node, Items) else (node,) if isinstance(node, Text) else ()
        if not items or len(items) > _MAX_RULES:
            self._wrong("rules", f"rules: expected a list of 1 to {_MAX_RULES} ids or names of rules")
        found: dict[str, Rule] = {}
        for item in items:
            if not isinstance(item, Text):
                self._wrong("rules", "rules: expected ids or names")
                continue
            rule = self._reader.resolve(item.text)
            if rule is None:
                self._wrong("rules", f"no rule {item.text}{self._reader.near(item.text)}", item.line)
            elif rule.head.id in found:
                self._wrong("rules", f"{item.text} stands there twice", item.line)
            else:
                found[rule.head.id] = rule
        return list(found.values())

    def _span(self) -> int:
        node = self._section.items.get("timespan")
        try:
            span = parse_span(node.text if isinstance(node, Text) else "nothing")
        except ValueError as error:
            self._wrong("timespan", f"timespan: {error}")
            return 0
        if span == 0:
            self._wrong("timespan", "timespan: expected more than 0")
        return span

    def _group_by(self, rules: list[Rule]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
        node = self._section.items.get("group-by")
        items: tuple[Node, ...] = node.items if isinstance(node, Items) else (node,) if isinstance(node, Text) else ()
        if node is not None and not items:
            self._wrong("group-by", "group-by: expected a list of fields")
        if len(items) > _MAX_GROUP_FIELDS:
            self._wrong("group-by", f"group-by: expected at most {_MAX_GROUP_FIELDS} fields")
        names = [item.text for item in items if isinstance(item, Text)]
        aliases = self._aliases(rules)
        fields: dict[str, tuple[str, ...]] = {}
        for rule in rules:
            own = tuple(aliases.get(name, {}).get(rule.head.id, name) for name in names)
            fields[rule.head.id] = tuple(self._checked(rule, name, "group-by") for name in own)
        return names, fields

    def _aliases(self, rules: list[Rule]) -> dict[str, dict[str, str]]:
        """By alias, by rule id: the field."""
        node = self._section.items.get("aliases")
        if node is None:
            return {}
        if not isinstance(node, Mapping):
            self._wrong("aliases", "aliases: expected a map")
            return {}
        ids = {rule.head.id for rule in rules}
        found: dict[str, dict[str, str]] = {}
        for alias, inner in node.items.items():
            if not isinstance(inner, Mapping):
                self._wrong("aliases", f"{alias}: expected a map of rules to their fields", node.lines[alias])
                continue
            for word, field in inner.items.items():
                rule = self._reader.resolve(word)
                if rule is None or rule.head.id not in ids:
                    self._wrong("aliases", f"{alias}: {word} is none of this correlation's rules", inner.lines[word])
                elif isinstance(field, Text):
                    found.setdefault(alias, {})[rule.head.id] = field.text
                else:
                    self._wrong("aliases", f"{alias}: expected a field", inner.lines[word])
        return found

    def _checked(self, rule: Rule, name: str, key: str, numeric: bool = False) -> str:
        """The field's own name. All events that the rule can be about must have it."""
        own = name
        for service in self._reader.services_of(rule):
            if is_elsewhere(service):
                continue
            field = fields_of(service).get(name)
            if field is None:
                self._wrong(key, f"{key}: {service} has no field {name}, which {rule.head.title} is about")
            elif numeric and field.kind not in (Kind.number, Kind.time):
                self._wrong(key, f"{key}: expected a field with a number, {name} is {field.kind.value}")
            else:
                own = field.name
        return own

    def _condition(
        self, kind: CorrelationKind | None, rules: list[Rule]
    ) -> tuple[tuple[Bound, ...], str | None, float]:
        node = self._section.items.get("condition")
        if node is None and kind in _TEMPORAL:
            return (), None, 50.0
        if not isinstance(node, Mapping):
            self._wrong("condition", f"condition: expected a map of {', '.join(_OPS)} to a number")
            return (), None, 50.0
        if kind is CorrelationKind.temporal_ordered:
            self._wrong("condition", "condition: temporal_ordered has none: all rules must come, in this order")
        bounds = []
        field, percentile = None, 50.0
        for key, value in node.items.items():
            line = node.lines[key]
            number = value.value if isinstance(value, Text) and not isinstance(value.value, bool) else None
            if key in _OPS and isinstance(number, int | float):
                bounds.append(Bound(key, number))
            elif key == "field" and kind in _OF_FIELD and isinstance(value, Text):
                numeric = kind is not CorrelationKind.value_count
                for rule in rules:
                    field = self._checked(rule, value.text, "field", numeric)
            elif key == "percentile" and kind is CorrelationKind.value_percentile and isinstance(number, int | float):
                percentile = float(number)
                if not 0 <= percentile <= 100:
                    self._wrong(key, "percentile: expected 0 to 100", line)
            else:
                self._wrong(key, f"condition: expected {', '.join(_OPS)} with a number, not {key}", line)
        if kind in _OF_FIELD and field is None:
            self._wrong("condition", "condition: expected field, of which the values count", node.line)
        if not bounds:
            self._wrong("condition", f"condition: expected one of {', '.join(_OPS)}", node.line)
        most = self._reader.limits().max_group_events
        counts = (CorrelationKind.event_count, CorrelationKind.value_count)
        if kind in counts and any(bound.number > most for bound in bounds):
            self._wrong("condition", f"condition: expected at most {most} (rules.max_group_events)", node.line)
        return tuple(bounds), field, percentile

    def _generate(self) -> bool:
        for map_ in (self._section, self._document):
            node = map_.items.get("generate")
            if isinstance(node, Text) and node.value is True:
                return True
        return False

    def _wrong(self, key: str, what: str, line: int = 0) -> None:
        self._is_wrong = True
        self._reader.mistake(self._path, line or self._section.lines.get(key, self._section.line), what)
