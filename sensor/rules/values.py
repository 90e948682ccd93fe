"""One value of a rule, with its field and modifiers, into tests.

What a value means depends on the field's type, which is known: `"200"` for a number is a number, `200*` its text.
"""

from __future__ import annotations

import math
from ipaddress import ip_network
from typing import Final

from sensor.rules.document import Text
from sensor.rules.encodings import EncodingError, as_logged, transform
from sensor.rules.expression import (
    Atom,
    BoolTest,
    CidrTest,
    Comparison,
    ExistsTest,
    Expression,
    FieldTest,
    NumberTest,
    Place,
    RegexTest,
    Test,
    TextTest,
    TimePart,
    any_of,
)
from sensor.rules.fields import Field, Kind, fields_of, near_field
from sensor.rules.modifiers import ModifierError, Modifiers
from sensor.rules.pattern import Pattern, has_wildcards, lowered, open_ends, parse_pattern
from sensor.rules.regex import RegexError, check_regex

_NUMBERS: Final = (Kind.number, Kind.time)
MAX_TEXT: Final = 4096
"""Characters of a value."""


def parse_value(field: Field | None, modifiers: Modifiers, value: Text, service: str, unchecked: bool) -> Expression:
    """Raises ModifierError. With `unchecked` nothing is known of the fields' types."""
    if len(value.text) > MAX_TEXT:
        raise ModifierError(f"a value of more than {MAX_TEXT} characters")
    kind = modifiers.kind
    if kind == "exists":
        if field is None or not isinstance(value.value, bool):
            raise ModifierError("expected a field, and true or false")
        return Atom(field, ExistsTest(value.value))
    if value.value is None:
        if field is None or kind != "text" or modifiers.place is not Place.whole or modifiers.transformations:
            raise ModifierError("expected a value, not null")
        return Atom(field, ExistsTest(False))
    if kind == "number":
        return Atom(_numeric(field, modifiers, unchecked), _number_test(modifiers, value))
    if kind == "re":
        return Atom(field, _regex_test(field, modifiers, value))
    if kind == "cidr":
        return Atom(field, _cidr_test(field, value))
    if kind == "fieldref":
        return Atom(field, _field_test(field, modifiers, value, service, unchecked))
    return _plain_tests(field, modifiers, value, unchecked)


def _plain_tests(field: Field | None, modifiers: Modifiers, value: Text, unchecked: bool) -> Expression:
    """A value without a modifier that says what it is: the field's type says it."""
    whole = modifiers.place is Place.whole and not modifiers.transformations
    if field is not None and whole and not unchecked:
        if field.kind is Kind.bool:
            return Atom(field, _bool_test(value))
        if field.kind in _NUMBERS:
            number = _number(value)
            if number is not None:
                return Atom(field, NumberTest(Comparison.eq, number))
            if not has_wildcards(parse_pattern(value.text)):
                raise ModifierError(f"expected a number, not {value.text}")
    if field is not None and not unchecked:
        _refuse_odd_spelling(value)
    texts: list[Test] = []
    for pattern in _transformed(parse_pattern(value.text), modifiers):
        start = field is None or modifiers.place in (Place.anywhere, Place.end)
        end = field is None or modifiers.place in (Place.anywhere, Place.start)
        placed = open_ends(pattern, start, end)
        texts.append(TextTest(placed if modifiers.cased else lowered(placed), modifiers.cased))
    return any_of(tuple(Atom(field, test) for test in texts))


def _transformed(pattern: Pattern, modifiers: Modifiers) -> list[Pattern]:
    values: list[Pattern | bytes] = [pattern]
    try:
        for name in modifiers.transformations:
            values = [made for each in values for made in transform(name, each)]
    except EncodingError as error:
        raise ModifierError(str(error)) from None
    return [as_logged(each) for each in values]


def _refuse_odd_spelling(value: Text) -> None:
    """YAML would make another text of it: 0123 is 83, 1_000 is 1000, and other engines see only that."""
    found = value.value
    if isinstance(found, int | float) and not isinstance(found, bool) and str(found) != value.text:
        raise ModifierError(f"expected text in quotes: YAML reads {value.text} as {found}")
    if isinstance(found, bool) and value.text.lower() not in ("true", "false"):
        raise ModifierError(f"expected text in quotes: YAML reads {value.text} as {str(found).lower()}")


def _bool_test(value: Text) -> BoolTest:
    if isinstance(value.value, bool):
        return BoolTest(value.value)
    word = value.text.lower()
    if word not in ("true", "false"):
        raise ModifierError(f"expected true or false, not {value.text}")
    return BoolTest(word == "true")


def _number(value: Text) -> int | float | None:
    """The number that a value is, or that its text says."""
    found = value.value
    if isinstance(found, bool):
        return None
    if isinstance(found, str):
        try:
            found = int(found) if found.removeprefix("-").isdecimal() else float(found)
        except ValueError:
            return None
        if "_" in value.text:
            return None
    return found if isinstance(found, int | float) and math.isfinite(found) else None


def _numeric(field: Field | None, modifiers: Modifiers, unchecked: bool) -> Field:
    word = modifiers.comparison.value if modifiers.part is None else modifiers.part.value
    if field is None:
        raise ModifierError(f"expected a field before {word}")
    if modifiers.part is not None and field.kind is not Kind.time and not unchecked:
        raise ModifierError(f"expected a field with a time before {word}: {field.name} is {field.kind.value}")
    if field.kind not in _NUMBERS and not unchecked:
        raise ModifierError(f"expected a field with a number before {word}: {field.name} is {field.kind.value}")
    return field


_RANGES: Final = {
    TimePart.minute: (0, 59),
    TimePart.hour: (0, 23),
    TimePart.day: (1, 31),
    TimePart.week: (1, 53),
    TimePart.month: (1, 12),
    TimePart.year: (1, 9999),
}


def _number_test(modifiers: Modifiers, value: Text) -> NumberTest:
    number = _number(value)
    if number is None:
        raise ModifierError(f"expected a number, not {value.text}")
    if modifiers.part is not None:
        least, most = _RANGES[modifiers.part]
        if not least <= number <= most:
            raise ModifierError(f"expected {least} to {most}, not {value.text}")
    return NumberTest(modifiers.comparison, number, modifiers.part)


def _regex_test(field: Field | None, modifiers: Modifiers, value: Text) -> RegexTest:
    if field is not None and field.kind is Kind.bool:
        raise ModifierError("expected a field with text before re")
    source = f"(?{modifiers.flags}){value.text}" if modifiers.flags else value.text
    try:
        check_regex(source)
    except RegexError as error:
        raise ModifierError(str(error)) from None
    return RegexTest(source)


def _cidr_test(field: Field | None, value: Text) -> CidrTest:
    if field is None or field.kind is not Kind.text:
        raise ModifierError("expected a field with addresses before cidr")
    try:
        return CidrTest(ip_network(value.text))
    except ValueError:
        raise ModifierError(f"expected a network such as 10.0.0.0/8, its host bits zero, not {value.text}") from None


def _field_test(field: Field | None, modifiers: Modifiers, value: Text, service: str, unchecked: bool) -> FieldTest:
    if field is None:
        raise ModifierError("expected a field before fieldref")
    other = Field(value.text, Kind.text) if unchecked else fields_of(service).get(value.text)
    if other is None:
        raise ModifierError(f"{service} has no field {value.text}{near_field(service, value.text)}")
    return FieldTest(other, modifiers.place, modifiers.cased)
