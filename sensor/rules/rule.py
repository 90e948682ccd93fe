"""What a rule is once it is read: its tree, and what is told when it fires."""

from __future__ import annotations

import enum
from pathlib import Path

import msgspec

from sensor.rules.expression import Expression
from sensor.rules.template import Template


class Level(enum.Enum):
    """Sigma's."""

    informational = "informational"
    low = "low"
    medium = "medium"
    high = "high"
    critical = "critical"


class NoticeForm(msgspec.Struct, frozen=True):
    """What a rule's line in notice.log says.

    `identifier`: fields whose values together are told once in `suppress_for_us`; None there is the general setting.
    `replaces_built_in`: of a rule over leaks; where it fires, the notice that is raised without rules is not.
    """

    note: str
    msg: Template
    sub: Template | None = None
    identifier: tuple[str, ...] = ()
    suppress_for_us: int | None = None
    replaces_built_in: bool = False


class Head(msgspec.Struct, frozen=True):
    """What rules of every kind have. `line` is where the document begins, `capture_lines` where each of `matches` and
    then of `ignores` stands.
    """

    id: str
    title: str
    name: str | None
    level: Level | None
    status: str | None
    description: str
    tags: tuple[str, ...]
    file: Path
    line: int
    notice: NoticeForm
    matches: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    capture_lines: tuple[int, ...] = ()


class EventRule(msgspec.Struct, frozen=True):
    """A rule over single events. `asleep`: for a log that this sensor does not write."""

    head: Head
    service: str
    expression: Expression
    asleep: bool = False


class CorrelationKind(enum.Enum):
    event_count = "event_count"
    value_count = "value_count"
    value_sum = "value_sum"
    value_avg = "value_avg"
    value_percentile = "value_percentile"
    value_median = "value_median"
    temporal = "temporal"
    temporal_ordered = "temporal_ordered"


class Bound(msgspec.Struct, frozen=True):
    """`op` is gt, gte, lt, lte, eq or neq."""

    op: str
    number: int | float


class CorrelationRule(msgspec.Struct, frozen=True):
    """A rule over what other rules found. `group_by`: for each rule referred to (by id), its fields in order.

    `field`: likewise, of which values are counted or summed up.
    """

    head: Head
    kind: CorrelationKind
    rules: tuple[str, ...]
    group_names: tuple[str, ...]
    group_by: dict[str, tuple[str, ...]]
    span_us: int
    bounds: tuple[Bound, ...]
    field: str | None = None
    percentile: float = 50.0


Rule = EventRule | CorrelationRule


class RuleSet(msgspec.Struct, frozen=True):
    """Rules in the order in which they were read. `quiet`: ids of those that only correlations use; `empty`: files that
    were read and in which nothing stands."""

    rules: tuple[Rule, ...] = ()
    quiet: frozenset[str] = frozenset()
    empty: tuple[Path, ...] = ()

    @property
    def events(self) -> tuple[EventRule, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, EventRule))

    @property
    def correlations(self) -> tuple[CorrelationRule, ...]:
        return tuple(rule for rule in self.rules if isinstance(rule, CorrelationRule))
