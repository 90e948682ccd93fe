"""Rules in a worker: they are tried there, and what fires goes to the parent as plain values, to be told or counted.

A notice may have been told of another shard's event, and a correlation counts events of all. So a worker only says that
a rule fired, and on what.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sensor.rules.events import LoggedEvent
from sensor.rules.expression import And, Atom, Expression, Not, Or
from sensor.rules.fields import HEADER_FIELDS
from sensor.rules.rule import RuleSet
from sensor.weird import FlowId

_DECIDED_LATER = frozenset({"notice", "x509"})  # logs of which a worker does not know whether it writes a line


def needs_one(rules: RuleSet) -> str | None:
    """Which of the rules cannot be tried by a worker, which sees its own flows only; None if all of them can."""
    for rule in rules.events:
        if rule.asleep:
            continue
        if rule.service in _DECIDED_LATER:
            return f"rule {rule.head.id} is about {rule.service}.log"
        if rule.service == "leak" and any(name in (None, "times_seen") for name in _fields(rule.expression)):
            return f"rule {rule.head.id} is about times_seen"
    return None


def _fields(expression: Expression) -> Iterator[str | None]:
    if isinstance(expression, Atom):
        yield None if expression.field is None else expression.field.name
    elif isinstance(expression, Not):
        yield from _fields(expression.item)
    elif isinstance(expression, And | Or):
        for item in expression.items:
            yield from _fields(item)


class FiredEvent(LoggedEvent):
    """An event on which a rule fired elsewhere."""

    def __init__(
        self, service: str, ts: int, end: int, flow: FlowId | None, line: dict[str, Any], url: str | None
    ) -> None:
        super().__init__(service, ts, end, flow, lambda: line)
        self._url = url

    def url(self) -> str | None:
        return self._url


def pack(rule_id: str, event: LoggedEvent) -> tuple[Any, ...]:
    """As plain values."""
    line = dict(event.line())
    if event.service == "http":
        for name in HEADER_FIELDS:
            line[name] = event.get(name)
    flow = event.flow
    whose = None if flow is None else (flow.uid, flow.orig_h, flow.orig_p, flow.resp_h, flow.resp_p, flow.proto)
    return rule_id, event.service, event.ts, event.end, whose, line, event.url()


def unpack(packed: tuple[Any, ...], times_seen: int) -> tuple[str, FiredEvent]:
    """The rule's id, and the event; `times_seen` is what a leak's says, which no worker knows."""
    rule_id, service, ts, end, whose, line, url = packed
    if service == "leak":
        line["times_seen"] = times_seen
    return rule_id, FiredEvent(service, ts, end, None if whose is None else FlowId(*whose), line, url)
