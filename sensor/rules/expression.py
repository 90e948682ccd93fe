"""What a rule's detection and condition say, as a tree: tests of fields, joined by and, or, not."""

from __future__ import annotations

import enum
from ipaddress import IPv4Network, IPv6Network

import msgspec

from sensor.rules.fields import Field
from sensor.rules.pattern import Pattern


class Comparison(enum.Enum):
    eq = "eq"
    gt = "gt"
    gte = "gte"
    lt = "lt"
    lte = "lte"


class Place(enum.Enum):
    """Where in a field's text another field's text is looked for."""

    whole = "whole"
    start = "startswith"
    end = "endswith"
    anywhere = "contains"


class TimePart(enum.Enum):
    """Of a time, in UTC; weeks as ISO 8601 counts them."""

    minute = "minute"
    hour = "hour"
    day = "day"
    week = "week"
    month = "month"
    year = "year"


class TextTest(msgspec.Struct, frozen=True):
    """The whole text matches. A number's text is its JSON text."""

    pattern: Pattern
    cased: bool = False


class RegexTest(msgspec.Struct, frozen=True):
    """Found anywhere in the text. `source` has its flags in it."""

    source: str


class NumberTest(msgspec.Struct, frozen=True):
    comparison: Comparison
    number: int | float
    part: TimePart | None = None


class BoolTest(msgspec.Struct, frozen=True):
    value: bool


class CidrTest(msgspec.Struct, frozen=True):
    """An address in the network; of anything that is no address not."""

    network: IPv4Network | IPv6Network


class ExistsTest(msgspec.Struct, frozen=True):
    """The field is there, or (`wanted` false, and the value null) it is not."""

    wanted: bool


class FieldTest(msgspec.Struct, frozen=True):
    """The other field is there, too, and its value equals this one's, or stands in it."""

    other: Field
    place: Place = Place.whole
    cased: bool = False


Test = TextTest | RegexTest | NumberTest | BoolTest | CidrTest | ExistsTest | FieldTest


class Atom(msgspec.Struct, frozen=True):
    """A test of one field; of all the event's text for a keyword (`field` None)."""

    field: Field | None
    test: Test


class And(msgspec.Struct, frozen=True):
    items: tuple[Expression, ...]


class Or(msgspec.Struct, frozen=True):
    items: tuple[Expression, ...]


class Not(msgspec.Struct, frozen=True):
    item: Expression


Expression = Atom | And | Or | Not


def all_of(items: tuple[Expression, ...]) -> Expression:
    return items[0] if len(items) == 1 else And(items)


def any_of(items: tuple[Expression, ...]) -> Expression:
    return items[0] if len(items) == 1 else Or(items)
