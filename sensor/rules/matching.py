"""Trees of tests into closures over one event: what a rule says, exactly; nothing here is in a hurry.

`sensor.rules.index` spares most events this. An event is what maps a field's name to its value as the log has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from typing import Any, Final, Protocol

from sensor.rules.expression import (
    And,
    Atom,
    BoolTest,
    CidrTest,
    Comparison,
    ExistsTest,
    Expression,
    FieldTest,
    Not,
    NumberTest,
    Or,
    Place,
    RegexTest,
    Test,
    TextTest,
    TimePart,
)
from sensor.rules.fields import Field
from sensor.rules.pattern import compile_pattern
from sensor.rules.regex import compile_regex


class Event(Protocol):
    """One line of a log."""

    def get(self, name: str) -> Any:
        """The field's value (text, number, bool, or a list of such), None if it is left out."""
        ...

    def texts(self) -> list[str]:
        """All values as text, for keywords."""
        ...


Matcher = Callable[[Event], bool]
_OfValue = Callable[[Any], bool]


def compile_expression(expression: Expression) -> Matcher:
    """A function that says whether an event matches."""
    if isinstance(expression, Atom):
        return _compile_atom(expression)
    if isinstance(expression, Not):
        inner = compile_expression(expression.item)
        return lambda event: not inner(event)
    items = tuple(compile_expression(item) for item in expression.items)
    if isinstance(expression, And):
        return partial(_all, items)
    assert isinstance(expression, Or)  # noqa: S101  (there is no fourth kind)
    return partial(_any, items)


def _all(items: tuple[Matcher, ...], event: Event) -> bool:
    for item in items:  # noqa: SIM110  (a generator costs as much as a test)
        if not item(event):
            return False
    return True


def _any(items: tuple[Matcher, ...], event: Event) -> bool:
    for item in items:  # noqa: SIM110  (likewise)
        if item(event):
            return True
    return False


def text_of(value: Any) -> str:
    """A single value as the log's JSON has it, without quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def compile_test(test: Test) -> _OfValue:
    """A function that says whether one value matches, for tests that look at nothing else."""
    if isinstance(test, TextTest):
        matches = compile_pattern(test.pattern)
        if test.cased:
            return lambda value: matches(text_of(value))
        return lambda value: matches(text_of(value).lower())
    if isinstance(test, RegexTest):
        found = compile_regex(test.source)
        return lambda value: found(text_of(value))
    if isinstance(test, NumberTest):
        return _compile_number(test)
    if isinstance(test, BoolTest):
        wanted = test.value
        return lambda value: value is wanted
    assert isinstance(test, CidrTest)  # noqa: S101  (the others need the event)
    return _compile_cidr(test)


def _compile_atom(atom: Atom) -> Matcher:
    field, test = atom.field, atom.test
    if field is None:
        matches = compile_test(test)
        return lambda event: any(matches(text) for text in event.texts())
    name = field.name
    if isinstance(test, ExistsTest):
        wanted = test.wanted
        return lambda event: (event.get(name) is not None) is wanted
    if isinstance(test, FieldTest):
        return _compile_field_test(field, test)
    matches = compile_test(test)

    def match(event: Event) -> bool:
        value = event.get(name)
        if value is None:
            return False
        return any(map(matches, value)) if isinstance(value, list) else matches(value)

    return match


_PARTS: Final[dict[TimePart, Callable[[datetime], int]]] = {
    TimePart.minute: lambda moment: moment.minute,
    TimePart.hour: lambda moment: moment.hour,
    TimePart.day: lambda moment: moment.day,
    TimePart.week: lambda moment: moment.isocalendar().week,
    TimePart.month: lambda moment: moment.month,
    TimePart.year: lambda moment: moment.year,
}
_COMPARE: Final[dict[Comparison, Callable[[Any, Any], bool]]] = {
    Comparison.eq: lambda one, other: bool(one == other),
    Comparison.gt: lambda one, other: bool(one > other),
    Comparison.gte: lambda one, other: bool(one >= other),
    Comparison.lt: lambda one, other: bool(one < other),
    Comparison.lte: lambda one, other: bool(one <= other),
}


def _compile_number(test: NumberTest) -> _OfValue:
    compare, number = _COMPARE[test.comparison], test.number
    if test.part is None:
        return lambda value: isinstance(value, int | float) and compare(value, number)
    part = _PARTS[test.part]

    def matches(value: Any) -> bool:
        if not isinstance(value, int | float):
            return False
        try:
            moment = datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):  # a year that Python has no date for
            return False
        return compare(part(moment), number)

    return matches


def _compile_cidr(test: CidrTest) -> _OfValue:
    network = test.network

    def matches(value: Any) -> bool:
        if not isinstance(value, str) or len(value) > 64:
            return False
        try:
            return ip_address(value) in network
        except ValueError:
            return False

    return matches


_PLACED: Final[dict[Place, Callable[[str, str], bool]]] = {
    Place.whole: lambda one, other: one == other,
    Place.start: lambda one, other: one.startswith(other),
    Place.end: lambda one, other: one.endswith(other),
    Place.anywhere: lambda one, other: other in one,
}


def _compile_field_test(field: Field, test: FieldTest) -> Matcher:
    """Any value of the one and any of the other; both must be there."""
    name, other, placed, cased = field.name, test.other.name, _PLACED[test.place], test.cased

    def texts(event: Event, which: str) -> list[str]:
        value = event.get(which)
        if value is None:
            return []
        found = [text_of(each) for each in value] if isinstance(value, list) else [text_of(value)]
        return found if cased else [text.lower() for text in found]

    def match(event: Event) -> bool:
        others = texts(event, other)
        return any(placed(one, two) for one in texts(event, name) for two in others)

    return match
