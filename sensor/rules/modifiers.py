"""The words behind a field's name, `field|word|word`: which there are, and which go together."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import msgspec

from sensor.rules.encodings import TRANSFORMATIONS
from sensor.rules.expression import Comparison, Expression, Not, Place, TimePart

_PLACES: Final = {place.value: place for place in Place if place is not Place.whole}
_COMPARISONS: Final = {each.value: each for each in Comparison if each is not Comparison.eq}
_TIME_PARTS: Final = {each.value: each for each in TimePart}
_REGEX_FLAGS: Final = {
    "i": "i",
    "m": "m",
    "s": "s",
    "ignorecase": "i",
    "multiline": "m",
    "dotall": "s",
}
_KINDS: Final = ("re", "cidr", "exists", "fieldref")
_ALL: Final = (
    *_PLACES,
    *_COMPARISONS,
    *_TIME_PARTS,
    *_REGEX_FLAGS,
    *_KINDS,
    *sorted(TRANSFORMATIONS),
    "all",
    "cased",
    "neq",
    "expand",
)


class ModifierError(Exception):
    """The modifiers, or a value under them, cannot be used; says what was expected."""


class Modifiers(msgspec.Struct, frozen=True):
    """`kind` is "text", "re", "cidr", "exists", "fieldref" or "number"."""

    kind: str = "text"
    transformations: tuple[str, ...] = ()
    place: Place = Place.whole
    cased: bool = False
    every: bool = False
    is_not: bool = False
    flags: str = ""
    comparison: Comparison = Comparison.eq
    part: TimePart | None = None

    def negated(self, expression: Expression) -> Expression:
        """`expression` as `neq` wants it."""
        return Not(expression) if self.is_not else expression


def parse_modifiers(words: Sequence[str]) -> Modifiers:
    """Raises ModifierError."""
    kind = ""
    transformations: list[str] = []
    flags = ""
    place, comparison, part = Place.whole, Comparison.eq, None
    for word in words:
        before = kind
        if word in _KINDS:
            kind = word
        elif word in _PLACES:
            if place is not Place.whole:
                raise ModifierError(f"expected one of startswith, endswith, contains, not {place.value} and {word}")
            place = _PLACES[word]
        elif word in _COMPARISONS:
            if comparison is not Comparison.eq:
                raise ModifierError(f"expected one comparison, not {comparison.value} and {word}")
            kind, comparison = "number", _COMPARISONS[word]
        elif word in _TIME_PARTS:
            if part is not None:
                raise ModifierError(f"expected one part of a time, not {part.value} and {word}")
            kind, part = "number", _TIME_PARTS[word]
        elif word in TRANSFORMATIONS:
            if place is not Place.whole and word != "windash":  # which says the same behind it
                raise ModifierError(f"expected {word} before {place.value}")
            transformations.append(word)
        elif word in _REGEX_FLAGS:
            if kind != "re":
                raise ModifierError(f"expected re before {word}")
            flags += _REGEX_FLAGS[word]
        elif word == "expand":
            raise ModifierError("placeholders (expand) are not supported: there is nothing here to fill them from")
        elif word not in ("all", "cased", "neq"):
            near = get_close_matches(word, _ALL, 1)
            raise ModifierError(f"no modifier {word}" + (f", did you mean {near[0]}?" if near else ""))
        if before not in ("", kind):
            raise ModifierError(f"{before} and {word} do not go together")
    for word in set(words):
        if words.count(word) > 1:
            raise ModifierError(f"{word} stands there twice")
    modifiers = Modifiers(
        kind or "text",
        tuple(transformations),
        place,
        "cased" in words,
        "all" in words,
        "neq" in words,
        "".join(sorted(set(flags))),
        comparison,
        part,
    )
    _check(modifiers)
    return modifiers


def _check(modifiers: Modifiers) -> None:
    kind = modifiers.kind
    if modifiers.transformations and kind != "text":
        raise ModifierError(f"{modifiers.transformations[0]} is for text, not for {_named(modifiers)}")
    if modifiers.place is not Place.whole and kind not in ("text", "fieldref"):
        raise ModifierError(f"{modifiers.place.value} is for text, not for {_named(modifiers)}")
    if modifiers.cased and kind not in ("text", "fieldref"):
        raise ModifierError(f"cased is for text, not for {_named(modifiers)}")
    if kind == "exists" and (modifiers.every or modifiers.is_not):
        raise ModifierError("exists stands alone")


def _named(modifiers: Modifiers) -> str:
    if modifiers.kind != "number":
        return modifiers.kind
    return modifiers.comparison.value if modifiers.part is None else modifiers.part.value
