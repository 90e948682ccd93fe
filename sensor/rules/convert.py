"""Rules into queries of other systems, by pySigma (the extra `convert`), over our logs as those systems have them.

Fields keep the names that they have in the logs. Splunk is asked for the file (`source`), Elasticsearch for `_path`,
which `--stream` adds to every line; SQLite has a table for each log, its columns the fields, lists as JSON text.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from sensor.rules.fields import fields_of, is_elsewhere
from sensor.rules.networks import address_globs
from sensor.rules.rule import CorrelationRule, EventRule, Rule, RuleSet

TARGETS: Final = ("splunk", "elasticsearch", "sqlite")


class ConvertError(Exception):
    """Why a rule cannot be converted, in one line: its file, its line, and what the target lacks."""


class Converter:
    """Rules into one target's queries. Of a correlation, the rules that it refers to are part of the query."""

    def __init__(self, rules: RuleSet, target: str) -> None:
        """Raises ConvertError if pySigma is not there. `target`: one of TARGETS."""
        self._sigma = _library()
        self._target = target
        self._by_id = {rule.head.id: rule for rule in rules.rules}
        self._documents: dict[Path, dict[int, dict[str, Any]]] = {}

    def convert(self, rule: Rule) -> list[str]:
        """The queries of a rule: one, or one for each of several conditions. Raises ConvertError."""
        head, errors = rule.head, self._sigma.exceptions
        try:
            return self._queries(rule)
        except errors.SigmaError as error:
            reason = _one_line(error)
        except NotImplementedError as error:
            reason = f"{self._target} cannot do it: {_one_line(error)}"
        raise ConvertError(f"{head.file}:{head.line}: {head.title}: {reason}")

    def _queries(self, rule: Rule) -> list[str]:
        sigma = self._sigma
        needed = _needed(rule, self._by_id)
        services = {each.service for each in needed if isinstance(each, EventRule)}
        collection = sigma.collection.SigmaCollection.from_dicts([self._document(each) for each in needed])
        backend = _backend(self._target, services, isinstance(rule, CorrelationRule))
        backend.init_processing_pipeline(None)
        collection.resolve_rule_references()
        found: list[str] = []
        for parsed in collection.rules:  # what others refer to comes first: its query is part of theirs
            if isinstance(parsed, sigma.correlations.SigmaCorrelationRule):
                queries = backend.convert_correlation_rule(parsed)
            else:
                queries = backend.convert_rule(parsed)
            if (str(parsed.id).lower() if parsed.id else parsed.name) == rule.head.id:
                found = [str(each) for each in queries]
        return found

    def _document(self, rule: Rule) -> dict[str, Any]:
        """The rule's YAML document, as its file has it."""
        path = rule.head.file
        if path not in self._documents:
            self._documents[path] = _load(path)
        return self._documents[path][rule.head.line]


def _load(path: Path) -> dict[int, dict[str, Any]]:
    """The documents of a file by the line in which each begins, as `Head.line` has it."""
    found = {}
    for node in yaml.compose_all(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader):
        found[node.start_mark.line + 1] = yaml.SafeLoader("").construct_document(node)
    return found


def _needed(rule: Rule, by_id: dict[str, Rule]) -> list[Rule]:
    """The rule, and before it all that it refers to."""
    found: dict[str, Rule] = {}
    if isinstance(rule, CorrelationRule):
        for each in rule.rules:
            found |= {other.head.id: other for other in _needed(by_id[each], by_id)}
    found[rule.head.id] = rule
    return list(found.values())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _library() -> Any:
    try:
        import sigma.backends.elasticsearch
        import sigma.backends.splunk
        import sigma.backends.sqlite
        import sigma.collection
        import sigma.correlations
        import sigma.exceptions
    except ImportError:
        raise ConvertError("needs pySigma: pip install 'ocspwatch[convert]'") from None
    return sigma


def _backend(target: str, services: set[str], correlates: bool) -> Any:
    """Elasticsearch's Lucene queries know single documents only: what correlates is asked for in ES|QL."""
    pipeline = _pipeline(target, services)
    if target == "splunk":
        from sigma.backends.splunk import SplunkBackend

        return SplunkBackend(processing_pipeline=pipeline)
    if target == "sqlite":
        return _sqlite_backend(pipeline)
    if correlates:
        from sigma.backends.elasticsearch.elasticsearch_esql import ESQLBackend

        return ESQLBackend(processing_pipeline=pipeline)
    from sigma.backends.elasticsearch.elasticsearch_lucene import LuceneBackend

    return LuceneBackend(processing_pipeline=pipeline)


def _pipeline(target: str, services: set[str]) -> Any:
    """Other names of a field into its own; and from which log the events are."""
    from sigma.processing.conditions import LogsourceCondition
    from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
    from sigma.processing.transformations import (
        AddConditionTransformation,
        FieldMappingTransformation,
        SetStateTransformation,
    )

    items = []
    for service in sorted(services):
        steps = []
        if not is_elsewhere(service):
            other = {name: field.name for name, field in fields_of(service).items() if name != field.name}
            steps.append(FieldMappingTransformation(other))
        if target == "splunk":
            steps.append(AddConditionTransformation({"source": f"*{service}.log"}))
        elif target == "elasticsearch":
            steps.append(AddConditionTransformation({"_path": service}))
        else:
            steps.append(SetStateTransformation("table", service))
        for step in steps:
            only = [LogsourceCondition(product="zeek", service=service)]
            items.append(ProcessingItem(step, rule_conditions=only))
    return ProcessingPipeline(name="ocspwatch", items=items)


def _sqlite_backend(pipeline: Any) -> Any:
    """pySigma's backend for tables of log lines: lists are looked into, text is compared in any case."""
    from sigma.backends.sqlite import sqliteBackend
    from sigma.conditions import ConditionFieldEqualsValueExpression
    from sigma.types import SigmaExists, SigmaNull

    class LogTables(sqliteBackend):  # type: ignore[misc]  # pySigma's backends have no types
        """A test of a list is true if it is of one element."""

        def convert_condition_field_eq_val(self, cond: Any, state: Any) -> Any:
            vectors = _vectors(state.processing_state.get("table", ""))
            if cond.field not in vectors or isinstance(cond.value, SigmaNull | SigmaExists):
                return super().convert_condition_field_eq_val(cond, state)
            column = self.escape_and_quote_field(cond.field)
            of_one = ConditionFieldEqualsValueExpression("value", cond.value)
            of_one.source = getattr(cond, "source", None)  # where the rule says so: pySigma asks for it
            inner = super().convert_condition_field_eq_val(of_one, state)
            return f"EXISTS (SELECT 1 FROM json_each(COALESCE({column}, '[]')) WHERE {inner})"  # noqa: S608  (pySigma escaped it)

        def convert_condition_field_eq_val_cidr(self, cond: Any, state: Any) -> Any:  # noqa: ARG002  (pySigma's)
            """pySigma's own leaves out the parentheses, and takes fd00::/8 for all that begins with fd."""
            globs = address_globs(cond.value.network)
            if globs is None:
                raise NotImplementedError(f"{cond.value.network} has zeros that are not written")
            column = self.escape_and_quote_field(cond.field)
            tests = " OR ".join(f"{column} GLOB '{each}'" for each in globs)
            return f"({tests})"

    return LogTables(
        processing_pipeline=pipeline,
        table="logs",
        timestamp_field="ts",
        timestamp_format="unix",
        collate_nocase=True,
    )


@cache
def _vectors(service: str) -> frozenset[str]:
    known = not is_elsewhere(service)
    return frozenset(name for name, field in fields_of(service).items() if field.is_vector) if known else frozenset()
