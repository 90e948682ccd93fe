"""A rule's `detection` section into named trees of tests: maps, lists, keywords, and the modifiers of a field.

Every mistake is told with its line; what depends on one is left out. Sources: Sigma rules specification 2.0, modifiers
appendix 2.1.0.
"""

from __future__ import annotations

from typing import Final

from sensor.rules.document import Items, Mapping, Mistakes, Node, Text
from sensor.rules.expression import Atom, Expression, all_of, any_of
from sensor.rules.fields import Field, Kind, fields_of, is_elsewhere, near_field
from sensor.rules.modifiers import ModifierError, Modifiers, parse_modifiers
from sensor.rules.values import parse_value

MAX_VALUES: Final = 10_000
"""Tests of one rule, after transformations have multiplied them."""


class DetectionReader:
    """Reads the search identifiers of one rule of `service`; mistakes go to `mistakes`.

    Without a service, since that is a mistake, all is read but for whether there are such fields.
    """

    def __init__(self, file: str, service: str | None, mistakes: Mistakes) -> None:
        self._file = file
        self._service = service or ""
        self._mistakes = mistakes
        self._unchecked = service is None or is_elsewhere(service)
        self._atoms = 0

    def read(self, node: Node) -> Expression | None:
        """One search identifier's tree; None if there is a mistake in it."""
        if isinstance(node, Mapping):
            return self._map(node)
        if isinstance(node, Text):
            return self._field(None, Modifiers(), [node], node.line)
        if not node.items:
            return self._no_tree(node.line, "expected a map, or a list of maps or keywords, not nothing")
        found: list[Expression | None] = []
        for item in node.items:
            if isinstance(item, Items):
                found.append(self._no_tree(item.line, "expected a map or a keyword, not a list in a list"))
            else:
                found.append(self.read(item))
        items = tuple(item for item in found if item is not None)
        return any_of(items) if len(items) == len(found) else None

    def _map(self, node: Mapping) -> Expression | None:
        if not node.items:
            return self._no_tree(node.line, "expected fields, not nothing")
        found: list[Expression | None] = []
        for key, value in node.items.items():
            line = node.lines[key]
            name, *words = key.split("|")
            try:
                modifiers = parse_modifiers(words)
            except ModifierError as error:
                found.append(self._no_tree(line, f"{key}: {error}"))
                continue
            field = None
            if name:
                field = self._known(name, line)
                if field is None:
                    found.append(None)
                    continue
            values = self._values(key, value, line)
            found.append(None if values is None else self._field(field, modifiers, values, line, key))
        items = tuple(item for item in found if item is not None)
        return all_of(items) if len(items) == len(found) else None

    def _known(self, name: str, line: int) -> Field | None:
        if self._unchecked:
            return Field(name, Kind.text)
        field = fields_of(self._service).get(name)
        if field is None:
            self._wrong(line, f"{self._service} has no field {name}{near_field(self._service, name)}")
        return field

    def _values(self, key: str, node: Node, line: int) -> list[Text] | None:
        if isinstance(node, Text):
            return [node]
        if isinstance(node, Items) and node.items:
            texts = [item for item in node.items if isinstance(item, Text)]
            if len(texts) == len(node.items):
                return texts
        if isinstance(node, Items) and not node.items:
            self._wrong(line, f"{key}: expected values in the list, not nothing (null is for a field that is absent)")
        else:
            self._wrong(line, f"{key}: expected a value, or a list of values")
        return None

    def _field(
        self, field: Field | None, modifiers: Modifiers, values: list[Text], line: int, key: str = "keyword"
    ) -> Expression | None:
        if modifiers.every and len(values) < 2:
            return self._no_tree(line, f"{key}: expected more than one value with all")
        found: list[Expression] = []
        wrong = False
        for value in values:
            try:
                expression = parse_value(field, modifiers, value, self._service, self._unchecked)
            except ModifierError as error:
                self._wrong(value.line, f"{key}: {error}")
                wrong = True
                continue
            found.append(expression)
            self._atoms += 1 if isinstance(expression, Atom) else len(getattr(expression, "items", ()))
        if self._atoms > MAX_VALUES:
            return self._no_tree(line, f"expected at most {MAX_VALUES} values in a rule, transformed ones counted")
        if wrong:
            return None
        return modifiers.negated(all_of(tuple(found)) if modifiers.every else any_of(tuple(found)))

    def _wrong(self, line: int, what: str) -> None:
        self._mistakes.add(self._file, line, what)

    def _no_tree(self, line: int, what: str) -> Expression | None:
        self._wrong(line, what)
        return None
