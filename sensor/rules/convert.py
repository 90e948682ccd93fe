"""Rules into queries of other systems, by pySigma (the extra `convert`), over our logs as those systems have them.

Fields keep the names that they have in the logs. Splunk is asked for the file (`source`), Elasticsearch for `_path`,
which `--stream` adds to every line; SQLite has a table for each log, its columns the fields, lists as JSON text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sensor.rules.fields import fields_of, is_elsewhere
from sensor.rules.rule import CorrelationRule, EventRule, Rule

TARGETS: Final = ("splunk", "elasticsearch", "sqlite")


class ConvertError(Exception):
    """Why a rule cannot be converted, in one line."""


def convert_file(path: Path, rules: list[Rule], target: str) -> list[tuple[str, str]]:
    """Of each of `rules`, all of the file `path`, its title and query; rules that only correlations use have none.

    Raises ConvertError.
    """
    sigma = _library()
    services = {rule.head.id: rule.service for rule in rules if isinstance(rule, EventRule)}
    try:
        collection = sigma.collection.SigmaCollection.from_yaml(path.read_text(encoding="utf-8-sig"))
        found: list[tuple[str, str]] = []
        if any(isinstance(rule, CorrelationRule) for rule in rules):
            if target == "sqlite" and len(set(services.values())) > 1:
                raise ConvertError("a correlation over several logs: SQLite has a table for each")
            backend = _backend(target, next(iter(services.values()), "logs"), set(services.values()))
            return [("; ".join(rule.head.title for rule in rules), each) for each in backend.convert(collection)]
        for parsed in collection.rules:
            service = services.get(str(parsed.id or parsed.name).lower(), services.get(str(parsed.name), ""))
            backend = _backend(target, service, {service})
            found += [(parsed.title, str(each)) for each in backend.convert_rule(parsed)]
    except sigma.exceptions.SigmaError as error:
        raise ConvertError(f"{path}: {' '.join(str(error).split())}") from None
    except NotImplementedError as error:
        raise ConvertError(f"{path}: {target} cannot do it: {' '.join(str(error).split())}") from None
    return found


def _library() -> Any:
    try:
        import sigma.backends.elasticsearch
        import sigma.backends.splunk
        import sigma.backends.sqlite
        import sigma.collection
        import sigma.exceptions
    except ImportError:
        raise ConvertError("needs pySigma: pip install 'ocspwatch[convert]'") from None
    return sigma


def _backend(target: str, service: str, services: set[str]) -> Any:
    pipeline = _pipeline(target, services)
    if target == "splunk":
        from sigma.backends.splunk import SplunkBackend

        return SplunkBackend(processing_pipeline=pipeline)
    if target == "elasticsearch":
        from sigma.backends.elasticsearch.elasticsearch_lucene import LuceneBackend

        return LuceneBackend(processing_pipeline=pipeline)
    return sqlite_backend(service, pipeline)


def _pipeline(target: str, services: set[str]) -> Any:
    """Other names of a field into its own; and from which log the events are."""
    from sigma.processing.conditions import LogsourceCondition
    from sigma.processing.pipeline import ProcessingItem, ProcessingPipeline
    from sigma.processing.transformations import AddConditionTransformation, FieldMappingTransformation

    items = []
    for service in sorted(services):
        if not is_elsewhere(service):
            other = {name: field.name for name, field in fields_of(service).items() if name != field.name}
            items.append(
                ProcessingItem(
                    FieldMappingTransformation(other),
                    rule_conditions=[LogsourceCondition(product="zeek", service=service)],
                )
            )
        where = {"splunk": {"source": f"*{service}.log"}, "elasticsearch": {"_path": service}}.get(target)
        if where is not None:
            items.append(
                ProcessingItem(
                    AddConditionTransformation(where),
                    rule_conditions=[LogsourceCondition(product="zeek", service=service)],
                )
            )
    return ProcessingPipeline(name="ocspwatch", items=items)


def sqlite_backend(service: str, pipeline: Any = None) -> Any:
    """pySigma's backend for a table of one log's lines: lists are looked into, text is compared in any case."""
    from sigma.backends.sqlite import sqliteBackend
    from sigma.conditions import ConditionFieldEqualsValueExpression
    from sigma.types import SigmaExists, SigmaNull

    vectors = set() if is_elsewhere(service) else {n for n, f in fields_of(service).items() if f.is_vector}

    class OneLog(sqliteBackend):  # type: ignore[misc]  # pySigma's backends have no types
        """A test of a list is true if it is of one element."""

        def convert_condition_field_eq_val(self, cond: Any, state: Any) -> Any:
            if cond.field not in vectors or isinstance(cond.value, SigmaNull | SigmaExists):
                return super().convert_condition_field_eq_val(cond, state)
            column = self.escape_and_quote_field(cond.field)
            inner = super().convert_condition_field_eq_val(
                ConditionFieldEqualsValueExpression("value", cond.value), state
            )
            return f"EXISTS (SELECT 1 FROM json_each(COALESCE({column}, '[]')) WHERE {inner})"  # noqa: S608  (pySigma escaped it)

    return OneLog(
        processing_pipeline=pipeline,
        table=service or "logs",
        timestamp_field="ts",
        timestamp_format="unix",
        collate_nocase=True,
    )
